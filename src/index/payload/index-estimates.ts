// Counts of points, and bounds on them from counts of (value, point) pairs; and what an index
// without order answers to an ordered scroll.

import type { Cardinality, OrderedValues } from './field-index.ts';
import type { IndexCounts } from './index-columns.ts';

export const noOrderedValues: OrderedValues = {
  length: 0,
  offsetAt: () => -1,
  valueAt: () => 0,
};

/** How many of `offsets` have their bit set in `among`. */
export function countListed(offsets: Uint32Array, among: Uint32Array): number {
  let count = 0;
  for (let at = 0; at < offsets.length; at += 1) {
    const offset = offsets[at] as number;
    count += ((among[offset >>> 5] as number) >>> (offset & 31)) & 1;
  }
  return count;
}

export function exactly(count: number): Cardinality {
  return { min: count, expected: count, max: count };
}

/** How many points `pairs` distinct pairs belong to: exact when no point holds several values. */
export function boundsOfPairs(counts: IndexCounts, pairs: number): Cardinality {
  const { pointCount, pairCount } = counts;
  if (pairs === 0 || pointCount === pairCount) return exactly(pairs);
  // All pairs beyond the first of each point may be among these.
  const min = Math.max(1, pairs - (pairCount - pointCount));
  const max = Math.min(pairs, pointCount);
  const expected = Math.min(Math.max((pairs * pointCount) / pairCount, min), max);
  return { min, expected, max };
}
