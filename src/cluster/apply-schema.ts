// The schema of a collection: its named vectors and its payload indexes. What shards do about it is
// an update of their own.

import type { CollectionState } from '../model/cluster-state.ts';
import {
  type CollectionConfig,
  type CollectionParams,
  type VectorParams,
  vectorParamsByName,
} from '../model/collection-config.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';
import { badRequest, type Refusal } from './reduction.ts';

type Vectors = CollectionParams['vectors'];

/** By name, as they come out of a snapshot: all peers have them in the same order. */
export function sortedVectors({ vectors }: CollectionParams): Vectors {
  if ('single' in vectors) return vectors;
  const byName = [...vectors.named].sort(([a], [b]) => (a < b ? -1 : 1));
  return { named: new Map(byName) };
}

export function createNamedVector(
  collection: CollectionState,
  name: string,
  params: VectorParams,
): CollectionState | Refusal {
  const known = vectorParamsByName(collection.config.params);
  const existing = known.get(name);
  if (existing === undefined) return withVectors(collection, new Map(known).set(name, params));
  if (isSameSchema(existing, params)) return collection;
  return badRequest(`Vector \`${name}\` already exists with a different configuration`);
}

/** How it is indexed does not matter. */
function isSameSchema(one: VectorParams, other: VectorParams): boolean {
  return (
    one.size === other.size &&
    one.distance === other.distance &&
    (one.datatype ?? 'float32') === (other.datatype ?? 'float32')
  );
}

/** No such vector: nothing to do. */
export function deleteNamedVector(collection: CollectionState, name: string): CollectionState {
  const known = vectorParamsByName(collection.config.params);
  if (!known.has(name)) return collection;
  return withVectors(collection, new Map([...known].filter(([other]) => other !== name)));
}

/** The single unnamed vector becomes the one with the name `""`. */
function withVectors(
  collection: CollectionState,
  named: ReadonlyMap<string, VectorParams>,
): CollectionState {
  const { params } = collection.config;
  const vectors = sortedVectors({ ...params, vectors: { named } });
  const config: CollectionConfig = { ...collection.config, params: { ...params, vectors } };
  return { ...collection, config };
}

export function createPayloadIndex(
  collection: CollectionState,
  field: string,
  schema: PayloadFieldSchema,
): CollectionState {
  return { ...collection, schema: new Map(collection.schema).set(field, schema) };
}

/** No such index: nothing to do. */
export function deletePayloadIndex(collection: CollectionState, field: string): CollectionState {
  if (!collection.schema.has(field)) return collection;
  const schema = new Map([...collection.schema].filter(([other]) => other !== field));
  return { ...collection, schema };
}
