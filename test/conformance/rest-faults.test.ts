// Every fault of the REST API with its status and its words, as one table: what is sent, what comes
// back. `…` at the end of an expectation stands for any text.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Rig, startRig } from './harness.ts';

let rig: Rig;

before(async () => {
  rig = await startRig();
  await rig.ok('PUT', '/collections/dot', { vectors: { size: 4, distance: 'Dot' } });
  await rig.ok('PUT', '/collections/named', {
    vectors: { a: { size: 2, distance: 'Cosine' }, b: { size: 3, distance: 'Euclid' } },
  });
  await rig.ok('PUT', '/collections/dot/points?wait=true', {
    points: [{ id: 1, vector: [1, 2, 3, 4], payload: { n: 1 } }],
  });
  await rig.ok('PUT', '/collections/named/points?wait=true', {
    points: [{ id: 1, vector: { a: [1, 2] } }],
  });
});

after(() => rig.close());

type Row = readonly [request: string, body: unknown, expected: string];

const format = '400 Format error in JSON body: ';
const invalid = '422 Validation error in JSON body: ';
const upsert = 'PUT /collections/dot/points';
const vector = [1, 2, 3, 4];
const search = 'POST /collections/dot/points/search';
const query = 'POST /collections/dot/points/query';
const scroll = 'POST /collections/dot/points/scroll';
const create = 'PUT /collections/new';

const decoding: readonly Row[] = [
  [upsert, '', `${format}EOF while parsing a value at line 1 column 0`],
  [upsert, '{', `${format}EOF while parsing an object…`],
  [upsert, '[]', `${format}invalid type: sequence…`],
  [upsert, '{}', `${format}Invalid PointInsertOperations format`],
  [upsert, '{"points":[]} x', `${format}trailing characters…`],
  [upsert, '{"points":[{"id":1}]}', `${format}missing field \`vector\`…`],
  [upsert, '{"points":[{"vector":[1,2,3,4]}]}', `${format}missing field \`id\`…`],
  [upsert, '{"points":[{"id":1,"id":2,"vector":[1,2,3,4]}]}', `${format}duplicate field \`id\`…`],
  [upsert, '{"points":[{"id":1,"vector":[1,NaN,3,4]}]}', format + '…'],
  [upsert, '{"points":[{"id":1,"vector":[1,Infinity,3,4]}]}', format + '…'],
  [upsert, '{"points":[{"id":1,"vector":[1,null,3,4]}]}', `${format}invalid type: null…`],
  [upsert, '{"points":[{"id":1,"vector":["1",2,3,4]}]}', `${format}invalid type: string…`],
  [upsert, '{"points":[{"id":1,"vector":null}]}', `${format}invalid type: null…`],
  [upsert, '{"points":[{"id":1,"vector":[1,2,3,4],"payload":[]}]}', `${format}invalid type…`],
  [upsert, { points: [{ id: '12', vector }] }, `${format}value 12 is not a valid point ID, valid…`],
  [upsert, { points: [{ id: -1, vector }] }, `${format}value -1 is not a valid point ID, valid…`],
  [upsert, '{"points":[{"id":51.0,"vector":[1]}]}', `${format}value 51.0 is not a valid point ID…`],
  [
    upsert,
    '{"points":[{"id":18446744073709551616,"vector":[1]}]}',
    `${format}value 1.8446744073709552e19 is not a valid point ID…`,
  ],
  [upsert, { points: [{ id: true, vector }] }, `${format}invalid type: boolean…`],
  [search, { vector }, `${format}missing field \`limit\`…`],
  [search, { limit: 1 }, `${format}missing field \`vector\`…`],
  [search, { vector, limit: 1.5 }, `${format}invalid type: floating point…`],
  [search, '{"vector":[1,2,3,4],"limit":18446744073709551616}', `${format}invalid type…`],
  [search, { vector: [vector], limit: 1 }, `${format}data did not match any variant…`],
  [search, { vector, limit: 1, filter: { musty: [] } }, `${format}unknown field \`musty\`…`],
  [search, { vector, limit: 1, with_payload: { only: ['a'] } }, `${format}data did not match…`],
  [search, { vector, limit: 1, with_payload: ['a..b'] }, `${format}Invalid json path: 'a..b'`],
  [scroll, { with_vector: null }, `${format}invalid type: null…`],
  ['POST /collections/dot/points/count', { exact: null }, `${format}invalid type: null…`],
  [query, { query: { nothing: 1 } }, `${format}data did not match any variant…`],
  [query, { query: 'abc' }, `${format}value abc is not a valid point ID…`],
  [create, { vectors: { size: 0, distance: 'Dot' } }, `${format}invalid value: integer \`0\`…`],
  [create, { vectors: { size: -1, distance: 'Dot' } }, `${format}…`],
  [create, { vectors: { size: 4.5, distance: 'Dot' } }, `${format}invalid type: floating point…`],
  [create, { vectors: { size: 4, distance: 'dot' } }, `${format}unknown variant \`dot\`…`],
  [create, { vectors: { size: 4 } }, `${format}missing field \`distance\`…`],
  [create, { vectors: null }, `${format}invalid type: null…`],
  [create, { shard_number: 0 }, `${format}invalid value: integer \`0\`…`],
  [create, { quantization_config: {} }, `${format}data did not match…`],
  ['POST /collections/dot/points/payload', { payload: { a: 1 } }, `${format}Either list of point…`],
  ['POST /collections/dot/points/payload', { points: [1] }, `${format}missing field \`payload\`…`],
  ['POST /collections/dot/points/payload/delete', { points: [1] }, `${format}missing field…`],
  ['POST /collections/dot/points/payload/clear', {}, `${format}data did not match…`],
  ['POST /collections/dot/points/delete', {}, `${format}data did not match…`],
  ['POST /collections/dot/points/batch', { operations: [{}] }, `${format}data did not match…`],
  ['POST /collections/aliases', { actions: [{ x: {} }] }, `${format}data did not match…`],
];

const validation: readonly Row[] = [
  [
    upsert,
    { points: [{ id: 1, vector: [] }] },
    `${invalid}[points[0].vector.vector: dense vector must not be empty]`,
  ],
  [
    `${upsert}?wait=true`,
    { points: [{ id: 1, vector: [[]] }] },
    `${invalid}[points[0].vector.data: all vectors must be non-empty]`,
  ],
  [
    upsert,
    {
      points: [
        {
          id: 1,
          vector: [
            [1, 2],
            [1, 2, 3],
          ],
        },
      ],
    },
    `${invalid}[points[0].vector.data: all vectors must have the same dimension, found vector with dimension 3]`,
  ],
  [
    'PUT /collections/named/points',
    { points: [{ id: 1, vector: { a: { indices: [1, 2], values: [1] } } }] },
    `${invalid}[points[0].vector.?.values: Validation error: must be the same length as indices [{}]]`,
  ],
  [
    'PUT /collections/named/points',
    { points: [{ id: 1, vector: { a: { indices: [2, 2], values: [1, 2] } } }] },
    `${invalid}[points[0].vector.?.indices: Validation error: must be unique [{}]]`,
  ],
  [
    upsert,
    { batch: { ids: [1, 2], vectors: [vector] } },
    `${invalid}[batch.batch: number of ids and vectors must be equal (2 != 1)]`,
  ],
  [
    upsert,
    { batch: { ids: [1], vectors: [vector], payloads: [{}, {}] } },
    `${invalid}[batch.batch: number of ids and payloads must be equal (1 != 2)]`,
  ],
  [query, { limit: 0 }, `${invalid}[internal.limit: value 0 invalid, must be 1 or larger]`],
  [
    search,
    { vector, limit: 0 },
    `${invalid}[search_request.limit: value 0 invalid, must be 1 or larger]`,
  ],
  [scroll, { limit: 0 }, `${invalid}[scroll_request.limit: value 0 invalid, must be 1 or larger]`],
  [
    `${query}/batch`,
    { searches: [{}, { limit: 0 }] },
    `${invalid}[searches[1].internal.limit: value 0 invalid, must be 1 or larger]`,
  ],
  [
    scroll,
    { filter: { must: [{ key: 'a' }] } },
    `${invalid}[scroll_request.filter.must[0].__all__: Validation error: At least one field condition must be specified [{}]]`,
  ],
  [
    query,
    { params: { quantization: { oversampling: 0.5 } } },
    `${invalid}[internal.params.quantization.oversampling: value 0.5 invalid, must be 1.0 or larger]`,
  ],
  [
    query,
    { params: { acorn: { enable: true, max_selectivity: 2 } } },
    `${invalid}[internal.params.acorn.max_selectivity: value 2.0 invalid, must be from 0.0 to 1.0]`,
  ],
  [
    create,
    { vectors: { size: 65537, distance: 'Dot' } },
    `${invalid}[vectors.size: value 65537 invalid, must be from 1 to 65536]`,
  ],
  [
    create,
    { vectors: { x: { size: 65537, distance: 'Dot' } } },
    `${invalid}[vectors.?.size: value 65537 invalid, must be from 1 to 65536]`,
  ],
  [
    create,
    { hnsw_config: { ef_construct: 3 }, optimizers_config: { deleted_threshold: 2 } },
    `${invalid}[hnsw_config.ef_construct: value 3 invalid, must be 4 or larger; optimizers_config.deleted_threshold: value 2.0 invalid, must be from 0.0 to 1.0]`,
  ],
  [
    create,
    { wal_config: { wal_capacity_mb: 0, wal_retain_closed: 0 } },
    `${invalid}[wal_config.wal_capacity_mb: value 0 invalid, must be 1 or larger; wal_config.wal_retain_closed: value 0 invalid, must be 1 or larger]`,
  ],
  [
    create,
    { sparse_vectors: { s: { index: { datatype: 'turbo4' } } } },
    `${invalid}[sparse_vectors.?.index.datatype: sparse vectors do not support…`,
  ],
  [
    'PUT /collections/dot/points/vectors',
    { points: [] },
    `${invalid}[points: must specify points to update]`,
  ],
  [
    'PUT /collections/dot/points/vectors',
    { points: [{ id: 1, vector: {} }] },
    `${invalid}[points[0].vector: must specify vectors to update for point]`,
  ],
  [
    'POST /collections/dot/points/vectors/delete',
    { points: [1], vector: [] },
    `${invalid}[vector: must specify vector names to delete]`,
  ],
  [
    'PUT /collections/dot/index',
    { field_name: 'n', field_schema: { type: 'integer', lookup: false, range: false } },
    `${invalid}[field_schema: Validation error: the 'lookup' and 'range' capabilities can't be both disabled [{}]]`,
  ],
];

const names: readonly Row[] = [
  [
    `GET /collections/${'x'.repeat(256)}`,
    undefined,
    `422 Validation error in path parameters: [collection_name: value "${'x'.repeat(256)}" invalid, must be from 1 to 255 characters]`,
  ],
  [
    `POST /collections/${'x'.repeat(10_000)}/points/search`,
    { vector, limit: 1 },
    '422 Validation error in path parameters: [collection_name: value "x…',
  ],
  ...['<', '>', ':', '"', '\\', '|', '?', '*', '\0', '\u001f', '/'].map(
    (char): Row => [
      `PUT /collections/a${encodeURIComponent(char)}b`,
      { vectors: { size: 1, distance: 'Dot' } },
      `422 Validation error in path parameters: [collection_name: collection name cannot contain "${char}" char]`,
    ],
  ),
  [
    'GET /collections/a%2Fb',
    undefined,
    '422 Validation error in path parameters: [collection_name: collection name cannot contain "/" char]',
  ],
  ['GET /collections/a%00b', undefined, '422 Validation error in path parameters: […'],
  ['GET /collections/a%3Ab', undefined, "404 Not found: Collection `a:b` doesn't exist!"],
  ['PUT /collections/%2E%2E', {}, "500 Service internal error: Can't create…"],
  ['PUT /collections/.', {}, "500 Service internal error: Can't create…"],
  [
    create,
    { vectors: { 'a/b': { size: 1, distance: 'Dot' } } },
    '400 Wrong input: Invalid dense vector name `a/b`: …',
  ],
  [
    create,
    { vectors: { ['v'.repeat(201)]: { size: 1, distance: 'Dot' } } },
    '400 Wrong input: Invalid dense vector name `vvv…',
  ],
  [
    'GET /collections/dot/points/abc',
    undefined,
    '400 Wrong input: Can not recognize "abc" as point id',
  ],
  [
    'GET /collections/dot/points/-1',
    undefined,
    '400 Wrong input: Can not recognize "-1" as point id',
  ],
  [
    'GET /collections/dot/points/18446744073709551616',
    undefined,
    '400 Wrong input: Can not recognize "18446744073709551616" as point id',
  ],
];

const parameters: readonly Row[] = [
  ...['1', 'TRUE', ''].map(
    (value): Row => [
      `${upsert}?wait=${value}`,
      { points: [{ id: 9, vector }] },
      '400 Deserialize error in query parameters: …',
    ],
  ),
  [`${upsert}?ordering=no`, { points: [{ id: 9, vector }] }, '400 Deserialize error in query…'],
  [`${upsert}?timeout=-1`, { points: [{ id: 9, vector }] }, '400 Deserialize error in query…'],
  [`${search}?timeout=0`, { vector, limit: 1 }, '400 Deserialize error in query parameters: …'],
  [`${search}?consistency=0`, { vector, limit: 1 }, '400 Deserialize error in query…'],
  [`${search}?consistency=most`, { vector, limit: 1 }, '400 Deserialize error in query…'],
  [`${search}?timeout=1&timeout=2`, { vector, limit: 1 }, '400 Deserialize error in query…'],
  [
    'DELETE /collections/none?timeout=0',
    undefined,
    '422 Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]',
  ],
  ['GET /collections/dot/optimizations?with=all', undefined, '400 Deserialize error in query…'],
  // The body is looked at first.
  [`${search}?timeout=0`, '{', `${format}…`],
];

const meaning: readonly Row[] = [
  ['GET /collections/none', undefined, "404 Not found: Collection `none` doesn't exist!"],
  [
    'PUT /collections/none/points',
    { points: [{ id: 1, vector }] },
    "404 Not found: Collection `none` doesn't exist!",
  ],
  ['PUT /collections/dot', {}, '409 Wrong input: Collection `dot` already exists!'],
  [upsert, { points: [] }, '400 Bad request: Empty update request'],
  ['POST /collections/dot/points/delete', { points: [] }, '400 Bad request: Empty update request'],
  ...['', '?wait=true'].flatMap((wait): Row[] => [
    [
      upsert + wait,
      {
        points: [
          { id: 7, vector },
          { id: 8, vector: [1, 2, 3] },
        ],
      },
      '400 Wrong input: Vector dimension error: expected dim: 4, got 3',
    ],
    [
      upsert + wait,
      { batch: { ids: [7, 8], vectors: [vector, [1, 2, 3, 4, 5]] } },
      '400 Wrong input: Vector dimension error: expected dim: 4, got 5',
    ],
    [
      `PUT /collections/named/points${wait}`,
      { points: [{ id: 7, vector: { a: [1] } }] },
      "400 Wrong input: Vector dimension error: expected dim: 2, got 1 for vector 'a'",
    ],
  ]),
  [
    'POST /collections/dot/points/batch',
    { operations: [{ upsert: { points: [{ id: 7, vector: [1] }] } }] },
    '400 Wrong input: Vector dimension error: expected dim: 4, got 1',
  ],
  [
    'PUT /collections/named/points?wait=true',
    { points: [{ id: 7, vector: { c: [1, 2] } }] },
    '400 Wrong input: Not existing vector name error: c',
  ],
  [
    'PUT /collections/named/points?wait=true',
    { points: [{ id: 7, vector: { a: { indices: [1], values: [1] } } }] },
    '400 Wrong input: Conversion between sparse and regular vectors failed',
  ],
  [
    `${upsert}?wait=true`,
    { points: [{ id: 7, vector: [vector, vector] }] },
    '400 Wrong input: Conversion between multi and regular vectors failed',
  ],
  [
    search,
    { vector: [1, 2, 3], limit: 1 },
    '400 Wrong input: Vector dimension error: expected dim: 4, got 3',
  ],
  [
    search,
    { vector: { name: 'x', vector }, limit: 1 },
    '400 Wrong input: Not existing vector name error: x',
  ],
  [query, { query: [] }, '400 Wrong input: Vector dimension error: expected dim: 4, got 0'],
  [
    query,
    { query: [vector, vector] },
    '400 Wrong input: Conversion between multi and regular vectors failed',
  ],
  [
    query,
    { query: { indices: [1], values: [1] } },
    '400 Wrong input: Conversion between sparse and regular vectors failed',
  ],
  [query, { query: vector, using: 'x' }, '400 Wrong input: Not existing vector name error: x'],
  [query, { query: 3 }, '404 Not found: No point with id 3 found'],
  [query, { query: 3, using: 'x' }, '404 Not found: No point with id 3 found'],
  [query, '{"query":9007199254740993}', '404 Not found: No point with id 9007199254740993 found'],
  [
    'POST /collections/named/points/query',
    { query: 1, using: 'b' },
    '404 Not found: Vector with name "b" for point not found',
  ],
  [
    query,
    { query: 1, lookup_from: { collection: 'zz' } },
    '404 Not found: Collection zz not found',
  ],
  [
    query,
    { query: 1, lookup_from: { collection: 'named', vector: 'zz' } },
    '400 Wrong input: Not existing vector name error: zz',
  ],
  [
    query,
    { query: 1, lookup_from: { collection: 'named', vector: 'a' } },
    '400 Wrong input: Vector dimension error: expected dim: 4, got 2',
  ],
  [
    query,
    { prefetch: { query: vector } },
    "400 Bad request: A query is needed to merge the prefetches. Can't have prefetches without defining a query.",
  ],
  [
    query,
    { score_threshold: 1 },
    "400 Bad request: A query is needed to use the score_threshold. Can't have score_threshold without defining a query.",
  ],
  [
    query,
    { query: { order_by: 'n' }, score_threshold: 1 },
    "400 Bad request: Can't use score_threshold with an order_by query.",
  ],
  [
    query,
    { query: { fusion: 'rrf' }, using: 'a', prefetch: { query: vector } },
    "400 Bad request: Fusion queries cannot be combined with the 'using' field.",
  ],
  [
    query,
    { query: { fusion: 'rrf' } },
    '400 Wrong input: Validation failed: cannot apply Fusion without prefetches',
  ],
  [
    query,
    { query: { formula: '$score' } },
    '400 Wrong input: Validation failed: cannot apply Formula without prefetches',
  ],
  [
    query,
    { query: { order_by: 'n' } },
    '400 Wrong input: No range index for `order_by` key: `n`. Please create one to use `order_by`.…',
  ],
  [scroll, { order_by: 'n' }, '400 Wrong input: No range index for `order_by` key: `n`.…'],
  [
    scroll,
    { order_by: 'n', offset: 1 },
    '400 Bad request: Cannot use an `offset` when using `order_by`…',
  ],
  [scroll, { with_vector: ['x'] }, '400 Wrong input: Not existing vector name error: x'],
  [search, { vector, limit: 1, shard_key: 'k' }, '400 Wrong input: Shard key "k" not found'],
  [
    'POST /collections/dot/points/vectors/delete',
    { vector: [''] },
    '400 Bad request: No filter or points provided',
  ],
  [
    'POST /collections/dot/points/vectors/delete?wait=true',
    { vector: ['a'], points: [1] },
    '400 Wrong input: Not existing vector name error: a',
  ],
  [
    'PUT /collections/dot/points/vectors?wait=true',
    '{"points":[{"id":424242424242424242,"vector":[1,2,3,4]}]}',
    '404 Not found: No point with id 424242424242424242 found',
  ],
  [
    'POST /collections/dot/points/payload?wait=true',
    { payload: { a: 1 }, points: [77] },
    '404 Not found: No point with id 77 found',
  ],
  ['GET /collections/dot/points/77', undefined, '404 Not found: Point with id 77 does not exists!'],
  [
    'PUT /collections/dot/index',
    { field_name: 'n' },
    "400 Bad request: Can't auto-detect field type, please specify `field_schema` in the request",
  ],
  [
    'PUT /collections/dot/index',
    { field_name: 'a b', field_schema: 'keyword' },
    `${format}Invalid json path: 'a b'`,
  ],
  [
    'PATCH /collections/dot',
    { vectors: { x: {} } },
    '400 Wrong input: Not existing vector name error: x',
  ],
  ['PATCH /collections/none', {}, "404 Not found: Collection `none` doesn't exist!"],
  ['POST /collections/dot/cluster', {}, '400 Bad request: Distributed mode disabled'],
  [
    'POST /cluster/recover',
    undefined,
    '500 Service internal error: Qdrant is running in standalone mode',
  ],
];

const unbuilt: readonly Row[] = [
  [create, { sparse_vectors: { s: {} } }, '501 Not implemented: `sparse_vectors` is not built yet'],
  [
    create,
    { vectors: { size: 1, distance: 'Dot', multivector_config: { comparator: 'max_sim' } } },
    '501 Not implemented: `multivector_config` is not built yet',
  ],
  [create, { sharding_method: 'custom' }, '501 Not implemented: custom sharding is not built yet'],
  [
    create,
    { strict_mode_config: { enabled: true } },
    '501 Not implemented: strict mode is not built yet',
  ],
  [
    'PUT /collections/dot/index',
    { field_name: 'n', field_schema: 'text' },
    '501 Not implemented: …',
  ],
  [
    query,
    { query: vector, prefetch: { query: vector } },
    '501 Not implemented: `prefetch` is not…',
  ],
  [
    query,
    { query: { sample: 'random' } },
    '501 Not implemented: the query `sample` is not built yet',
  ],
  [query, { query: { nearest: vector, mmr: {} } }, '501 Not implemented: the query `mmr` is not…'],
  [query, { query: { text: 'x', model: 'm' } }, '501 Not implemented: inference is not built yet'],
  [
    upsert,
    { points: [{ id: 1, vector: { text: 'x', model: 'm' } }] },
    '501 Not implemented: inference…',
  ],
  [
    'POST /collections/dot/points/recommend',
    {},
    '501 Not implemented: POST /collections/{collection…',
  ],
  ['GET /snapshots', undefined, '501 Not implemented: …'],
];

const tables = { decoding, validation, names, parameters, meaning, unbuilt };

for (const [name, rows] of Object.entries(tables)) {
  test(`faults of ${name}`, async (t) => {
    for (const [request, body, expected] of rows) {
      const [method = '', path = ''] = request.split(' ');
      const title = `${request.slice(0, 80)} ${JSON.stringify(body)?.slice(0, 80) ?? ''}`;
      await t.test(title, async () => {
        const told = await rig.fails(method, path, body);
        if (!expected.endsWith('…')) assert.equal(told, expected);
        else assert.ok(told.startsWith(expected.slice(0, -1)), told);
      });
    }
  });
}

test('a refused request changes nothing', async () => {
  assert.deepEqual(await rig.ok('POST', '/collections/dot/points/count', {}), { count: 1 });
  assert.deepEqual(await rig.ok('POST', '/collections/named/points/count', {}), { count: 1 });
});

test('the server logs no bug for any of them', () => {
  assert.deepEqual(rig.log, []);
});

test('an error has a status and a time and no result', async () => {
  const { status, json, headers } = await rig.call('GET', '/collections/none');
  assert.equal(status, 404);
  assert.deepEqual(Object.keys(json), ['status', 'time']);
  assert.equal(typeof json.time, 'number');
  assert.equal(headers['content-type'], 'application/json');
});

test('JSON nested a million deep is refused, anywhere', async () => {
  const deep = '['.repeat(1_000_000);
  for (const body of [deep, `{"filter":${deep}`, `{"points":[{"id":1,"payload":{"a":${deep}`]) {
    const told = await rig.fails('PUT', '/collections/dot/points', body);
    assert.match(told, /^400 Format error in JSON body: /);
  }
  const filters = `{"filter":${'{"must":'.repeat(200_000)}`;
  const told = await rig.fails('POST', '/collections/dot/points/scroll', filters);
  assert.match(told, /^400 Format error in JSON body: recursion limit exceeded/);
});
