// UTF-8 without a library: strict validation (RFC 3629: no overlong forms, no surrogates, nothing
// beyond U+10FFFF), and short strings read and written without a call into C++, which costs more
// than the work itself. Reads also from memory shared between threads.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const asciiLoopBytesMax = 16;
const unitLoopLengthMax = 64;

/**
 * Length of the well-formed multi-byte sequence that starts at `at` with a byte ≥ 0x80; 0 if it is
 * malformed or cut by `end`. The table is Unicode's "Well-Formed UTF-8 Byte Sequences" (3-7).
 */
export function utf8SequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] as number;
  if (lead < 0xc2 || lead > 0xf4 || at + 1 >= end) return 0;
  const second = bytes[at + 1] as number;
  if (lead < 0xe0) return (second & 0xc0) === 0x80 ? 2 : 0;
  if (!maySecondFollow(lead, second)) return 0;
  const length = lead < 0xf0 ? 3 : 4;
  if (at + length > end || ((bytes[at + 2] as number) & 0xc0) !== 0x80) return 0;
  if (length === 4 && ((bytes[at + 3] as number) & 0xc0) !== 0x80) return 0;
  return length;
}

/** Keeps out overlong forms, surrogates and what lies beyond U+10FFFF. */
function maySecondFollow(lead: number, second: number): boolean {
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return second >= least && second <= most;
}

/** The string in `bytes[start, end)`, or `null` if it is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start <= asciiLoopBytesMax) {
    const text = shortAscii(bytes, start, end);
    if (text !== null) return text;
  }
  // TextDecoder refuses shared memory, and `slice` of a shared array is a copy that is not shared.
  const shared = !(bytes.buffer instanceof ArrayBuffer);
  try {
    return decoder.decode(shared ? bytes.slice(start, end) : bytes.subarray(start, end));
  } catch {
    return null;
  }
}

/** Four at a time, because each `+` makes a string; `null` when a byte is not ASCII. */
function shortAscii(bytes: Uint8Array, start: number, end: number): string | null {
  let text = '';
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    if ((a | b | c | d) >= 0x80) return null;
    text += String.fromCharCode(a, b, c, d);
  }
  for (; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte >= 0x80) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Bytes that `writeUtf8` will write. A lone surrogate counts as U+FFFD, 3 bytes. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    length += 1;
    if (unit < 0x800) continue;
    length += 1;
    if (unit < 0xd800 || unit > 0xdbff) continue;
    // A pair is two units and four bytes, so its low half adds nothing more.
    const low = text.charCodeAt(at + 1);
    if (low >= 0xdc00 && low <= 0xdfff) at += 1;
  }
  return length;
}

/** Writes `text` at `at` and returns the offset behind it; the caller has made room. */
export function writeUtf8(text: string, bytes: Uint8Array, at: number): number {
  if (text.length > unitLoopLengthMax) {
    return at + encoder.encodeInto(text, bytes.subarray(at)).written;
  }
  let out = at;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      bytes[out] = unit;
      out += 1;
      continue;
    }
    const codePoint = text.codePointAt(index) as number;
    if (codePoint > 0xffff) index += 1;
    const lone = codePoint >= 0xd800 && codePoint <= 0xdfff;
    out = writeCodePoint(lone ? 0xfffd : codePoint, bytes, out);
  }
  return out;
}

/** Writes one code point that is not a surrogate; returns the offset behind it. */
export function writeCodePoint(codePoint: number, bytes: Uint8Array, at: number): number {
  if (codePoint < 0x80) {
    bytes[at] = codePoint;
    return at + 1;
  }
  if (codePoint < 0x800) {
    bytes[at] = 0xc0 | (codePoint >> 6);
    bytes[at + 1] = 0x80 | (codePoint & 0x3f);
    return at + 2;
  }
  if (codePoint < 0x10000) {
    bytes[at] = 0xe0 | (codePoint >> 12);
    bytes[at + 1] = 0x80 | ((codePoint >> 6) & 0x3f);
    bytes[at + 2] = 0x80 | (codePoint & 0x3f);
    return at + 3;
  }
  bytes[at] = 0xf0 | (codePoint >> 18);
  bytes[at + 1] = 0x80 | ((codePoint >> 12) & 0x3f);
  bytes[at + 2] = 0x80 | ((codePoint >> 6) & 0x3f);
  bytes[at + 3] = 0x80 | (codePoint & 0x3f);
  return at + 4;
}
