// What the services of one worker thread need of the node: the agreed state, its shards, and a way
// to change the state. The threads implement it; tests use an engine in one thread.

import type { PeerId } from '../base/ids.ts';
import type { Command } from '../cluster/commands.ts';
import type { ShardAccess } from '../collection/shard-access.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import type { ClusterAccess } from './cluster-access.ts';
import type { Settings } from './config/settings.ts';

/** What `propose` came to, once every thread works with the new state. */
export type ProposalOutcome =
  /** `changed` is false when there was nothing to do, e.g. no collection to delete. */
  { readonly changed: boolean };

export interface Engine {
  readonly settings: Settings;
  readonly ownPeerId: PeerId;
  /** `null`: the node stands alone. */
  readonly cluster: ClusterAccess | null;
  /** Changes between two calls; take it once per request. */
  state(): ClusterState;
  /** The shard must belong to a collection of `state()`. */
  shard(collectionUuid: string, shardId: number): ShardAccess;
  /** Only the own replica of it, whatever its state. */
  localShard(collectionUuid: string, shardId: number): ShardAccess;
  /**
   * Applies a command and waits until every thread of this node works with the result (a created
   * collection takes writes, a deleted one answers 404). Throws `RequestError` for a refusal.
   */
  propose(command: Command, timeoutMs: number): Promise<ProposalOutcome>;
  /** Counters and gauges of all threads, for `/metrics` and `/telemetry`. */
  processReport(): Promise<ProcessReport>;
}

export interface RequestSeries {
  readonly method: string;
  /** Route pattern, e.g. `/collections/{collection_name}/points`. */
  readonly endpoint: string;
  readonly status: number;
  readonly collection: string;
  readonly count: number;
  /** Seconds. */
  readonly durationSum: number;
  readonly durationMin: number;
  readonly durationMax: number;
  /** Cumulative counts for the bucket bounds of `spec/rest §2.15`. */
  readonly bucketCounts: readonly number[];
  /** Milliseconds since the epoch. */
  readonly lastRespondedAtMs: number;
}

export interface ProcessReport {
  readonly requests: readonly RequestSeries[];
  readonly startedAtMs: number;
}
