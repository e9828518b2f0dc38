// Offsets of a growing segment in ascending order of their ids. Sorted when asked for: what came
// since the last time is sorted and merged in, so a scroll over a segment at rest costs nothing.

import { comparePointIds, type PointId } from '../model/point-id.ts';

export class IdOrder {
  readonly #idAt: (offset: number) => PointId;
  #sorted = new Uint32Array(0);

  constructor(idAt: (offset: number) => PointId) {
    this.#idAt = idAt;
  }

  /** All offsets below `count`; valid until the next call. */
  sorted(count: number): Uint32Array {
    const known = this.#sorted.length;
    if (known === count) return this.#sorted;
    const idAt = this.#idAt;
    const added = Uint32Array.from({ length: count - known }, (_, index) => known + index);
    added.sort((a, b) => comparePointIds(idAt(a), idAt(b)));
    this.#sorted = this.#merge(this.#sorted, added);
    return this.#sorted;
  }

  /** The first rank among offsets below `count` whose id is ≥ `id`. */
  rankOf(id: PointId, count: number): number {
    const sorted = this.sorted(count);
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePointIds(this.#idAt(sorted[middle] as number), id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #merge(a: Uint32Array, b: Uint32Array): Uint32Array<ArrayBuffer> {
    const merged = new Uint32Array(a.length + b.length);
    let atA = 0;
    let atB = 0;
    for (let at = 0; at < merged.length; at += 1) {
      if (atB === b.length || (atA < a.length && this.#precedes(a, atA, b, atB))) {
        merged[at] = a[atA] as number;
        atA += 1;
      } else {
        merged[at] = b[atB] as number;
        atB += 1;
      }
    }
    return merged;
  }

  #precedes(a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean {
    return comparePointIds(this.#idAt(a[atA] as number), this.#idAt(b[atB] as number)) <= 0;
  }
}
