// Time that passes only when told to: a queue of events, each on the account of one process. After
// every event all promises that it settled are followed to their end, so that one seed gives one
// order of everything. Wall time of a process may be off; monotonic time never is.

import type { Clock, TimerHandle, Timers } from '../../src/io/ports.ts';

/** One run of one machine: what it had scheduled dies with it. */
export interface Process {
  isAlive: boolean;
  /** Nothing of it runs before this time. */
  pausedUntilMs: number;
  wallOffsetMs: number;
}

interface Event {
  readonly atMs: number;
  readonly sequence: number;
  readonly process: Process | null;
  action: (() => void) | null;
}

class VirtualTimer implements TimerHandle {
  readonly timer = true;
  readonly event: Event;

  constructor(event: Event) {
    this.event = event;
  }
}

export class VirtualTime {
  #nowMs = 0;
  #sequence = 0;
  readonly #heap: Event[] = [];
  eventCount = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  at(delayMs: number, process: Process | null, action: () => void): Event {
    this.#sequence += 1;
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const event = { atMs, sequence: this.#sequence, process, action };
    this.#push(event);
    return event;
  }

  clock(process: Process): Clock {
    return {
      nowMs: () => 1_700_000_000_000 + this.#nowMs + process.wallOffsetMs,
      monotonicMs: () => this.#nowMs,
    };
  }

  timers(process: Process): Timers {
    return {
      setTimeout: (action, delayMs) => new VirtualTimer(this.at(delayMs, process, action)),
      clear: (handle) => {
        if (handle instanceof VirtualTimer) handle.event.action = null;
      },
      yieldToOthers: () =>
        new Promise((resolve) => {
          this.at(0, process, resolve);
        }),
    };
  }

  /** Carries out what is due up to `untilMs`; `afterEach` is told whose event it was. */
  async run(untilMs: number, afterEach: (process: Process | null) => boolean): Promise<void> {
    await settled();
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) break;
      this.#pop();
      const { process, action } = event;
      if (action === null || process?.isAlive === false) continue;
      if (process !== null && process.pausedUntilMs > event.atMs) {
        this.#postpone(event, process.pausedUntilMs);
        continue;
      }
      this.#nowMs = event.atMs;
      event.action = null;
      this.eventCount += 1;
      action();
      await settled();
      if (!afterEach(process)) return;
    }
    this.#nowMs = untilMs;
  }

  #postpone(event: Event, atMs: number): void {
    this.#sequence += 1;
    // The handle of a timer points to its event, so the event itself moves.
    Object.assign(event, { atMs, sequence: this.#sequence });
    this.#push(event);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Event;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      const right = heap[childAt + 1];
      let child = heap[childAt];
      if (child === undefined) break;
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childAt += 1;
      }
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

/** All promises that can go on have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
