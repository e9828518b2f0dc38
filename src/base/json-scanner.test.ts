import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from './bytes.ts';
import { JsonError } from './json-error.ts';
import { JsonScanner, parseJson } from './json-scanner.ts';
import { JsonFloat, type JsonValue } from './json-value.ts';
import { jsonBytes, writeJsonString } from './json-writer.ts';
import { Float32Buffer, Uint32Buffer } from './number-buffer.ts';
import { Prng } from './prng.ts';

const encoder = new TextEncoder();
const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** What `JSON.parse` would have given. */
function plain(value: JsonValue): unknown {
  if (value instanceof JsonFloat) return value.value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<string, JsonValue>)];
    return Object.fromEntries(entries.map(([key, member]) => [key, plain(member)]));
  }
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(plain);
  return value;
}

function nativeParse(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}

function ownParse(bytes: Uint8Array): { readonly value: JsonValue } | null {
  try {
    return { value: parseJson(bytes) };
  } catch (error) {
    assert.ok(error instanceof JsonError);
    assert.ok(error.offset >= 0 && error.offset <= bytes.length);
    return null;
  }
}

test('faults are told with their place', () => {
  const expected: [string, string][] = [
    ['', 'EOF while parsing a value at line 1 column 0'],
    ['  ', 'EOF while parsing a value at line 1 column 2'],
    ['[1,2', 'EOF while parsing a list at line 1 column 4'],
    ['{"a":1,}', 'trailing comma at line 1 column 8'],
    ['[1,]', 'trailing comma at line 1 column 4'],
    ['{"a" 1}', 'expected `:` at line 1 column 6'],
    ['{"a":1 "b"}', 'expected `,` or `}` at line 1 column 8'],
    ['[1 2]', 'expected `,` or `]` at line 1 column 4'],
    ['{a:1}', 'key must be a string at line 1 column 2'],
    ['{"a"', 'EOF while parsing an object at line 1 column 4'],
    ['01', 'invalid number at line 1 column 2'],
    ['-', 'EOF while parsing a value at line 1 column 1'],
    ['1.x', 'invalid number at line 1 column 3'],
    ['1e400', 'number out of range at line 1 column 5'],
    ['tru', 'EOF while parsing a value at line 1 column 3'],
    ['trux', 'expected ident at line 1 column 4'],
    ['"abc', 'EOF while parsing a string at line 1 column 4'],
    ['"\\x"', 'invalid escape at line 1 column 3'],
    ['"\\ud800"', 'unexpected end of hex escape at line 1 column 8'],
    ['"\\udc00"', 'lone leading surrogate in hex escape at line 1 column 7'],
    ['1 2', 'trailing characters at line 1 column 3'],
    ['\n\n  x', 'expected value at line 3 column 3'],
    ['\ufeff1', 'expected value at line 1 column 1'],
    [
      '"\u0001"',
      'control character (\\u0000-\\u001F) found while parsing a string at line 1 column 2',
    ],
    ['['.repeat(1_000_000), 'recursion limit exceeded at line 1 column 128'],
    ['{"a":'.repeat(1_000_000), 'recursion limit exceeded at line 1 column 636'],
  ];
  for (const [text, message] of expected) {
    assert.throws(() => parseJson(utf8(text)), { name: 'JsonError', message });
    // Skipping does not look at the size of numbers; all else it checks alike.
    if (text === '1e400') assert.doesNotThrow(() => skipAll(text));
    else assert.throws(() => skipAll(text), { name: 'JsonError', message });
  }
});

function skipAll(text: string): void {
  const scanner = new JsonScanner(utf8(text));
  scanner.skipValue();
  scanner.finish();
}

test('wrong types are told with what was found', () => {
  const expected: [string, (scanner: JsonScanner) => unknown, string][] = [
    ['"a"', (s) => s.readUint64(), 'invalid type: string "a", expected u64 at line 1 column 3'],
    [
      '1.0',
      (s) => s.readUint64(),
      'invalid type: floating point `1.0`, expected u64 at line 1 column 3',
    ],
    ['-1', (s) => s.readUint64(), 'invalid value: integer `-1`, expected u64 at line 1 column 2'],
    [
      '9',
      (s) => s.readInteger(0, 5, 'u8'),
      'invalid value: integer `9`, expected u8 at line 1 column 1',
    ],
    ['null', (s) => s.readString(), 'invalid type: null, expected a string at line 1 column 4'],
    ['[1]', (s) => s.beginObject(), 'invalid type: sequence, expected a map at line 1 column 0'],
    ['{}', (s) => s.readBoolean(), 'invalid type: map, expected a boolean at line 1 column 0'],
    [
      'true',
      (s) => s.readNumber(),
      'invalid type: boolean `true`, expected a number at line 1 column 4',
    ],
    [
      '[1,"a"]',
      (s) => s.readFloat32Array(new Float32Buffer()),
      'invalid type: string "a", expected f32 at line 1 column 6',
    ],
    [
      '[-1]',
      (s) => s.readUint32Array(new Uint32Buffer()),
      'invalid value: integer `-1`, expected u32 at line 1 column 3',
    ],
  ];
  for (const [text, read, message] of expected) {
    assert.throws(() => read(new JsonScanner(utf8(text))), { name: 'JsonError', message });
  }
});

test('numbers are exact and keep their kind', () => {
  const expected: [string, JsonValue][] = [
    ['0', 0],
    ['-0', new JsonFloat(-0)],
    ['3.0', new JsonFloat(3)],
    ['1e2', new JsonFloat(100)],
    ['999999999999999', 999_999_999_999_999],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['-9007199254740993', -9_007_199_254_740_993n],
    ['18446744073709551615', 2n ** 64n - 1n],
    ['18446744073709551616', new JsonFloat(2 ** 64)],
    ['-9223372036854775808', -(2n ** 63n)],
    ['-9223372036854775809', new JsonFloat(-(2 ** 63))],
    ['1e23', new JsonFloat(1e23)],
    ['0.1e-400', new JsonFloat(0)],
  ];
  for (const [text, value] of expected) assert.deepEqual(parseJson(utf8(text)), value);
});

test('objects keep the order of keys, and of equal keys the last value at the first place', () => {
  const value = parseJson(utf8('{"b":1,"__proto__":{"x":2},"a":3,"\\u0062":4,"":5}'));
  assert.deepEqual(
    [...(value as ReadonlyMap<string, JsonValue>)],
    [
      ['b', 4],
      ['__proto__', new Map([['x', 2]])],
      ['a', 3],
      ['', 5],
    ],
  );
});

test('agrees with JSON.parse on every well-formed text', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), null, indent);
      assert.deepEqual(plain(parseJson(utf8(spaced))), JSON.parse(spaced));
      skipAll(spaced);
    }),
    { numRuns: 500 },
  );
});

test('accepts and refuses what JSON.parse does, on texts broken by chance', () => {
  const parts = 'true null false "a" 1.5 -0 "\\u00e9" \\ud83d\\ude00 \u0001 é'.split(' ');
  const signs = '{}[],:"0159-+.eE \\untrfabl/\n'.split('');
  const token = fc.constantFrom(...signs, ...parts);
  const texts = fc.oneof(
    fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join('')),
    fc.tuple(fc.json({ maxDepth: 3 }), fc.nat(), token).map(([text, at, part]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + part + text.slice(cut + (at % 2));
    }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      // JSON.parse takes lone surrogates; UTF-8 cannot hold them.
      fc.pre(text.isWellFormed());
      const native = nativeParse(text);
      const own = ownParse(utf8(text));
      if (native !== null && JSON.stringify(native.value).includes('\\ud')) return;
      // `JSON.parse` makes infinity of a number that we refuse.
      if (native !== null && own === null && /e\+?\d{3,}/i.test(text)) return;
      assert.equal(own !== null, native !== null, text);
      if (own !== null) assert.deepEqual(plain(own.value), native?.value);
    }),
    { numRuns: 5000 },
  );
});

test('refuses bytes that are no UTF-8', () => {
  for (const bad of [
    [0xff],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xe2, 0x82],
    [0xf4, 0x90, 0x80, 0x80],
  ]) {
    const bytes = Uint8Array.from([0x22, ...bad, 0x22]);
    assert.throws(() => parseJson(bytes), /invalid unicode code point/);
    assert.throws(() => new JsonScanner(bytes).skipValue(), /invalid unicode code point/);
  }
});

const floatText = fc.oneof(
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((value) => Number.isFinite(Math.fround(value)))
    .map(String),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.double({ min: -1, max: 1, noNaN: true }).map((value) => value.toFixed(20)),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toPrecision(21)),
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.integer({ min: -60, max: 60 }))
    .map(([digits, exponent]) => `${digits}e${exponent}`)
    .filter((text) => Number.isFinite(Math.fround(Number(text)))),
  fc
    .tuple(fc.nat(10 ** 8), fc.stringMatching(/^\d{1,24}$/))
    .map(([whole, part]) => `${whole}.${part}`),
  fc.constantFrom(
    '0',
    '-0',
    '-0.0',
    '3.4028235e38',
    '-3.4028235677973362e38',
    '1e-400',
    '0.00000000000000000001',
    '16777217',
  ),
);

test('f32 arrays hold Math.fround(Number(text)) of every element', () => {
  const separator = fc.constantFrom(',', ', ', ' ,', ',\n  ');
  fc.assert(
    fc.property(fc.array(floatText, { maxLength: 40 }), separator, (texts, between) => {
      const out = new Float32Buffer(1);
      const scanner = new JsonScanner(utf8(`[${texts.join(between)}]`));
      assert.equal(scanner.readFloat32Array(out), texts.length);
      scanner.finish();
      for (const [at, text] of texts.entries()) {
        assert.ok(Object.is(out.data[at], Math.fround(Number(text))), text);
      }
    }),
    { numRuns: 2000 },
  );
});

test('f32 texts next to a rounding tie are rounded as through a double', () => {
  const prng = new Prng(5);
  const scratch = new Float32Array(2);
  const bits = new Uint32Array(scratch.buffer);
  const texts: string[] = [];
  for (let draw = 0; draw < 5_000; draw += 1) {
    bits[0] = 0x30000000 + prng.int(0x18000000);
    bits[1] = (bits[0] as number) + 1;
    const tie = ((scratch[0] as number) + (scratch[1] as number)) / 2;
    texts.push(tie.toPrecision(14 + prng.int(10)), String(tie));
  }
  const out = new Float32Buffer();
  new JsonScanner(utf8(`[${texts.join(',')}]`)).readFloat32Array(out);
  for (const [at, text] of texts.entries()) {
    assert.equal(out.data[at], Math.fround(Number(text)), text);
  }
});

test('a broken f32 array is refused with its place', () => {
  const many = '0.125,'.repeat(20);
  for (const bad of ['01', '1.', '.5', '-', '1e', '+1', 'NaN', '0x1', '1 2', ',1', '1,']) {
    const bytes = utf8(`[${many}${bad}]${' '.repeat(40)}`);
    const scanner = new JsonScanner(bytes);
    assert.throws(() => scanner.readFloat32Array(new Float32Buffer()), JsonError, bad);
    assert.equal(nativeParse(`[${many}${bad}]`), null);
  }
});

test('a number that does not fit is refused, not read as infinite', () => {
  for (const text of ['1e39', '-3.4028236e38', '1e400', '-1e999999', `1${'0'.repeat(400)}`]) {
    for (const list of [`[${text}]`, `[0.5,${text},0.5]`, `[${'0.5,'.repeat(30)}${text}]`]) {
      const scanner = new JsonScanner(utf8(list));
      const read = (): number => scanner.readFloat32Array(new Float32Buffer());
      assert.throws(read, /number out of range/, list);
    }
  }
  for (const text of ['1e400', '-1e999999']) {
    assert.throws(() => new JsonScanner(utf8(text)).readFloat64(), /number out of range/);
  }
});

test('typed pulling reads what is asked for and passes over the rest', () => {
  const text =
    ' { "id" : 18446744073709551615 , "skip" : [{"a":[]}, "x\\n"], "v":[1, 2.5,-3e-1 ],"n":null, "ok":true}';
  const bytes = utf8(text);
  const scanner = new JsonScanner(bytes);
  const seen: unknown[] = [];
  scanner.beginObject();
  for (let key = scanner.nextKey(); key !== null; key = scanner.nextKey()) {
    if (key === 'id') seen.push(scanner.readUint64());
    else if (key === 'ok') seen.push(scanner.readBoolean());
    else if (key === 'n') seen.push(scanner.tryNull());
    else if (key === 'v') {
      assert.equal(scanner.peekElementKind(), 'number');
      const out = new Float32Buffer(1);
      scanner.readFloat32Array(out);
      seen.push(out.slice());
    } else {
      const start = scanner.skipValue();
      seen.push(text.slice(start, scanner.at));
    }
  }
  scanner.finish();
  const floats = Float32Array.of(1, 2.5, -0.3);
  assert.deepEqual(seen, [2n ** 64n - 1n, '[{"a":[]}, "x\\n"]', floats, true, true]);
});

test('a span inside a larger text is a document of its own', () => {
  const bytes = utf8('xx[1,2]yy');
  assert.deepEqual(parseJson(bytes, { start: 2, end: 7 }), [1, 2]);
  assert.throws(() => parseJson(bytes, { start: 2, end: 6 }), /EOF while parsing a list/);
});

const jsonValue = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<JsonValue>(null, true, false),
    fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
    fc.maxSafeInteger().map((n) => (n === 0 ? 0 : n)),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => new JsonFloat(value)),
    fc.array(tie('value')),
    fc.array(fc.tuple(fc.string(), tie('value'))).map((entries) => new Map(entries)),
  ),
})).value;

test('what is written reads back exactly, and writes again to the same bytes', () => {
  fc.assert(
    fc.property(jsonValue, (value) => {
      const bytes = jsonBytes(value);
      const again = parseJson(bytes);
      assert.deepEqual(again, value);
      assert.deepEqual(jsonBytes(again), bytes);
      assert.deepEqual(JSON.parse(Buffer.from(bytes).toString()), plain(value));
    }),
    { numRuns: 300 },
  );
});

test('strings are escaped as little as possible', () => {
  const out = new ByteWriter();
  writeJsonString('a"\\/\b\f\n\r\t\u0000\u001f\u007fé😀', out);
  const text = Buffer.from(out.view()).toString();
  assert.equal(text, '"a\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007fé😀"');
});
