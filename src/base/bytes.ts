// Readers and writers of the binary formats: little endian, growing on write, bounds-checked on
// read. A writer never fails; a reader throws `CorruptBytesError` and never reads past its end, so
// bytes from a disk or a peer can be decoded without a check at each call site.

import { assert } from './assert.ts';
import { decodeUtf8, utf8Length, writeCodePoint, writeUtf8 } from './utf8.ts';

const twoPow32 = 2 ** 32;
const shortSpanBytes = 48;
const wordProbe = new Uint8Array(new Uint32Array([1]).buffer);
assert(wordProbe[0] === 1, 'Octant maps columns of numbers as they lie: little endian only');

/** Bytes that cannot be what they claim to be: cut, flipped or of another format. */
export class CorruptBytesError extends Error {
  override readonly name = 'CorruptBytesError';
  /** Where in the reader's bytes the fault was seen. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.offset = offset;
  }
}

export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #at = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far; also the offset of the next write. */
  get length(): number {
    return this.#at;
  }

  /** Forgets what was written and keeps the buffer: earlier `view()`s become invalid. */
  reset(): void {
    this.#at = 0;
  }

  /** A copy that stays valid. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at);
  }

  /** The bytes in place: valid until the next write or `reset`. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Makes room for `count` bytes and returns the offset where they go. */
  #claim(count: number): number {
    const at = this.#at;
    const end = at + count;
    if (end > this.#bytes.length) this.#grow(end);
    this.#at = end;
    return at;
  }

  #grow(bytesMin: number): void {
    const grown = new Uint8Array(Math.max(bytesMin, this.#bytes.length * 2, 64));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    const at = this.#claim(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#claim(2);
    this.#view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#claim(4);
    this.#view.setUint32(at, value, true);
  }

  i32(value: number): void {
    this.u32(value);
  }

  /** A `number` must be a safe integer ≥ 0; a `bigint` is taken modulo 2^64. */
  u64(value: number | bigint): void {
    const at = this.#claim(8);
    if (typeof value === 'bigint') {
      this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
      return;
    }
    assert(Number.isSafeInteger(value) && value >= 0, () => `not an unsigned integer: ${value}`);
    this.#view.setUint32(at, value % twoPow32, true);
    this.#view.setUint32(at + 4, Math.floor(value / twoPow32), true);
  }

  i64(value: number | bigint): void {
    this.u64(BigInt(value));
  }

  f32(value: number): void {
    const at = this.#claim(4);
    this.#view.setFloat32(at, value, true);
  }

  f64(value: number): void {
    const at = this.#claim(8);
    this.#view.setFloat64(at, value, true);
  }

  /** LEB128 of a safe integer ≥ 0: 1 byte below 128, at most 8. */
  varuint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, () => `not an unsigned integer: ${value}`);
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  /** Raw bytes without a length. */
  bytes(source: Uint8Array): void {
    const at = this.#claim(source.length);
    this.#bytes.set(source, at);
  }

  /** `source[start, end)` without a length; short spans are copied without making a view. */
  span(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    const at = this.#claim(count);
    if (count > shortSpanBytes) {
      this.#bytes.set(source.subarray(start, end), at);
      return;
    }
    const bytes = this.#bytes;
    for (let index = 0; index < count; index += 1) {
      bytes[at + index] = source[start + index] as number;
    }
  }

  /** UTF-8 without a length. */
  text(text: string): void {
    const length = text.length;
    if (length > shortSpanBytes) {
      const at = this.#claim(length * 3);
      this.#at = writeUtf8(text, this.#bytes, at);
      return;
    }
    const at = this.#claim(length * 3);
    const bytes = this.#bytes;
    for (let index = 0; index < length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) {
        this.#at = writeUtf8(text, bytes, at);
        return;
      }
      bytes[at + index] = unit;
    }
    this.#at = at + length;
  }

  /** One code point, which is no surrogate, as UTF-8. */
  codePoint(codePoint: number): void {
    const at = this.#claim(4);
    this.#at = writeCodePoint(codePoint, this.#bytes, at);
  }

  /** Takes back everything written from `at` on. */
  rewind(at: number): void {
    assert(at <= this.#at, () => `rewind to ${at} of ${this.#at} bytes`);
    this.#at = at;
  }

  /** A varuint length, then the bytes. */
  lengthPrefixed(source: Uint8Array): void {
    this.varuint(source.length);
    this.bytes(source);
  }

  /** A varuint length in bytes, then UTF-8. */
  utf8(text: string): void {
    const length = utf8Length(text);
    this.varuint(length);
    const at = this.#claim(length);
    writeUtf8(text, this.#bytes, at);
  }

  /** Zero bytes until the offset is a multiple of `alignment`. */
  align(alignment: number): void {
    const rest = this.#at % alignment;
    if (rest === 0) return;
    const at = this.#claim(alignment - rest);
    this.#bytes.fill(0, at, this.#at);
  }

  /** The numbers as they lie in memory, aligned to 4 bytes from the start of the buffer. */
  f32Column(values: Float32Array): void {
    this.align(4);
    this.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** The numbers as they lie in memory, aligned to 4 bytes from the start of the buffer. */
  u32Column(values: Uint32Array): void {
    this.align(4);
    this.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** Overwrites four bytes written earlier: for lengths and checksums known only afterwards. */
  patchU32(at: number, value: number): void {
    assert(at + 4 <= this.#at, () => `patch at ${at} beyond the ${this.#at} bytes written`);
    this.#view.setUint32(at, value, true);
  }
}

export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Offset of the next read. */
  get at(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  #take(count: number): number {
    const at = this.#at;
    // The comparison is this way round so that a NaN or a huge count cannot pass it.
    if (!(count <= this.bytes.length - at)) {
      throw new CorruptBytesError(`${count} bytes wanted, ${this.bytes.length - at} left`, at);
    }
    this.#at = at + count;
    return at;
  }

  skip(count: number): void {
    this.#take(count);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** An unsigned 64-bit integer of any size. */
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }

  /** An unsigned 64-bit integer that must be at most 2^53 − 1, as counts and offsets are. */
  u64Number(): number {
    const at = this.#take(8);
    const high = this.#view.getUint32(at + 4, true);
    if (high >= 2 ** 21) throw new CorruptBytesError('integer beyond 2^53', at);
    return high * twoPow32 + this.#view.getUint32(at, true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  varuint(): number {
    const start = this.#at;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count += 1) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new CorruptBytesError('varuint beyond 2^53', start);
  }

  /** A view of the next `count` bytes, not a copy. */
  view(count: number): Uint8Array {
    const at = this.#take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** A view of bytes written by `lengthPrefixed`. */
  lengthPrefixed(): Uint8Array {
    return this.view(this.varuint());
  }

  utf8(): string {
    const count = this.varuint();
    const at = this.#take(count);
    const text = decodeUtf8(this.bytes, at, at + count);
    if (text === null) throw new CorruptBytesError('invalid UTF-8', at);
    return text;
  }

  align(alignment: number): void {
    const rest = this.#at % alignment;
    if (rest !== 0) this.#take(alignment - rest);
  }

  /** A view of `count` numbers where memory is aligned, a copy where it is not. */
  f32Column(count: number): Float32Array {
    const start = this.#column(count);
    const offset = this.bytes.byteOffset + start;
    if (offset % 4 === 0) return new Float32Array(this.bytes.buffer, offset, count);
    return new Float32Array(this.bytes.slice(start, start + count * 4).buffer);
  }

  u32Column(count: number): Uint32Array {
    const start = this.#column(count);
    const offset = this.bytes.byteOffset + start;
    if (offset % 4 === 0) return new Uint32Array(this.bytes.buffer, offset, count);
    return new Uint32Array(this.bytes.slice(start, start + count * 4).buffer);
  }

  #column(count: number): number {
    this.align(4);
    return this.#take(count * 4);
  }

  /** Fails unless every byte has been read. */
  finish(): void {
    if (this.remaining === 0) return;
    throw new CorruptBytesError(`${this.remaining} bytes too many`, this.#at);
  }
}
