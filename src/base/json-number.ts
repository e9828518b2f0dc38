// JSON numbers as text: one pass checks the grammar (RFC 8259, section 6) and collects up to 15
// significant digits; from those the value follows exactly without a string in nearly every case.
// Doubles are `Number(text)`, singles `Math.fround(Number(text))`, integers exact over i64 and u64.

import { JsonFloat } from './json-value.ts';
import { decodeUtf8 } from './utf8.ts';

/** 10^0 … 10^22 are exact in a double, so one multiplication or division rounds only once. */
const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const powerMax = 22;
const digitsMax = 15;
const exponentCap = 100_000;
const i64Min = -(2n ** 63n);
const u64Max = 2n ** 64n - 1n;

/**
 * One scanned number. Its value is ± `significand` × 10^`exponent`; when `truncated` it lies
 * between that and (`significand` + 1) × 10^`exponent`. One object is reused for many numbers.
 */
export class NumberScan {
  /** Behind the last byte; the offending byte when `scanNumber` returned false. */
  end = 0;
  negative = false;
  /** Written with a fraction or an exponent. */
  fractional = false;
  hasExponent = false;
  significand = 0;
  exponent = 0;
  truncated = false;
}

/**
 * Reads the number at `start`; false if there is none or it is malformed (`out.end` tells where).
 */
export function scanNumber(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: NumberScan,
): boolean {
  const negative = start < end && bytes[start] === 0x2d;
  const first = negative ? start + 1 : start;
  out.negative = negative;
  out.fractional = false;
  out.hasExponent = false;
  if (!scanWhole(bytes, first, end, out)) return false;
  if (out.end < end && bytes[out.end] === 0x2e) {
    const digitsTaken = out.significand === 0 ? 0 : out.end - first;
    if (!scanFraction(bytes, end, digitsMax - digitsTaken, out)) return false;
  }
  const isExponentNext = out.end < end && ((bytes[out.end] as number) | 0x20) === 0x65;
  return isExponentNext ? scanExponent(bytes, out.end + 1, end, out) : true;
}

/** The digits before the point: `0`, or as many as there are of which the first is no zero. */
function scanWhole(bytes: Uint8Array, start: number, end: number, out: NumberScan): boolean {
  let at = start;
  let byte = at < end ? (bytes[at] as number) : 0;
  if (!isDigit(byte)) return fault(out, at);
  let significand = byte - 0x30;
  let exact = at + 1;
  at += 1;
  if (significand === 0) {
    if (at < end && isDigit(bytes[at] as number)) return fault(out, at);
  } else {
    const exactEnd = Math.min(end, at + digitsMax - 1);
    while (at < exactEnd && isDigit((byte = bytes[at] as number))) {
      significand = significand * 10 + (byte - 0x30);
      at += 1;
    }
    exact = at;
    while (at < end && isDigit(bytes[at] as number)) at += 1;
  }
  out.significand = significand;
  out.exponent = at - exact;
  out.truncated = at > exact;
  out.end = at;
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function fault(out: NumberScan, at: number): false {
  out.end = at;
  return false;
}

/** `out.end` is at the point; `digitsLeft` may still be taken in exactly (negative: none). */
function scanFraction(
  bytes: Uint8Array,
  end: number,
  digitsLeft: number,
  out: NumberScan,
): boolean {
  const first = out.end + 1;
  let at = first;
  let significand = out.significand;
  let byte = 0;
  out.fractional = true;
  if (significand === 0) {
    while (at < end && bytes[at] === 0x30) at += 1;
  }
  const exactEnd = out.truncated ? at : Math.min(end, at + Math.max(digitsLeft, 0));
  while (at < exactEnd && isDigit((byte = bytes[at] as number))) {
    significand = significand * 10 + (byte - 0x30);
    at += 1;
  }
  const exact = at;
  while (at < end && isDigit(bytes[at] as number)) at += 1;
  if (at === first) return fault(out, at);
  if (at > exact) out.truncated = true;
  if (exact > first) out.exponent -= exact - first;
  out.significand = significand;
  out.end = at;
  return true;
}

/** `start` is behind the `e`. */
function scanExponent(bytes: Uint8Array, start: number, end: number, out: NumberScan): boolean {
  let at = start;
  const sign = at < end ? bytes[at] : 0;
  if (sign === 0x2b || sign === 0x2d) at += 1;
  if (at >= end || !isDigit(bytes[at] as number)) return fault(out, at);
  let exponent = 0;
  let byte = 0;
  while (at < end && isDigit((byte = bytes[at] as number))) {
    if (exponent < exponentCap) exponent = exponent * 10 + (byte - 0x30);
    at += 1;
  }
  out.fractional = true;
  out.hasExponent = true;
  out.exponent += sign === 0x2d ? -exponent : exponent;
  out.end = at;
  return true;
}

/** The double of the scanned number that began at `start`: exactly `Number(text)`. */
export function scannedFloat64(scan: NumberScan, bytes: Uint8Array, start: number): number {
  const exponent = scan.exponent;
  const exact = !scan.truncated && exponent <= powerMax && exponent >= -powerMax;
  if (!exact) return Number(decodeUtf8(bytes, start, scan.end));
  const value = scaled(scan.significand, exponent);
  return scan.negative ? -value : value;
}

/**
 * A double whose `Math.fround` is `Math.fround(Number(text))`: all that a f32 needs, and faster.
 */
export function scannedFloat32(scan: NumberScan, bytes: Uint8Array, start: number): number {
  const exponent = scan.exponent;
  if (exponent <= powerMax && exponent >= -powerMax) {
    const low = scaled(scan.significand, exponent);
    if (!scan.truncated) return scan.negative ? -low : low;
    // The value lies between two neighbours of 15 digits. Rounding is monotonic: where both give
    // the same single, so does every value between them.
    const high = scaled(scan.significand + 1, exponent);
    if (Math.fround(low) === Math.fround(high)) return scan.negative ? -low : low;
  }
  return Number(decodeUtf8(bytes, start, scan.end));
}

function scaled(significand: number, exponent: number): number {
  return exponent < 0
    ? significand / (powersOfTen[-exponent] as number)
    : significand * (powersOfTen[exponent] as number);
}

/**
 * The exact value of the scanned number: `-0` is the float −0, integers beyond i64 and u64 are
 * floats. A `JsonFloat` may be infinite; the caller decides what that means.
 */
export function scannedNumber(
  scan: NumberScan,
  bytes: Uint8Array,
  start: number,
): number | bigint | JsonFloat {
  if (scan.fractional) return new JsonFloat(scannedFloat64(scan, bytes, start));
  if (scan.truncated) return longInteger(decodeUtf8(bytes, start, scan.end) ?? '');
  if (!scan.negative) return scan.significand;
  return scan.significand === 0 ? new JsonFloat(-0) : -scan.significand;
}

function longInteger(text: string): number | bigint | JsonFloat {
  // 2^64 has 20 digits; longer ones need no BigInt, whose parsing time grows with the square.
  if (text.length > 20) return new JsonFloat(Number(text));
  const value = BigInt(text);
  if (value < i64Min || value > u64Max) return new JsonFloat(Number(text));
  const narrow = Number(value);
  return Number.isSafeInteger(narrow) ? narrow : value;
}
