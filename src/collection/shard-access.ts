// What the rest of a node asks of one shard, wherever its owner runs. The server implements it for
// local shards over the threads; other peers' shards come behind the same port.

import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import type { RequestErrorCode } from '../model/request-error.ts';

export type ShardUpdateAnswer =
  /** Applied and visible; its log record is on stable storage. */
  | { readonly status: 'completed'; readonly operationId: number }
  /** In the log; will be applied. */
  | { readonly status: 'acknowledged'; readonly operationId: number }
  /** In the log, not applied within the given time; it still will be. */
  | { readonly status: 'wait_timeout'; readonly operationId: number }
  /** Refused: nothing will come of it, but parts may have been applied (spec/rest §2.10). */
  | {
      readonly status: 'failed';
      readonly operationId: number | null;
      readonly code: RequestErrorCode;
      readonly message: string;
    };

export type ShardStatus = 'green' | 'yellow' | 'grey' | 'red';

export interface OptimizationReport {
  readonly uuid: string;
  readonly optimizer: string;
  readonly status:
    | 'optimizing'
    | 'done'
    | { readonly cancelled: string }
    | { readonly error: string };
  readonly segments: readonly { readonly uuid: string; readonly points_count: number }[];
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
    readonly segments: readonly { readonly uuid: string; readonly points_count: number }[];
  }[];
}

export interface ShardAccess {
  /** `record` is an encoded update (`model/update-codec.ts`); ownership passes to the shard. */
  update(
    record: Uint8Array,
    options: { readonly wait: boolean; readonly timeoutMs: number },
  ): Promise<ShardUpdateAnswer>;
  /** Throws `RequestError('timeout')` past `timeoutMs`. */
  read(request: ShardReadRequest, timeoutMs: number): Promise<ShardReadAnswer>;
  info(): Promise<ShardInfo>;
}
