// Resharding: one step adds (up) or removes (down) one shard of a key, or of the whole collection.
// Whoever drives it asks for each stage; what was reached already is answered as success.
//
//   start ──▶ migrating_points ──commit_read──▶ read_hash_ring_committed
//                   │                                   │ commit_write
//                 abort                                 ▼
//                                            write_hash_ring_committed ──finish──▶ none

import type { PeerId } from '../base/ids.ts';
import {
  type ClusterState,
  type CollectionState,
  type ReshardingKey,
  type ReshardingStage,
  shardIdsOf,
} from '../model/cluster-state.ts';
import { isActive } from '../model/replica-rules.ts';
import {
  activateReceivers,
  dropShard,
  forceAbortResharding,
  withoutResharding,
} from './apply-abort.ts';
import {
  badRequest,
  firstStranger,
  isCustom,
  printedKey,
  type Refusal,
  shardsOfKey,
  withShards,
} from './reduction.ts';
import { withShardNumber } from './replica-edits.ts';

export function startResharding(
  state: ClusterState,
  collection: CollectionState,
  key: ReshardingKey,
): CollectionState | Refusal {
  const { resharding } = collection;
  if (resharding !== null && isSameResharding(resharding, key)) return collection;
  const fault =
    keyFault(collection, key) ??
    firstStranger(state, [key.peerId]) ??
    (resharding === null
      ? shardFault(collection, key)
      : badRequest(
          `resharding ${resharding.uuid} is already in progress for collection ${collection.name}`,
        ));
  if (fault !== null) return fault;
  const { uuid, direction, peerId, shardId, shardKey } = key;
  const started: CollectionState = {
    ...collection,
    resharding: { uuid, direction, peerId, shardId, shardKey, stage: 'migrating_points' },
  };
  if (direction === 'down') return started;
  const replicas = new Map([[peerId, 'Resharding' as const]]);
  const grown = withShards(started, [[shardId, { replicas, key: shardKey }]]);
  return isCustom(collection) ? grown : withShardNumber(grown, shardId + 1);
}

function keyFault(collection: CollectionState, { shardKey }: ReshardingKey): Refusal | null {
  if (shardKey !== null && shardsOfKey(collection, shardKey).length === 0) {
    return badRequest(
      `sharding key ${printedKey(shardKey)} does not exist for collection ${collection.name}`,
    );
  }
  if (shardKey === null && isCustom(collection)) {
    return badRequest('must specify shard key on collection with custom sharding');
  }
  return null;
}

function shardFault(collection: CollectionState, key: ReshardingKey): Refusal | null {
  const { direction, shardId, shardKey } = key;
  const highest = Math.max(-1, ...shardIdsOf(collection));
  if (direction === 'up') {
    if (shardId === highest + 1) return null;
    return badRequest(`shard ${shardId} cannot be added by resharding, ${highest + 1} is next`);
  }
  const candidates = shardsOfKey(collection, shardKey).map(([id]) => id);
  if (!candidates.includes(shardId)) {
    return badRequest(`shard ${shardId} does not exist in collection ${collection.name}`);
  }
  if (candidates.length === 1) {
    return badRequest(`cannot remove shard ${shardId} by resharding down, it is the last shard`);
  }
  // With automatic sharding the ids have no gaps.
  if (shardId === Math.max(...candidates)) return null;
  return badRequest(`cannot remove shard ${shardId} by resharding down, it has not the highest id`);
}

export function isSameResharding(one: ReshardingKey, other: ReshardingKey): boolean {
  return (
    one.uuid === other.uuid &&
    one.direction === other.direction &&
    one.peerId === other.peerId &&
    one.shardId === other.shardId &&
    one.shardKey === other.shardKey
  );
}

/** The next step of the one that `key` names; where none is running, it is done already. */
function continued(
  collection: CollectionState,
  key: ReshardingKey,
  next: (stage: ReshardingStage) => CollectionState | Refusal,
): CollectionState | Refusal {
  const { name, resharding } = collection;
  if (resharding === null) return collection;
  if (isSameResharding(resharding, key)) return next(resharding.stage);
  return badRequest(`another resharding is in progress for collection ${name}: ${resharding.uuid}`);
}

export function commitReadRing(
  collection: CollectionState,
  key: ReshardingKey,
): CollectionState | Refusal {
  return continued(collection, key, (stage) => {
    if (stage !== 'migrating_points') return collection;
    // Readers would miss the points that are still on their way.
    if (collection.transfers.some(({ method }) => method === 'resharding_stream_records')) {
      return badRequest(`points are still being migrated in collection ${collection.name}`);
    }
    return withStage(collection, 'read_hash_ring_committed');
  });
}

export function commitWriteRing(
  collection: CollectionState,
  key: ReshardingKey,
): CollectionState | Refusal {
  return continued(collection, key, (stage) => {
    if (stage === 'migrating_points') {
      return badRequest(
        `read hash ring has not been committed yet for collection ${collection.name}`,
      );
    }
    if (stage === 'write_hash_ring_committed') return collection;
    return withStage(collection, 'write_hash_ring_committed');
  });
}

function withStage(collection: CollectionState, stage: ReshardingStage): CollectionState {
  const { resharding } = collection;
  return resharding === null ? collection : { ...collection, resharding: { ...resharding, stage } };
}

export function finishResharding(
  collection: CollectionState,
  key: ReshardingKey,
): CollectionState | Refusal {
  return continued(collection, key, (stage) => {
    if (stage !== 'write_hash_ring_committed') {
      return badRequest(
        `write hash ring has not been committed yet for collection ${collection.name}`,
      );
    }
    return completeResharding(collection);
  });
}

/** Goes forward to the end, from any stage. */
function completeResharding(collection: CollectionState): CollectionState {
  const { resharding } = collection;
  if (resharding === null) return collection;
  const cleared = withoutResharding(collection);
  if (resharding.direction === 'up') return cleared;
  return activateReceivers(dropShard(cleared, resharding.shardId), resharding);
}

export function abortNamedResharding(
  collection: CollectionState,
  key: ReshardingKey,
): CollectionState | Refusal {
  const { resharding } = collection;
  if (resharding === null || !isSameResharding(resharding, key)) return collection;
  if (resharding.stage !== 'migrating_points') {
    return badRequest('read hash ring has been committed already, resharding must be completed');
  }
  return forceAbortResharding(collection);
}

/**
 * The peer that a resharding was for is removed. Usually it is taken back. But points may already
 * be only where the new ring says: in the new shard once readers use it and the old ones are
 * cleaned up, or in the remaining shards once writers leave the old one out. Then taking it back
 * would lose them, and it is completed.
 */
export function endReshardingOfPeer(collection: CollectionState, peerId: PeerId): CollectionState {
  const { resharding } = collection;
  if (resharding?.peerId !== peerId) return collection;
  return mustGoForward(collection, peerId)
    ? completeResharding(collection)
    : forceAbortResharding(collection);
}

function mustGoForward({ shards, resharding }: CollectionState, removed: PeerId): boolean {
  if (resharding === null || resharding.stage === 'migrating_points') return false;
  if (resharding.direction === 'down') return resharding.stage === 'write_hash_ring_committed';
  return [...(shards.get(resharding.shardId)?.replicas ?? [])].some(
    ([peerId, state]) => peerId !== removed && isActive(state),
  );
}
