// Requirements on numbers: distances and their scores, datatypes, float text, ids beyond 2^53,
// kinds of payload numbers, selections and paging. Each vector case runs on points in memory and on
// points in a published segment, with the vectors in memory and on disk.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Hit, idsOf, RealServer, vectorOf } from './real-server.ts';

let server: RealServer;
before(async () => {
  server = await RealServer.start();
});
after(() => server.dispose());

/** Where the points are when they are asked for. */
interface Place {
  readonly name: string;
  readonly isPublished: boolean;
  readonly on_disk: boolean;
}

const places: readonly Place[] = [
  { name: 'in memory', isPublished: false, on_disk: false },
  { name: 'published', isPublished: true, on_disk: false },
  { name: 'published on disk', isPublished: true, on_disk: true },
];

/** Vectors are padded with zeros so that a few points are enough to be published. */
const dimension = 256;
const padded = (...head: readonly number[]) => [
  ...head,
  ...Array.from({ length: dimension - head.length }, () => 0),
];

interface Vectors {
  readonly distance: string;
  readonly datatype?: string;
}

async function filled(place: Place, vectors: Vectors, points: readonly object[]) {
  const path = await server.collection({
    vectors: { size: dimension, ...vectors, on_disk: place.on_disk },
    optimizers_config: { indexing_threshold: place.isPublished ? 1 : 0 },
    on_disk_payload: place.on_disk,
  });
  await server.upsert(path, points);
  if (place.isPublished) await server.untilIndexed(path);
  return path;
}

/** `id: score`, groups of equal scores in order of ids; six digits are contractual. */
const lines = (hits: readonly Hit[]) =>
  hits
    .map(({ id, score }) => ({ id: Number(id), score: Number(score.toPrecision(6)) }))
    .reduce<{ id: number; score: number }[][]>((groups, hit) => {
      const last = groups.at(-1);
      if (last?.[0]?.score === hit.score) last.push(hit);
      else groups.push([hit]);
      return groups;
    }, [])
    .flatMap((group) => group.toSorted((a, b) => a.id - b.id))
    .map(({ id, score }) => `${id}: ${score}`);

const dataV: readonly (readonly number[])[] = [
  [1, 0],
  [0, 2],
  [3, 4],
  [-1, -1],
  [0, 0],
];
const pointsV = dataV.map((vector, index) => ({ id: index + 1, vector: padded(...vector) }));

const nearest: readonly {
  readonly distance: string;
  readonly scores: readonly string[];
  /** Threshold → how many of the list remain. */
  readonly cuts: readonly (readonly [number, number])[];
}[] = [
  {
    distance: 'Cosine',
    scores: ['1: 0.894427', '3: 0.894427', '2: 0.447214', '5: 0', '4: -0.948683'],
    cuts: [[0, 3]],
  },
  { distance: 'Dot', scores: ['3: 10', '1: 2', '2: 2', '5: 0', '4: -3'], cuts: [[2, 1]] },
  {
    distance: 'Euclid',
    scores: ['1: 1.41421', '2: 2.23607', '5: 2.23607', '3: 3.16228', '4: 3.60555'],
    cuts: [[2, 1]],
  },
  {
    distance: 'Manhattan',
    scores: ['1: 2', '2: 3', '5: 3', '3: 4', '4: 5'],
    cuts: [
      [2, 0],
      [3, 1],
    ],
  },
];

for (const place of places) {
  for (const { distance, scores, cuts } of nearest) {
    test(`E1 E2 ${distance}, ${place.name}`, async () => {
      const path = await filled(place, { distance }, pointsV);
      const query = padded(2, 1);
      for (const params of [{}, { exact: true }]) {
        const hits = await server.query(path, { query, params });
        assert.deepEqual(lines(hits), scores);
        for (const [score_threshold, count] of cuts) {
          const above = await server.query(path, { query, params, score_threshold });
          assert.deepEqual(lines(above), scores.slice(0, count), `above ${score_threshold}`);
        }
        const second = await server.query(path, { query, params, offset: 1, limit: 2 });
        assert.equal(second.length, 2);
        assert.deepEqual(
          second.map((hit) => hit.score),
          hits.slice(1, 3).map((hit) => hit.score),
        );
        const searched = await server.ok<readonly Hit[]>('POST', `${path}/points/search`, {
          vector: query,
          limit: 10,
          params,
        });
        assert.deepEqual(searched, hits, 'search and query agree to the bit');
        const filtered = await server.query(path, {
          query,
          params,
          filter: { must: [{ has_id: [1, 2, 3, 4, 5] }] },
        });
        assert.deepEqual(lines(filtered), scores);
      }
      const byId = await server.query(path, { query: 1 });
      assert.deepEqual(idsOf(byId).includes(1), false, 'the point itself is left out');
      assert.equal(byId.length, 4);
    });
  }

  test(`E3 normalisation, ${place.name}`, async () => {
    const path = await filled(place, { distance: 'Cosine' }, [
      { id: 1, vector: padded(3, 4) },
      { id: 2, vector: padded(0, 0) },
      { id: 3, vector: padded(1e-5, 0) },
    ]);
    const heads = (await server.scrollAll(path, { with_vector: true })).map((hit) =>
      (hit.vector as number[]).slice(0, 2),
    );
    assert.deepEqual(heads, [
      [0.6, 0.8],
      [0, 0],
      [1e-5, 0],
    ]);
    assert.deepEqual(lines(await server.query(path, { query: padded(1, 0) })), [
      '1: 0.6',
      '3: 0.00001',
      '2: 0',
    ]);
  });

  test(`E4 uint8, ${place.name}`, async () => {
    const points = [
      { id: 1, vector: padded(256.19, -10) },
      { id: 2, vector: padded(1.81, 3.99) },
      { id: 3, vector: padded(0.5, 0.99) },
      // Makes the data large enough to be published.
      ...(place.isPublished
        ? Array.from({ length: 9 }, (_, index) => ({ id: 10 + index, vector: padded(0, 0) }))
        : []),
    ];
    const expected = {
      Dot: ['1: 765', '2: 15', '3: 0'],
      Cosine: ['2: 0.948683', '1: 0.6', '3: 0'],
      Euclid: ['2: 2.23607', '3: 5', '1: 252.032'],
      Manhattan: ['2: 3', '3: 7', '1: 256'],
    };
    for (const [distance, list] of Object.entries(expected)) {
      const path = await filled(place, { distance, datatype: 'uint8' }, points);
      const ids = { must: [{ has_id: [1, 2, 3] }] };
      const stored = await server.scrollAll(path, { with_vector: true, filter: ids });
      const heads = stored.map((hit) => (hit.vector as number[]).slice(0, 2));
      assert.deepEqual(heads, [
        [255, 0],
        [1, 3],
        [0, 0],
      ]);
      for (const params of [{}, { exact: true }]) {
        const query = padded(3.9, 4.2);
        const hits = await server.query(path, { query, params, filter: ids });
        assert.deepEqual(lines(hits), list, distance);
        const open = await server.query(path, { query, params, limit: 2 });
        if (distance !== 'Dot') continue;
        assert.deepEqual(lines(open), list.slice(0, 2));
      }
    }
  });

  test(`float16, ${place.name}`, async () => {
    const vector = padded(0.1, 1 / 3, 1000.3, -1e-7, 70000 / 2);
    const half = vector.map((value) => Math.f16round(value));
    for (const distance of ['Dot', 'Euclid', 'Manhattan']) {
      const path = await filled(place, { distance, datatype: 'float16' }, [
        { id: 1, vector },
        { id: 2, vector: padded(1) },
        { id: 3, vector: padded(0) },
      ]);
      const { vector: stored } = await server.ok<Hit>('GET', `${path}/points/1`);
      // Compared as float32 text: what a half is, is exact in float32.
      assert.deepEqual(
        stored,
        half
          .map((value) => Number(Math.fround(value).toPrecision(9)))
          .map((value, index) => shortestFloat(half[index] ?? value)),
      );
      const [first] = await server.query(path, {
        query: vector,
        limit: 3,
        ...(distance === 'Dot' ? {} : {}),
      });
      assert.equal(first?.id, 1);
      const self = half.reduce((sum, value) => sum + value * value, 0);
      const wanted = distance === 'Dot' ? self : 0;
      assert.ok(
        Math.abs((first?.score ?? Number.NaN) - wanted) <= Math.abs(wanted) * 2e-3,
        `${distance} ${first?.score} ${wanted}`,
      );
    }
  });
}

/** The number that the shortest text of a float32 stands for. */
function shortestFloat(value: number): number {
  const single = Math.fround(value);
  for (let precision = 1; precision <= 9; precision += 1) {
    const candidate = Number(single.toPrecision(precision));
    if (Math.fround(candidate) === single) return candidate;
  }
  return single;
}

test('R2 R65 floats are printed as their shortest decimal', async () => {
  const path = await server.collection({ vectors: { size: 8, distance: 'Dot' } });
  const texts = [
    '0.1',
    '1.4063001',
    '0.70239997',
    '1e-40',
    '3.4028235e38',
    '16777216',
    '-0.3',
    '1e21',
  ];
  await server.upsert(path, `{"points":[{"id":1,"vector":[${texts.join(',')}]}]}`);
  const { text } = await server.call('GET', `${path}/points/1`);
  const [, list = ''] = /"vector":\[([^\]]*)\]/.exec(text) ?? [];
  const back = list.split(',');
  assert.deepEqual(back.map(Number), texts.map(Number));
  assert.deepEqual(back.slice(0, 3), texts.slice(0, 3));
  const score = await server.call('POST', `${path}/points/query`, {
    query: [1, 0, 0, 0, 0, 0, 0, 0],
  });
  assert.match(score.text, /"score":0\.1[,}]/);
});

test('E55 ids beyond 2^53', async () => {
  const path = await server.collection({ vectors: { size: 1, distance: 'Dot' } });
  const uuid = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6';
  const ids = ['9007199254740992', '9007199254740993', '18446744073709551615', `"${uuid}"`];
  const points = ids.toReversed().map((id) => `{"id":${id},"vector":[1],"payload":{"i":[${id}]}}`);
  await server.upsert(path, `{"points":[${points.join(',')}]}`);
  const raw = async (method: string, rest: string, body?: string) =>
    (await server.call(method, `${path}/points${rest}`, body)).text;
  const found = (text: string) => [...text.matchAll(/"id":("[^"]*"|\d+)/g)].map((part) => part[1]);
  assert.deepEqual(found(await raw('POST', '/scroll', '{}')), ids, 'R7 order of ids');
  const first = await raw('POST', '/scroll', '{"limit":1}');
  assert.match(first, /"next_page_offset":9007199254740993[,}]/);
  const next = await raw('POST', '/scroll', '{"limit":1,"offset":9007199254740993}');
  assert.deepEqual(found(next), ['9007199254740993']);
  const filter = (id: string) => `{"filter":{"must":[{"has_id":[${id}]}]}}`;
  for (const id of ids) {
    assert.deepEqual(found(await raw('POST', '/scroll', filter(id))), [id], 'has_id');
    assert.deepEqual(found(await raw('POST', '', `{"ids":[${id}]}`)), [id], 'retrieve');
    assert.deepEqual(found(await raw('GET', `/${id.replaceAll('"', '')}`)), [id], 'get');
  }
  const forms = [uuid.replaceAll('-', ''), `urn:uuid:${uuid}`, `{${uuid}}`, uuid.toUpperCase()];
  for (const form of forms) {
    assert.deepEqual(found(await raw('POST', '', `{"ids":["${form}"]}`)), [`"${uuid}"`], form);
  }
  await raw('POST', '/delete?wait=true', '{"points":[9007199254740993]}');
  assert.deepEqual(found(await raw('POST', '/scroll', '{}')), [ids[0], ids[2], ids[3]]);
  await raw('POST', '/delete?wait=true', `{"points":["${uuid.replaceAll('-', '')}"]}`);
  assert.deepEqual(found(await raw('POST', '/scroll', '{}')), [ids[0], ids[2]], 'R37');
  const missing = await server.fails(
    'PUT',
    `${path}/points/vectors?wait=true`,
    '{"points":[{"id":9007199254740995,"vector":[1]}]}',
  );
  assert.equal(missing, '404 Not found: No point with id 9007199254740995 found');
  for (const id of ['-1', '1.0', '"1"', '18446744073709551616', '"zz"', 'null']) {
    const body = `{"points":[{"id":${id},"vector":[1]}]}`;
    assert.match(await server.fails('PUT', `${path}/points`, body), /^400 Format error/, id);
  }
});

test('R5 payload numbers keep their kind', async () => {
  const path = await server.collection({
    vectors: { size: dimension, distance: 'Dot' },
    optimizers_config: { indexing_threshold: 1 },
  });
  const numbers =
    '[1,1.0,100.0,9007199254740993,18446744073709551615,-9223372036854775808,0.1,1e-7,-0.0]';
  const point = (id: number) =>
    `{"id":${id},"vector":${JSON.stringify(vectorOf(id, dimension))},"payload":{"z":1,"b":${numbers},"a":null}}`;
  await server.upsert(path, `{"points":[${[1, 2, 3].map(point).join(',')}]}`);
  const check = async () => {
    const { text } = await server.call('GET', `${path}/points/2`);
    assert.ok(text.includes(`"payload":{"z":1,"b":${numbers},"a":null}`), text);
  };
  await check();
  await server.untilIndexed(path);
  await check();
  await server.ok('POST', `${path}/points/payload?wait=true`, {
    payload: { z: null, c: 'new' },
    points: [2],
  });
  const { text } = await server.call('GET', `${path}/points/2`);
  assert.ok(text.includes(`"b":${numbers}`), text);
  assert.ok(!text.includes('"z"'), 'R6 null removes');
  await server.upsert(path, `{"points":[{"id":9,"vector":{},"payload":{"e":1e2,"g":1E23}}]}`);
  const spelled = await server.call('GET', `${path}/points/9`);
  assert.match(spelled.text, /"e":100\.0,"g":1e\+?23}/);
});

test('E59 selections of payload', async () => {
  const path = await server.collection({ vectors: { size: 1, distance: 'Dot' } });
  const payload = { a: { b: 1, c: 2 }, d: [{ e: 1, f: 2 }, { f: 3 }], 'x.y': 5 };
  await server.upsert(path, [{ id: 1, vector: [1], payload }]);
  const rows: readonly [unknown, unknown][] = [
    [['a.b'], { a: { b: 1 } }],
    [{ include: ['d[].e'] }, { d: [{ e: 1 }, {}] }],
    [['d.e'], { d: [] }],
    [['d[0].f'], { d: [] }],
    [['"x.y"'], { 'x.y': 5 }],
    [['zz'], {}],
    [{ exclude: ['d[].e'] }, { a: { b: 1, c: 2 }, d: [{ f: 2 }, { f: 3 }], 'x.y': 5 }],
    [{ exclude: ['d[]'] }, { a: { b: 1, c: 2 }, d: [], 'x.y': 5 }],
    [true, payload],
  ];
  for (const [with_payload, expected] of rows) {
    const [hit] = await server.scrollAll(path, { with_payload });
    assert.deepEqual(hit?.payload, expected, JSON.stringify(with_payload));
    const [found] = await server.query(path, { query: [1], with_payload });
    assert.deepEqual(found?.payload, expected, `query ${JSON.stringify(with_payload)}`);
  }
  assert.equal((await server.scrollAll(path, { with_payload: false }))[0]?.payload, undefined);
});

test('E50 order_by', async () => {
  for (const threshold of [0, 1]) {
    const path = await server.collection({
      vectors: { size: dimension, distance: 'Dot' },
      optimizers_config: { indexing_threshold: threshold },
    });
    const values = [{ n: 5 }, { n: [1, 9] }, { n: 5.5 }, {}, { n: 5 }, { n: null }];
    const points = values.map((payload, index) => ({
      id: index + 1,
      vector: vectorOf(index, dimension),
      payload,
    }));
    await server.upsert(path, points);
    if (threshold === 1) await server.untilIndexed(path);
    const refused = await server.fails('POST', `${path}/points/scroll`, { order_by: 'n' });
    assert.match(
      refused,
      /^400 Wrong input: No range index for `order_by` key: `n`\. Please create/,
    );
    const ordered = async (order_by: unknown) => {
      const page = await server.ok<{ points: readonly Hit[]; next_page_offset: unknown }>(
        'POST',
        `${path}/points/scroll`,
        { order_by },
      );
      assert.equal(page.next_page_offset, null);
      return page.points.map((hit) => `${hit.id}=${hit.order_value}`).join(' ');
    };
    await server.index(path, 'n', 'float');
    assert.equal(await ordered('n'), '2=1 1=5 5=5 3=5.5 2=9');
    assert.match(
      await ordered({ key: 'n', direction: 'desc' }),
      /^2=9 3=5.5 (1=5 5=5|5=5 1=5) 2=1$/,
    );
    assert.equal(await ordered({ key: 'n', start_from: 5 }), '1=5 5=5 3=5.5 2=9');
    await server.index(path, 'n', 'integer');
    assert.equal(await ordered('n'), '2=1 1=5 5=5 2=9');
    const both = { order_by: 'n', offset: 1 };
    assert.match(await server.fails('POST', `${path}/points/scroll`, both), /^400 .*offset/);
  }
});

test('E51 R42 pages', async () => {
  const path = await server.collection({ vectors: { size: 1, distance: 'Dot' } });
  await server.upsert(
    path,
    [1, 2, 3, 4, 5].map((id) => ({ id, vector: [id] })),
  );
  const page = async (body: object) => {
    const { points, next_page_offset } = await server.ok<{
      points: readonly Hit[];
      next_page_offset: unknown;
    }>('POST', `${path}/points/scroll`, body);
    return [idsOf(points), next_page_offset];
  };
  assert.deepEqual(await page({ limit: 2 }), [[1, 2], 3]);
  assert.deepEqual(await page({ limit: 2, offset: 3 }), [[3, 4], 5]);
  assert.deepEqual(await page({ limit: 2, offset: 5 }), [[5], null]);
  assert.deepEqual(await page({ limit: 5 }), [[1, 2, 3, 4, 5], null]);
  assert.deepEqual(await page({ offset: 99 }), [[], null]);
  const body = { ids: [3, 99, 1, 3] };
  const retrieved = await server.ok<readonly Hit[]>('POST', `${path}/points`, body);
  assert.deepEqual(idsOf(retrieved), [3, 1], 'R41');
  assert.match(
    await server.fails('GET', `${path}/points/77`),
    /^404 Not found: Point with id 77 does not exists!$/,
  );
});
