// One thread's hand on one vector memory: reads and writes rows, scans, scores, walks the graph.
// Not reentrant: every thread opens the memory with its own slot and makes one call at a time.
// Several threads may search at once, also while one of them sets tombstones or several build the
// graph.

import { assert } from '../base/assert.ts';
import { setBitAtomic, testBit } from '../base/bitset.ts';
import { buildOrder } from './build-order.ts';
import { ExactScorer, type Hits, type ScanRequest } from './exact-scorer.ts';
import { instantiate, type KernelExports, walkMode, walkModeExact } from './exports.ts';
import {
  codeParameterBytes,
  headerBytes,
  headerWord,
  type SlotLayout,
  slotAt,
  type VectorElement,
  type VectorLayout,
} from './layout.ts';
import { preferScan, walkBudget } from './plan.ts';
import { trainCodes } from './quantizer.ts';
import { readRow, writeRow } from './rows.ts';
import { graphHeadWord, type VectorMemory } from './vector-memory.ts';

export interface GraphRequest {
  readonly query: Float32Array;
  readonly k: number;
  /** Candidates kept on the walk; max(ef, k) is used. */
  readonly ef: number;
  /** Bit i admits offset i; null admits all. */
  readonly allowed: Uint32Array | null;
}

export interface GraphHits extends Hits {
  /**
   * True: similarities are exact and there are at most k. False when vectors are not kept in
   * memory: up to max(ef, k) candidates with estimated similarities; read their rows, `scoreBlock`,
   * cut to k.
   */
  readonly exact: boolean;
}

/** Structured-cloneable: what the threads of one build share besides the memory. */
export interface BuildPlan {
  /** On shared memory, so that posting it copies nothing. */
  readonly order: Uint32Array<SharedArrayBuffer>;
}

export interface BuildProgress {
  /** Points inserted by this call. */
  readonly insertedCount: number;
  /** True when all points are inserted, by whichever thread. */
  readonly done: boolean;
}

/** Mean square of a query's components outside the codes, in steps, up to which codes are used. */
const excessMax = 1;
/** Candidates beyond k at the least, because codes order near ties wrongly. */
const spareFactor = 1.25;
const spareCount = 8;
const sampleCountMax = 10_000;
/** Points taken at a time from the order; the first claim is inserted by one thread alone. */
const claimCount = 64;
const serialRunning = 1;
const serialDone = 2;

/** What is left of a component when it is stored as half or byte. */
function stored(x: number, element: VectorElement): number {
  if (element === 'f16') return Math.f16round(x);
  return Number.isNaN(x) ? 0 : Math.min(255, Math.max(0, Math.trunc(x)));
}

export class VectorKernel {
  readonly layout: VectorLayout;
  readonly slot: number;
  readonly #memory: WebAssembly.Memory;
  readonly #exports: KernelExports;
  readonly #scorer: ExactScorer;
  readonly #slot: SlotLayout;
  readonly #header: Int32Array;
  readonly #hidden: Uint32Array;
  readonly #absent: Uint32Array;
  readonly #linked: Uint32Array;
  readonly #f32: Float32Array;
  readonly #u32: Uint32Array;
  /** One step of the current query's code, for a dot product. */
  #queryStep = 1;
  /** How the current query walks. */
  #walkMode: number = walkMode.dot;

  private constructor({ memory, layout }: VectorMemory, slot: number) {
    assert(slot >= 0 && slot < layout.spec.slotCount, `slot ${slot} of ${layout.spec.slotCount}`);
    this.layout = layout;
    this.slot = slot;
    this.#memory = memory;
    this.#slot = slotAt(layout, slot);
    this.#header = new Int32Array(memory.buffer, layout.header, headerBytes / 4);
    this.#hidden = new Uint32Array(memory.buffer, layout.hidden, layout.bitmapBytes / 4);
    this.#absent = new Uint32Array(memory.buffer, layout.absent, layout.bitmapBytes / 4);
    this.#linked = new Uint32Array(
      memory.buffer,
      layout.graph?.linked ?? 0,
      layout.graph === null ? 0 : layout.bitmapBytes / 4,
    );
    this.#f32 = new Float32Array(memory.buffer);
    this.#u32 = new Uint32Array(memory.buffer);
    this.#exports = instantiate(memory);
    configure(this.#exports, layout, this.#slot);
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
    if (setBitAtomic(this.#absent, offset)) Atomics.add(this.#header, headerWord.absentCount, 1);
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

  // --- codes and graph: a build is writeVector …, train, encode, planBuild, buildLoop … ---

  /**
   * Learns the quantizer from the stored rows (or from `sample`, when vectors are not kept). One
   * thread, before any `encode`.
   */
  train(rowCount: number, sample?: readonly Float32Array[]): void {
    this.#codeParameters();
    const vectors = sample ?? this.#sampleRows(rowCount);
    const used = vectors.map((vector) => this.#coded(vector));
    const at = this.#slot.widened >>> 2;
    trainCodes(this.layout, this.#f32, used, (vector) => {
      this.#widen(vector);
      this.#exports.centreWidened();
      this.#exports.rotateWidened();
      return this.#f32.subarray(at, at + this.layout.codeBytes);
    });
  }

  /** Computes the codes of offsets from … to - 1 out of the stored rows; any thread, any range. */
  encode(from: number, to: number): void {
    this.#codeParameters();
    assert(from <= to, `${from} … ${to}`);
    if (from === to) return;
    this.#rowAt(to - 1);
    this.#exports.encodeRows(from, to);
  }

  /** Computes the code of one vector that is not kept in memory. */
  encodeVector(offset: number, vector: ArrayLike<number>): void {
    const { pointCapacity, dimension } = this.layout.spec;
    assert(offset >= 0 && offset < pointCapacity, `offset ${offset} of ${pointCapacity}`);
    assert(vector.length === dimension, `vector of ${vector.length} in ${dimension}`);
    this.#codeParameters();
    this.#widen(vector);
    this.#exports.encodeWidened(this.layout.codeRows + offset * this.layout.codeBytes);
  }

  /**
   * Prepares the insertion of all points below `rowCount` that are not hidden and not yet in the
   * graph. One thread; then post the plan to the others. About a fiftieth of the build's time.
   */
  planBuild(rowCount: number): BuildPlan {
    assert(rowCount <= this.layout.spec.pointCapacity, `${rowCount} points`);
    const missing: number[] = [];
    for (let offset = 0; offset < rowCount; offset += 1) {
      if (!testBit(this.#hidden, offset) && !testBit(this.#linked, offset)) missing.push(offset);
    }
    const header = this.#header;
    Atomics.store(header, headerWord.finishedCount, 0);
    Atomics.store(header, headerWord.serialState, 0);
    Atomics.store(header, headerWord.cursor, 0);
    const pivotsAt = this.#slot.ids >>> 2;
    let loaded: Uint32Array | null = null;
    const order = buildOrder(Uint32Array.from(missing), (point, pivots) => {
      if (pivots !== loaded) this.#u32.set(pivots, pivotsAt);
      loaded = pivots;
      return this.#exports.nearestCode(point, this.#slot.ids, pivots.length, this.#slot.sims);
    });
    return { order };
  }

  /**
   * Inserts up to about `budgetCount` points and returns; every building thread calls it until it
   * says done. While another thread inserts the first points alone, it waits (at most 20 ms a
   * call).
   */
  buildLoop({ order }: BuildPlan, budgetCount: number): BuildProgress {
    const header = this.#header;
    let insertedCount = 0;
    while (insertedCount < budgetCount) {
      if (Atomics.load(header, headerWord.serialState) === serialRunning) {
        const word = headerWord.serialState;
        if (Atomics.wait(header, word, serialRunning, 20) === 'timed-out') break;
      }
      const from = Atomics.add(header, headerWord.cursor, claimCount);
      if (from >= order.length) break;
      const claim = order.subarray(from, from + claimCount);
      if (from === 0) Atomics.store(header, headerWord.serialState, serialRunning);
      for (const offset of claim) this.#exports.insertPoint(offset);
      insertedCount += claim.length;
      Atomics.add(header, headerWord.finishedCount, claim.length);
      if (from > 0) continue;
      Atomics.store(header, headerWord.serialState, serialDone);
      Atomics.notify(header, headerWord.serialState);
    }
    return {
      insertedCount,
      done: Atomics.load(header, headerWord.finishedCount) >= order.length,
    };
  }

  /**
   * The k nearest, hidden and not allowed points left out: walks the graph on codes, or scans the
   * codes of the admitted points where that is cheaper, and scores the candidates exactly.
   */
  searchGraph(request: GraphRequest): GraphHits {
    const { graph, heapLength } = this.layout;
    assert(graph !== null, 'no graph');
    const k = Math.min(heapLength, request.k);
    const ef = Math.min(heapLength, Math.max(request.ef, Math.ceil(k * spareFactor) + spareCount));
    this.#loadQueryCode(request.query);
    const count = this.#findCandidates(request.allowed, ef, k);
    if (this.layout.rows === 0) return this.#estimated(request.query, count);
    const heap = this.#slot.frontier;
    const size = this.#exports.rescore(count, heap, Math.min(k, count), this.#scoreStep());
    this.#exports.takeSims(heap, size, this.#slot.ids, this.#slot.sims);
    const { offsets, sims } = this.#scorer.takeHits(size);
    return { offsets, sims, exact: true };
  }

  /**
   * Leaves at least min(k, admitted points) candidates in the result list; returns their number.
   */
  #findCandidates(allowed: Uint32Array | null, ef: number, k: number): number {
    const exports = this.#exports;
    const mode = this.#walkMode;
    const pointCount = this.linkedCount;
    const { hidden, bitmapBytes } = this.layout;
    const bitmap = this.#slot.allowed;
    if (allowed === null) {
      // Absent points are hidden too, but not in the graph.
      const deletedCount = this.hiddenCount - Atomics.load(this.#header, headerWord.absentCount);
      const allowedCount = Math.max(0, pointCount - deletedCount);
      const plan = { allowedCount, pointCount, ef };
      let found = -1;
      if (!preferScan(plan)) {
        found =
          deletedCount === 0
            ? exports.searchAll(mode, ef)
            : exports.searchFiltered(mode, ef, hidden, -1, walkBudget(plan));
      }
      if (found >= Math.min(k, allowedCount)) return found;
    }
    this.#loadBitmap(allowed);
    const allowedCount = exports.withoutHidden(bitmap, hidden, bitmapBytes);
    const plan = { allowedCount, pointCount, ef };
    if (allowed !== null && !preferScan(plan)) {
      const found = exports.searchFiltered(mode, ef, bitmap, 0, walkBudget(plan));
      if (found >= Math.min(k, allowedCount)) return found;
    }
    return exports.scanCodes(mode, ef, bitmap, bitmapBytes / 4);
  }

  /** Copies a filter into the scratch slot; null stands for all points that are in the graph. */
  #loadBitmap(allowed: Uint32Array | null): void {
    const length = this.layout.bitmapBytes / 4;
    const at = this.#slot.allowed >>> 2;
    const source = allowed ?? this.#linked;
    const used = Math.min(length, source.length);
    this.#u32.set(used === source.length ? source : source.subarray(0, used), at);
    this.#u32.fill(0, at + used, at + length);
  }

  /** All candidates with what their codes say of the similarity; for vectors that are on disk. */
  #estimated(query: Float32Array, count: number): GraphHits {
    const { ids, sims, queryCode } = this.#slot;
    const { codeBytes, spec } = this.layout;
    this.#exports.takeScores(count, ids, sims);
    const factor = this.#scoreStep();
    const scores = new Int32Array(this.#memory.buffer, sims, count);
    const offsets = this.#u32.slice(ids >>> 2, (ids >>> 2) + count);
    if (spec.metric === 'euclid' || spec.metric === 'manhattan') {
      return { offsets, sims: Float32Array.from(scores, (score) => score * factor), exact: false };
    }
    const signed = new Int8Array(this.#memory.buffer, queryCode, codeBytes);
    const middle = 64 * signed.reduce((sum, x) => sum + x, 0);
    const mean = this.#codeParameters() + codeParameterBytes / 4;
    const coded = this.#coded(query);
    const base = coded.reduce((sum, x, i) => sum + x * (this.#f32[mean + i] ?? 0), 0);
    const estimates = Float32Array.from(scores, (score) => base + (score - middle) * factor);
    return { offsets, sims: estimates, exact: false };
  }

  /** What one unit of the current query's code scores is worth as similarity. */
  #scoreStep(): number {
    const scale = this.#f32[this.#codeParameters()] ?? 1;
    const { metric } = this.layout.spec;
    // Exact scores as keys: no step, and rescoring leaves nothing out.
    if (this.#walkMode === walkModeExact) return Number.NaN;
    if (metric === 'euclid') return scale * scale;
    return metric === 'manhattan' ? scale : scale * this.#queryStep;
  }

  /** Points in the graph, deleted ones included. */
  get linkedCount(): number {
    const { graph } = this.layout;
    return graph === null ? 0 : (this.#u32[(graph.head >>> 2) + graphHeadWord.linkedCount] ?? 0);
  }

  get #cosineBytes(): boolean {
    return this.layout.spec.element === 'u8' && this.layout.spec.metric === 'cosine';
  }

  #loadQueryCode(query: Float32Array): void {
    this.#scorer.loadQuery(query);
    this.#widen(query);
    const { metric } = this.layout.spec;
    if (metric === 'dot' || metric === 'cosine') {
      this.#queryStep = this.#exports.encodeDotQuery();
      this.#walkMode = walkMode[metric];
      return;
    }
    const excess = this.#exports.encodeRowQuery();
    const isFar = excess > excessMax && this.layout.rows !== 0;
    this.#walkMode = isFar ? walkModeExact : walkMode[metric];
  }

  /** Puts a vector, rounded to the element, where the coding functions read it. */
  #widen(vector: ArrayLike<number>): void {
    const { dimension, element } = this.layout.spec;
    const at = this.#slot.widened >>> 2;
    if (element === 'f32') this.#f32.set(vector, at);
    else for (let i = 0; i < dimension; i += 1) this.#f32[at + i] = stored(vector[i] ?? 0, element);
    this.#exports.clearPadding();
    if (this.#cosineBytes) this.#exports.normalizeWidened();
  }

  #codeParameters(): number {
    assert(this.layout.codeRows !== 0, 'this memory has no codes');
    return this.layout.codeParameters >>> 2;
  }

  #coded(vector: Float32Array): Float32Array {
    if (!this.#cosineBytes) return vector;
    const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    return length === 0 ? vector : vector.map((x) => x / length);
  }

  #sampleRows(rowCount: number): Float32Array[] {
    const sample: Float32Array[] = [];
    const step = Math.max(1, rowCount / sampleCountMax);
    for (let at = 0; at < rowCount; at += step) {
      const offset = Math.floor(at);
      if (!testBit(this.#absent, offset)) sample.push(this.readVector(offset));
    }
    return sample;
  }

  #rowAt(offset: number): number {
    assert(this.layout.rows !== 0, 'vectors are not kept in memory');
    assert(offset >= 0 && offset < this.layout.spec.pointCapacity, `offset ${offset}`);
    return this.layout.rows + offset * this.layout.rowBytes;
  }
}

/** Tells the compiled code where everything lies; the exact rows are the scorer's. */
function configure(exports: KernelExports, layout: VectorLayout, slot: SlotLayout): void {
  const { graph } = layout;
  if (layout.codeRows !== 0) {
    exports.setCodes(
      layout.codeParameters,
      layout.codeRows,
      layout.codeBytes,
      slot.queryCode,
      slot.widened,
    );
  }
  exports.setScratch(
    slot.visited,
    layout.bitmapBytes,
    slot.trail,
    layout.trailLength,
    slot.results,
    slot.frontier,
    layout.frontierLength,
    slot.batch,
    slot.batchScores,
    slot.build,
  );
  if (graph === null) return;
  const { head, linked, upperIndex, level0, pool, poolWords, m, m0 } = graph;
  exports.setGraph(head, linked, upperIndex, level0, pool, poolWords);
  const efConstruct = Math.min(layout.heapLength, graph.efConstruct);
  exports.setBuild(graph.locks, graph.lockCount, m, m0, efConstruct);
}
