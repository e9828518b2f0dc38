// The cluster as tests want it: answers that they set, and what was asked of it.

import type { PeerId } from '../../src/base/ids.ts';
import { type ClusterState, emptyClusterState } from '../../src/model/cluster-state.ts';
import { RequestError } from '../../src/model/request-error.ts';
import type { ClusterAccess, ClusterStatus } from '../../src/server/cluster-access.ts';

export class FakeCluster implements ClusterAccess {
  isCaughtUp = true;
  hasLeader = true;
  loop: ClusterStatus['loop'] = { kind: 'working', lastUpdateMs: 1_700_000_000_123 };
  failures: ClusterStatus['sendFailures'] = new Map();
  telemetry: ReadonlyMap<PeerId, string> = new Map();
  readonly asked: string[] = [];

  status(): Promise<ClusterStatus> {
    return Promise.resolve({
      peers: clusterOfThree.peers,
      term: 3,
      commit: 41,
      pendingCount: 0,
      leader: this.hasLeader ? 2n : null,
      role: this.hasLeader ? 'Follower' : null,
      isVoter: true,
      loop: this.loop,
      stateMismatchCount: 0,
      sendFailures: this.failures,
    });
  }

  recover(): Promise<void> {
    this.asked.push('recover');
    return Promise.resolve();
  }

  removePeer(peerId: PeerId, timeoutMs: number): Promise<void> {
    this.asked.push(`remove ${peerId} within ${timeoutMs} ms`);
    if (this.hasLeader) return Promise.resolve();
    const text = 'Failed to propose operation: leader is not established within 10s';
    return Promise.reject(new RequestError('internal', text));
  }

  isReady(): Promise<boolean> {
    return Promise.resolve(this.isCaughtUp);
  }

  transferComments(): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map());
  }

  peerTelemetry(): Promise<ReadonlyMap<PeerId, string>> {
    return Promise.resolve(this.telemetry);
  }
}

/** Three peers; the fake engine is the first of them. */
export const clusterOfThree: ClusterState = {
  ...emptyClusterState,
  clusterId: 'cluster',
  firstPeer: 1n,
  peers: new Map(
    [1n, 2n, 9007199254740992n].map((peerId, index) => [
      peerId,
      { uri: `http://10.1.0.1${index}:6335/`, version: '1.19.0' },
    ]),
  ),
};
