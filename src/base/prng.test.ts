import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from './prng.ts';

const take = (prng: Prng, count: number): number[] =>
  Array.from({ length: count }, () => prng.u32());

test('a seed fixes the sequence, other seeds give others', () => {
  assert.deepEqual(take(new Prng(7), 5), take(new Prng(7), 5));
  const firsts = new Set(Array.from({ length: 2000 }, (_, seed) => new Prng(seed).u32()));
  assert.equal(firsts.size, 2000);
  assert.notDeepEqual(take(new Prng(7), 3), take(new Prng(7 + 2 ** 33), 3));
  assert.notDeepEqual(take(new Prng(-1), 3), take(new Prng(1), 3));
});

test('draws have the moments of their distributions', () => {
  const prng = new Prng(1);
  const count = 50_000;
  let uniformSum = 0;
  let normalSum = 0;
  let normalSquares = 0;
  const histogram = new Uint32Array(10);
  for (let draw = 0; draw < count; draw += 1) {
    const uniform = prng.uniform();
    assert.ok(uniform >= 0 && uniform < 1);
    uniformSum += uniform;
    const normal = prng.normal();
    normalSum += normal;
    normalSquares += normal * normal;
    const slot = prng.int(10);
    histogram[slot] = (histogram[slot] as number) + 1;
  }
  assert.ok(Math.abs(uniformSum / count - 0.5) < 0.01);
  assert.ok(Math.abs(normalSum / count) < 0.02);
  assert.ok(Math.abs(normalSquares / count - 1) < 0.03);
  for (const slot of histogram) assert.ok(Math.abs(slot / count - 0.1) < 0.01);
});

test('shuffling permutes, forks differ from their parent', () => {
  const prng = new Prng(3);
  const shuffled = prng.shuffle(Array.from({ length: 100 }, (_, at) => at));
  assert.notDeepEqual(shuffled.slice(0, 10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(
    shuffled.toSorted((a, b) => a - b),
    Array.from({ length: 100 }, (_, at) => at),
  );
  assert.notDeepEqual(take(prng.fork(), 3), take(prng, 3));
  assert.ok(['a', 'b'].includes(prng.pick(['a', 'b'])));
  assert.equal(prng.chance(1), true);
});
