// The compiled exact scores against the scalar ones, on growing and on sealed memories.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GrowableVectors } from './growable-vectors.ts';
import { VectorKernel } from './kernel.ts';
import type { VectorElement, VectorMetric, VectorSpec } from './layout.ts';
import { normalizeCosine } from './normalize.ts';
import { scanScalar, similarity, storedComponent } from './scalar.ts';
import { createVectorMemory } from './vector-memory.ts';

const elements: VectorElement[] = ['f32', 'f16', 'u8'];
const metrics: VectorMetric[] = ['dot', 'cosine', 'euclid', 'manhattan'];

function component(element: VectorElement): fc.Arbitrary<number> {
  if (element === 'u8') return fc.double({ min: -20, max: 300 });
  return fc.float({ min: -100, max: 100, noNaN: true });
}

interface Case {
  readonly element: VectorElement;
  readonly metric: VectorMetric;
  readonly vectors: readonly Float32Array[];
  readonly query: Float32Array;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    element: fc.constantFrom(...elements),
    metric: fc.constantFrom(...metrics),
    dimension: fc.integer({ min: 1, max: 70 }),
    rowCount: fc.integer({ min: 1, max: 90 }),
  })
  .chain(({ element, metric, dimension, rowCount }) => {
    const vector = fc
      .array(component(element), { minLength: dimension, maxLength: dimension })
      .map((values) => Float32Array.from(values));
    return fc.record({
      element: fc.constant(element),
      metric: fc.constant(metric),
      vectors: fc.array(vector, { minLength: rowCount, maxLength: rowCount }),
      query: vector,
    });
  });

/** The sum of absolute terms bounds the rounding error of the sum. */
function toleranceOf({ element, metric, query }: Case, vector: Float32Array): number {
  if (element === 'u8' && metric !== 'cosine') return 0.5;
  let sum = 1e-30;
  for (let i = 0; i < vector.length; i += 1) {
    const a = storedComponent(query[i] ?? 0, element);
    const b = storedComponent(vector[i] ?? 0, element);
    sum +=
      metric === 'dot' || metric === 'cosine' ? Math.abs(a * b) : (Math.abs(a) + Math.abs(b)) ** 2;
  }
  return element === 'u8' ? 1e-6 : sum * 2e-6;
}

function sealedOf({ element, metric, vectors }: Case): VectorKernel {
  const spec: VectorSpec = {
    pointCapacity: vectors.length,
    dimension: vectors[0]?.length ?? 0,
    element,
    metric,
    keepVectors: true,
    graph: null,
    codes: false,
    slotCount: 2,
  };
  const created = createVectorMemory(spec);
  assert.equal(created.kind, 'created');
  if (created.kind !== 'created') throw new Error('unreachable');
  const kernel = VectorKernel.open(created.vectorMemory, 1);
  vectors.forEach((vector, offset) => kernel.writeVector(offset, vector));
  return kernel;
}

test('exact scores equal the scalar ones, and are the same bits wherever they come from', () => {
  fc.assert(
    fc.property(cases, (example) => {
      const { element, metric, vectors, query } = example;
      const growing = GrowableVectors.create({
        dimension: query.length,
        element,
        metric,
      });
      for (const vector of vectors) growing.append(vector);
      const sealed = sealedOf(example);
      const offsets = vectors.map((_, offset) => offset);
      const sims = sealed.scoreOffsets(query, offsets);
      assert.deepEqual(growing.scoreOffsets(query, offsets), sims);
      assert.deepEqual(sealed.scoreBlock(query, growing.rawRows(0, vectors.length)), sims);
      const all = { query, k: vectors.length + 5, allowed: null, from: 0, to: vectors.length };
      const hits = growing.scan(all);
      assert.deepEqual(sealed.scanAllowed(all), hits);
      assert.equal(hits.offsets.length, vectors.length);
      hits.offsets.forEach((offset, i) => assert.equal(hits.sims[i], sims[offset]));
      vectors.forEach((vector, offset) => {
        const expected = similarity(query, vector, example);
        const received = sims[offset] ?? Number.NaN;
        assert.ok(
          Math.abs(received - expected) <= toleranceOf(example, vector) + Math.abs(expected) * 1e-6,
          `${received} instead of ${expected}`,
        );
        const read = sealed.readVector(offset);
        assert.deepEqual(
          read,
          Float32Array.from(vector, (x) => storedComponent(x, element)),
        );
        assert.deepEqual(growing.read(offset), read);
      });
    }),
    { numRuns: 150 },
  );
});

test('scans with filters, tombstones and any range return the best of what is admitted', () => {
  const bits = fc.array(fc.boolean(), { minLength: 90, maxLength: 90 });
  const range = fc.tuple(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 0, max: 90 }));
  fc.assert(
    fc.property(
      cases,
      fc.tuple(bits, bits),
      range,
      fc.integer({ min: 1, max: 100 }),
      (example, [allowedBits, hiddenBits], [from, to], k) => {
        const { vectors, query } = example;
        const sealed = sealedOf(example);
        const growing = GrowableVectors.create({ ...example, dimension: query.length });
        const allowed = new Uint32Array(3);
        vectors.forEach((vector, offset) => {
          growing.append(vector);
          if (allowedBits[offset])
            allowed[offset >>> 5] = (allowed[offset >>> 5] ?? 0) | (1 << (offset & 31));
          if (!hiddenBits[offset]) return;
          sealed.remove(offset);
          growing.remove(offset);
        });
        const sims = [...sealed.scoreOffsets(query, Array.from(vectors.keys()))];
        const admitted = (offset: number): boolean =>
          offset >= from &&
          offset < to &&
          allowedBits[offset] === true &&
          hiddenBits[offset] !== true;
        const expected = scanScalar(sims, admitted, k);
        for (const holder of [sealed.scanAllowed.bind(sealed), growing.scan.bind(growing)]) {
          const hits = holder({ query, k, allowed, from, to });
          assert.deepEqual(
            [...hits.offsets],
            expected.map((hit) => hit.offset),
          );
          assert.deepEqual(
            [...hits.sims],
            expected.map((hit) => hit.sim),
          );
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('a growing memory starts small, keeps what it has when it grows, and can be posted', () => {
  const growing = GrowableVectors.create({ dimension: 96, element: 'f32', metric: 'dot' });
  const rowOf = (i: number): Float32Array => Float32Array.from({ length: 96 }, (_, j) => i + j);
  for (let i = 0; i < 5_000; i += 1) growing.append(i % 10 === 3 ? null : rowOf(i));
  growing.overwrite(20, rowOf(7));
  growing.overwrite(23, rowOf(1));
  growing.overwrite(21, null);
  growing.remove(4_999);
  for (const view of [growing, GrowableVectors.open(structuredClonePosted(growing))]) {
    assert.equal(view.rowCount, 5_000);
    assert.deepEqual(view.read(20), rowOf(7));
    assert.deepEqual(view.read(23), rowOf(1));
    assert.ok(!view.has(21) && !view.has(33) && view.has(4_999));
    const hits = view.scan({ query: rowOf(0), k: 20_000, allowed: null, from: 0, to: 9_999 });
    assert.equal(hits.offsets.length, 5_000 - 500 + 1 - 2);
    assert.equal(hits.offsets[0], 4_998);
  }
});

function structuredClonePosted(growing: GrowableVectors): ReturnType<GrowableVectors['posted']> {
  const { memory, ...rest } = growing.posted();
  return { memory, ...structuredClone(rest) };
}

test('more than 4 GiB is refused as a result, not as an exception', () => {
  const created = createVectorMemory({
    pointCapacity: 20_000_000,
    dimension: 768,
    element: 'f32',
    metric: 'cosine',
    keepVectors: true,
    graph: null,
    codes: false,
    slotCount: 1,
  });
  assert.equal(created.kind, 'too_large');
});

test('cosine normalisation leaves unit, tiny and zero vectors alone', () => {
  const unit = Float32Array.of(0.6, 0.8);
  assert.equal(normalizeCosine(unit), unit);
  const tiny = Float32Array.of(1e-4, 2e-4);
  assert.equal(normalizeCosine(tiny), tiny);
  const zero = new Float32Array(3);
  assert.equal(normalizeCosine(zero), zero);
  assert.deepEqual(normalizeCosine(Float32Array.of(3, 4)), Float32Array.of(0.6, 0.8));
});
