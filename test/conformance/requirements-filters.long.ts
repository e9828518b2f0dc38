// The worked examples of filters, asked of a real process in four states of the same data: points
// in memory or in a published segment with a graph, keys with or without payload index. Every
// condition is asked of scroll, count, search and query.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { idsOf, RealServer, vectorOf } from './real-server.ts';

const dimension = 128;

let server: RealServer;
before(async () => {
  server = await RealServer.start();
});
after(() => server.dispose());

interface Row {
  readonly example: string;
  readonly filter: object;
  readonly plain: readonly number[];
  /** What the answer is with the indexes, when they change it. */
  readonly indexed?: readonly number[];
}

interface DataSet {
  readonly payloads: readonly string[];
  readonly indexes: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
}

const must = (...conditions: readonly object[]) => ({ must: conditions });
const match = (key: string, value: unknown) => ({ key, match: { value } });
const any = (key: string, list: readonly unknown[]) => ({ key, match: { any: list } });
const except = (key: string, list: readonly unknown[]) => ({ key, match: { except: list } });
const range = (key: string, bounds: object) => ({ key, range: bounds });
const counts = (key: string, bounds: object) => ({ key, values_count: bounds });
const nested = (key: string, filter: object) => ({ nested: { key, filter } });
const isEmpty = (key: string) => ({ is_empty: { key } });
const isNull = (key: string) => ({ is_null: { key } });

const all = [1, 2, 3, 4, 5, 6];
const dataF: DataSet = {
  payloads: [
    '{"c":"red","n":3,"t":["a","b"],"d":"2024-01-02T03:04:05Z"}',
    '{"c":["red","blue"],"n":3.0,"t":[],"d":"2024-01-02"}',
    '{"c":null,"n":[1,7],"t":null,"d":"not a date"}',
    '{"n":"3","t":[null],"c":7,"d":1704164645}',
    '{"c":[["red"]],"n":true,"t":[["a"],"z"],"d":["2023-05-01T00:00:00+02:00","2030-01-01"]}',
    '{}',
  ],
  indexes: { c: 'keyword', n: 'integer', t: 'keyword', d: 'datetime' },
  rows: [
    { example: 'E15 c = red', filter: must(match('c', 'red')), plain: [1, 2] },
    { example: 'E15 c[] = red', filter: must(match('c[]', 'red')), plain: [2, 5] },
    { example: 'E15 c[0] = red', filter: must(match('c[0]', 'red')), plain: [2, 5] },
    { example: 'E15 c any []', filter: must(any('c', [])), plain: [] },
    { example: 'E16 n = 3', filter: must(match('n', 3)), plain: [1], indexed: [1, 2] },
    {
      example: 'E16 n any [3,7]',
      filter: must(any('n', [3, 7])),
      plain: [1, 3],
      indexed: [1, 2, 3],
    },
    { example: 'E16 n = "3"', filter: must(match('n', '3')), plain: [4] },
    { example: 'E16 n = true', filter: must(match('n', true)), plain: [5] },
    {
      example: 'E17 c except [red]',
      filter: must(except('c', ['red'])),
      plain: [2, 4, 5],
      indexed: [2],
    },
    {
      example: 'E17 c except []',
      filter: must(except('c', [])),
      plain: [1, 2, 4, 5],
      indexed: [1, 2],
    },
    {
      example: 'E17 n except [3]',
      filter: must(except('n', [3])),
      plain: [2, 3, 4, 5],
      indexed: [3],
    },
    {
      example: 'E18 not c = red',
      filter: { must_not: [match('c', 'red')] },
      plain: [3, 4, 5, 6],
    },
    {
      example: 'E18 not c any [red]',
      filter: { must_not: any('c', ['red']) },
      plain: [3, 4, 5, 6],
    },
    { example: 'E19 n gte 3', filter: must(range('n', { gte: 3 })), plain: [1, 2, 3] },
    {
      example: 'E19 n gt 2.5 lt 3.5',
      filter: must(range('n', { gt: 2.5, lt: 3.5 })),
      plain: [1, 2],
    },
    { example: 'E19 n {}', filter: must(range('n', {})), plain: [1, 2, 3] },
    {
      example: 'E19 null bounds',
      filter: must(range('n', { gt: null, lt: null })),
      plain: [1, 2, 3],
    },
    { example: 'E19 n gt 1 lt 7', filter: must(range('n', { gt: 1, lt: 7 })), plain: [1, 2] },
    {
      example: 'E20 d from a day',
      filter: must(range('d', { gte: '2024-01-02' })),
      plain: [1, 2, 5],
    },
    { example: 'E20 d before a day', filter: must(range('d', { lt: '2023-05-01' })), plain: [5] },
    {
      example: 'E20 d gte 1',
      filter: must(range('d', { gte: 1 })),
      plain: [4],
      indexed: [1, 2, 5],
    },
    { example: 'E21 is_empty t', filter: must(isEmpty('t')), plain: [2, 3, 6] },
    { example: 'E21 not is_empty t', filter: { must_not: [isEmpty('t')] }, plain: [1, 4, 5] },
    { example: 'E21 t is_null', filter: must({ key: 't', is_null: true }), plain: [3, 4] },
    {
      example: 'E21 t is_null false',
      filter: must({ key: 't', is_null: false }),
      plain: [1, 2, 5, 6],
    },
    { example: 'R33 t is_empty', filter: must({ key: 't', is_empty: true }), plain: [2, 3, 6] },
    {
      example: 'R33 t is_empty false',
      filter: must({ key: 't', is_empty: false }),
      plain: [1, 4, 5],
    },
    { example: 'E22 is_null t', filter: must(isNull('t')), plain: [3], indexed: [3, 4] },
    { example: 'E22 is_null t[]', filter: must(isNull('t[]')), plain: [4] },
    { example: 'E22 t count gte 1', filter: must(counts('t', { gte: 1 })), plain: [1, 4, 5] },
    { example: 'E22 t count lt 1', filter: must(counts('t', { lt: 1 })), plain: [2, 3] },
    { example: 'E22 t count gte 0', filter: must(counts('t', { gte: 0 })), plain: [1, 2, 3, 4, 5] },
    ...[2, 3, 0].map(
      (min_count): Row => ({
        example: `E53 min_should ${min_count}`,
        filter: { min_should: { conditions: [match('n', 3), match('c', 'red')], min_count } },
        plain: [[1], [], all][[2, 3, 0].indexOf(min_count)] ?? [],
        ...(min_count === 2 ? { indexed: [1, 2] } : {}),
      }),
    ),
    { example: 'E56 has_id', filter: must({ has_id: [1, 99] }), plain: [1] },
    { example: 'E56 has_id []', filter: must({ has_id: [] }), plain: [] },
    { example: 'E56 not has_id []', filter: { must_not: [{ has_id: [] }] }, plain: all },
    { example: 'E56 has_vector ""', filter: must({ has_vector: '' }), plain: all },
    { example: 'E56 has_vector zz', filter: must({ has_vector: 'zz' }), plain: [] },
    {
      example: 'E57',
      filter: { should: [match('n', 3), match('c', 7)], must_not: [{ has_id: [1] }] },
      plain: [4],
      indexed: [2, 4],
    },
    { example: 'R24 {}', filter: {}, plain: all },
    { example: 'R25 should []', filter: { should: [] }, plain: all },
    { example: 'R25 must []', filter: { must: [] }, plain: all },
    { example: 'R25 must_not []', filter: { must_not: [] }, plain: all },
    {
      example: 'R25 min_should of none',
      filter: { min_should: { conditions: [], min_count: 1 } },
      plain: all,
    },
    { example: 'R25 filter in must', filter: must({ should: [] }), plain: all },
    {
      example: 'nested clauses',
      filter: must({ should: [match('c', 7), { must: [match('c', 'blue')] }] }),
      plain: [2, 4],
    },
  ],
};

const dataN: DataSet = {
  payloads: [
    '{"items":[{"k":"a","v":1},{"k":"b","v":2}]}',
    '{"items":[{"k":"a","v":2}]}',
    '{"items":{"k":"a","v":1}}',
    '{"items":[]}',
    '{"items":[{"k":["a","b"],"v":[1,9]},"a"]}',
    '{"items":[{"v":1}]}',
    '{"o":{"items":[{"sub":[{"x":1},{"x":2}]},{"sub":[{"x":3}]}]}}',
    '{"items":[{"k":null,"v":5}]}',
  ],
  indexes: { 'items[].k': 'keyword', 'items[].v': 'integer' },
  rows: [
    {
      example: 'E26 not nested',
      filter: must(match('items[].k', 'a'), match('items[].v', 2)),
      plain: [1, 2],
    },
    {
      example: 'E26 nested',
      filter: must(nested('items', must(match('k', 'a'), match('v', 2)))),
      plain: [2],
    },
    {
      example: 'E26 must_not inside',
      filter: must(nested('items', { must_not: [match('k', 'a')] })),
      plain: [1, 6, 8],
    },
    {
      example: 'E26 must_not around',
      filter: { must_not: [nested('items', must(match('k', 'a')))] },
      plain: [3, 4, 6, 7, 8],
    },
    { example: 'E26 is_empty k', filter: must(nested('items', must(isEmpty('k')))), plain: [6, 8] },
    { example: 'E26 is_null k', filter: must(nested('items[]', must(isNull('k')))), plain: [8] },
    {
      example: 'E26 v gt 5',
      filter: must(nested('items', must(range('v', { gt: 5 })))),
      plain: [5],
    },
    {
      example: 'E26 v count gt 1',
      filter: must(nested('items', must(counts('v', { gt: 1 })))),
      plain: [5],
    },
    {
      example: 'E26 nested in nested',
      filter: must(nested('o.items', must(nested('sub', must(match('x', 3)))))),
      plain: [7],
    },
    {
      example: 'E26 o.items[].sub',
      filter: must(nested('o.items[].sub', must(match('x', 2)))),
      plain: [7],
    },
    { example: 'E27 nested {}', filter: must(nested('items', {})), plain: [1, 2, 5, 6, 8] },
    { example: 'E27 nested should []', filter: must(nested('items', { should: [] })), plain: [] },
    { example: 'E27 items.k', filter: must(match('items.k', 'a')), plain: [3] },
    { example: 'E27 items[1].k', filter: must(match('items[1].k', 'b')), plain: [1] },
    {
      example: 'E27 has_id inside',
      filter: must(nested('items', must({ has_id: [1] }))),
      plain: [],
    },
    {
      example: 'E27 not has_id inside',
      filter: must(nested('items', { must_not: [{ has_id: [1] }] })),
      plain: [1, 2, 5, 6, 8],
    },
  ],
};

/** Integers that a double cannot tell apart. */
const dataBig: DataSet = {
  payloads: ['{"n":9007199254740993}', '{"n":9007199254740992}', '{"n":-9223372036854775808}'],
  indexes: { n: 'integer' },
  rows: [],
};

const states = ['memory', 'memory, indexed', 'published', 'published, indexed'] as const;
type State = (typeof states)[number];

async function filled(data: DataSet, state: State): Promise<string> {
  const path = await server.collection({
    vectors: { size: dimension, distance: 'Dot' },
    optimizers_config: { indexing_threshold: state.startsWith('published') ? 1 : 0 },
  });
  const createIndexes = async () => {
    for (const [field, schema] of Object.entries(data.indexes)) {
      await server.index(path, field, schema);
    }
  };
  // Half of the collections get their indexes before the points, half after.
  if (state === 'memory, indexed') await createIndexes();
  const points = data.payloads.map(
    (payload, index) =>
      `{"id":${index + 1},"vector":${JSON.stringify(vectorOf(index, dimension))},` +
      `"payload":${payload}}`,
  );
  await server.upsert(path, `{"points":[${points.join(',')}]}`);
  if (state.startsWith('published')) await server.untilIndexed(path);
  if (state === 'published, indexed') await createIndexes();
  return path;
}

/** What each endpoint finds under the filter, in order of ids. */
async function found(path: string, filter: unknown): Promise<Record<string, unknown>> {
  const vector = vectorOf(77, dimension);
  const asked = JSON.stringify(filter);
  const search = (more: string) =>
    server.ok<readonly { readonly id: number }[]>(
      'POST',
      `${path}/points/search`,
      `{"vector":${JSON.stringify(vector)},"limit":20,"filter":${asked}${more}}`,
    );
  const ids = (hits: readonly { readonly id: number | string }[]) =>
    idsOf(hits).toSorted((a, b) => Number(a) - Number(b));
  const scrolled = await server.scrollAll(path, { filter });
  return {
    scroll: idsOf(scrolled),
    count: await server.count(path, filter),
    search: ids(await search('')),
    exact: ids(await search(',"params":{"exact":true}')),
    query: ids(await server.query(path, { filter, limit: 20 })),
  };
}

for (const [name, data] of Object.entries({ F: dataF, N: dataN })) {
  for (const state of states) {
    test(`data ${name}, ${state}`, async () => {
      const path = await filled(data, state);
      const wrong: string[] = [];
      for (const row of data.rows) {
        const ids = state.endsWith('indexed') ? (row.indexed ?? row.plain) : row.plain;
        const expected = { scroll: ids, count: ids.length, search: ids, exact: ids, query: ids };
        const actual = await found(path, row.filter);
        if (JSON.stringify(actual) !== JSON.stringify(expected)) {
          wrong.push(`${row.example}: ${JSON.stringify(actual)} for ${JSON.stringify(ids)}`);
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
}

for (const state of states) {
  test(`E54 integers beyond 2^53, ${state}`, async () => {
    const path = await filled(dataBig, state);
    const count = async (condition: string) => {
      const body = `{"filter":{"must":[${condition}]},"exact":true}`;
      const url = `${path}/points/count`;
      return (await server.ok<{ count: number }>('POST', url, body)).count;
    };
    assert.equal(await count('{"key":"n","match":{"value":9007199254740993}}'), 1);
    assert.equal(await count('{"key":"n","match":{"value":9007199254740992}}'), 1);
    assert.equal(await count('{"key":"n","match":{"value":9007199254740991}}'), 0);
    assert.equal(await count('{"key":"n","match":{"value":-9223372036854775808}}'), 1);
    assert.equal(await count('{"key":"n","match":{"any":[9007199254740993,5]}}'), 1);
    const isIndexed = state.endsWith('indexed');
    assert.equal(await count('{"key":"n","range":{"gt":9007199254740992}}'), isIndexed ? 1 : 0);
    const { text } = await server.call('POST', `${path}/points/scroll`, {});
    assert.match(text, /"n":9007199254740993}/);
    assert.match(text, /"n":-9223372036854775808}/);
  });
}

test('a filter that is none is refused', async () => {
  const path = await filled(dataF, 'memory');
  const refused = async (filter: string) =>
    (await server.fails('POST', `${path}/points/count`, `{"filter":${filter}}`)).slice(0, 28);
  const format = '400 Format error in JSON bod';
  const rows: readonly [string, string, string][] = [
    ['R24 unknown key', '{"musst":[]}', format],
    ['min_should without min_count', '{"min_should":{"conditions":[]}}', format],
    ['mixed any', '{"must":[{"key":"n","match":{"any":[1,"a"]}}]}', format],
    ['fraction', '{"must":[{"key":"n","match":{"value":1.5}}]}', format],
    ['beyond i64', '{"must":[{"key":"n","match":{"value":9223372036854775808}}]}', format],
    ['no condition', '{"must":[{"key":"n"}]}', '422 Validation error in JSON'],
    ['bad path', '{"must":[{"key":"a..b","match":{"value":1}}]}', format],
    ['no date', '{"must":[{"key":"d","range":{"gt":"20150201"}}]}', format],
  ];
  for (const [name, filter, expected] of rows) assert.equal(await refused(filter), expected, name);
  assert.equal(await server.count(path, null), 6);
});
