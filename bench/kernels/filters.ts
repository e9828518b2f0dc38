// Recall and time of filtered searches: filters that keep 1 %, 10 % and 50 % of the points, chosen
// independently of the vectors, by their centres (whole clusters pass or fail), and by a direction
// (one side of the space passes).
//
//   node bench/kernels/filters.ts [100000x128]

import { setBit } from '../../src/base/bitset.ts';
import { Prng } from '../../src/base/prng.ts';
import { VectorKernel } from '../../src/kernels/kernel.ts';
import { createVectorMemory } from '../../src/kernels/vector-memory.ts';
import { type Dataset, generateDataset } from '../dataset.ts';
import { cpuMilliseconds } from './measure.ts';

const queryCount = 300;
const k = 10;
type Kind = 'independent' | 'by centre' | 'by direction';

function build(data: Dataset, count: number): VectorKernel {
  const created = createVectorMemory({
    pointCapacity: count,
    dimension: data.dimension,
    element: 'f32',
    metric: 'cosine',
    keepVectors: true,
    graph: { m: 16, m0: 32, efConstruct: 100 },
    codes: true,
    slotCount: 1,
  });
  if (created.kind !== 'created') throw new Error(created.kind);
  const kernel = VectorKernel.open(created.vectorMemory, 0);
  const { buffer, byteOffset, byteLength } = data.points;
  kernel.writeRows(0, new Uint8Array(buffer, byteOffset, byteLength));
  kernel.train(count);
  kernel.encode(0, count);
  const plan = kernel.planBuild(count);
  while (!kernel.buildLoop(plan, 10_000).done);
  return kernel;
}

function dot(data: Float32Array, row: number, direction: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < direction.length; i += 1) {
    sum += (data[row * direction.length + i] ?? 0) * (direction[i] ?? 0);
  }
  return sum;
}

/** Centres in a random order until they hold the wanted share of the points. */
function chosenCentres(data: Dataset, wanted: number, random: Prng): Set<number> {
  const sizes = new Map<number, number>();
  for (const centre of data.centres) sizes.set(centre, (sizes.get(centre) ?? 0) + 1);
  const chosen = new Set<number>();
  let held = 0;
  for (const centre of random.shuffle([...sizes.keys()])) {
    const size = sizes.get(centre) ?? 0;
    if (held + size > wanted * 1.2) continue;
    chosen.add(centre);
    held += size;
    if (held > wanted * 0.9) break;
  }
  return chosen;
}

function passing(data: Dataset, kind: Kind, share: number): Uint32Array {
  const count = data.centres.length;
  const random = new Prng(Math.round(share * 1_000));
  const bits = new Uint32Array(Math.ceil(count / 32));
  const direction = Float32Array.from({ length: data.dimension }, () => random.normal());
  const along = Float32Array.from({ length: count }, (_, row) => dot(data.points, row, direction));
  const bound = along.toSorted()[Math.floor(count * (1 - share))] ?? 0;
  const centres = chosenCentres(data, count * share, random);
  for (let row = 0; row < count; row += 1) {
    const passes = {
      independent: random.chance(share),
      'by centre': centres.has(data.centres[row] ?? 0),
      'by direction': (along[row] ?? 0) > bound,
    }[kind];
    if (passes) setBit(bits, row);
  }
  return bits;
}

function measure(
  kernel: VectorKernel,
  queries: readonly Float32Array[],
  allowed: Uint32Array | null,
): string {
  const to = kernel.layout.spec.pointCapacity;
  const truth = queries.map((query) => kernel.scanAllowed({ query, k, allowed, from: 0, to }));
  const columns = [64, 128].map((ef) => {
    let hitCount = 0;
    let wantedCount = 0;
    queries.forEach((query, i) => {
      const wanted = new Set(truth[i]?.offsets);
      const { offsets } = kernel.searchGraph({ query, k, ef, allowed });
      wantedCount += wanted.size;
      for (const offset of offsets) if (wanted.has(offset)) hitCount += 1;
    });
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round += 1) {
      const start = cpuMilliseconds();
      for (const query of queries) kernel.searchGraph({ query, k, ef, allowed });
      best = Math.min(best, cpuMilliseconds() - start);
    }
    const microseconds = ((best * 1_000) / queries.length).toFixed(0);
    return `ef ${ef}: recall ${(hitCount / wantedCount).toFixed(4)}, ${microseconds} µs`;
  });
  return columns.join('   ');
}

const [count = 100_000, dimension = 128] = (process.argv[2] ?? '100000x128').split('x').map(Number);
const data = generateDataset({ count, queryCount, dimension, seed: 1 });
const kernel = build(data, count);
const queries = Array.from({ length: queryCount }, (_, row) =>
  data.queries.subarray(row * dimension, (row + 1) * dimension),
);
process.stdout.write(`${count} × ${dimension}\n  no filter            `);
process.stdout.write(`${measure(kernel, queries, null)}\n`);
for (const share of [0.01, 0.1, 0.5]) {
  for (const kind of ['independent', 'by centre', 'by direction'] as const) {
    const label = `${`${share * 100} %`.padStart(5)} ${kind}`.padEnd(21);
    const line = measure(kernel, queries, passing(data, kind, share));
    process.stdout.write(`  ${label}${line}\n`);
  }
}
