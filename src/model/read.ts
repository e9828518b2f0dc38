// What a shard can be asked to read and what it answers, as plain data that crosses threads. The
// same request goes to the published segments (searched in place by any thread), to the owner's
// segments in memory, and to other shards; `shard/merge.ts` joins the answers.

import type { Filter } from './filter.ts';
import type { PointId } from './point-id.ts';

/** Which parts of a point an answer carries. Selecting inside the payload is done at the edge. */
export interface WithParts {
  readonly payload: boolean;
  readonly vectors: boolean | readonly string[];
}

export interface SearchParams {
  readonly hnswEf: number | null;
  readonly exact: boolean;
  readonly indexedOnly: boolean;
}

export interface SearchTask {
  readonly vectorName: string;
  /** Ready to compare: for Cosine already normalised, unless the vectors are stored as uint8. */
  readonly vector: Float32Array;
  /** At least 1; what the caller needs in all, its offset included. Bounded by the point count. */
  readonly limit: number;
  readonly filter: Filter | null;
  readonly params: SearchParams;
  readonly parts: WithParts;
}

/** Where an ordered scroll begins; datetimes are microseconds since the epoch. */
export type OrderValue = number | bigint;

export interface OrderBy {
  readonly key: string;
  readonly direction: 'asc' | 'desc';
  /** Inclusive. */
  readonly startFrom: OrderValue | null;
}

export type ShardReadRequest =
  | { readonly kind: 'search'; readonly tasks: readonly SearchTask[] }
  | {
      readonly kind: 'scroll';
      readonly filter: Filter | null;
      /** First id to include (need not exist). */
      readonly from: PointId | null;
      readonly limit: number;
      readonly parts: WithParts;
    }
  | {
      readonly kind: 'ordered_scroll';
      readonly filter: Filter | null;
      readonly order: OrderBy;
      readonly limit: number;
      readonly parts: WithParts;
    }
  | { readonly kind: 'retrieve'; readonly ids: readonly PointId[]; readonly parts: WithParts }
  | { readonly kind: 'count'; readonly filter: Filter | null; readonly exact: boolean };

export interface PointRecord {
  readonly id: PointId;
  /** Number of the operation that last changed the point. */
  readonly version: number;
  /** Canonical JSON text of an object; `null` when not asked for. */
  readonly payload: Uint8Array | null;
  /** Values by vector name, absent ones left out; `null` when not asked for. */
  readonly vectors: ReadonlyMap<string, Float32Array> | null;
}

/** `sim` is the internal similarity: bigger is better for every distance (spec/query §2.1). */
export interface SearchHit extends PointRecord {
  readonly sim: number;
}

export interface OrderedRecord extends PointRecord {
  readonly orderValue: OrderValue;
}

export type ShardReadAnswer =
  /** Per task, best first. */
  | { readonly kind: 'search'; readonly hits: readonly (readonly SearchHit[])[] }
  /** In id order. */
  | { readonly kind: 'scroll'; readonly records: readonly PointRecord[] }
  | { readonly kind: 'ordered_scroll'; readonly records: readonly OrderedRecord[] }
  /** Any order; ids that do not exist are left out. */
  | { readonly kind: 'retrieve'; readonly records: readonly PointRecord[] }
  | { readonly kind: 'count'; readonly count: number };
