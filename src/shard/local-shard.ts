// One local copy of one shard, on its owner thread: log first, then segments. The only writer of
// the log, of the segments in memory and of tombstones. See `view.ts` for how other threads read.
//
//   update ─► log ─► queue ─► update-worker ─► apply ─► segment-set
//                                   └─► optimizer ─► builder ─► committer ─► manifest, views
//
// Opening is in `recovery.ts`, putting the parts together in `shard-parts.ts`.

import { InvariantError } from '../base/assert.ts';
import { CorruptBytesError } from '../base/bytes.ts';
import { within } from '../io/waiting.ts';
import type { ShardConfig } from '../model/collection-config.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import type { UpdateOperation } from '../model/update.ts';
import { decodeUpdate, encodeUpdate } from '../model/update-codec.ts';
import type { Pause } from '../segment/segment-reader.ts';
import { FlushTimer } from './flush-timer.ts';
import { defaultSegmentNumber } from './optimizer-plan.ts';
import { isSameSchema } from './payload-indexes.ts';
import type { LocalShardOptions, LocalShardPorts } from './ports.ts';
import { executeRead } from './read.ts';
import { indexedPointCounts, segmentReports, vectorCounts } from './segment-facts.ts';
import type { ShardInfo } from './shard-info.ts';
import { openParts, type ShardParts } from './shard-parts.ts';
import { noSpaceMessage, SpaceGuard } from './space-guard.ts';
import { refusedUpdate, type UpdateOptions, type UpdateOutcome } from './update-outcome.ts';
import { type MemoryAnswer, moveCell, type ShardView } from './view.ts';

const MiB = 1024 * 1024;
const countTriesMax = 3;

export class LocalShard {
  readonly #options: LocalShardOptions;
  readonly #ports: LocalShardPorts;
  readonly #parts: ShardParts;
  readonly #space: SpaceGuard;
  readonly #flushTimer: FlushTimer;
  #closing: Promise<void> | null = null;

  private constructor(options: LocalShardOptions, ports: LocalShardPorts, parts: ShardParts) {
    this.#options = options;
    this.#ports = ports;
    this.#parts = parts;
    this.#space = new SpaceGuard(options.directory, ports);
    this.#flushTimer = new FlushTimer(ports.timers, () => this.#syncLog());
  }

  /**
   * Loads segments, replays the log, publishes the first view. Throws `CorruptFileError` naming the
   * file when something on disk is damaged.
   */
  static async open(options: LocalShardOptions, ports: LocalShardPorts): Promise<LocalShard> {
    const parts = await openParts(options, ports);
    const shard = new LocalShard(options, ports, parts);
    await parts.views.begin();
    if (options.schema !== null) shard.#agreeOn(options.schema);
    parts.optimizer.wake();
    void parts.indexes.reconcile();
    parts.check.start();
    return shard;
  }

  /** Index updates that the collection knows of and this shard's log does not. */
  #agreeOn(agreed: PayloadSchema): void {
    const known = this.#parts.set.schema;
    for (const field of known.keys()) {
      if (!agreed.has(field)) this.#appendOwn({ kind: 'delete_index', field });
    }
    for (const [field, schema] of agreed) {
      const found = known.get(field);
      if (found !== undefined && isSameSchema(found, schema)) continue;
      this.#appendOwn({ kind: 'create_index', field, schema });
    }
  }

  #appendOwn(operation: UpdateOperation): void {
    const record = encodeUpdate(operation);
    const lsn = this.#parts.wal.append(record);
    const entry = { lsn, operation, recordBytes: record.length, settle: () => undefined };
    this.#parts.queue.push(entry);
    this.#parts.worker.kick();
  }

  // --- updates ---

  /** `record` comes from `encodeUpdate` and belongs to the shard from now on. Never throws. */
  update(record: Uint8Array, options: UpdateOptions): Promise<UpdateOutcome> {
    const turn = this.#parts.queue.enter(record.length);
    if (turn === null) return this.#accept(record, options);
    return turn.then(() => this.#accept(record, options));
  }

  /** Everything up to the first await happens at once, so the log has the order of the callers. */
  async #accept(record: Uint8Array, options: UpdateOptions): Promise<UpdateOutcome> {
    const { queue, worker, optimizer, wal } = this.#parts;
    const appended = this.#append(record);
    if ('status' in appended) return appended;
    const { lsn, operation } = appended;
    optimizer.trigger();
    if (!options.wait) {
      queue.push({ lsn, operation, recordBytes: record.length, settle: () => undefined });
      worker.kick();
      this.#flushTimer.arm(this.#parts.set.config.optimizer.flush_interval_sec * 1000);
      return { status: 'acknowledged', operationId: lsn };
    }
    // The disk works while the update is applied. If it fails there is nothing to wait for.
    const synced = wal.sync().then(
      () => null,
      (error: unknown) => logFailure(lsn, error),
    );
    const { promise: settled, resolve: settle } = Promise.withResolvers<UpdateOutcome>();
    queue.push({ lsn, operation, recordBytes: record.length, settle });
    worker.kick();
    const both = settled.then(async (outcome) => (await synced) ?? outcome);
    const failed = synced.then((failure) => failure ?? both);
    const timeout = { status: 'wait_timeout', operationId: lsn } as const;
    const outcome: Promise<UpdateOutcome> = Promise.race([both, failed]);
    return within(this.#ports.timers, options.timeoutMs, outcome, timeout);
  }

  #append(
    record: Uint8Array,
  ): UpdateOutcome | { readonly lsn: number; readonly operation: UpdateOperation } {
    const { wal, optimizer, set } = this.#parts;
    if (this.#closing !== null) return refusedUpdate('unavailable', 'the shard is closed');
    const bytesMin = 2 * set.config.wal.wal_capacity_mb * MiB;
    if (!this.#space.hasRoom(bytesMin)) {
      this.#ports.logger.error(noSpaceMessage, { directory: this.#options.directory });
      return refusedUpdate('internal', noSpaceMessage);
    }
    if (optimizer.blockedBy !== null) return refusedUpdate('internal', optimizer.blockedBy);
    try {
      const operation = decodeUpdate(record);
      return { lsn: wal.append(record), operation };
    } catch (error) {
      if (error instanceof CorruptBytesError) return refusedUpdate('wrong_input', error.message);
      if (error instanceof InvariantError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      this.#ports.logger.error('an update cannot be logged', { error: message });
      return refusedUpdate('internal', message);
    }
  }

  async #syncLog(): Promise<void> {
    try {
      await this.#parts.wal.sync();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#ports.logger.error('the log cannot be synced', { error: message });
    }
  }

  // --- reads ---

  /** The part of a read that the view of this number does not cover. */
  async readMemory(
    request: ShardReadRequest,
    viewNumber: number,
    pause: Pause,
  ): Promise<MemoryAnswer> {
    const { set, views } = this.#parts;
    if (viewNumber < views.oldestServed) {
      return { answer: await this.readAll(request, pause), whole: true };
    }
    const release = views.hold();
    try {
      const answer = await executeRead(request, set.memoryReaders(viewNumber), pause);
      return { answer, whole: false };
    } finally {
      release();
    }
  }

  /** The whole shard, for callers on the owner's thread; an exact count is exact. */
  async readAll(request: ShardReadRequest, pause: Pause): Promise<ShardReadAnswer> {
    if (request.kind !== 'count' || !request.exact || request.filter === null) {
      return this.#readOnce(request, pause);
    }
    const { counters } = this.#parts.set;
    for (let tries = 0; tries < countTriesMax; tries += 1) {
      const movesBefore = Atomics.load(counters, moveCell);
      const answer = await this.#readOnce(request, pause);
      if (Atomics.load(counters, moveCell) === movesBefore) return answer;
    }
    // Points move all the time: hold the updates back for once.
    const { gate } = this.#parts;
    const held = gate.enter();
    if (held !== null) await held;
    try {
      return await this.#readOnce(request, pause);
    } finally {
      gate.leave();
    }
  }

  async #readOnce(request: ShardReadRequest, pause: Pause): Promise<ShardReadAnswer> {
    const release = this.#parts.views.hold();
    try {
      return await executeRead(request, this.#parts.set.readers(), pause);
    } finally {
      release();
    }
  }

  /** The last published view. */
  view(): ShardView {
    return this.#parts.views.current;
  }

  // --- settings, state ---

  /** Takes effect for everything planned from now on; wakes the optimizer. */
  updateConfig(config: ShardConfig): void {
    if (this.#closing !== null) return;
    const { set, optimizer, indexes } = this.#parts;
    set.config = config;
    void indexes.reopen();
    optimizer.configChanged(config);
  }

  info(): ShardInfo {
    const { set, optimizer, queue, worker, check } = this.#parts;
    const failure = worker.failure ?? check.damage;
    const segments = segmentReports(set);
    const reports = new Map(segments.map((report) => [report.uuid, report]));
    const { default_segment_number: wanted } = set.config.optimizer;
    return {
      status: failure === null ? optimizer.status() : 'red',
      optimizerError: failure ?? optimizer.error,
      pointCount: segments.reduce((sum, segment) => sum + segment.pointCount, 0),
      indexedVectorCount: segments.reduce((sum, { indexedVectorCount: n }) => sum + n, 0),
      // The reference keeps `default_segment_number` segments to append to, and tests and users
      // look for at least so many; our single memory segment stands for all of them.
      segmentCount: segments.length - 1 + defaultSegmentNumber(wanted, this.#options.cpuCount),
      indexedPointCounts: indexedPointCounts(set),
      updateQueueLength: queue.waitingCount,
      operationId: worker.appliedLsn,
      vectorCounts: vectorCounts(set),
      segments,
      runningOptimizations: optimizer.history.running,
      finishedOptimizations: optimizer.history.finished,
      queuedOptimizations: optimizer.queued().map(({ optimizer: name, segmentIds }) => ({
        optimizer: name,
        segments: segmentIds.map((uuid) => {
          return { uuid, points_count: reports.get(uuid)?.pointCount ?? 0 };
        }),
      })),
    };
  }

  // --- the end ---

  /** Stops accepting, ends the running update, syncs the log, cancels builds. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { queue, worker, optimizer, indexes, wal, set, check } = this.#parts;
    this.#flushTimer.stop();
    queue.openGate();
    const stopped = worker.stop();
    const closed = Promise.all([optimizer.close(), indexes.close(), check.stop()]);
    await stopped;
    // They are in the log and will be applied at the next start.
    for (const { lsn, settle } of queue.abandon()) {
      settle({ status: 'wait_timeout', operationId: lsn });
    }
    await closed;
    await this.#syncLog();
    await wal.close();
    for (const { segment } of set.published) segment.close();
  }

  /** Closes and removes the directory. */
  async destroy(): Promise<void> {
    await this.close();
    await this.#ports.disk.removeTree(this.#options.directory);
  }

  /** Resolves when no build runs and nothing waits to be cleaned up. */
  async settled(): Promise<void> {
    const { optimizer, indexes } = this.#parts;
    await optimizer.settled();
    await indexes.reconcile();
    await optimizer.settled();
  }
}

function logFailure(lsn: number, error: unknown): UpdateOutcome {
  if (error instanceof InvariantError) throw error;
  const message = error instanceof Error ? error.message : String(error);
  return { status: 'failed', operationId: lsn, code: 'internal', message };
}
