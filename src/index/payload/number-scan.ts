// Scans over a column with one f64 per offset, NaN where there is none. Hot loops: plain numbers.

import type { OrderValue } from '../../model/read.ts';
import type { BetweenTest } from './field-index.ts';

/**
 * Sets the bits of numbers between the bounds. A `bigint` bound is beyond every whole number that a
 * column holds (those are safe integers), so rounding it to f64 changes no answer.
 */
export function collectNumbersBetween(
  numbers: Float64Array,
  test: BetweenTest,
  into: Uint32Array,
): void {
  const low = bound(test.low, -Infinity);
  const high = bound(test.high, Infinity);
  const { lowOpen, highOpen } = test;
  for (let offset = 0; offset < numbers.length; offset += 1) {
    const value = numbers[offset] as number;
    if (!(value >= low) || !(value <= high)) continue;
    if ((lowOpen && value === low) || (highOpen && value === high)) continue;
    const word = offset >>> 5;
    into[word] = (into[word] as number) | (1 << (offset & 31));
  }
}

function bound(value: OrderValue | null, otherwise: number): number {
  return value === null ? otherwise : Number(value);
}

/** Sets the bits of numbers that are listed, or of those that are not. */
export function collectNumbersListed(
  numbers: Float64Array,
  listed: ReadonlySet<number>,
  wanted: boolean,
  into: Uint32Array,
): void {
  const [first = NaN] = listed;
  const single = listed.size <= 1;
  for (let offset = 0; offset < numbers.length; offset += 1) {
    const value = numbers[offset] as number;
    if (value !== value) continue;
    const isListed = single ? value === first : listed.has(value);
    if (isListed !== wanted) continue;
    const word = offset >>> 5;
    into[word] = (into[word] as number) | (1 << (offset & 31));
  }
}
