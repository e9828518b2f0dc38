// What a shard needs of the outside: disk, time and log, somebody who builds segments, and somebody
// who hands views to the reading threads. Tests build on the same thread and publish to nobody.

import type { Clock, Disk, Logger, Random, Timers } from '../io/ports.ts';
import type { ShardConfig } from '../model/collection-config.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import type { SharedSegment, ViewPublisher } from './view.ts';

/** Stands for `segment/build.ts` until that file is there. */
export interface BuildJob {
  readonly segmentId: string;
  readonly directory: string;
}

export interface BuildResult {
  readonly segment: SharedSegment;
}

export interface SegmentBuilder {
  /**
   * Runs the job on some builder thread and resolves with the finished, synced segment. Rejects
   * when `signal` fires (any error) or when the build fails; files may then be left behind.
   */
  build(job: BuildJob, signal: AbortSignal): Promise<BuildResult>;
}

export interface LocalShardPorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly builder: SegmentBuilder;
  readonly views: ViewPublisher;
}

export interface LocalShardOptions {
  /** The shard's directory; created if missing. The caller holds the lock on the storage. */
  readonly directory: string;
  readonly config: ShardConfig;
  /** What the collection has agreed on; `null` = take what the shard's own log says. */
  readonly schema: PayloadSchema | null;
  /** For the defaults that depend on it, `default_segment_number` above all. */
  readonly cpuCount: number;
  /** `storage.update_queue_size`. */
  readonly queueCountMax: number;
  /** Bytes of records that may wait in memory; callers beyond it wait. */
  readonly queueBytesMax: number;
}
