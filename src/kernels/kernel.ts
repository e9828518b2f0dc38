// One thread's hand on one vector memory: reads and writes rows, scans, scores, walks the graph. Not
// reentrant: every thread opens the memory with its own slot and makes one call at a time. Several
// threads may search at once, also while one of them sets tombstones or several build the graph.

import { assert } from '../base/assert.ts';
import { clearBit, countBits, setBit, setBitAtomic, testBit } from '../base/bitset.ts';
import { ExactScorer, type Hits, type ScanRequest } from './exact-scorer.ts';
import { instantiate, type KernelExports } from './exports.ts';
import { headerBytes, headerWord, type SlotLayout, slotAt, type VectorLayout } from './layout.ts';
import { readRow, writeRow } from './rows.ts';
import type { VectorMemory } from './vector-memory.ts';

export interface GraphRequest {
  readonly query: Float32Array;
  readonly k: number;
  /** Candidates kept on the walk; max(ef, k) is used. */
  readonly ef: number;
  /** Bit i admits offset i; null admits all. */
  readonly allowed: Uint32Array | null;
  /** Set bits of `allowed` if known: saves counting them. */
  readonly allowedCount?: number;
}

export interface GraphHits extends Hits {
  /**
   * True: similarities are exact and there are at most k. False when vectors are not kept in memory:
   * up to max(ef, k) candidates with estimated similarities; read their rows, `scoreBlock`, cut to k.
   */
  readonly exact: boolean;
}

export interface BuildProgress {
  /** Points inserted by this call. */
  readonly insertedCount: number;
  /** True when all points are inserted, by whichever thread. */
  readonly done: boolean;
}

export class VectorKernel {
  readonly layout: VectorLayout;
  readonly slot: number;
  readonly #memory: WebAssembly.Memory;
  readonly #exports: KernelExports;
  readonly #scorer: ExactScorer;
  readonly #slot: SlotLayout;
  readonly #header: Uint32Array;
  readonly #hidden: Uint32Array;
  readonly #absent: Uint32Array;

  private constructor({ memory, layout }: VectorMemory, slot: number) {
    assert(slot >= 0 && slot < layout.spec.slotCount, `slot ${slot} of ${layout.spec.slotCount}`);
    this.layout = layout;
    this.slot = slot;
    this.#memory = memory;
    this.#slot = slotAt(layout, slot);
    this.#header = new Uint32Array(memory.buffer, layout.header, headerBytes / 4);
    this.#hidden = new Uint32Array(memory.buffer, layout.hidden, layout.bitmapBytes / 4);
    this.#absent = new Uint32Array(memory.buffer, layout.absent, layout.bitmapBytes / 4);
    this.#exports = instantiate(memory);
    this.#scorer = new ExactScorer(this.#exports, memory, {
      ...layout.spec,
      rows: layout.rows,
      query: this.#slot.query,
      heap: this.#slot.results,
      ids: this.#slot.ids,
      sims: this.#slot.sims,
      heapLength: layout.heapLength,
      block: this.#slot.block,
      blockBytes: layout.blockBytes,
      bitmap: this.#slot.allowed,
      bitmapBits: layout.bitmapBytes * 8,
    });
  }

  static open(vectorMemory: VectorMemory, slot: number): VectorKernel {
    return new VectorKernel(vectorMemory, slot);
  }

  // --- rows ---

  /** The components as f32. Only when vectors are kept. */
  readVector(offset: number): Float32Array {
    const { element, dimension } = this.layout.spec;
    return readRow(this.#memory.buffer, this.#rowAt(offset), element, dimension);
  }

  /** Stores a vector; before the memory is published. Only when vectors are kept. */
  writeVector(offset: number, vector: ArrayLike<number>): void {
    const { element, dimension } = this.layout.spec;
    assert(vector.length === dimension, `vector of ${vector.length} in ${dimension}`);
    writeRow(this.#memory.buffer, this.#rowAt(offset), element, vector);
  }

  /** Stores rows as they lie in another memory or file, `layout.rowBytes` each. */
  writeRows(offset: number, rows: Uint8Array): void {
    const { rowBytes } = this.layout;
    const count = rows.length / rowBytes;
    assert(Number.isInteger(count), `${rows.length} bytes, rows of ${rowBytes}`);
    if (count === 0) return;
    this.#rowAt(offset + count - 1);
    new Uint8Array(this.#memory.buffer, this.#rowAt(offset), rows.length).set(rows);
  }

  // --- tombstones ---

  /** Marks a point deleted; searches of all threads skip it from now on. Idempotent. */
  remove(offset: number): void {
    if (setBitAtomic(this.#hidden, offset)) Atomics.add(this.#header, headerWord.hiddenCount, 1);
  }

  /** The point at this offset lacks this vector; before the memory is published. */
  markAbsent(offset: number): void {
    setBit(this.#absent, offset);
    this.remove(offset);
  }

  /** Whether the point at this offset has this vector, deleted or not. */
  has(offset: number): boolean {
    return !testBit(this.#absent, offset);
  }

  /** Deleted or absent. */
  isHidden(offset: number): boolean {
    return testBit(this.#hidden, offset);
  }

  get hiddenCount(): number {
    return Atomics.load(this.#header, headerWord.hiddenCount);
  }

  // --- exact ---

  /** The best k of a range by exact score; hidden points never appear. */
  scanAllowed(request: ScanRequest): Hits {
    assert(this.layout.rows !== 0, 'vectors are not kept in memory');
    const to = Math.min(request.to, this.layout.spec.pointCapacity);
    return this.#scorer.scan({ ...request, to }, this.hiddenCount === 0 ? null : this.#hidden);
  }

  /** Exact similarity of each listed point, hidden or not, in the order of the list. */
  scoreOffsets(query: Float32Array, offsets: ArrayLike<number>): Float32Array {
    assert(this.layout.rows !== 0, 'vectors are not kept in memory');
    return this.#scorer.scoreOffsets(query, offsets);
  }

  /** Exact similarity of raw rows read from disk, `layout.rowBytes` each. */
  scoreBlock(query: Float32Array, rows: Uint8Array): Float32Array {
    return this.#scorer.scoreBlock(query, rows);
  }

  // --- codes and graph: order of a build is writeVector…, train, encode, beginBuild, buildLoop ---

  /** Learns the quantizer from the stored rows (or from `sample`, when vectors are not kept). */
  train(_sample?: readonly Float32Array[]): void {
    assert(false, 'not built yet');
  }

  /** Computes the codes of offsets from … to - 1 out of the stored rows; any thread, any range. */
  encode(_from: number, _to: number): void {
    assert(false, 'not built yet');
  }

  /** Computes the code of one vector that is not kept in memory. */
  encodeVector(_offset: number, _vector: ArrayLike<number>): void {
    assert(false, 'not built yet');
  }

  /** Prepares the insertion of all present, not yet linked points below `rowCount`. One thread, once. */
  beginBuild(_rowCount: number): void {
    assert(false, 'not built yet');
  }

  /**
   * Inserts up to about `budgetCount` points and returns; every building thread calls it until it says
   * done. It waits (at most 20 ms a call) while another thread inserts the first points alone.
   */
  buildLoop(_budgetCount: number): BuildProgress {
    assert(false, 'not built yet');
    return { insertedCount: 0, done: true };
  }

  /** The k nearest by the graph, hidden and not allowed points left out. */
  searchGraph(_request: GraphRequest): GraphHits {
    assert(false, 'not built yet');
    return { offsets: new Uint32Array(0), sims: new Float32Array(0), exact: true };
  }

  #rowAt(offset: number): number {
    assert(this.layout.rows !== 0, 'vectors are not kept in memory');
    assert(offset >= 0 && offset < this.layout.spec.pointCapacity, `offset ${offset}`);
    return this.layout.rows + offset * this.layout.rowBytes;
  }
}
