// The threads of this process as control sees them: starts workers, links them with each other,
// places shards on them, tells them the agreed state, and restarts one that died. What the state
// is, and what it asks of this node, is decided by who calls.
//
// Invariant: everything that changes which shards are open, or what the workers know, runs inside
// `inTurn`, one at a time; so does the restoring of a worker, which needs both to stand still.

import { MessageChannel, type Worker } from 'node:worker_threads';
import type { TransferResult } from '../../collection/transfer/driver.ts';
import type { Logger } from '../../io/ports.ts';
import {
  type ClusterState,
  type CollectionState,
  emptyClusterState,
} from '../../model/cluster-state.ts';
import {
  type OptimizerConfig,
  type ShardConfig,
  shardConfig,
} from '../../model/collection-config.ts';
import { RequestError } from '../../model/request-error.ts';
import type { ProcessReport } from '../engine.ts';
import type { BuilderPool } from './builder-pool.ts';
import {
  type ControlCalls,
  type OutgoingTransfer,
  type ShardCallRequest,
  type StateChange,
  shardKey,
  type WorkerCalls,
} from './messages.ts';
import { type CallHandlers, ThreadPort } from './thread-port.ts';

export interface ThreadHostOptions {
  readonly workerCount: number;
  readonly spawnWorker: (workerIndex: number) => Worker;
  /** A shard that cannot be loaded: true = answer its requests with the error, false = stop. */
  readonly toleratesLoadErrors: boolean;
  /** Not `null`: what is on disk is not loaded, and requests to it fail with this text. */
  readonly recoveryMode: string | null;
  /** What the node's settings put in place of every collection's own parameters. */
  readonly optimizerOverwrites: Partial<OptimizerConfig>;
  readonly shardPath: (collectionName: string, shardId: number) => string;
  /** Called when the node cannot go on. */
  readonly onFatal: (error: Error) => void;
}

/** What workers ask of control, apart from what the host answers itself. */
export type ControlHandlers = Omit<
  CallHandlers<ControlCalls>,
  'process_report' | 'build' | 'cancel_build'
>;

interface RunningWorker {
  readonly thread: Worker;
  readonly port: ThreadPort<WorkerCalls, ControlCalls>;
  /** False from the moment it is told to stop or is found dead. */
  alive: boolean;
  /** Calls of other peers that it works on. */
  servedCount: number;
}

interface PlacedShard {
  readonly owner: number;
  collection: CollectionState;
  readonly shardId: number;
  /** Why it is not loaded; `null` when it is. */
  brokenBy: string | null;
}

/** A worker that dies this often within the window has a fault that a restart does not mend. */
const deathCountMax = 5;
const deathWindowMs = 60_000;

/** Files of a shard are damaged or unreadable, and this node was not told to live with that. */
export class ShardLoadError extends Error {
  override readonly name = 'ShardLoadError';
}

export class ThreadHost {
  readonly #options: ThreadHostOptions;
  readonly #builders: BuilderPool;
  readonly #log: Logger;
  readonly #workers: RunningWorker[] = [];
  readonly #startedAtMs = Date.now();
  readonly #deathsAtMs: number[] = [];
  readonly #shards = new Map<string, PlacedShard>();
  #handlers: ControlHandlers | null = null;
  #state: ClusterState = emptyClusterState;
  #turns: Promise<unknown> = Promise.resolve();
  #nextOwner = 0;
  #stopping = false;

  constructor(options: ThreadHostOptions, parts: { builders: BuilderPool; log: Logger }) {
    this.#options = options;
    this.#builders = parts.builders;
    this.#log = parts.log;
  }

  /** What the workers were told last. */
  get state(): ClusterState {
    return this.#state;
  }

  async startThreads(handlers: ControlHandlers): Promise<void> {
    this.#handlers = handlers;
    const { recoveryMode, workerCount } = this.#options;
    if (recoveryMode !== null) {
      this.#log.warn(`Qdrant is loaded in recovery mode: ${recoveryMode}`);
    }
    for (let index = 0; index < workerCount; index += 1) this.#startWorker(index);
    for (let index = 0; index < workerCount; index += 1) await this.#link(index);
  }

  async listen(): Promise<{ readonly port: number }> {
    const listening = await Promise.all(this.#workers.map(({ port }) => port.call('listen', null)));
    return { port: listening[0]?.port ?? 0 };
  }

  /** One after the other, in the order of the calls, whatever comes of those before. */
  inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#turns.then(action);
    this.#turns = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  async processReport(): Promise<ProcessReport> {
    const reports = await this.#callAll((port) => port.call('report', null));
    const requests = reports.flatMap((report) =>
      report.status === 'fulfilled' ? report.value : [],
    );
    return { requests, startedAtMs: this.#startedAtMs };
  }

  /** What `GET /telemetry` says, from any worker. */
  async telemetry(detailsLevel: number): Promise<string> {
    const worker = this.#workers.find(({ alive }) => alive);
    if (worker === undefined) throw new RequestError('unavailable', 'no worker thread is running');
    return worker.port.call('telemetry', { detailsLevel });
  }

  /** No new requests; running ones end. */
  async drain(): Promise<void> {
    this.#stopping = true;
    await this.#callAll((port) => port.call('drain', null));
  }

  /** Shards are synced and closed when this resolves. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const alive = this.#workers.filter((worker) => worker.alive);
    await this.#callAll((port) => port.call('close', null));
    for (const worker of alive) worker.alive = false;
    await Promise.allSettled(alive.map(({ thread }) => thread.terminate()));
    await this.#builders.stop();
  }

  // --- state ---

  /** Every living worker works with it when this resolves. */
  async useState(state: ClusterState): Promise<void> {
    const change = stateChange(this.#state, state);
    this.#state = state;
    if (change === null) return;
    // One that dies meanwhile learns the state when it is restored.
    await this.#callAll((port) => port.call('change_state', change));
  }

  // --- shards ---

  /** A shard that has files. What cannot be loaded is fatal, or answers with the reason. */
  async loadShard(collection: CollectionState, shardId: number): Promise<void> {
    await this.#load(shardKey(collection.uuid, shardId), this.#place(collection, shardId));
  }

  async #load(key: string, placed: PlacedShard): Promise<void> {
    const { collection, shardId } = placed;
    const { recoveryMode, toleratesLoadErrors } = this.#options;
    if (recoveryMode !== null) return this.#break(key, placed, recoveryMode);
    try {
      await this.#openOnOwner(key, placed);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.#workers[placed.owner]?.alive !== true || !toleratesLoadErrors) {
        const text = `cannot load collection ${collection.name}: ${reason}`;
        throw new ShardLoadError(text, { cause: error });
      }
      this.#log.error('cannot load a shard, its requests will fail', {
        collection: collection.name,
        shard: shardId,
        reason,
      });
      await this.#break(key, placed, `shard ${shardId} cannot be loaded: ${reason}`);
    }
  }

  /** A new, empty shard. */
  async createShard(collection: CollectionState, shardId: number): Promise<void> {
    const placed = this.#place(collection, shardId);
    await this.#openOnOwner(shardKey(collection.uuid, shardId), placed);
  }

  async updateShardConfig(collection: CollectionState, shardId: number): Promise<void> {
    const key = shardKey(collection.uuid, shardId);
    if (this.#isBroken(key)) return;
    const config = this.#shardConfig(collection);
    await this.#ownerOf(key).port.call('update_shard_config', { key, config });
  }

  /** Hands an encoded update to the shard; it is in the log when this resolves. */
  async updateShard(uuid: string, shardId: number, record: Uint8Array): Promise<void> {
    const key = shardKey(uuid, shardId);
    if (this.#isBroken(key)) return;
    await this.#ownerOf(key).port.call('update_shard', { key, record });
  }

  /** Of a shard here to another peer; resolves when it has come to its end. */
  async startTransfer(transfer: OutgoingTransfer): Promise<TransferResult> {
    const key = shardKey(transfer.collection, transfer.shardId);
    if (this.#isBroken(key)) return { kind: 'failed', reason: 'the shard is not loaded' };
    return this.#ownerOf(key).port.call('start_transfer', transfer);
  }

  async stopTransfer(transfer: OutgoingTransfer, isFinished: boolean): Promise<void> {
    // The shard may be gone with its place.
    await this.#callAll((port) => port.call('stop_transfer', { transfer, isFinished }));
  }

  /** What another peer asks: the owner changes its shard, whoever has least to do reads. */
  async serveShard(
    call: ShardCallRequest & { readonly effect: 'read' | 'update' },
  ): Promise<Uint8Array> {
    const { collection, shardId, effect } = call;
    const owner = this.#workers[this.#shards.get(shardKey(collection, shardId))?.owner ?? 0];
    const worker = effect === 'update' ? owner : this.#leastBusy(owner);
    if (worker?.alive !== true) {
      throw new RequestError('unavailable', 'the thread that owns this shard is restarting');
    }
    const { data } = call;
    worker.servedCount += 1;
    try {
      const request = { collection, shardId, data };
      // A body from the wire has its buffer for itself.
      return await worker.port.call('serve_shard', request, [data.buffer as ArrayBuffer]);
    } finally {
      worker.servedCount -= 1;
    }
  }

  #leastBusy(owner: RunningWorker | undefined): RunningWorker | undefined {
    let least = owner?.alive === true ? owner : undefined;
    for (const worker of this.#workers) {
      if (worker.alive && worker.servedCount < (least?.servedCount ?? Infinity)) least = worker;
    }
    return least;
  }

  /** It could not be loaded. */
  isBrokenShard(uuid: string, shardId: number): boolean {
    return this.#isBroken(shardKey(uuid, shardId));
  }

  /** Its files stay. */
  async closeShard(uuid: string, shardId: number): Promise<void> {
    const key = shardKey(uuid, shardId);
    await this.#callAll((port) => port.call('close_shard', { key }));
    this.#shards.delete(key);
  }

  #isBroken(key: string): boolean {
    return (this.#shards.get(key)?.brokenBy ?? null) !== null;
  }

  async #break(key: string, placed: PlacedShard, reason: string): Promise<void> {
    placed.brokenBy = reason;
    await this.#callAll((port) => port.call('break_shard', { key, reason }));
  }

  #shardConfig({ config }: CollectionState): ShardConfig {
    const own = shardConfig(config);
    return { ...own, optimizer: { ...own.optimizer, ...this.#options.optimizerOverwrites } };
  }

  /** The workers take turns. */
  #place(collection: CollectionState, shardId: number): PlacedShard {
    const placed = { owner: this.#nextOwner, collection, shardId, brokenBy: null };
    this.#nextOwner = (this.#nextOwner + 1) % this.#options.workerCount;
    this.#shards.set(shardKey(collection.uuid, shardId), placed);
    return placed;
  }

  async #openOnOwner(key: string, { collection, shardId }: PlacedShard): Promise<void> {
    await this.#ownerOf(key).port.call('open_shard', {
      key,
      directory: this.#options.shardPath(collection.name, shardId),
      config: this.#shardConfig(collection),
      schema: collection.schema,
    });
  }

  #ownerOf(key: string): RunningWorker {
    const worker = this.#workers[this.#shards.get(key)?.owner ?? -1];
    if (worker?.alive === true) return worker;
    throw new RequestError('unavailable', 'the thread that owns this shard is restarting');
  }

  // --- workers ---

  #startWorker(workerIndex: number): RunningWorker {
    const handlers = this.#handlers;
    if (handlers === null) throw new Error('workers are started by `startThreads`');
    const thread = this.#options.spawnWorker(workerIndex);
    const port = new ThreadPort<WorkerCalls, ControlCalls>(
      thread,
      {
        ...handlers,
        process_report: () => this.processReport(),
        build: ({ jobId, job }) => this.#builders.build(jobId, job),
        cancel_build: ({ jobId }) => {
          this.#builders.cancel(jobId);
          return null;
        },
      },
      (error) => this.#log.error('a call from a worker failed', { error: describe(error) }),
    );
    const worker: RunningWorker = { thread, port, alive: true, servedCount: 0 };
    thread.on('error', (error) => {
      this.#log.error('a worker thread crashed', { worker: workerIndex, error: describe(error) });
    });
    thread.on('exit', (code) => {
      if (worker.alive && !this.#stopping) this.#revive(workerIndex, worker, code);
    });
    this.#workers[workerIndex] = worker;
    return worker;
  }

  /** Channels between this worker and all others that run. */
  async #link(workerIndex: number): Promise<void> {
    const worker = this.#workers[workerIndex];
    for (const [otherIndex, other] of this.#workers.entries()) {
      if (worker === undefined || otherIndex >= workerIndex || !other.alive) continue;
      await connectPair(worker.port, workerIndex, other.port, otherIndex);
    }
  }

  #revive(workerIndex: number, dead: RunningWorker, exitCode: number): void {
    dead.alive = false;
    dead.port.fail('the worker thread stopped');
    const nowMs = Date.now();
    this.#deathsAtMs.push(nowMs);
    const recent = this.#deathsAtMs.filter((atMs) => nowMs - atMs < deathWindowMs);
    this.#log.error('a worker thread stopped, starting it again', {
      worker: workerIndex,
      exitCode,
      recentDeaths: recent.length,
    });
    if (recent.length > deathCountMax) {
      this.#options.onFatal(new Error('worker threads keep crashing'));
      return;
    }
    void this.inTurn(() => this.#restore(workerIndex));
  }

  async #restore(workerIndex: number): Promise<void> {
    this.#builders.cancelOf(`${workerIndex}-`);
    await this.#callAll((port) => port.call('disconnect', { workerIndex }));
    const worker = this.#startWorker(workerIndex);
    try {
      await this.#furnish(workerIndex, worker);
      this.#log.info('the worker thread is back', { worker: workerIndex });
    } catch (error) {
      // One that died again meanwhile is next in line for another try.
      if (!worker.alive || this.#stopping) return;
      this.#options.onFatal(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Gives a fresh worker what the dead one had. */
  async #furnish(workerIndex: number, worker: RunningWorker): Promise<void> {
    for (const [otherIndex, other] of this.#workers.entries()) {
      if (otherIndex === workerIndex || !other.alive) continue;
      try {
        await connectPair(worker.port, workerIndex, other.port, otherIndex);
      } catch (error) {
        // The other one died meanwhile: it will be connected when it is restored.
        if (other.alive || !worker.alive) throw error;
      }
    }
    for (const [key, placed] of this.#shards) {
      const reason = placed.brokenBy;
      if (reason !== null) await worker.port.call('break_shard', { key, reason });
      if (reason !== null || placed.owner !== workerIndex) continue;
      placed.collection = this.#newest(placed.collection);
      await this.#load(key, placed);
    }
    const everything = stateChange(emptyClusterState, this.#state);
    if (everything !== null) await worker.port.call('change_state', everything);
    await worker.port.call('listen', null);
  }

  #newest(collection: CollectionState): CollectionState {
    const current = this.#state.collections.get(collection.name);
    return current?.uuid === collection.uuid ? current : collection;
  }

  #callAll<Answer>(
    call: (port: ThreadPort<WorkerCalls, ControlCalls>) => Promise<Answer>,
  ): Promise<readonly PromiseSettledResult<Answer>[]> {
    const alive = this.#workers.filter((worker) => worker.alive);
    return Promise.allSettled(alive.map(({ port }) => call(port)));
  }
}

type WorkerPort = ThreadPort<WorkerCalls, ControlCalls>;

async function connectPair(
  one: WorkerPort,
  oneIndex: number,
  other: WorkerPort,
  otherIndex: number,
): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  await Promise.all([
    one.call('connect', { workerIndex: otherIndex, port: port1 }, [port1]),
    other.call('connect', { workerIndex: oneIndex, port: port2 }, [port2]),
  ]);
}

/** `null` when there is no difference. */
function stateChange(before: ClusterState, after: ClusterState): StateChange | null {
  if (before === after) return null;
  const changed = [...after.collections].filter(
    ([name, collection]) => before.collections.get(name) !== collection,
  );
  const removed = [...before.collections.keys()].filter((name) => !after.collections.has(name));
  const { collections: _collections, aliases, ...cluster } = after;
  return {
    collections: [...changed, ...removed.map((name): [string, null] => [name, null])],
    aliases: before.aliases === aliases ? null : aliases,
    cluster: isSameCluster(before, after) ? null : cluster,
  };
}

function isSameCluster(before: ClusterState, after: ClusterState): boolean {
  return (
    before.clusterId === after.clusterId &&
    before.firstPeer === after.firstPeer &&
    before.peers === after.peers &&
    before.metadata === after.metadata
  );
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
