// Shard keys of collections with custom sharding: each key has shards of its own.

import {
  type ClusterState,
  type CollectionState,
  type ShardKeyValue,
  shardIdsOf,
} from '../model/cluster-state.ts';
import { dropShard, forceAbortResharding } from './apply-abort.ts';
import type { Command } from './commands.ts';
import {
  badRequest,
  firstStranger,
  isCustom,
  printedKey,
  type Refusal,
  shardsOfKey,
  withShards,
} from './reduction.ts';

type CreateShardKey = Extract<Command, { readonly kind: 'create_shard_key' }>;

export function createShardKey(
  state: ClusterState,
  collection: CollectionState,
  command: CreateShardKey,
): CollectionState | Refusal {
  const { shardKey, placement, initialState } = command;
  const fault = newKeyFault(state, collection, command);
  if (fault !== null) return fault;
  const firstId = Math.max(0, ...shardIdsOf(collection)) + 1;
  const replicaState = initialState ?? 'Initializing';
  return withShards(
    collection,
    placement.map((peers, index) => [
      firstId + index,
      { replicas: new Map(peers.map((peerId) => [peerId, replicaState])), key: shardKey },
    ]),
  );
}

function newKeyFault(
  state: ClusterState,
  collection: CollectionState,
  { shardKey, placement, initialState }: CreateShardKey,
): Refusal | null {
  const key = printedKey(shardKey);
  if (!isCustom(collection)) {
    return badRequest('Shard Key cannot be created with Auto sharding method');
  }
  if (shardsOfKey(collection, shardKey).length > 0) {
    return badRequest(`Sharding key ${key} already exists for collection ${collection.name}`);
  }
  if (placement.length === 0 || placement.some((peers) => peers.length === 0)) {
    return badRequest(
      `Sharding key ${key} placement cannot be empty. ` +
        'If you want to use random placement, do not specify placement',
    );
  }
  const stranger = firstStranger(state, placement.flat());
  if (stranger !== null) return stranger;
  const isAllowed = initialState === null || ['Active', 'Partial'].includes(initialState);
  if (isAllowed) return null;
  return badRequest(`Initial state cannot be ${initialState}, only Active or Partial are allowed`);
}

/** No such key: nothing to do. */
export function dropShardKey(
  collection: CollectionState,
  shardKey: ShardKeyValue,
): CollectionState | Refusal {
  if (!isCustom(collection)) {
    return badRequest('Shard Key cannot be deleted with Auto sharding method');
  }
  const isConcerned = collection.resharding?.shardKey === shardKey;
  let current = isConcerned ? forceAbortResharding(collection) : collection;
  for (const [shardId] of shardsOfKey(current, shardKey)) current = dropShard(current, shardId);
  return current;
}
