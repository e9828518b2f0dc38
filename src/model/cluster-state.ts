// What all peers agree on. On a single node the same state is kept by one process. It changes only
// through `cluster/reducer`, is immutable, and is shared by reference inside a thread: a collection
// that did not change is the same object as before. `cluster/encode-state` is its form in bytes.
//
// Invariants: shards are in ascending order of their ids; with automatic sharding the ids are
// 0 … shard_number − 1 and no shard has a key, with custom sharding every shard has one; every
// alias stands for a collection; in a cluster only its peers have replicas.

import type { PeerId } from '../base/ids.ts';
import type { CollectionConfig } from './collection-config.ts';
import type { PayloadSchema } from './payload-schema.ts';

/** What each may do is said by the tables of `model/replica-rules`. */
export const replicaStates = [
  'Active',
  'Dead',
  'Partial',
  'Initializing',
  'Listener',
  'PartialSnapshot',
  'Recovery',
  'Resharding',
  'ReshardingScaleDown',
  'ActiveRead',
  'ManualRecovery',
] as const;

export type ReplicaState = (typeof replicaStates)[number];

/** `"1"` and `1` are different keys; a number is always a `bigint`, up to u64. */
export type ShardKeyValue = string | bigint;

export interface ShardState {
  /** May be empty: a peer that is removed takes even the last copy along. */
  readonly replicas: ReadonlyMap<PeerId, ReplicaState>;
  /** `null` with automatic sharding. */
  readonly key: ShardKeyValue | null;
  /**
   * Unique in the collection for all time: tells a shard from an earlier one with the same id (a
   * key that was dropped and created anew, a resharding that was aborted and started again).
   */
  readonly serial: number;
}

export const transferMethods = [
  'stream_records',
  'snapshot',
  'wal_delta',
  'resharding_stream_records',
] as const;

export type TransferMethod = (typeof transferMethods)[number];

/** What a running transfer is called by. */
export interface ShardTransferKey {
  readonly shardId: number;
  /** Not `null`: into another shard (resharding, or points picked by a filter). */
  readonly toShardId: number | null;
  readonly from: PeerId;
  readonly to: PeerId;
}

export interface ShardTransfer extends ShardTransferKey {
  /** True: a further copy. False: a move, the source's copy goes at the end. */
  readonly sync: boolean;
  readonly method: TransferMethod;
  /** JSON text of a filter. */
  readonly filter: string | null;
  /** Unique in the collection for all time: a late report cannot end the next attempt. */
  readonly serial: number;
}

export type ReshardingDirection = 'up' | 'down';

export type ReshardingStage =
  | 'migrating_points'
  | 'read_hash_ring_committed'
  | 'write_hash_ring_committed';

export interface ReshardingKey {
  readonly uuid: string;
  readonly direction: ReshardingDirection;
  readonly peerId: PeerId;
  /** The shard that comes (up) or goes (down). */
  readonly shardId: number;
  readonly shardKey: ShardKeyValue | null;
}

export interface ReshardingState extends ReshardingKey {
  readonly stage: ReshardingStage;
}

export interface CollectionState {
  readonly name: string;
  /** Tells a collection from an earlier one of the same name. */
  readonly uuid: string;
  readonly config: CollectionConfig;
  readonly schema: PayloadSchema;
  /** By id, ascending. */
  readonly shards: ReadonlyMap<number, ShardState>;
  /** In the order in which they were started. */
  readonly transfers: readonly ShardTransfer[];
  readonly resharding: ReshardingState | null;
  /** For the next shard or transfer. */
  readonly nextSerial: number;
}

export interface PeerState {
  readonly uri: string;
  /** `null` until the peer has said it. */
  readonly version: string | null;
}

export interface ClusterState {
  /** `null`: a node that stands alone; `peers` is empty then. */
  readonly clusterId: string | null;
  /** Who founded the cluster; it may have left since. */
  readonly firstPeer: PeerId | null;
  readonly peers: ReadonlyMap<PeerId, PeerState>;
  /** Users' key → JSON text, exactly as given. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly collections: ReadonlyMap<string, CollectionState>;
  /** Alias → name of a collection. */
  readonly aliases: ReadonlyMap<string, string>;
}

export const emptyClusterState: ClusterState = {
  clusterId: null,
  firstPeer: null,
  peers: new Map(),
  metadata: new Map(),
  collections: new Map(),
  aliases: new Map(),
};

/** The collection of this name, or that this alias stands for. */
export function findCollection(state: ClusterState, nameOrAlias: string): CollectionState | null {
  const name = state.aliases.get(nameOrAlias) ?? nameOrAlias;
  return state.collections.get(name) ?? null;
}

/** Ascending. */
export function shardIdsOf(collection: CollectionState): readonly number[] {
  return [...collection.shards.keys()];
}

/** Ids of the shards of which this peer has a replica, whatever its state; ascending. */
export function localShardIds(collection: CollectionState, peerId: PeerId): readonly number[] {
  return shardIdsOf(collection).filter((id) => collection.shards.get(id)?.replicas.has(peerId));
}

/** Does this peer hold a copy of any shard, whatever its state? */
export function hasReplicas({ collections }: ClusterState, peerId: PeerId): boolean {
  for (const { shards } of collections.values()) {
    for (const { replicas } of shards.values()) if (replicas.has(peerId)) return true;
  }
  return false;
}
