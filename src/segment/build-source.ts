// What a build reads from: sealed memory segments and published ones, behind one face. Live points
// come as offsets in ascending order of their ids; rows and texts are read in place.

import { bitsToArray, testBit } from '../base/bitset.ts';
import type { Disk } from '../io/ports.ts';
import { GrowableVectors } from '../kernels/growable-vectors.ts';
import { sections, type VectorMemory } from '../kernels/vector-memory.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import { comparePointIds, type PointId } from '../model/point-id.ts';
import { IdReader } from './id-column.ts';
import { PayloadReader } from './payload-column.ts';
import { SealedPayloadReader } from './payload-heap.ts';
import { RowsFile } from './rows-file.ts';
import type { SealedSegment } from './sealed-segment.ts';
import type { SharedSegment, SharedVectors } from './shared-segment.ts';
import { sameRows } from './vector-spec.ts';

export type BuildSource =
  /** Points that lived when it was frozen. */
  | SealedSegment
  /** Points that live when the build starts. */
  | { readonly kind: 'published'; readonly segment: SharedSegment };

/** Raw rows of one vector name, as they are stored. */
export interface RowSource {
  has(offset: number): boolean;
  /** Rows from … to - 1; valid until the next call. */
  rows(from: number, to: number): Uint8Array;
  close(): void;
}

export interface SourceReader {
  readonly liveOffsets: Uint32Array;
  idAt(offset: number): PointId;
  versionAt(offset: number): number;
  payloadAt(offset: number): Uint8Array;
  /** `null` when nothing here can be copied: the name is unknown or means something else now. */
  openRows(config: VectorConfig): RowSource | null;
  /** The graph of these vectors, if there is one. */
  graphOf(config: VectorConfig): VectorMemory | null;
  close(): void;
}

export function openSource(source: BuildSource, disk: Disk): SourceReader {
  return source.kind === 'sealed'
    ? new SealedReader(source)
    : new SharedReader(source.segment, disk);
}

class SealedReader implements SourceReader {
  readonly liveOffsets: Uint32Array;
  readonly #segment: SealedSegment;
  readonly #versions: Float64Array;
  readonly #payloads: SealedPayloadReader;

  constructor(segment: SealedSegment) {
    this.#segment = segment;
    this.#versions = new Float64Array(segment.versions);
    this.#payloads = new SealedPayloadReader(segment.payloads);
    const { ids } = segment;
    this.liveOffsets = bitsToArray(segment.live).sort((a, b) =>
      comparePointIds(ids[a] as PointId, ids[b] as PointId),
    );
  }

  idAt(offset: number): PointId {
    return this.#segment.ids[offset] as PointId;
  }

  versionAt(offset: number): number {
    return this.#versions[offset] as number;
  }

  payloadAt(offset: number): Uint8Array {
    return this.#payloads.at(offset);
  }

  openRows(config: VectorConfig): RowSource | null {
    const found = this.#segment.vectors.find((vectors) => vectors.config.name === config.name);
    if (found === undefined || !sameRows(found.config, config)) return null;
    const rows = GrowableVectors.open(found.rows);
    return {
      has: (offset) => rows.has(offset),
      rows: (from, to) => rows.rawRows(from, to),
      close: () => undefined,
    };
  }

  graphOf(): null {
    return null;
  }

  close(): void {}
}

class SharedReader implements SourceReader {
  readonly liveOffsets: Uint32Array;
  readonly #segment: SharedSegment;
  readonly #disk: Disk;
  readonly #ids: IdReader;
  readonly #versions: Float64Array;
  readonly #payloads: PayloadReader;

  constructor(segment: SharedSegment, disk: Disk) {
    this.#segment = segment;
    this.#disk = disk;
    this.#ids = new IdReader(segment.ids);
    this.#versions = new Float64Array(segment.versions);
    this.#payloads = new PayloadReader(segment.payloads, disk);
    this.liveOffsets = liveOffsetsOf(segment);
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

  openRows(config: VectorConfig): RowSource | null {
    const found = this.#segment.vectors.find((vectors) => vectors.config.name === config.name);
    if (found === undefined || !sameRows(found.config, config)) return null;
    return openSharedRows(found, this.#disk);
  }

  graphOf(config: VectorConfig): VectorMemory | null {
    const found = this.#segment.vectors.find((vectors) => vectors.config.name === config.name);
    if (found === undefined || !sameRows(found.config, config)) return null;
    const { memory } = found;
    return memory === null || memory.layout.graph === null ? null : memory;
  }

  close(): void {
    this.#payloads.close();
  }
}

function liveOffsetsOf(segment: SharedSegment): Uint32Array {
  const dead = new Uint32Array(segment.tombstones);
  const live = new Uint32Array(segment.offsetCount);
  let count = 0;
  for (let offset = 0; offset < segment.offsetCount; offset += 1) {
    if (testBit(dead, offset)) continue;
    live[count] = offset;
    count += 1;
  }
  return live.slice(0, count);
}

function openSharedRows(vectors: SharedVectors, disk: Disk): RowSource | null {
  const { memory, rowsFile } = vectors;
  if (memory === null) return null;
  const { layout } = memory;
  const { absent, vectors: kept } = sections(memory);
  const words = new Uint32Array(absent.buffer, absent.byteOffset, absent.byteLength / 4);
  const has = (offset: number) => !testBit(words, offset);
  if (rowsFile === null) {
    return {
      has,
      rows: (from, to) => kept.subarray(from * layout.rowBytes, to * layout.rowBytes),
      close: () => undefined,
    };
  }
  const file = new RowsFile(disk, rowsFile, layout);
  return { has, rows: (from, to) => file.rowsNow(from, to), close: () => file.close() };
}
