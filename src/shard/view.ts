// What every thread needs to search the published part of a shard in place. A view never changes;
// each change of the set of published segments makes a new one with a higher number.
//
// How a reader on another thread uses it:
//   1. take the current view, read `moveCount` if the read is an exact count,
//   2. run the request over the view's segments (the published half),
//   3. ask the owner: `LocalShard.readMemory(request, view.number)`,
//   4. join both with `mergeAnswers`, unless the owner's answer is `whole`: then it stands alone.
// Always in this order: points move from published segments into memory, never the other way
// within one view, so a point that moves meanwhile is seen at least once.

import type { PayloadSchema } from '../model/payload-schema.ts';
import type { ShardReadAnswer } from '../model/read.ts';
import type { SharedSegment } from '../segment/shared-segment.ts';

export interface ShardView {
  /** Grows by at least one with each change. The first view of an opened shard has number 1. */
  readonly number: number;
  /** Oldest first. Cloning them to another thread shares their memory. */
  readonly segments: readonly SharedSegment[];
  /** The payload indexes in force; filters mean what they say. */
  readonly schema: PayloadSchema;
  /** `optimizers_config.indexing_threshold` in force, for `indexed_only`. */
  readonly indexingThresholdKb: number;
  /**
   * Grows when `schema`, the threshold or the indexes of a segment change. A reader of a segment
   * opened for an earlier view may go on being used only if the revision is the same.
   */
  readonly revision: number;
  /**
   * Two shared numbers. `moveCell`: odd while points move between segments; a reader that finds the
   * same even number before its published half and after the owner's answer has counted a still
   * shard. `memoryCell`: 0 while the owner has no point in memory: its half is empty then and need
   * not be asked for. Read it after the published half.
   */
  readonly moveCount: Int32Array;
}

/** Positions in `ShardView.moveCount`. */
export const moveCell = 0;
export const memoryCell = 1;

/** The owner's half of a read. */
export interface MemoryAnswer {
  readonly answer: ShardReadAnswer;
  /**
   * The answer covers the whole shard, published segments included: the caller drops its own half.
   * Happens when the caller's view is so old that the owner no longer has what it lacks.
   */
  readonly whole: boolean;
}

/** Hands views to all threads that read. */
export interface ViewPublisher {
  /**
   * Resolves once every thread works with `view` or a later one and no read that began with an
   * earlier one is running any more. Calls come in order.
   */
  publish(view: ShardView): Promise<void>;
}
