// The description of a published segment: immutable columns over shared memory, as plain data that
// any thread can be sent. Only two things in it ever change, by atomic stores of the shard's owner:
// tombstones, and the count of them. `published-segment.ts` reads it; `build.ts` and
// `segment-files.ts` make it.

import type { IndexColumn } from '../index/payload/index-columns.ts';
import type { VectorMemory } from '../kernels/vector-memory.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';
import type { IdColumns } from './id-column.ts';
import type { PayloadColumns } from './payload-column.ts';

/** One vector name of a segment; the row of a vector is the offset of its point. */
export interface SharedVectors {
  readonly config: VectorConfig;
  /** Points of this segment that have the vector, deleted ones included. */
  readonly presentCount: number;
  /** `null` when no point has the vector. */
  readonly memory: VectorMemory | null;
  /** Path of the column file with the exact rows, when they are not kept in memory. */
  readonly rowsFile: string | null;
}

/** The payload index of one field; its columns lie in shared memory. */
export interface SharedFieldIndex {
  readonly field: string;
  readonly schema: PayloadFieldSchema;
  readonly columns: readonly IndexColumn[];
}

/** Int32 words of `SharedSegment.counters`. */
export const segmentCounter = { deleted: 0 } as const;

export interface SharedSegment {
  readonly id: string;
  /** Points, deleted ones included; offsets are below this. */
  readonly offsetCount: number;
  /** Built by the optimizer with graphs for its vectors, as opposed to plain columns. */
  readonly indexed: boolean;
  readonly ids: IdColumns;
  /** f64 per point: the number of the operation that last changed it. */
  readonly versions: SharedArrayBuffer;
  readonly payloads: PayloadColumns;
  readonly vectors: readonly SharedVectors[];
  /** Bit i: point i is deleted. */
  readonly tombstones: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly fieldIndexes: readonly SharedFieldIndex[];
  readonly stats: SegmentStats;
  /** All files but `segment.json`, relative to the segment's directory. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/** Facts that never change; deleted points are included. */
export interface SegmentStats {
  /** Raw bytes (dimension × element) of the vector name with the most of them. */
  readonly vectorBytes: number;
  readonly payloadBytes: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Vectors that are in a graph, summed over names. */
  readonly indexedVectorCount: number;
  readonly versionMax: number;
}

/** Deleted points right now. */
export function deletedCount(shared: SharedSegment): number {
  return Atomics.load(new Int32Array(shared.counters), segmentCounter.deleted);
}
