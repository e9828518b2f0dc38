import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter, CorruptBytesError } from './bytes.ts';

test('every kind of value reads back', () => {
  const out = new ByteWriter(1);
  out.u8(200);
  out.u16(65_535);
  out.u32(4_294_967_295);
  out.i32(-5);
  out.u64(2n ** 64n - 1n);
  out.u64(Number.MAX_SAFE_INTEGER);
  out.i64(-1);
  out.f32(1.5);
  out.f64(Math.PI);
  out.varuint(0);
  out.varuint(Number.MAX_SAFE_INTEGER);
  out.utf8('grün 😀');
  out.lengthPrefixed(Uint8Array.of(1, 2, 3));
  out.f32Column(Float32Array.of(0.5, -2));
  out.u8(1);
  out.u32Column(Uint32Array.of(7));
  const reader = new ByteReader(out.toBytes());
  assert.equal(reader.u8(), 200);
  assert.equal(reader.u16(), 65_535);
  assert.equal(reader.u32(), 4_294_967_295);
  assert.equal(reader.i32(), -5);
  assert.equal(reader.u64(), 2n ** 64n - 1n);
  assert.equal(reader.u64Number(), Number.MAX_SAFE_INTEGER);
  assert.equal(reader.i64(), -1n);
  assert.equal(reader.f32(), 1.5);
  assert.equal(reader.f64(), Math.PI);
  assert.equal(reader.varuint(), 0);
  assert.equal(reader.varuint(), Number.MAX_SAFE_INTEGER);
  assert.equal(reader.utf8(), 'grün 😀');
  assert.deepEqual([...reader.lengthPrefixed()], [1, 2, 3]);
  assert.deepEqual([...reader.f32Column(2)], [0.5, -2]);
  assert.equal(reader.u8(), 1);
  assert.deepEqual([...reader.u32Column(1)], [7]);
  reader.finish();
});

test('numbers are little endian, as any other program would write them', () => {
  const out = new ByteWriter();
  out.u64(0x0102030405060708n);
  assert.deepEqual([...out.view()], [8, 7, 6, 5, 4, 3, 2, 1]);
});

test('columns read from unaligned memory are copies with the same numbers', () => {
  const out = new ByteWriter();
  out.f32Column(Float32Array.of(1, 2, 3));
  const shifted = new Uint8Array(out.length + 1);
  shifted.set(out.view(), 1);
  assert.deepEqual([...new ByteReader(shifted.subarray(1)).f32Column(3)], [1, 2, 3]);
});

test('varuints and strings read back', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.string({ unit: 'grapheme', maxLength: 200 }), (n, text) => {
      const out = new ByteWriter(0);
      out.varuint(n);
      out.utf8(text);
      out.text(text);
      const reader = new ByteReader(out.view());
      assert.equal(reader.varuint(), n);
      assert.equal(reader.utf8(), text);
      assert.deepEqual(Buffer.from(reader.view(reader.remaining)), Buffer.from(text));
    }),
  );
});

test('reading past the end, bad UTF-8 and too long varuints are corrupt bytes', () => {
  const faults: [number[], (reader: ByteReader) => void][] = [
    [[1, 2, 3], (reader) => reader.u32()],
    [[5, 0x61], (reader) => reader.utf8()],
    [[1, 0xff], (reader) => reader.utf8()],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], (reader) => reader.varuint()],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], (reader) => reader.varuint()],
    [[1, 2, 3, 4], (reader) => reader.f32Column(2 ** 40)],
    [[1], (reader) => reader.finish()],
    [[0, 0, 0, 0, 0, 0, 0x20, 0], (reader) => reader.u64Number()],
  ];
  for (const [bytes, read] of faults) {
    assert.throws(() => read(new ByteReader(Uint8Array.from(bytes))), CorruptBytesError);
  }
});

test('patching, aligning and rewinding touch only what they name', () => {
  const out = new ByteWriter(4);
  out.u32(0);
  out.u8(9);
  out.align(8);
  out.patchU32(0, 77);
  out.u8(1);
  out.rewind(8);
  assert.deepEqual([...out.view()], [77, 0, 0, 0, 9, 0, 0, 0]);
});
