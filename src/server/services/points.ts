// Changes to points: checks what needs the collection's configuration, makes the points ready to
// store, and hands the change to the shards. A change that any part of is refused here is refused
// as a whole, whether the client waits or not.

import type { WriteOptions } from '../../collection/shard-access.ts';
import { writeUpdate } from '../../collection/write-path.ts';
import type { CollectionState } from '../../model/cluster-state.ts';
import { vectorParamsByName } from '../../model/collection-config.ts';
import { RequestError } from '../../model/request-error.ts';
import type { UpdateMode, UpdateOperation } from '../../model/update.ts';
import type { Engine } from '../engine.ts';
import { requireCollection } from './collections.ts';
import { type GivenPoints, storablePoints, unknownVectorName } from './given-points.ts';
import { shardsOf } from './shards-of.ts';
import { resultOf, type UpdateResult } from './update-result.ts';

type GivenKind = 'upsert' | 'update_vectors';
type IndexKind = 'create_index' | 'delete_index';

/** A change as a client asks for it. */
export type PointChange =
  | {
      readonly kind: 'upsert';
      readonly points: GivenPoints;
      readonly mode: UpdateMode;
      readonly filter: string | null;
    }
  | {
      readonly kind: 'update_vectors';
      readonly points: GivenPoints;
      readonly filter: string | null;
    }
  | Exclude<UpdateOperation, { readonly kind: GivenKind | IndexKind }>;

export class PointService {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async change(
    collectionName: string,
    change: PointChange,
    options: WriteOptions,
  ): Promise<UpdateResult> {
    const collection = requireCollection(this.#engine, collectionName);
    const operation = storableChange(change, collection);
    const shards = shardsOf(this.#engine, collection);
    return resultOf(await writeUpdate(shards, operation, options));
  }

  /** One after the other; stops at the first failure, earlier changes stay. */
  async changeAll(
    collectionName: string,
    changes: readonly PointChange[],
    options: WriteOptions,
  ): Promise<readonly UpdateResult[]> {
    requireCollection(this.#engine, collectionName);
    const results: UpdateResult[] = [];
    for (const change of changes) results.push(await this.change(collectionName, change, options));
    return results;
  }
}

function storableChange(change: PointChange, collection: CollectionState): UpdateOperation {
  if (isEmpty(change)) throw new RequestError('bad_request', 'Empty update request');
  switch (change.kind) {
    case 'upsert':
    case 'update_vectors':
      return { ...change, points: storablePoints(change.points, collection) };
    case 'delete_vectors': {
      const known = vectorParamsByName(collection.config.params);
      const unknown = change.names.find((name) => !known.has(name));
      if (unknown !== undefined) throw unknownVectorName(unknown);
      const { ids, filter } = change.selector;
      if (ids !== null || filter !== null) return change;
      throw new RequestError('bad_request', 'No filter or points provided');
    }
    default:
      return change;
  }
}

/** An upsert of no points, or a deletion by an empty list. */
function isEmpty(change: PointChange): boolean {
  if (change.kind === 'upsert') return change.points.ids.length === 0;
  return change.kind === 'delete_points' && change.selector.ids?.length === 0;
}
