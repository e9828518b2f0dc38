// The worked examples of filters: every row is evaluated point by point and as a bitmap, without an
// index, and with one in memory, published, and not built yet.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type FixturePoint,
  FixturePoints,
  type IndexPlacement,
  schemaOf,
} from '../../../test/filters/points.ts';
import { bitsToArray } from '../../base/bitset.ts';
import { parseJson } from '../../base/json-scanner.ts';
import { decodeFilter } from '../../model/filter-json.ts';
import type { PayloadFieldType, PayloadSchema } from '../../model/payload-schema.ts';
import { filterBitmap } from './bitmap.ts';
import { compileFilter } from './compile.ts';
import { matchesFilter } from './evaluate.ts';

const dataF = points([
  '{"c":"red","n":3,"t":["a","b"],"d":"2024-01-02T03:04:05Z"}',
  '{"c":["red","blue"],"n":3.0,"t":[],"d":"2024-01-02"}',
  '{"c":null,"n":[1,7],"t":null,"d":"not a date"}',
  '{"n":"3","t":[null],"c":7,"d":1704164645}',
  '{"c":[["red"]],"n":true,"t":[["a"],"z"],"d":["2023-05-01T00:00:00+02:00","2030-01-01"]}',
  '{}',
]);

const dataN = points([
  '{"items":[{"k":"a","v":1},{"k":"b","v":2}]}',
  '{"items":[{"k":"a","v":2}]}',
  '{"items":{"k":"a","v":1}}',
  '{"items":[]}',
  '{"items":[{"k":["a","b"],"v":[1,9]},"a"]}',
  '{"items":[{"v":1}]}',
  '{"o":{"items":[{"sub":[{"x":1},{"x":2}]},{"sub":[{"x":3}]}]}}',
  '{"items":[{"k":null,"v":5}]}',
]);

const dataT = points([
  '{"s":"The quick Brown fox"}',
  '{"s":"quick-brown dogs"}',
  '{"s":["red fox","quick cat"]}',
  '{"s":"foxes are brown"}',
  '{"s":""}',
  '{"s":"brown quick"}',
]);

function points(payloads: readonly string[]): readonly FixturePoint[] {
  return payloads.map((payload, index) => ({ id: index + 1, payload }));
}

/** Ids that match, checked to be the same whichever way they are found. */
async function matches(
  data: readonly FixturePoint[],
  filterText: string,
  schema: PayloadSchema,
): Promise<string> {
  const filter = decodeFilter(parseJson(new TextEncoder().encode(filterText)), 'filter');
  const compiled = compileFilter(filter, schema);
  const answers = new Set<string>();
  for (const placement of ['none', 'memory', 'published'] satisfies IndexPlacement[]) {
    const source = new FixturePoints(data, schema, placement);
    const offsets = data.map((_, offset) => offset);
    const single = offsets.filter((offset) => matchesFilter(compiled, source, offset));
    const bitmap = await filterBitmap(compiled, source, async () => {});
    for (const found of [single, [...bitsToArray(bitmap)]]) {
      answers.add(found.map((offset) => String(data[offset]?.id)).join());
    }
  }
  assert.equal(answers.size, 1, `${filterText}: ${[...answers].join(' | ')}`);
  return [...answers].join();
}

const must = (condition: string) => `{"must":${condition}}`;
const mustNot = (condition: string) => `{"must_not":[${condition}]}`;
const field = (key: string, members: string) => `{"key":"${key}",${members}}`;
const value = (key: string, literal: string) => field(key, `"match":{"value":${literal}}`);
const nested = (filter: string, key = 'items') => `{"nested":{"key":"${key}","filter":${filter}}}`;

/** Filter, ids without an index, ids with an index of the given types (`null`: the same). */
type Row = readonly [
  filter: string,
  unindexed: string,
  indexed?: Readonly<Record<string, PayloadFieldType>>,
  indexedIds?: string,
];

async function check(data: readonly FixturePoint[], rows: readonly Row[]): Promise<void> {
  for (const [filter, unindexed, types, indexedIds = unindexed] of rows) {
    assert.equal(await matches(data, filter, new Map()), unindexed, `${filter} without index`);
    if (types === undefined) continue;
    assert.equal(await matches(data, filter, schemaOf(types)), indexedIds, `${filter} with index`);
  }
}

const keyword = { c: 'keyword' } as const;
const integer = { n: 'integer' } as const;
const datetime = { d: 'datetime' } as const;
const tagged = { t: 'keyword' } as const;

describe('examples of filters', () => {
  test('E15 a match opens a final array one level', () =>
    check(dataF, [
      [must(value('c', '"red"')), '1,2', keyword],
      [must(value('c[]', '"red"')), '2,5', { 'c[]': 'keyword' }],
      [must(value('c[0]', '"red"')), '2,5', { 'c[0]': 'keyword' }],
      [must(field('c', '"match":{"any":[]}')), '', keyword],
    ]));

  test('E16 an integer index holds whole floats', () =>
    check(dataF, [
      [must(value('n', '3')), '1', integer, '1,2'],
      [must(field('n', '"match":{"any":[3,7]}')), '1,3', integer, '1,2,3'],
      [must(value('n', '"3"')), '4', integer],
      [must(value('n', 'true')), '5', integer],
    ]));

  test('E17 except sees other types only without an index', () =>
    check(dataF, [
      [must(field('c', '"match":{"except":["red"]}')), '2,4,5', keyword, '2'],
      [must(field('c', '"match":{"except":[]}')), '1,2,4,5', keyword, '1,2'],
      [must(field('n', '"match":{"except":[3]}')), '2,3,4,5', integer, '3'],
    ]));

  test('E18 must_not is the exact complement', () =>
    check(dataF, [
      [mustNot(value('c', '"red"')), '3,4,5,6', keyword],
      [mustNot(field('c', '"match":{"any":["red"]}')), '3,4,5,6', keyword],
    ]));

  test('E19 one element must satisfy all bounds', () =>
    check(dataF, [
      [must(field('n', '"range":{"gte":3}')), '1,2,3', integer],
      [must(field('n', '"range":{"gt":2.5,"lt":3.5}')), '1,2', integer],
      [must(field('n', '"range":{}')), '1,2,3', integer],
      [must(field('n', '"range":{"gt":1,"lt":7}')), '1,2', integer],
      [must(field('n', '"range":{"gt":2.5,"lt":3.5}')), '1,2', { n: 'float' }],
      [must(field('n', '"range":{"gt":1,"lt":7}')), '1,2', { n: 'float' }],
    ]));

  test('E20 datetimes compare as instants, numbers only on the index', () =>
    check(dataF, [
      [must(field('d', '"range":{"gte":"2024-01-02"}')), '1,2,5', datetime],
      [must(field('d', '"range":{"lt":"2023-05-01"}')), '5', datetime],
      [must(field('d', '"range":{"gte":1}')), '4', datetime, '1,2,5'],
    ]));

  test('E21 E22 emptiness, nullness and counts', () =>
    check(dataF, [
      [must('{"is_empty":{"key":"t"}}'), '2,3,6', tagged],
      [mustNot('{"is_empty":{"key":"t"}}'), '1,4,5', tagged],
      [must(field('t', '"is_null":true')), '3,4', tagged],
      [must(field('t', '"is_null":false')), '1,2,5,6', tagged],
      [must(field('t', '"is_empty":true')), '2,3,6', tagged],
      [must(field('t', '"is_empty":false')), '1,4,5', tagged],
      [must('{"is_null":{"key":"t"}}'), '3', tagged, '3,4'],
      [must('{"is_null":{"key":"t[]"}}'), '4', tagged],
      [must(field('t', '"values_count":{"gte":1}')), '1,4,5', tagged],
      [must(field('t', '"values_count":{"lt":1}')), '2,3', tagged],
      [must(field('t', '"values_count":{"gte":0}')), '1,2,3,4,5', tagged],
      [must('{"is_empty":{"key":"t"}}'), '2,3,6', { t: 'text' }],
      [must('{"is_null":{"key":"t"}}'), '3', { t: 'geo' }, '3,4'],
    ]));

  test('E53 min_should', () => {
    const counted = (count: number) =>
      `{"min_should":{"conditions":[${value('n', '3')},${value('c', '"red"')}],"min_count":${count}}}`;
    return check(dataF, [
      [counted(2), '1', integer, '1,2'],
      [counted(3), '', integer],
      [counted(0), '1,2,3,4,5,6', integer],
    ]);
  });

  test('E54 integers beyond 2^53 blur without an integer index', () =>
    check(points(['{"n":9007199254740993}']), [
      [must(value('n', '9007199254740993')), '1', integer],
      [must(value('n', '9007199254740992')), '', integer],
      [must(field('n', '"range":{"gt":9007199254740992}')), '', integer, '1'],
    ]));

  test('E56 ids and vectors', () =>
    check(dataF, [
      [must('{"has_id":[1,99]}'), '1', integer],
      [must('{"has_id":[]}'), '', integer],
      [mustNot('{"has_id":[]}'), '1,2,3,4,5,6', integer],
      [must('{"has_vector":""}'), '1,2,3,4,5,6'],
      [must('{"has_vector":"zz"}'), ''],
    ]));

  test('E57 clauses are joined by and', () =>
    check(dataF, [
      [
        `{"should":[${value('n', '3')},${value('c', '7')}],"must_not":{"has_id":[1]}}`,
        '4',
        integer,
        '2,4',
      ],
    ]));

  test('E26 E27 nested', () => {
    const k = value('k', '"a"');
    const indexed = { 'items[].k': 'keyword', 'items[].v': 'integer' } as const;
    return check(dataN, [
      [must(`[${value('items[].k', '"a"')},${value('items[].v', '2')}]`), '1,2', indexed],
      [must(nested(must(`[${k},${value('v', '2')}]`))), '2', indexed],
      [must(nested(mustNot(k))), '1,6,8', indexed],
      [mustNot(nested(must(k))), '3,4,6,7,8', indexed],
      [must(nested(must('{"is_empty":{"key":"k"}}'))), '6,8', indexed],
      [must(nested(must('{"is_null":{"key":"k"}}'))), '8', indexed],
      [must(nested(must(field('v', '"range":{"gt":5}')))), '5', indexed],
      [must(nested(must(field('v', '"values_count":{"gt":1}')))), '5', indexed],
      [must(nested(must(nested(must(value('x', '3')), 'sub')), 'o.items')), '7', indexed],
      [must(nested(must(value('x', '2')), 'o.items[].sub')), '7', indexed],
      [must(nested('{}')), '1,2,5,6,8', indexed],
      [must(nested('{"should":[]}')), '', indexed],
      [must(nested('{"min_should":{"conditions":[],"min_count":1}}')), '', indexed],
      [must(nested('{"must":[],"must_not":[]}')), '1,2,5,6,8', indexed],
      ['{"should":[]}', '1,2,3,4,5,6,7,8', indexed],
      ['{"must":{"should":[],"must":[],"must_not":[]}}', '1,2,3,4,5,6,7,8', indexed],
      ['{"min_should":{"conditions":[],"min_count":1}}', '1,2,3,4,5,6,7,8', indexed],
      [must(value('items.k', '"a"')), '3', indexed],
      [must(value('items[1].k', '"b"')), '1', indexed],
      [must(nested(must('{"has_id":[1]}'))), '', indexed],
      [must(nested(mustNot('{"has_id":[1]}'))), '1,2,5,6,8', indexed],
      [must(nested(mustNot('{"has_vector":""}'))), '1,2,5,6,8', indexed],
    ]);
  });

  test('E28 text without a text index is a substring test', () =>
    check(dataT, [
      [must(field('s', '"match":{"text":"quick"}')), '1,2,3,6', { s: 'keyword' }],
      [must(field('s', '"match":{"text":"Quick"}')), ''],
      [must(field('s', '"match":{"text":"fo"}')), '1,3,4'],
      [must(field('s', '"match":{"text":"quick brown"}')), ''],
      [must(field('s', '"match":{"text":""}')), '1,2,3,4,5,6'],
      [must(field('s', '"match":{"phrase":"brown quick"}')), '6'],
      [must(field('s', '"match":{"text_any":"dogs cat"}')), '2,3'],
      [must(field('s', '"match":{"text_any":""}')), ''],
    ]));

  test('4.1 truth table', async () => {
    const data = points(['{"a":1,"b":1}', '{"a":1}', '{"b":1}', '{}']);
    const [a, b] = [value('a', '1'), value('b', '1')];
    const list = `[${a},${b}]`;
    await check(data, [
      [`{"must":${list}}`, '1', { a: 'integer' }],
      [`{"should":${list}}`, '1,2,3', { a: 'integer' }],
      [`{"must_not":${list}}`, '4', { a: 'integer' }],
      [`{"min_should":{"conditions":${list},"min_count":1}}`, '1,2,3', { a: 'integer' }],
      [`{"min_should":{"conditions":${list},"min_count":2}}`, '1', { a: 'integer' }],
      [`{"should":[${a}],"must_not":[${b}]}`, '2', { a: 'integer' }],
    ]);
  });

  test('4.6 every kind of value of a field', () =>
    check(
      points([
        '{}',
        '{"t":null}',
        '{"t":[]}',
        '{"t":[null]}',
        '{"t":["a",null]}',
        '{"t":""}',
        '{"t":0}',
        '{"t":false}',
        '{"t":{}}',
        '{"t":["a","b"]}',
      ]),
      [
        [must('{"is_empty":{"key":"t"}}'), '1,2,3', tagged],
        [must(field('t', '"is_empty":true')), '1,2,3', tagged],
        [must('{"is_null":{"key":"t"}}'), '2', tagged, '2,4,5'],
        [must(field('t', '"is_null":true')), '2,4,5', tagged],
        [must(field('t', '"is_null":false')), '1,3,6,7,8,9,10', tagged],
        [must(field('t', '"values_count":{"lte":0}')), '2,3', tagged],
        [must(field('t', '"values_count":{"gte":1,"lt":2}')), '4,6,7,8,9', tagged],
        [must(field('t', '"values_count":{"gt":1}')), '5,10', tagged],
      ],
    ));

  test('5.2 where an index answers otherwise', () => {
    const id = '550E8400-E29B-41D4-A716-446655440000';
    return check(
      points([
        `{"u":"${id.toLowerCase()}","d":"2024-01-01T00:00:00.0000019Z","n":2.5}`,
        `{"u":"${id.replaceAll('-', '')}","d":"2024-01-01T00:00:00.000001Z","n":-2.5}`,
        `{"u":"other","d":"1969-12-31T23:59:59.9999999Z","n":-3}`,
      ]),
      [
        [must(value('u', `"${id}"`)), '', { u: 'uuid' }, '1,2'],
        [must(value('u', '"other"')), '3', { u: 'uuid' }],
        [must(field('u', `"match":{"except":["${id}"]}`)), '1,2,3', { u: 'uuid' }, ''],
        [must(field('d', '"range":{"gt":"2024-01-01T00:00:00.000001Z"}')), '1', datetime, ''],
        [must(field('d', '"range":{"lt":"1970-01-01"}')), '3', datetime],
        [must(field('n', '"range":{"gte":-2.5}')), '1,2', { n: 'float' }],
        [must(field('n', '"range":{"gt":-2.5}')), '1', { n: 'float' }],
        [must(field('n', '"range":{"gte":-3.5,"lte":-2.5}')), '2,3', integer, '3'],
      ],
    );
  });

  test('R26 several sub-conditions are no conjunction', () =>
    check(dataF, [
      [must(field('n', '"match":{"value":"3"},"range":{"gt":6}')), '3,4', integer, '3'],
      [must(field('t', '"match":{"value":"a"},"values_count":{"lt":1}')), '2,3', tagged, '1'],
      [must(field('t', '"is_null":true,"is_empty":true')), '2,3,6', tagged],
      [must(field('c', '"match":{"value":7},"is_empty":true')), '3,6', keyword],
    ]));
});
