import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as bitset from './bitset.ts';

const bitCount = 150;
const bits = fc.uniqueArray(fc.nat(bitCount - 1), { maxLength: 60 });

function build(members: readonly number[], shared = false): Uint32Array {
  const byteLength = bitset.bitsetWordCount(bitCount) * 4;
  const words = new Uint32Array(
    shared ? new SharedArrayBuffer(byteLength) : new ArrayBuffer(byteLength),
  );
  for (const bit of members) bitset.setBit(words, bit);
  return words;
}

const ascending = (members: Iterable<number>): number[] => [...members].sort((a, b) => a - b);

test('algebra equals that of sets', () => {
  fc.assert(
    fc.property(bits, bits, fc.boolean(), (a, b, shared) => {
      const setA = new Set(a);
      const setB = new Set(b);
      const apply = (change: (words: Uint32Array) => void): number[] => {
        const words = build(a, shared);
        change(words);
        return [...bitset.bitsToArray(words)];
      };
      const other = build(b);
      assert.deepEqual(
        apply((words) => bitset.andInto(words, other)),
        ascending(setA.intersection(setB)),
      );
      assert.deepEqual(
        apply((words) => bitset.orInto(words, other)),
        ascending(setA.union(setB)),
      );
      assert.deepEqual(
        apply((words) => bitset.andNotInto(words, other)),
        ascending(setA.difference(setB)),
      );
      const all = new Set(Array.from({ length: bitCount }, (_, bit) => bit));
      assert.deepEqual(
        apply((words) => bitset.notInto(words, bitCount)),
        ascending(all.difference(setA)),
      );
      assert.equal(bitset.countBits(build(a)), a.length);
      assert.equal(bitset.countAnd(build(a), other), setA.intersection(setB).size);
    }),
  );
});

test('walking finds the set bits in order', () => {
  fc.assert(
    fc.property(bits, (a) => {
      const words = build(a);
      const visited: number[] = [];
      bitset.forEachBit(words, (bit) => visited.push(bit));
      assert.deepEqual(visited, ascending(a));
      const walked: number[] = [];
      for (let bit = bitset.nextBit(words, 0); bit >= 0; bit = bitset.nextBit(words, bit + 1)) {
        walked.push(bit);
      }
      assert.deepEqual(walked, ascending(a));
      for (let bit = 0; bit < bitCount; bit += 1) {
        assert.equal(bitset.testBit(words, bit), a.includes(bit));
      }
    }),
  );
});

test('a full set ends where it should, and bits clear one by one', () => {
  for (const count of [0, 1, 31, 32, 33, 64, 100]) {
    const words = bitset.fullBitset(count);
    assert.equal(bitset.countBits(words), count);
    if (count > 0) bitset.clearBit(words, count - 1);
    assert.equal(bitset.nextBit(words, Math.max(count - 1, 0)), -1);
  }
  assert.equal(bitset.testBit(bitset.fullBitset(32), 1000), false);
});

test('atomic setting tells who was first', () => {
  const words = build([], true);
  assert.equal(bitset.setBitAtomic(words, 63), true);
  assert.equal(bitset.setBitAtomic(words, 63), false);
  assert.deepEqual([...bitset.bitsToArray(words)], [63]);
});

test('a shorter operand counts as zeros', () => {
  const words = bitset.fullBitset(70);
  bitset.andInto(words, bitset.fullBitset(3));
  assert.deepEqual([...bitset.bitsToArray(words)], [0, 1, 2]);
});
