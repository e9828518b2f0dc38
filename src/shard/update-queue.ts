// Updates that are in the log and wait to be applied, in log order. Bounded by count and bytes: who
// would go beyond waits in line before the log is touched, so the order of the log is the order in
// which callers came.

import { assert } from '../base/assert.ts';
import type { UpdateOperation } from '../model/update.ts';
import type { UpdateOutcome } from './update-outcome.ts';

export interface QueuedUpdate {
  readonly lsn: number;
  /** Columns are views of the record. */
  readonly operation: UpdateOperation;
  readonly recordBytes: number;
  /**
   * Called when the update was applied, was refused, could not be tried for now, or will be applied
   * at the next start only. Calls after the first have no effect.
   */
  readonly settle: (outcome: UpdateOutcome) => void;
}

export interface QueueLimits {
  readonly countMax: number;
  readonly bytesMax: number;
}

export class UpdateQueue {
  readonly #limits: QueueLimits;
  #entries: QueuedUpdate[] = [];
  #head = 0;
  #bytes = 0;
  #running = false;
  readonly #line: { readonly bytes: number; readonly enter: () => void }[] = [];

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Updates that wait; the one being applied is not counted. */
  get waitingCount(): number {
    const count = this.#entries.length - this.#head;
    return this.#running ? count - 1 : count;
  }

  /** Updates that are not applied yet. */
  get unappliedCount(): number {
    return this.#entries.length - this.#head;
  }

  /** Null: go on at once. Otherwise wait for it, then go on without asking again. */
  enter(bytes: number): Promise<void> | null {
    if (this.#line.length === 0 && this.#hasRoom(bytes)) return null;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#line.push({ bytes, enter: resolve });
    return promise;
  }

  push(entry: QueuedUpdate): void {
    const last = this.#entries.at(-1);
    const inOrder = last === undefined || last.lsn < entry.lsn;
    assert(inOrder, () => `update ${entry.lsn} queued behind ${last?.lsn}`);
    this.#entries.push(entry);
    this.#bytes += entry.recordBytes;
  }

  /** The next one, which stays in the queue until `finish`. */
  start(): QueuedUpdate | null {
    const entry = this.#entries[this.#head];
    this.#running = entry !== undefined;
    return entry ?? null;
  }

  /** The one that was started stays at the head and will be started again. */
  postpone(): void {
    this.#running = false;
  }

  finish(): void {
    const entry = this.#entries[this.#head];
    assert(this.#running && entry !== undefined, 'no update to finish');
    this.#running = false;
    this.#head += 1;
    this.#bytes -= entry.recordBytes;
    if (this.#head >= 1024 || this.#head === this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    this.#admit();
  }

  /** For a shard that closes: lets everybody in line go on, and be told that it is closed. */
  openGate(): void {
    for (const { enter } of this.#line.splice(0)) enter();
  }

  /** All that are still to be applied; they stay in the log. */
  abandon(): readonly QueuedUpdate[] {
    const rest = this.#entries.slice(this.#head);
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    return rest;
  }

  /** One at a time: whoever is let in takes its room before the next is looked at. */
  #admit(): void {
    const first = this.#line[0];
    if (first === undefined || !this.#hasRoom(first.bytes)) return;
    this.#line.shift();
    first.enter();
    // The caller appends in a microtask; look again once it has.
    if (this.#line.length > 0) queueMicrotask(() => this.#admit());
  }

  #hasRoom(bytes: number): boolean {
    const count = this.unappliedCount;
    if (count === 0) return true;
    return count < this.#limits.countMax && this.#bytes + bytes <= this.#limits.bytesMax;
  }
}
