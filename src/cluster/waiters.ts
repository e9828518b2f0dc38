// Waiting for something to become true. Whoever changes the state calls `poke`; every condition is
// then looked at again, so nobody can miss a change that came and went between two looks.
//
// Invariant: `poke` calls conditions, and conditions change nothing.

import type { TimerHandle, Timers } from '../io/ports.ts';

interface Waiter {
  /** True once it has nothing to wait for any more. */
  readonly look: () => boolean;
  readonly giveUp: () => void;
}

export class Waiters {
  readonly #timers: Timers;
  readonly #waiters = new Set<Waiter>();
  #isClosed = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get count(): number {
    return this.#waiters.size;
  }

  /** What `look` gives once that is not `null`; `null` after `timeoutMs`, or when closed. */
  until<Result>(look: () => Result | null, timeoutMs: number | null): Promise<Result | null> {
    const found = look();
    if (found !== null || this.#isClosed) return Promise.resolve(found);
    return new Promise((resolve) => {
      let timer: TimerHandle | null = null;
      const end = (result: Result | null): void => {
        this.#waiters.delete(waiter);
        if (timer !== null) this.#timers.clear(timer);
        resolve(result);
      };
      const waiter: Waiter = {
        look: () => {
          const result = look();
          if (result === null) return false;
          end(result);
          return true;
        },
        giveUp: () => end(null),
      };
      if (timeoutMs !== null) timer = this.#timers.setTimeout(waiter.giveUp, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  poke(): void {
    for (const waiter of this.#waiters) waiter.look();
  }

  /** Everybody stops waiting, also those who come later. */
  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters) waiter.giveUp();
  }
}
