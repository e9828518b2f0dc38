// For tests: random payloads, filters and schemas over few keys and few values, so that conditions
// hit, miss, and meet the wrong type, missing fields, nulls, arrays and arrays in arrays.

import fc from 'fast-check';
import type { Condition, FieldCondition, Filter, Match } from '../../src/model/filter.ts';
import type { PayloadFieldSchema, PayloadFieldType } from '../../src/model/payload-schema.ts';
import type { FixturePoint } from './points.ts';

const uuids = ['00000000-0000-0000-0000-000000000001', 'ffffffff-0000-0000-0000-000000000000'];
const datetimes = [
  '2024-01-02',
  '2024-01-02T00:00:00.0000005Z',
  '2024-01-02T01:00:00+01:00',
  '1969-12-31T23:59:59.9999999Z',
  '2300-01-01',
];
const strings = ['a', 'b', 'ab c', '', '\ue000', '😀', ...uuids, ...datetimes];
const integers = [0, 1, -1, 3, 2 ** 31, 9007199254740993n, -9007199254740993n, 2n ** 63n - 1n];
const floats = ['3.0', '-0.0', '0.5', '1e300', '9223372036854775807.0', '1.5e9'];

const scalarText = fc.oneof(
  fc.constantFrom('1', '3', '"a"', '"b"', 'true', 'null', '"2024-01-02"', '0.5'),
  fc.constantFrom(...strings).map((text) => JSON.stringify(text)),
  fc.constantFrom(...integers, 2n ** 64n - 1n).map(String),
  fc.constantFrom(...floats),
  fc.constantFrom('true', 'false', 'null', '{}', '{"a":1}'),
);
const arrayText = (item: fc.Arbitrary<string>) =>
  fc.array(item, { maxLength: 3 }).map((items) => `[${items.join()}]`);
const valueText = fc.oneof(
  { weight: 3, arbitrary: scalarText },
  { weight: 2, arbitrary: arrayText(fc.oneof(scalarText, arrayText(scalarText))) },
);

const objectText = (value: fc.Arbitrary<string>) =>
  fc.dictionary(fc.constantFrom('a', 'b', 'c'), value, { minKeys: 1, maxKeys: 3, size: 'max' }).map(
    (members) =>
      `{${Object.entries(members)
        .map(([k, v]) => `"${k}":${v}`)
        .join()}}`,
  );

/** Payload of objects in an array at `list`, and fields `a`, `b`, `c`. */
const payloadText = fc
  .tuple(objectText(valueText), fc.option(arrayText(fc.oneof(objectText(valueText), scalarText))))
  .map(([object, list]) => {
    if (list === null) return object;
    return `${object.slice(0, -1)}${object.length > 2 ? ',' : ''}"list":${list}}`;
  });

export const pointsArbitrary: fc.Arbitrary<readonly FixturePoint[]> = fc
  .array(fc.tuple(payloadText, fc.boolean()), { minLength: 5, maxLength: 70, size: 'max' })
  .map((points) =>
    points.map(([payload, hasVector], index) => ({
      id: index * 2,
      payload,
      vectorNames: hasVector ? ['v'] : [],
    })),
  );

const keys = ['a', 'a', 'b', 'b', 'c', 'list[].a', 'list[].b', 'list', 'a[]', 'missing'];
const types: readonly PayloadFieldType[] = [
  'keyword',
  'integer',
  'float',
  'bool',
  'datetime',
  'uuid',
  'text',
  'geo',
];

const fieldSchema: fc.Arbitrary<PayloadFieldSchema> = fc.oneof(
  fc.constantFrom(...types).map((dataType) => ({ dataType, params: null })),
  fc.constantFrom({ lookup: false }, { range: false }).map((params) => ({
    dataType: 'integer' as const,
    params: { type: 'integer' as const, ...params },
  })),
);

export const schemaArbitrary = fc
  .array(fc.tuple(fc.constantFrom(...keys), fieldSchema), {
    minLength: 1,
    maxLength: 8,
    size: 'max',
  })
  .map((fields) => new Map(fields));

const match: fc.Arbitrary<Match> = fc.oneof(
  fc
    .constantFrom<string | number | bigint | boolean>(...strings, ...integers, true, false)
    .map((value) => ({ kind: 'value' as const, value })),
  fc.record({
    kind: fc.constantFrom('any' as const, 'except' as const),
    values: fc.oneof(fc.subarray(strings), fc.subarray(integers)),
  }),
  fc.record({
    kind: fc.constantFrom('text' as const, 'text_any' as const, 'phrase' as const),
    text: fc.constantFrom('a', 'b c', '', 'ab'),
  }),
);

const range = <T>(bound: fc.Arbitrary<T>) => {
  const optional = fc.option(bound, { freq: 1 });
  return fc.record({ lt: optional, gt: optional, lte: optional, gte: optional });
};
const numberBound = fc.constantFrom(-1, 0, 0.5, 1, 3, 2 ** 53, -(2 ** 53), 1e300, -1e19, 1.7e15);
const microBound = fc.constantFrom(1_704_153_600_000_000_500n, 1_704_153_600_000_000_000n, 0n, -1n);

const emptyField: FieldCondition = {
  kind: 'field',
  key: 'a',
  match: null,
  range: null,
  datetimeRange: null,
  valuesCount: null,
  isEmpty: null,
  isNull: null,
};
const subConditions: fc.Arbitrary<Partial<FieldCondition>> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ match }) },
  { weight: 2, arbitrary: fc.record({ range: range(numberBound) }) },
  { weight: 2, arbitrary: fc.record({ datetimeRange: range(microBound) }) },
  fc.record({ valuesCount: range(fc.nat(3)) }),
  fc.record({ isEmpty: fc.boolean() }),
  fc.record({ isNull: fc.boolean() }),
  fc.record({ match, range: range(numberBound), isNull: fc.boolean() }),
  fc.record({ match, range: range(numberBound) }),
);
const key = fc.constantFrom(...keys);

const emptyFilter: Filter = { must: null, should: null, mustNot: null, minShould: null };
const clause = (
  condition: fc.Arbitrary<Condition>,
  name: 'must' | 'should' | 'mustNot',
  maxLength: number,
) =>
  fc
    .array(condition, { minLength: 1, maxLength })
    .map((conditions) => ({ ...emptyFilter, [name]: conditions }));

const { filter } = fc.letrec<{ condition: Condition; filter: Filter }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    {
      weight: 8,
      arbitrary: fc
        .tuple(key, subConditions)
        .map(([name, tests]) => ({ ...emptyField, key: name, ...tests })),
    },
    fc.record({ kind: fc.constantFrom('is_empty' as const, 'is_null' as const), key }),
    fc.array(fc.nat(30), { maxLength: 9 }).map((ids) => ({ kind: 'has_id' as const, ids })),
    fc.constantFrom('v', 'w').map((name) => ({ kind: 'has_vector' as const, name })),
    fc.record({
      kind: fc.constant('nested' as const),
      key: fc.constantFrom('list', 'list[]', 'a'),
      filter: tie('filter'),
    }),
    fc.record({ kind: fc.constant('filter' as const), filter: tie('filter') }),
  ),
  filter: fc.oneof(
    { weight: 2, arbitrary: clause(tie('condition'), 'must', 2) },
    { weight: 2, arbitrary: clause(tie('condition'), 'should', 3) },
    { weight: 2, arbitrary: clause(tie('condition'), 'mustNot', 2) },
    fc
      .record({
        conditions: fc.array(tie('condition'), { minLength: 1, maxLength: 5 }),
        minCount: fc.nat(3),
      })
      .map((minShould) => ({ ...emptyFilter, minShould })),
    fc.record({
      must: fc.option(fc.array(tie('condition'), { maxLength: 1 })),
      should: fc.option(fc.array(tie('condition'), { maxLength: 3 })),
      mustNot: fc.option(fc.array(tie('condition'), { maxLength: 1 })),
      minShould: fc.constant(null),
    }),
  ),
}));

export const filterArbitrary: fc.Arbitrary<Filter> = filter;
