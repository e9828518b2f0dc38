// Which peers get which new shard. The peer that takes a request decides once, and the command
// carries the answer; no other peer decides again.
//
// Invariants: replicas of one shard are on different peers; the counts of the new replicas on any
// two peers differ by at most one. Among peers that are equal so far, the one that has least of
// everything else comes first, so that small collections do not pile up on one peer.

import { assert } from '../base/assert.ts';
import { comparePeerIds, type PeerId } from '../base/ids.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import type { ShardDistribution } from './commands.ts';

export interface PlacementWish {
  /** Without duplicates; must not be empty. */
  readonly peers: readonly PeerId[];
  /** Replicas that each has already, of anything. Absent: none. */
  readonly existing: ReadonlyMap<PeerId, number>;
  readonly shardCount: number;
  /** More than there are peers: each peer gets a replica, and nothing adds more later. */
  readonly replicationFactor: number;
}

/** The peers of each new shard. Equal wishes have equal answers. */
export function placeShards(wish: PlacementWish): readonly (readonly PeerId[])[] {
  const { peers, existing, shardCount, replicationFactor } = wish;
  assert(peers.length > 0, 'no peers to place shards on');
  const placed = new Map(peers.map((peerId) => [peerId, 0]));
  const compare = (one: PeerId, other: PeerId): number =>
    (placed.get(one) ?? 0) - (placed.get(other) ?? 0) ||
    (existing.get(one) ?? 0) - (existing.get(other) ?? 0) ||
    comparePeerIds(one, other);
  return Array.from({ length: shardCount }, () => {
    const chosen = peers.toSorted(compare).slice(0, Math.max(1, replicationFactor));
    for (const peerId of chosen) placed.set(peerId, (placed.get(peerId) ?? 0) + 1);
    return chosen;
  });
}

/** With automatic sharding the first shard of a collection has the id 0. */
export function distributionOf(placement: readonly (readonly PeerId[])[]): ShardDistribution {
  return placement.map((peers, shardId) => [shardId, peers]);
}

/** How many replicas each peer has, over all collections. */
export function replicaCounts(state: ClusterState): ReadonlyMap<PeerId, number> {
  const counts = new Map<PeerId, number>();
  for (const { shards } of state.collections.values()) {
    for (const { replicas } of shards.values()) {
      for (const peerId of replicas.keys()) counts.set(peerId, (counts.get(peerId) ?? 0) + 1);
    }
  }
  return counts;
}
