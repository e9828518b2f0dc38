// The data of all benchmarks and recall tests: clustered vectors whose difficulty resembles that of
// text embeddings. Independent random vectors would be useless: their neighbours mean nothing.
//
// λᵢ = i^-0.5 scaled to mean square 1; 500 centres ~ N(0, λ²) chosen with Zipf weights; a point is
// centre + 0.7·s·N(0, λ²) + 0.05·N(0, I), s log-normal(0, 0.3) per centre; then a random rotation,
// plus 0.6 × the mean norm × one fixed unit vector, then normalised. The same seed gives the same
// data.

import { Prng } from '../src/base/prng.ts';

export interface DatasetSpec {
  readonly count: number;
  readonly queryCount: number;
  readonly dimension: number;
  readonly seed: number;
  /** Points and queries of length 1; true unless magnitudes are wanted. */
  readonly normalize?: boolean;
}

export interface Dataset {
  readonly dimension: number;
  /** Point i lies at i · dimension. */
  readonly points: Float32Array;
  readonly queries: Float32Array;
  /** Number of the centre of each point, as a payload that is correlated with the vectors. */
  readonly centres: Uint16Array;
}

const centreCount = 500;

/**
 * Rounds of plane rotations by random angles, each round on a random pairing of all components:
 * orthogonal, mixes every component into every other, and costs O(d log d) instead of O(d²).
 */
class Rotation {
  readonly #pairs: Uint16Array;
  readonly #sines: Float64Array;
  readonly #cosines: Float64Array;

  constructor(random: Prng, dimension: number) {
    const roundCount = 2 * Math.ceil(Math.log2(dimension)) + 2;
    const half = Math.floor(dimension / 2);
    this.#pairs = new Uint16Array(roundCount * half * 2);
    this.#sines = new Float64Array(roundCount * half);
    this.#cosines = new Float64Array(roundCount * half);
    for (let round = 0; round < roundCount; round += 1) {
      const order = random.shuffle(Uint32Array.from({ length: dimension }, (_, i) => i));
      this.#pairs.set(order.subarray(0, half * 2), round * half * 2);
    }
    for (let i = 0; i < this.#sines.length; i += 1) {
      const angle = 2 * Math.PI * random.uniform();
      this.#sines[i] = Math.sin(angle);
      this.#cosines[i] = Math.cos(angle);
    }
  }

  apply(vector: Float64Array): void {
    for (let i = 0; i < this.#sines.length; i += 1) {
      const a = this.#pairs[2 * i] ?? 0;
      const b = this.#pairs[2 * i + 1] ?? 0;
      const x = vector[a] ?? 0;
      const y = vector[b] ?? 0;
      const sine = this.#sines[i] ?? 0;
      const cosine = this.#cosines[i] ?? 0;
      vector[a] = cosine * x - sine * y;
      vector[b] = sine * x + cosine * y;
    }
  }
}

class Cloud {
  readonly #random: Prng;
  readonly #lambda: Float64Array;
  readonly #centres: Float64Array[];
  readonly #spreads: Float64Array;
  readonly #cumulative: Float64Array;
  readonly #rotation: Rotation;

  constructor(random: Prng, dimension: number) {
    this.#random = random;
    const raw = Float64Array.from({ length: dimension }, (_, i) => (i + 1) ** -0.5);
    const meanSquare = raw.reduce((sum, x) => sum + x * x, 0) / dimension;
    this.#lambda = raw.map((x) => x / Math.sqrt(meanSquare));
    this.#centres = Array.from({ length: centreCount }, () =>
      this.#lambda.map((scale) => scale * random.normal()),
    );
    this.#spreads = Float64Array.from({ length: centreCount }, () =>
      Math.exp(0.3 * random.normal()),
    );
    let sum = 0;
    this.#cumulative = Float64Array.from({ length: centreCount }, (_, i) => {
      sum += 1 / (i + 1);
      return sum;
    });
    this.#rotation = new Rotation(random, dimension);
  }

  /** Fills `target` and returns the number of its centre. */
  draw(target: Float64Array): number {
    const random = this.#random;
    const wanted = random.uniform() * (this.#cumulative[centreCount - 1] ?? 0);
    const found = this.#cumulative.findIndex((bound) => bound > wanted);
    const centre = found < 0 ? centreCount - 1 : found;
    const middle = this.#centres[centre];
    const spread = 0.7 * (this.#spreads[centre] ?? 1);
    for (let i = 0; i < target.length; i += 1) {
      const scale = this.#lambda[i] ?? 0;
      target[i] = (middle?.[i] ?? 0) + spread * scale * random.normal() + 0.05 * random.normal();
    }
    this.#rotation.apply(target);
    return centre;
  }
}

export function generateDataset(spec: DatasetSpec): Dataset {
  const { count, queryCount, dimension, seed } = spec;
  const random = new Prng(seed);
  const cloud = new Cloud(random, dimension);
  const total = count + queryCount;
  const all = new Float32Array(total * dimension);
  const centres = new Uint16Array(total);
  const vector = new Float64Array(dimension);
  let normSum = 0;
  for (let row = 0; row < total; row += 1) {
    centres[row] = cloud.draw(vector);
    all.set(vector, row * dimension);
    normSum += Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  }
  const common = Float64Array.from({ length: dimension }, () => random.normal());
  const commonLength = Math.sqrt(common.reduce((sum, x) => sum + x * x, 0));
  const shift = (0.6 * normSum) / total / commonLength;
  for (let row = 0; row < total; row += 1) {
    const at = row * dimension;
    let squares = 0;
    for (let i = 0; i < dimension; i += 1) {
      const x = (all[at + i] ?? 0) + shift * (common[i] ?? 0);
      all[at + i] = x;
      squares += x * x;
    }
    const scale = spec.normalize === false ? 1 : 1 / Math.sqrt(squares);
    for (let i = 0; i < dimension; i += 1) all[at + i] = (all[at + i] ?? 0) * scale;
  }
  return {
    dimension,
    points: all.subarray(0, count * dimension),
    queries: all.subarray(count * dimension),
    centres: centres.subarray(0, count),
  };
}
