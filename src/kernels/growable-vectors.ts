// The vectors of an appendable segment: rows in one shared memory that grows as they come, scanned
// exactly, without graph or codes. One thread owns and writes it; a builder thread may be sent
// `posted()` and read the rows that were there then. An empty one costs a few hundred bytes of
// resident memory, because untouched pages are not backed.

import { assert } from '../base/assert.ts';
import { clearBit, countBits, setBit, testBit } from '../base/bitset.ts';
import { ExactScorer, type Hits, type ScanRequest, type ScorerPlacement } from './exact-scorer.ts';
import { instantiate } from './exports.ts';
import {
  headerBytes,
  memoryBytesMax,
  rowBytesOf,
  type VectorElement,
  type VectorMetric,
} from './layout.ts';
import { readRow, writeRow } from './rows.ts';

export interface GrowableSpec {
  readonly dimension: number;
  readonly element: VectorElement;
  readonly metric: VectorMetric;
}

/** Structured-cloneable: the memory is shared, the rest is a copy from the moment of posting. */
export interface PostedVectors {
  readonly spec: GrowableSpec;
  readonly memory: WebAssembly.Memory;
  readonly rowCount: number;
  /** Bit i: row i is a placeholder of a point without this vector. */
  readonly absent: Uint32Array;
  /** Bit i: row i is not returned by scans (deleted or absent). */
  readonly hidden: Uint32Array;
}

const pageBytes = 65_536;
const heapLength = 8_192;
const blockBytes = 65_536;
const bitmapBits = 32_768;
/** Growth by a quarter at least, so that appending stays linear. */
const growthFactor = 1.25;
/** Each growth is told to every thread, so tiny steps are dear; untouched pages cost nothing. */
const growthBytesMin = 1024 * 1024;

function place(spec: GrowableSpec): ScorerPlacement {
  const queryBytes = Math.ceil(spec.dimension / 16) * 64;
  const widestBlock = Math.max(blockBytes, rowBytesOf(spec.dimension, spec.element));
  const query = headerBytes;
  const bitmap = query + queryBytes;
  const heap = bitmap + bitmapBits / 8;
  const ids = heap + heapLength * 8;
  const sims = ids + heapLength * 4;
  const block = sims + heapLength * 4;
  const rows = block + Math.ceil(widestBlock / 64) * 64;
  return {
    ...spec,
    rows,
    query,
    heap,
    ids,
    sims,
    heapLength,
    block,
    blockBytes: widestBlock,
    bitmap,
    bitmapBits,
  };
}

export class GrowableVectors {
  readonly spec: GrowableSpec;
  readonly rowBytes: number;
  readonly #memory: WebAssembly.Memory;
  readonly #at: ScorerPlacement;
  /** All of the memory as it is now. */
  #floats: Float32Array;
  #scorer: ExactScorer | null = null;
  #rowCount: number;
  #absent: Uint32Array;
  #hidden: Uint32Array;
  #hiddenCount = 0;

  private constructor(posted: PostedVectors) {
    this.spec = posted.spec;
    this.rowBytes = rowBytesOf(posted.spec.dimension, posted.spec.element);
    this.#memory = posted.memory;
    this.#floats = new Float32Array(posted.memory.buffer);
    this.#at = place(posted.spec);
    this.#rowCount = posted.rowCount;
    this.#absent = posted.absent;
    this.#hidden = posted.hidden;
    this.#hiddenCount = countBits(posted.hidden);
  }

  static create(spec: GrowableSpec): GrowableVectors {
    assert(spec.dimension >= 1 && spec.dimension <= 65_536, `dimension ${spec.dimension}`);
    const initial = Math.ceil(place(spec).rows / pageBytes);
    const memory = new WebAssembly.Memory({ initial, maximum: 65_535, shared: true });
    const absent = new Uint32Array(4);
    return new GrowableVectors({ spec, memory, rowCount: 0, absent, hidden: new Uint32Array(4) });
  }

  /** For a builder thread: the rows as they were when `posted` was made. Read only. */
  static open(posted: PostedVectors): GrowableVectors {
    return new GrowableVectors(posted);
  }

  posted(): PostedVectors {
    return {
      spec: this.spec,
      memory: this.#memory,
      rowCount: this.#rowCount,
      absent: this.#absent.slice(),
      hidden: this.#hidden.slice(),
    };
  }

  /** Offsets are below this. Removed rows count too. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** Bytes of the rows, for size limits of segments. */
  get rowsBytes(): number {
    return this.#rowCount * this.rowBytes;
  }

  /** How many more rows fit into the 4 GiB of one memory. */
  get roomCount(): number {
    return Math.floor((memoryBytesMax - this.#at.rows) / this.rowBytes) - this.#rowCount;
  }

  /** Adds a row and returns its offset; null is a point without this vector. */
  append(vector: ArrayLike<number> | null): number {
    const offset = this.#rowCount;
    this.#reserve(offset + 1);
    this.#rowCount = offset + 1;
    this.overwrite(offset, vector);
    return offset;
  }

  /** Replaces a row and makes it visible; null takes the vector away from the point. */
  overwrite(offset: number, vector: ArrayLike<number> | null): void {
    this.#show(offset, vector !== null);
    if (vector === null) return;
    const { dimension, element } = this.spec;
    assert(vector.length === dimension, () => `vector of ${vector.length} in ${dimension}`);
    writeRow(this.#memory.buffer, this.#at.rows + offset * this.rowBytes, element, vector);
  }

  /** As `overwrite`, with the components that begin at `from` in a longer array: makes no view. */
  overwriteFrom(offset: number, source: Float32Array, from: number): void {
    const { dimension, element } = this.spec;
    if (element !== 'f32') {
      this.overwrite(offset, source.subarray(from, from + dimension));
      return;
    }
    assert(from + dimension <= source.length, () => `row at ${from} of ${source.length}`);
    this.#show(offset, true);
    const floats = this.#floats;
    const to = (this.#at.rows + offset * this.rowBytes) >>> 2;
    for (let i = 0; i < dimension; i += 1) floats[to + i] = source[from + i] as number;
  }

  /** The point is deleted: scans no longer return it. Its row stays readable. */
  remove(offset: number): void {
    assert(offset < this.#rowCount, `offset ${offset} of ${this.#rowCount}`);
    this.#hide(offset, true);
  }

  /** Whether the point at this offset has this vector (deleted or not). */
  has(offset: number): boolean {
    return offset < this.#rowCount && !testBit(this.#absent, offset);
  }

  isHidden(offset: number): boolean {
    return testBit(this.#hidden, offset);
  }

  read(offset: number): Float32Array {
    assert(this.has(offset), `no vector at offset ${offset} of ${this.#rowCount}`);
    const { element, dimension } = this.spec;
    return readRow(this.#memory.buffer, this.#at.rows + offset * this.rowBytes, element, dimension);
  }

  /** The raw row, for files: shares the memory, valid until the next append. */
  rawRows(from: number, to: number): Uint8Array {
    assert(from <= to && to <= this.#rowCount, `rows ${from}…${to} of ${this.#rowCount}`);
    const at = this.#at.rows + from * this.rowBytes;
    return new Uint8Array(this.#memory.buffer, at, (to - from) * this.rowBytes);
  }

  /** The best k of a range, exactly; hidden rows never appear. */
  scan(request: ScanRequest): Hits {
    const to = Math.min(request.to, this.#rowCount);
    const hidden = this.#hiddenCount === 0 ? null : this.#hidden;
    return this.#scoring().scan({ ...request, to }, hidden);
  }

  /** Similarity of each listed row, hidden or not, in the order of the list. */
  scoreOffsets(query: Float32Array, offsets: ArrayLike<number>): Float32Array {
    return this.#scoring().scoreOffsets(query, offsets);
  }

  #scoring(): ExactScorer {
    this.#scorer ??= new ExactScorer(instantiate(this.#memory), this.#memory, this.#at);
    return this.#scorer;
  }

  /** Whether the point has this vector from now on. */
  #show(offset: number, isPresent: boolean): void {
    assert(offset < this.#rowCount, () => `offset ${offset} of ${this.#rowCount}`);
    if (isPresent) clearBit(this.#absent, offset);
    else setBit(this.#absent, offset);
    this.#hide(offset, !isPresent);
  }

  #hide(offset: number, hide: boolean): void {
    if (testBit(this.#hidden, offset) === hide) return;
    if (hide) setBit(this.#hidden, offset);
    else clearBit(this.#hidden, offset);
    this.#hiddenCount += hide ? 1 : -1;
  }

  #reserve(rowCount: number): void {
    assert(this.roomCount > 0, () => `${this.#rowCount} rows of ${this.rowBytes} bytes are full`);
    const wanted = this.#at.rows + rowCount * this.rowBytes;
    const present = this.#floats.byteLength;
    if (wanted > present) {
      const bytes = Math.max(wanted, present * growthFactor, present + growthBytesMin);
      const target = Math.min(memoryBytesMax, bytes);
      this.#memory.grow(Math.ceil((target - present) / pageBytes));
      this.#floats = new Float32Array(this.#memory.buffer);
      this.#scorer?.refresh();
    }
    if (rowCount > this.#hidden.length * 32) {
      this.#absent = grown(this.#absent);
      this.#hidden = grown(this.#hidden);
    }
  }
}

function grown(words: Uint32Array): Uint32Array {
  const result = new Uint32Array(words.length * 2);
  result.set(words);
  return result;
}
