// Changing and reading points over REST: forms, exact numbers, selections, order, paging, scores.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Rig, startRig } from './harness.ts';

let rig: Rig;
let made = 0;

before(async () => {
  rig = await startRig();
});

after(() => rig.close());

/** A new collection; gives its path. */
async function collection(body: object = { vectors: { size: 2, distance: 'Dot' } }) {
  made += 1;
  const path = `/collections/c${made}`;
  await rig.ok('PUT', path, body);
  return path;
}

function upsert(path: string, points: unknown): Promise<unknown> {
  const body = typeof points === 'string' ? points : { points };
  return rig.ok('PUT', `${path}/points?wait=true`, body);
}

/** `id: score` of a search or query. */
async function scores(path: string, body: object): Promise<readonly string[]> {
  const { points } = (await rig.ok('POST', `${path}/points/query`, body)) as {
    readonly points: readonly { readonly id: number; readonly score: number }[];
  };
  return points.map(({ id, score }) => `${id}: ${score}`);
}

async function scrolled(path: string, body: object = {}) {
  const page = await rig.ok('POST', `${path}/points/scroll`, body);
  return page as {
    readonly points: readonly {
      readonly id: number;
      readonly payload?: unknown;
      readonly vector?: unknown;
      readonly order_value?: number;
    }[];
    readonly next_page_offset: unknown;
  };
}

const dataV = [
  { id: 1, vector: [1, 0] },
  { id: 2, vector: [0, 2] },
  { id: 3, vector: [3, 4] },
  { id: 4, vector: [-1, -1] },
  { id: 5, vector: [0, 0] },
];

test('every distance gives the scores of the worked examples', async () => {
  const expected = {
    Cosine: ['1: 0.8944272', '3: 0.8944272', '2: 0.4472136', '5: 0', '4: -0.94868326'],
    Dot: ['3: 10', '1: 2', '2: 2', '5: 0', '4: -3'],
    Euclid: ['1: 1.4142135', '2: 2.236068', '5: 2.236068', '3: 3.1622777', '4: 3.6055512'],
    Manhattan: ['1: 2', '2: 3', '5: 3', '3: 4', '4: 5'],
  };
  const cut = { Cosine: [0, 3], Dot: [2, 1], Euclid: [2, 1], Manhattan: [2, 0] } as const;
  for (const [distance, list] of Object.entries(expected)) {
    const path = await collection({ vectors: { size: 2, distance } });
    await upsert(path, dataV);
    assert.deepEqual(await scores(path, { query: [2, 1] }), list, distance);
    assert.deepEqual(
      await scores(path, { query: { nearest: [2, 1] }, limit: 2, offset: 1 }),
      list.slice(1, 3),
    );
    const [score_threshold, count] = cut[distance as keyof typeof cut];
    const above = await scores(path, { query: [2, 1], score_threshold });
    assert.deepEqual(above, list.slice(0, count), `${distance} cut`);
    const searched = await rig.ok('POST', `${path}/points/search`, { vector: [2, 1], limit: 10 });
    const { points } = (await rig.ok('POST', `${path}/points/query`, { query: [2, 1] })) as {
      readonly points: unknown;
    };
    assert.deepEqual(searched, points);
  }
});

test('vectors come back as the datatype stores them', async () => {
  const stored = async (vectors: object, points: unknown) => {
    const path = await collection({ vectors });
    await upsert(path, points);
    const { text } = await rig.call('POST', `${path}/points/scroll`, { with_vector: true });
    return [...text.matchAll(/"vector":(\[[^\]]*\])/g)].map(([, list]) => list);
  };
  const cosine = [
    [3, 4],
    [0, 0],
    [1e-5, 0],
  ].map((vector, id) => ({ id, vector }));
  assert.deepEqual(await stored({ size: 2, distance: 'Cosine' }, cosine), [
    '[0.6,0.8]',
    '[0.0,0.0]',
    '[0.00001,0.0]',
  ]);
  const bytes = [
    [256.19, -10],
    [1.81, 3.99],
    [0.5, 0.99],
  ].map((vector, id) => ({ id, vector }));
  const uint8 = { size: 2, distance: 'Dot', datatype: 'uint8' };
  assert.deepEqual(await stored(uint8, bytes), ['[255.0,0.0]', '[1.0,3.0]', '[0.0,0.0]']);
  const exact = '{"points":[{"id":1,"vector":[0.1,16777217]},{"id":2,"vector":[1e39,-1e-46]}]}';
  const path = await collection();
  await rig.ok('PUT', `${path}/points?wait=true`, exact.replace('1e39', '3.4028234e38'));
  const { text } = await rig.call('POST', `${path}/points/scroll`, { with_vector: true });
  assert.match(text, /"vector":\[0\.1,16777216\.0\]/);
  assert.match(text, /"vector":\[3\.4028235e38,-0\.0\]/);
});

test('ids and payload numbers survive digit by digit', async () => {
  const path = await collection();
  await upsert(
    path,
    '{"points":[{"id":18446744073709551615,"vector":[1,0],"payload":' +
      '{"n":9007199254740993,"f":3.0,"e":1e2,"big":1e23,"z":-0.0,"u":18446744073709551615}},' +
      '{"id":9007199254740993,"vector":[1,0],"payload":{"t":"\\u00e9\\n\\"","k":{"10":1,"2":[null,true]}}}]}',
  );
  const { text } = await rig.call('POST', `${path}/points/scroll`, {});
  assert.ok(
    text.startsWith(
      '{"result":{"points":[{"id":9007199254740993,"payload":' +
        '{"t":"é\\n\\"","k":{"10":1,"2":[null,true]}}},{"id":18446744073709551615,"payload":' +
        '{"n":9007199254740993,"f":3.0,"e":100.0,"big":1e23,"z":-0.0,"u":18446744073709551615}}],' +
        '"next_page_offset":null}',
    ),
    text,
  );
  const found = await rig.call('GET', `${path}/points/18446744073709551615`);
  assert.match(found.text, /"id":18446744073709551615/);
  const filter = { must: [{ key: 'n', match: { value: 1 } }] };
  const body = JSON.stringify({ filter }).replace('1}', '9007199254740993}');
  const hits = await rig.call('POST', `${path}/points/count`, body);
  assert.deepEqual(hits.json.result, { count: 1 });
});

test('a UUID may be spelled in four ways and comes back in one', async () => {
  const path = await collection();
  const id = '936da01f-9abd-4d9d-80c7-02af85c822a8';
  const spellings = [id.toUpperCase(), id.replaceAll('-', ''), `urn:uuid:${id}`, `{${id}}`];
  for (const [index, spelling] of spellings.entries()) {
    await upsert(path, [{ id: spelling, vector: [index, 0] }]);
    const record = (await rig.ok('GET', `${path}/points/${encodeURIComponent(spelling)}`)) as {
      readonly id: string;
    };
    assert.equal(record.id, id);
  }
  assert.deepEqual(await rig.ok('POST', `${path}/points/count`, {}), { count: 1 });
  await rig.ok('POST', `${path}/points/delete?wait=true`, { points: [spellings[1]] });
  assert.deepEqual(await rig.ok('POST', `${path}/points/count`, {}), { count: 0 });
});

test('points as columns are the same as points in a list', async () => {
  const vectors = { a: { size: 2, distance: 'Dot' }, b: { size: 1, distance: 'Dot' } };
  const list = await collection({ vectors });
  const columns = await collection({ vectors });
  await upsert(list, [
    { id: 1, vector: { a: [1, 2], b: [3] }, payload: { x: 1 } },
    { id: 2, vectors: { b: [6], a: [4, 5] }, payload: null },
  ]);
  await upsert(
    columns,
    JSON.stringify({
      points: [{ nonsense: true }].slice(1),
      batch: {
        payloads: [{ x: 1 }, null],
        vectors: {
          a: [
            [1, 2],
            [4, 5],
          ],
          b: [[3], [6]],
        },
        ids: [1, 2],
      },
    }),
  );
  const all = { with_vector: true };
  assert.deepEqual(await scrolled(list, all), await scrolled(columns, all));
});

test('vectors in answers: bare when unnamed and alone, else by name', async () => {
  const named = await collection({
    vectors: { a: { size: 1, distance: 'Dot' }, b: { size: 1, distance: 'Dot' } },
  });
  await upsert(named, [
    { id: 1, vector: { a: [1] } },
    { id: 2, vector: { a: [1], b: [2] } },
    { id: 3, vector: {} },
  ]);
  const vectors = async (with_vector: unknown) =>
    (await scrolled(named, { with_vector })).points.map((point) => point.vector);
  assert.deepEqual(await vectors(true), [{ a: [1] }, { a: [1], b: [2] }, {}]);
  assert.deepEqual(await vectors(['b']), [{}, { b: [2] }, {}]);
  assert.deepEqual(await vectors(false), [undefined, undefined, undefined]);
  await rig.ok('PUT', `${named}/points/vectors?wait=true`, {
    points: [
      { id: 3, vector: { a: [7] } },
      { id: 3, vector: { b: [8] } },
      { id: 3, vector: { a: [9] } },
    ],
  });
  await rig.ok('POST', `${named}/points/vectors/delete?wait=true`, { points: [2], vector: ['a'] });
  assert.deepEqual(await vectors(true), [{ a: [1] }, { b: [2] }, { a: [9], b: [8] }]);
  const found = await scores(named, { query: [1], using: 'a' });
  assert.deepEqual(found, ['3: 9', '1: 1']);
});

test('payload: set, overwrite, delete, clear, by id and by filter, at a key', async () => {
  const path = await collection();
  await upsert(path, [
    { id: 1, vector: [1, 0], payload: { a: 1, o: { x: 1 } } },
    { id: 2, vector: [1, 0], payload: { a: 2 } },
  ]);
  const payloads = async () => (await scrolled(path)).points.map((point) => point.payload);
  const send = (method: string, end: string, body: object) =>
    rig.ok(method, `${path}/points/payload${end}?wait=true`, body);
  const a2 = { must: [{ key: 'a', match: { value: 2 } }] };
  await send('POST', '', { payload: { b: 'x', a: null }, points: [1], filter: a2 });
  assert.deepEqual(await payloads(), [{ o: { x: 1 }, b: 'x' }, { a: 2 }]);
  await send('POST', '', { payload: { y: 2 }, points: [1], key: 'o' });
  await send('PUT', '', { payload: { n: null }, filter: a2, key: 'ignored' });
  assert.deepEqual(await payloads(), [{ o: { x: 1, y: 2 }, b: 'x' }, { n: null }]);
  await send('POST', '/delete', { keys: ['o.x', 'zz'], points: [1, 2] });
  assert.deepEqual(await payloads(), [{ o: { y: 2 }, b: 'x' }, { n: null }]);
  await send('POST', '/clear', { filter: {} });
  assert.deepEqual(await payloads(), [{}, {}]);
});

test('update modes and filters decide which points change', async () => {
  const path = await collection();
  await upsert(path, [{ id: 1, vector: [1, 0], payload: { v: 1 } }]);
  const next = (id: number) => ({ id, vector: [2, 0], payload: { v: 2 } });
  const points = [next(1), next(2)];
  const put = (body: object) => rig.ok('PUT', `${path}/points?wait=true`, { points, ...body });
  const seen = async () =>
    (await scrolled(path)).points.map(({ id, payload }) => `${id}:${JSON.stringify(payload)}`);
  await put({
    update_mode: 'update_only',
    update_filter: { must: [{ key: 'v', match: { value: 9 } }] },
  });
  assert.deepEqual(await seen(), ['1:{"v":1}']);
  await put({ update_mode: 'insert_only' });
  assert.deepEqual(await seen(), ['1:{"v":1}', '2:{"v":2}']);
  await put({ update_filter: { must: [{ key: 'v', match: { value: 1 } }] } });
  assert.deepEqual(await seen(), ['1:{"v":2}', '2:{"v":2}']);
  assert.match(await rig.fails('PUT', `${path}/points`, { points, update_mode: 'never' }), /^400 /);
});

test('a batch runs in order, stops at a failure, and numbers its operations', async () => {
  const path = await collection();
  const batch = (operations: unknown) =>
    ['POST', `${path}/points/batch?wait=true`, { operations }] as const;
  const results = await rig.ok(
    ...batch([
      { upsert: { points: dataV } },
      { set_payload: { payload: { p: 1 }, points: [1, 2] } },
      { overwrite_payload: { payload: { q: 1 }, points: [2] } },
      { delete_payload: { keys: ['p'], points: [1] } },
      { update_vectors: { points: [{ id: 3, vector: [9, 9] }] } },
      { delete_vectors: { vector: [''], points: [4] } },
      { delete: { points: [5] } },
      { clear_payload: { points: [1] } },
    ]),
  );
  const expected = [1, 2, 3, 4, 5, 6, 7, 8].map((id) => ({
    operation_id: id,
    status: 'completed',
  }));
  assert.deepEqual(results, expected);
  assert.deepEqual((await scrolled(path, { with_vector: true })).points, [
    { id: 1, payload: {}, vector: [1, 0] },
    { id: 2, payload: { q: 1 }, vector: [0, 2] },
    { id: 3, payload: {}, vector: [9, 9] },
    { id: 4, payload: {}, vector: {} },
  ]);
  const failing = [
    { delete: { points: [1] } },
    { clear_payload: { points: [99] } },
    { delete: { points: [2] } },
  ];
  assert.equal(await rig.fails(...batch(failing)), '404 Not found: No point with id 99 found');
  assert.deepEqual(
    (await scrolled(path)).points.map(({ id }) => id),
    [2, 3, 4],
  );
  assert.deepEqual(await rig.ok(...batch([])), []);
});

test('without waiting the answer is `acknowledged` and the change visible', async () => {
  const path = await collection();
  const body = { points: dataV };
  assert.deepEqual(await rig.ok('PUT', `${path}/points?wait=false`, body), {
    operation_id: 1,
    status: 'acknowledged',
  });
  assert.deepEqual(await rig.ok('POST', `${path}/points/count`, {}), { count: 5 });
});

test('a query by id leaves that point out; a vector from elsewhere does not', async () => {
  const path = await collection();
  await upsert(path, dataV);
  assert.deepEqual(await scores(path, { query: 3, limit: 2 }), ['2: 8', '1: 3']);
  assert.deepEqual(
    await scores(path, {
      query: { nearest: 1 },
      limit: 1,
      filter: { must_not: [{ has_id: [3] }] },
    }),
    ['2: 0'],
  );
  const other = await collection({ vectors: { v: { size: 2, distance: 'Dot' } } });
  await upsert(other, [{ id: 3, vector: { v: [1, 0] } }]);
  const lookup_from = { collection: other.split('/')[2], vector: 'v' };
  assert.deepEqual(await scores(path, { query: 3, lookup_from, limit: 1 }), ['3: 3']);
});

test('a query without a vector lists points, by id or by a field', async () => {
  const path = await collection();
  const values = [5, [1, 9], 5.5, null, 5];
  await upsert(
    path,
    values.map((n, index) => ({ id: index + 1, vector: [1, 0], payload: { n } })),
  );
  assert.deepEqual(await scores(path, { limit: 2, offset: 1 }), ['2: 1', '3: 1']);
  await rig.ok('PUT', `${path}/index?wait=true`, { field_name: 'n', field_schema: 'float' });
  const ids = async (order_by: unknown) =>
    (await scrolled(path, { order_by })).points.map((point) => `${point.id}:${point.order_value}`);
  assert.deepEqual(await ids('n'), ['2:1', '1:5', '5:5', '3:5.5', '2:9']);
  assert.deepEqual(await ids({ key: 'n', direction: 'desc' }), [
    '2:9',
    '3:5.5',
    '1:5',
    '5:5',
    '2:1',
  ]);
  assert.deepEqual(await ids({ key: 'n', start_from: 5 }), ['1:5', '5:5', '3:5.5', '2:9']);
  const page = await scrolled(path, { order_by: 'n', limit: 1 });
  assert.equal(page.next_page_offset, null);
  const { points } = (await rig.ok('POST', `${path}/points/query`, {
    query: { order_by: { key: 'n', direction: 'asc' } },
    limit: 2,
  })) as { readonly points: unknown };
  assert.deepEqual(points, [
    { id: 2, version: 0, score: 1, order_value: 1 },
    { id: 1, version: 0, score: 1, order_value: 5 },
  ]);
});

test('scrolling pages through everything once', async () => {
  const path = await collection();
  await upsert(path, dataV);
  const pages: unknown[] = [];
  let offset: unknown = null;
  do {
    const page = await scrolled(path, { limit: 2, offset, with_payload: false });
    pages.push([page.points.map(({ id }) => id), page.next_page_offset]);
    offset = page.next_page_offset;
  } while (offset !== null);
  assert.deepEqual(pages, [
    [[1, 2], 3],
    [[3, 4], 5],
    [[5], null],
  ]);
  const all = await scrolled(path, { limit: 5, offset: 1 });
  assert.equal(all.next_page_offset, null);
});

test('payload selections keep structure', async () => {
  const path = await collection();
  const payload = { a: { b: 1, c: 2 }, d: [{ e: 1, f: 2 }, { f: 3 }], 'x.y': 5 };
  await upsert(path, [{ id: 1, vector: [1, 0], payload }]);
  const shown = async (with_payload: unknown) =>
    (await scrolled(path, { with_payload })).points[0]?.payload;
  assert.deepEqual(await shown(['a.b']), { a: { b: 1 } });
  assert.deepEqual(await shown({ include: ['d[].e'] }), { d: [{ e: 1 }, {}] });
  assert.deepEqual(await shown(['d.e']), { d: [] });
  assert.deepEqual(await shown(['"x.y"']), { 'x.y': 5 });
  assert.deepEqual(await shown([]), {});
  assert.deepEqual(await shown({ exclude: ['d[].e', 'a', '"x.y"'] }), { d: [{ f: 2 }, { f: 3 }] });
  assert.deepEqual(await shown(null), payload);
  assert.equal(await shown(false), undefined);
});

test('retrieve keeps the order asked for and skips what is not there', async () => {
  const path = await collection();
  await upsert(path, dataV);
  const records = await rig.ok('POST', `${path}/points`, {
    ids: [3, 99, 1, 3],
    with_vectors: true,
  });
  assert.deepEqual(records, [
    { id: 3, vector: [3, 4] },
    { id: 1, vector: [1, 0] },
  ]);
});

test('limits and offsets up to 2^64 − 1 are as good as any', async () => {
  const path = await collection();
  await upsert(path, dataV);
  const limit = '18446744073709551615';
  const calls = [
    ['query', `{"query":[2,1],"limit":${limit}}`],
    ['query', `{"limit":${limit}}`],
    ['search', `{"vector":[2,1],"limit":${limit}}`],
    ['search', `{"vector":[2,1],"limit":1000000000,"offset":0}`],
    ['scroll', `{"limit":${limit}}`],
  ] as const;
  for (const [end, body] of calls) {
    const result = await rig.ok('POST', `${path}/points/${end}`, body);
    const points = Array.isArray(result) ? result : (result as { points: unknown[] }).points;
    assert.equal(points.length, 5, body);
  }
  const far = await rig.ok(
    'POST',
    `${path}/points/search`,
    `{"vector":[2,1],"limit":1,"offset":${limit}}`,
  );
  assert.deepEqual(far, []);
});

test('batches answer in order, and an empty batch with an empty list', async () => {
  const path = await collection();
  await upsert(path, dataV);
  const searches = [
    { vector: [2, 1], limit: 1 },
    { vector: [0, -1], limit: 1, with_payload: true },
  ];
  assert.deepEqual(await rig.ok('POST', `${path}/points/search/batch`, { searches }), [
    [{ id: 3, version: 1, score: 10 }],
    [{ id: 4, version: 1, score: 1, payload: {} }],
  ]);
  const queries = [{ query: [2, 1], limit: 1 }, { limit: 1 }, { query: 3, limit: 1 }];
  assert.deepEqual(await rig.ok('POST', `${path}/points/query/batch`, { searches: queries }), [
    { points: [{ id: 3, version: 1, score: 10 }] },
    { points: [{ id: 1, version: 0, score: 1 }] },
    { points: [{ id: 2, version: 1, score: 8 }] },
  ]);
  for (const end of ['search/batch', 'query/batch']) {
    assert.deepEqual(await rig.ok('POST', `${path}/points/${end}`, { searches: [] }), []);
  }
});

test('several shards answer as one', async () => {
  const one = await collection();
  const many = await collection({ vectors: { size: 2, distance: 'Dot' }, shard_number: 5 });
  const points = Array.from({ length: 60 }, (_, index) => ({
    id: index % 3 === 0 ? `936da01f-9abd-4d9d-80c7-02af85c822${(16 + index).toString(16)}` : index,
    vector: [Math.sin(index), Math.cos(index)],
    payload: { index },
  }));
  for (const path of [one, many]) {
    await upsert(path, points);
    await rig.ok('PUT', `${path}/index?wait=true`, {
      field_name: 'index',
      field_schema: 'integer',
    });
    const filter = { must: [{ key: 'index', range: { lt: 10 } }] };
    await rig.ok('POST', `${path}/points/payload?wait=true`, { payload: { low: true }, filter });
    await rig.ok('POST', `${path}/points/delete?wait=true`, { points: [1, 2, 50] });
    await rig.ok('POST', `${path}/points/payload/delete?wait=true`, {
      keys: ['low'],
      points: [4, 5],
    });
  }
  const low = { must: [{ key: 'low', match: { value: true } }] };
  const calls: readonly [string, object][] = [
    ['points/scroll', { limit: 100, with_vector: true }],
    ['points/scroll', { limit: 7, offset: 20 }],
    ['points/scroll', { order_by: { key: 'index', direction: 'desc' }, limit: 9 }],
    ['points/count', { filter: low }],
    ['points/search', { vector: [1, 2], limit: 20, with_payload: true }],
    ['points/query', { query: 7, limit: 20, filter: low }],
    ['points', { ids: points.map(({ id }) => id).toReversed() }],
  ];
  for (const [end, body] of calls) {
    const versionless = async (path: string) => {
      const text = JSON.stringify(await rig.ok('POST', `${path}/${end}`, body));
      return text.replaceAll(/"version":\d+/g, '"version":0');
    };
    assert.equal(await versionless(many), await versionless(one), end);
  }
});
