// Carries out at the source what `plan.ts` says, one action after the other. It ends with the
// receiver being complete, or with a reason; who started it tells the cluster.

import { unreachable } from '../../base/assert.ts';
import type { Random, Timers } from '../../io/ports.ts';
import { RequestError } from '../../model/request-error.ts';
import { encodeUpdate } from '../../model/update-codec.ts';
import type { ForwardingShard } from './forwarding-shard.ts';
import {
  firstState,
  nextState,
  type TransferAction,
  type TransferEvent,
  type TransferState,
} from './plan.ts';
import {
  batchOf,
  type PointRange,
  type RangeLimits,
  type ReadableShard,
  readRange,
} from './point-range.ts';
import { type SendStep, TransferStream } from './transfer-stream.ts';

export type TransferResult =
  /** The receiver is complete and gets every further update as long as this replica forwards. */
  { readonly kind: 'streamed' } | { readonly kind: 'failed'; readonly reason: string };

export interface TransferProgress {
  readonly stage: 'proxifying' | 'applying queued updates' | 'transferring' | 'finalizing';
  /** Points. */
  readonly doneCount: number;
  readonly totalCount: number;
}

export interface TransferDriverParts {
  readonly serial: number;
  readonly forwarding: ForwardingShard;
  readonly source: ReadableShard;
  readonly send: SendStep;
  readonly timers: Timers;
  readonly random: Random;
  readonly tell: (progress: TransferProgress) => void;
}

const bytesMax = 1024 * 1024;
const countMin = 100;
const countMax = 10_000;

export class TransferDriver {
  readonly #parts: TransferDriverParts;
  #state: TransferState = firstState;
  #stream: TransferStream | null = null;
  #limits: RangeLimits = { countMax: countMin, bytesMax };
  #doneCount = 0;
  #totalCount = 0;
  #stopped: string | null = null;
  #wake: (() => void) | null = null;

  constructor(parts: TransferDriverParts) {
    this.#parts = parts;
  }

  async run(): Promise<TransferResult> {
    for (;;) {
      const { action } = this.#state;
      if (this.#stopped !== null) return { kind: 'failed', reason: this.#stopped };
      if (action.kind === 'give_up') {
        this.#close(action.reason);
        return { kind: 'failed', reason: action.reason };
      }
      if (action.kind === 'done') {
        this.#tell('finalizing');
        return { kind: 'streamed' };
      }
      this.#state = nextState(this.#state, await this.#attempt(action));
    }
  }

  /** What is in the stream already still goes when `isFinished`; nothing more does. */
  stop(reason: string, isFinished: boolean): void {
    this.#stopped = reason;
    if (!isFinished) this.#close(reason);
    this.#wake?.();
  }

  #close(reason: string): void {
    this.#parts.forwarding.use(null);
    this.#stream?.break(reason);
    this.#stream = null;
  }

  async #attempt(action: TransferAction): Promise<TransferEvent> {
    try {
      return await this.#carryOut(action);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return { kind: 'failed', reason: error.message };
    }
  }

  async #carryOut(action: TransferAction): Promise<TransferEvent> {
    switch (action.kind) {
      case 'begin':
        this.#tell('proxifying');
        return this.#begin();
      case 'wait':
        await this.#pause(action.durationMs);
        return { kind: 'waited' };
      case 'rest':
        this.#close('the attempt failed');
        await this.#pause(action.durationMs);
        return { kind: 'rested' };
      case 'drain':
        this.#tell('applying queued updates');
        return this.#drain();
      case 'copy':
        return this.#copy(action.from);
      case 'seal':
        return this.#parts.forwarding.seal() ? { kind: 'sealed' } : this.#broken();
      case 'done':
      case 'give_up':
        return this.#broken();
      default:
        return unreachable(action);
    }
  }

  async #begin(): Promise<TransferEvent> {
    const { random, serial, send, timers, forwarding } = this.#parts;
    const session = random.uint32();
    const outcome = await send({ kind: 'begin', session, serial });
    if (outcome.kind === 'not_ready') return outcome;
    if (outcome.kind !== 'done') return { kind: 'failed', reason: outcome.reason };
    if (this.#stopped !== null) return { kind: 'failed', reason: this.#stopped };
    this.#stream = new TransferStream(session, send, timers);
    forwarding.use(this.#stream);
    return { kind: 'ready' };
  }

  async #drain(): Promise<TransferEvent> {
    const { forwarding, source } = this.#parts;
    if (!(await forwarding.drain())) return { kind: 'failed', reason: 'the source is closed' };
    const counted = await source.read({ kind: 'count', filter: null, exact: false }, 10_000);
    this.#totalCount = counted.kind === 'count' ? counted.count : 0;
    this.#doneCount = 0;
    this.#tell('transferring');
    return { kind: 'drained' };
  }

  async #copy(from: PointRange['next']): Promise<TransferEvent> {
    const { forwarding, source } = this.#parts;
    const stream = this.#stream;
    if (stream === null) return this.#broken();
    const { range, delivered } = await forwarding.hold(async () => {
      const read = await readRange(source, from, this.#limits);
      const record = encodeUpdate({
        kind: 'upsert',
        points: batchOf(read.records),
        mode: 'upsert',
        filter: null,
      });
      return { range: read, delivered: stream.copy({ from, until: read.next, record }) };
    });
    if (!(await delivered)) return this.#broken();
    this.#doneCount += range.records.length;
    this.#adapt(range);
    this.#tell('transferring');
    return { kind: 'copied', next: range.next };
  }

  #broken(): TransferEvent {
    return { kind: 'failed', reason: this.#stream?.failure ?? 'the transfer was interrupted' };
  }

  /** As many points as fit, by the size of those before. */
  #adapt({ records, bytes }: PointRange): void {
    if (records.length === 0) return;
    const fitting = Math.floor(bytesMax / (bytes / records.length));
    this.#limits = { bytesMax, countMax: Math.max(countMin, Math.min(countMax, fitting)) };
  }

  #tell(stage: TransferProgress['stage']): void {
    this.#parts.tell({ stage, doneCount: this.#doneCount, totalCount: this.#totalCount });
  }

  async #pause(durationMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#parts.timers.setTimeout(resolve, durationMs);
      this.#wake = () => {
        this.#parts.timers.clear(timer);
        resolve();
      };
    });
    this.#wake = null;
  }
}
