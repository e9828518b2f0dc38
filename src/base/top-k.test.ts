import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TopK } from './top-k.ts';

const scores = fc.array(
  fc.oneof(fc.constantFrom(0, -0, 1, 2, NaN, Infinity, -Infinity), fc.float({ noNaN: true })),
  { maxLength: 80 },
);

function best(values: readonly number[], k: number): number[] {
  return values
    .map((score, index) => ({ score, index }))
    .filter(({ score }) => !Number.isNaN(score))
    .sort((a, b) => (a.score === b.score ? a.index - b.index : b.score - a.score))
    .slice(0, k)
    .map(({ index }) => index);
}

test('equals sorting, whatever the order of arrival', () => {
  fc.assert(
    fc.property(scores, fc.nat(20), fc.infiniteStream(fc.nat()), (values, k, order) => {
      const topK = new TopK(k);
      const arrivals = values.map((_, index) => ({ index, rank: order.next().value as number }));
      for (const { index } of arrivals.sort((a, b) => a.rank - b.rank)) {
        topK.offer(values[index] as number, index);
      }
      assert.deepEqual([...topK.drain().indexes], best(values, k));
      assert.equal(topK.size, 0);
      topK.offerAll(Float32Array.from(values), 0);
      assert.deepEqual([...topK.drain().indexes], best(values, k));
    }),
  );
});

test('the floor rises once the heap is full', () => {
  const topK = new TopK(2);
  assert.equal(topK.floor, -Infinity);
  topK.offer(1, 0);
  topK.offer(3, 1);
  assert.equal(topK.floor, 1);
  assert.equal(topK.offer(1, 5), false);
  assert.equal(topK.offer(2, 6), true);
  assert.equal(topK.floor, 2);
  assert.equal(new TopK(0).offer(9, 0), false);
});
