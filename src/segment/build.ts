// Old segments in, one new segment out: merges points by id (the highest version wins), writes columns
// in id order, and, when asked to index, codes and graphs. Runs on a builder thread; sources go on
// serving meanwhile. A cancelled build leaves a directory without `segment.json`, which can be deleted.

import type { Disk } from '../io/ports.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import type { SealedSegment } from './sealed-segment.ts';
import type { Pause } from './segment-reader.ts';
import type { SharedSegment } from './shared-segment.ts';

export type BuildSource =
  /** Points that lived when it was frozen, or when `live` was made. */
  | SealedSegment
  /** Points that live when the build starts. */
  | { readonly kind: 'published'; readonly segment: SharedSegment };

/** Structured-cloneable. */
export interface BuildJob {
  /** Of the new segment; unique in the shard for ever. */
  readonly segmentId: string;
  /** Its directory, created by the build; what is in it is removed. */
  readonly directory: string;
  readonly sources: readonly BuildSource[];
  readonly vectors: readonly VectorConfig[];
  readonly schema: PayloadSchema;
  readonly onDiskPayload: boolean;
  /** Whether to train codes and build graphs. */
  readonly indexed: boolean;
  /** Threads that will open the segment, builders included: their slots are below this. */
  readonly slotCount: number;
  /** This builder's slot. */
  readonly slot: number;
  readonly seed: number;
}

export interface BuildPorts {
  readonly disk: Disk;
  /** Awaited every few milliseconds; throws to cancel the build. */
  readonly pause: Pause;
}

export interface BuildResult {
  /** Ready to publish, its files synced; `null` when no point was left. */
  readonly segment: SharedSegment | null;
}

export async function buildSegment(job: BuildJob, ports: BuildPorts): Promise<BuildResult> {
  void job;
  void ports;
  throw new Error('not there yet');
}
