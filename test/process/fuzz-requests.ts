// Requests that are nearly right: good ones of every endpoint, broken in one to four places.
// Seeded, so that a finding can be repeated.

import type { Prng } from '../../src/base/prng.ts';
import type { RestRequest } from './rest.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface Template {
  readonly method: string;
  readonly path: string;
  readonly body?: Json;
}

const named = {
  vectors: {
    a: { size: 3, distance: 'Cosine' },
    b: { size: 2, distance: 'Dot', datatype: 'uint8' },
  },
  optimizers_config: { indexing_threshold: 10, flush_interval_sec: 1, deleted_threshold: 0.3 },
  hnsw_config: { m: 8, ef_construct: 16, full_scan_threshold: 10 },
  wal_config: { wal_capacity_mb: 1 },
  on_disk_payload: true,
  metadata: { owner: 'x' },
} as const;

export const fuzzedCollection = named;

const filter: Json = {
  must: [
    { key: 'tag', match: { value: 'red' } },
    { key: 'n', range: { gte: 1, lt: 50.5 } },
    { has_id: [1, 2, '550e8400-e29b-41d4-a716-446655440000'] },
  ],
  should: [
    { key: 'when', range: { gt: '2020-01-01T00:00:00Z' } },
    { is_empty: { key: 'x.y[].z' } },
    { nested: { key: 'list', filter: { must: [{ key: 'k', match: { any: [1, 2] } }] } } },
  ],
  must_not: [{ key: 'tag', match: { except: ['blue', 'green'] } }, { has_vector: 'b' }],
  min_should: { conditions: [{ key: 'n', values_count: { gt: 0 } }], min_count: 1 },
};

const payload: Json = {
  tag: 'red',
  n: 7,
  f: 1.5,
  when: '2024-05-06T07:08:09Z',
  flag: true,
  uuid: '550e8400-e29b-41d4-a716-446655440000',
  list: [{ k: 1 }, { k: 2 }],
  text: 'naïve ☃ \u{1f600}',
};

const vectors: Json = { a: [0.1, 0.2, 0.3], b: [1, 2] };
const ids: Json = [1, 2, 300, '550e8400-e29b-41d4-a716-446655440000'];
const c = '/collections/fuzz';
const points = `${c}/points`;
const selections: Json = { with_payload: ['tag', 'list[].k'], with_vector: ['a'] };
const searchParams: Json = { hnsw_ef: 16, exact: false, indexed_only: false };

const templates: readonly Template[] = [
  {
    method: 'PUT',
    path: `${points}?wait=true&ordering=weak&timeout=5`,
    body: {
      points: [
        { id: 1, vector: vectors, payload },
        { id: 2, vector: { a: [1, 2, 3] } },
      ],
    },
  },
  {
    method: 'PUT',
    path: `${points}?wait=false`,
    body: {
      batch: {
        ids,
        vectors: {
          a: [
            [1, 2, 3],
            [4, 5, 6],
            [7, 8, 9],
            [1, 1, 1],
          ],
        },
        payloads: [payload, null, {}, { n: 1 }],
      },
    },
  },
  {
    method: 'PUT',
    path: `${points}?wait=true`,
    body: {
      points: [{ id: 5, vector: vectors, payload }],
      update_mode: 'insert_only',
      update_filter: filter,
    },
  },
  { method: 'POST', path: points, body: { ids, with_payload: true, with_vector: true } },
  { method: 'GET', path: `${points}/1` },
  { method: 'POST', path: `${points}/delete?wait=true`, body: { points: [77, 78] } },
  { method: 'POST', path: `${points}/delete?wait=true`, body: { filter } },
  {
    method: 'PUT',
    path: `${points}/vectors?wait=true`,
    body: { points: [{ id: 1, vector: vectors }] },
  },
  {
    method: 'POST',
    path: `${points}/vectors/delete?wait=true`,
    body: { points: ids, vector: ['a', 'b'], filter },
  },
  {
    method: 'POST',
    path: `${points}/payload?wait=true`,
    body: { payload, points: ids, key: 'list[0].deep' },
  },
  { method: 'PUT', path: `${points}/payload?wait=true`, body: { payload, filter } },
  {
    method: 'POST',
    path: `${points}/payload/delete?wait=true`,
    body: { keys: ['n', 'list[].k', 'a."b.c"'], points: ids },
  },
  { method: 'POST', path: `${points}/payload/clear?wait=true`, body: { points: [9] } },
  {
    method: 'POST',
    path: `${points}/batch?wait=true`,
    body: {
      operations: [
        { upsert: { points: [{ id: 11, vector: vectors, payload }] } },
        { set_payload: { payload: { n: 2 }, points: [11] } },
        { overwrite_payload: { payload: { n: 3 }, points: [11] } },
        { delete_payload: { keys: ['n'], points: [11] } },
        { clear_payload: { points: [11] } },
        { update_vectors: { points: [{ id: 11, vector: { a: [1, 2, 3] } }] } },
        { delete_vectors: { points: [11], vector: ['b'] } },
        { delete: { points: [11] } },
      ],
    },
  },
  {
    method: 'POST',
    path: `${points}/scroll?consistency=majority`,
    body: { limit: 10, offset: 3, filter, with_payload: { exclude: ['text'] }, with_vector: true },
  },
  {
    method: 'POST',
    path: `${points}/scroll`,
    body: { order_by: { key: 'n', direction: 'desc', start_from: 5 }, limit: 5 },
  },
  { method: 'POST', path: `${points}/count`, body: { filter, exact: true } },
  { method: 'POST', path: `${c}/facet`, body: { key: 'tag', limit: 5, filter, exact: true } },
  {
    method: 'POST',
    path: `${points}/search?timeout=5`,
    body: {
      vector: { name: 'a', vector: [1, 2, 3] },
      limit: 5,
      offset: 1,
      filter,
      params: searchParams,
      score_threshold: 0.1,
      with_payload: true,
    },
  },
  {
    method: 'POST',
    path: `${points}/search/batch`,
    body: {
      searches: [
        { vector: { name: 'b', vector: [1, 2] }, limit: 3 },
        { vector: { name: 'a', vector: [1, 2, 3] }, limit: 1, filter },
      ],
    },
  },
  {
    method: 'POST',
    path: `${points}/query`,
    body: { query: [1, 2, 3], using: 'a', limit: 5, filter, params: searchParams, ...selections },
  },
  {
    method: 'POST',
    path: `${points}/query`,
    body: {
      query: { nearest: 1 },
      using: 'a',
      score_threshold: 0.5,
      lookup_from: { collection: 'fuzz', vector: 'a' },
    },
  },
  {
    method: 'POST',
    path: `${points}/query/batch`,
    body: {
      searches: [
        { query: 1, using: 'a' },
        { query: [1, 2], using: 'b', limit: 2 },
      ],
    },
  },
  {
    method: 'POST',
    path: `${points}/query`,
    body: { prefetch: [{ query: [1, 2, 3], using: 'a', limit: 5 }], query: { fusion: 'rrf' } },
  },
  {
    method: 'POST',
    path: `${points}/query/groups`,
    body: { query: [1, 2, 3], using: 'a', group_by: 'tag', group_size: 2 },
  },
  {
    method: 'POST',
    path: `${points}/recommend`,
    body: { positive: [1], negative: [2], using: 'a', limit: 3 },
  },
  {
    method: 'POST',
    path: `${points}/discover`,
    body: { target: 1, context: [{ positive: 1, negative: 2 }], using: 'a', limit: 3 },
  },
  {
    method: 'POST',
    path: `${points}/search/matrix/pairs`,
    body: { sample: 10, limit: 2, using: 'a' },
  },
  {
    method: 'PUT',
    path: `${c}/index?wait=true`,
    body: { field_name: 'tag', field_schema: 'keyword' },
  },
  {
    method: 'PUT',
    path: `${c}/index?wait=true`,
    body: { field_name: 'n', field_schema: { type: 'integer', lookup: true, range: true } },
  },
  { method: 'PUT', path: `${c}/index`, body: { field_name: 'when', field_schema: 'datetime' } },
  {
    method: 'PUT',
    path: `${c}/index`,
    body: { field_name: 'f', field_schema: { type: 'float', is_principal: true } },
  },
  { method: 'DELETE', path: `${c}/index/f?wait=true` },
  { method: 'PUT', path: '/collections/fuzz-other?timeout=10', body: named },
  {
    method: 'PATCH',
    path: c,
    body: {
      optimizers_config: { indexing_threshold: 20 },
      hnsw_config: { m: 6 },
      vectors: { a: { on_disk: true } },
      params: { on_disk_payload: false },
      metadata: { owner: null },
    },
  },
  { method: 'DELETE', path: '/collections/fuzz-other' },
  {
    method: 'POST',
    path: '/collections/aliases',
    body: {
      actions: [
        { create_alias: { collection_name: 'fuzz', alias_name: 'fuzz-alias' } },
        { rename_alias: { old_alias_name: 'fuzz-alias', new_alias_name: 'fuzz-alias-2' } },
        { delete_alias: { alias_name: 'fuzz-alias-2' } },
      ],
    },
  },
  { method: 'GET', path: c },
  { method: 'GET', path: `${c}/exists` },
  { method: 'GET', path: `${c}/aliases` },
  { method: 'GET', path: `${c}/cluster` },
  {
    method: 'GET',
    path: `${c}/optimizations?with=queued,completed,idle_segments&completed_limit=3`,
  },
  { method: 'GET', path: '/telemetry?details_level=10&anonymize=false&per_collection=true' },
  { method: 'GET', path: '/metrics?anonymize=true' },
];

const oddValues: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  -0.5,
  3e38,
  1e-45,
  2 ** 53,
  -(2 ** 53),
  4294967296,
  '',
  'a',
  '\u0000',
  '..',
  '/',
  '550e8400-e29b-41d4-a716-446655440000',
  '2024-02-30T25:61:61Z',
  'a.b[].c',
  'a[',
  '[]',
  '"',
  [],
  {},
  [[]],
  [{}],
  [null],
  [1, 2, 3],
  ['x'],
  { a: [1, 2, 3] },
  { key: 'tag' },
  { filter: {} },
  '\u{10ffff}',
  '__proto__',
  'constructor',
  'x'.repeat(3_000),
];
const oddKeys = [
  '',
  'a',
  '__proto__',
  'must',
  'filter',
  'key',
  'match',
  'nested',
  'limit',
  'x\u0000',
];
const oddTokens = [
  'NaN',
  '1e400',
  '-0',
  '-0.0',
  '1e-400',
  '18446744073709551615',
  '18446744073709551616',
  '-9223372036854775809',
  '\\',
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\u0000',
  '\\ud800',
  '//',
  '1E5',
  '00',
];
const oddQueries = [
  'wait=1',
  'wait=',
  'timeout=0',
  'timeout=-1',
  'timeout=18446744073709551615',
  'ordering=strong',
  'consistency=0',
  'consistency=all',
  '%',
  '%00=%00',
  '&&&',
  'wait=true&wait=false',
  'x'.repeat(5_000),
];

/** The next request; about one in ten is left as it is. */
export function fuzzedRequest(prng: Prng): RestRequest {
  const template = prng.pick(templates);
  const path = prng.chance(0.1) ? oddPath(prng, template.path) : template.path;
  const method = prng.chance(0.02)
    ? prng.pick(['GET', 'PUT', 'POST', 'PATCH', 'DELETE'])
    : template.method;
  if (template.body === undefined) return { method, path: harmless(method, path) };
  let value = template.body;
  const mutationCount = prng.chance(0.1) ? 0 : 1 + prng.int(4);
  const isStructural = prng.chance(0.6);
  if (isStructural) {
    for (let count = 0; count < mutationCount; count += 1) value = mutated(prng, value);
  }
  let body: Uint8Array = Buffer.from(JSON.stringify(value) ?? 'null');
  if (!isStructural) {
    for (let count = 0; count < mutationCount; count += 1) body = damaged(prng, body);
  }
  return { method, path: harmless(method, path), body };
}

/** The fuzzed collection itself stays; only what is in it changes. */
function harmless(method: string, path: string): string {
  return method === 'DELETE' && /^\/+collections\/+[^/?]*\/*(\?|$)/.test(path)
    ? '/collections/fuzz-other'
    : path;
}

function oddPath(prng: Prng, path: string): string {
  const [route = '', query = ''] = path.split('?');
  if (prng.chance(0.6))
    return `${route}?${prng.chance(0.5) ? `${query}&` : ''}${prng.pick(oddQueries)}`;
  const parts = route.split('/');
  const odd = [
    '',
    '.',
    '..',
    '%2F',
    '%00',
    '%zz',
    'fuzz%20',
    'x'.repeat(300),
    '%F0%9F%98%80',
    '-1',
    '1e3',
  ];
  // The collection's name is left alone, or writes would create more and more collections.
  parts[3 + prng.int(Math.max(1, parts.length - 3))] = prng.pick(odd);
  return parts.join('/');
}

/** The value with one place in it changed. */
function mutated(prng: Prng, value: Json): Json {
  const depth = prng.int(7);
  return mutatedAt(prng, value, depth);
}

function mutatedAt(prng: Prng, value: Json, depth: number): Json {
  if (Array.isArray(value)) return mutatedList(prng, value as readonly Json[], depth);
  if (typeof value === 'object' && value !== null) {
    return mutatedObject(prng, value as { readonly [key: string]: Json }, depth);
  }
  return prng.pick(oddValues);
}

function mutatedList(prng: Prng, list: readonly Json[], depth: number): Json {
  if (list.length === 0) return [prng.pick(oddValues)];
  const at = prng.int(list.length);
  const chosen = list[at] ?? null;
  if (depth > 0) return list.with(at, mutatedAt(prng, chosen, depth - 1));
  switch (prng.int(5)) {
    case 0:
      return list.toSpliced(at, 1);
    case 1:
      return list.toSpliced(at, 0, chosen);
    case 2:
      return list.with(at, prng.pick(oddValues));
    case 3:
      return Array.from({ length: 200 }, () => chosen);
    default:
      return prng.pick(oddValues);
  }
}

function mutatedObject(prng: Prng, object: { readonly [key: string]: Json }, depth: number): Json {
  const entries = Object.entries(object);
  if (entries.length === 0) return { [prng.pick(oddKeys)]: prng.pick(oddValues) };
  const at = prng.int(entries.length);
  const [key, chosen] = entries[at] ?? ['', null];
  if (depth > 0)
    return Object.fromEntries(entries.with(at, [key, mutatedAt(prng, chosen, depth - 1)]));
  switch (prng.int(5)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1));
    case 1:
      return { ...object, [prng.pick(oddKeys)]: prng.pick(oddValues) };
    case 2:
      return Object.fromEntries(entries.with(at, [key, prng.pick(oddValues)]));
    case 3:
      return Object.fromEntries(entries.with(at, [prng.pick(oddKeys), chosen]));
    default:
      return prng.pick(oddValues);
  }
}

/** The text with some bytes of it changed, lost, repeated or moved. */
function damaged(prng: Prng, text: Uint8Array): Uint8Array {
  if (text.length === 0) return text;
  const at = prng.int(text.length);
  const length = prng.int(1 + Math.min(20, text.length - at));
  const before = text.subarray(0, at);
  const part = text.subarray(at, at + length);
  const behind = text.subarray(at + length);
  switch (prng.int(6)) {
    case 0:
      return Buffer.concat([before, Uint8Array.of(prng.int(256)), text.subarray(at + 1)]);
    case 1:
      return Buffer.concat([before, behind]);
    case 2:
      return Buffer.concat([before, part, part, behind]);
    case 3:
      return Buffer.concat([before, Buffer.from(prng.pick(oddTokens)), behind]);
    case 4:
      return before;
    default:
      return Buffer.concat([before, Uint8Array.from(part).reverse(), behind]);
  }
}
