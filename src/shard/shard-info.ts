// What a shard tells about itself, for collection info, telemetry and `/optimizations`.

export type ShardStatus = 'green' | 'yellow' | 'grey' | 'red';

export interface SegmentCount {
  readonly uuid: string;
  readonly points_count: number;
}

export interface OptimizationReport {
  readonly uuid: string;
  readonly optimizer: string;
  readonly status:
    | 'optimizing'
    | 'done'
    | { readonly cancelled: string }
    | { readonly error: string };
  readonly segments: readonly SegmentCount[];
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number | null;
}

export interface SegmentReport {
  readonly uuid: string;
  readonly kind: 'plain' | 'indexed';
  readonly pointCount: number;
  readonly deletedCount: number;
  readonly indexedVectorCount: number;
  readonly vectorBytes: number;
  readonly payloadBytes: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly appendable: boolean;
}

export interface ShardInfo {
  readonly status: ShardStatus;
  /** `null` = ok. */
  readonly optimizerError: string | null;
  readonly pointCount: number;
  readonly indexedVectorCount: number;
  readonly segmentCount: number;
  /** Points with a value in the index, by field. */
  readonly indexedPointCounts: ReadonlyMap<string, number>;
  /** Operations that wait; the one being carried out is not counted. */
  readonly updateQueueLength: number;
  /** Number of the last applied operation; 0 = none. */
  readonly operationId: number;
  readonly vectorCounts: ReadonlyMap<string, number>;
  readonly segments: readonly SegmentReport[];
  readonly runningOptimizations: readonly OptimizationReport[];
  /** Newest first. */
  readonly finishedOptimizations: readonly OptimizationReport[];
  readonly queuedOptimizations: readonly {
    readonly optimizer: string;
    readonly segments: readonly SegmentCount[];
  }[];
}
