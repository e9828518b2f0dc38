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

/**
 * Signs, then Walsh-Hadamard on the longest power of two from the front and from the back; twice.
 */
export function rotated(components: readonly number[], signs: ArrayLike<number>): number[] {
  const { length } = components;
  const span = 2 ** Math.floor(Math.log2(length));
  let result = [...components];
  for (let round = 0; round < 2; round += 1) {
    result = result.map((x, i) => x * (signs[round * length + i] ?? 1));
    result = [...hadamard(result.slice(0, span)), ...result.slice(span)];
    if (span === length) continue;
    result = [...result.slice(0, length - span), ...hadamard(result.slice(length - span))];
  }
  return result;
}

/** The orthogonal Walsh-Hadamard transform of a power of two of components. */
function hadamard(components: readonly number[]): number[] {
  const { length } = components;
  if (length === 1) return [...components];
  const low = components.slice(0, length / 2);
  const high = components.slice(length / 2);
  const sums = hadamard(low.map((x, i) => x + (high[i] ?? 0)));
  const differences = hadamard(low.map((x, i) => x - (high[i] ?? 0)));
  return [...sums, ...differences].map((x) => x * Math.SQRT1_2);
}

/** A centred, rotated component as a code. The compiled code may differ by 1, by rounding. */
export function codeOf(component: number, scale: number): number {
  return Math.min(127, Math.max(0, Math.round(component / scale) + 64));
}

/** What two codes are worth to each other, as the build compares them; exact in both twins. */
export function codeScore(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  kind: 'euclid' | 'manhattan' | 'inner',
): number {
  let score = 0;
  for (let i = 0; i < a.length; i += 1) {
    const x = (a[i] ?? 0) - 64;
    const y = (b[i] ?? 0) - 64;
    if (kind === 'inner') score += x * y;
    else score -= kind === 'euclid' ? (x - y) ** 2 : Math.abs(x - y);
  }
  return score;
}
