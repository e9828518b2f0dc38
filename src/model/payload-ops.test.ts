import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../base/json-value.ts';
import { jsonBytes } from '../base/json-writer.ts';
import {
  deletePayloadKeys,
  excludePayload,
  includePayload,
  mergePayload,
  payloadTree,
} from './payload-ops.ts';
import { canonicalPayload } from './payload-text.ts';

const payloadOf = (text: string): Uint8Array => canonicalPayload(new TextEncoder().encode(text));
const textOf = (payload: Uint8Array): string => Buffer.from(payload).toString();
const merged = (old: string, patch: string, key: string | null = null): string =>
  textOf(mergePayload(payloadOf(old), payloadOf(patch), key));

test('set merges members, and null removes one', () => {
  assert.equal(merged('{}', '{}'), '{}');
  assert.equal(merged('{"a":1,"b":2}', '{"b":{"x":1.0},"c":3}'), '{"a":1,"b":{"x":1.0},"c":3}');
  assert.equal(merged('{"a":1,"b":null}', '{"a":null,"z":null}'), '{"b":null}');
  assert.equal(merged('{"a":{"x":1}}', '{"a":{"y":null}}'), '{"a":{"y":null}}');
  assert.equal(merged('{"a":1}', '{"a":null}'), '{}');
  assert.equal(
    merged('{"__proto__":1}', '{"__proto__":{"a":2},"toString":3}'),
    '{"__proto__":{"a":2},"toString":3}',
  );
});

test('set under a key merges there, and repeating it changes nothing', () => {
  const expected: [string, string, string, string][] = [
    ['{"a":{"b":{"x":1}}}', '{"y":2}', 'a.b', '{"a":{"b":{"x":1,"y":2}}}'],
    ['{"a":{"b":{"x":1}}}', '{"x":null}', 'a.b', '{"a":{"b":{}}}'],
    ['{"q":1}', '{"y":2}', 'a.b', '{"q":1,"a":{"b":{"y":2}}}'],
    ['{"a":5}', '{"y":2}', 'a.b', '{"a":{"b":{"y":2}}}'],
    ['{"a":[{"x":1},{"x":2}]}', '{"y":3}', 'a[0]', '{"a":[{"x":1,"y":3},{"x":2}]}'],
    ['{"a":[{"x":1},{"x":2}]}', '{"y":3}', 'a[]', '{"a":[{"x":1,"y":3},{"x":2,"y":3}]}'],
    ['{"a":[{"x":1},7]}', '{"y":3}', 'a[].b', '{"a":[{"x":1,"b":{"y":3}},{"b":{"y":3}}]}'],
    ['{"a":[{"x":1}]}', '{"y":3}', 'a[4]', '{"a":[{"x":1}]}'],
    ['{}', '{"y":3}', 'a[0].b', '{"a":[]}'],
    ['{}', '{"y":3}', 'a[]', '{"a":[]}'],
    ['{"a":{}}', '{"y":3}', 'a.b[].c', '{"a":{"b":[]}}'],
    ['{}', '{"y":null}', 'a', '{"a":{}}'],
    ['{"x.y":{}}', '{"y":1}', '"x.y"', '{"x.y":{"y":1}}'],
  ];
  for (const [old, patch, key, wanted] of expected) {
    assert.equal(merged(old, patch, key), wanted, `${key} on ${old}`);
    assert.equal(merged(wanted, patch, key), wanted, `${key} twice on ${old}`);
  }
});

test('delete removes what the paths address', () => {
  const payload = '{"a":{"b":1,"c":2},"d":[{"e":1,"f":2},{"f":3}],"x.y":5}';
  const expected: [string[], string][] = [
    [['a'], '{"d":[{"e":1,"f":2},{"f":3}],"x.y":5}'],
    [['a.b', '"x.y"', 'nothing.here', 'd.e'], '{"a":{"c":2},"d":[{"e":1,"f":2},{"f":3}]}'],
    [['d[].f', 'a'], '{"d":[{"e":1},{}],"x.y":5}'],
    [['d[0].f', 'a'], '{"d":[{"e":1},{"f":3}],"x.y":5}'],
    [['d[0]', 'a'], '{"d":[{"e":1,"f":2},{"f":3}],"x.y":5}'],
    [['d[]', 'a'], '{"d":[],"x.y":5}'],
    [['a', 'd', '"x.y"'], '{}'],
    [[], payload],
  ];
  for (const [keys, wanted] of expected) {
    assert.equal(textOf(deletePayloadKeys(payloadOf(payload), keys)), wanted, keys.join());
  }
});

test('selectors as in example E59', () => {
  const payload = payloadOf('{"a":{"b":1,"c":2},"d":[{"e":1,"f":2},{"f":3}],"x.y":5}');
  const included: [string[], string][] = [
    [['a.b'], '{"a":{"b":1}}'],
    [['d[].e'], '{"d":[{"e":1},{}]}'],
    [['d.e'], '{"d":[]}'],
    [['d[0].f'], '{"d":[]}'],
    [['"x.y"'], '{"x.y":5}'],
    [['zz'], '{}'],
    [[], '{}'],
    [['"x.y"', 'a'], '{"a":{"b":1,"c":2},"x.y":5}'],
    [['a', 'a.b'], '{"a":{"b":1,"c":2}}'],
    [['a.c', 'd[].f'], '{"a":{"c":2},"d":[{"f":2},{"f":3}]}'],
    [['d[]'], '{"d":[{"e":1,"f":2},{"f":3}]}'],
  ];
  for (const [keys, wanted] of included) {
    assert.equal(textOf(includePayload(payload, keys)), wanted, keys.join());
  }
  const excluded: [string[], string][] = [
    [['d[].e'], '{"a":{"b":1,"c":2},"d":[{"f":2},{"f":3}],"x.y":5}'],
    [['d[]'], '{"a":{"b":1,"c":2},"d":[],"x.y":5}'],
    [['d.e', 'a', '"x.y"'], '{"d":[{"e":1,"f":2},{"f":3}]}'],
    [['d[0]', 'd[0].f', 'a', '"x.y"'], '{"d":[{"e":1,"f":2},{"f":3}]}'],
    [['a.b', 'd'], '{"a":{"c":2},"x.y":5}'],
    [['a', 'd', '"x.y"'], '{}'],
  ];
  for (const [keys, wanted] of excluded) {
    assert.equal(textOf(excludePayload(payload, keys)), wanted, keys.join());
  }
});

const name = fc.constantFrom('a', 'b', 'c d', '"', '\n', '', '__proto__');
const tree = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<JsonValue>(null, true, 1, 'a"]}', '\\'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map((members) => new Map(members)),
  ),
})).value;
const object = fc
  .array(fc.tuple(name, tree), { maxLength: 5 })
  .map((members): JsonObject => new Map(members));
const keys = fc.array(fc.constantFrom('a', 'b', '"c d"', '""', 'zz', '__proto__'), {
  maxLength: 4,
});

test('splicing text equals changing the tree', () => {
  fc.assert(
    fc.property(object, object, (old, patch) => {
      const expected = new Map(old);
      for (const [key, value] of patch) {
        if (value === null) expected.delete(key);
        else expected.set(key, value);
      }
      const result = mergePayload(jsonBytes(old), jsonBytes(patch));
      assert.equal(textOf(result), textOf(jsonBytes(expected)));
      const under = mergePayload(jsonBytes(new Map([['k', old]])), jsonBytes(patch), 'k');
      assert.deepEqual(payloadTree(under).get('k'), expected);
    }),
    { numRuns: 1000 },
  );
});

test('top-level keys give the same on text as on the tree', () => {
  // A path with two segments that finds nothing forces the way through the tree.
  fc.assert(
    fc.property(object, keys, (root, names) => {
      const payload = jsonBytes(root);
      for (const change of [deletePayloadKeys, excludePayload, includePayload]) {
        const onText = change(payload, names);
        assert.equal(textOf(onText), textOf(change(payload, [...names, 'zzz.zzz'])));
      }
      const kept = new Set(payloadTree(includePayload(payload, names)).keys());
      const rest = new Set(payloadTree(excludePayload(payload, names)).keys());
      assert.deepEqual(kept.union(rest), new Set(root.keys()));
      assert.equal(kept.intersection(rest).size, 0);
    }),
    { numRuns: 1000 },
  );
});
