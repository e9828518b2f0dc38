// What a peer has to do to one collection so that its disk and its threads are as agreed: pure.
// Wanted is what all peers agreed on, hosted is what this peer has; the steps lead from one to the
// other, and a crash between two of them only means looking again.

import { isDeepStrictEqual } from 'node:util';
import type { PeerId } from '../base/ids.ts';
import type { ClusterState, CollectionState } from '../model/cluster-state.ts';
import { localShardIds } from '../model/cluster-state.ts';
import type { UpdateOperation } from '../model/update.ts';

export interface HostedCollection {
  readonly uuid: string;
  /** What `config.json` says; `null` when there is none yet. */
  readonly saved: CollectionState | null;
  /** Open shards and their serials. */
  readonly open: ReadonlyMap<number, number>;
  /** What the open shards work with; `null` as long as none is. */
  readonly used: Pick<CollectionState, 'config' | 'schema'> | null;
}

export type IndexOperation = Extract<
  UpdateOperation,
  { readonly kind: 'create_index' | 'delete_index' }
>;

export type ReconcileStep =
  /** Closed, and its files erased. */
  | { readonly kind: 'drop_shard'; readonly shardId: number }
  | { readonly kind: 'open_shard'; readonly shardId: number }
  | { readonly kind: 'update_config'; readonly shardId: number }
  | {
      readonly kind: 'change_index';
      readonly shardId: number;
      readonly operation: IndexOperation;
    }
  /**
   * Before anybody hears of new replicas: a shard that is on disk without it is taken for garbage.
   */
  | { readonly kind: 'save' }
  /** The file is older than the state, and nothing on this peer rests on the difference. */
  | { readonly kind: 'save_later' };

/** Hosted collections that are none any more, or others of the same name. */
export function obsoleteNames(
  hosted: ReadonlyMap<string, HostedCollection>,
  wanted: ClusterState,
): readonly string[] {
  return [...hosted].flatMap(([name, { uuid }]) =>
    wanted.collections.get(name)?.uuid === uuid ? [] : [name],
  );
}

export function stepsFor(
  hosted: HostedCollection,
  wanted: CollectionState,
  ownPeerId: PeerId,
): readonly ReconcileStep[] {
  const own = localShardIds(wanted, ownPeerId);
  const isSame = (shardId: number) =>
    hosted.open.get(shardId) === wanted.shards.get(shardId)?.serial;
  const dropped = [...hosted.open.keys()].filter((id) => !own.includes(id) || !isSame(id));
  const opened = own.filter((id) => !isSame(id));
  const kept = own.filter(isSame);
  const { used } = hosted;
  const hasNewConfig = used !== null && !isDeepStrictEqual(used.config, wanted.config);
  const operations = used === null ? [] : indexChanges(used.schema, wanted.schema);
  return [
    ...dropped.map((shardId) => ({ kind: 'drop_shard', shardId }) as const),
    ...opened.map((shardId) => ({ kind: 'open_shard', shardId }) as const),
    ...(hasNewConfig ? kept.map((shardId) => ({ kind: 'update_config', shardId }) as const) : []),
    ...kept.flatMap((shardId) =>
      operations.map((operation) => ({ kind: 'change_index', shardId, operation }) as const),
    ),
    ...saving(hosted, wanted, ownPeerId),
  ];
}

function saving(
  { saved }: HostedCollection,
  wanted: CollectionState,
  ownPeerId: PeerId,
): readonly ReconcileStep[] {
  if (isDeepStrictEqual(ownSerials(saved, ownPeerId), ownSerials(wanted, ownPeerId))) {
    return isDeepStrictEqual(saved, wanted) ? [] : [{ kind: 'save_later' }];
  }
  return [{ kind: 'save' }];
}

function ownSerials(
  collection: CollectionState | null,
  ownPeerId: PeerId,
): readonly (readonly [number, number])[] {
  return [...(collection?.shards ?? [])].flatMap(([shardId, { serial, replicas }]) =>
    replicas.has(ownPeerId) ? [[shardId, serial] as const] : [],
  );
}

type Schema = CollectionState['schema'];

function indexChanges(before: Schema, after: Schema): readonly IndexOperation[] {
  if (before === after) return [];
  const created = [...after].filter(
    ([field, schema]) => !isDeepStrictEqual(before.get(field), schema),
  );
  const deleted = [...before.keys()].filter((field) => !after.has(field));
  return [
    ...deleted.map((field) => ({ kind: 'delete_index', field }) as const),
    ...created.map(([field, schema]) => ({ kind: 'create_index', field, schema }) as const),
  ];
}
