// The inner loop for vectors in JSON: runs of plain numbers (`-0.123,0.5, 12`) without a call or an
// allocation per number. It is a shortcut, not a second grammar: whatever it does not know (an
// exponent, white space other than one blank, the last bytes of the text, any fault) it leaves to
// `scanNumber`, from the first byte of that element on.

import type { Float32Buffer } from './number-buffer.ts';

const tens = Float64Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);
/** Sign, 7 digits, point, 20 digits, comma and blank: what one round may look at. */
const bytesPerRound = 32;

/**
 * Appends plain numbers to `out`, from the first byte of an element at `start`. Returns the first
 * byte of the element it stopped at. Every number passed over was followed by a comma.
 */
export function scanFloatRun(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Float32Buffer,
): number {
  const safeEnd = end - bytesPerRound;
  let elementAt = start;
  while (elementAt <= safeEnd) {
    let at = elementAt;
    let digit = (bytes[at] as number) - 0x30;
    const negative = digit === -3;
    if (negative) {
      at += 1;
      digit = (bytes[at] as number) - 0x30;
    }
    if (digit < 0 || digit > 9) break;
    let whole = digit;
    const wholeAt = at;
    at += 1;
    digit = (bytes[at] as number) - 0x30;
    if (whole === 0) {
      if (digit >= 0 && digit <= 9) break;
    } else {
      while (digit >= 0 && digit <= 9 && at < wholeAt + 7) {
        whole = whole * 10 + digit;
        at += 1;
        digit = (bytes[at] as number) - 0x30;
      }
    }
    let value = whole;
    if (digit === -2) {
      const fractionAt = at + 1;
      at = fractionAt;
      let first = 0;
      digit = (bytes[at] as number) - 0x30;
      while (digit >= 0 && digit <= 9 && at < fractionAt + 8) {
        first = first * 10 + digit;
        at += 1;
        digit = (bytes[at] as number) - 0x30;
      }
      if (at === fractionAt) break;
      // 7 + 8 digits are exact in a double, and one division rounds once.
      let scale = tens[at - fractionAt] as number;
      let significand = whole * scale + first;
      value = significand / scale;
      if (digit >= 0 && digit <= 9) {
        if (whole > 9) break;
        const secondAt = at;
        let second = 0;
        while (digit >= 0 && digit <= 9 && at < secondAt + 6) {
          second = second * 10 + digit;
          at += 1;
          digit = (bytes[at] as number) - 0x30;
        }
        const power = tens[at - secondAt] as number;
        scale *= power;
        significand = significand * power + second;
        value = significand / scale;
        if (digit >= 0 && digit <= 9) {
          // More than 14 digits behind the point: both neighbours must round to the same single.
          do {
            at += 1;
            digit = (bytes[at] as number) - 0x30;
          } while (digit >= 0 && digit <= 9 && at < secondAt + 12);
          if (Math.fround(value) !== Math.fround((significand + 1) / scale)) break;
        }
      }
    }
    if (digit !== -4) break;
    at += 1;
    if (bytes[at] === 0x20) at += 1;
    elementAt = at;
    out.push(negative ? -value : value);
  }
  return elementAt;
}
