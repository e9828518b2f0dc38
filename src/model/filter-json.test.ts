import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '../base/json-scanner.ts';
import { decodeFilter, decodeFilterShape, filterFromText, filterKey } from './filter-json.ts';
import { filterFaults } from './filter-validate.ts';
import { RequestError } from './request-error.ts';

const valueOf = (text: string) => parseJson(new TextEncoder().encode(text));
const decode = (text: string) => decodeFilter(valueOf(text), 'scroll_request.filter');

function refusal(text: string): string {
  try {
    decode(text);
  } catch (cause) {
    assert.ok(cause instanceof RequestError, `${text}: ${String(cause)}`);
    return `${cause.code}: ${cause.message}`;
  }
  return 'accepted';
}

const emptyField = {
  kind: 'field',
  match: null,
  range: null,
  datetimeRange: null,
  valuesCount: null,
  isEmpty: null,
  isNull: null,
} as const;

test('an absent clause, a null one and an empty one are told apart', () => {
  assert.deepEqual(decode('{}'), { must: null, should: null, mustNot: null, minShould: null });
  assert.deepEqual(decode('{"must":null,"should":[]}'), {
    must: null,
    should: [],
    mustNot: null,
    minShould: null,
  });
});

test('every form of a condition', () => {
  const uuid = '550e8400-e29b-41d4-a716-446655440000';
  const filter = decode(`{
    "must": [
      {"key": "a", "match": {"value": 9007199254740993}},
      {"key": "a", "match": {"any": ["x", "y"]}},
      {"key": "a", "match": {"except": [1, 9223372036854775807]}},
      {"key": "a", "match": {"text_any": "x y"}, "extra": 1},
      {"key": "a", "range": {"gt": 1, "lte": 2.5, "lt": null}},
      {"key": "a", "range": {"gte": "2024-01-02"}},
      {"key": "a", "values_count": {"gt": 0}, "match": null},
      {"key": "a", "is_empty": false},
      {"is_empty": {"key": "a.b"}},
      {"is_null": {"key": "a[]"}},
      {"has_id": [1, 18446744073709551615, "${uuid.toUpperCase()}", 1]},
      {"has_vector": ""},
      {"nested": {"key": "a", "filter": {}}},
      {"must_not": {"has_id": []}}
    ],
    "min_should": {"conditions": [], "min_count": 2}
  }`);
  const none = { lt: null, gt: null, lte: null, gte: null };
  const emptyFilter = { must: null, should: null, mustNot: null, minShould: null };
  const a = { ...emptyField, key: 'a' };
  assert.deepEqual(filter.minShould, { conditions: [], minCount: 2 });
  assert.deepEqual(filter.must, [
    { ...a, match: { kind: 'value', value: 9007199254740993n } },
    { ...a, match: { kind: 'any', values: ['x', 'y'] } },
    { ...a, match: { kind: 'except', values: [1, 9223372036854775807n] } },
    { ...a, match: { kind: 'text_any', text: 'x y' } },
    { ...a, range: { ...none, gt: 1, lte: 2.5 } },
    { ...a, datetimeRange: { ...none, gte: 1_704_153_600_000_000_000n } },
    { ...a, valuesCount: { ...none, gt: 0 } },
    { ...a, isEmpty: false },
    { kind: 'is_empty', key: 'a.b' },
    { kind: 'is_null', key: 'a[]' },
    { kind: 'has_id', ids: [1, 18446744073709551615n, uuid, 1] },
    { kind: 'has_vector', name: '' },
    { kind: 'nested', key: 'a', filter: emptyFilter },
    { kind: 'filter', filter: { ...emptyFilter, mustNot: [{ kind: 'has_id', ids: [] }] } },
  ]);
});

test('a shape that fits nothing is a format error', () => {
  const refused = [
    '[]',
    '1',
    '{"musty":[]}',
    '{"must":[{"musty":[]}]}',
    '{"must":1}',
    '{"must":["a"]}',
    '{"must":[{"key":1,"match":{"value":1}}]}',
    '{"must":{"key":"a","match":{"value":1.5}}}',
    '{"must":{"key":"a","match":{"value":3.0}}}',
    '{"must":{"key":"a","match":{"value":9223372036854775808}}}',
    '{"must":{"key":"a","match":{"value":null}}}',
    '{"must":{"key":"a","match":{"any":[1,"a"]}}}',
    '{"must":{"key":"a","match":{"any":[true]}}}',
    '{"must":{"key":"a","match":{"any":"a"}}}',
    '{"must":{"key":"a","match":{"text":1}}}',
    '{"must":{"key":"a","match":{}}}',
    '{"must":{"key":"a","match":"x"}}',
    '{"must":{"key":"a","range":{"gt":true}}}',
    '{"must":{"key":"a","range":{"gt":"2024-01-01","lt":5}}}',
    '{"must":{"key":"a","values_count":{"gt":-1}}}',
    '{"must":{"key":"a","values_count":{"gt":1.0}}}',
    '{"must":{"key":"a","is_empty":1}}',
    '{"must":{"key":"a..b","match":{"value":1}}}',
    '{"must":{"key":"","match":{"value":1}}}',
    '{"must":{"is_empty":"a"}}',
    '{"must":{"is_null":{}}}',
    '{"must":{"has_id":1}}',
    '{"must":{"has_id":["1"]}}',
    '{"must":{"has_id":[-1]}}',
    '{"must":{"has_id":[1.0]}}',
    '{"must":{"has_id":[18446744073709551616]}}',
    '{"must":{"has_vector":null}}',
    '{"must":{"nested":{"key":"a"}}}',
    '{"must":{"nested":{"filter":{}}}}',
    '{"must":{"nested":{"key":"a","filter":{"zz":1}}}}',
    '{"min_should":{"conditions":[]}}',
    '{"min_should":{"min_count":1}}',
    '{"min_should":{"conditions":[],"min_count":-1}}',
    '{"min_should":{"conditions":[],"min_count":1,"zz":1}}',
    '{"min_should":{"conditions":{"has_id":[]},"min_count":1}}',
  ];
  for (const text of refused) {
    assert.match(refusal(text), /^format: Format error in JSON body: /, text);
  }
});

test('texts that clients match', () => {
  assert.equal(
    refusal('{"must":{"key":"d","range":{"gt":"20240101"}}}'),
    "format: Format error in JSON body: '20240101' does not match accepted datetime format " +
      '(RFC3339). Example: 2014-01-01T00:00:00Z',
  );
  assert.match(refusal('{"must":{"is_null":{"key":"a b"}}}'), /Invalid json path: 'a b'/);
  assert.match(refusal('{"must":{"key":"g","geo_radius":{}}}'), /^not_implemented: .*geo_radius/);
});

test('a condition without a test breaks a rule, wherever it stands', () => {
  const rule = 'Validation error: At least one field condition must be specified [{}]';
  const path = 'scroll_request.filter';
  assert.equal(
    refusal('{"must":[{"key":"a"}]}'),
    `validation: Validation error in JSON body: [${path}.must[0].__all__: ${rule}]`,
  );
  assert.equal(
    refusal('{"must":[{"has_id":[]},{"key":"a","match":null}],"must_not":{"key":"b","zz":1}}'),
    'validation: Validation error in JSON body: ' +
      `[${path}.must[1].__all__: ${rule}; ${path}.must_not[0].__all__: ${rule}]`,
  );
  const nested = valueOf('{"should":{"nested":{"key":"a","filter":{"must":{"key":"b"}}}}}');
  assert.deepEqual(filterFaults(decodeFilterShape(nested), 'filter'), [
    `filter.should[0].nested.filter.must[0].__all__: ${rule}`,
  ]);
  assert.doesNotThrow(() => filterFromText('{"must":[{"key":"a"}]}'));
});

test('a form that fits wins over a member that does not', () => {
  assert.deepEqual(decode('{"must":{"has_id":[1],"key":7}}').must, [{ kind: 'has_id', ids: [1] }]);
  const match = decode('{"must":{"key":"a","match":{"value":1.5,"text":"x"}}}').must?.[0];
  assert.deepEqual(match, { ...emptyField, key: 'a', match: { kind: 'text', text: 'x' } });
});

test('depth is bounded', () => {
  const deep = (depth: number) => `${'{"must":'.repeat(depth)}{}${'}'.repeat(depth)}`;
  assert.equal(refusal(deep(60)), 'accepted');
  assert.match(refusal(deep(64)), /recursion limit exceeded/);
});

test('keys name filters exactly', () => {
  const texts = [
    '{}',
    '{"must":[]}',
    '{"must":{"key":"a","match":{"value":1}}}',
    '{"must":{"key":"a","match":{"value":"1"}}}',
    '{"must":{"key":"a","match":{"value":9007199254740992}}}',
    '{"must":{"key":"a","match":{"value":9007199254740993}}}',
    '{"must":{"key":"a","match":{"value":"9007199254740993"}}}',
    '{"must":{"key":"a","match":{"any":["9007199254740993"]}}}',
    '{"must":{"key":"a","range":{"gt":1}}}',
    '{"must":{"key":"a","range":{"gt":"1970-01-01T00:00:00"}}}',
    '{"must":{"key":"a","range":{}}}',
    '{"must":{"has_id":[1]}}',
    '{"must":{"has_vector":"a"}}',
  ];
  const keys = texts.map((text) => filterKey(decode(text)));
  assert.equal(new Set(keys).size, texts.length);
  assert.equal(filterKey(filterFromText(texts[5] ?? '')), keys[5]);
});
