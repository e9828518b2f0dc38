import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sipHash } from './siphash.ts';

const paperKey = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c] as const;

function hex({ high, low }: { readonly high: number; readonly low: number }): string {
  return ((BigInt(high) << 32n) | BigInt(low)).toString(16).padStart(16, '0');
}

test('the published vectors: key 00 01 … 0f, message 00 01 …', () => {
  // Of the reference implementation, written as numbers; the one of 15 bytes is in the paper.
  const vectors: readonly (readonly [number, string])[] = [
    [0, '726fdb47dd0e0e31'],
    [1, '74f839c593dc67fd'],
    [2, '0d6c8009d9a94f5a'],
    [3, '85676696d7fb7e2d'],
    [4, 'cf2794e0277187b7'],
    [5, '18765564cd99a68d'],
    [6, 'cbc9466e58fee3ce'],
    [7, 'ab0200f58b01d137'],
    [8, '93f5f5799a932462'],
    [15, 'a129ca6149be45e5'],
  ];
  for (const [length, expected] of vectors) {
    const message = Uint8Array.from({ length }, (_, index) => index);
    assert.equal(hex(sipHash(message, paperKey)), expected, `${length} bytes`);
  }
});

test('as the paper says it, with whole 64-bit numbers', () => {
  const key = fc.tuple(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1), fc.nat(), fc.nat());
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), key, (bytes, words) => {
      assert.equal(hex(sipHash(bytes, words)), naive(bytes, words));
    }),
  );
});

const mask = 2n ** 64n - 1n;

function naive(bytes: Uint8Array, key: readonly [number, number, number, number]): string {
  const k0 = (BigInt(key[1]) << 32n) | BigInt(key[0]);
  const k1 = (BigInt(key[3]) << 32n) | BigInt(key[2]);
  let [v0, v1] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn];
  let [v2, v3] = [k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & mask;
  const rounds = (count: number) => {
    for (let round = 0; round < count; round += 1) {
      v0 = (v0 + v1) & mask;
      v1 = rotate(v1, 13n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v3) & mask;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = (v0 + v3) & mask;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = (v2 + v1) & mask;
      v1 = rotate(v1, 17n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const length = Math.floor(bytes.length / 8) * 8 + 8;
  for (let at = 0; at < length; at += 8) {
    let word = at + 8 === length ? BigInt(bytes.length % 256) << 56n : 0n;
    for (const [index, byte] of bytes.subarray(at, at + 8).entries()) {
      word |= BigInt(byte) << BigInt(8 * index);
    }
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  v2 ^= 0xffn;
  rounds(4);
  return (v0 ^ v1 ^ v2 ^ v3).toString(16).padStart(16, '0');
}
