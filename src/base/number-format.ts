// Floats as text: the shortest decimal that reads back to the same f32 or f64, and of those the one
// nearest to the value, always with a fraction or an exponent: `1.0`, `0.1`, `1.4063001`, `1e-8`,
// `3.4028235e38`, `-0.0`. What is not finite has no JSON form and becomes `null`.
//
// For f32 all arithmetic runs in doubles: a value and the two ends of the interval that rounds to
// it have at most 25 significant bits, so scaled to nine or ten integer digits they are off by less
// than 1e-5, and only decisions closer than that (about one value in 10^5) need exact integers.

const tens = Int32Array.from({ length: 10 }, (_, exponent) => 10 ** exponent);
const doubtfulBelow = 1e-5;
const mantissaBits = 23;
/** Per biased exponent: the power of ten that gives 9 or 10 digits before the point, and itself. */
const scales = Int32Array.from({ length: 255 }, (_, biased) => 8 - decadeOf(biased));
const factors = Float64Array.from(scales, (scale) => Number(`1e${scale}`));
/** Per biased exponent: half the distance to the next larger f32. */
const halfSteps = Float64Array.from({ length: 255 }, (_, biased) => 2 ** (lowestBit(biased) - 1));
const floatScratch = new Float32Array(1);
const bitsScratch = new Uint32Array(floatScratch.buffer);
const textScratch = new Uint8Array(32);

/** Bytes that one `writeFloat32` may need: `-1.17549435e-38`, and room. */
export const float32BytesMax = 16;

/** Shortest digits and their exponent: the value is `decimalDigits` × 10^`decimalExponent`. */
let decimalDigits = 0;
let decimalExponent = 0;

/** Writes `value` rounded to f32 at `at` and returns the offset behind it. */
export function writeFloat32(value: number, bytes: Uint8Array, at: number): number {
  floatScratch[0] = value;
  const bits = bitsScratch[0] as number;
  let out = at;
  if ((bits & 0x7f800000) === 0x7f800000) return writeAscii('null', bytes, out);
  if (bits >>> 31 === 1) {
    bytes[out] = 0x2d;
    out += 1;
  }
  const magnitude = Math.abs(floatScratch[0] as number);
  if (magnitude < 2 ** 24) {
    const whole = Math.trunc(magnitude);
    if (whole === magnitude) return writeWhole(whole, bytes, out);
  }
  shortestDecimal(magnitude, bits & 0x7fffffff);
  return writeDecimal(decimalDigits, decimalExponent, bytes, out);
}

/** Writes `[a,b,…]`; the caller has made room: `float32ArrayBytesMax`. */
export function writeFloat32Array(values: Float32Array, bytes: Uint8Array, at: number): number {
  let out = at;
  bytes[out] = 0x5b;
  out += 1;
  for (let index = 0; index < values.length; index += 1) {
    if (index > 0) {
      bytes[out] = 0x2c;
      out += 1;
    }
    out = writeFloat32(values[index] as number, bytes, out);
  }
  bytes[out] = 0x5d;
  return out + 1;
}

export function float32ArrayBytesMax(count: number): number {
  return 2 + count * (float32BytesMax + 1);
}

export function formatFloat32(value: number): string {
  const end = writeFloat32(value, textScratch, 0);
  return String.fromCharCode(...textScratch.subarray(0, end));
}

/** The power of two of a mantissa's last bit. */
function lowestBit(biased: number): number {
  return Math.max(biased, 1) - 150;
}

/** floor(log10(value)) or one less, for all normal values with this exponent. */
function decadeOf(biased: number): number {
  return Math.floor((Math.max(biased, 1) - 127) * Math.log10(2));
}

/** Sets `decimalDigits` and `decimalExponent` for the positive f32 with these bits. */
function shortestDecimal(value: number, bits: number): void {
  const biased = bits >>> mantissaBits;
  if (biased === 0) return exactDecimal(value, bits);
  const halfAbove = halfSteps[biased] as number;
  // At a power of two the next smaller value is only half as far away.
  const halfBelow = isPowerOfTwo(bits) ? halfAbove * 0.5 : halfAbove;
  const scale = scales[biased] as number;
  const factor = factors[biased] as number;
  const w = value * factor;
  const low = (value - halfBelow) * factor;
  const high = (value + halfAbove) * factor;
  let power = 0;
  let ten = 1;
  // A multiple of ten times `ten` inside the interval makes the text one digit shorter.
  for (;;) {
    const next = ten * 10;
    const below = Math.floor(low / next) * next;
    const above = below + next;
    // Nearer than this to an end of the interval, rounding errors could decide.
    if (low - below < doubtfulBelow) return exactDecimal(value, bits);
    if (above - low < doubtfulBelow) return exactDecimal(value, bits);
    const room = high - above;
    if (room < doubtfulBelow) {
      if (room > -doubtfulBelow) return exactDecimal(value, bits);
      break;
    }
    ten = next;
    power += 1;
  }
  const quotient = w / ten;
  let digits = Math.floor(quotient);
  const pastTie = (quotient - digits - 0.5) * ten;
  if (pastTie < doubtfulBelow && pastTie > -doubtfulBelow) {
    // Scaled by 10^scale the value is a multiple of one half: this close to a tie it is one.
    const isTie = scale >= 0 && lowestBit(biased) + trailingZeros(bits) + scale >= -1;
    if (!isTie) return exactDecimal(value, bits);
    digits += digits & 1;
  } else if (pastTie > 0) {
    digits += 1;
  }
  if (digits * ten < low) digits += 1;
  else if (digits * ten > high) digits -= 1;
  decimalDigits = digits | 0;
  decimalExponent = power - scale;
}

function isPowerOfTwo(bits: number): boolean {
  return (bits & 0x7fffff) === 0 && bits >>> mantissaBits > 1;
}

function trailingZeros(bits: number): number {
  const mantissa = (bits & 0x7fffff) | 0x800000;
  return 31 - Math.clz32(mantissa & -mantissa);
}

/** The same with whole numbers of any size (Steele and White 1990, "free-format" printing). */
function exactDecimal(value: number, bits: number): void {
  const biased = bits >>> mantissaBits;
  const mantissa = BigInt(biased === 0 ? bits & 0x7fffff : (bits & 0x7fffff) | 0x800000);
  const exponent = lowestBit(biased);
  // In quarters of a step, so that both half distances are whole.
  const shift = BigInt(Math.max(exponent - 2, 0));
  const divisor = 1n << BigInt(Math.max(2 - exponent, 0));
  const exact = (mantissa * 4n) << shift;
  const low = (mantissa * 4n - (isPowerOfTwo(bits) ? 1n : 2n)) << shift;
  const high = (mantissa * 4n + 2n) << shift;
  // Reading rounds ties to even, so an even mantissa owns the ends of its interval.
  const closed = mantissa % 2n === 0n;
  for (let power = Math.floor(Math.log10(value)) + 2; ; power -= 1) {
    const unit = divisor * 10n ** BigInt(Math.max(power, 0));
    const factor = 10n ** BigInt(Math.max(-power, 0));
    const floor = (exact * factor) / unit;
    const twice = (exact * factor - floor * unit) * 2n;
    const roundsUp = twice > unit || (twice === unit && floor % 2n === 1n);
    for (const digits of roundsUp ? [floor + 1n, floor] : [floor, floor + 1n]) {
      const scaled = digits * unit;
      const above = scaled - low * factor;
      const below = high * factor - scaled;
      if (above < 0n || below < 0n || (!closed && (above === 0n || below === 0n))) continue;
      decimalDigits = Number(digits);
      decimalExponent = power;
      return;
    }
  }
}

/** A whole number below 2^24, then `.0`. */
function writeWhole(whole: number, bytes: Uint8Array, at: number): number {
  const end = at + digitCount(whole);
  writeDigits(whole, bytes, end, 0);
  bytes[end] = 0x2e;
  bytes[end + 1] = 0x30;
  return end + 2;
}

/** Lays digits and exponent out: plain for 1e-6 … 1e13, else with an exponent. */
function writeDecimal(digits: number, exponent: number, bytes: Uint8Array, at: number): number {
  const count = digitCount(digits);
  const point = count + exponent;
  if (exponent >= 0 && point <= 13) {
    writeDigits(digits, bytes, at + count, 0);
    writeZeros(bytes, at + count, at + point);
    bytes[at + point] = 0x2e;
    bytes[at + point + 1] = 0x30;
    return at + point + 2;
  }
  if (point > 0 && point <= 13) {
    writeDigits(digits, bytes, at + count + 1, count - point);
    return at + count + 1;
  }
  if (point > -6 && point <= 0) {
    const first = at + 2 - point;
    writeZeros(bytes, at, first);
    bytes[at + 1] = 0x2e;
    writeDigits(digits, bytes, first + count, 0);
    return first + count;
  }
  let out = at + count;
  if (count === 1) {
    bytes[at] = 0x30 + digits;
  } else {
    out += 1;
    writeDigits(digits, bytes, out, count - 1);
  }
  bytes[out] = 0x65;
  out += 1;
  const power = point - 1;
  if (power < 0) {
    bytes[out] = 0x2d;
    out += 1;
  }
  const end = out + digitCount(Math.abs(power));
  writeDigits(Math.abs(power), bytes, end, 0);
  return end;
}

/** A loop, because `fill` costs more than the few bytes it is for. */
function writeZeros(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at += 1) bytes[at] = 0x30;
}

/** Decimal digits of a whole number up to 10^10 - 1; 1 for 0. */
export function digitCount(value: number): number {
  let count = 1;
  while (count < 10 && value >= (tens[count] as number)) count += 1;
  return count;
}

/** Writes backwards from `end`; after `fractionCount` digits a point, if that is not 0. */
export function writeDigits(
  value: number,
  bytes: Uint8Array,
  end: number,
  fractionCount: number,
): void {
  // All of it fits 32 bits, where division by ten is a multiplication.
  let rest = value | 0;
  let at = end - 1;
  const pointAt = fractionCount > 0 ? end - 1 - fractionCount : -1;
  do {
    if (at === pointAt) {
      bytes[at] = 0x2e;
      at -= 1;
    }
    const quotient = (rest / 10) | 0;
    bytes[at] = 0x30 + rest - Math.imul(quotient, 10);
    rest = quotient;
    at -= 1;
  } while (rest > 0);
}

function writeAscii(text: string, bytes: Uint8Array, at: number): number {
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}

/**
 * A double in the same style: plain for 1e-5 … 1e16, else with an exponent. JavaScript's own text
 * has the right digits; only their layout differs.
 */
export function formatFloat64(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const magnitude = Math.abs(value);
  const text = String(value);
  if (magnitude >= 1e-5 && magnitude < 1e16) return text.includes('.') ? text : `${text}.0`;
  const [mantissa, power] = value.toExponential().split('e') as [string, string];
  return `${mantissa}e${Number(power)}`;
}
