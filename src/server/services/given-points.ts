// Points as a client gave them, and how they become points ready to store: every row's length is
// checked against the collection, Cosine vectors are normalised. Nothing is stored if any point is
// refused.

import { assert } from '../../base/assert.ts';
import { normalizeCosine } from '../../kernels/normalize.ts';
import type { CollectionState } from '../../model/cluster-state.ts';
import {
  type CollectionConfig,
  type VectorConfig,
  vectorConfigs,
} from '../../model/collection-config.ts';
import type { PointId } from '../../model/point-id.ts';
import { RequestError } from '../../model/request-error.ts';
import type { PointBatch, VectorColumn } from '../../model/update.ts';

/** The values of one vector name; rows may still be of any length. */
export interface GivenColumn {
  readonly name: string;
  /** Per point: its row, −1 = none. */
  readonly rows: Int32Array;
  /** Row → end of its numbers in `data`; it begins where the row before ends. */
  readonly rowEnds: Uint32Array;
  readonly data: Float32Array;
  /** Some value was of this kind, which no collection can hold yet. */
  readonly otherKind: 'sparse' | 'multi' | null;
}

export type GivenVectors = readonly GivenColumn[];

export interface GivenPoints {
  readonly ids: readonly PointId[];
  readonly vectors: GivenVectors;
  readonly payloadOffsets: Uint32Array;
  readonly payloadBytes: Uint8Array;
}

/** `given` is used up: its numbers may be overwritten by their normalised values. */
export function storablePoints(given: GivenPoints, collection: CollectionState): PointBatch {
  const vectors = given.vectors.map((column) => storableColumn(column, collection));
  const { ids, payloadOffsets, payloadBytes } = given;
  return { ids, vectors, payloadOffsets, payloadBytes };
}

function storableColumn(given: GivenColumn, collection: CollectionState): VectorColumn {
  const { name, rows, rowEnds, data } = given;
  const config = vectorConfig(collection, name);
  if (given.otherKind !== null) throw vectorKindMismatch(given.otherKind);
  const { dimension } = config;
  let start = 0;
  for (const end of rowEnds) {
    if (end - start !== dimension) throw dimensionMismatch(dimension, end - start, name);
    start = end;
  }
  assert(data.length === rowEnds.length * dimension, 'rows lie one behind the other');
  if (needsNormalizing(config)) normalizeRows(data, dimension);
  return { name, dimension, rows, data };
}

/** uint8 vectors keep their length; their Cosine is computed when they are compared. */
export function needsNormalizing(config: VectorConfig): boolean {
  return config.distance === 'Cosine' && config.datatype !== 'uint8';
}

function normalizeRows(data: Float32Array, dimension: number): void {
  for (let start = 0; start < data.length; start += dimension) {
    const row = data.subarray(start, start + dimension);
    const normal = normalizeCosine(row);
    if (normal !== row) row.set(normal);
  }
}

/** Resolved once per configuration, which is replaced and never changed. */
const resolved = new WeakMap<CollectionConfig, ReadonlyMap<string, VectorConfig>>();

/** The vector of this name; throws if the collection has none. */
export function vectorConfig(collection: CollectionState, name: string): VectorConfig {
  let byName = resolved.get(collection.config);
  if (byName === undefined) {
    byName = new Map(vectorConfigs(collection.config).map((one) => [one.name, one]));
    resolved.set(collection.config, byName);
  }
  const config = byName.get(name);
  if (config === undefined) throw unknownVectorName(name);
  return config;
}

export function unknownVectorName(name: string): RequestError {
  return new RequestError('wrong_input', `Not existing vector name error: ${name}`);
}

export function dimensionMismatch(expected: number, received: number, name = ''): RequestError {
  const of = name === '' ? '' : ` for vector '${name}'`;
  const text = `Vector dimension error: expected dim: ${expected}, got ${received}${of}`;
  return new RequestError('wrong_input', text);
}

export function vectorKindMismatch(kind: 'sparse' | 'multi'): RequestError {
  const text = `Conversion between ${kind} and regular vectors failed`;
  return new RequestError('wrong_input', text);
}
