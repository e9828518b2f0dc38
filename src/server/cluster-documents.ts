// The parts that `GET /cluster`, telemetry and collection cluster info have in common, in the API's
// words. Peer ids are numbers in JSON: exact ones, also where an old storage has one that is larger
// than what a double holds.

import type { PeerId } from '../base/ids.ts';
import type { ReshardingState, ShardKeyValue, ShardTransfer } from '../model/cluster-state.ts';
import type { ClusterStatus, ConsensusLoop } from './cluster-access.ts';

const peerIdMax = 2n ** 53n;

/** Of what `JSON.stringify` takes as it is; Node.js 21 has it. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => object };

export function peerNumber(peerId: PeerId): number | object {
  return peerId <= peerIdMax ? Number(peerId) : rawJSON(String(peerId));
}

/** `{"<peer id>": {"uri": …}}` */
export function peersDocument({ peers: known }: ClusterStatus): object {
  const peers = [...known].map(([peerId, { uri }]) => [String(peerId), { uri }]);
  return Object.fromEntries(peers) as object;
}

export function loopDocument(loop: ConsensusLoop): object {
  switch (loop.kind) {
    case 'working':
      return {
        consensus_thread_status: 'working',
        last_update: new Date(loop.lastUpdateMs).toISOString(),
      };
    case 'stopped':
      return { consensus_thread_status: 'stopped' };
    case 'failed':
      return { consensus_thread_status: 'stopped_with_err', err: loop.error };
  }
}

export function clusterDocument(ownPeerId: PeerId, status: ClusterStatus): object {
  const failures = [...status.sendFailures].map(([uri, failure]) => [
    uri,
    {
      count: failure.count,
      latest_error: failure.latestError,
      latest_error_timestamp: new Date(failure.latestAtMs).toISOString(),
    },
  ]);
  return {
    status: 'enabled',
    peer_id: peerNumber(ownPeerId),
    peers: peersDocument(status),
    raft_info: {
      term: status.term,
      commit: status.commit,
      pending_operations: status.pendingCount,
      leader: status.leader === null ? null : peerNumber(status.leader),
      role: status.role,
      is_voter: status.isVoter,
    },
    consensus_thread_status: loopDocument(status.loop),
    message_send_failures: Object.fromEntries(failures) as object,
  };
}

export function transferDocument(transfer: ShardTransfer): object {
  const { shardId, toShardId, from, to, sync, method } = transfer;
  return {
    shard_id: shardId,
    ...(toShardId === null ? {} : { to_shard_id: toShardId }),
    from: peerNumber(from),
    to: peerNumber(to),
    sync,
    method,
  };
}

/** Spread into a shard's document; nothing with automatic sharding. */
export function shardKeyMember(name: string, key: ShardKeyValue | null): object {
  if (key === null) return {};
  return { [name]: typeof key === 'bigint' ? Number(key) : key };
}

export function reshardingDocument(resharding: ReshardingState): object {
  return {
    uuid: resharding.uuid,
    direction: resharding.direction,
    shard_id: resharding.shardId,
    peer_id: peerNumber(resharding.peerId),
    ...shardKeyMember('shard_key', resharding.shardKey),
  };
}
