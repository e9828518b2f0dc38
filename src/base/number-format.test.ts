import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  float32ArrayBytesMax,
  float32BytesMax,
  formatFloat32,
  formatFloat64,
  writeFloat32Array,
} from './number-format.ts';
import { Prng } from './prng.ts';

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

function fromBits(bits: number): number {
  scratchBits[0] = bits;
  return scratch[0] as number;
}

test('f32 in the words of the reference', () => {
  const expected: [number, string][] = [
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [0.1, '0.1'],
    [1.4063001, '1.4063001'],
    [0.70239997, '0.70239997'],
    [1e-8, '1e-8'],
    [1.5e-7, '1.5e-7'],
    [1e-6, '0.000001'],
    [1e12, '1000000000000.0'],
    [1e13, '1e13'],
    [1e16, '1e16'],
    [16_777_216, '16777216.0'],
    [3.4028235e38, '3.4028235e38'],
    [1.17549435e-38, '1.1754944e-38'],
    [1e-45, '1e-45'],
    [-2.5, '-2.5'],
    [Number.NaN, 'null'],
    [Number.POSITIVE_INFINITY, 'null'],
    // Ends of the interval count for even mantissas; exact ties round to the even digit.
    [3.3554448e7, '33554450.0'],
    [8.999999e9, '9000000000.0'],
    [3.4366717e10, '34366720000.0'],
    [305404.12, '305404.12'],
    [8099.0312, '8099.0312'],
    [2.4414062e-4, '0.00024414062'],
    [6.3476562e-3, '0.0063476562'],
    [4.7223665e21, '4.7223665e21'],
    [6.7108864e17, '6.7108864e17'],
    [1.3421773e18, '1.3421773e18'],
  ];
  for (const [value, text] of expected) assert.equal(formatFloat32(value), text);
});

test('f64 in the words of the reference', () => {
  const expected: [number, string][] = [
    [0, '0.0'],
    [-0, '-0.0'],
    [3, '3.0'],
    [100, '100.0'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e16'],
    [1e23, '1e23'],
    [0.1, '0.1'],
    [0.00001, '0.00001'],
    [1e-6, '1e-6'],
    [-1.25e-7, '-1.25e-7'],
    [12345678901234567000, '1.2345678901234567e19'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e308'],
    [Number.NEGATIVE_INFINITY, 'null'],
  ];
  for (const [value, text] of expected) assert.equal(formatFloat64(value), text);
});

/**
 * The definition: the fewest digits that read back, and no other text of as many digits is nearer.
 * `toPrecision` gives the nearest text of each length, ties apart.
 */
function assertShortest(value: number): void {
  const text = formatFloat32(value);
  assert.ok(text.length <= float32BytesMax, text);
  assert.match(text, /^-?\d+(\.\d+(e-?\d+)?|e-?\d+)$/);
  assert.ok(Object.is(Math.fround(Number(text)), value), `${text} for ${value}`);
  const digits = text
    .replace(/e.*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '').length;
  if (value === 0) return;
  const shorter = Number(value.toPrecision(Math.max(digits - 1, 1)));
  assert.ok(digits === 1 || Math.fround(shorter) !== value, `${text} is not shortest`);
  const nearest = Number(value.toPrecision(digits));
  const distance = Math.abs(Number(text) - value);
  const readsBack = Math.fround(nearest) === value;
  // The subtractions are off by less than that, which matters for ties only.
  const nearestDistance = Math.abs(nearest - value) * (1 + 1e-6);
  assert.ok(!readsBack || distance <= nearestDistance, `${text} is not nearest`);
}

test('random f32 bit patterns print shortest and nearest', () => {
  const prng = new Prng(20_240_601);
  for (let draw = 0; draw < 100_000; draw += 1) {
    const value = fromBits(prng.u32());
    if (Number.isFinite(value)) assertShortest(value);
  }
});

test('the hard places: powers of two, subnormals, ends of binades, decimals, dyadic fractions', () => {
  for (let exponent = 1; exponent < 255; exponent += 1) {
    for (const mantissa of [0, 1, 2, 3, 0x7ffffe, 0x7fffff]) {
      assertShortest(fromBits(exponent * 2 ** 23 + mantissa));
    }
  }
  for (let mantissa = 1; mantissa < 2 ** 23; mantissa = mantissa * 2 + (mantissa % 3)) {
    assertShortest(fromBits(mantissa));
  }
  for (let power = -45; power <= 38; power += 1) {
    for (const digits of [1, 2, 5, 9, 15, 99, 123, 999]) {
      const value = Math.fround(Number(`${digits}e${power}`));
      if (Number.isFinite(value)) assertShortest(value);
    }
  }
  for (let at = 0; at < 20_000; at += 1) assertShortest(at / 512);
  for (let at = 1; at < 20_000; at += 1) assertShortest((2 ** 21 + at * 7) / 4);
});

test('f64 reads back and carries a fraction or an exponent', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = formatFloat64(value);
      assert.ok(Object.is(Number(text), value));
      assert.match(text, /^-?\d+(\.\d+(e-?\d+)?|e-?\d+)$/);
    }),
    { numRuns: 2000 },
  );
});

test('arrays print as JSON within the room asked for', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true })), (list) => {
      const values = Float32Array.from(list);
      const bytes = new Uint8Array(float32ArrayBytesMax(values.length));
      const end = writeFloat32Array(values, bytes, 0);
      const parsed = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString()) as number[];
      assert.deepEqual(Float32Array.from(parsed), values);
    }),
  );
});
