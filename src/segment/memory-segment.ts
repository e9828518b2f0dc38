// The newest points of a shard, in the memory of its owner's thread: appended, changed in place and
// removed. Offsets are given in order of arrival; a removed point leaves a hole. After `freeze`
// only `remove` is allowed: a builder reads the shared memory meanwhile, and the segment goes on
// serving.

import { assert } from '../base/assert.ts';
import { clearBit, countAnd, setBit, testBit } from '../base/bitset.ts';
import { filterBitmap } from '../index/filter/bitmap.ts';
import type { CompiledFilter } from '../index/filter/compiled-filter.ts';
import type { FieldIndex } from '../index/payload/field-index.ts';
import { MemoryFieldIndex } from '../index/payload/memory-field-index.ts';
import { noHits } from '../kernels/exact-scorer.ts';
import { GrowableVectors } from '../kernels/growable-vectors.ts';
import { elementBytes, type VectorConfig } from '../model/collection-config.ts';
import type { Filter } from '../model/filter.ts';
import type { PayloadFieldSchema, PayloadSchema } from '../model/payload-schema.ts';
import { emptyPayload } from '../model/payload-text.ts';
import type { PointId } from '../model/point-id.ts';
import type { OrderBy, SearchTask } from '../model/read.ts';
import type { PointBatch, VectorColumn } from '../model/update.ts';
import { GrowableColumn } from './growable-column.ts';
import { IdOrder } from './id-order.ts';
import { PayloadHeap } from './payload-heap.ts';
import { countMatching, estimateMatching, offsetsInIdOrder, offsetsInValueOrder } from './reads.ts';
import type { SealedSegment } from './sealed-segment.ts';
import { indexedOnlyBytesMax, searchSegment } from './search.ts';
import type { OffsetHits, OrderedOffset, Pause, SegmentReader } from './segment-reader.ts';
import { growableSpec } from './vector-spec.ts';

/** Values by vector name, ready to store; names the segment does not know are left out. */
export type PointVectors = ReadonlyMap<string, Float32Array>;

export interface MemorySegmentOptions {
  readonly id: string;
  readonly vectors: readonly VectorConfig[];
  readonly schema: PayloadSchema;
  /** `optimizers_config.indexing_threshold`, for `indexed_only`. */
  readonly indexingThresholdKb: number;
}

interface MemoryVectors {
  readonly config: VectorConfig;
  readonly rows: GrowableVectors;
  presentCount: number;
}

/** Payloads indexed between two pauses. */
const indexSlicePoints = 1024;

export class MemorySegment implements SegmentReader {
  readonly id: string;
  readonly #vectors = new Map<string, MemoryVectors>();
  /** The same, for loops over each point. */
  readonly #stores: readonly MemoryVectors[];
  readonly #offsetOf = new Map<PointId, number>();
  readonly #ids: PointId[] = [];
  readonly #versions = new GrowableColumn<Float64Array<SharedArrayBuffer>>(Float64Array);
  readonly #payloads = new PayloadHeap();
  readonly #order: IdOrder;
  #live = new Uint32Array(4);
  #schema: PayloadSchema;
  readonly #indexes = new Map<string, MemoryFieldIndex>();
  /** Indexes under construction: they follow changes but answer nothing yet. */
  readonly #pending = new Map<string, MemoryFieldIndex>();
  readonly #indexingThresholdKb: number;
  #frozen = false;

  constructor(options: MemorySegmentOptions) {
    this.id = options.id;
    this.#schema = options.schema;
    this.#indexingThresholdKb = options.indexingThresholdKb;
    this.#order = new IdOrder((offset) => this.idAt(offset));
    for (const config of options.vectors) {
      const rows = GrowableVectors.create(growableSpec(config));
      this.#vectors.set(config.name, { config, rows, presentCount: 0 });
    }
    this.#stores = [...this.#vectors.values()];
    for (const [field, schema] of options.schema) {
      this.#indexes.set(field, new MemoryFieldIndex(field, schema));
    }
  }

  // --- changes ---

  /** Stores a whole point, in place when its id is here; returns its offset. */
  upsert(id: PointId, version: number, vectors: PointVectors, payload: Uint8Array): number {
    this.#assertOpen();
    const known = this.#offsetOf.get(id);
    const offset = known ?? this.#append(id);
    for (const [name, store] of this.#vectors) {
      this.#storeVector(store, offset, vectors.get(name) ?? null);
    }
    this.setPayload(offset, version, payload);
    return offset;
  }

  /** As `upsert`, for one row of a batch: makes no object per point. */
  upsertRow(version: number, points: PointBatch, row: number): number {
    this.#assertOpen();
    const id = points.ids[row] as PointId;
    const offset = this.#offsetOf.get(id) ?? this.#append(id);
    for (const store of this.#stores) {
      const column = columnOf(points.vectors, store.config.name);
      const at = column?.rows[row] ?? -1;
      if (column !== null && at >= 0) this.#storeRow(store, offset, column, at);
      else this.#storeVector(store, offset, null);
    }
    this.setVersion(offset, version);
    const { payloadOffsets, payloadBytes } = points;
    if (payloadOffsets.length === 0) {
      this.#payloads.set(offset, emptyPayload);
      this.#index(offset, emptyPayload);
      return offset;
    }
    const [start, end] = [payloadOffsets[row] as number, payloadOffsets[row + 1] as number];
    this.#payloads.setSpan(offset, payloadBytes, start, end);
    if (this.#indexes.size + this.#pending.size > 0) {
      this.#index(offset, payloadBytes.subarray(start, end));
    }
    return offset;
  }

  setPayload(offset: number, version: number, payload: Uint8Array): void {
    this.#assertOpen();
    this.setVersion(offset, version);
    this.#payloads.set(offset, payload);
    this.#index(offset, payload);
  }

  #index(offset: number, payload: Uint8Array): void {
    for (const index of this.#indexes.values()) index.set(offset, payload);
    for (const index of this.#pending.values()) index.set(offset, payload);
  }

  /** Replaces the given vectors and keeps the others. */
  setVectors(offset: number, version: number, vectors: PointVectors): void {
    this.#assertOpen();
    this.setVersion(offset, version);
    for (const [name, vector] of vectors) {
      const store = this.#vectors.get(name);
      if (store !== undefined) this.#storeVector(store, offset, vector);
    }
  }

  removeVectors(offset: number, version: number, names: readonly string[]): void {
    this.#assertOpen();
    this.setVersion(offset, version);
    for (const name of names) {
      const store = this.#vectors.get(name);
      if (store !== undefined) this.#storeVector(store, offset, null);
    }
  }

  /** Notes that an operation concerned the point, whether or not it changed anything. */
  setVersion(offset: number, version: number): void {
    assert(this.isLive(offset), () => `point at ${offset} of ${this.offsetCount()} is not live`);
    this.#versions.set(offset, version);
  }

  /** Also allowed after `freeze`. The caller tells the builder's result about it. */
  remove(offset: number): void {
    assert(this.isLive(offset), () => `point at ${offset} of ${this.offsetCount()} is not live`);
    this.#offsetOf.delete(this.#ids[offset] as PointId);
    clearBit(this.#live, offset);
    for (const { rows } of this.#vectors.values()) rows.remove(offset);
    for (const index of this.#indexes.values()) index.clear(offset);
    for (const index of this.#pending.values()) index.clear(offset);
    // A builder may be reading the text of a frozen segment.
    if (!this.#frozen) this.#payloads.clear(offset);
  }

  /** Indexes the points that are here, in slices; the index answers once all are in it. */
  async createIndex(field: string, schema: PayloadFieldSchema, pause: Pause): Promise<void> {
    const index = new MemoryFieldIndex(field, schema);
    this.#pending.set(field, index);
    for (let offset = 0; offset < this.offsetCount(); offset += 1) {
      if (offset % indexSlicePoints === indexSlicePoints - 1) await pause();
      if (this.#pending.get(field) !== index) return;
      if (this.isLive(offset)) index.set(offset, this.payloadAt(offset));
    }
    this.#pending.delete(field);
    this.#indexes.set(field, index);
    this.#schema = new Map([...this.#schema, [field, schema]]);
  }

  deleteIndex(field: string): void {
    this.#pending.delete(field);
    this.#indexes.delete(field);
    this.#schema = new Map([...this.#schema].filter(([name]) => name !== field));
  }

  /**
   * Ends all changes but removals and describes the points for a builder, without copying texts or
   * vectors. Calling it again (after a cancelled build) describes what lives now.
   */
  freeze(): SealedSegment {
    this.#frozen = true;
    return {
      kind: 'sealed',
      id: this.id,
      offsetCount: this.offsetCount(),
      ids: this.#ids.slice(),
      live: this.#live.slice(),
      versions: this.#versions.buffer,
      payloads: this.#payloads.seal(),
      vectors: Array.from(this.#vectors.values(), ({ config, rows }) => ({
        config,
        rows: rows.posted(),
      })),
    };
  }

  get isFrozen(): boolean {
    return this.#frozen;
  }

  // --- sizes ---

  /** Raw bytes of the vector name with the most of them, holes included. */
  get vectorBytes(): number {
    let most = 0;
    for (const { config, presentCount } of this.#vectors.values()) {
      const bytes = presentCount * config.dimension * elementBytes(config.datatype);
      most = Math.max(most, bytes);
    }
    return most;
  }

  get payloadBytes(): number {
    return this.#payloads.liveBytes;
  }

  /** An estimate of all memory in use. */
  get memoryBytes(): number {
    let bytes = this.#payloads.memoryBytes + this.#ids.length * 80;
    for (const { rows } of this.#vectors.values()) bytes += rows.rowsBytes;
    return bytes;
  }

  /** Further points that surely fit; 0 means: freeze it. */
  get roomCount(): number {
    let room = Number.MAX_SAFE_INTEGER;
    for (const { rows } of this.#vectors.values()) room = Math.min(room, rows.roomCount);
    return room;
  }

  /** Live points that have the vector. */
  vectorCount(name: string): number {
    const store = this.#vectors.get(name);
    if (store === undefined) return 0;
    let count = 0;
    for (let offset = 0; offset < this.offsetCount(); offset += 1) {
      if (this.isLive(offset) && store.rows.has(offset)) count += 1;
    }
    return count;
  }

  // --- reads ---

  pointCount(): number {
    return this.#offsetOf.size;
  }

  offsetCount(): number {
    return this.#ids.length;
  }

  vectorNames(): readonly string[] {
    return [...this.#vectors.keys()];
  }

  findOffset(id: PointId): number {
    return this.#offsetOf.get(id) ?? -1;
  }

  isLive(offset: number): boolean {
    return offset < this.#ids.length && testBit(this.#live, offset);
  }

  idAt(offset: number): PointId {
    return this.#ids[offset] as PointId;
  }

  versionAt(offset: number): number {
    return this.#versions.values[offset] as number;
  }

  payloadAt(offset: number): Uint8Array {
    return this.#payloads.at(offset);
  }

  hasVectorAt(name: string, offset: number): boolean {
    return this.#vectors.get(name)?.rows.has(offset) ?? false;
  }

  vectorAt(name: string, offset: number): Float32Array | null {
    const store = this.#vectors.get(name);
    return store?.rows.has(offset) ? store.rows.read(offset) : null;
  }

  fieldIndex(key: string): FieldIndex | null {
    return this.#indexes.get(key) ?? null;
  }

  get schema(): PayloadSchema {
    return this.#schema;
  }

  /** All offsets in ascending order of their ids; some may be dead. */
  offsetsSortedById(): Uint32Array {
    return this.#order.sorted(this.offsetCount());
  }

  rankOf(id: PointId): number {
    return this.#order.rankOf(id, this.offsetCount());
  }

  filterBits(filter: CompiledFilter, pause: Pause): Promise<Uint32Array> {
    return filterBitmap(filter, this, pause);
  }

  countLive(bits: Uint32Array): number {
    return countAnd(bits, this.#live);
  }

  search(task: SearchTask, pause: Pause): OffsetHits | Promise<OffsetHits> {
    const store = this.#vectors.get(task.vectorName);
    if (store === undefined) return Promise.resolve(noHits);
    const { config, rows } = store;
    return searchSegment(
      this,
      {
        config,
        rows,
        rowCount: rows.rowCount,
        presentCount: store.presentCount,
        graph: null,
        indexedOnlyBytesMax: indexedOnlyBytesMax(config, this.#indexingThresholdKb),
      },
      task,
      pause,
    );
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

  #append(id: PointId): number {
    const offset = this.#ids.length;
    this.#ids.push(id);
    this.#offsetOf.set(id, offset);
    if (offset >= this.#live.length * 32) {
      const grown = new Uint32Array(this.#live.length * 2);
      grown.set(this.#live);
      this.#live = grown;
    }
    setBit(this.#live, offset);
    for (const { rows } of this.#stores) {
      const row = rows.append(null);
      assert(row === offset, () => `row ${row} for offset ${offset}`);
    }
    return offset;
  }

  #storeVector(store: MemoryVectors, offset: number, vector: Float32Array | null): void {
    const had = store.rows.has(offset);
    if (vector === null && !had) return;
    store.rows.overwrite(offset, vector);
    store.presentCount += Number(vector !== null) - Number(had);
  }

  #storeRow(store: MemoryVectors, offset: number, column: VectorColumn, row: number): void {
    const { dimension, name, data } = column;
    const expected = store.rows.spec.dimension;
    assert(dimension === expected, () => `${name} of ${dimension} components, not ${expected}`);
    const had = store.rows.has(offset);
    store.rows.overwriteFrom(offset, data, row * dimension);
    if (!had) store.presentCount += 1;
  }

  #assertOpen(): void {
    assert(!this.#frozen, () => `segment ${this.id} is frozen`);
  }
}

function columnOf(columns: readonly VectorColumn[], name: string): VectorColumn | null {
  for (const column of columns) if (column.name === name) return column;
  return null;
}
