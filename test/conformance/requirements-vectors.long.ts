// Requirements on vectors and their configuration: echo and warnings, limits, recall under filters,
// deleted entry points, named vectors, and the same answers wherever vectors and payloads lie.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Hit, idsOf, RealServer, vectorOf } from './real-server.ts';

let server: RealServer;
before(async () => {
  server = await RealServer.start();
});
after(() => server.dispose());

const create = (body: object) => server.collection(body);
const params = async (path: string) => (await server.info(path)).config.params;

test('R36 the echo of a vector has only what was given', async () => {
  const rows: readonly object[] = [
    { size: 4, distance: 'Dot' },
    { size: 4, distance: 'Cosine', on_disk: true },
    { size: 4, distance: 'Cosine', on_disk: false },
    { size: 4, distance: 'Euclid', hnsw_config: { m: 5 } },
    { size: 4, distance: 'Manhattan', datatype: 'uint8' },
    { size: 4, distance: 'Dot', datatype: 'float16', hnsw_config: { on_disk: true, payload_m: 8 } },
  ];
  for (const vectors of rows) {
    const path = await create({ vectors });
    assert.deepEqual((await params(path))['vectors'], vectors);
    const named = await create({ vectors: { '': vectors, other: { size: 1, distance: 'Dot' } } });
    assert.deepEqual((await params(named))['vectors'], {
      '': vectors,
      other: { size: 1, distance: 'Dot' },
    });
  }
  const bare = await create({});
  assert.deepEqual((await params(bare))['vectors'], {});
});

test('R37 warnings', async () => {
  const plain = await create({ vectors: { size: 4, distance: 'Dot' } });
  assert.equal((await server.info(plain)).warnings, undefined);
  const inline = await create({
    vectors: { size: 4, distance: 'Dot', hnsw_config: { inline_storage: true } },
  });
  assert.equal((await server.info(inline)).warnings?.length, 1);
});

test('R46 R6 limits of the dimension', async () => {
  const body = (size: number) => ({ vectors: { size, distance: 'Dot' } });
  for (const size of [1, 65536]) {
    const path = await create(body(size));
    await server.upsert(path, [{ id: 1, vector: Array.from({ length: size }, () => 0.5) }]);
    assert.equal(await server.count(path), 1);
    const [hit] = await server.query(path, { query: Array.from({ length: size }, () => 1) });
    assert.equal(hit?.score, size / 2);
    await server.ok('DELETE', path);
  }
  assert.equal(
    await server.fails('PUT', '/collections/large', body(65537)),
    '422 Validation error in JSON body: [vectors.size: value 65537 invalid, must be from 1 to 65536]',
  );
  assert.match(await server.fails('PUT', '/collections/none', body(0)), /^4\d\d /);
});

test('R14 R67 PATCH merges', async () => {
  const path = await create({
    vectors: { a: { size: 4, distance: 'Dot' }, b: { size: 4, distance: 'Dot' } },
    metadata: { x: 1, y: { z: 2 } },
  });
  const patch = (body: object) => server.ok('PATCH', path, body);
  await patch({ vectors: { a: { hnsw_config: { m: 7 } } } });
  await patch({ optimizers_config: { deleted_threshold: 0.4 } });
  await patch({ optimizers_config: { indexing_threshold: 99, deleted_threshold: null } });
  await patch({ metadata: { x: null, w: [1] } });
  await patch({});
  const { config } = await server.info(path);
  assert.deepEqual(config.params['vectors'], {
    a: { size: 4, distance: 'Dot', hnsw_config: { m: 7 } },
    b: { size: 4, distance: 'Dot' },
  });
  assert.equal(config.hnsw_config['m'], 16);
  assert.equal(config.optimizer_config['deleted_threshold'], 0.4);
  assert.equal(config.optimizer_config['indexing_threshold'], 99);
  assert.deepEqual(config.metadata, { y: { z: 2 }, w: [1] }, 'R13');
  await patch({ params: { on_disk_payload: false } });
  assert.equal((await params(path))['on_disk_payload'], false);
  assert.equal(
    await server.fails('PATCH', path, { vectors: { zz: { on_disk: true } } }),
    '400 Wrong input: Not existing vector name error: zz',
  );
  await server.upsert(path, [{ id: 1, vector: { a: [1, 2, 3, 4] } }]);
});

test('R79 what is wrong first is told first', async () => {
  const path = await create({ vectors: { a: { size: 4, distance: 'Dot' } } });
  const rows: readonly [string, string, string, RegExp][] = [
    ['shape', '/collections/none/points/search', '{"vector":[1],"limit":', /^400 Format error/],
    ['validation', '/collections/none/points/search', '{"vector":[1],"limit":0}', /^422 Valid/],
    [
      'collection',
      '/collections/none/points/search',
      '{"vector":[1],"limit":1}',
      /^404 Not found: Collection `none` doesn't exist!$/,
    ],
    ['id', `${path}/points/query`, '{"query":7,"using":"zz"}', /^404 .*7/],
    [
      'vector name',
      `${path}/points/query`,
      '{"query":[1],"using":"zz"}',
      /^400 Wrong input: Not existing vector name error: zz$/,
    ],
    [
      'dimension',
      `${path}/points/query`,
      '{"query":[1,2,3],"using":"a"}',
      /^400 Wrong input: Vector dimension error: expected dim: 4, got 3/,
    ],
    [
      'default vector',
      `${path}/points/query`,
      '{"query":[1,2,3,4]}',
      /^400 Wrong input: Not existing vector name error: $/,
    ],
  ];
  for (const [name, target, body, expected] of rows) {
    assert.match(await server.fails('POST', target, body), expected, name);
  }
});

test('R29 R31 R60 points with some of the vectors', async () => {
  for (const indexing_threshold of [0, 1]) {
    const size = 256;
    const path = await create({
      vectors: { a: { size, distance: 'Cosine' }, b: { size: 2, distance: 'Euclid' } },
      optimizers_config: { indexing_threshold },
    });
    await server.upsert(path, [
      { id: 1, vector: { a: vectorOf(1, size) }, payload: { k: 1 } },
      { id: 2, vector: { b: [1, 2] }, payload: { k: 2 } },
      { id: 3, vector: {}, payload: { k: 3 } },
      { id: 4, vector: { a: vectorOf(4, size), b: [3, 4] } },
      { id: 5, vector: { a: vectorOf(5, size) } },
    ]);
    if (indexing_threshold === 1) await server.untilIndexed(path);
    const found = async (using: string, query: readonly number[]) =>
      idsOf(await server.query(path, { query, using })).toSorted((x, y) => Number(x) - Number(y));
    assert.deepEqual(await found('a', vectorOf(9, size)), [1, 4, 5]);
    assert.deepEqual(await found('b', [0, 0]), [2, 4]);
    assert.equal(await server.count(path), 5);
    const shown = await server.scrollAll(path, { with_vector: ['b'] });
    assert.deepEqual(
      shown.map((hit) => hit.vector),
      [{}, { b: [1, 2] }, {}, { b: [3, 4] }, {}],
    );
    assert.match(
      await server.fails('POST', `${path}/points/scroll`, { with_vector: ['z'] }),
      /^400/,
    );
    await server.ok('PUT', `${path}/points/vectors?wait=true`, {
      points: [
        { id: 3, vector: { b: [9, 9] } },
        { id: 3, vector: { a: vectorOf(3, size), b: [8, 8] } },
      ],
    });
    const third = await server.ok<Hit & { vector: { b: unknown } }>('GET', `${path}/points/3`);
    assert.deepEqual(third.vector.b, [8, 8], 'R30 the last value wins');
    assert.deepEqual(third.payload, { k: 3 });
    assert.deepEqual(await found('a', vectorOf(9, size)), [1, 3, 4, 5]);
    const drop = { vector: ['a'], points: [3, 4] };
    for (let twice = 0; twice < 2; twice += 1) {
      await server.ok('POST', `${path}/points/vectors/delete?wait=true`, drop);
    }
    assert.deepEqual(await found('a', vectorOf(9, size)), [1, 5]);
    assert.equal(
      await server.fails('POST', `${path}/points/vectors/delete?wait=true`, {
        vector: ['zz'],
        points: [1],
      }),
      '400 Wrong input: Not existing vector name error: zz',
    );
    const lacking = await server.fails('POST', `${path}/points/query`, { query: 2, using: 'a' });
    assert.match(lacking, /^404 Not found: Vector with name "?a"? for point not found/);
  }
});

/** Points around centres, so that neighbours are not arbitrary. */
function clustered(id: number, dimension: number): number[] {
  const centre = vectorOf((id % 40) + 100_000, dimension);
  const noise = vectorOf(id, dimension);
  return centre.map((value, index) => value + 0.6 * (noise[index] ?? 0));
}

test('R40 R42 R43 R52 recall and completeness with and without filters', async () => {
  const size = 64;
  const count = 6000;
  const path = await create({
    vectors: { size, distance: 'Cosine' },
    optimizers_config: { indexing_threshold: 100, default_segment_number: 1 },
    hnsw_config: { full_scan_threshold: 10 },
  });
  await server.index(path, 'percent', 'integer');
  await server.index(path, 'tenant', { type: 'keyword', is_tenant: true });
  for (let first = 0; first < count; first += 1000) {
    const points = Array.from({ length: 1000 }, (_, index) => ({
      id: first + index,
      vector: clustered(first + index, size),
      payload: { percent: (first + index) % 100, tenant: `t${(first + index) % 20}` },
    }));
    await server.upsert(path, points);
  }
  await server.until(
    path,
    (info) => info.status === 'green' && info.indexed_vectors_count > count * 0.9,
  );
  const filters: Readonly<Record<string, object | undefined>> = {
    none: undefined,
    '50 %': { must: [{ key: 'percent', range: { lt: 50 } }] },
    '10 %': { must: [{ key: 'percent', range: { lt: 10 } }] },
    '1 %': { must: [{ key: 'percent', match: { value: 5 } }] },
    tenant: { must: [{ key: 'tenant', match: { value: 't3' } }] },
    unindexed: { must_not: [{ has_id: [1, 2, 3] }] },
  };
  const recall = async (filter: object | undefined) => {
    let hit = 0;
    const rounds = 20;
    for (let round = 0; round < rounds; round += 1) {
      const body = {
        query: clustered(50_000 + round, size),
        limit: 10,
        ...(filter === undefined ? {} : { filter }),
      };
      const near = idsOf(await server.query(path, body));
      const exact = idsOf(await server.query(path, { ...body, params: { exact: true } }));
      assert.equal(near.length, 10);
      assert.equal(new Set(near).size, 10);
      hit += near.filter((id) => exact.includes(id)).length;
    }
    return hit / (rounds * 10);
  };
  for (const [name, filter] of Object.entries(filters)) {
    const found = await recall(filter);
    assert.ok(found >= 0.95, `${name}: ${found}`);
  }
  const few = { must: [{ has_id: [5, 77, 999_999] }] };
  const two = await server.query(path, { query: clustered(1, size), filter: few });
  assert.deepEqual(
    idsOf(two).toSorted((a, b) => Number(a) - Number(b)),
    [5, 77],
  );
  const none = { must: [{ key: 'percent', match: { value: 1000 } }] };
  assert.deepEqual(await server.query(path, { query: clustered(1, size), filter: none }), []);
  // Most points go, the entry point of the graph likely among them; half of them by filter.
  await server.ok('POST', `${path}/points/delete?wait=true`, {
    filter: { must: [{ key: 'percent', range: { gte: 20 } }] },
  });
  const left = await server.query(path, { query: clustered(1, size), limit: 100 });
  assert.equal(left.length, 100);
  assert.ok(
    left.every((hit) => Number(hit.id) % 100 < 20),
    'R43',
  );
  assert.equal(await server.count(path), count / 5);
});

test('R41 a graph of payload blocks only', async () => {
  const size = 64;
  const path = await create({
    vectors: { size, distance: 'Cosine' },
    optimizers_config: { indexing_threshold: 100, default_segment_number: 1 },
    hnsw_config: { m: 0, payload_m: 16, full_scan_threshold: 10 },
  });
  await server.index(path, 'tenant', { type: 'keyword', is_tenant: true });
  const count = 2000;
  for (let first = 0; first < count; first += 1000) {
    const points = Array.from({ length: 1000 }, (_, index) => ({
      id: first + index,
      vector: clustered(first + index, size),
      payload: { tenant: `t${(first + index) % 4}` },
    }));
    await server.upsert(path, points);
  }
  await server.untilGreen(path);
  for (let round = 0; round < 10; round += 1) {
    const filter = { must: [{ key: 'tenant', match: { value: `t${round % 4}` } }] };
    const body = { query: clustered(70_000 + round, size), limit: 10, filter };
    const near = idsOf(await server.query(path, body));
    const exact = idsOf(await server.query(path, { ...body, params: { exact: true } }));
    assert.deepEqual(near, exact);
    assert.equal((await server.query(path, { query: body.query, limit: 5 })).length, 5);
  }
});

test('R8 limits of any size', async () => {
  const path = await create({ vectors: { size: 2, distance: 'Dot' } });
  await server.upsert(
    path,
    [1, 2, 3].map((id) => ({ id, vector: [id, 1] })),
  );
  for (const limit of ['3', '1000000000', '18446744073709551615']) {
    const search = `{"vector":[1,0],"limit":${limit}}`;
    const hits = await server.ok<readonly Hit[]>('POST', `${path}/points/search`, search);
    assert.deepEqual(idsOf(hits), [3, 2, 1]);
    const query = `{"query":[1,0],"limit":${limit}}`;
    const { points } = await server.ok<{ points: readonly Hit[] }>(
      'POST',
      `${path}/points/query`,
      query,
    );
    assert.deepEqual(idsOf(points), [3, 2, 1]);
    const scroll = await server.ok<{ points: readonly Hit[] }>(
      'POST',
      `${path}/points/scroll`,
      `{"limit":${limit}}`,
    );
    assert.deepEqual(idsOf(scroll.points), [1, 2, 3]);
  }
  const beyond = '{"vector":[1,0],"limit":3,"offset":18446744073709551615}';
  assert.deepEqual(await server.ok('POST', `${path}/points/search`, beyond), []);
});

test('R39 R51 exact and indexed_only', async () => {
  const size = 256;
  const path = await create({
    vectors: { size, distance: 'Dot' },
    optimizers_config: { indexing_threshold: 10, max_optimization_threads: 0 },
    hnsw_config: { full_scan_threshold: 10 },
  });
  const points = Array.from({ length: 100 }, (_, id) => ({ id, vector: vectorOf(id, size) }));
  await server.upsert(path, points);
  const query = vectorOf(500, size);
  const all = await server.query(path, { query });
  assert.equal(all.length, 10);
  const brute = points
    .map(({ id, vector }) => ({
      id,
      score: vector.reduce((sum, value, index) => sum + value * (query[index] ?? 0), 0),
    }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, 10);
  assert.deepEqual(idsOf(all), idsOf(brute));
  const hidden = await server.query(path, { query, params: { indexed_only: true } });
  assert.deepEqual(hidden, [], 'an unindexed segment beyond both thresholds is passed over');
  await server.ok('PATCH', path, { optimizers_config: { max_optimization_threads: 'auto' } });
  await server.untilIndexed(path);
  const shown = await server.query(path, { query, params: { indexed_only: true } });
  assert.ok(shown.length > 0);
  const small = await create({ vectors: { size: 2, distance: 'Dot' } });
  await server.upsert(small, [{ id: 1, vector: [1, 1] }]);
  const kept = await server.query(small, { query: [1, 0], params: { indexed_only: true } });
  assert.deepEqual(idsOf(kept), [1]);
});

test('equal questions get equal answers', async () => {
  const size = 64;
  const path = await create({
    vectors: { size, distance: 'Cosine' },
    optimizers_config: { indexing_threshold: 100 },
  });
  const points = Array.from({ length: 3000 }, (_, id) => ({ id, vector: clustered(id, size) }));
  for (let first = 0; first < 3000; first += 1000) {
    await server.upsert(path, points.slice(first, first + 1000));
  }
  await server.untilIndexed(path);
  for (let round = 0; round < 5; round += 1) {
    const body = { query: clustered(9000 + round, size), limit: 20 };
    const [one, ...more] = await Promise.all([
      server.query(path, body),
      server.query(path, body),
      server.query(path, body),
    ]);
    for (const other of more) assert.deepEqual(other, one);
    // R3: the score of a pair is the same whoever asks.
    const exact = await server.query(path, { ...body, params: { exact: true } });
    const scores = new Map(exact.map((hit) => [hit.id, hit.score]));
    for (const { id, score } of one ?? []) {
      if (scores.has(id)) assert.equal(score, scores.get(id), `score of ${id}`);
    }
  }
});
