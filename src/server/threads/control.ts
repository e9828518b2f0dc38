// The control thread: starts workers and builders, keeps the agreed state and its files, carries
// out metadata changes one at a time, and restarts a worker that died. It never sees a client's
// body or a vector.
//
// Order of a change, so that a crash at any point leaves the old state or the new one:
//   create: directory → shards open on their owner → config.json (now it exists) → workers know it
//   delete: workers forget it → shards close → directory renamed away (now it is gone) → erased

import { MessageChannel, type Worker } from 'node:worker_threads';
import type { Command } from '../../cluster/commands.ts';
import { reduce } from '../../cluster/reducer.ts';
import type { CommandOutcome } from '../../cluster/reduction.ts';
import type { Logger } from '../../io/ports.ts';
import type { ClusterState, CollectionState } from '../../model/cluster-state.ts';
import { emptyClusterState, shardIdsOf } from '../../model/cluster-state.ts';
import {
  type OptimizerConfig,
  type ShardConfig,
  shardConfig,
} from '../../model/collection-config.ts';
import { RequestError } from '../../model/request-error.ts';
import type { CatalogStore } from '../catalog-store.ts';
import type { ProcessReport, ProposalOutcome } from '../engine.ts';
import type { BuilderPool } from './builder-pool.ts';
import { type ControlCalls, type StateChange, shardKey, type WorkerCalls } from './messages.ts';
import { ThreadPort } from './thread-port.ts';

export interface ControlOptions {
  readonly workerCount: number;
  readonly spawnWorker: (workerIndex: number) => Worker;
  /** A shard that cannot be loaded: true = answer its requests with the error, false = stop. */
  readonly toleratesLoadErrors: boolean;
  /** Not `null`: what is on disk is not loaded, and requests to it fail with this text. */
  readonly recoveryMode: string | null;
  /** What the node's settings put in place of every collection's own parameters. */
  readonly optimizerOverwrites: Partial<OptimizerConfig>;
  /** Called when the node cannot go on. */
  readonly onFatal: (error: Error) => void;
}

interface RunningWorker {
  readonly thread: Worker;
  readonly port: ThreadPort<WorkerCalls, ControlCalls>;
  /** False from the moment it is told to stop or is found dead. */
  alive: boolean;
}

/** A worker that dies this often within the window has a fault that a restart does not mend. */
const deathCountMax = 5;
const deathWindowMs = 60_000;
const waitingCommandCountMax = 10_000;

export class Control {
  readonly #options: ControlOptions;
  readonly #store: CatalogStore;
  readonly #builders: BuilderPool;
  readonly #log: Logger;
  readonly #workers: RunningWorker[] = [];
  readonly #startedAtMs = Date.now();
  readonly #deathsAtMs: number[] = [];
  #state: ClusterState = emptyClusterState;
  #commands: Promise<unknown> = Promise.resolve();
  #waitingCommandCount = 0;
  #nextOwner = 0;
  readonly #owners = new Map<string, number>();
  /** Shards that are not loaded, and why. */
  readonly #broken = new Map<string, string>();
  /** Resolves when the files of all removed collections are erased. */
  #sweeping: Promise<void> = Promise.resolve();
  /** Directories of collections that are none any more, which the disk did not let go of yet. */
  readonly #removalsOwed = new Set<CollectionState>();
  /** The aliases on disk are older than the state. */
  #aliasesOwed = false;
  #stopping = false;

  constructor(
    options: ControlOptions,
    parts: { store: CatalogStore; builders: BuilderPool; log: Logger },
  ) {
    this.#options = options;
    this.#store = parts.store;
    this.#builders = parts.builders;
    this.#log = parts.log;
  }

  /** Everything is loaded and every worker listens when this resolves. */
  async start(): Promise<{ readonly port: number }> {
    const { recoveryMode } = this.#options;
    if (recoveryMode !== null) {
      this.#log.warn(`Qdrant is loaded in recovery mode: ${recoveryMode}`);
    }
    const state = await this.#store.load();
    await this.#store.sweepDeleted();
    for (let index = 0; index < this.#options.workerCount; index += 1) this.#startWorker(index);
    for (let index = 0; index < this.#options.workerCount; index += 1) await this.#link(index);
    for (const collection of state.collections.values()) await this.#load(collection);
    this.#state = state;
    await this.#tellState(wholeState(state));
    const listening = await Promise.all(this.#workers.map(({ port }) => port.call('listen', null)));
    return { port: listening[0]?.port ?? 0 };
  }

  /**
   * Changes happen in the order of the calls. Past `timeoutMs` the caller is told, the change goes
   * on. A removal is answered when the space is free again, however long that takes.
   */
  async propose(command: Command, timeoutMs: number): Promise<ProposalOutcome> {
    if (this.#waitingCommandCount >= waitingCommandCountMax) {
      throw new RequestError('unavailable', 'too many collection changes are waiting');
    }
    this.#waitingCommandCount += 1;
    const result = this.#commands.then(() => this.#carryOut(command));
    this.#commands = result.then(
      () => undefined,
      () => undefined,
    );
    void this.#commands.then(() => {
      this.#waitingCommandCount -= 1;
    });
    const outcome = await withTimeout(result, timeoutMs);
    if (command.kind === 'delete_collection') await this.#sweeping;
    return outcome;
  }

  async processReport(): Promise<ProcessReport> {
    const alive = this.#workers.filter((worker) => worker.alive);
    const reports = await Promise.allSettled(alive.map(({ port }) => port.call('report', null)));
    const requests = reports.flatMap((report) =>
      report.status === 'fulfilled' ? report.value : [],
    );
    return { requests, startedAtMs: this.#startedAtMs };
  }

  /** `graceful`: running requests end first. Shards are synced and closed in any case. */
  async stop(graceful: boolean): Promise<void> {
    this.#stopping = true;
    const alive = this.#workers.filter((worker) => worker.alive);
    if (graceful) await Promise.allSettled(alive.map(({ port }) => port.call('drain', null)));
    await Promise.allSettled(alive.map(({ port }) => port.call('close', null)));
    for (const worker of alive) worker.alive = false;
    await Promise.allSettled(alive.map(({ thread }) => thread.terminate()));
    await this.#builders.stop();
  }

  // --- commands ---

  async #carryOut(command: Command): Promise<ProposalOutcome> {
    await this.#payRemovals();
    // Not before a removal: that may be what makes room for the aliases.
    if (this.#aliasesOwed && command.kind !== 'delete_collection') {
      await this.#saveAliases(this.#state.aliases);
    }
    const before = this.#state;
    const { state, outcome } = reduce(before, command);
    if (state !== before) await this.#install(before, state);
    return answerOf(outcome);
  }

  async #install(before: ClusterState, after: ClusterState): Promise<void> {
    const change: StateChange = {
      collections: changedEntries(before.collections, after.collections),
      aliases: before.aliases === after.aliases ? null : after.aliases,
      cluster: null,
    };
    for (const [name, collection] of change.collections) {
      if (collection === null) continue;
      const old = before.collections.get(name);
      if (old === undefined) await this.#create(collection);
      else await this.#update(old, collection);
    }
    const removed = change.collections.flatMap(([name, collection]) => {
      const old = before.collections.get(name);
      return collection === null && old !== undefined ? [old] : [];
    });
    if (change.aliases !== null && removed.length === 0) await this.#saveAliases(change.aliases);
    this.#state = after;
    await this.#tellState(change);
    if (change.aliases !== null && removed.length > 0) this.#aliasesOwed = true;
    for (const collection of removed) await this.#remove(collection);
    if (this.#aliasesOwed) await this.#trySaveAliases();
  }

  /**
   * What earlier changes could not remove comes first: a collection must not come back with the
   * next start once somebody was told that there is none.
   */
  async #payRemovals(): Promise<void> {
    for (const collection of this.#removalsOwed) {
      await this.#store.removeCollection(collection);
      this.#removalsOwed.delete(collection);
      this.#sweeping = this.#store.sweepDeleted().catch((error: unknown) => {
        this.#log.error('cannot erase the files of a removed collection', { error: String(error) });
      });
    }
  }

  async #saveAliases(aliases: ReadonlyMap<string, string>): Promise<void> {
    await this.#store.saveAliases(aliases);
    this.#aliasesOwed = false;
  }

  /** After a removal, which must be possible on a full disk: it makes the room for this file. */
  async #trySaveAliases(): Promise<void> {
    await this.#sweeping;
    await this.#saveAliases(this.#state.aliases).catch((error: unknown) => {
      this.#log.error('cannot store the aliases yet', { error: String(error) });
    });
  }

  async #create(collection: CollectionState): Promise<void> {
    await this.#store.prepare(collection);
    try {
      await this.#openShards(collection);
      await this.#store.saveCollection(collection);
    } catch (error) {
      await this.#remove(collection).catch((failure: unknown) => {
        this.#log.error('cannot undo the creation yet', { error: String(failure) });
      });
      throw error;
    }
  }

  async #update(old: CollectionState, collection: CollectionState): Promise<void> {
    await this.#store.saveCollection(collection);
    if (old.config === collection.config) return;
    for (const shardId of shardIdsOf(collection)) {
      const key = shardKey(collection.uuid, shardId);
      if (this.#broken.has(key)) continue;
      const config = this.#shardConfig(collection);
      await this.#ownerOf(key).port.call('update_shard_config', { key, config });
    }
  }

  async #remove(collection: CollectionState): Promise<void> {
    await this.#closeShards(collection);
    this.#removalsOwed.add(collection);
    await this.#payRemovals();
  }

  // --- shards ---

  async #load(collection: CollectionState): Promise<void> {
    for (const shardId of shardIdsOf(collection)) {
      const key = this.#assignOwner(collection, shardId);
      if (this.#options.recoveryMode === null) await this.#loadShard(collection, shardId);
      else await this.#breakShard(key, this.#options.recoveryMode);
    }
  }

  /** Opens a shard that has files. What cannot be loaded is fatal, or answers with the reason. */
  async #loadShard(collection: CollectionState, shardId: number): Promise<void> {
    const key = shardKey(collection.uuid, shardId);
    const owner = this.#ownerOf(key);
    try {
      await this.#openShard(collection, shardId);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!owner.alive || !this.#options.toleratesLoadErrors) {
        throw new Error(`cannot load collection ${collection.name}: ${reason}`, { cause: error });
      }
      this.#log.error('cannot load a shard, its requests will fail', {
        collection: collection.name,
        shard: shardId,
        reason,
      });
      await this.#breakShard(key, `shard ${shardId} cannot be loaded: ${reason}`);
    }
  }

  async #breakShard(key: string, reason: string): Promise<void> {
    this.#broken.set(key, reason);
    await this.#callAll((port) => port.call('break_shard', { key, reason }));
  }

  #shardConfig({ config }: CollectionState): ShardConfig {
    const own = shardConfig(config);
    return { ...own, optimizer: { ...own.optimizer, ...this.#options.optimizerOverwrites } };
  }

  async #openShards(collection: CollectionState): Promise<void> {
    for (const shardId of shardIdsOf(collection)) {
      this.#assignOwner(collection, shardId);
      await this.#openShard(collection, shardId);
    }
  }

  /** The workers take turns. */
  #assignOwner(collection: CollectionState, shardId: number): string {
    const key = shardKey(collection.uuid, shardId);
    this.#owners.set(key, this.#nextOwner);
    this.#nextOwner = (this.#nextOwner + 1) % this.#options.workerCount;
    return key;
  }

  async #openShard(collection: CollectionState, shardId: number): Promise<void> {
    const key = shardKey(collection.uuid, shardId);
    await this.#ownerOf(key).port.call('open_shard', {
      key,
      directory: this.#store.shardPath(collection.name, shardId),
      config: this.#shardConfig(collection),
      schema: collection.schema,
    });
  }

  async #closeShards(collection: CollectionState): Promise<void> {
    for (const shardId of shardIdsOf(collection)) {
      const key = shardKey(collection.uuid, shardId);
      await this.#callAll((port) => port.call('close_shard', { key }));
      this.#owners.delete(key);
      this.#broken.delete(key);
    }
  }

  #ownerOf(key: string): RunningWorker {
    const worker = this.#workers[this.#owners.get(key) ?? -1];
    if (worker?.alive === true) return worker;
    throw new RequestError('unavailable', 'the thread that owns this shard is restarting');
  }

  // --- workers ---

  #startWorker(workerIndex: number): RunningWorker {
    const thread = this.#options.spawnWorker(workerIndex);
    const port = new ThreadPort<WorkerCalls, ControlCalls>(
      thread,
      {
        propose: ({ command, timeoutMs }) => this.propose(command, timeoutMs),
        process_report: () => this.processReport(),
        cluster_status: standsAlone,
        recover: standsAlone,
        remove_peer: standsAlone,
        is_ready: standsAlone,
        peer_telemetry: standsAlone,
        build: ({ jobId, job }) => this.#builders.build(jobId, job),
        cancel_build: ({ jobId }) => {
          this.#builders.cancel(jobId);
          return null;
        },
      },
      (error) => this.#log.error('a call from a worker failed', { error: describe(error) }),
    );
    const worker: RunningWorker = { thread, port, alive: true };
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
    // In line with the commands: none of them may meet a half-restored worker.
    this.#commands = this.#commands.then(() => this.#restore(workerIndex));
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
    for (const collection of this.#state.collections.values()) {
      for (const shardId of shardIdsOf(collection)) {
        const key = shardKey(collection.uuid, shardId);
        if (this.#owners.get(key) !== workerIndex || this.#broken.has(key)) continue;
        await this.#loadShard(collection, shardId);
      }
    }
    for (const [key, reason] of this.#broken) {
      await worker.port.call('break_shard', { key, reason });
    }
    await worker.port.call('change_state', wholeState(this.#state));
    await worker.port.call('listen', null);
  }

  #tellState(change: StateChange): Promise<void> {
    return this.#callAll((port) => port.call('change_state', change));
  }

  /**
   * Waits for every living worker; one that dies meanwhile learns the state when it is restored.
   */
  async #callAll(
    call: (port: ThreadPort<WorkerCalls, ControlCalls>) => Promise<unknown>,
  ): Promise<void> {
    const alive = this.#workers.filter((worker) => worker.alive);
    await Promise.allSettled(alive.map(({ port }) => call(port)));
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

function standsAlone(): never {
  throw new RequestError('internal', 'Qdrant is running in standalone mode');
}

function wholeState({ collections, aliases, ...cluster }: ClusterState): StateChange {
  return { collections: [...collections], aliases, cluster };
}

function changedEntries(
  before: ReadonlyMap<string, CollectionState>,
  after: ReadonlyMap<string, CollectionState>,
): [string, CollectionState | null][] {
  const changed = [...after].filter(([name, collection]) => before.get(name) !== collection);
  const removed = [...before.keys()].filter((name) => !after.has(name));
  return [...changed, ...removed.map((name): [string, null] => [name, null])];
}

function answerOf(outcome: CommandOutcome): ProposalOutcome {
  if (outcome.kind === 'applied') return { changed: outcome.changed };
  throw new RequestError(outcome.code, outcome.message);
}

function withTimeout<Result>(result: Promise<Result>, timeoutMs: number): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<Result>();
  const timer = setTimeout(() => {
    const seconds = Math.round(timeoutMs / 1000);
    reject(new RequestError('timeout', `Timeout error: the change is not done after ${seconds}s`));
  }, timeoutMs);
  return Promise.race([result, promise]).finally(() => clearTimeout(timer));
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
