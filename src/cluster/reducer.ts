// The one place where the agreed state changes: (state, command) → next state, or a refusal. Pure
// and total: equal input gives an equal result on every peer, and a command that cannot apply
// changes nothing. Values were validated where the request entered; here only what depends on the
// state is checked.

import { unreachable } from '../base/assert.ts';
import type { ClusterState, CollectionState, ShardState } from '../model/cluster-state.ts';
import { findCollection } from '../model/cluster-state.ts';
import type {
  CollectionConfig,
  HnswConfigDiff,
  QuantizationConfig,
  VectorParams,
} from '../model/collection-config.ts';
import { vectorParamsByName } from '../model/collection-config.ts';
import { mergePayload } from '../model/payload-ops.ts';
import type { RequestErrorCode } from '../model/request-error.ts';
import type { AliasAction, CollectionPatch, Command, VectorParamsPatch } from './commands.ts';

export type CommandOutcome =
  /** `changed` is false when the state was as wanted already. */
  | { readonly kind: 'applied'; readonly changed: boolean }
  | { readonly kind: 'refused'; readonly code: RequestErrorCode; readonly message: string };

export interface Reduction {
  readonly state: ClusterState;
  readonly outcome: CommandOutcome;
}

/** Applies one command. A refusal of `change_aliases` keeps the actions before the failing one. */
export function reduce(state: ClusterState, command: Command): Reduction {
  switch (command.kind) {
    case 'create_collection':
      return createCollection(state, command);
    case 'update_collection':
      return updateCollection(state, command.name, command.patch);
    case 'delete_collection':
      return deleteCollection(state, command.name);
    case 'change_aliases':
      return changeAliases(state, command.actions);
    case 'create_payload_index':
      return changeSchema(state, command.collection, (schema) =>
        new Map(schema).set(command.field, command.schema),
      );
    case 'delete_payload_index':
      return changeSchema(state, command.collection, (schema) => {
        if (!schema.has(command.field)) return schema;
        return new Map([...schema].filter(([field]) => field !== command.field));
      });
    default:
      return refused(state, 'not_implemented', command.kind);
  }
}

function refused(state: ClusterState, code: RequestErrorCode, message: string): Reduction {
  return { state, outcome: { kind: 'refused', code, message } };
}

function applied(state: ClusterState, before: ClusterState): Reduction {
  return { state, outcome: { kind: 'applied', changed: state !== before } };
}

function collectionMissing(state: ClusterState, name: string): Reduction {
  return refused(state, 'not_found', `Collection \`${name}\` doesn't exist!`);
}

function withCollection(state: ClusterState, collection: CollectionState): ClusterState {
  return { ...state, collections: new Map(state.collections).set(collection.name, collection) };
}

function createCollection(
  state: ClusterState,
  command: Extract<Command, { kind: 'create_collection' }>,
): Reduction {
  const { name, uuid, config, collectionCountMax } = command;
  if (state.collections.has(name)) {
    return refused(state, 'already_exists', `Collection \`${name}\` already exists!`);
  }
  if (state.aliases.has(name)) {
    return refused(
      state,
      'wrong_input',
      `Can't create collection with name ${name}. Alias with the same name already exists`,
    );
  }
  if (collectionCountMax !== null && state.collections.size >= collectionCountMax) {
    return refused(
      state,
      'bad_request',
      `Can't create collection with name ${name}. ` +
        `Max collections limit reached: ${collectionCountMax}`,
    );
  }
  const shards = new Map<number, ShardState>();
  for (const [shardId, peers] of command.distribution) {
    const replicas = new Map(peers.map((peerId) => [peerId, command.initialState]));
    shards.set(shardId, { replicas, key: null, serial: shards.size });
  }
  const collection: CollectionState = {
    name,
    uuid,
    config,
    schema: new Map(),
    shards,
    transfers: [],
    resharding: null,
    nextSerial: shards.size,
  };
  return applied(withCollection(state, collection), state);
}

function deleteCollection(state: ClusterState, name: string): Reduction {
  if (!state.collections.has(name)) return applied(state, state);
  const collections = new Map(state.collections);
  collections.delete(name);
  const kept = [...state.aliases].filter(([, target]) => target !== name);
  // The same map when nothing changed, so that nobody stores it again.
  const aliases = kept.length === state.aliases.size ? state.aliases : new Map(kept);
  return applied({ ...state, collections, aliases }, state);
}

function updateCollection(state: ClusterState, name: string, patch: CollectionPatch): Reduction {
  const collection = findCollection(state, name);
  if (collection === null) return collectionMissing(state, name);
  const known = vectorParamsByName(collection.config.params);
  for (const vectorName of patch.vectors?.keys() ?? []) {
    if (known.has(vectorName)) continue;
    return refused(state, 'wrong_input', `Not existing vector name error: ${vectorName}`);
  }
  const config = patchConfig(collection.config, patch);
  return applied(withCollection(state, { ...collection, config }), state);
}

function patchConfig(config: CollectionConfig, patch: CollectionPatch): CollectionConfig {
  const strictMode = mergedText(config.strict_mode_config, patch.strictMode);
  const metadata = mergedText(config.metadata, patch.metadata);
  return {
    ...config,
    params: { ...config.params, ...patch.params, vectors: patchVectors(config, patch) },
    hnsw_config: { ...config.hnsw_config, ...patch.hnsw },
    optimizer_config: { ...config.optimizer_config, ...patch.optimizers },
    quantization_config:
      patch.quantization === undefined
        ? config.quantization_config
        : enabledQuantization(patch.quantization),
    ...(strictMode === undefined ? {} : { strict_mode_config: strictMode }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function enabledQuantization(
  quantization: QuantizationConfig | 'Disabled',
): QuantizationConfig | null {
  return quantization === 'Disabled' ? null : quantization;
}

/** Top-level members of `patch` replace those of `old`; a member `null` removes that key. */
function mergedText(old: string | undefined, patch: string | undefined): string | undefined {
  if (patch === undefined) return old;
  const encoder = new TextEncoder();
  const merged = mergePayload(encoder.encode(old ?? '{}'), encoder.encode(patch), null);
  return new TextDecoder().decode(merged);
}

function patchVectors(
  config: CollectionConfig,
  patch: CollectionPatch,
): CollectionConfig['params']['vectors'] {
  const { vectors } = config.params;
  if (patch.vectors === undefined) return vectors;
  if ('single' in vectors) {
    return { single: patchVector(vectors.single, patch.vectors.get('')) };
  }
  const named = [...vectors.named].map(
    ([name, params]) => [name, patchVector(params, patch.vectors?.get(name))] as const,
  );
  return { named: new Map(named) };
}

function patchVector(params: VectorParams, patch: VectorParamsPatch | undefined): VectorParams {
  if (patch === undefined) return params;
  const { quantization_config: oldQuantization, ...rest } = params;
  const quantization =
    patch.quantization_config === undefined
      ? (oldQuantization ?? null)
      : enabledQuantization(patch.quantization_config);
  const hnsw: HnswConfigDiff = { ...params.hnsw_config, ...patch.hnsw_config };
  return {
    ...rest,
    ...(patch.on_disk === undefined ? {} : { on_disk: patch.on_disk }),
    ...(Object.keys(hnsw).length === 0 ? {} : { hnsw_config: hnsw }),
    ...(quantization === null ? {} : { quantization_config: quantization }),
  };
}

function changeSchema(
  state: ClusterState,
  name: string,
  change: (schema: CollectionState['schema']) => CollectionState['schema'],
): Reduction {
  const collection = findCollection(state, name);
  if (collection === null) return collectionMissing(state, name);
  const schema = change(collection.schema);
  if (schema === collection.schema) return applied(state, state);
  return applied(withCollection(state, { ...collection, schema }), state);
}

function changeAliases(state: ClusterState, actions: readonly AliasAction[]): Reduction {
  let current = state;
  for (const action of actions) {
    const next = changeAlias(current, action);
    if (next.outcome.kind === 'refused') return next;
    current = next.state;
  }
  return applied(current, state);
}

function changeAlias(state: ClusterState, action: AliasAction): Reduction {
  const aliases = new Map(state.aliases);
  switch (action.kind) {
    case 'create': {
      if (!state.collections.has(action.collection)) {
        return collectionMissing(state, action.collection);
      }
      if (state.collections.has(action.alias)) {
        return refused(state, 'already_exists', `Collection \`${action.alias}\` already exists!`);
      }
      aliases.set(action.alias, action.collection);
      break;
    }
    case 'delete':
      aliases.delete(action.alias);
      break;
    case 'rename': {
      const target = aliases.get(action.from);
      if (target === undefined) {
        return refused(state, 'not_found', `Alias ${action.from} does not exists!`);
      }
      if (state.collections.has(action.to)) {
        return refused(state, 'already_exists', `Collection \`${action.to}\` already exists!`);
      }
      aliases.delete(action.from);
      aliases.set(action.to, target);
      break;
    }
    default:
      return unreachable(action);
  }
  return { state: { ...state, aliases }, outcome: { kind: 'applied', changed: true } };
}
