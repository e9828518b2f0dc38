// A payload at the edge: from a span of the request's body to canonical text, the form in which it
// is logged, stored, compared and sent back. Canonical means: compact, checked, integers over i64
// and u64 digit by digit, floats as their shortest text (`1e2` → `100.0`, `-0` → `-0.0`), strings
// in UTF-8 with as few escapes as possible, every key once (the last value at the first one's
// place).
//
// Ordinary text is copied in runs by `CanonicalCopy`. Whatever it does not know (a fault, a
// repeated or escaped key, very many keys, deep nesting) goes through the exact tree, which also
// finds the words for faults.

import { ByteWriter } from '../base/bytes.ts';
import { NumberScan, scanNumber, scannedNumber } from '../base/json-number.ts';
import { JsonScanner } from '../base/json-scanner.ts';
import { EscapeScan, plainBytes, readEscape, StringScan, scanString } from '../base/json-string.ts';
import { JsonFloat } from '../base/json-value.ts';
import { writeEscape, writeJson } from '../base/json-writer.ts';
import { formatFloat64 } from '../base/number-format.ts';

const quickDepthMax = 24;
const quickKeysMax = 32;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;

/** The canonical empty payload. */
export const emptyPayload: Uint8Array = new Uint8Array([0x7b, 0x7d]);

/** Reads the object that comes next in `scanner` and appends its canonical text to `out`. */
export function readPayload(scanner: JsonScanner, out: ByteWriter): void {
  if (scanner.peekKind() !== 'object') scanner.invalidType('a map');
  const before = out.length;
  quickCopy.begin(scanner, out);
  const end = quickCopy.value(scanner.at, 0);
  if (end >= 0) {
    quickCopy.flush(end);
    scanner.at = end;
    return;
  }
  out.rewind(before);
  writeJson(scanner.readObject(), out);
}

/** The canonical text of a document that must be one object. */
export function canonicalPayload(text: Uint8Array): Uint8Array<ArrayBuffer> {
  const scanner = new JsonScanner(text);
  const out = new ByteWriter(text.length + 16);
  readPayload(scanner, out);
  scanner.finish();
  return out.toBytes();
}

/**
 * Each method takes an offset and returns the one behind what it read; −1: not for the quick way.
 */
class CanonicalCopy {
  #bytes: Uint8Array = emptyPayload;
  #end = 0;
  #out = new ByteWriter(0);
  /** Input from here up to the current offset is canonical and not yet copied. */
  #runFrom = 0;
  readonly #number = new NumberScan();
  readonly #string = new StringScan();
  readonly #escape = new EscapeScan();
  readonly #keyHashes = new Int32Array(quickDepthMax * quickKeysMax);

  begin(scanner: JsonScanner, out: ByteWriter): void {
    this.#bytes = scanner.bytes;
    this.#end = scanner.end;
    this.#out = out;
    this.#runFrom = scanner.at;
  }

  /** Copies the pending run, up to `at`. */
  flush(at: number): void {
    if (at > this.#runFrom) this.#out.span(this.#bytes, this.#runFrom, at);
    this.#runFrom = at;
  }

  /** Leaves out white space at `at`. */
  #skipSpace(at: number): number {
    const bytes = this.#bytes;
    if (at >= this.#end || (bytes[at] as number) > 0x20) return at;
    let next = at;
    while (next < this.#end && isSpace(bytes[next] as number)) next += 1;
    if (next > at) {
      this.flush(at);
      this.#runFrom = next;
    }
    return next;
  }

  value(at: number, depth: number): number {
    switch (at < this.#end ? this.#bytes[at] : 0) {
      case quote:
        return this.#text(at);
      case 0x7b:
        return depth < quickDepthMax ? this.#object(at, depth) : -1;
      case 0x5b:
        return depth < quickDepthMax ? this.#array(at, depth) : -1;
      case 0x74:
        return this.#word(at, 'true');
      case 0x66:
        return this.#word(at, 'false');
      case 0x6e:
        return this.#word(at, 'null');
      default:
        return this.#numeric(at);
    }
  }

  #object(start: number, depth: number): number {
    const bytes = this.#bytes;
    const firstHash = depth * quickKeysMax;
    let at = this.#skipSpace(start + 1);
    if (at < this.#end && bytes[at] === 0x7d) return at + 1;
    for (let count = 0; count < quickKeysMax; count += 1) {
      at = this.#key(at, firstHash, count);
      if (at < 0) return -1;
      at = this.#skipSpace(at);
      if (at >= this.#end || bytes[at] !== colon) return -1;
      at = this.value(this.#skipSpace(at + 1), depth + 1);
      if (at < 0) return -1;
      at = this.#skipSpace(at);
      if (at >= this.#end) return -1;
      if (bytes[at] === 0x7d) return at + 1;
      if (bytes[at] !== comma) return -1;
      at = this.#skipSpace(at + 1);
    }
    return -1;
  }

  /** A key that is new in its object, as far as a hash can tell. */
  #key(at: number, firstHash: number, count: number): number {
    const bytes = this.#bytes;
    if (at >= this.#end || bytes[at] !== quote) return -1;
    const isPlain = plainBytes;
    let end = at + 1;
    let hash = 0;
    for (; end < this.#end; end += 1) {
      const byte = bytes[end] as number;
      if (isPlain[byte] === 0) break;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (end >= this.#end || bytes[end] !== quote) {
      scanString(bytes, end, this.#end, this.#string);
      if (this.#string.escaped) return -1;
      for (const stop = this.#string.end; end < stop; end += 1) {
        hash = (Math.imul(hash, 31) + (bytes[end] as number)) | 0;
      }
    }
    const hashes = this.#keyHashes;
    for (let index = firstHash; index < firstHash + count; index += 1) {
      if (hashes[index] === hash) return -1;
    }
    hashes[firstHash + count] = hash;
    return end + 1;
  }

  #array(start: number, depth: number): number {
    const bytes = this.#bytes;
    let at = this.#skipSpace(start + 1);
    if (at < this.#end && bytes[at] === 0x5d) return at + 1;
    for (;;) {
      at = this.value(at, depth + 1);
      if (at < 0) return -1;
      at = this.#skipSpace(at);
      if (at >= this.#end) return -1;
      if (bytes[at] === 0x5d) return at + 1;
      if (bytes[at] !== comma) return -1;
      at = this.#skipSpace(at + 1);
    }
  }

  #word(at: number, word: string): number {
    const end = at + word.length;
    if (end > this.#end) return -1;
    for (let index = 1; index < word.length; index += 1) {
      if (this.#bytes[at + index] !== word.charCodeAt(index)) return -1;
    }
    return end;
  }

  #text(at: number): number {
    const bytes = this.#bytes;
    scanString(bytes, at + 1, this.#end, this.#string);
    const end = this.#string.end;
    if (!this.#string.escaped) return end + 1;
    for (let next = at + 1; next < end; next += 1) {
      if (bytes[next] !== backslash) continue;
      const letter = bytes[next + 1];
      if (letter === 0x75 || letter === 0x2f) next = this.#rewriteEscape(next) - 1;
      else next += 1;
    }
    return end + 1;
  }

  /** Replaces `\/` and `\u…`, for which there is a shorter or plainer form. */
  #rewriteEscape(at: number): number {
    this.flush(at);
    const escape = this.#escape;
    readEscape(this.#bytes, at, escape);
    const { codePoint } = escape;
    if (codePoint < 0x20 || codePoint === quote || codePoint === backslash) {
      writeEscape(codePoint, this.#out);
    } else {
      this.#out.codePoint(codePoint);
    }
    this.#runFrom = escape.end;
    return escape.end;
  }

  #numeric(start: number): number {
    const scan = this.#number;
    if (!scanNumber(this.#bytes, start, this.#end, scan)) return -1;
    if (isCanonicalNumber(scan, this.#bytes)) return scan.end;
    const value = scannedNumber(scan, this.#bytes, start);
    if (!(value instanceof JsonFloat)) return scan.end;
    if (!Number.isFinite(value.value)) return -1;
    this.flush(start);
    this.#out.text(formatFloat64(value.value));
    this.#runFrom = scan.end;
    return scan.end;
  }
}

/** One per thread: between `begin` and the last `flush` nothing else runs. */
const quickCopy = new CanonicalCopy();

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * Whether the text is certainly the canonical one. Two decimals of at most 15 digits are never the
 * same double, so such a text without trailing zeros is the shortest of its double.
 */
function isCanonicalNumber(scan: NumberScan, bytes: Uint8Array): boolean {
  if (scan.truncated || scan.hasExponent) return false;
  if (!scan.fractional) return scan.significand !== 0 || !scan.negative;
  const last = scan.end - 1;
  if (bytes[last] === 0x30 && bytes[last - 1] !== 0x2e) return false;
  // Below 1e-5 an exponent is written instead; most numbers need no power of ten to see it.
  if (scan.significand === 0 || scan.exponent >= -5) return true;
  return scan.significand >= 10 ** (-5 - scan.exponent);
}
