import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sipHash } from '../base/siphash.ts';
import type { PointId } from '../model/point-id.ts';
import { HashRing, ringOf, splitByShard } from './routing.ts';

const uuid = '936da01f-9abd-4d9d-80c7-02af85c822a8';
const id = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.bigInt(2n ** 53n, 2n ** 64n - 1n), fc.uuid());
const shardIds = fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 9 });

/** The owner by the letter: bytes, whole numbers, and a walk through all places. */
function naiveOwner(point: PointId, ids: readonly number[]): number {
  const bytes = new DataView(new ArrayBuffer(typeof point === 'string' ? 32 : 16));
  if (typeof point === 'string') {
    bytes.setBigUint64(0, 1n, true);
    bytes.setBigUint64(8, 16n, true);
    for (const [at, byte] of Buffer.from(point.replaceAll('-', ''), 'hex').entries()) {
      bytes.setUint8(16 + at, byte);
    }
  } else {
    bytes.setBigUint64(8, BigInt(point), true);
  }
  const own = whole(sipHash(new Uint8Array(bytes.buffer)));
  const places = ids.flatMap((shardId) =>
    Array.from({ length: 100 }, (_, index) => {
      const hash = whole(sipHash(new Uint8Array(Uint32Array.of(shardId, index).buffer)));
      return { shardId, hash, distance: BigInt.asUintN(64, hash - own) };
    }),
  );
  places.sort((a, b) => (a.distance < b.distance ? -1 : 1));
  return places[0]?.shardId ?? -1;
}

function whole({ high, low }: { readonly high: number; readonly low: number }): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

function ownerOf(ring: HashRing, point: PointId): number {
  return ring.shardIds[ring.shardIndexOf(point)] ?? -1;
}

test('the shard of an id never changes: stored points are found by it', () => {
  const known: readonly (readonly [PointId, number])[] = [
    [0, 5],
    [1, 6],
    [2 ** 32, 1],
    [9007199254740993n, 4],
    [18446744073709551615n, 3],
    [uuid, 6],
  ];
  const ring = new HashRing([0, 1, 2, 3, 4, 5, 6]);
  for (const [point, shardId] of known) assert.equal(ownerOf(ring, point), shardId, String(point));
});

test('the owner is who the definition says', () => {
  fc.assert(
    fc.property(fc.array(id, { maxLength: 4 }), shardIds, (points, ids) => {
      const ring = new HashRing(ids);
      for (const point of points) assert.equal(ownerOf(ring, point), naiveOwner(point, ids));
    }),
    { numRuns: 60 },
  );
});

test('consecutive ids spread evenly enough', () => {
  for (const shardCount of [2, 3, 7, 16]) {
    const ring = ringOf(Array.from({ length: shardCount }, (_, shardId) => shardId));
    const counts = new Array<number>(shardCount).fill(0);
    const total = shardCount * 2_000;
    for (let point = 0; point < total; point += 1) {
      const index = ring.shardIndexOf(point);
      counts[index] = (counts[index] ?? 0) + 1;
    }
    for (const count of counts) assert.ok(count > 1_300 && count < 2_900, counts.join(' '));
  }
});

test('a shard that comes takes points to itself only; the order of the ids means nothing', () => {
  const joining = fc.integer({ min: 41, max: 60 });
  fc.assert(
    fc.property(shardIds, joining, fc.array(id), (ids, added, points) => {
      const before = new HashRing(ids);
      const after = new HashRing([added, ...ids.toReversed()]);
      for (const point of points) {
        const owner = ownerOf(after, point);
        if (owner !== added) assert.equal(owner, ownerOf(before, point));
      }
    }),
  );
});

test('every position is in exactly the part of its shard', () => {
  fc.assert(
    fc.property(fc.array(id), shardIds, (ids, shards) => {
      const ring = ringOf(shards.toSorted((a, b) => a - b));
      const parts = splitByShard(ids, ring);
      assert.equal(parts.length, shards.length);
      assert.deepEqual(
        parts.flat().toSorted((a, b) => a - b),
        [...ids.keys()],
      );
      for (const [shard, positions] of parts.entries()) {
        for (const at of positions) assert.equal(ring.shardIndexOf(ids[at] ?? 0), shard);
      }
    }),
  );
});
