// Makes the log durable some seconds after an update that nobody waits for (`flush_interval_sec`).

import type { TimerHandle, Timers } from '../io/ports.ts';

export class FlushTimer {
  readonly #timers: Timers;
  readonly #sync: () => Promise<void>;
  #handle: TimerHandle | null = null;

  /** `sync` reports its own failures. */
  constructor(timers: Timers, sync: () => Promise<void>) {
    this.#timers = timers;
    this.#sync = sync;
  }

  /** Something was appended; does nothing when a sync is due already. */
  arm(delayMs: number): void {
    if (this.#handle !== null) return;
    this.#handle = this.#timers.setTimeout(() => {
      this.#handle = null;
      void this.#sync();
    }, delayMs);
  }

  stop(): void {
    if (this.#handle !== null) this.#timers.clear(this.#handle);
    this.#handle = null;
  }
}
