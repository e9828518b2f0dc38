// Transfers of shards between peers, from start to end.
//
//   start ──▶ receiver Partial or Recovery ──recovery_to_partial──▶ Partial ──finish──▶ Active
//     │                                                               a move: the source goes
//     └──abort──▶ see `apply-abort`;   restart = abort and start with another method, in one
//
// Invariants: at most one transfer of a shard for each peer; the source is active.

import type {
  ClusterState,
  CollectionState,
  ReplicaState,
  ReshardingState,
  ShardTransfer,
  ShardTransferKey,
} from '../model/cluster-state.ts';
import { isActive, isReshardingState } from '../model/replica-rules.ts';
import { abortTransfer, abortTransfersOfReplica } from './apply-abort.ts';
import type { Command } from './commands.ts';
import { badRequest, firstStranger, isRefusal, type Refusal } from './reduction.ts';
import {
  findTransfer,
  isSameReplica,
  receiverOf,
  replicaState,
  sourceOf,
  withoutReplica,
  withoutTransfer,
  withReplica,
} from './replica-edits.ts';

type NewTransfer = Omit<ShardTransfer, 'serial'>;
type OfKind<Kind> = Extract<Command, { readonly kind: Kind }>;

export function startTransfer(
  state: ClusterState,
  collection: CollectionState,
  transfer: NewTransfer,
): CollectionState | Refusal {
  const fault =
    firstStranger(state, [transfer.from, transfer.to]) ??
    sourceFault(collection, transfer) ??
    overlapFault(collection, transfer) ??
    (transfer.toShardId === null
      ? plainFault(transfer)
      : targetFault(collection, transfer, transfer.toShardId));
  if (fault !== null) return fault;
  const serial = collection.nextSerial;
  const started: CollectionState = {
    ...collection,
    transfers: [...collection.transfers, { ...transfer, serial }],
    nextSerial: serial + 1,
  };
  return withReplica(started, receiverOf(transfer), initialState(collection, transfer));
}

function initialState(collection: CollectionState, { method }: NewTransfer): ReplicaState {
  if (method === 'stream_records') return 'Partial';
  if (method !== 'resharding_stream_records') return 'Recovery';
  return collection.resharding?.direction === 'up' ? 'Resharding' : 'ReshardingScaleDown';
}

function sourceFault(collection: CollectionState, transfer: NewTransfer): Refusal | null {
  const { shardId, from } = transfer;
  if (!collection.shards.has(shardId)) {
    return badRequest(`Shard ${shardId} of ${collection.name} does not exist`);
  }
  const state = replicaState(collection, sourceOf(transfer));
  if (state !== null && isActive(state)) return null;
  return badRequest(`Shard ${shardId} is not active on peer ${from}`);
}

function overlapFault(collection: CollectionState, transfer: NewTransfer): Refusal | null {
  const { shardId, from, to } = transfer;
  const sameShard = collection.transfers.find(
    (one) =>
      one.shardId === shardId &&
      (one.from === from || one.from === to || one.to === from || one.to === to),
  );
  if (sameShard !== undefined) return alreadyInvolved(shardId, sameShard);
  const receiver = receiverOf(transfer);
  const sameReceiver = collection.transfers.find((one) => isInTheWay(collection, one, transfer));
  return sameReceiver === undefined ? null : alreadyInvolved(receiver.shardId, sameReceiver);
}

/**
 * Nothing is filled by two transfers at once, nor read by one and filled by another; only the
 * transfers of a resharding fill a replica together, and down they leave it active.
 */
function isInTheWay(
  collection: CollectionState,
  other: ShardTransfer,
  transfer: NewTransfer,
): boolean {
  const receiver = receiverOf(transfer);
  const isResharding = transfer.method === 'resharding_stream_records';
  if (isSameReplica(receiverOf(other), receiver)) {
    return !isResharding || other.method !== 'resharding_stream_records';
  }
  return isSameReplica(sourceOf(other), receiver) && !isActive(initialState(collection, transfer));
}

function alreadyInvolved(shardId: number, other: ShardTransfer): Refusal {
  return badRequest(
    `Shard ${shardId} is already involved in transfer ${other.from} -> ${other.to}`,
  );
}

function plainFault({ shardId, from, to, method, filter }: NewTransfer): Refusal | null {
  if (from === to) return badRequest(`Shard ${shardId} cannot be transferred to its own peer`);
  if (method !== 'resharding_stream_records' && filter === null) return null;
  return badRequest(`Target shard must be set for a transfer of a part of shard ${shardId}`);
}

/** Into another shard: for resharding, or for points picked by a filter. */
function targetFault(
  collection: CollectionState,
  transfer: NewTransfer,
  target: number,
): Refusal | null {
  const { shardId, to, sync, method, filter } = transfer;
  const isResharding = method === 'resharding_stream_records';
  if (!isResharding && (filter === null || method !== 'stream_records')) {
    return badRequest(
      `Target shard ${target} can only be set for resharding_stream_records transfers, ` +
        'or for stream_records transfers with a filter',
    );
  }
  // An aborted move would take away the receiver, which has points of its own.
  if (!isResharding && !sync)
    return badRequest(`Points cannot be moved to shard ${target}, only copied`);
  if (!collection.shards.has(target)) {
    return badRequest(`Target shard ${target} of ${collection.name} does not exist`);
  }
  if (target === shardId) {
    return badRequest(`Target shard ${target} must be another one than the source`);
  }
  const state = replicaState(collection, receiverOf(transfer));
  if (state === null) return badRequest(`Peer ${to} has no replica of shard ${target}`);
  if (state === 'Dead') return badRequest(`Target shard ${target} is dead on peer ${to}`);
  return isResharding ? reshardingFault(collection, transfer, state) : null;
}

function reshardingFault(
  collection: CollectionState,
  transfer: NewTransfer,
  receiver: ReplicaState,
): Refusal | null {
  const { resharding } = collection;
  if (resharding === null) {
    return badRequest(`resharding is not in progress for collection ${collection.name}`);
  }
  if (resharding.stage !== 'migrating_points') {
    return badRequest(
      `resharding of collection ${collection.name} has migrated its points already`,
    );
  }
  const { direction, shardId } = resharding;
  const fixed = direction === 'up' ? transfer.toShardId : transfer.shardId;
  if (fixed !== shardId || !isWithinKey(collection, transfer, resharding)) {
    return badRequest(`transfer does not fit the resharding of shard ${shardId}`);
  }
  // A copy that is not complete must not become one that counts as complete.
  if (isActive(receiver) || (direction === 'up' && receiver === 'Resharding')) return null;
  return badRequest(`Shard ${transfer.toShardId} is not active on peer ${transfer.to}`);
}

function isWithinKey(
  collection: CollectionState,
  { shardId, toShardId }: NewTransfer,
  { shardKey }: ReshardingState,
): boolean {
  const source = collection.shards.get(shardId)?.key;
  const target = toShardId === null ? undefined : collection.shards.get(toShardId)?.key;
  return source === shardKey && target === shardKey;
}

/** The running transfer that a command is about. */
function running(
  collection: CollectionState,
  key: ShardTransferKey,
  serial: number | null,
): ShardTransfer | Refusal {
  const transfer = findTransfer(collection, key);
  if (transfer !== null && (serial === null || serial === transfer.serial)) return transfer;
  return badRequest(
    `Shard transfer ${key.from} -> ${key.to} for collection ` +
      `${collection.name}:${key.shardId} does not exist`,
  );
}

export function restartTransfer(
  state: ClusterState,
  collection: CollectionState,
  { key, serial, method }: OfKind<'restart_transfer'>,
): CollectionState | Refusal {
  const old = running(collection, key, serial);
  if (isRefusal(old)) return old;
  const name = `${old.from} -> ${old.to} of shard ${old.shardId}`;
  if (old.method === method) {
    return badRequest(`Cannot restart transfer ${name}, its configuration did not change`);
  }
  if (old.toShardId !== null) {
    return badRequest(`Cannot restart transfer ${name}, it goes to another shard`);
  }
  return startTransfer(state, abortTransfer(collection, old), {
    shardId: old.shardId,
    toShardId: null,
    from: old.from,
    to: old.to,
    sync: old.sync,
    method,
    filter: null,
  });
}

export function finishTransfer(
  collection: CollectionState,
  { key, serial }: OfKind<'finish_transfer'>,
): CollectionState | Refusal {
  const transfer = running(collection, key, serial);
  if (isRefusal(transfer)) return transfer;
  const rest = withoutTransfer(collection, transfer);
  const receiver = receiverOf(transfer);
  const state = replicaState(rest, receiver);
  if (state === null) return rest;
  // What was filled by a resharding is complete when the whole resharding says so.
  if (isReshardingState(state) || transfer.method === 'resharding_stream_records') return rest;
  const filled = withReplica(rest, receiver, 'Active');
  if (transfer.sync) return filled;
  // Only now: the receiver counts in the same step in which the source stops to.
  const source = sourceOf(transfer);
  return withoutReplica(abortTransfersOfReplica(filled, source), source);
}

export function recoveryToPartial(
  collection: CollectionState,
  { key, serial }: OfKind<'recovery_to_partial'>,
): CollectionState | Refusal {
  const transfer = running(collection, key, serial);
  if (isRefusal(transfer)) return transfer;
  const receiver = receiverOf(transfer);
  const state = replicaState(collection, receiver);
  if (state === 'Recovery' || state === 'PartialSnapshot') {
    return withReplica(collection, receiver, 'Partial');
  }
  return badRequest(
    `Replica ${receiver.peerId} of shard ${receiver.shardId} has state ${state ?? 'None'}, ` +
      'but expected Recovery',
  );
}

export function abortNamedTransfer(
  collection: CollectionState,
  { key, serial }: OfKind<'abort_transfer'>,
): CollectionState | Refusal {
  const transfer = running(collection, key, serial);
  return isRefusal(transfer) ? transfer : abortTransfer(collection, transfer);
}
