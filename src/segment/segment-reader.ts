// What a read needs of one segment, whether it lives in the owner's memory or is published and
// shared by all threads. Offsets are positions inside this segment; they never leave the shard.
//
// A reader shows live points only: deleted ones are never found, counted, matched or returned.
// Long scans take a `Pause`: they await it every few milliseconds, so that a thread goes on serving
// others. A memory segment may change across such an await (points are appended or marked deleted,
// never moved to a lower offset), a published one only loses points.

import type { Filter } from '../model/filter.ts';
import type { PointId } from '../model/point-id.ts';
import type { OrderBy, OrderValue, SearchTask } from '../model/read.ts';

/** Awaited by long scans between slices. Throws `RequestError('timeout')` past the deadline. */
export type Pause = () => Promise<void>;

/** Offsets with their internal similarity, best first; both arrays have the same length. */
export interface OffsetHits {
  readonly offsets: Uint32Array;
  readonly sims: Float32Array;
}

export interface OrderedOffset {
  readonly offset: number;
  readonly value: OrderValue;
}

export interface SegmentReader {
  /** Unique in the shard for ever. */
  readonly id: string;
  /** Live points. */
  pointCount(): number;
  /** One past the highest offset, deleted ones included. */
  offsetCount(): number;
  /** Names of the vectors that points here may have, in the order of the config. */
  vectorNames(): readonly string[];

  /** −1 when the id is not here or deleted. */
  findOffset(id: PointId): number;
  isLive(offset: number): boolean;
  idAt(offset: number): PointId;
  versionAt(offset: number): number;
  /** Canonical JSON text of an object. The bytes may be shared: do not write to them. */
  payloadAt(offset: number): Uint8Array;
  /** As stored, widened to f32; `null` when the point lacks it or the name is unknown. */
  vectorAt(name: string, offset: number): Float32Array | null;

  /** At once where nothing has to be waited for: a promise costs as much as a small search. */
  search(task: SearchTask, pause: Pause): OffsetHits | Promise<OffsetHits>;
  count(filter: Filter | null, pause: Pause): Promise<number>;
  /** Expected number of matches, cheap. */
  estimate(filter: Filter): number;
  /** Matching offsets in ascending id order, starting with the first id ≥ `from`. */
  offsetsById(
    filter: Filter | null,
    from: PointId | null,
    limit: number,
    pause: Pause,
  ): Promise<Uint32Array>;
  /** In order of the value; a point with several values comes once for each. */
  offsetsByValue(
    filter: Filter | null,
    order: OrderBy,
    limit: number,
    pause: Pause,
  ): Promise<readonly OrderedOffset[]>;
}
