// Requirements on writes, schema and collections, on points in memory and on points in a published
// segment: what an update does to the rest of a point, what is refused and when, aliases, indexes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Hit, idsOf, RealServer, vectorOf } from './real-server.ts';

let server: RealServer;
before(async () => {
  server = await RealServer.start();
});
after(() => server.dispose());

const size = 256;
const unit = vectorOf(1, size);

/** A collection with the points, published when `isPublished`. */
async function filled(isPublished: boolean, payloads: readonly object[]) {
  const path = await server.collection({
    vectors: { size, distance: 'Dot' },
    optimizers_config: { indexing_threshold: isPublished ? 1 : 0 },
  });
  await server.upsert(
    path,
    payloads.map((payload, index) => ({ id: index + 1, vector: unit, payload })),
  );
  if (isPublished) await server.untilIndexed(path);
  return path;
}

async function payloadsById(path: string) {
  const hits = await server.scrollAll(path);
  return Object.fromEntries(hits.map((hit) => [hit.id, hit.payload]));
}

const post = (path: string, rest: string, body: object) =>
  server.ok('POST', `${path}/points/${rest}?wait=true`, body);
const put = (path: string, rest: string, body: object) =>
  server.ok('PUT', `${path}/points${rest}?wait=true`, body);

for (const isPublished of [false, true]) {
  const where = isPublished ? 'published' : 'in memory';

  test(`R32 changes of payload, ${where}`, async () => {
    const path = await filled(isPublished, [
      { a: 1, b: { c: 2, d: [{ e: 1 }, { e: 2 }] } },
      { a: 2 },
      { a: 3, x: null },
    ]);
    const expect = async (expected: object, name: string) =>
      assert.deepEqual(await payloadsById(path), expected, name);
    const one = { a: 1, b: { c: 2, d: [{ e: 1 }, { e: 2 }] } };
    for (let twice = 0; twice < 2; twice += 1) {
      await post(path, 'payload', { payload: { z: 9 }, points: [2] });
      await expect({ 1: one, 2: { a: 2, z: 9 }, 3: { a: 3, x: null } }, 'set merges');
    }
    await post(path, 'payload', { payload: { f: 1 }, points: [1], key: 'b.g' });
    await post(path, 'payload', { payload: { h: 5 }, points: [1], key: 'b.d[0]' });
    await post(path, 'payload', { payload: { i: 6 }, points: [1], key: 'b.d[]' });
    const nested = {
      c: 2,
      d: [
        { e: 1, h: 5, i: 6 },
        { e: 2, i: 6 },
      ],
      g: { f: 1 },
    };
    await expect({ 1: { a: 1, b: nested }, 2: { a: 2, z: 9 }, 3: { a: 3, x: null } }, 'key');
    await post(path, 'payload', { payload: { q: 1 }, points: [2], key: 'm[].n' });
    await expect({ 1: { a: 1, b: nested }, 2: { a: 2, z: 9, m: [] }, 3: { a: 3, x: null } }, 'm[]');
    await put(path, '/payload', { payload: { only: 'this', n: null }, points: [2] });
    await post(path, 'payload/delete', { keys: ['b.d[].e', 'a'], points: [1] });
    const without = { c: 2, d: [{ h: 5, i: 6 }, { i: 6 }], g: { f: 1 } };
    const second = { only: 'this', n: null };
    await expect({ 1: { b: without }, 2: second, 3: { a: 3, x: null } }, 'overwrite, delete');
    const filter = { must: [{ key: 'a', range: { gt: 2 } }] };
    await post(path, 'payload', { payload: { hit: true }, filter });
    await post(path, 'payload/delete', { keys: ['x'], filter });
    await expect({ 1: { b: without }, 2: second, 3: { a: 3, hit: true } }, 'by filter');
    await post(path, 'payload/clear', { filter });
    await post(path, 'payload/clear', { points: [1] });
    await expect({ 1: {}, 2: second, 3: {} }, 'clear');
    await post(path, 'delete', { filter: { must: [{ key: 'only', match: { value: 'this' } }] } });
    assert.deepEqual(idsOf(await server.scrollAll(path)), [1, 3]);
    await post(path, 'delete', { filter: {} });
    assert.equal(await server.count(path), 0);
  });

  test(`R33 another key leaves the indexed values alone, ${where}`, async () => {
    const path = await filled(isPublished, [{ k: 'x', n: 1 }, { k: ['x', 'y'], n: 2 }, { n: 3 }]);
    await server.index(path, 'k', 'keyword');
    await server.index(path, 'n', 'integer');
    const x = { must: [{ key: 'k', match: { value: 'x' } }] };
    for (const points of [[1], [1, 2, 3]]) {
      await post(path, 'payload', { payload: { other: { a: 1 } }, points });
      assert.equal(await server.count(path, x), 2);
      const schema = (await server.info(path)).payload_schema;
      assert.deepEqual([schema['k']?.points, schema['n']?.points], [2, 3]);
    }
    await post(path, 'payload', { payload: { k: null }, points: [1] });
    assert.equal(await server.count(path, x), 1);
    assert.equal((await server.info(path)).payload_schema['k']?.points, 1);
  });

  test(`R34 a batch goes in order and stops at a fault, ${where}`, async () => {
    const path = await filled(isPublished, [{ a: 1 }, { a: 2 }, { a: 3 }]);
    const batch = (operations: readonly object[]) =>
      server.call('POST', `${path}/points/batch?wait=true`, { operations });
    const all = await batch([
      { upsert: { points: [{ id: 9, vector: unit, payload: { a: 9 } }] } },
      { set_payload: { payload: { s: 1 }, points: [9, 1] } },
      { overwrite_payload: { payload: { o: 1 }, points: [2] } },
      { delete_payload: { keys: ['a'], points: [9] } },
      { clear_payload: { points: [3] } },
      { update_vectors: { points: [{ id: 3, vector: vectorOf(3, size) }] } },
      { delete_vectors: { vector: [''], points: [2] } },
      { upsert: { batch: { ids: [10, 11], vectors: [unit, unit], payloads: [{ c: 1 }, null] } } },
      { delete: { points: [11] } },
    ]);
    assert.equal(all.status, 200, all.text);
    const results = all.json.result as readonly { status: string; operation_id: number }[];
    assert.equal(results.length, 9);
    assert.ok(results.every((result) => result.status === 'completed'));
    assert.deepEqual(await payloadsById(path), {
      1: { a: 1, s: 1 },
      2: { o: 1 },
      3: {},
      9: { s: 1 },
      10: { c: 1 },
    });
    assert.equal(await server.count(path, { must: [{ has_vector: '' }] }), 4);
    const fault = await batch([
      { set_payload: { payload: { first: 1 }, points: [1] } },
      { update_vectors: { points: [{ id: 424242, vector: unit }] } },
      { set_payload: { payload: { third: 1 }, points: [1] } },
    ]);
    assert.equal(fault.status, 404, fault.text);
    assert.match(fault.text, /Not found: No point with id 424242 found/);
    assert.deepEqual((await payloadsById(path))[1], { a: 1, s: 1, first: 1 });
    assert.deepEqual((await batch([])).json.result, []);
  });

  test(`R35 R36 conditional updates, ${where}`, async () => {
    const path = await filled(isPublished, [{ v: 1 }, { v: 2 }]);
    const update_filter = { must: [{ key: 'v', match: { value: 1 } }] };
    const changed = (id: number) => ({ id, vector: vectorOf(40 + id, size), payload: { new: id } });
    await put(path, '', { points: [1, 2, 3].map(changed), update_filter });
    assert.deepEqual(await payloadsById(path), { 1: { new: 1 }, 2: { v: 2 }, 3: { new: 3 } });
    const second = await server.ok<Hit>('GET', `${path}/points/2`);
    const [same] = await server.query(path, { query: unit, params: { exact: true }, limit: 1 });
    assert.equal(same?.id, 2);
    assert.equal((second.vector as number[]).length, size);
    await put(path, '', { points: [changed(3), changed(4)], update_mode: 'insert_only' });
    await put(path, '', { points: [changed(2), changed(5)], update_mode: 'update_only' });
    assert.deepEqual(await payloadsById(path), {
      1: { new: 1 },
      2: { new: 2 },
      3: { new: 3 },
      4: { new: 4 },
    });
    assert.match(await server.fails('GET', `${path}/points/5`), /^404 /);
    await put(path, '/vectors', {
      points: [1, 2].map((id) => ({ id, vector: vectorOf(90 + id, size) })),
      update_filter: { must: [{ key: 'new', match: { value: 1 } }] },
    });
    const near = await server.query(path, { query: vectorOf(91, size), limit: 1 });
    assert.equal(near[0]?.id, 1);
    const body = { query: vectorOf(92, size), limit: 1, params: { exact: true } };
    const self = vectorOf(92, size).reduce((sum, value) => sum + value * value, 0);
    assert.ok(((await server.query(path, body))[0]?.score ?? self) < self * 0.9);
  });
}

test('R25 R26 faults of vectors', async () => {
  const path = await server.collection({
    vectors: { size: 4, distance: 'Dot' },
  });
  const named = await server.collection({ vectors: { a: { size: 4, distance: 'Dot' } } });
  const point = (vector: unknown) => ({ points: [{ id: 1, vector }] });
  for (const wait of ['true', 'false']) {
    const fails = (target: string, body: object, rest = 'points', method = 'PUT') =>
      server.fails(method, `${target}/${rest}?wait=${wait}`, body);
    assert.match(
      await fails(path, point([])),
      /^422 Validation error in JSON body: \[points\[0\]\.vector\.vector: dense vector must not be empty\]$/,
    );
    assert.match(
      await fails(path, { operations: [{ upsert: point([]) }] }, 'points/batch', 'POST'),
      /^422 .*dense vector must not be empty/,
    );
    assert.match(
      await fails(path, point([1, 2, 3])),
      /^400 Wrong input: Vector dimension error: expected dim: 4, got 3$/,
    );
    assert.match(
      await fails(path, { batch: { ids: [1], vectors: [[1, 2, 3]] } }),
      /^400 .*Vector dimension error/,
    );
    assert.match(
      await fails(path, { operations: [{ upsert: point([1]) }] }, 'points/batch', 'POST'),
      /^400 .*Vector dimension error/,
    );
    assert.match(
      await fails(named, point({ a: [1] })),
      /^400 Wrong input: Vector dimension error: expected dim: 4, got 1 for vector 'a'$/,
    );
    assert.match(await fails(path, { points: [] }), /^400 Bad request: Empty update request$/);
    const none = await fails(path, {});
    assert.equal(none, '400 Format error in JSON body: Invalid PointInsertOperations format');
  }
  const unknown = point({ zz: [1, 2] });
  assert.match(
    await server.fails('PUT', `${path}/points?wait=true`, unknown),
    /^400 Wrong input: Not existing vector name error: zz/,
  );
  // Refused at once, where the reference acknowledges and drops it.
  assert.match(await server.fails('PUT', `${path}/points`, unknown), /^400 Wrong input: Not exist/);
  assert.equal(await server.count(path), 0);
  const big = '424242424242424242';
  assert.equal(
    await server.fails(
      'PUT',
      `${path}/points/vectors?wait=true`,
      `{"points":[{"id":${big},"vector":[1,2,3,4]}]}`,
    ),
    `404 Not found: No point with id ${big} found`,
    'R30',
  );
  assert.match(
    await server.fails('PUT', `${named}/points/vectors?wait=true`, point({})),
    /^422 .*must specify vectors to update for point/,
  );
  assert.equal(
    (await server.call('PUT', `${named}/points?wait=true`, point({}))).status,
    200,
    'R29',
  );
});

test('R11 R12 aliases and existence', async () => {
  const path = await server.collection({ vectors: { size: 2, distance: 'Dot' } });
  const name = path.slice('/collections/'.length);
  await server.upsert(path, [{ id: 1, vector: [1, 2] }]);
  const change = (...actions: readonly object[]) => ({ actions });
  const create = (alias_name: string, collection_name = name) => ({
    create_alias: { collection_name, alias_name },
  });
  assert.match(
    await server.fails('POST', '/collections/aliases', change(create(name))),
    /^409 Wrong input: Collection `.*` already exists!$/,
  );
  await server.ok('POST', '/collections/aliases', change(create('nick')));
  const body = { vectors: { size: 2, distance: 'Dot' } };
  assert.match(await server.fails('PUT', '/collections/nick', body), /^400 /);
  assert.match(await server.fails('PUT', path, body), /^409 Wrong input: Collection `/);
  assert.equal(await server.count('/collections/nick'), 1);
  assert.equal((await server.query('/collections/nick', { query: [1, 0] })).length, 1);
  await server.upsert('/collections/nick', [{ id: 2, vector: [1, 2] }]);
  assert.equal(await server.count(path), 2);
  assert.deepEqual(await server.ok('GET', '/collections/nick/exists'), { exists: true });
  assert.deepEqual(await server.ok('GET', '/collections/nothing/exists'), { exists: false });
  assert.equal(await server.ok('DELETE', '/collections/nothing'), false);
  assert.match(
    await server.fails('POST', '/collections/aliases', change(create('x', 'nothing'))),
    /^404 Not found: Collection `nothing` doesn't exist!$/,
  );
  await server.ok('POST', '/collections/aliases', change({ delete_alias: { alias_name: 'nick' } }));
  assert.match(await server.fails('GET', '/collections/nick'), /^404 /);
  assert.deepEqual(await server.ok('GET', '/aliases'), { aliases: [] });
});

test('R20 payload schema', async () => {
  const path = await server.collection({ vectors: { size: 2, distance: 'Dot' } });
  const rows: readonly [string, unknown, object][] = [
    ['k', 'keyword', { data_type: 'keyword', points: 0 }],
    ['i', 'integer', { data_type: 'integer', points: 0 }],
    ['f', 'float', { data_type: 'float', points: 0 }],
    ['b', 'bool', { data_type: 'bool', points: 0 }],
    ['d', 'datetime', { data_type: 'datetime', points: 0 }],
    ['u', 'uuid', { data_type: 'uuid', points: 0 }],
    [
      'k2',
      { type: 'keyword', is_tenant: true },
      { data_type: 'keyword', params: { type: 'keyword', is_tenant: true }, points: 0 },
    ],
    [
      'i2',
      { type: 'integer', lookup: true, range: false },
      {
        data_type: 'integer',
        params: { type: 'integer', lookup: true, range: false, is_principal: null },
        points: 0,
      },
    ],
    [
      'f2',
      { type: 'float', on_disk: true },
      {
        data_type: 'float',
        params: { type: 'float', on_disk: true, is_principal: null },
        points: 0,
      },
    ],
    ['123', 'keyword', { data_type: 'keyword', points: 0 }],
    ['a.b[].c', 'keyword', { data_type: 'keyword', points: 0 }],
  ];
  for (const [field, schema] of rows) await server.index(path, field, schema);
  const shown = (await server.info(path)).payload_schema;
  const wanted = Object.fromEntries(rows.map(([field, , echo]) => [field, echo]));
  const shorn = (schema: object): unknown =>
    JSON.parse(JSON.stringify(schema), (_key, value: unknown) => value ?? undefined) as unknown;
  assert.deepEqual(shorn(shown), shorn(wanted));
  await server.index(path, 'k', 'integer');
  assert.equal((await server.info(path)).payload_schema['k']?.data_type, 'integer');
  await server.upsert(path, [
    {
      id: 1,
      vector: [1, 1],
      payload: { k: 5, 123: 'x', a: { b: [{ c: 'y' }] }, i: '5', b: false },
    },
    { id: 2, vector: [1, 1], payload: { k: 'text', i: [5, 'x'], f: 3, d: '2020-01-01' } },
  ]);
  const counted = (await server.info(path)).payload_schema;
  const points = Object.fromEntries(
    Object.entries(counted).flatMap(([field, { points: count }]) =>
      count > 0 ? [[field, count]] : [],
    ),
  );
  assert.deepEqual(points, { 123: 1, 'a.b[].c': 1, b: 1, d: 1, f: 1, i: 1, k: 1 });
  assert.match(
    await server.fails('PUT', `${path}/index?wait=true`, {
      field_name: 'z',
      field_schema: { type: 'integer', lookup: false, range: false },
    }),
    /^422 .*the 'lookup' and 'range' capabilities can't be both disabled/,
  );
  assert.match(
    await server.fails('PUT', `${path}/index`, { field_name: 'z' }),
    /^400 Bad request: Can't auto-detect field type, please specify `field_schema` in the request$/,
  );
  for (const [field] of rows) {
    await server.ok('DELETE', `${path}/index/${encodeURIComponent(field)}?wait=true`);
  }
  await server.ok('DELETE', `${path}/index/nothing?wait=true`);
  assert.deepEqual((await server.info(path)).payload_schema, {});
});

test('lookup without range, range without lookup', async () => {
  const path = await server.collection({ vectors: { size: 2, distance: 'Dot' } });
  const points = [1, 2, 3, 3].map((n, index) => ({
    id: index + 1,
    vector: [1, 1],
    payload: { l: n, r: n },
  }));
  await server.upsert(path, points);
  await server.index(path, 'l', { type: 'integer', lookup: true, range: false });
  await server.index(path, 'r', { type: 'integer', lookup: false, range: true });
  for (const key of ['l', 'r']) {
    assert.equal(await server.count(path, { must: [{ key, match: { value: 3 } }] }), 2, key);
    assert.equal(await server.count(path, { must: [{ key, range: { gte: 2 } }] }), 3, key);
  }
  const order = (order_by: string) => server.call('POST', `${path}/points/scroll`, { order_by });
  assert.equal((await order('l')).status, 400);
  assert.equal((await order('r')).status, 200);
});

test('R90 R1 every error has its envelope', async () => {
  const rows: readonly [string, string, unknown, RegExp][] = [
    ['GET', '/collections/none', undefined, /^404 Not found: /],
    ['POST', '/collections/none/points/scroll', {}, /^404 Not found: /],
    ['PUT', '/collections/none/points', { points: [{ id: 1, vector: [1] }] }, /^404 Not found: /],
    ['PATCH', '/collections/none', {}, /^404 Not found: /],
    ['POST', '/collections/none/points/scroll', '{', /^400 Format error in JSON body: /],
    [
      'POST',
      '/collections/none/points/scroll',
      { limit: 0 },
      /^422 Validation error in JSON body: /,
    ],
    ['GET', '/collections/none?x=1', undefined, /^404 Not found: /],
    ['PUT', '/collections/..', { vectors: {} }, /^(404|500|400|422)/],
    ['POST', '/collections/none/points/count?timeout=0', {}, /^400 /],
    ['PUT', '/collections/x?timeout=0', {}, /^422 .*timeout: value 0 invalid, must be 1 or larger/],
    ['PUT', '/collections/none/points?wait=1', { points: [] }, /^400 Deserialize error in query/],
  ];
  for (const [method, path, body, expected] of rows) {
    const answer = await server.call(method, path, body);
    const error = answer.json.status;
    const text = typeof error === 'object' ? error.error : '';
    assert.match(`${answer.status} ${text}`, expected, `${method} ${path}`);
    if (text !== '') assert.match(answer.text, /^\{"status":\{"error":".*"\},"time":[\d.e-]+\}$/);
  }
  const unknown = await server.call('GET', '/nothing');
  assert.deepEqual([unknown.status, unknown.text], [404, '']);
});
