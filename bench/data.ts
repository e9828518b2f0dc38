// The points, queries and filters of a run, with the true answers from a plain exact search. All of
// it is the same on every machine; what takes long is kept in bench/.cache.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Dataset, type DatasetSpec, generateDataset } from './dataset.ts';

const cacheDirectory = new URL('./.cache/', import.meta.url).pathname;
/** Goes up whenever the content of cached files would change. */
const cacheVersion = 1;
export const topCount = 10;
const bucketCount = 100;

/** A filter of the benchmark: what the server is sent, and which points it keeps. */
export interface BenchFilter {
  readonly name: string;
  readonly body: unknown;
  readonly keeps: (point: number) => boolean;
}

export interface BenchData extends Dataset {
  readonly count: number;
  readonly queryCount: number;
  readonly filters: readonly BenchFilter[];
  /** By name of the filter, '' for none: per query the `topCount` nearest points, best first. */
  readonly truth: ReadonlyMap<string, Uint32Array>;
}

export function loadData(spec: DatasetSpec): BenchData {
  const { count, queryCount, dimension, seed } = spec;
  const key = `v${cacheVersion}-${count}x${dimension}-${queryCount}-${seed}`;
  const { points, queries, centres } = cachedDataset(spec, key);
  const data = { dimension, points, queries, centres, count, queryCount };
  const filters = benchFilters(data);
  return { ...data, filters, truth: cachedTruth(data, filters, key) };
}

/** 0 to 99, independent of the vectors. */
export function bucketOf(point: number): number {
  return (Math.imul(point, 0x9e3779b1) >>> 8) % bucketCount;
}

function cachedDataset(spec: DatasetSpec, key: string): Dataset {
  const { count, queryCount, dimension } = spec;
  const path = `${cacheDirectory}${key}.data`;
  if (existsSync(path)) {
    const { buffer } = readWhole(path);
    const pointsLength = count * dimension;
    const queriesLength = queryCount * dimension;
    const queriesEnd = (pointsLength + queriesLength) * 4;
    return {
      dimension,
      points: new Float32Array(buffer, 0, pointsLength),
      queries: new Float32Array(buffer, pointsLength * 4, queriesLength),
      centres: new Uint16Array(buffer, queriesEnd, count),
    };
  }
  const made = generateDataset(spec);
  writeCached(path, [made.points, made.queries, made.centres]);
  return made;
}

function cachedTruth(
  data: Omit<BenchData, 'filters' | 'truth'>,
  filters: readonly BenchFilter[],
  key: string,
): ReadonlyMap<string, Uint32Array> {
  const path = `${cacheDirectory}${key}.truth`;
  const names = ['', ...filters.map(({ name }) => name)];
  const length = data.queryCount * topCount;
  if (existsSync(path)) {
    const { buffer } = readWhole(path);
    return new Map(
      names.map((name, at) => [name, new Uint32Array(buffer, at * length * 4, length)]),
    );
  }
  const keeps = [() => true, ...filters.map((filter) => filter.keeps)];
  const lists = exactSearch(data, keeps);
  writeCached(path, lists);
  return new Map(names.map((name, at) => [name, lists[at] ?? new Uint32Array(0)]));
}

function readWhole(path: string): { readonly buffer: ArrayBuffer } {
  const bytes = readFileSync(path);
  const { buffer, byteOffset, byteLength } = bytes;
  return { buffer: buffer.slice(byteOffset, byteOffset + byteLength) };
}

function writeCached(path: string, parts: readonly ArrayBufferView[]): void {
  mkdirSync(cacheDirectory, { recursive: true });
  const chunks = parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
  writeFileSync(path, Buffer.concat(chunks));
}

/**
 * Keeping 1 %, 10 % and 50 %: by a bucket that has nothing to do with the vectors, and by centre.
 */
function benchFilters({ centres, count }: Pick<BenchData, 'centres' | 'count'>): BenchFilter[] {
  const byBucket = [1, 10, 50].map(
    (percent): BenchFilter => ({
      name: `${percent} %`,
      body: { must: [{ key: 'bucket', range: { lt: percent } }] },
      keeps: (point) => bucketOf(point) < percent,
    }),
  );
  const byCentre = [1, 10, 50].map((percent): BenchFilter => {
    const from = centreBound(centres, (count * percent) / 100);
    return {
      name: `${percent} % by cluster`,
      body: { must: [{ key: 'centre', range: { gte: from } }] },
      keeps: (point) => (centres[point] ?? 0) >= from,
    };
  });
  return [...byBucket, ...byCentre];
}

/** The lowest centre such that about `wanted` points are of it or of later ones. */
function centreBound(centres: Uint16Array, wanted: number): number {
  const counts = new Uint32Array(1 << 16);
  for (const centre of centres) counts[centre] = (counts[centre] ?? 0) + 1;
  let sum = 0;
  for (let centre = counts.length - 1; centre > 0; centre -= 1) {
    sum += counts[centre] ?? 0;
    if (sum >= wanted) return centre;
  }
  return 0;
}

function exactSearch(
  data: Omit<BenchData, 'filters' | 'truth'>,
  keeps: readonly ((point: number) => boolean)[],
): Uint32Array[] {
  const { count, queryCount } = data;
  const masks = new Uint8Array(count);
  for (let point = 0; point < count; point += 1) {
    for (const [at, keep] of keeps.entries())
      if (keep(point)) masks[point] = (masks[point] ?? 0) | (1 << at);
  }
  const lists = keeps.map(() => new Uint32Array(queryCount * topCount));
  const scores = new Float32Array(count);
  for (let query = 0; query < queryCount; query += 1) {
    scoreAll(data, query, scores);
    for (const [at, list] of lists.entries()) {
      list.set(best(scores, masks, 1 << at), query * topCount);
    }
  }
  return lists;
}

function scoreAll(
  { points, queries, dimension }: Pick<BenchData, 'points' | 'queries' | 'dimension'>,
  query: number,
  scores: Float32Array,
): void {
  const vector = queries.subarray(query * dimension, (query + 1) * dimension);
  for (let point = 0; point < scores.length; point += 1) {
    const at = point * dimension;
    let even = 0;
    let odd = 0;
    for (let i = 0; i < dimension; i += 2) {
      even += (points[at + i] as number) * (vector[i] as number);
      odd += (points[at + i + 1] as number) * (vector[i + 1] as number);
    }
    scores[point] = even + odd;
  }
}

function best(scores: Float32Array, masks: Uint8Array, mask: number): Uint32Array {
  const found = new Uint32Array(topCount);
  const values = new Float32Array(topCount).fill(-Infinity);
  const last = topCount - 1;
  for (let point = 0; point < scores.length; point += 1) {
    const score = scores[point] as number;
    if (score <= (values[last] as number) || ((masks[point] as number) & mask) === 0) continue;
    let at = last;
    while (at > 0 && (values[at - 1] as number) < score) {
      values[at] = values[at - 1] as number;
      found[at] = found[at - 1] as number;
      at -= 1;
    }
    values[at] = score;
    found[at] = point;
  }
  return found;
}
