import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonFloat, type JsonObject, type JsonValue } from '../base/json-value.ts';
import { jsonBytes } from '../base/json-writer.ts';
import { extractValues, nestedPayloadPath, payloadPath, valuesAtPath } from './payload-path.ts';
import { canonicalPayload } from './payload-text.ts';

const payloadOf = (text: string): Uint8Array => canonicalPayload(new TextEncoder().encode(text));

/** The values as one JSON text. */
function values(payload: string, path: string): string {
  const found = extractValues(payloadOf(payload), payloadPath(path));
  return Buffer.from(jsonBytes(found)).toString();
}

test('the table of the specification', () => {
  const nested = '{"a":[{"b":1},{"c":2},{"b":[3,4]}]}';
  const expected: [string, string, string][] = [
    ['a', '{"a":1}', '[1]'],
    ['a', '{"a":[1,2]}', '[[1,2]]'],
    ['a[]', '{"a":[1,2]}', '[1,2]'],
    ['a[]', '{"a":1}', '[]'],
    ['a[]', '{"a":[]}', '[]'],
    ['a[1]', '{"a":[1,2]}', '[2]'],
    ['a[2]', '{"a":[1,2]}', '[]'],
    ['a.b', '{"a":{"b":1}}', '[1]'],
    ['a.b', '{"a":[{"b":1}]}', '[]'],
    ['a[].b', nested, '[1,[3,4]]'],
    ['a[].b[]', nested, '[3,4]'],
    ['a[][]', '{"a":[[1,[2]],3,[]]}', '[1,[2]]'],
    ['"x.y".z', '{"x.y":{"z":1}}', '[1]'],
    ['a', '{}', '[]'],
    ['a', '{"a":null}', '[null]'],
    ['a', '{"b":"}\\"]","a":3.0}', '[3.0]'],
    ['__proto__.x', '{"__proto__":{"x":1}}', '[1]'],
    ['""', '{"":1}', '[1]'],
    ['b', '{"ab":1,"a":{"b":2},"b":9007199254740993}', '[9007199254740993]'],
    ['größe', '{"größe":true}', '[true]'],
  ];
  for (const [path, payload, found] of expected) assert.equal(values(payload, path), found, path);
});

test('the grammar', () => {
  const read = (text: string): unknown[] =>
    payloadPath(text).segments.map((segment) =>
      segment.kind === 'key' ? segment.name : segment.kind === 'index' ? segment.index : '*',
    );
  assert.deepEqual(read('a-1._b[3][]."c d"."["'), ['a-1', '_b', 3, '*', 'c d', '[']);
  assert.deepEqual(read('1'), ['1']);
  const bads = ' |.|.a|a.|a..b|[0]|a[|a]|a[x]|a[-1]|a b|a/b|a"b"|"a|a[0]b|"a\\"b"|a.[0]| a|a |a\n';
  const tooLong = `a${'.a'.repeat(128)}`;
  for (const bad of ['', 'a[99999999999999999999]', tooLong].concat(bads.split('|'))) {
    assert.throws(() => payloadPath(bad), {
      name: 'RequestError',
      code: 'bad_request',
      message: `Invalid json path: '${bad}'`,
    });
  }
  assert.equal(nestedPayloadPath('a.b').text, 'a.b[]');
  assert.equal(nestedPayloadPath('a[]').text, 'a[]');
});

const name = fc.constantFrom('a', 'b', 'c d', '"', '\n', '');
const tree = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<JsonValue>(null, true, 1, 'a"]}', '\\', new JsonFloat(1.5), 2n ** 60n),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((members) => new Map(members)),
  ),
})).value;
const object = fc
  .array(fc.tuple(name, tree), { maxLength: 5 })
  .map((members): JsonObject => new Map(members));
const path = fc
  .tuple(
    fc.constantFrom('a', 'b', '"c d"', '""'),
    fc.array(fc.constantFrom('.a', '.b', '."c d"', '[]', '[0]', '[1]'), { maxLength: 4 }),
  )
  .map(([first, rest]) => first + rest.join(''));

test('text and tree give the same values', () => {
  fc.assert(
    fc.property(object, path, (root, text) => {
      const parsed = payloadPath(text);
      assert.deepEqual(extractValues(jsonBytes(root), parsed), valuesAtPath(root, parsed));
    }),
    { numRuns: 2000 },
  );
});
