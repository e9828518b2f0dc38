// The npm peers under measurement. They live in bench/node_modules (or in the folder named by
// OCTANT_BENCH_MODULES), never among Octant's own packages. Prints one Measurement per line.

import { createRequire } from 'node:module';
import { type BenchData, readFloats } from './data.ts';
import { cpuMilliseconds, efs, type Measurement, measureSearch } from './measure.ts';

interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threadCount: number): void;
  search(query: Float32Array, k: number, threadCount: number): { keys: BigUint64Array };
  save(path: string): void;
  load(path: string): void;
}
interface Usearch {
  Index: new (options: object) => UsearchIndex;
}
interface HnswlibIndex {
  initIndex(count: number, m: number, efConstruct: number): void;
  addPoint(point: number[], label: number): void;
  setEf(ef: number): void;
  searchKnn(query: number[], k: number): { neighbors: number[] };
}
interface Hnswlib {
  HierarchicalNSW: new (space: string, dimension: number) => HnswlibIndex;
}

const folder = process.env['OCTANT_BENCH_MODULES'] ?? new URL('..', import.meta.url).pathname;
const require = createRequire(`${folder}/package.json`);

/** The beam width is fixed when an index is made, so the built one is saved and loaded again. */
function runUsearch(data: BenchData): Measurement {
  const { Index } = require('usearch') as Usearch;
  const optionsFor = (ef: number): object => ({
    metric: 'ip',
    connectivity: 16,
    dimensions: data.dimension,
    expansion_add: 100,
    expansion_search: ef,
    quantization: 'f32',
  });
  const points = readFloats(data.pointsPath);
  const keys = BigUint64Array.from({ length: data.count }, (_, i) => BigInt(i));
  const built = new Index(optionsFor(64));
  const start = performance.now();
  const cpuStart = cpuMilliseconds();
  built.add(keys, points, 2);
  const buildSeconds = (performance.now() - start) / 1_000;
  const buildCpuSeconds = (cpuMilliseconds() - cpuStart) / 1_000;
  const path = `${data.pointsPath}.usearch`;
  built.save(path);
  const measured = efs.map((ef) => {
    const index = new Index(optionsFor(ef));
    index.load(path);
    return { ef, ...measureSearch(data, (query) => index.search(query, data.k, 1).keys) };
  });
  return {
    engine: 'usearch',
    buildSeconds,
    buildCpuSeconds,
    buildThreadCount: 2,
    points: measured,
  };
}

function runHnswlib(data: BenchData): Measurement {
  const { HierarchicalNSW } = require('hnswlib-node') as Hnswlib;
  const { dimension } = data;
  const points = readFloats(data.pointsPath);
  const index = new HierarchicalNSW('ip', dimension);
  index.initIndex(data.count, 16, 100);
  const start = performance.now();
  const cpuStart = cpuMilliseconds();
  for (let i = 0; i < data.count; i += 1) {
    index.addPoint(Array.from(points.subarray(i * dimension, (i + 1) * dimension)), i);
  }
  const buildSeconds = (performance.now() - start) / 1_000;
  const buildCpuSeconds = (cpuMilliseconds() - cpuStart) / 1_000;
  const queries = readFloats(data.queriesPath);
  // It takes arrays only; making them is not counted.
  const arrays = Array.from({ length: data.queryCount }, (_, i) =>
    Array.from(queries.subarray(i * dimension, (i + 1) * dimension)),
  );
  const measured = efs.map((ef) => {
    index.setEf(ef);
    return {
      ef,
      ...measureSearch(data, (_, row) => index.searchKnn(arrays[row] ?? [], data.k).neighbors),
    };
  });
  return {
    engine: 'hnswlib',
    buildSeconds,
    buildCpuSeconds,
    buildThreadCount: 1,
    points: measured,
  };
}

const data = JSON.parse(process.argv[3] ?? '') as BenchData;
const measurement = process.argv[2] === 'usearch' ? runUsearch(data) : runHnswlib(data);
process.stdout.write(`${JSON.stringify(measurement)}\n`);
