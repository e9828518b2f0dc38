// Carries out what `optimizer-plan.ts` decides: seals the memory segment, flushes sealed segments
// so that the log can be cut, and rebuilds published ones. At most one flush and one optimization
// run at a time, beside reads and writes. `wake` looks whether there is something to do; it is
// cheap and may be called at any moment.
//
//            seal                 flush                    optimization
//   memory ───────► sealed (few) ───────► published plain ──────────────► published with a graph

import { InvariantError } from '../base/assert.ts';
import type { Timers } from '../io/ports.ts';
import { type Clock, type Disk, DiskError, type Logger, type TimerHandle } from '../io/ports.ts';
import type { ShardConfig } from '../model/collection-config.ts';
import { RequestError } from '../model/request-error.ts';
import type { BuildSource } from '../segment/build-source.ts';
import type { Wal } from '../storage/wal.ts';
import { CommitFailedError, type Committer } from './committer.ts';
import { OptimizationHistory } from './optimization-history.ts';
import {
  isMemoryFull,
  isWorthSealingAtRest,
  type MemoryFacts,
  type PlannedJob,
  type PlanRules,
  planOptimizations,
  resolveRules,
  rulesAtRest,
} from './optimizer-plan.ts';
import type { PayloadIndexes } from './payload-indexes.ts';
import type { SegmentBuilder } from './ports.ts';
import { allFacts, publishedFacts } from './segment-facts.ts';
import { SegmentJob } from './segment-job.ts';
import { buildSettings } from './segment-metadata.ts';
import type { SegmentSet } from './segment-set.ts';
import type { SegmentStore } from './segment-store.ts';
import type { ShardStatus } from './shard-info.ts';
import type { FrozenSlot, PublishedSlot } from './slots.ts';

/** After so long without an update the shard is at rest. */
const restAfterMs = 2_000;
/** Beyond this many sealed segments updates wait for the builder. */
const sealedCountMax = 3;
const retryDelayMs = 5_000;

export interface OptimizerParts {
  readonly set: SegmentSet;
  readonly store: SegmentStore;
  readonly wal: Wal;
  readonly committer: Committer;
  readonly indexes: Pick<PayloadIndexes, 'reconcile'>;
  readonly builder: SegmentBuilder;
  readonly disk: Pick<Disk, 'freeBytes' | 'removeTree'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly createId: () => string;
}

export interface OptimizerOptions {
  readonly cpuCount: number;
  readonly slotCount: number;
  /** The shard's directory, for the question how much space is left. */
  readonly directory: string;
}

export class Optimizer {
  readonly #parts: OptimizerParts;
  readonly #options: OptimizerOptions;
  readonly history = new OptimizationHistory();
  #rules: PlanRules;
  /** Last operation carried out: what a seal freezes. */
  #appliedLsn: number;
  #sealedLsn: number;
  #isBetweenUpdates = true;
  /** After a start nothing is optimized before the first update or change of settings. */
  #triggered = false;
  #closed = false;
  #flush: Promise<void> | null = null;
  #optimization: { readonly promise: Promise<void>; readonly abort: AbortController } | null = null;
  readonly #flushAbort = new AbortController();
  #flushError: string | null = null;
  #optimizationError: string | null = null;
  #retryTimer: TimerHandle | null = null;
  #room: PromiseWithResolvers<void> | null = null;
  /** The next optimization wants what is being flushed. */
  #waitsForFlush = false;
  #atRest = false;
  #lastUpdateMs = 0;
  #restTimer: TimerHandle | null = null;
  readonly #releasing = new Set<Promise<void>>();
  readonly #leftovers: string[] = [];

  constructor(parts: OptimizerParts, options: OptimizerOptions, appliedLsn: number) {
    this.#parts = parts;
    this.#options = options;
    this.#appliedLsn = appliedLsn;
    this.#sealedLsn = parts.set.sealed.at(-1)?.lastLsn ?? parts.store.appliedLsn;
    this.#rules = resolveRules(parts.set.config, options.cpuCount);
  }

  // --- what the shard tells ---

  /** An update is about to be carried out: until it has been, memory is the state after none. */
  applying(): void {
    this.#isBetweenUpdates = false;
  }

  applied(lsn: number): void {
    this.#isBetweenUpdates = true;
    this.#appliedLsn = lsn;
    this.#atRest = false;
    this.#lastUpdateMs = this.#parts.clock.monotonicMs();
    this.#watchForRest(restAfterMs);
    this.wake();
  }

  /** One timer for any number of updates: it looks at the time of the last one when it fires. */
  #watchForRest(delayMs: number): void {
    if (this.#restTimer !== null || this.#closed) return;
    this.#restTimer = this.#parts.timers.setTimeout(() => {
      this.#restTimer = null;
      const restedMs = this.#parts.clock.monotonicMs() - this.#lastUpdateMs;
      if (restedMs < restAfterMs) this.#watchForRest(restAfterMs - restedMs);
      else this.rest();
    }, delayMs);
  }

  /** No update came for a while. */
  rest(): void {
    this.#atRest = true;
    this.wake();
  }

  /** An update or a change of settings came: pending work may begin. */
  trigger(): void {
    this.#triggered = true;
  }

  /** As `applied`, while the log is replayed: what is full is sealed, nothing is built yet. */
  replayed(lsn: number): void {
    this.#appliedLsn = lsn;
    if (this.#isMemoryFull()) this.#seal();
  }

  configChanged(config: ShardConfig): void {
    this.#rules = resolveRules(config, this.#options.cpuCount);
    this.#optimizationError = null;
    this.#flushError = null;
    this.#optimization?.abort.abort(new Error('the settings changed'));
    this.trigger();
    this.wake();
  }

  /** Null: the next update may be applied. Otherwise memory is full until a flush has ended. */
  waitForRoom(): Promise<void> | null {
    if (this.#parts.set.sealed.length <= sealedCountMax || this.#closed) return null;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  /** Why no more updates are taken: what is in memory cannot be written to the disk. */
  get blockedBy(): string | null {
    return this.#parts.set.sealed.length > sealedCountMax ? this.#flushError : null;
  }

  get error(): string | null {
    return this.#flushError ?? this.#optimizationError;
  }

  get rules(): PlanRules {
    return this.#rules;
  }

  status(): ShardStatus {
    if (this.error !== null) return 'red';
    if (this.#optimization !== null) return 'yellow';
    if (this.pending().length === 0) return 'green';
    return this.#triggered ? 'yellow' : 'grey';
  }

  /** Optimizations that should be made, those of data in memory included. */
  pending(): readonly PlannedJob[] {
    return planOptimizations(allFacts(this.#parts.set), this.#rules);
  }

  /** Of those, the ones that wait for published segments. */
  queued(): readonly PlannedJob[] {
    const busy = new Set(
      this.history.running.flatMap((run) => run.segments.map(({ uuid }) => uuid)),
    );
    const free = allFacts(this.#parts.set).filter((segment) => !busy.has(segment.id));
    return planOptimizations(free, this.#rules);
  }

  // --- deciding ---

  wake(): void {
    if (this.#closed) return;
    const reason = this.#reasonToSeal();
    if (reason !== null) this.#seal();
    if (reason === 'indexing') this.#waitsForFlush = true;
    if (this.#flush === null && this.#parts.set.sealed.length > 0 && this.#flushError === null) {
      this.#startFlush();
    }
    if (this.#optimization !== null || !this.#mayOptimize()) return;
    if (!this.#waitsForFlush || this.#flush === null) this.#startOptimization();
  }

  #mayOptimize(): boolean {
    return this.#rules.enabled && this.#triggered && this.#optimizationError === null;
  }

  #reasonToSeal(): 'full' | 'indexing' | 'rest' | null {
    const { set } = this.#parts;
    const { segment } = set.memory;
    if (!this.#canSeal()) return null;
    if (this.#isMemoryFull()) return 'full';
    // Data that waits for a graph is sealed only when the graph can be begun: until then the memory
    // segment may as well grow, and the graph is built once instead of twice.
    if (!this.#mayOptimize() || this.#optimization !== null || set.sealed.length > 0) return null;
    if (segment.pointCount() === 0) return null;
    const [first] = planOptimizations(allFacts(set), this.#rulesNow());
    if (first?.optimizer === 'indexing' && first.segmentIds.includes(segment.id)) return 'indexing';
    return this.#atRest && isWorthSealingAtRest(this.#memoryFacts()) ? 'rest' : null;
  }

  #rulesNow(): PlanRules {
    return this.#atRest ? rulesAtRest(this.#rules, publishedFacts(this.#parts.set)) : this.#rules;
  }

  #isMemoryFull(): boolean {
    return isMemoryFull(this.#memoryFacts(), this.#rules);
  }

  #memoryFacts(): MemoryFacts {
    const { set, wal } = this.#parts;
    const { segment } = set.memory;
    const { vectorBytes, payloadBytes, roomCount } = segment;
    const logBytes = wal.bytesSince(this.#sealedLsn);
    return { offsetCount: segment.offsetCount(), vectorBytes, payloadBytes, roomCount, logBytes };
  }

  /** What is sealed must be the state after one operation, and a later one than last time. */
  #canSeal(): boolean {
    return this.#isBetweenUpdates && this.#appliedLsn > this.#sealedLsn;
  }

  #seal(): void {
    this.#parts.set.seal(this.#appliedLsn);
    this.#sealedLsn = this.#appliedLsn;
  }

  // --- flush ---

  #startFlush(): void {
    this.#flush = this.#runFlush().then((error) => {
      this.#flush = null;
      this.#flushError = error;
      this.#waitsForFlush = false;
      if (error === null) this.#openRoom();
      else this.#retryLater();
      this.wake();
    });
  }

  /** Null when it went well. */
  async #runFlush(): Promise<string | null> {
    const { set } = this.#parts;
    const slots = set.sealed;
    try {
      await this.#rebuild(slots, false, this.#flushAbort.signal);
      return null;
    } catch (error) {
      if (this.#closed) return null;
      const message = describeFailure(error);
      this.#parts.logger.error('sealed points could not be written to disk', { error: message });
      return message;
    }
  }

  #openRoom(): void {
    if (this.#parts.set.sealed.length > sealedCountMax && !this.#closed) return;
    this.#room?.resolve();
    this.#room = null;
  }

  // --- optimization ---

  #startOptimization(): void {
    const { set, clock, createId } = this.#parts;
    const [job] = planOptimizations(publishedFacts(set), this.#rulesNow());
    if (job === undefined) return;
    const slots = set.published.filter((slot) => job.segmentIds.includes(slot.segment.id));
    if (job.optimizer === 'vacuum' && !this.#canVacuum(slots)) return;
    const abort = new AbortController();
    const segments = slots.map(({ segment }) => ({
      uuid: segment.id,
      points_count: segment.pointCount(),
    }));
    this.history.begin(createId(), job.optimizer, segments, clock.nowMs());
    const promise = this.#runOptimization(job, slots, abort.signal).then(() => {
      this.#optimization = null;
      this.wake();
    });
    this.#optimization = { promise, abort };
  }

  /**
   * Points deleted after the manifest's operation have to stay in a rebuilt segment. So what was
   * deleted is made part of the manifest first, by sealing whatever is in memory.
   */
  #canVacuum(slots: readonly PublishedSlot[]): boolean {
    if (slots.every((slot) => slot.deletions.count === 0)) return true;
    const deletions = slots.reduce((sum, slot) => sum + slot.deletions.count, 0);
    const deleted = slots.reduce((sum, slot) => sum + slot.segment.deletedCount, 0);
    // A few recent ones may stay: otherwise a steady trickle of deletions would put it off for
    // ever.
    if (deletions < deleted * 0.1) return true;
    if (this.#parts.set.sealed.length === 0 && this.#canSeal()) {
      this.#seal();
      if (this.#flush === null && this.#flushError === null) this.#startFlush();
    }
    return false;
  }

  async #runOptimization(
    job: PlannedJob,
    slots: readonly PublishedSlot[],
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, logger } = this.#parts;
    const startedAtMs = clock.monotonicMs();
    const names = { optimizer: job.optimizer, segments: job.segmentIds };
    try {
      this.#checkSpace(slots);
      await this.#rebuild(slots, job.withGraph, signal);
      this.history.end('done', clock.nowMs());
      logger.info('optimized', { ...names, durationMs: clock.monotonicMs() - startedAtMs });
    } catch (error) {
      const message = describeFailure(error);
      if (signal.aborted) {
        this.history.end({ cancelled: message }, clock.nowMs());
        logger.info('optimization cancelled', names);
        return;
      }
      this.history.end({ error: message }, clock.nowMs());
      this.#optimizationError = message;
      this.#retryLater();
      logger.error('optimization failed', { ...names, error: message });
    }
  }

  #checkSpace(slots: readonly PublishedSlot[]): void {
    const { disk } = this.#parts;
    const needed = slots.reduce((sum, { segment }) => sum + segment.shared.stats.diskBytes, 0) * 2;
    const available = disk.freeBytes(this.#options.directory);
    if (available >= needed) return;
    throw new RequestError(
      'internal',
      `Not enough space available for optimization, needed: ${needed}, available: ${available}`,
    );
  }

  // --- both ---

  async #rebuild(
    slots: readonly FrozenSlot[],
    indexed: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { set, store, builder, committer, indexes, createId } = this.#parts;
    const { config } = set;
    const job = new SegmentJob(set, slots, store.appliedLsn);
    const segmentId = createId();
    const directory = store.directoryOf(segmentId);
    try {
      const { segment } = await builder.build(
        {
          segmentId,
          directory,
          sources: job.descriptions as BuildSource[],
          vectors: config.vectors,
          schema: set.schema,
          onDiskPayload: config.onDiskPayload,
          indexed,
          slotCount: this.#options.slotCount,
        },
        signal,
      );
      signal.throwIfAborted();
      const metadata = { indexed, settings: buildSettings(config, indexed) };
      const { released } = await committer.commit({ job, segment, metadata });
      this.#track(released);
      // The job took the schema of its beginning. Failures of a disk are handled there.
      void indexes.reconcile();
    } catch (error) {
      job.finish(null);
      // The disk may already name the new segment: it stays until a later manifest does not.
      if (error instanceof CommitFailedError) this.#leftovers.push(directory);
      else await this.#discard(directory);
      throw error;
    }
    for (const leftover of this.#leftovers.splice(0)) await this.#discard(leftover);
  }

  async #discard(directory: string): Promise<void> {
    try {
      await this.#parts.disk.removeTree(directory);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }

  /** What remains to be done once no thread reads the old segments. */
  #track(released: Promise<void>): void {
    const { logger } = this.#parts;
    const tracked = released
      .catch((error: unknown) => {
        logger.warn('old segments were not cleaned up', { error: describeFailure(error) });
      })
      .then(() => {
        this.#releasing.delete(tracked);
      });
    this.#releasing.add(tracked);
  }

  #retryLater(): void {
    if (this.#closed || this.#retryTimer !== null) return;
    this.#retryTimer = this.#parts.timers.setTimeout(() => {
      this.#retryTimer = null;
      this.retry();
    }, retryDelayMs);
  }

  /** Tries again what failed. */
  retry(): void {
    this.#flushError = null;
    this.#optimizationError = null;
    this.wake();
  }

  /** Cancels what runs and waits until it has let go. Nothing begins after this. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#retryTimer !== null) this.#parts.timers.clear(this.#retryTimer);
    this.#retryTimer = null;
    if (this.#restTimer !== null) this.#parts.timers.clear(this.#restTimer);
    this.#restTimer = null;
    this.#openRoom();
    this.#flushAbort.abort(new Error('the shard is closing'));
    this.#optimization?.abort.abort(new Error('the shard is closing'));
    await Promise.all([this.#flush, this.#optimization?.promise, ...this.#releasing]);
    await Promise.all(this.#releasing);
  }

  /** Resolves when nothing runs and nothing is waiting to be let go; for tests and `close`. */
  async settled(): Promise<void> {
    while (this.#flush !== null || this.#optimization !== null || this.#releasing.size > 0) {
      await Promise.all([this.#flush, this.#optimization?.promise, ...this.#releasing]);
    }
  }
}

/** A bug is not reported as a failure: it ends the thread. */
function describeFailure(error: unknown): string {
  if (error instanceof InvariantError) throw error;
  return error instanceof Error ? error.message : String(error);
}
