// The cluster as a worker thread sees it: every question goes to control, which is the peer.

import type { PeerId } from '../../base/ids.ts';
import type { ClusterAccess, ClusterStatus } from '../cluster-access.ts';
import type { ControlCalls, WorkerCalls } from './messages.ts';
import type { ThreadPort } from './thread-port.ts';

export class ControlCluster implements ClusterAccess {
  readonly #control: ThreadPort<ControlCalls, WorkerCalls>;
  #isReady = false;

  constructor(control: ThreadPort<ControlCalls, WorkerCalls>) {
    this.#control = control;
  }

  status(): Promise<ClusterStatus> {
    return this.#control.call('cluster_status', null);
  }

  async recover(): Promise<void> {
    await this.#control.call('recover', null);
  }

  async removePeer(peerId: PeerId, timeoutMs: number): Promise<void> {
    await this.#control.call('remove_peer', { peerId, timeoutMs });
  }

  async isReady(timeoutMs: number): Promise<boolean> {
    // Who is ready stays it.
    this.#isReady ||= await this.#control.call('is_ready', { timeoutMs });
    return this.#isReady;
  }

  transferComments(): Promise<ReadonlyMap<string, string>> {
    return this.#control.call('transfer_comments', null);
  }

  peerTelemetry(detailsLevel: number, timeoutMs: number): Promise<ReadonlyMap<PeerId, string>> {
    return this.#control.call('peer_telemetry', { detailsLevel, timeoutMs });
  }
}
