// What the threads of one process say to each other, as call tables for `ThreadPort`. Everything
// here crosses by structured clone: plain data, shared memory, and buffers that are handed over.
//
//   control ──WorkerCalls──► worker ──ControlCalls──► control
//   worker ◄──PeerCalls──► worker          (one channel for each pair)
//   control ──BuilderCalls──► builder ──BuilderUpCalls──► control

import type { MessagePort } from 'node:worker_threads';
import type { PeerId } from '../../base/ids.ts';
import type { Command } from '../../cluster/commands.ts';
import type { WriteOptions } from '../../collection/shard-access.ts';
import type { TransferProgress, TransferResult } from '../../collection/transfer/driver.ts';
import type { ClusterState, CollectionState } from '../../model/cluster-state.ts';
import type { ShardConfig } from '../../model/collection-config.ts';
import type { PayloadSchema } from '../../model/payload-schema.ts';
import type { ShardReadRequest } from '../../model/read.ts';
import type { BuildJob, BuildResult } from '../../shard/ports.ts';
import type { ShardInfo } from '../../shard/shard-info.ts';
import type { UpdateOutcome } from '../../shard/update-outcome.ts';
import type { MemoryAnswer, ShardView } from '../../shard/view.ts';
import type { ClusterStatus } from '../cluster-access.ts';
import type { Settings } from '../config/settings.ts';
import type { ProcessReport, ProposalOutcome, RequestSeries } from '../engine.ts';

/**
 * `<collection uuid>/<shard id>`: tells a shard from one of an earlier collection of the same name.
 */
export type ShardKey = string;

export function shardKey(collectionUuid: string, shardId: number): ShardKey {
  return `${collectionUuid}/${shardId}`;
}

/** A part of the agreed state that changed. */
export interface StateChange {
  /** Name → new state, or `null` for a removed collection. */
  readonly collections: readonly (readonly [string, CollectionState | null])[];
  /** `null` = unchanged. */
  readonly aliases: ReadonlyMap<string, string> | null;
  /** What the cluster says of itself; `null` = unchanged. */
  readonly cluster: Omit<ClusterState, 'collections' | 'aliases'> | null;
}

export interface OpenShardRequest {
  readonly key: ShardKey;
  readonly directory: string;
  readonly config: ShardConfig;
  readonly schema: PayloadSchema;
}

/** To another peer. */
export interface OutgoingTransfer {
  /** Uuid of the collection. */
  readonly collection: string;
  readonly shardId: number;
  readonly to: PeerId;
  readonly serial: number;
}

export type WorkerCalls = {
  /** The thread owns this shard from now on; answered when every thread can read it. */
  open_shard: { request: OpenShardRequest; answer: null };
  update_shard_config: { request: { key: ShardKey; config: ShardConfig }; answer: null };
  /** A change that all peers agreed on, for the owner. */
  update_shard: { request: { key: ShardKey; record: Uint8Array }; answer: null };
  /** For the owner and all others: closes and forgets the shard. Its files stay. */
  close_shard: { request: { key: ShardKey }; answer: null };
  /** Its files are not loaded: every request to it fails with the reason until it is closed. */
  break_shard: { request: { key: ShardKey; reason: string }; answer: null };
  change_state: { request: StateChange; answer: null };
  /** Another peer asks for the replica of a shard here; the owner changes it, any thread reads. */
  serve_shard: { request: ShardCallRequest; answer: Uint8Array };
  /** Of a shard that this thread owns, to another peer; answered when it has come to its end. */
  start_transfer: { request: OutgoingTransfer; answer: TransferResult };
  /** Updates are not forwarded any more. `isFinished`: the receiver is active. */
  stop_transfer: {
    request: { readonly transfer: OutgoingTransfer; readonly isFinished: boolean };
    answer: null;
  };
  /** A channel to another worker, new or restarted. */
  connect: { request: { workerIndex: number; port: MessagePort }; answer: null };
  /** That worker died; its shards are unavailable until it is back. */
  disconnect: { request: { workerIndex: number }; answer: null };
  listen: { request: null; answer: { port: number } };
  report: { request: null; answer: readonly RequestSeries[] };
  /** What `GET /telemetry` says, as JSON text. */
  telemetry: { request: { detailsLevel: number }; answer: string };
  /** Stops accepting and finishes running requests. */
  drain: { request: null; answer: null };
  /** Syncs and closes the shards that this thread owns. */
  close: { request: null; answer: null };
};

export type ControlCalls = {
  propose: { request: { command: Command; timeoutMs: number }; answer: ProposalOutcome };
  process_report: { request: null; answer: ProcessReport };
  cluster_status: { request: null; answer: ClusterStatus };
  recover: { request: null; answer: null };
  remove_peer: { request: { peerId: PeerId; timeoutMs: number }; answer: null };
  is_ready: { request: { timeoutMs: number }; answer: boolean };
  peer_telemetry: {
    request: { detailsLevel: number; timeoutMs: number };
    answer: ReadonlyMap<PeerId, string>;
  };
  transfer_progress: {
    request: { readonly transfer: OutgoingTransfer; readonly progress: TransferProgress };
    answer: null;
  };
  /** How far the transfers are whose source is here, by uuid of the collection and serial. */
  transfer_comments: { request: null; answer: ReadonlyMap<string, string> };
  build: { request: { jobId: string; job: BuildJob }; answer: BuildResult };
  cancel_build: { request: { jobId: string }; answer: null };
};

export interface ShardCallRequest {
  /** Uuid of the collection. */
  readonly collection: string;
  readonly shardId: number;
  readonly data: Uint8Array;
}

export type PeerCalls = {
  /** The owner's new view, or the first one of a shard it opened. */
  view: { request: PublishedView; answer: null };
  update: {
    request: { key: ShardKey; record: Uint8Array; wait: boolean; timeoutMs: number };
    answer: UpdateOutcome;
  };
  read_memory: {
    request: {
      key: ShardKey;
      request: ShardReadRequest;
      viewNumber: number;
      timeoutMs: number;
    };
    answer: MemoryAnswer;
  };
  info: { request: { key: ShardKey }; answer: ShardInfo };
  /** The owner leads the ordered updates of a shard, so that they have one order. */
  lead_update: {
    request: {
      readonly uuid: string;
      readonly shardId: number;
      readonly record: Uint8Array;
      readonly options: WriteOptions;
    };
    answer: UpdateOutcome;
  };
};

export interface PublishedView {
  readonly key: ShardKey;
  readonly view: ShardView;
  /**
   * One shared number: that of the newest view posted. A reader whose view has another number looks
   * into its port before it reads.
   */
  readonly newest: Int32Array;
}

/** What a worker thread is started with. */
export interface WorkerStart {
  readonly workerIndex: number;
  readonly ownPeerId: PeerId;
  /** Of this life of the process. */
  readonly instanceId: string;
  /** Kernel scratch slots of a segment: one for each worker and builder. */
  readonly slotCount: number;
  readonly cpuCount: number;
  readonly settings: Settings;
}
