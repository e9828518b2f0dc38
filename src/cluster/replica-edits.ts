// Plain edits of a collection's replicas, shards and transfers: nothing is checked, and what is as
// wanted already stays the same object.

import type {
  CollectionState,
  ReplicaState,
  ShardTransfer,
  ShardTransferKey,
} from '../model/cluster-state.ts';
import type { ReplicaRef } from './commands.ts';

export function replicaState(
  collection: CollectionState,
  { shardId, peerId }: ReplicaRef,
): ReplicaState | null {
  return collection.shards.get(shardId)?.replicas.get(peerId) ?? null;
}

/** Nothing happens where there is no such shard. */
export function withReplica(
  collection: CollectionState,
  { shardId, peerId }: ReplicaRef,
  state: ReplicaState,
): CollectionState {
  const shard = collection.shards.get(shardId);
  if (shard === undefined || shard.replicas.get(peerId) === state) return collection;
  const replicas = new Map(shard.replicas).set(peerId, state);
  return { ...collection, shards: new Map(collection.shards).set(shardId, { ...shard, replicas }) };
}

export function withoutReplica(
  collection: CollectionState,
  { shardId, peerId }: ReplicaRef,
): CollectionState {
  const shard = collection.shards.get(shardId);
  if (shard?.replicas.has(peerId) !== true) return collection;
  const replicas = new Map(shard.replicas);
  replicas.delete(peerId);
  return { ...collection, shards: new Map(collection.shards).set(shardId, { ...shard, replicas }) };
}

export function withoutShard(collection: CollectionState, shardId: number): CollectionState {
  if (!collection.shards.has(shardId)) return collection;
  const shards = new Map(collection.shards);
  shards.delete(shardId);
  return { ...collection, shards };
}

export function withShardNumber(collection: CollectionState, shardNumber: number): CollectionState {
  const { config } = collection;
  if (config.params.shard_number === shardNumber) return collection;
  const params = { ...config.params, shard_number: shardNumber };
  return { ...collection, config: { ...config, params } };
}

export function findTransfer(
  collection: CollectionState,
  key: ShardTransferKey,
): ShardTransfer | null {
  return (
    collection.transfers.find(
      (one) =>
        one.shardId === key.shardId &&
        one.toShardId === key.toShardId &&
        one.from === key.from &&
        one.to === key.to,
    ) ?? null
  );
}

export function withoutTransfer(
  collection: CollectionState,
  transfer: ShardTransfer,
): CollectionState {
  const transfers = collection.transfers.filter(({ serial }) => serial !== transfer.serial);
  return transfers.length === collection.transfers.length
    ? collection
    : { ...collection, transfers };
}

/** The replica that a transfer reads. */
export function sourceOf({ shardId, from }: ShardTransferKey): ReplicaRef {
  return { shardId, peerId: from };
}

/** The replica that a transfer fills. */
export function receiverOf({ shardId, toShardId, to }: ShardTransferKey): ReplicaRef {
  return { shardId: toShardId ?? shardId, peerId: to };
}

export function isSameReplica(one: ReplicaRef, other: ReplicaRef): boolean {
  return one.shardId === other.shardId && one.peerId === other.peerId;
}
