// The places where points of a shard live, each with one segment:
//
//   memory slot ──seal──► sealed slot ──flush──► published slot ──rebuild──► published slot
//
// Only a memory slot takes points. From the others points are only deleted, and each deletion is
// noted with its operation (see `deletion-log.ts`).

import type { PayloadSchema } from '../model/payload-schema.ts';
import type { MemorySegment } from '../segment/memory-segment.ts';
import type { PublishedSegment } from '../segment/published-segment.ts';
import type { SealedSegment } from '../segment/sealed-segment.ts';
import { DeletionLog } from './deletion-log.ts';
import type { SegmentMetadata } from './segment-metadata.ts';

export interface MemorySlot {
  readonly stage: 'memory';
  readonly segment: MemorySegment;
}

export interface SealedSlot {
  readonly stage: 'sealed';
  readonly segment: MemorySegment;
  /** What lived when it was sealed: the state after operation `lastLsn`. */
  readonly description: SealedSegment;
  readonly lastLsn: number;
  /** The payload indexes in force after that operation. */
  readonly schema: PayloadSchema;
  readonly deletions: DeletionLog;
  /** Views from this number on have its points in a published segment; null = none has. */
  coveredFrom: number | null;
}

export interface PublishedSlot {
  readonly stage: 'published';
  /** Opened again when an index is added to the segment. */
  segment: PublishedSegment;
  readonly deletions: DeletionLog;
  readonly metadata: SegmentMetadata;
  /** File with the tombstones as of the manifest's operation; null = none. */
  tombstoneFile: string | null;
}

/** A slot whose segment is frozen. */
export type FrozenSlot = SealedSlot | PublishedSlot;
export type Slot = MemorySlot | FrozenSlot;

export function publishedSlot(
  segment: PublishedSegment,
  metadata: SegmentMetadata,
  tombstoneFile: string | null,
): PublishedSlot {
  const deletions = new DeletionLog();
  return { stage: 'published', segment, deletions, metadata, tombstoneFile };
}

export function sealedSlot(
  segment: MemorySegment,
  lastLsn: number,
  schema: PayloadSchema,
): SealedSlot {
  const description = segment.freeze();
  const deletions = new DeletionLog();
  return { stage: 'sealed', segment, description, lastLsn, schema, deletions, coveredFrom: null };
}

/** Deletes a live point of a frozen segment and notes it. */
export function deleteFrozen(slot: FrozenSlot, offset: number, lsn: number): void {
  if (slot.stage === 'sealed') slot.segment.remove(offset);
  else slot.segment.markDeleted(offset);
  slot.deletions.add(offset, lsn);
}

/** The tombstones of a published segment as they were after operation `lsn`. */
export function tombstonesAsOf(slot: PublishedSlot, lsn: number): Uint32Array<SharedArrayBuffer> {
  const now = slot.segment.shared.tombstones;
  const words = new Uint32Array(new SharedArrayBuffer(now.byteLength));
  words.set(new Uint32Array(now));
  slot.deletions.rewind(words, lsn);
  return words;
}
