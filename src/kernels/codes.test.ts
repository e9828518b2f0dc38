// The codes and their scores against the scalar twin, for both compiled modules.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { forceKernel, instantiate } from './exports.ts';
import { VectorKernel } from './kernel.ts';
import { codeParameterBytes, type VectorMetric } from './layout.ts';
import { codeOf, codeScore, rotated } from './scalar.ts';
import { createVectorMemory, type VectorMemory } from './vector-memory.ts';

const rowCount = 9;

function create(dimension: number, metric: VectorMetric): VectorMemory {
  const created = createVectorMemory({
    pointCapacity: rowCount,
    dimension,
    element: 'f32',
    metric,
    keepVectors: true,
    graph: null,
    codes: true,
    slotCount: 1,
  });
  if (created.kind !== 'created') throw new Error(created.kind);
  return created.vectorMemory;
}

const vectors = fc.integer({ min: 1, max: 80 }).chain((dimension) => {
  const component = fc.float({ min: -50, max: 50, noNaN: true });
  const vector = fc.array(component, { minLength: dimension, maxLength: dimension });
  return fc.array(vector, { minLength: rowCount, maxLength: rowCount });
});

for (const module of ['relaxed', 'plain'] as const) {
  test(`codes and their scores equal the scalar ones, ${module} SIMD`, () => {
    forceKernel(module);
    fc.assert(
      fc.property(
        vectors,
        fc.constantFrom<VectorMetric>('cosine', 'dot', 'euclid', 'manhattan'),
        (rows, metric) => {
          const dimension = rows[0]?.length ?? 0;
          const vectorMemory = create(dimension, metric);
          const { layout } = vectorMemory;
          const kernel = VectorKernel.open(vectorMemory, 0);
          rows.forEach((row, offset) => kernel.writeVector(offset, row));
          kernel.train(rowCount);
          kernel.encode(0, rowCount);
          const f32 = new Float32Array(vectorMemory.memory.buffer);
          const bytes = new Uint8Array(vectorMemory.memory.buffer);
          const { codeBytes, codeRows, codeParameters } = layout;
          const mean = (codeParameters + codeParameterBytes) / 4;
          const signs = f32.subarray(mean + codeBytes, mean + 3 * codeBytes);
          const scale = f32[codeParameters / 4] ?? 1;
          const codes = rows.map((row, offset) => {
            const at = codeRows + offset * codeBytes;
            const code = bytes.subarray(at, at + codeBytes);
            const centred = Array.from(
              { length: codeBytes },
              (_, i) => (row[i] ?? 0) - (f32[mean + i] ?? 0),
            );
            const turned = metric === 'manhattan' ? centred : rotated(centred, signs);
            turned.forEach((x, i) => {
              const expected = codeOf(x, scale);
              assert.ok(Math.abs((code[i] ?? 0) - expected) <= 1, `${code[i]} for ${expected}`);
            });
            return code;
          });
          assertScores(vectorMemory, codes);
        },
      ),
      { numRuns: 60 },
    );
    forceKernel('relaxed');
  });
}

/** All rows scored against the first by the compiled code. */
function assertScores(vectorMemory: VectorMemory, codes: readonly Uint8Array[]): void {
  const { layout, memory } = vectorMemory;
  const { slot, codeRows, codeParameters, codeBytes } = layout;
  const exports = instantiate(memory);
  exports.setCodes(codeParameters, codeRows, codeBytes, slot.queryCode, slot.widened);
  const words = new Int32Array(memory.buffer);
  for (let i = 0; i < rowCount; i += 1) words[slot.ids / 4 + i] = i;
  for (const [mode, kind] of [
    [1, 'euclid'],
    [2, 'manhattan'],
    [3, 'inner'],
  ] as const) {
    exports.scoreBatch(mode, codeRows, slot.ids, rowCount, slot.sims);
    codes.forEach((code, i) => {
      assert.equal(words[slot.sims / 4 + i], codeScore(code, codes[0] ?? code, kind), kind);
    });
  }
}
