// One pass over UTF-8 JSON text (RFC 8259, nothing more lenient). Typed decoders pull values out of
// it in the order of the text, so no tree is built for what a request merely carries through:
// floats go straight into a `Float32Array`, a payload stays a span of bytes.
// Every pull method skips white space before what it reads and stops right behind it. After a
// thrown `JsonError` the scanner must not be used again. Nesting is bounded, so recursion is safe.
//
//   scanner.beginObject();
//   for (let key = scanner.nextKey(); key !== null; key = scanner.nextKey()) {
//     if (key === 'id') id = scanner.readNumber();
//     else scanner.skipValue();
//   }
//   scanner.finish();

import { assert } from './assert.ts';
import { JsonError } from './json-error.ts';
import { scanFloatRun } from './json-float-run.ts';
import {
  NumberScan,
  scanNumber,
  scannedFloat32,
  scannedFloat64,
  scannedNumber,
} from './json-number.ts';
import { plainBytes, StringScan, scanString, stringText } from './json-string.ts';
import { JsonFloat, type JsonObject, type JsonValue } from './json-value.ts';
import type { Float32Buffer, Uint32Buffer } from './number-buffer.ts';
import { formatFloat64 } from './number-format.ts';

export type JsonKind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

export interface JsonScannerOptions {
  /** The document is `bytes[start, end)`. */
  readonly start?: number;
  readonly end?: number;
  /** Arrays and objects that may be open at once. */
  readonly depthMax?: number;
}

/** What a request may nest: the reference refuses the 128th level. */
export const requestDepthMax = 127;
/** What stored text may nest: requests merged under a path go deeper than one request can. */
export const storedDepthMax = 512;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const arrayOpen = 0x5b;
const arrayClose = 0x5d;
const objectOpen = 0x7b;
const objectClose = 0x7d;
const digitZero = 0x30;
const minus = 0x2d;

/**
 * Field names repeat from point to point: the last ones seen are found by hash, without decoding.
 */
const keyCache: string[] = Array.from({ length: 1024 }, () => '');
const cachedKeyBytesMax = 32;

export class JsonScanner {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly depthMax: number;
  /** Offset of the next byte to look at. */
  at: number;
  #depth = 0;
  /** No element or key has been read yet in the innermost open container. */
  #isFirst = true;
  readonly #number = new NumberScan();
  readonly #string = new StringScan();

  constructor(bytes: Uint8Array, options: JsonScannerOptions = {}) {
    this.bytes = bytes;
    this.start = options.start ?? 0;
    this.end = options.end ?? bytes.length;
    this.depthMax = options.depthMax ?? requestDepthMax;
    this.at = this.start;
    assert(this.start <= this.end, () => `document from ${this.start} to ${this.end}`);
    assert(this.end <= bytes.length, () => `document to ${this.end} of ${bytes.length} bytes`);
  }

  /** Throws with the place up to which bytes count as consumed: everything read so far. */
  fail(reason: string, consumed = this.at): never {
    throw new JsonError(reason, this.bytes, Math.min(consumed, this.end), this.start);
  }

  /** Throws `atEnd` if the text ended at `at`, else `reason`, pointing at the byte there. */
  #failAt(at: number, reason: string, atEnd: string): never {
    return at >= this.end ? this.fail(atEnd, this.end) : this.fail(reason, at + 1);
  }

  /** Skips white space and returns the byte there, −1 at the end. */
  #peek(): number {
    const bytes = this.bytes;
    const end = this.end;
    let at = this.at;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.at = at;
        return byte;
      }
      at += 1;
    }
    this.at = at;
    return -1;
  }

  /** The kind of the next value, by its first byte; nothing is consumed but white space. */
  peekKind(): JsonKind {
    const byte = this.#peek();
    switch (byte) {
      case quote:
        return 'string';
      case objectOpen:
        return 'object';
      case arrayOpen:
        return 'array';
      case 0x6e:
        return 'null';
      case 0x74:
      case 0x66:
        return 'boolean';
      default:
        if (byte === minus || (byte >= digitZero && byte <= 0x39)) return 'number';
        return this.#failAt(this.at, 'expected value', 'EOF while parsing a value');
    }
  }

  /** The kind of the first element of the array that comes next, `null` if it is empty. */
  peekElementKind(): JsonKind | null {
    const before = this.at;
    if (this.#peek() !== arrayOpen) return null;
    this.at += 1;
    const kind = this.#peek() === arrayClose ? null : this.peekKind();
    this.at = before;
    return kind;
  }

  /** Nothing but white space may follow the document. */
  finish(): void {
    if (this.#peek() !== -1) this.fail('trailing characters', this.at + 1);
  }

  #open(): void {
    if (this.#depth >= this.depthMax) this.fail('recursion limit exceeded', this.at + 1);
    this.#depth += 1;
    this.#isFirst = true;
    this.at += 1;
  }

  #close(): void {
    this.#depth -= 1;
    this.#isFirst = false;
    this.at += 1;
  }

  /** Consumes `{`; then call `nextKey` until it returns `null`. */
  beginObject(expected = 'a map'): void {
    if (this.#peek() !== objectOpen) this.invalidType(expected);
    this.#open();
  }

  /** Consumes `[`; then call `nextElement` until it returns false. */
  beginArray(expected = 'a sequence'): void {
    if (this.#peek() !== arrayOpen) this.invalidType(expected);
    this.#open();
  }

  /** Moves to the next element; at the end consumes `]` and returns false. */
  nextElement(): boolean {
    let byte = this.#peek();
    if (byte === arrayClose) {
      this.#close();
      return false;
    }
    if (this.#isFirst) {
      if (byte === -1) this.fail('EOF while parsing a list');
      this.#isFirst = false;
      return true;
    }
    if (byte !== comma) {
      this.#failAt(this.at, 'expected `,` or `]`', 'EOF while parsing a list');
    }
    this.at += 1;
    byte = this.#peek();
    if (byte === arrayClose) this.fail('trailing comma', this.at + 1);
    return true;
  }

  /** Reads the next key and its colon; at the end consumes `}` and returns `null`. */
  nextKey(): string | null {
    if (!this.#toKey()) return null;
    const key = this.#cachedKey();
    this.#expectColon();
    return key;
  }

  /** As `nextKey`, without making a string of the key. */
  skipKey(): boolean {
    if (!this.#toKey()) return false;
    this.at += 1;
    this.#scanString();
    this.#expectColon();
    return true;
  }

  /** Stops at the opening quote of the next key, or consumes `}` and returns false. */
  #toKey(): boolean {
    let byte = this.#peek();
    if (byte === objectClose) {
      this.#close();
      return false;
    }
    if (!this.#isFirst) {
      if (byte !== comma) {
        this.#failAt(this.at, 'expected `,` or `}`', 'EOF while parsing an object');
      }
      this.at += 1;
      byte = this.#peek();
      if (byte === objectClose) this.fail('trailing comma', this.at + 1);
      if (byte === -1) this.fail('EOF while parsing a value');
    }
    if (byte !== quote) {
      this.#failAt(this.at, 'key must be a string', 'EOF while parsing an object');
    }
    this.#isFirst = false;
    return true;
  }

  #expectColon(): void {
    if (this.#peek() !== colon) {
      this.#failAt(this.at, 'expected `:`', 'EOF while parsing an object');
    }
    this.at += 1;
  }

  /** Reads the string at the opening quote, through the cache if it is short plain ASCII. */
  #cachedKey(): string {
    const bytes = this.bytes;
    const start = this.at + 1;
    const stop = Math.min(this.end, start + cachedKeyBytesMax);
    let hash = 0;
    let at = start;
    for (; at < stop; at += 1) {
      const byte = bytes[at] as number;
      if (plainBytes[byte] === 0) break;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (at >= stop || bytes[at] !== quote) return this.#quotedText();
    const slot = (hash ^ (hash >>> 10)) & 1023;
    const cached = keyCache[slot] as string;
    this.at = at + 1;
    if (equalsAscii(cached, bytes, start, at)) return cached;
    const key = stringText(bytes, start, at, false);
    keyCache[slot] = key;
    return key;
  }

  /** Checks the string whose text starts at `at`, and stops behind its closing quote. */
  #scanString(): void {
    scanString(this.bytes, this.at, this.end, this.#string);
    this.at = this.#string.end + 1;
  }

  /** Reads the string at the opening quote. */
  #quotedText(): string {
    this.at += 1;
    const start = this.at;
    this.#scanString();
    return stringText(this.bytes, start, this.#string.end, this.#string.escaped);
  }

  readString(expected = 'a string'): string {
    if (this.#peek() !== quote) this.invalidType(expected);
    return this.#quotedText();
  }

  readBoolean(expected = 'a boolean'): boolean {
    const byte = this.#peek();
    if (byte !== 0x74 && byte !== 0x66) this.invalidType(expected);
    this.#word(byte === 0x74 ? 'true' : 'false');
    return byte === 0x74;
  }

  /** Consumes `null` if it comes next. */
  tryNull(): boolean {
    if (this.#peek() !== 0x6e) return false;
    this.#word('null');
    return true;
  }

  #word(word: string): void {
    for (let index = 0; index < word.length; index += 1) {
      const at = this.at + index;
      if (at < this.end && this.bytes[at] === word.charCodeAt(index)) continue;
      this.#failAt(at, 'expected ident', 'EOF while parsing a value');
    }
    this.at += word.length;
  }

  /** Scans the number that starts at `at` (no white space), and stops behind it. */
  #scanNumber(): void {
    const ok = scanNumber(this.bytes, this.at, this.end, this.#number);
    if (!ok) this.#failAt(this.#number.end, 'invalid number', 'EOF while parsing a value');
    this.at = this.#number.end;
  }

  #isNumberNext(): boolean {
    const byte = this.#peek();
    return byte === minus || (byte >= digitZero && byte <= 0x39);
  }

  /** The exact number. One beyond the range of doubles fails. */
  readNumber(expected = 'a number'): number | bigint | JsonFloat {
    if (!this.#isNumberNext()) this.invalidType(expected);
    return this.#exactNumber();
  }

  #exactNumber(): number | bigint | JsonFloat {
    const start = this.at;
    this.#scanNumber();
    const value = scannedNumber(this.#number, this.bytes, start);
    if (value instanceof JsonFloat && !Number.isFinite(value.value)) {
      this.fail('number out of range');
    }
    return value;
  }

  /** Any number as a double. One beyond the range fails. */
  readFloat64(expected = 'f64'): number {
    if (!this.#isNumberNext()) this.invalidType(expected);
    const start = this.at;
    this.#scanNumber();
    const value = scannedFloat64(this.#number, this.bytes, start);
    if (!Number.isFinite(value)) this.fail('number out of range');
    return value;
  }

  /** An integer in `min` … `max` (both safe integers), written without fraction or exponent. */
  readInteger(min: number, max: number, expected: string): number {
    const value = this.#integer(expected);
    if (typeof value === 'number' && value >= min && value <= max) return value;
    return this.fail(`invalid value: integer \`${value}\`, expected ${expected}`);
  }

  /** An integer 0 … 2^64 − 1: a `number` up to 2^53 − 1, a `bigint` beyond. */
  readUint64(expected = 'u64'): number | bigint {
    const value = this.#integer(expected);
    if (value >= 0) return value;
    return this.fail(`invalid value: integer \`${value}\`, expected ${expected}`);
  }

  #integer(expected: string): number | bigint {
    if (!this.#isNumberNext()) this.invalidType(expected);
    const value = this.#exactNumber();
    if (!(value instanceof JsonFloat)) return value;
    const text = formatFloat64(value.value);
    return this.fail(`invalid type: floating point \`${text}\`, expected ${expected}`);
  }

  /**
   * Appends the numbers of an array, rounded to f32, and returns how many there were. One that
   * would become infinite fails: it would spoil every distance it takes part in.
   */
  readFloat32Array(out: Float32Buffer, expected = 'f32'): number {
    this.beginArray();
    const bytes = this.bytes;
    const scan = this.#number;
    const before = out.length;
    while (this.nextElement()) {
      const runEnd = scanFloatRun(bytes, this.at, this.end, out);
      if (runEnd !== this.at) {
        this.at = runEnd;
        if (this.#peek() === arrayClose) this.fail('trailing comma', this.at + 1);
      }
      const start = this.at;
      if (!scanNumber(bytes, start, this.end, scan)) {
        if (!this.#isNumberNext()) this.invalidType(expected);
        this.#failAt(scan.end, 'invalid number', 'EOF while parsing a value');
      }
      this.at = scan.end;
      const value = scannedFloat32(scan, bytes, start);
      if (!Number.isFinite(Math.fround(value))) this.fail('number out of range');
      out.push(value);
    }
    return out.length - before;
  }

  /** Appends the integers 0 … 2^32 − 1 of an array and returns how many there were. */
  readUint32Array(out: Uint32Buffer, expected = 'u32'): number {
    this.beginArray();
    const before = out.length;
    while (this.nextElement()) out.push(this.readInteger(0, 0xffffffff, expected));
    return out.length - before;
  }

  /** Checks the next value and passes over it; returns where it starts. It ends at `at`. */
  skipValue(): number {
    const byte = this.#peek();
    const start = this.at;
    switch (byte) {
      case quote:
        this.at += 1;
        this.#scanString();
        break;
      case objectOpen:
        this.#open();
        while (this.skipKey()) this.skipValue();
        break;
      case arrayOpen:
        this.#open();
        while (this.nextElement()) this.skipValue();
        break;
      default:
        this.#skipScalar();
    }
    return start;
  }

  #skipScalar(): void {
    const kind = this.peekKind();
    if (kind === 'number') this.#scanNumber();
    else if (kind === 'null') this.#word('null');
    else this.readBoolean();
  }

  /** The next value as an exact tree. Of equal keys the last value counts, at the first's place. */
  readValue(): JsonValue {
    const kind = this.peekKind();
    switch (kind) {
      case 'string':
        return this.#quotedText();
      case 'number':
        return this.#exactNumber();
      case 'boolean':
        return this.readBoolean();
      case 'null':
        this.#word('null');
        return null;
      case 'object':
        return this.readObject();
      case 'array': {
        this.#open();
        const elements: JsonValue[] = [];
        while (this.nextElement()) elements.push(this.readValue());
        return elements;
      }
    }
  }

  readObject(expected = 'a map'): JsonObject {
    this.beginObject(expected);
    const object = new Map<string, JsonValue>();
    for (let key = this.nextKey(); key !== null; key = this.nextKey()) {
      object.set(key, this.readValue());
    }
    return object;
  }

  /** Fails because the next value has the wrong type; malformed text fails as such first. */
  invalidType(expected: string): never {
    const kind = this.peekKind();
    const found = this.#describeNext(kind);
    return this.fail(`invalid type: ${found}, expected ${expected}`);
  }

  /** Consumes scalars, so that the reported place is behind them. */
  #describeNext(kind: JsonKind): string {
    switch (kind) {
      case 'object':
        return 'map';
      case 'array':
        return 'sequence';
      case 'string':
        return `string ${JSON.stringify(this.#quotedText())}`;
      case 'boolean':
        return `boolean \`${this.readBoolean()}\``;
      case 'null':
        this.#word('null');
        return 'null';
      case 'number':
        return describeNumber(this.#exactNumber());
    }
  }
}

function describeNumber(value: number | bigint | JsonFloat): string {
  if (!(value instanceof JsonFloat)) return `integer \`${value}\``;
  return `floating point \`${formatFloat64(value.value)}\``;
}

function equalsAscii(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}

/** The exact tree of a whole document. */
export function parseJson(bytes: Uint8Array, options: JsonScannerOptions = {}): JsonValue {
  const scanner = new JsonScanner(bytes, options);
  const value = scanner.readValue();
  scanner.finish();
  return value;
}
