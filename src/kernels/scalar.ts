// The readable truth: every distance, the quantizer and the exact search in plain TypeScript. Tests
// compare the compiled kernels with it. Not for use at run time.

import type { VectorElement, VectorMetric } from './layout.ts';

/** What is left of a component when it is stored. */
export function storedComponent(x: number, element: VectorElement): number {
  if (element === 'f32') return Math.fround(x);
  if (element === 'f16') return Math.f16round(x);
  if (Number.isNaN(x)) return 0;
  return Math.min(255, Math.max(0, Math.trunc(x))) + 0;
}

/**
 * The internal similarity in double precision; bigger is better. The compiled kernel differs by the
 * rounding of f32 sums: at most about 1e-6 of the sum of the absolute terms. For u8 it is equal.
 */
export function similarity(
  query: ArrayLike<number>,
  stored: ArrayLike<number>,
  { element, metric }: { readonly element: VectorElement; readonly metric: VectorMetric },
): number {
  let dot = 0;
  let squares = 0;
  let absolutes = 0;
  let queryNorm = 0;
  let storedNorm = 0;
  for (let i = 0; i < query.length; i += 1) {
    const a = storedComponent(query[i] ?? 0, element);
    const b = storedComponent(stored[i] ?? 0, element);
    dot += a * b;
    squares += (a - b) ** 2;
    absolutes += Math.abs(a - b);
    queryNorm += a * a;
    storedNorm += b * b;
  }
  if (metric === 'euclid') return 0 - squares;
  if (metric === 'manhattan') return 0 - absolutes;
  if (metric === 'dot' || element !== 'u8') return dot;
  return queryNorm === 0 || storedNorm === 0 ? 0 : dot / Math.sqrt(queryNorm * storedNorm);
}

export interface ScalarHit {
  readonly offset: number;
  readonly sim: number;
}

/** The best k of the admitted rows; equal similarities by ascending offset. */
export function scanScalar(
  sims: readonly number[],
  admitted: (offset: number) => boolean,
  k: number,
): ScalarHit[] {
  return sims
    .map((sim, offset) => ({ offset, sim }))
    .filter((hit) => admitted(hit.offset))
    .sort((a, b) => b.sim - a.sim || a.offset - b.offset)
    .slice(0, k);
}
