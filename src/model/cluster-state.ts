// What all peers agree on. On a single node the same state is kept by one process. It changes only
// through `cluster/reducer`, is immutable, and is shared by reference inside a thread.

import type { CollectionConfig } from './collection-config.ts';
import type { PayloadSchema } from './payload-schema.ts';

export interface CollectionState {
  readonly name: string;
  /** Tells a collection from an earlier one of the same name. */
  readonly uuid: string;
  readonly config: CollectionConfig;
  readonly schema: PayloadSchema;
  /** Ids of its shards, ascending. */
  readonly shardIds: readonly number[];
}

export interface ClusterState {
  readonly collections: ReadonlyMap<string, CollectionState>;
  /** Alias → name of a collection. */
  readonly aliases: ReadonlyMap<string, string>;
}

export const emptyClusterState: ClusterState = { collections: new Map(), aliases: new Map() };

/** The collection of this name, or that this alias stands for. */
export function findCollection(state: ClusterState, nameOrAlias: string): CollectionState | null {
  const name = state.aliases.get(nameOrAlias) ?? nameOrAlias;
  return state.collections.get(name) ?? null;
}
