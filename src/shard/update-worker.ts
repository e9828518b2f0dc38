// Applies the updates of the queue, one after the other, in log order. The only caller of
// everything that changes points, so an update may rest half-way without another one coming in
// between.
//
// A user's mistake settles the update as failed and the next one follows. A disk that cannot be
// read is no mistake: the update stays at the head, the shard turns red, and each later update
// tries again first.

import { InvariantError } from '../base/assert.ts';
import { DiskError, type Logger } from '../io/ports.ts';
import { RequestError } from '../model/request-error.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';
import type { UpdateApplier } from './apply.ts';
import type { Gate } from './gate.ts';
import type { Optimizer } from './optimizer.ts';
import type { PayloadIndexes } from './payload-indexes.ts';
import type { UpdateOutcome } from './update-outcome.ts';
import type { QueuedUpdate, UpdateQueue } from './update-queue.ts';

export interface UpdateWorkerParts {
  readonly queue: UpdateQueue;
  readonly applier: UpdateApplier;
  readonly indexes: PayloadIndexes;
  readonly optimizer: Optimizer;
  /** Held while an update is carried out. */
  readonly gate: Gate;
  readonly logger: Logger;
}

export class UpdateWorker {
  readonly #parts: UpdateWorkerParts;
  #appliedLsn: number;
  /** Whether the loop will look at the queue again; set and cleared in step with it. */
  #active = false;
  #running: Promise<void> = Promise.resolve();
  #stopping = false;
  #failure: string | null = null;

  constructor(parts: UpdateWorkerParts, appliedLsn: number) {
    this.#parts = parts;
    this.#appliedLsn = appliedLsn;
  }

  /** Number of the last update that was carried out. */
  get appliedLsn(): number {
    return this.#appliedLsn;
  }

  /** Why the update at the head of the queue cannot be carried out; null = all is well. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Something was queued. */
  kick(): void {
    if (this.#active || this.#stopping) return;
    this.#active = true;
    this.#running = this.#run();
  }

  /** Lets the running update end; what waits stays in the log for the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    let step: 'applied' | 'idle' | 'postponed' = 'applied';
    while (step === 'applied' && !this.#stopping) {
      const room = this.#parts.optimizer.waitForRoom();
      if (room === null) step = await this.#applyNext();
      else await room;
    }
    this.#active = false;
    // An update may have come after the queue was found empty and before this line.
    if (step === 'idle' && this.#parts.queue.unappliedCount > 0) this.kick();
  }

  async #applyNext(): Promise<'applied' | 'idle' | 'postponed'> {
    const { queue, optimizer, gate } = this.#parts;
    const held = gate.enter();
    if (held !== null) await held;
    const entry = this.#stopping ? null : queue.start();
    if (entry === null) {
      gate.leave();
      return 'idle';
    }
    optimizer.applying();
    const outcome = await this.#apply(entry);
    gate.leave();
    if (outcome === 'postponed') {
      queue.postpone();
      return 'postponed';
    }
    queue.finish();
    this.#appliedLsn = entry.lsn;
    this.#settle(entry, outcome);
    optimizer.applied(entry.lsn);
    return 'applied';
  }

  async #apply(entry: QueuedUpdate): Promise<UpdateOutcome | 'postponed'> {
    const { applier, indexes, logger } = this.#parts;
    const { operation, lsn } = entry;
    try {
      if (operation.kind === 'create_index' || operation.kind === 'delete_index') {
        await indexes.apply(operation);
      } else {
        await applier.apply(operation, lsn);
      }
      this.#failure = null;
      return { status: 'completed', operationId: lsn };
    } catch (error) {
      if (error instanceof RequestError) {
        this.#failure = null;
        logger.debug('update refused', { lsn, kind: operation.kind, error: error.message });
        const { code, message } = error;
        return { status: 'failed', operationId: lsn, code, message };
      }
      if (error instanceof InvariantError) throw error;
      if (!(error instanceof DiskError) && !(error instanceof CorruptFileError)) throw error;
      this.#failure = error.message;
      logger.error('an update cannot be carried out', { lsn, error: error.message });
      // Its sender is told now; the update itself will be tried again.
      const { message } = error;
      entry.settle({ status: 'failed', operationId: lsn, code: 'internal', message });
      return 'postponed';
    }
  }

  /** Whoever waits for an index update waits for all segments; the queue goes on meanwhile. */
  #settle(entry: QueuedUpdate, outcome: UpdateOutcome): void {
    const { kind } = entry.operation;
    if (kind !== 'create_index' && kind !== 'delete_index') {
      entry.settle(outcome);
      return;
    }
    const { indexes } = this.#parts;
    const done = Promise.all([indexes.reopen(), indexes.reconcile()]);
    void done.then(() => entry.settle(outcome));
  }
}
