// Collections as a whole: they come, they change, they go.

import { type ClusterState, type CollectionState } from '../model/cluster-state.ts';
import { vectorParamsByName } from '../model/collection-config.ts';
import { patchConfig } from './apply-patch.ts';
import { removeReplica } from './apply-replica.ts';
import { sortedVectors } from './apply-schema.ts';
import type { Command } from './commands.ts';
import {
  applied,
  badRequest,
  firstStranger,
  isRefusal,
  type Reduction,
  type Refusal,
  refusal,
  refused,
  withCollection,
  withShards,
} from './reduction.ts';

type CreateCollection = Extract<Command, { readonly kind: 'create_collection' }>;
type UpdateCollection = Extract<Command, { readonly kind: 'update_collection' }>;

export function createCollection(state: ClusterState, command: CreateCollection): Reduction {
  const fault = nameFault(state, command) ?? distributionFault(state, command);
  if (fault !== null) return refused(state, fault);
  const { name, uuid, config, distribution, initialState } = command;
  const empty: CollectionState = {
    name,
    uuid,
    config: { ...config, params: { ...config.params, vectors: sortedVectors(config.params) } },
    schema: new Map(),
    shards: new Map(),
    transfers: [],
    resharding: null,
    nextSerial: 0,
  };
  const collection = withShards(
    empty,
    distribution.map(([shardId, peers]) => [
      shardId,
      { replicas: new Map(peers.map((peerId) => [peerId, initialState])), key: null },
    ]),
  );
  return applied(withCollection(state, collection), state);
}

function nameFault(state: ClusterState, command: CreateCollection): Refusal | null {
  const { name, collectionCountMax } = command;
  if (state.collections.has(name)) {
    return refusal('already_exists', `Collection \`${name}\` already exists!`);
  }
  if (state.aliases.has(name)) {
    return refusal(
      'wrong_input',
      `Can't create collection with name ${name}. Alias with the same name already exists`,
    );
  }
  if (collectionCountMax === null || state.collections.size < collectionCountMax) return null;
  return badRequest(
    `Can't create collection with name ${name}. ` +
      `Max collections limit reached: ${collectionCountMax}`,
  );
}

/** Automatic sharding: shards 0 … n − 1. Custom sharding: none before there is a key. */
function distributionFault(state: ClusterState, command: CreateCollection): Refusal | null {
  const { config, distribution } = command;
  const { shard_number: shardNumber, sharding_method: method } = config.params;
  const shardCount = method === 'custom' ? 0 : shardNumber;
  const isWhole =
    distribution.length === shardCount &&
    distribution.every(([shardId, peers], index) => shardId === index && peers.length > 0);
  if (!isWhole) return badRequest(`the distribution is not one of ${shardCount} shards`);
  return firstStranger(
    state,
    distribution.flatMap(([, peers]) => peers),
  );
}

export function deleteCollection(state: ClusterState, name: string): Reduction {
  if (!state.collections.has(name)) return applied(state, state);
  const collections = new Map(state.collections);
  collections.delete(name);
  const kept = [...state.aliases].filter(([, target]) => target !== name);
  // The same map when nothing changed, so that nobody stores it again.
  const aliases = kept.length === state.aliases.size ? state.aliases : new Map(kept);
  return applied({ ...state, collections, aliases }, state);
}

/** All of it or nothing. */
export function updateCollection(
  collection: CollectionState,
  { patch, replicaRemovals }: UpdateCollection,
): CollectionState | Refusal {
  const known = vectorParamsByName(collection.config.params);
  for (const vectorName of patch.vectors?.keys() ?? []) {
    if (known.has(vectorName)) continue;
    return refusal('wrong_input', `Not existing vector name error: ${vectorName}`);
  }
  let current: CollectionState =
    Object.keys(patch).length === 0
      ? collection
      : { ...collection, config: patchConfig(collection.config, patch) };
  for (const replica of replicaRemovals ?? []) {
    const next = removeReplica(current, replica);
    if (isRefusal(next)) return next;
    current = next;
  }
  return current;
}
