// An immutable segment as one thread reads it: typed views on shared columns, and a kernel per
// vector name, opened when first used. Nothing here is kept per point. Only the shard's owner calls
// `markDeleted`; every thread sees the tombstone at once.

import { assert } from '../base/assert.ts';
import { popcount32, setBitAtomic, testBit } from '../base/bitset.ts';
import { filterBitmap } from '../index/filter/bitmap.ts';
import type { CompiledFilter } from '../index/filter/compiled-filter.ts';
import { FilterCache } from '../index/filter/filter-cache.ts';
import type { FieldIndex } from '../index/payload/field-index.ts';
import { openFieldIndex } from '../index/payload/published-field-index.ts';
import type { Disk } from '../io/ports.ts';
import { noHits } from '../kernels/exact-scorer.ts';
import type { Filter } from '../model/filter.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import type { PointId } from '../model/point-id.ts';
import type { OrderBy, SearchTask } from '../model/read.ts';
import { IdReader } from './id-column.ts';
import { PayloadReader } from './payload-column.ts';
import { PublishedVectors } from './published-vectors.ts';
import { countMatching, estimateMatching, offsetsInIdOrder, offsetsInValueOrder } from './reads.ts';
import { searchSegment } from './search.ts';
import type { OffsetHits, OrderedOffset, Pause, SegmentReader } from './segment-reader.ts';
import { type SharedFieldIndex, type SharedSegment, segmentCounter } from './shared-segment.ts';

export interface PublishedSegmentOptions {
  /** Scratch memory of this thread in every kernel memory; no other thread may use the number. */
  readonly slot: number;
  readonly disk: Disk;
  /** What the collection has agreed on; filters mean what it says. */
  readonly schema: PayloadSchema;
  /** `optimizers_config.indexing_threshold`, for `indexed_only`. */
  readonly indexingThresholdKb: number;
}

/** Bytes of filter bitmaps kept per segment and thread: this many bitmaps, within bounds. */
const cachedBitmaps = 32;
const cacheBytesMin = 256 * 1024;
const cacheBytesMax = 16 * 1024 * 1024;

export class PublishedSegment implements SegmentReader {
  readonly id: string;
  readonly shared: SharedSegment;
  readonly #options: PublishedSegmentOptions;
  readonly #ids: IdReader;
  readonly #versions: Float64Array;
  readonly #tombstones: Uint32Array;
  readonly #counters: Int32Array;
  readonly #payloads: PayloadReader;
  readonly #vectors = new Map<string, PublishedVectors>();
  readonly #indexes = new Map<string, SharedFieldIndex | FieldIndex>();
  readonly #cache: FilterCache;

  private constructor(shared: SharedSegment, options: PublishedSegmentOptions) {
    this.id = shared.id;
    this.shared = shared;
    this.#options = options;
    this.#ids = new IdReader(shared.ids);
    assert(this.#ids.count === shared.offsetCount, () => `${this.#ids.count} ids in ${shared.id}`);
    this.#versions = new Float64Array(shared.versions);
    this.#tombstones = new Uint32Array(shared.tombstones);
    this.#counters = new Int32Array(shared.counters);
    this.#payloads = new PayloadReader(shared.payloads, options.disk);
    for (const vectors of shared.vectors) {
      if (vectors.memory === null) continue;
      const opened = new PublishedVectors(vectors, vectors.memory, {
        ...options,
        indexed: shared.indexed,
      });
      this.#vectors.set(vectors.config.name, opened);
    }
    for (const index of shared.fieldIndexes) this.#indexes.set(index.field, index);
    const bitmapBytes = (shared.offsetCount / 8) * cachedBitmaps;
    const bytesMax = Math.min(cacheBytesMax, Math.max(cacheBytesMin, bitmapBytes));
    this.#cache = new FilterCache({ bytesMax });
  }

  /** Opens files that stay on disk at once: they may then be unlinked while this is in use. */
  static open(shared: SharedSegment, options: PublishedSegmentOptions): PublishedSegment {
    return new PublishedSegment(shared, options);
  }

  /** Closes the files. Idempotent. */
  close(): void {
    this.#payloads.close();
    for (const vectors of this.#vectors.values()) vectors.close();
  }

  /**
   * Removes a point from all answers of all threads. Owner only. False if it was removed before.
   */
  markDeleted(offset: number): boolean {
    assert(offset >= 0 && offset < this.offsetCount(), `offset ${offset} of ${this.id}`);
    if (!setBitAtomic(this.#tombstones, offset)) return false;
    for (const vectors of this.#vectors.values()) vectors.hide(offset);
    Atomics.add(this.#counters, segmentCounter.deleted, 1);
    return true;
  }

  get deletedCount(): number {
    return Atomics.load(this.#counters, segmentCounter.deleted);
  }

  hasVectorAt(name: string, offset: number): boolean {
    return this.#vectors.get(name)?.has(offset) ?? false;
  }

  pointCount(): number {
    return this.shared.offsetCount - this.deletedCount;
  }

  offsetCount(): number {
    return this.shared.offsetCount;
  }

  vectorNames(): readonly string[] {
    return this.shared.vectors.map(({ config }) => config.name);
  }

  findOffset(id: PointId): number {
    const offset = this.#ids.find(id);
    return offset >= 0 && this.isLive(offset) ? offset : -1;
  }

  isLive(offset: number): boolean {
    return offset < this.shared.offsetCount && !testBit(this.#tombstones, offset);
  }

  idAt(offset: number): PointId {
    return this.#ids.at(offset);
  }

  versionAt(offset: number): number {
    return this.#versions[offset] as number;
  }

  payloadAt(offset: number): Uint8Array {
    return this.#payloads.at(offset);
  }

  vectorAt(name: string, offset: number): Float32Array | null {
    return this.#vectors.get(name)?.read(offset) ?? null;
  }

  fieldIndex(key: string): FieldIndex | null {
    const known = this.#indexes.get(key);
    if (known === undefined) return null;
    if (!('columns' in known)) return known;
    const opened = openFieldIndex(known.schema, known.columns);
    this.#indexes.set(key, opened);
    return opened;
  }

  get schema(): PayloadSchema {
    return this.#options.schema;
  }

  offsetsSortedById(): null {
    return null;
  }

  rankOf(id: PointId): number {
    return this.#ids.lowerBound(id);
  }

  async filterBits(filter: CompiledFilter, pause: Pause): Promise<Uint32Array> {
    const cached = this.#cache.get(filter);
    if (cached !== null) return cached;
    const bits = await filterBitmap(filter, this, pause);
    this.#cache.set(filter, bits);
    return bits;
  }

  countLive(bits: Uint32Array): number {
    const dead = this.#tombstones;
    let count = 0;
    for (let at = 0; at < bits.length; at += 1) {
      count += popcount32((bits[at] as number) & ~(dead[at] as number));
    }
    return count;
  }

  search(task: SearchTask, pause: Pause): OffsetHits | Promise<OffsetHits> {
    const vectors = this.#vectors.get(task.vectorName);
    if (vectors === undefined) return noHits;
    return searchSegment(this, vectors, task, pause);
  }

  count(filter: Filter | null, pause: Pause): Promise<number> {
    return countMatching(this, filter, pause);
  }

  estimate(filter: Filter): number {
    return estimateMatching(this, filter);
  }

  offsetsById(
    filter: Filter | null,
    from: PointId | null,
    limit: number,
    pause: Pause,
  ): Promise<Uint32Array> {
    return offsetsInIdOrder(this, { filter, from, limit }, pause);
  }

  offsetsByValue(
    filter: Filter | null,
    order: OrderBy,
    limit: number,
    pause: Pause,
  ): Promise<readonly OrderedOffset[]> {
    return offsetsInValueOrder(this, { filter, order, limit }, pause);
  }
}
