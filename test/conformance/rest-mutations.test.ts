// Bodies that are nearly right: valid ones with a piece taken out, put in or exchanged. Whatever
// comes, the answer is a proper one, no bug is logged, and the answers to valid requests stay as
// they were.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type Rig, startRig } from './harness.ts';

let rig: Rig;

before(async () => {
  rig = await startRig();
  await rig.ok('PUT', '/collections/m', {
    vectors: { size: 2, distance: 'Cosine' },
    shard_number: 2,
  });
  await rig.ok('PUT', '/collections/m/index', { field_name: 'n', field_schema: 'integer' });
});

after(() => rig.close());

const filter = {
  must: [{ key: 'n', range: { gte: 1.5 } }, { has_id: [1, '936da01f9abd4d9d80c702af85c822a8'] }],
  should: { key: 'a.b[]', match: { any: ['x', 'y'] } },
  min_should: { conditions: [{ is_empty: { key: 'k' } }], min_count: 1 },
};

const valid: readonly (readonly [method: string, path: string, body: object])[] = [
  [
    'PUT',
    '/collections/m/points',
    {
      points: [
        { id: 1, vector: [0.5, -1e-3], payload: { n: 3, a: { b: ['x'] }, t: '2020-01-01' } },
        { id: '936da01f-9abd-4d9d-80c7-02af85c822a8', vector: { '': [1, 2] } },
      ],
      update_filter: filter,
      update_mode: 'upsert',
    },
  ],
  ['PUT', '/collections/m/points', { batch: { ids: [2], vectors: [[1, 1]], payloads: [{}] } }],
  ['POST', '/collections/m/points/delete', { points: [7] }],
  ['POST', '/collections/m/points/payload', { payload: { z: 1 }, key: 'a.b', filter }],
  ['POST', '/collections/m/points/vectors/delete', { vector: [''], points: [9], filter }],
  ['PUT', '/collections/m/points/vectors', { points: [{ id: 1, vector: [1, 2] }] }],
  ['POST', '/collections/m/points/batch', { operations: [{ clear_payload: { points: [1] } }] }],
  ['POST', '/collections/m/points/scroll', { filter, limit: 3, with_payload: ['a.b'], offset: 1 }],
  [
    'POST',
    '/collections/m/points/scroll',
    { order_by: { key: 'n', start_from: 1, direction: 'asc' } },
  ],
  ['POST', '/collections/m/points/count', { filter, exact: true }],
  [
    'POST',
    '/collections/m/points/search',
    {
      vector: { name: '', vector: [1, 2] },
      limit: 3,
      filter,
      params: { hnsw_ef: 4, exact: false },
    },
  ],
  [
    'POST',
    '/collections/m/points/query/batch',
    {
      searches: [{ query: [1, 2], using: '', score_threshold: 0.1 }, { query: { order_by: 'n' } }],
    },
  ],
  ['POST', '/collections/m/points', { ids: [1, 2], with_vector: [''] }],
  ['PATCH', '/collections/m', { vectors: { '': { hnsw_config: { m: 8 } } }, metadata: { a: [1] } }],
  ['PUT', '/collections/other', { vectors: { v: { size: 4, distance: 'Dot' } }, wal_config: null }],
  [
    'PUT',
    '/collections/m/index',
    { field_name: 'a.b', field_schema: { type: 'integer', range: true } },
  ],
  ['POST', '/collections/aliases', { actions: [{ delete_alias: { alias_name: 'x' } }] }],
];

const pieces =
  String.raw`null true 0 -1 1e400 18446744073709551616 0.1 "" "x" [] {} [[1]] {"a":1} { }
  [ ] , : " \u0000 \\ é "__proto__":1, "constructor":{}, "id":1, "limit":0, "filter":{}, NaN`
    .split(/\s+/)
    .concat(' ', '\0');

const token = /"(?:[^"\\]|\\.)*"|[-\d.e]+|[{}[\],:]|\w+/g;

interface Mutation {
  readonly at: number;
  readonly take: number;
  readonly put: string;
}

function mutated(text: string, { at, take, put }: Mutation): string {
  const tokens = [...text.matchAll(token)].map(([found]) => found);
  tokens.splice(at % tokens.length, take, put);
  return tokens.join('');
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(200),
  take: fc.nat(3),
  put: fc.constantFrom('', ...pieces),
});

test('no mutation of a valid body is answered with a fault of the server', async () => {
  const arbitrary = fc.tuple(fc.constantFrom(...valid), fc.array(mutation, { maxLength: 3 }));
  await fc.assert(
    fc.asyncProperty(arbitrary, async ([[method, path, body], mutations]) => {
      const text = mutations.reduce(mutated, JSON.stringify(body));
      const { status, text: answer } = await rig.call(method, path, text);
      assert.ok([200, 400, 404, 409, 422, 501].includes(status), `${status} ${answer}\n${text}`);
      assert.deepEqual(rig.log, []);
    }),
    { numRuns: Number(process.env['OCTANT_RUNS'] ?? 600) },
  );
});
