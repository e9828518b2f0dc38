import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PointId } from '../model/point-id.ts';
import { pointIdHash, shardIndexOf, splitByShard } from './routing.ts';

const uuid = '936da01f-9abd-4d9d-80c7-02af85c822a8';

test('the hash of an id never changes: stored points are found by it', () => {
  const known: readonly (readonly [PointId, number])[] = [
    [0, 0],
    [1, 804215951],
    [9007199254740993n, 1144254161],
    [18446744073709551615n, 3459073689],
    [uuid, 1858999372],
  ];
  for (const [id, hash] of known) assert.equal(pointIdHash(id), hash, String(id));
});

test('consecutive ids spread evenly', () => {
  for (const shardCount of [2, 3, 7, 16]) {
    const counts = new Array<number>(shardCount).fill(0);
    const total = shardCount * 1_000;
    for (let id = 0; id < total; id += 1) {
      const index = shardIndexOf(id, shardCount);
      counts[index] = (counts[index] ?? 0) + 1;
    }
    for (const count of counts) assert.ok(count > 850 && count < 1_150, counts.join(' '));
  }
});

test('every position is in exactly the part of its shard', () => {
  const id = fc.oneof(fc.nat(), fc.bigInt(2n ** 53n, 2n ** 64n - 1n), fc.uuid());
  fc.assert(
    fc.property(fc.array(id), fc.integer({ min: 1, max: 9 }), (ids, shardCount) => {
      const parts = splitByShard(ids, shardCount);
      assert.equal(parts.length, shardCount);
      assert.deepEqual(
        parts.flat().toSorted((a, b) => a - b),
        [...ids.keys()],
      );
      for (const [shard, positions] of parts.entries()) {
        for (const at of positions) assert.equal(shardIndexOf(ids[at] ?? 0, shardCount), shard);
      }
    }),
  );
});
