// What a shard needs of the outside: disk, time and log, somebody who builds segments, and somebody
// who hands views to the reading threads. Tests build on the same thread and publish to nobody.

import type { Clock, Disk, Logger, Random, Timers } from '../io/ports.ts';
import type { ShardConfig } from '../model/collection-config.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import type {
  BuildJob as SegmentBuildJob,
  BuildResult as SegmentBuildResult,
} from '../segment/build.ts';
import type { ViewPublisher } from './view.ts';

/** A job for any builder: whoever runs it adds its own slot. */
export type BuildJob = Omit<SegmentBuildJob, 'slot'>;
export type BuildResult = SegmentBuildResult;

export interface SegmentBuilder {
  /**
   * Runs the job on some builder thread and resolves with the finished, synced segment. Rejects
   * when `signal` fires (any error) or when the build fails; files may then be left behind. Jobs
   * that are not `indexed` are short and the log waits for them: let them go first.
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
  /** Threads that open published segments, builders included; see `segment/build.ts`. */
  readonly slotCount: number;
  /** This thread's slot. */
  readonly slot: number;
  /** `storage.update_queue_size`. */
  readonly queueCountMax: number;
  /** Bytes of records that may wait in memory; callers beyond it wait. */
  readonly queueBytesMax: number;
}
