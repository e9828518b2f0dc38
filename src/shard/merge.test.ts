import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SearchHit, ShardReadRequest } from '../model/read.ts';
import { mergeAnswers } from './merge.ts';

const parts = { payload: false, vectors: false };
const none = { payload: null, vectors: null };

const hit: fc.Arbitrary<SearchHit> = fc.record({
  id: fc.nat(12),
  version: fc.nat(3),
  sim: fc.integer({ min: 0, max: 5 }),
  payload: fc.constant(null),
  vectors: fc.constant(null),
});

function searchFor(limit: number): ShardReadRequest {
  const params = { hnswEf: null, exact: false, indexedOnly: false };
  const vector = new Float32Array(1);
  return {
    kind: 'search',
    tasks: [{ vectorName: '', vector, limit, filter: null, params, parts }],
  };
}

test('each point comes once, in its highest version, best first', () => {
  fc.assert(
    fc.property(fc.array(fc.array(hit), { minLength: 2 }), fc.nat(8), (lists, limit) => {
      const merged = mergeAnswers(
        searchFor(limit),
        lists.map((hits) => ({ kind: 'search', hits: [hits] })),
      );
      assert.ok(merged.kind === 'search');
      const hits = merged.hits[0] ?? [];
      const all = lists.flat();
      const ids = new Set(all.map(({ id }) => id));
      assert.equal(hits.length, Math.min(limit, ids.size));
      assert.equal(new Set(hits.map(({ id }) => id)).size, hits.length);
      for (const [at, { id, version, sim }] of hits.entries()) {
        const versions = all.filter((other) => other.id === id).map((other) => other.version);
        assert.equal(version, Math.max(...versions));
        assert.ok(at === 0 || (hits[at - 1]?.sim ?? 0) >= sim);
      }
    }),
  );
});

test('a scroll is cut to its limit in the order of ids', () => {
  const request = { kind: 'scroll', filter: null, from: null, limit: 3, parts } as const;
  const record = (id: number | string, version = 1) => ({ id, version, ...none });
  const uuid = '00000000-0000-4000-8000-000000000001';
  const merged = mergeAnswers(request, [
    { kind: 'scroll', records: [record(1), record(7), record(uuid)] },
    { kind: 'scroll', records: [record(2), record(7, 4)] },
  ]);
  assert.deepEqual(merged, { kind: 'scroll', records: [record(1), record(2), record(7, 4)] });
});

test('a point with several order values keeps them all, but only of its newest copy', () => {
  const order = { key: 'n', direction: 'desc', startFrom: null } as const;
  const request = { kind: 'ordered_scroll', filter: null, order, limit: 9, parts } as const;
  const record = (id: number, version: number, orderValue: number) => {
    return { id, version, orderValue, ...none };
  };
  const merged = mergeAnswers(request, [
    { kind: 'ordered_scroll', records: [record(1, 1, 9), record(2, 1, 5)] },
    { kind: 'ordered_scroll', records: [record(1, 2, 6), record(1, 2, 3)] },
  ]);
  assert.ok(merged.kind === 'ordered_scroll');
  assert.deepEqual(merged.records, [record(1, 2, 6), record(2, 1, 5), record(1, 2, 3)]);
});

test('counts are added, retrieved points joined', () => {
  const count = { kind: 'count', filter: null, exact: true } as const;
  const counts = [2, 3].map((n) => ({ kind: 'count', count: n }) as const);
  assert.deepEqual(mergeAnswers(count, counts), { kind: 'count', count: 5 });
  const retrieve = { kind: 'retrieve', ids: [1, 2], parts } as const;
  const first = { id: 1, version: 1, ...none };
  const second = { id: 1, version: 2, ...none };
  const merged = mergeAnswers(retrieve, [
    { kind: 'retrieve', records: [first] },
    { kind: 'retrieve', records: [second] },
  ]);
  assert.deepEqual(merged, { kind: 'retrieve', records: [second] });
});
