// JSON strings as bytes: finding the end of one while checking it (RFC 8259, section 7), and
// turning its escapes into UTF-8. Failures are thrown as `JsonError`; the caller's bytes are never
// changed.

import { JsonError } from './json-error.ts';
import { decodeUtf8, utf8SequenceLength, writeCodePoint } from './utf8.ts';

const quote = 0x22;
const backslash = 0x5c;

/** 1 for the bytes that stand for themselves and are whole characters. */
export const plainBytes = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== quote && byte !== backslash ? 1 : 0,
);

/** What `scanString` saw; one object is reused. */
export class StringScan {
  /** At the closing quote. */
  end = 0;
  escaped = false;
}

/**
 * Checks the string whose first byte behind the opening quote is `start`. Everything before `end`
 * of `bytes` may be read.
 */
export function scanString(bytes: Uint8Array, start: number, end: number, out: StringScan): void {
  const isPlain = plainBytes;
  let at = start;
  out.escaped = false;
  while (at < end) {
    const byte = bytes[at] as number;
    if (isPlain[byte] === 1) {
      at += 1;
    } else if (byte === quote) {
      out.end = at;
      return;
    } else if (byte >= 0x80) {
      const length = utf8SequenceLength(bytes, at, end);
      if (length === 0) throw new JsonError('invalid unicode code point', bytes, at + 1);
      at += length;
    } else if (byte === backslash) {
      out.escaped = true;
      at = escapeEnd(bytes, at, end);
    } else {
      const reason = 'control character (\\u0000-\\u001F) found while parsing a string';
      throw new JsonError(reason, bytes, at + 1);
    }
  }
  throw new JsonError('EOF while parsing a string', bytes, end);
}

/** Behind the escape whose backslash is at `at`; a surrogate pair counts as one escape. */
function escapeEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) throw new JsonError('EOF while parsing a string', bytes, end);
  const letter = bytes[at + 1] as number;
  if (letter !== 0x75) {
    if (simpleEscape(letter) === 0) throw new JsonError('invalid escape', bytes, at + 2);
    return at + 2;
  }
  const unit = hexUnit(bytes, at + 2, end);
  const next = at + 6;
  if (unit < 0xd800 || unit > 0xdfff) return next;
  if (unit >= 0xdc00) throw new JsonError('lone leading surrogate in hex escape', bytes, next);
  if (bytes[next] !== backslash || bytes[next + 1] !== 0x75 || next + 1 >= end) {
    throw new JsonError('unexpected end of hex escape', bytes, Math.min(next + 1, end));
  }
  const low = hexUnit(bytes, next + 2, end);
  if (low < 0xdc00 || low > 0xdfff) {
    throw new JsonError('lone leading surrogate in hex escape', bytes, next + 6);
  }
  return next + 6;
}

/** The byte that a one-letter escape stands for; 0 if there is no such escape. */
function simpleEscape(letter: number): number {
  switch (letter) {
    case quote:
    case backslash:
    case 0x2f:
      return letter;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return 0;
  }
}

function hexUnit(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) throw new JsonError('EOF while parsing a string', bytes, end);
  let unit = 0;
  for (let index = at; index < at + 4; index += 1) {
    const digit = hexDigit(bytes[index] as number);
    if (digit < 0) throw new JsonError('invalid escape', bytes, at + 4);
    unit = unit * 16 + digit;
  }
  return unit;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** What `readEscape` read; one object is reused. */
export class EscapeScan {
  codePoint = 0;
  /** Behind the escape. */
  end = 0;
}

/** Reads the escape at `at`, which `scanString` has accepted. */
export function readEscape(bytes: Uint8Array, at: number, out: EscapeScan): void {
  const letter = bytes[at + 1] as number;
  if (letter !== 0x75) {
    out.codePoint = simpleEscape(letter);
    out.end = at + 2;
    return;
  }
  const unit = hexUnit(bytes, at + 2, bytes.length);
  out.codePoint = unit;
  out.end = at + 6;
  if (unit < 0xd800 || unit > 0xdbff) return;
  const low = hexUnit(bytes, at + 8, bytes.length);
  out.codePoint = 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00);
  out.end = at + 12;
}

/** The text of a string that `scanString` has accepted, between its quotes. */
export function stringText(
  bytes: Uint8Array,
  start: number,
  end: number,
  escaped: boolean,
): string {
  if (!escaped) return decodeUtf8(bytes, start, end) ?? '';
  // Unescaped text is never longer than its escapes: `\u0800` is six bytes and becomes three.
  const plain = new Uint8Array(end - start);
  const escape = new EscapeScan();
  let out = 0;
  let at = start;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte === backslash) {
      readEscape(bytes, at, escape);
      out = writeCodePoint(escape.codePoint, plain, out);
      at = escape.end;
    } else {
      plain[out] = byte;
      out += 1;
      at += 1;
    }
  }
  return decodeUtf8(plain, 0, out) ?? '';
}
