// Answers as JSON bytes in one growing buffer: ASCII text is copied byte by byte, stored payload
// text is spliced in as it lies, f32 values are printed as their shortest decimal. The buffer of a
// writer is reused from answer to answer, so what `finish` returns is a copy.

import {
  digitCount,
  float32ArrayBytesMax,
  float32BytesMax,
  writeDigits,
  writeFloat32,
  writeFloat32Array,
} from '../../base/number-format.ts';
import type { PointId } from '../../model/point-id.ts';

export class JsonWriter {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024);
  #at = 0;

  reset(): void {
    this.#at = 0;
    // One huge answer must not pin its memory for the rest of the thread's life.
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafeSlow(64 * 1024);
  }

  /** The bytes written so far, as a copy that the socket may keep. */
  finish(): Buffer {
    const copy = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(copy, 0, 0, this.#at);
    return copy;
  }

  /** The number of bytes written so far. */
  get length(): number {
    return this.#at;
  }

  /** As `finish`, each byte as one character. */
  finishLatin1(): string {
    return this.#bytes.toString('latin1', 0, this.#at);
  }

  #reserve(count: number): void {
    const wanted = this.#at + count;
    if (wanted <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }

  /** Text that is known to be ASCII: punctuation, member names, digits. */
  raw(text: string): void {
    const length = text.length;
    this.#reserve(length);
    const bytes = this.#bytes;
    let at = this.#at;
    if (length > 48) {
      this.#at += bytes.write(text, at, length, 'latin1');
      return;
    }
    for (let index = 0; index < length; index += 1) bytes[at++] = text.charCodeAt(index);
    this.#at = at;
  }

  /** JSON text that is complete in itself, such as a stored payload. */
  bytes(text: Uint8Array): void {
    this.#reserve(text.length);
    this.#bytes.set(text, this.#at);
    this.#at += text.length;
  }

  /** JSON text as a string that may hold any character. */
  json(text: string): void {
    const bound = text.length * 3;
    this.#reserve(bound);
    this.#at += this.#bytes.write(text, this.#at, bound, 'utf8');
  }

  /** A string value, quoted and escaped. */
  string(text: string): void {
    this.json(JSON.stringify(text));
  }

  /** A safe integer. */
  integer(value: number): void {
    if (value < 0 || value > integerQuickMax) {
      this.raw(String(value));
      return;
    }
    this.#reserve(10);
    const end = this.#at + digitCount(value);
    writeDigits(value, this.#bytes, end, 0);
    this.#at = end;
  }

  id(id: PointId): void {
    if (typeof id === 'number') this.integer(id);
    else if (typeof id === 'bigint') this.raw(id.toString());
    else {
      this.raw('"');
      this.raw(id);
      this.raw('"');
    }
  }

  f32(value: number): void {
    this.#reserve(float32BytesMax);
    this.#at = writeFloat32(value, this.#bytes, this.#at);
  }

  f32List(values: Float32Array): void {
    this.#reserve(float32ArrayBytesMax(values.length));
    this.#at = writeFloat32Array(values, this.#bytes, this.#at);
  }

  /** `[…]` with `write` called for each element. */
  list<T>(values: Iterable<T>, write: (value: T) => void): void {
    this.raw('[');
    let first = true;
    for (const value of values) {
      if (!first) this.raw(',');
      first = false;
      write(value);
    }
    this.raw(']');
  }

  /** Any value that `JSON.stringify` prints as the API wants it: no f32, no 64-bit integer. */
  plain(value: unknown): void {
    this.json(JSON.stringify(value));
  }
}

const keptBytesMax = 8 * 1024 * 1024;
/** Up to here arithmetic on 32 bits prints an integer. */
const integerQuickMax = 999_999_999;
