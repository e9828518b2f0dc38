// Faults of names and parameters, requests that make no sense, and what is not built.

import { create, format, query, type Row, scroll, search, upsert, vector } from './fault-row.ts';

export const names: readonly Row[] = [
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

export const parameters: readonly Row[] = [
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

export const meaning: readonly Row[] = [
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

export const unbuilt: readonly Row[] = [
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
