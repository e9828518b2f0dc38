// Graphs on clustered data against brute force: recall of both compiled modules, filters,
// tombstones, vectors that are not kept, and a build by several threads. The file is its own
// worker: as a thread it helps to build the graph of the memory it is sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { type Dataset, generateDataset } from '../../bench/dataset.ts';
import { setBit, testBit } from '../base/bitset.ts';
import { Prng } from '../base/prng.ts';
import type { Hits } from './exact-scorer.ts';
import { forceKernel } from './exports.ts';
import { type BuildPlan, VectorKernel } from './kernel.ts';
import type { VectorElement, VectorMetric, VectorSpec } from './layout.ts';
import { similarity } from './scalar.ts';
import { createVectorMemory, sections, usedSections, type VectorMemory } from './vector-memory.ts';

interface Job {
  readonly vectorMemory: VectorMemory;
  readonly plan: BuildPlan;
  readonly slot: number;
}

function help({ vectorMemory, plan, slot }: Job): void {
  const kernel = VectorKernel.open(vectorMemory, slot);
  while (!kernel.buildLoop(plan, 100).done);
}

const count = 3_072;
const dimension = 48;
const queryCount = 60;
const base: VectorSpec = {
  pointCapacity: count,
  dimension,
  element: 'f32',
  metric: 'cosine',
  keepVectors: true,
  graph: { m: 16, m0: 32, efConstruct: 100 },
  codes: true,
  slotCount: 3,
};

function create(spec: VectorSpec): VectorMemory {
  const created = createVectorMemory(spec);
  if (created.kind !== 'created') throw new Error(created.kind);
  return created.vectorMemory;
}

function vectorAt(data: Float32Array, row: number): Float32Array {
  return data.subarray(row * dimension, (row + 1) * dimension);
}

/** The data in the range that the element and metric are used with. */
function dataFor(element: VectorElement, metric: VectorMetric): Dataset {
  const normalize = metric === 'cosine';
  const seed = 7;
  const data = generateDataset({ count, queryCount, dimension, seed, normalize });
  if (element !== 'u8') return data;
  const gain = normalize ? 300 : 30;
  const bytes = (x: number): number => x * gain + 100;
  return { ...data, points: data.points.map(bytes), queries: data.queries.map(bytes) };
}

function fill(kernel: VectorKernel, data: Dataset): void {
  const rowCount = data.points.length / dimension;
  for (let row = 0; row < rowCount; row += 1) kernel.writeVector(row, vectorAt(data.points, row));
  kernel.train(rowCount);
  kernel.encode(0, rowCount);
}

function build(kernel: VectorKernel, rowCount: number): void {
  const plan = kernel.planBuild(rowCount);
  while (!kernel.buildLoop(plan, 1_000).done);
}

function queriesOf(data: Dataset): Float32Array[] {
  return Array.from({ length: queryCount }, (_, row) => vectorAt(data.queries, row));
}

/** The share of the exact hits that are found; the hits' scores must be the exact ones. */
function recallOf(found: readonly Hits[], exact: readonly Hits[]): number {
  let hitCount = 0;
  let wantedCount = 0;
  exact.forEach(({ offsets, sims }, i) => {
    const answer = found[i];
    assert.ok(answer !== undefined);
    assert.equal(new Set(answer.offsets).size, answer.offsets.length);
    const wanted = new Map(Array.from(offsets, (offset, rank) => [offset, sims[rank]]));
    answer.offsets.forEach((offset, rank) => {
      if (rank > 0) assert.ok((answer.sims[rank - 1] ?? 0) >= (answer.sims[rank] ?? 0));
      if (!wanted.has(offset)) return;
      assert.equal(answer.sims[rank], wanted.get(offset));
      hitCount += 1;
    });
    wantedCount += offsets.length;
  });
  return hitCount / wantedCount;
}

function recall(
  kernel: VectorKernel,
  data: Dataset,
  { ef, allowed }: { readonly ef: number; readonly allowed: Uint32Array | null },
): number {
  const queries = queriesOf(data);
  const found = queries.map((query) => kernel.searchGraph({ query, k: 10, ef, allowed }));
  const exact = queries.map((query) =>
    kernel.scanAllowed({ query, k: 10, allowed, from: 0, to: count }),
  );
  return recallOf(found, exact);
}

function defineTests(): void {
  for (const module of ['relaxed', 'plain'] as const) {
    test(`recall on clustered vectors, ${module} SIMD`, () => {
      forceKernel(module);
      const data = dataFor('f32', 'cosine');
      const kernel = VectorKernel.open(create(base), 0);
      fill(kernel, data);
      build(kernel, count);
      assert.equal(kernel.linkedCount, count);
      const reached = recall(kernel, data, { ef: 64, allowed: null });
      forceKernel('relaxed');
      assert.ok(reached >= 0.98, `recall ${reached}`);
    });
  }

  for (const element of ['f32', 'f16', 'u8'] as const) {
    for (const metric of ['dot', 'cosine', 'euclid', 'manhattan'] as const) {
      test(`recall of ${element} vectors with ${metric}`, () => {
        const data = dataFor(element, metric);
        const kernel = VectorKernel.open(create({ ...base, element, metric }), 0);
        fill(kernel, data);
        build(kernel, count);
        const reached = recall(kernel, data, { ef: 64, allowed: null });
        // The largest dot product is no nearest neighbour: graphs find it less surely.
        const floor = metric === 'dot' ? 0.93 : 0.97;
        assert.ok(reached >= floor, `recall ${reached}`);
      });
    }
  }

  test('three threads build one graph', async () => {
    const data = dataFor('f32', 'cosine');
    const vectorMemory = create(base);
    const kernel = VectorKernel.open(vectorMemory, 0);
    fill(kernel, data);
    const plan = kernel.planBuild(count);
    const workers = [1, 2].map(
      (slot) => new Worker(new URL(import.meta.url), { workerData: { vectorMemory, plan, slot } }),
    );
    const ends = workers.map((worker) => {
      return new Promise((resolve, reject) => {
        worker.once('exit', resolve);
        worker.once('error', reject);
      });
    });
    while (!kernel.buildLoop(plan, 100).done);
    await Promise.all(ends);
    assert.equal(kernel.linkedCount, count);
    const reached = recall(kernel, data, { ef: 64, allowed: null });
    assert.ok(reached >= 0.98, `recall ${reached}`);
  });

  test('filters and tombstones: nothing else is returned, recall stays', () => {
    const data = dataFor('f32', 'cosine');
    const kernel = VectorKernel.open(create(base), 0);
    fill(kernel, data);
    for (let row = 0; row < count; row += 9) kernel.markAbsent(row);
    build(kernel, count);
    assert.equal(kernel.linkedCount, count - Math.ceil(count / 9));
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 31 }),
        fc.constantFrom(0.01, 0.1, 0.3, 0.5, 0.9),
        fc.boolean(),
        (seed, share, correlated) => {
          const random = new Prng(seed);
          const allowed = new Uint32Array(count / 32);
          for (let row = 0; row < count; row += 1) {
            const passes = correlated
              ? ((data.centres[row] ?? 0) * 0.618_034) % 1 < share
              : random.chance(share);
            if (passes) setBit(allowed, row);
          }
          const removed = random.int(count);
          kernel.remove(removed);
          const queries = queriesOf(data);
          for (const filter of [allowed, null]) {
            for (const query of queries.slice(0, 10)) {
              const hits = kernel.searchGraph({ query, k: 10, ef: 64, allowed: filter });
              for (const offset of hits.offsets) {
                assert.ok(filter === null || testBit(filter, offset));
                assert.ok(!kernel.isHidden(offset) && offset % 9 !== 0);
              }
            }
            const reached = recall(kernel, data, { ef: 64, allowed: filter });
            assert.ok(reached >= 0.95, `recall ${reached}`);
          }
        },
      ),
      { numRuns: 12 },
    );
    const empty = new Uint32Array(count / 32);
    const query = vectorAt(data.queries, 0);
    assert.equal(kernel.searchGraph({ query, k: 10, ef: 64, allowed: empty }).offsets.length, 0);
  });

  test('codes alone find the candidates when vectors are on disk', () => {
    for (const metric of ['cosine', 'euclid', 'manhattan'] as const) {
      const data = dataFor('f32', metric);
      const spec: VectorSpec = { ...base, metric };
      const full = VectorKernel.open(create(spec), 0);
      fill(full, data);
      const bare = VectorKernel.open(create({ ...spec, keepVectors: false }), 0);
      bare.train(
        count,
        Array.from({ length: 1_000 }, (_, row) => vectorAt(data.points, row)),
      );
      for (let row = 0; row < count; row += 1) bare.encodeVector(row, vectorAt(data.points, row));
      build(bare, count);
      const queries = queriesOf(data);
      const found = queries.map((query) => {
        const candidates = bare.searchGraph({ query, k: 10, ef: 64, allowed: null });
        assert.equal(candidates.exact, false);
        candidates.offsets.forEach((offset, i) => {
          const exact = similarity(query, vectorAt(data.points, offset), spec);
          const estimate = candidates.sims[i] ?? Number.NaN;
          const size = metric === 'cosine' ? 1 : Math.abs(exact);
          const tolerance = metric === 'cosine' ? 0.06 : 0.2;
          assert.ok(Math.abs(estimate - exact) < tolerance * size, `${estimate} for ${exact}`);
        });
        const rows = new Float32Array(candidates.offsets.length * dimension);
        candidates.offsets.forEach((offset, i) =>
          rows.set(vectorAt(data.points, offset), i * dimension),
        );
        const sims = bare.scoreBlock(query, new Uint8Array(rows.buffer));
        const order = Array.from(sims.keys()).sort((a, b) => (sims[b] ?? 0) - (sims[a] ?? 0));
        const best = order.slice(0, 10);
        return {
          offsets: Uint32Array.from(best, (i) => candidates.offsets[i] ?? 0),
          sims: Float32Array.from(best, (i) => sims[i] ?? 0),
        };
      });
      const exact = queries.map((query) =>
        full.scanAllowed({ query, k: 10, allowed: null, from: 0, to: count }),
      );
      const reached = recallOf(found, exact);
      assert.ok(reached >= 0.97, `${metric}: recall ${reached}`);
    }
  });

  test('sections written and read back give the same answers', () => {
    const data = dataFor('f32', 'cosine');
    const first = create(base);
    const kernel = VectorKernel.open(first, 0);
    fill(kernel, data);
    build(kernel, count);
    const used = usedSections(first);
    const whole = sections(first);
    assert.ok(used.graph.length < whole.graph.length);
    const second = create({ ...base, slotCount: 1 });
    const target = sections(second);
    for (const name of ['vectors', 'codes', 'graph', 'absent'] as const) {
      target[name].set(used[name]);
    }
    const reopened = VectorKernel.open(second, 0);
    for (const query of queriesOf(data)) {
      const request = { query, k: 10, ef: 64, allowed: null };
      assert.deepEqual(reopened.searchGraph(request), kernel.searchGraph(request));
    }
  });

  test('tiny graphs: every point is found', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 16 }), (size, m) => {
        const data = generateDataset({ count: size, queryCount: 1, dimension, seed: size });
        const graph = { m, m0: 2 * m, efConstruct: 4 };
        const kernel = VectorKernel.open(create({ ...base, pointCapacity: size, graph }), 0);
        fill(kernel, data);
        build(kernel, size);
        const query = vectorAt(data.queries, 0);
        const hits = kernel.searchGraph({ query, k: size + 5, ef: 8, allowed: null });
        assert.equal(hits.offsets.length, size);
      }),
      { numRuns: 40 },
    );
  });
}

if (isMainThread) defineTests();
else help(workerData as Job);
