// How transfers and reshardings that do not get to their end are taken back.
//
//   transfer, a further copy:  the receiver is dead, and asks for another transfer by itself
//   transfer, a move:          the receiver is dropped
//   transfer of a resharding:  the whole resharding is taken back
//   resharding up:             the new shard is dropped
//   resharding down:           the receivers are what they were, active; the points that came to
//                              them are foreign there
//
// The record of a resharding goes first, its transfers after that: so they find none to abort.

import type { PeerId } from '../base/ids.ts';
import type { CollectionState, ReshardingState, ShardTransfer } from '../model/cluster-state.ts';
import { isActive } from '../model/replica-rules.ts';
import type { ReplicaRef } from './commands.ts';
import { isCustom, shardsOfKey } from './reduction.ts';
import {
  isSameReplica,
  receiverOf,
  replicaState,
  sourceOf,
  withoutReplica,
  withoutShard,
  withoutTransfer,
  withReplica,
  withShardNumber,
} from './replica-edits.ts';

export function abortTransfer(
  collection: CollectionState,
  transfer: ShardTransfer,
): CollectionState {
  // The resharding sees to the replicas, and ends all its transfers.
  if (transfer.method === 'resharding_stream_records') {
    return withoutTransfer(abortResharding(collection), transfer);
  }
  const rest = withoutTransfer(collection, transfer);
  const receiver = receiverOf(transfer);
  const state = replicaState(rest, receiver);
  // Somebody made it active meanwhile: others may have been given up because of it.
  if (state === null || isActive(state)) return rest;
  return transfer.sync ? withReplica(rest, receiver, 'Dead') : withoutReplica(rest, receiver);
}

function abortTransfersWhere(
  collection: CollectionState,
  isConcerned: (transfer: ShardTransfer) => boolean,
): CollectionState {
  let current = collection;
  // An abort may end others along with it.
  for (;;) {
    const next = current.transfers.find(isConcerned);
    if (next === undefined) return current;
    current = abortTransfer(current, next);
  }
}

/** Those that read or fill this replica. */
export function abortTransfersOfReplica(
  collection: CollectionState,
  replica: ReplicaRef,
): CollectionState {
  return abortTransfersWhere(
    collection,
    (transfer) =>
      isSameReplica(sourceOf(transfer), replica) || isSameReplica(receiverOf(transfer), replica),
  );
}

export function abortTransfersOfPeer(collection: CollectionState, peerId: PeerId): CollectionState {
  return abortTransfersWhere(collection, ({ from, to }) => from === peerId || to === peerId);
}

/** Not once the readers use the new shards: then it stays as it is, and must be completed. */
export function abortResharding(collection: CollectionState): CollectionState {
  if (collection.resharding?.stage !== 'migrating_points') return collection;
  return forceAbortResharding(collection);
}

/** At any stage. */
export function forceAbortResharding(collection: CollectionState): CollectionState {
  const { resharding } = collection;
  if (resharding === null) return collection;
  const cleared = withoutResharding(collection);
  return resharding.direction === 'up'
    ? dropShard(cleared, resharding.shardId)
    : activateReceivers(cleared, resharding);
}

/** Neither its record nor its transfers are left. */
export function withoutResharding(collection: CollectionState): CollectionState {
  const transfers = collection.transfers.filter(
    ({ method }) => method !== 'resharding_stream_records',
  );
  return { ...collection, transfers, resharding: null };
}

/** With every transfer that has to do with it. */
export function dropShard(collection: CollectionState, shardId: number): CollectionState {
  const rest = abortTransfersWhere(
    collection,
    (transfer) => transfer.shardId === shardId || transfer.toShardId === shardId,
  );
  const dropped = withoutShard(rest, shardId);
  return isCustom(collection) ? dropped : withShardNumber(dropped, dropped.shards.size);
}

export function activateReceivers(
  collection: CollectionState,
  resharding: ReshardingState,
): CollectionState {
  let current = collection;
  for (const [shardId, { replicas }] of shardsOfKey(collection, resharding.shardKey)) {
    for (const [peerId, state] of replicas) {
      if (state !== 'ReshardingScaleDown') continue;
      current = withReplica(current, { shardId, peerId }, 'Active');
    }
  }
  return current;
}
