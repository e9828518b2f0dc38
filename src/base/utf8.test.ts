import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, utf8Length, utf8SequenceLength, writeUtf8 } from './utf8.ts';

test('writes and measures as TextEncoder does, lone surrogates included', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 150 }),
    fc
      .array(fc.constantFrom('a', 'é', '€', '😀', '\ud800', '\udc00'))
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (value) => {
      const expected = new TextEncoder().encode(value);
      const bytes = new Uint8Array(value.length * 3);
      assert.equal(utf8Length(value), expected.length);
      assert.equal(writeUtf8(value, bytes, 0), expected.length);
      assert.deepEqual(bytes.subarray(0, expected.length), expected);
    }),
  );
});

test('accepts exactly what TextDecoder accepts', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const byte = fc.constantFrom(
    0x41,
    0x7f,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xe1,
    0xec,
    0xed,
    0xee,
    0xef,
    0xf0,
    0xf1,
    0xf3,
    0xf4,
    0xf5,
    0xff,
    0xbb,
  );
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 20 }), (list) => {
      const shared = new Uint8Array(new SharedArrayBuffer(list.length));
      shared.set(list);
      let expected: string | null = null;
      try {
        expected = decoder.decode(Uint8Array.from(list));
      } catch {
        expected = null;
      }
      assert.equal(decodeUtf8(shared, 0, list.length), expected);
      assert.equal(isValid(shared), expected !== null);
    }),
    { numRuns: 2000 },
  );
});

function isValid(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length) {
    const length = (bytes[at] as number) < 0x80 ? 1 : utf8SequenceLength(bytes, at, bytes.length);
    if (length === 0) return false;
    at += length;
  }
  return true;
}
