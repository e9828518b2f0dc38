import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../base/bytes.ts';
import { JsonScanner, parseJson } from '../base/json-scanner.ts';
import { jsonBytes } from '../base/json-writer.ts';
import { canonicalPayload, readPayload } from './payload-text.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const canonical = (text: string): string => Buffer.from(canonicalPayload(utf8(text))).toString();

test('each kind of text in its canonical form', () => {
  const expected: [string, string][] = [
    ['{}', '{}'],
    [' { } ', '{}'],
    ['{"a": 1 , "b":[ 1, 2 ],\n"c":{ "d": [ ] }}', '{"a":1,"b":[1,2],"c":{"d":[]}}'],
    [
      '{"n":[1,-1,0,-0,1e2,1E+2,1.0,1.10,0.0,-0.0,0.00]}',
      '{"n":[1,-1,0,-0.0,100.0,100.0,1.0,1.1,0.0,-0.0,0.0]}',
    ],
    [
      '{"n":[9007199254740993,18446744073709551615,18446744073709551616]}',
      '{"n":[9007199254740993,18446744073709551615,1.8446744073709552e19]}',
    ],
    [
      '{"n":[-9223372036854775808,-9223372036854775809]}',
      '{"n":[-9223372036854775808,-9.223372036854776e18]}',
    ],
    [
      '{"n":[0.00001,0.000001,1e16,123456789012345678.0]}',
      '{"n":[0.00001,1e-6,1e16,1.2345678901234568e17]}',
    ],
    [
      '{"n":[3.141592653589793238,0.1000000000000000055,1e-400]}',
      '{"n":[3.141592653589793,0.1,0.0]}',
    ],
    ['{"s":"\\u00e9\\/\\ud83d\\ude00\\u0041"}', '{"s":"é/😀A"}'],
    [
      '{"s":"\\n\\t\\"\\\\\\u000a\\u0001\\u001F\\u0022\\u005c"}',
      '{"s":"\\n\\t\\"\\\\\\n\\u0001\\u001f\\"\\\\"}',
    ],
    ['{"a":1,"b":2,"a":3}', '{"a":3,"b":2}'],
    ['{"\\u0061":1,"b":2,"a":3}', '{"a":3,"b":2}'],
    ['{"o":{"x":1,"x":[]},"p":{"x":1}}', '{"o":{"x":[]},"p":{"x":1}}'],
    ['{"__proto__":null,"constructor":{}}', '{"__proto__":null,"constructor":{}}'],
  ];
  for (const [text, wanted] of expected) {
    assert.equal(canonical(text), wanted);
    assert.equal(canonical(wanted), wanted);
  }
});

test('what is no object, or malformed, or beyond doubles is refused with its place', () => {
  const expected: [string, string][] = [
    ['[1]', 'invalid type: sequence, expected a map at line 1 column 0'],
    ['null', 'invalid type: null, expected a map at line 1 column 4'],
    ['', 'EOF while parsing a value at line 1 column 0'],
    ['{"a":1', 'EOF while parsing an object at line 1 column 6'],
    ['{"a":01}', 'invalid number at line 1 column 7'],
    ['{"a":1e999}', 'number out of range at line 1 column 10'],
    ['{"a":"\\ud800"}', 'unexpected end of hex escape at line 1 column 13'],
    ['{"a":[1,]}', 'trailing comma at line 1 column 9'],
    ['{"a":tru}', 'expected ident at line 1 column 9'],
    ['{"a":1}x', 'trailing characters at line 1 column 8'],
    [`{"a":${'['.repeat(100_000)}`, 'recursion limit exceeded at line 1 column 132'],
  ];
  for (const [text, message] of expected) {
    assert.throws(() => canonicalPayload(utf8(text)), { name: 'JsonError', message });
  }
});

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.double({ min: -1e300, max: 1e300, noNaN: true }).map((value) => value.toExponential(3)),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => value.toFixed(9)),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc.integer().map(String),
  fc.constantFrom('-0', '0.10', '1.0', '100', '1.50', '12345678901234.5', '0.000012', '0.0000012'),
);
const text = fc
  .array(
    fc.constantFrom(
      'a',
      'b',
      ' ',
      'é',
      '😀',
      '\\n',
      '\\"',
      '\\\\',
      '\\/',
      '\\u0041',
      '\\u00e9',
      '\\u0000',
    ),
    { maxLength: 6 },
  )
  .map((parts) => `"${parts.join('')}"`);
const space = fc.constantFrom('', '', ' ', '\n\t');
const { value: jsonText } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('null', 'true', 'false'),
    number,
    text,
    fc
      .tuple(fc.array(tie('value')), space)
      .map(([parts, gap]) => `[${gap}${parts.join(`${gap},`)}${gap}]`),
    members(tie('value')),
  ),
}));

function members(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const member = fc
    .tuple(text, space, value)
    .map(([key, gap, part]) => `${gap}${key}${gap}:${gap}${part}`);
  return fc.array(member).map((parts) => `{${parts.join(',')}}`);
}

test('equals the exact tree, written again', () => {
  fc.assert(
    fc.property(members(jsonText), (object) => {
      const expected = Buffer.from(jsonBytes(parseJson(utf8(object)))).toString();
      assert.equal(canonical(object), expected);
      assert.equal(canonical(expected), expected);
      assert.doesNotThrow(() => JSON.parse(expected));
    }),
    { numRuns: 1500 },
  );
});

test('many keys, wide and deep objects take the slow way to the same text', () => {
  const wide = JSON.stringify(
    Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`k${at}`, at])),
  );
  assert.equal(canonical(wide), wide);
  const deep = `{"a":${'[{"b":'.repeat(60)}1${'}]'.repeat(60)}}`;
  assert.equal(canonical(deep), deep);
});

test('reads one payload out of a body and leaves the scanner behind it', () => {
  const scanner = new JsonScanner(utf8('{"payload": {"a" : 1.50}, "id": 7}'));
  const out = new ByteWriter();
  out.u8(0x21);
  scanner.beginObject();
  assert.equal(scanner.nextKey(), 'payload');
  readPayload(scanner, out);
  assert.equal(scanner.nextKey(), 'id');
  assert.equal(scanner.readUint64(), 7);
  assert.equal(scanner.nextKey(), null);
  scanner.finish();
  assert.equal(Buffer.from(out.view()).toString(), '!{"a":1.5}');
});
