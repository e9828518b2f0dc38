// What the codes need to know of a segment: its mean vector, the signs of the rotation and the size
// of one step. assembly/codes.ts says how a row becomes a code. The step is chosen so that 99.9 %
// of the components are not cut. Parameters lie in front of the code rows: scale,
// whether the build uses inner products, mean, signs.

import { Prng } from '../base/prng.ts';
import { codeParameterBytes, type VectorLayout } from './layout.ts';

const quantile = 0.999;
/** Steps on each side of the middle. */
const stepCount = 63;
/** Vectors that vary less in length are taken to be normalised. */
const lengthVariationMax = 0.02;
const deviationCountMax = 400_000;

/** Any seed will do, but the same one always: codes of two builds may be compared. */
const signSeed = 20_261_124;

function finite(x: number): number {
  return Number.isFinite(x) ? x : 0;
}

/** The mean of no vectors is 0. */
export function meanOf(sample: readonly Float32Array[], dimension: number): Float32Array {
  const sums = new Float64Array(dimension);
  for (const vector of sample) {
    for (let i = 0; i < dimension; i += 1) sums[i] = (sums[i] ?? 0) + (vector[i] ?? 0);
  }
  const count = Math.max(1, sample.length);
  return Float32Array.from(sums, (sum) => finite(sum / count));
}

/** Standard deviation of the lengths, relative to their mean. */
export function lengthVariation(sample: readonly Float32Array[]): number {
  const lengths = sample.map((vector) => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0)));
  const mean = lengths.reduce((sum, x) => sum + x, 0) / Math.max(1, lengths.length);
  const squares = lengths.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return mean > 0 ? finite(Math.sqrt(squares / lengths.length) / mean) : 0;
}

/** Size of one step, from components that are centred and rotated. */
export function scaleOf(deviations: Float32Array): number {
  const sorted = deviations.map((x) => finite(Math.abs(x))).sort();
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * quantile));
  const reach = sorted[at] ?? 0;
  return reach > 0 ? Math.fround(reach / stepCount) : 1;
}

/**
 * Trains the codes of a memory and stores the parameters. `rotated` centres and rotates a vector
 * with the mean and signs stored so far.
 */
export function trainCodes(
  layout: VectorLayout,
  f32: Float32Array,
  sample: readonly Float32Array[],
  rotated: (vector: Float32Array) => Float32Array,
): void {
  const at = layout.codeParameters >>> 2;
  const mean = at + codeParameterBytes / 4;
  const { codeBytes } = layout;
  const { dimension, metric } = layout.spec;
  // Where lengths differ, the largest dot product is no nearest neighbour: the graph is then built
  // by inner products of codes, which must not be centred.
  const byInnerProduct = metric === 'dot' && lengthVariation(sample) > lengthVariationMax;
  f32[at + 1] = byInnerProduct ? 1 : 0;
  f32.set(byInnerProduct ? new Float32Array(dimension) : meanOf(sample, dimension), mean);
  const random = new Prng(signSeed);
  for (let i = 0; i < 2 * codeBytes; i += 1) {
    f32[mean + codeBytes + i] = random.chance(0.5) ? 1 : -1;
  }
  const usedCount = Math.min(sample.length, Math.ceil(deviationCountMax / codeBytes));
  const step = usedCount === 0 ? 1 : sample.length / usedCount;
  const deviations = new Float32Array(usedCount * codeBytes);
  for (let row = 0; row < usedCount; row += 1) {
    const vector = sample[Math.floor(row * step)];
    if (vector !== undefined) deviations.set(rotated(vector), row * codeBytes);
  }
  f32[at] = scaleOf(deviations);
}
