// The data of one comparison, made once and kept in bench/.cache as plain files that every engine's
// script can read: points and queries as f32, and the exact ten nearest of each query.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { VectorKernel } from '../../src/kernels/kernel.ts';
import { createVectorMemory } from '../../src/kernels/vector-memory.ts';
import { generateDataset } from '../dataset.ts';

export interface BenchData {
  readonly count: number;
  readonly dimension: number;
  readonly queryCount: number;
  readonly k: number;
  readonly pointsPath: string;
  readonly queriesPath: string;
  /** k u32 per query. */
  readonly truthPath: string;
}

const queryCount = 1_000;
const k = 10;

function exactNeighbours(
  points: Float32Array,
  queries: Float32Array,
  dimension: number,
): Uint32Array {
  const count = points.length / dimension;
  const created = createVectorMemory({
    pointCapacity: count,
    dimension,
    element: 'f32',
    metric: 'cosine',
    keepVectors: true,
    graph: null,
    codes: false,
    slotCount: 1,
  });
  if (created.kind !== 'created') throw new Error(created.kind);
  const kernel = VectorKernel.open(created.vectorMemory, 0);
  kernel.writeRows(0, new Uint8Array(points.buffer, points.byteOffset, points.byteLength));
  const truth = new Uint32Array(queryCount * k);
  for (let i = 0; i < queryCount; i += 1) {
    const query = queries.subarray(i * dimension, (i + 1) * dimension);
    const hits = kernel.scanAllowed({ query, k, allowed: null, from: 0, to: count });
    truth.set(hits.offsets, i * k);
  }
  return truth;
}

export function prepareData(count: number, dimension: number): BenchData {
  const folder = new URL('../.cache/', import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  const stem = `${folder}kernels-${count}-${dimension}`;
  const data: BenchData = {
    count,
    dimension,
    queryCount,
    k,
    pointsPath: `${stem}-points.f32`,
    queriesPath: `${stem}-queries.f32`,
    truthPath: `${stem}-truth.u32`,
  };
  if (existsSync(data.truthPath)) return data;
  const { points, queries } = generateDataset({ count, queryCount, dimension, seed: 1 });
  writeFileSync(data.pointsPath, points);
  writeFileSync(data.queriesPath, queries);
  writeFileSync(data.truthPath, exactNeighbours(points, queries, dimension));
  return data;
}

export function readFloats(path: string): Float32Array<ArrayBuffer> {
  const bytes = readFileSync(path);
  return new Float32Array(new Uint8Array(bytes).buffer);
}

export function readTruth(data: BenchData): Uint32Array {
  return new Uint32Array(new Uint8Array(readFileSync(data.truthPath)).buffer);
}
