// What applying a command comes to, and the few steps that all commands share.

import type { PeerId } from '../base/ids.ts';
import {
  type ClusterState,
  type CollectionState,
  findCollection,
  type ShardKeyValue,
  type ShardState,
} from '../model/cluster-state.ts';
import type { RequestErrorCode } from '../model/request-error.ts';

export interface Refusal {
  readonly kind: 'refused';
  readonly code: RequestErrorCode;
  readonly message: string;
}

export type CommandOutcome =
  /** `changed` is false when the state was as wanted already. */
  { readonly kind: 'applied'; readonly changed: boolean } | Refusal;

export interface Reduction {
  readonly state: ClusterState;
  readonly outcome: CommandOutcome;
}

export function refusal(code: RequestErrorCode, message: string): Refusal {
  return { kind: 'refused', code, message };
}

/** 400 `Bad request: `, which is what most commands that cannot apply are. */
export function badRequest(message: string): Refusal {
  return refusal('bad_request', message);
}

export function refused(state: ClusterState, outcome: Refusal): Reduction {
  return { state, outcome };
}

export function applied(state: ClusterState, before: ClusterState): Reduction {
  return { state, outcome: { kind: 'applied', changed: state !== before } };
}

export function collectionMissing(name: string): Refusal {
  return refusal('not_found', `Collection \`${name}\` doesn't exist!`);
}

/** Applies `change` to the collection of this name or alias. */
export function changeCollection(
  state: ClusterState,
  nameOrAlias: string,
  change: (collection: CollectionState) => CollectionState | Refusal,
): Reduction {
  const collection = findCollection(state, nameOrAlias);
  if (collection === null) return refused(state, collectionMissing(nameOrAlias));
  const next = change(collection);
  if (isRefusal(next)) return refused(state, next);
  if (next === collection) return applied(state, state);
  return applied(withCollection(state, next), state);
}

export function isRefusal<Value extends object>(value: Value | Refusal): value is Refusal {
  return 'kind' in value && value.kind === 'refused';
}

export function withCollection(state: ClusterState, collection: CollectionState): ClusterState {
  return { ...state, collections: new Map(state.collections).set(collection.name, collection) };
}

/** A node that stands alone knows no peers, not even itself, and has nobody to check. */
export function isMember(state: ClusterState, peerId: PeerId): boolean {
  return state.clusterId === null || state.peers.has(peerId);
}

/** The first of these that is no member. */
export function firstStranger(state: ClusterState, peers: Iterable<PeerId>): Refusal | null {
  for (const peerId of peers) {
    if (!isMember(state, peerId)) return badRequest(`Peer ${peerId} does not exist`);
  }
  return null;
}

/** Adds shards with the next ids given; keeps the ascending order. */
export function withShards(
  collection: CollectionState,
  added: readonly (readonly [number, Omit<ShardState, 'serial'>])[],
): CollectionState {
  const shards = new Map(collection.shards);
  let nextSerial = collection.nextSerial;
  for (const [shardId, shard] of added) {
    shards.set(shardId, { ...shard, serial: nextSerial });
    nextSerial += 1;
  }
  const ascending = [...shards].sort(([a], [b]) => a - b);
  return { ...collection, shards: new Map(ascending), nextSerial };
}

/** As messages show it: strings in double quotes, numbers bare. */
export function printedKey(key: ShardKeyValue): string {
  return typeof key === 'string' ? JSON.stringify(key) : String(key);
}

export function isCustom(collection: CollectionState): boolean {
  return collection.config.params.sharding_method === 'custom';
}

/** Shards of this key, or of the whole collection with automatic sharding (`null`). */
export function shardsOfKey(
  collection: CollectionState,
  key: ShardKeyValue | null,
): readonly (readonly [number, ShardState])[] {
  return [...collection.shards].filter(([, shard]) => shard.key === key);
}
