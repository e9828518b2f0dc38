// Exact scores: of listed rows, of a range with a filter, of raw rows read from disk. Everything
// that reports a score ends here, in one compiled function per element and metric, so the same
// query and stored vector always give the same bits. Used on sealed memories and on growing ones
// alike.

import { assert } from '../base/assert.ts';
import { elementCode, type KernelExports, metricCode, metricCodeCosineU8 } from './exports.ts';
import { rowBytesOf, type VectorElement, type VectorMetric } from './layout.ts';
import { writeRow } from './rows.ts';

/** Points by descending similarity; equal similarities by ascending offset. */
export interface Hits {
  readonly offsets: Uint32Array;
  /** Internal similarity: bigger is better for every metric (Euclid: the negative square). */
  readonly sims: Float32Array;
}

export interface ScanRequest {
  readonly query: Float32Array;
  /** How many points to return at most; more than the range holds is fine. */
  readonly k: number;
  /** Bit i admits offset i; null admits all. Words beyond its end admit nothing. */
  readonly allowed: Uint32Array | null;
  /** Offsets from … to - 1: long scans are cut into slices, and the caller merges. */
  readonly from: number;
  readonly to: number;
}

export interface ScorerPlacement {
  readonly dimension: number;
  readonly element: VectorElement;
  readonly metric: VectorMetric;
  readonly rows: number;
  readonly query: number;
  readonly heap: number;
  readonly ids: number;
  readonly sims: number;
  /** Entries of heap, ids and sims. */
  readonly heapLength: number;
  readonly block: number;
  readonly blockBytes: number;
  /** Scratch for the filter of one scan, `bitmapBits` long. */
  readonly bitmap: number;
  readonly bitmapBits: number;
}

export const noHits: Hits = { offsets: new Uint32Array(0), sims: new Float32Array(0) };

/** The best `k` of several lists of hits on distinct points. */
export function mergeHits(lists: readonly Hits[], k: number): Hits {
  const offsets = new Uint32Array(lists.reduce((sum, list) => sum + list.offsets.length, 0));
  const sims = new Float32Array(offsets.length);
  let at = 0;
  for (const list of lists) {
    offsets.set(list.offsets, at);
    sims.set(list.sims, at);
    at += list.offsets.length;
  }
  const order = Uint32Array.from(offsets.keys()).sort((a, b) => {
    const bySim = (sims[b] ?? 0) - (sims[a] ?? 0);
    return bySim !== 0 ? bySim : (offsets[a] ?? 0) - (offsets[b] ?? 0);
  });
  const best = order.subarray(0, k);
  return {
    offsets: Uint32Array.from(best, (index) => offsets[index] ?? 0),
    sims: Float32Array.from(best, (index) => sims[index] ?? 0),
  };
}

/** Not reentrant: one thread, one call at a time. */
export class ExactScorer {
  readonly rowBytes: number;
  readonly #exports: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #at: ScorerPlacement;
  #u32: Uint32Array;
  #f32: Float32Array;

  constructor(exports: KernelExports, memory: WebAssembly.Memory, placement: ScorerPlacement) {
    this.rowBytes = rowBytesOf(placement.dimension, placement.element);
    this.#exports = exports;
    this.#memory = memory;
    this.#at = placement;
    this.#u32 = new Uint32Array(memory.buffer);
    this.#f32 = new Float32Array(memory.buffer);
    const { rows, dimension, element, metric, query } = placement;
    const code = metric === 'cosine' && element === 'u8' ? metricCodeCosineU8 : metricCode[metric];
    exports.setRows(rows, this.rowBytes, dimension, elementCode[element], code, query);
  }

  /** After the memory has grown: views on the longer buffer. */
  refresh(): void {
    this.#u32 = new Uint32Array(this.#memory.buffer);
    this.#f32 = new Float32Array(this.#memory.buffer);
  }

  /** Puts the query, rounded to the element, where the compiled functions read it. */
  loadQuery(query: Float32Array): void {
    const { dimension, element, query: at } = this.#at;
    assert(query.length === dimension, `query of ${query.length}, vectors of ${dimension}`);
    if (element === 'u8') writeRow(this.#u32.buffer, at, 'u8', query);
    else if (element === 'f16') this.#f32.set(new Float16Array(query), at >>> 2);
    else this.#f32.set(query, at >>> 2);
  }

  /** Scores the listed offsets, in their order. */
  scoreOffsets(query: Float32Array, offsets: ArrayLike<number>): Float32Array {
    this.loadQuery(query);
    const { ids, sims, heapLength } = this.#at;
    const result = new Float32Array(offsets.length);
    for (let from = 0; from < offsets.length; from += heapLength) {
      const count = Math.min(heapLength, offsets.length - from);
      for (let i = 0; i < count; i += 1) this.#u32[(ids >>> 2) + i] = offsets[from + i] ?? 0;
      this.#exports.exactGather(ids, count, sims);
      result.set(this.#f32.subarray(sims >>> 2, (sims >>> 2) + count), from);
    }
    return result;
  }

  /** Scores raw rows, `rowBytes` each, as they were written to disk. */
  scoreBlock(query: Float32Array, rows: Uint8Array): Float32Array {
    assert(rows.length % this.rowBytes === 0, `${rows.length} bytes, rows of ${this.rowBytes}`);
    this.loadQuery(query);
    const { block, blockBytes, sims, heapLength } = this.#at;
    const result = new Float32Array(rows.length / this.rowBytes);
    const step = Math.min(heapLength, Math.floor(blockBytes / this.rowBytes));
    const target = new Uint8Array(this.#u32.buffer);
    for (let from = 0; from < result.length; from += step) {
      const count = Math.min(step, result.length - from);
      target.set(rows.subarray(from * this.rowBytes, (from + count) * this.rowBytes), block);
      this.#exports.exactBlock(block, count, sims);
      result.set(this.#f32.subarray(sims >>> 2, (sims >>> 2) + count), from);
    }
    return result;
  }

  /**
   * The best k of a range by exact score, without the points whose bit is set in `hidden`
   * (null: none is).
   */
  scan(request: ScanRequest, hidden: Uint32Array | null): Hits {
    const { from, to, k } = request;
    if (from >= to || k <= 0) return noHits;
    this.loadQuery(request.query);
    const { heapLength } = this.#at;
    if (k <= heapLength) return this.#scanInto(request, hidden, from, to);
    // More results than the heap holds: every slice no longer than the heap comes back whole.
    const lists: Hits[] = [];
    for (let at = from; at < to; at += heapLength) {
      lists.push(this.#scanInto(request, hidden, at, Math.min(to, at + heapLength)));
    }
    return mergeHits(lists, k);
  }

  #scanInto(request: ScanRequest, hidden: Uint32Array | null, from: number, to: number): Hits {
    const { heap, ids, sims, rows, bitmap, bitmapBits, heapLength } = this.#at;
    const k = Math.min(request.k, heapLength, to - from);
    let size = 0;
    // Slices start at a word of the bitmaps.
    let at = from;
    while (at < to) {
      const first = at & ~31;
      const end = Math.min(to, first + bitmapBits);
      const filtered = this.#compose(request.allowed, hidden, first, end);
      size = this.#exports.scanRows(
        rows + at * this.rowBytes,
        end - at,
        at,
        filtered ? bitmap : 0,
        at - first,
        0,
        heap,
        size,
        k,
      );
      at = end;
    }
    this.#exports.takeSims(heap, size, ids, sims);
    return this.takeHits(size);
  }

  /** Copies the first `count` ids and similarities out of the scratch area. */
  takeHits(count: number): Hits {
    const offsets = new Uint32Array(count);
    const sims = new Float32Array(count);
    const firstId = this.#at.ids >>> 2;
    const firstSim = this.#at.sims >>> 2;
    // Most lists are so short that views on their places would cost more than this loop.
    for (let i = 0; i < count; i += 1) {
      offsets[i] = this.#u32[firstId + i] as number;
      sims[i] = this.#f32[firstSim + i] as number;
    }
    return { offsets, sims };
  }

  /** Writes (allowed and not hidden) for offsets from `first` on; false when all are admitted. */
  #compose(
    allowed: Uint32Array | null,
    hidden: Uint32Array | null,
    first: number,
    end: number,
  ): boolean {
    if (allowed === null && hidden === null) return false;
    const target = this.#at.bitmap >>> 2;
    const firstWord = first >>> 5;
    const words = ((end + 31) >>> 5) - firstWord;
    for (let i = 0; i < words; i += 1) {
      const admitted = allowed === null ? 0xffffffff : (allowed[firstWord + i] ?? 0);
      const kept = hidden === null ? 0xffffffff : ~(hidden[firstWord + i] ?? 0);
      this.#u32[target + i] = admitted & kept;
    }
    return true;
  }
}
