// The k best of a stream of (score, index), best first: a binary heap over two typed arrays whose
// root is the worst kept. Bigger scores are better; of equal scores the smaller index is better, so
// the result does not depend on the order in which candidates come. NaN is never kept.

import { assert } from './assert.ts';

export class TopK {
  readonly capacity: number;
  /** Heap order: `scores[0]`, `indexes[0]` is the worst of the `size` kept. */
  readonly #scores: Float32Array;
  readonly #indexes: Uint32Array;
  #size = 0;

  constructor(capacity: number) {
    assert(Number.isSafeInteger(capacity) && capacity >= 0, () => `not a count: ${capacity}`);
    this.capacity = capacity;
    this.#scores = new Float32Array(capacity);
    this.#indexes = new Uint32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** A candidate with a score below this cannot enter; with an equal one it may. */
  get floor(): number {
    if (this.#size < this.capacity) return -Infinity;
    return this.capacity === 0 ? Infinity : (this.#scores[0] as number);
  }

  clear(): void {
    this.#size = 0;
  }

  /** Whether the candidate is now among the best. The score is rounded to f32 first. */
  offer(score: number, index: number): boolean {
    const rounded = Math.fround(score);
    if (Number.isNaN(rounded)) return false;
    if (this.#size < this.capacity) {
      this.#siftUp(rounded, index);
      return true;
    }
    if (this.capacity === 0) return false;
    const worst = this.#scores[0] as number;
    if (rounded < worst) return false;
    if (rounded === worst && index >= (this.#indexes[0] as number)) return false;
    this.#siftDown(rounded, index);
    return true;
  }

  /** Offers `scores[i]` under the index `indexFirst + i`, for all i. */
  offerAll(scores: Float32Array, indexFirst: number): void {
    let floor = this.floor;
    for (let at = 0; at < scores.length; at += 1) {
      if ((scores[at] as number) < floor) continue;
      if (this.offer(scores[at] as number, indexFirst + at)) floor = this.floor;
    }
  }

  /** Writes the kept candidates, best first, empties the heap and returns how many there were. */
  drainInto(scores: Float32Array, indexes: Uint32Array): number {
    const count = this.#size;
    for (let at = count - 1; at >= 0; at -= 1) {
      scores[at] = this.#scores[0] as number;
      indexes[at] = this.#indexes[0] as number;
      this.#size = at;
      if (at > 0) this.#siftDown(this.#scores[at] as number, this.#indexes[at] as number);
    }
    return count;
  }

  /** The kept candidates, best first; empties the heap. */
  drain(): { readonly scores: Float32Array; readonly indexes: Uint32Array } {
    const scores = new Float32Array(this.#size);
    const indexes = new Uint32Array(this.#size);
    this.drainInto(scores, indexes);
    return { scores, indexes };
  }

  #siftUp(score: number, index: number): void {
    const scores = this.#scores;
    const indexes = this.#indexes;
    let at = this.#size;
    this.#size += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentScore = scores[parent] as number;
      if (!isWorse(score, index, parentScore, indexes[parent] as number)) break;
      scores[at] = parentScore;
      indexes[at] = indexes[parent] as number;
      at = parent;
    }
    scores[at] = score;
    indexes[at] = index;
  }

  /** Replaces the root by the candidate and lets it sink. */
  #siftDown(score: number, index: number): void {
    const scores = this.#scores;
    const indexes = this.#indexes;
    const size = this.#size;
    let at = 0;
    for (let child = 1; child < size; child = at * 2 + 1) {
      const right = child + 1;
      let childScore = scores[child] as number;
      let childIndex = indexes[child] as number;
      if (right < size) {
        const rightScore = scores[right] as number;
        const rightIndex = indexes[right] as number;
        if (isWorse(rightScore, rightIndex, childScore, childIndex)) {
          child = right;
          childScore = rightScore;
          childIndex = rightIndex;
        }
      }
      if (!isWorse(childScore, childIndex, score, index)) break;
      scores[at] = childScore;
      indexes[at] = childIndex;
      at = child;
    }
    scores[at] = score;
    indexes[at] = index;
  }
}

function isWorse(score: number, index: number, otherScore: number, otherIndex: number): boolean {
  return score < otherScore || (score === otherScore && index > otherIndex);
}
