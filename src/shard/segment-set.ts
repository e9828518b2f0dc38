// All segments of a shard on its owner thread, and the one rule that keeps reads whole: a point
// that changes place is written to the memory segment first and deleted at its old place after
// that, both without letting others run in between.
//
// Invariant: between two changes every point lives in exactly one of memory, sealed and published.
// Mirrors hold copies that readers of an older view, or the next view, see: they only lose points.

import { assert } from '../base/assert.ts';
import type { ShardConfig } from '../model/collection-config.ts';
import type { PayloadFieldSchema, PayloadSchema } from '../model/payload-schema.ts';
import type { PointId } from '../model/point-id.ts';
import type { PointBatch } from '../model/update.ts';
import { MemorySegment, type PointVectors } from '../segment/memory-segment.ts';
import type { SegmentReader } from '../segment/segment-reader.ts';
import { indexingThresholdKb } from './optimizer-plan.ts';
import {
  deleteFrozen,
  type FrozenSlot,
  type MemorySlot,
  type PublishedSlot,
  type SealedSlot,
  type Slot,
  sealedSlot,
} from './slots.ts';
import { memoryCell, moveCell } from './view.ts';

export interface Location {
  readonly slot: Slot;
  readonly offset: number;
}

/** A whole point, as it is stored. */
export interface PointContent {
  readonly vectors: PointVectors;
  readonly payload: Uint8Array;
}

export interface SegmentSetOptions {
  readonly config: ShardConfig;
  readonly schema: PayloadSchema;
  readonly createId: () => string;
}

export class SegmentSet {
  readonly #createId: () => string;
  #config: ShardConfig;
  #schema: PayloadSchema;
  #memory: MemorySlot;
  #sealed: readonly SealedSlot[] = [];
  #published: readonly PublishedSlot[] = [];
  readonly #mirrors = new Set<FrozenSlot>();
  /** Called with each deletion from a frozen slot, for jobs that rebuild it. */
  readonly #deletionListeners = new Set<(slot: FrozenSlot, offset: number, lsn: number) => void>();
  /** See `ShardView.moveCount`. */
  readonly counters = new Int32Array(new SharedArrayBuffer(8));

  constructor(options: SegmentSetOptions) {
    this.#createId = options.createId;
    this.#config = options.config;
    this.#schema = options.schema;
    this.#memory = this.#createMemory();
  }

  get config(): ShardConfig {
    return this.#config;
  }

  /** Memory segments that exist keep the settings they began with. */
  set config(config: ShardConfig) {
    this.#config = config;
  }

  get schema(): PayloadSchema {
    return this.#schema;
  }

  get memory(): MemorySlot {
    return this.#memory;
  }

  /** Oldest first. */
  get sealed(): readonly SealedSlot[] {
    return this.#sealed;
  }

  get published(): readonly PublishedSlot[] {
    return this.#published;
  }

  // --- points ---

  find(id: PointId): Location | null {
    const inMemory = this.#memory.segment.findOffset(id);
    if (inMemory >= 0) return { slot: this.#memory, offset: inMemory };
    for (let at = this.#sealed.length - 1; at >= 0; at -= 1) {
      const slot = this.#sealed[at] as SealedSlot;
      const offset = slot.segment.findOffset(id);
      if (offset >= 0) return { slot, offset };
    }
    for (let at = this.#published.length - 1; at >= 0; at -= 1) {
      const slot = this.#published[at] as PublishedSlot;
      const offset = slot.segment.findOffset(id);
      if (offset >= 0) return { slot, offset };
    }
    return null;
  }

  /** Stores a whole point; `old` is where it lives now, as `find` says. */
  put(id: PointId, lsn: number, content: PointContent, old: Location | null): void {
    const { segment } = this.#memory;
    if (old === null || old.slot.stage === 'memory') {
      segment.upsert(id, lsn, content.vectors, content.payload);
      this.#noteMemory();
      return;
    }
    const frozen = old.slot;
    this.#move(() => {
      segment.upsert(id, lsn, content.vectors, content.payload);
      this.#noteMemory();
      this.#deleteEverywhere(frozen, old.offset, id, lsn);
    });
  }

  /** As `put`, for one row of a batch. */
  putRow(lsn: number, points: PointBatch, row: number, old: Location | null): void {
    const { segment } = this.#memory;
    if (old === null || old.slot.stage === 'memory') {
      segment.upsertRow(lsn, points, row);
      this.#noteMemory();
      return;
    }
    const frozen = old.slot;
    this.#move(() => {
      segment.upsertRow(lsn, points, row);
      this.#noteMemory();
      this.#deleteEverywhere(frozen, old.offset, points.ids[row] as PointId, lsn);
    });
  }

  setPayload(id: PointId, lsn: number, payload: Uint8Array, old: Location): void {
    if (old.slot.stage === 'memory') old.slot.segment.setPayload(old.offset, lsn, payload);
    else this.put(id, lsn, { vectors: this.vectorsAt(old), payload }, old);
  }

  setVectors(id: PointId, lsn: number, vectors: PointVectors, old: Location): void {
    if (old.slot.stage === 'memory') {
      old.slot.segment.setVectors(old.offset, lsn, vectors);
      return;
    }
    const merged = new Map([...this.vectorsAt(old), ...vectors]);
    this.put(id, lsn, { vectors: merged, payload: payloadAt(old) }, old);
  }

  removeVectors(id: PointId, lsn: number, names: readonly string[], old: Location): void {
    if (old.slot.stage === 'memory') {
      old.slot.segment.removeVectors(old.offset, lsn, names);
      return;
    }
    const kept = new Map([...this.vectorsAt(old)].filter(([name]) => !names.includes(name)));
    this.put(id, lsn, { vectors: kept, payload: payloadAt(old) }, old);
  }

  remove(id: PointId, lsn: number, old: Location): void {
    const { slot, offset } = old;
    if (slot.stage === 'memory') slot.segment.remove(offset);
    else this.#move(() => this.#deleteEverywhere(slot, offset, id, lsn));
  }

  vectorsAt({ slot, offset }: Location): PointVectors {
    const vectors = new Map<string, Float32Array>();
    for (const { name } of this.#config.vectors) {
      const values = slot.segment.vectorAt(name, offset);
      if (values !== null) vectors.set(name, values);
    }
    return vectors;
  }

  /** The move counter is odd meanwhile: a reader that counts sees that points were on the move. */
  #move(change: () => void): void {
    Atomics.add(this.counters, moveCell, 1);
    change();
    Atomics.add(this.counters, moveCell, 1);
  }

  #deleteEverywhere(slot: FrozenSlot, offset: number, id: PointId, lsn: number): void {
    deleteFrozen(slot, offset, lsn);
    for (const listener of this.#deletionListeners) listener(slot, offset, lsn);
    for (const mirror of this.#mirrors) {
      const copy = mirror.segment.findOffset(id);
      if (copy >= 0) deleteFrozen(mirror, copy, lsn);
    }
  }

  /** Readers that see 0 do not ask the owner, so it is set before anything is deleted elsewhere. */
  #noteMemory(): void {
    if (this.counters[memoryCell] === 0) Atomics.store(this.counters, memoryCell, 1);
  }

  /** Lets readers skip the owner again once nothing is left in memory. */
  recountMemory(): void {
    let count = this.#memory.segment.pointCount();
    for (const { segment } of this.#sealed) count += segment.pointCount();
    for (const { stage, segment } of this.#mirrors) {
      if (stage === 'sealed') count += segment.pointCount();
    }
    Atomics.store(this.counters, memoryCell, Math.min(count, 2 ** 31 - 1));
  }

  // --- segments ---

  /** Freezes the memory segment as the state after `lsn` and begins a new one. */
  get indexingThresholdKb(): number {
    return indexingThresholdKb(this.#config.optimizer);
  }

  seal(lsn: number): SealedSlot {
    const slot = sealedSlot(this.#memory.segment, lsn, this.#schema);
    this.#sealed = [...this.#sealed, slot];
    this.#memory = this.#createMemory();
    return slot;
  }

  #createMemory(): MemorySlot {
    const { vectors, optimizer } = this.#config;
    const segment = new MemorySegment({
      id: this.#createId(),
      vectors,
      schema: this.#schema,
      indexingThresholdKb: indexingThresholdKb(optimizer),
    });
    return { stage: 'memory', segment };
  }

  /** At opening, oldest first. */
  addPublished(slot: PublishedSlot): void {
    this.#published = [...this.#published, slot];
  }

  /** `result` takes the place of the sources; null when no point was left. */
  replace(sources: ReadonlySet<FrozenSlot>, result: PublishedSlot | null): void {
    for (const source of sources) {
      assert(this.#has(source), () => `segment ${source.segment.id} is not there to be replaced`);
    }
    this.#sealed = this.#sealed.filter((slot) => !sources.has(slot));
    const kept = this.#published.filter((slot) => !sources.has(slot));
    this.#published = result === null ? kept : [...kept, result];
  }

  #has(slot: FrozenSlot): boolean {
    return slot.stage === 'sealed' ? this.#sealed.includes(slot) : this.#published.includes(slot);
  }

  get mirrors(): ReadonlySet<FrozenSlot> {
    return this.#mirrors;
  }

  addMirror(slot: FrozenSlot): void {
    this.#mirrors.add(slot);
  }

  dropMirror(slot: FrozenSlot): void {
    this.#mirrors.delete(slot);
  }

  /** Returns a function that ends it. */
  onDeletion(listener: (slot: FrozenSlot, offset: number, lsn: number) => void): () => void {
    this.#deletionListeners.add(listener);
    return () => this.#deletionListeners.delete(listener);
  }

  /** The whole shard, oldest segments first: the order `executeRead` wants. */
  readers(): Iterable<SegmentReader> {
    return this.#walk(
      this.#published.map((slot) => slot.segment),
      this.#sealed,
    );
  }

  /** What a reader with the view of this number does not see. */
  memoryReaders(viewNumber: number): Iterable<SegmentReader> {
    const retired = [...this.#mirrors].filter((slot) => slot.stage === 'sealed');
    const uncovered = retired.filter((slot) => (slot.coveredFrom ?? Infinity) > viewNumber);
    return this.#walk([], [...uncovered, ...this.#sealed]);
  }

  /**
   * The memory segment of now comes last, and if it was sealed while the walk went on, the ones
   * begun since follow: points that changed meanwhile are there.
   */
  #walk(first: readonly SegmentReader[], sealed: readonly SealedSlot[]): Iterable<SegmentReader> {
    const start = [...first, ...sealed.map((slot) => slot.segment)];
    const { segment } = this.#memory;
    const isInMemory = (reader: SegmentReader) => reader === this.#memory.segment;
    const sealedAndMemory = () => [...this.#sealed, this.#memory].map((slot) => slot.segment);
    return {
      *[Symbol.iterator]() {
        yield* start;
        let last = segment;
        yield last;
        for (;;) {
          if (isInMemory(last)) return;
          // The last one of the walk was sealed, or flushed since.
          const now = sealedAndMemory();
          const newer = now.slice(now.indexOf(last) + 1);
          if (newer.length === 0) return;
          yield* newer;
          last = newer.at(-1) ?? last;
        }
      },
    };
  }

  // --- payload indexes ---

  setSchema(field: string, schema: PayloadFieldSchema | null): void {
    const next = new Map(this.#schema);
    if (schema === null) next.delete(field);
    else next.set(field, schema);
    this.#schema = next;
  }

  /** Memory and sealed segments, those that older views still need included. */
  memorySegments(): readonly MemorySegment[] {
    const retired = [...this.#mirrors].filter((slot) => slot.stage === 'sealed');
    return [...retired, ...this.#sealed, this.#memory].map((slot) => slot.segment);
  }
}

export function payloadAt({ slot, offset }: Location): Uint8Array {
  return slot.segment.payloadAt(offset);
}
