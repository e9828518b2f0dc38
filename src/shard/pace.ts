// Keeps long work from holding up its thread: after some milliseconds of work others get a turn.

import type { Clock, Timers } from '../io/ports.ts';

const sliceMs = 3;
/** The clock is read once per so many steps. */
const stepsPerLook = 32;

export class Pace {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #timers: Pick<Timers, 'yieldToOthers'>;
  #sliceStartMs: number;
  #steps = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>, timers: Pick<Timers, 'yieldToOthers'>) {
    this.#clock = clock;
    this.#timers = timers;
    this.#sliceStartMs = clock.monotonicMs();
  }

  /** Begins a piece of work: what came before does not count. */
  start(): void {
    this.#steps = 0;
    this.#sliceStartMs = this.#clock.monotonicMs();
  }

  /** Counts one step; true when it is time to `rest`. */
  step(): boolean {
    this.#steps += 1;
    if (this.#steps < stepsPerLook) return false;
    this.#steps = 0;
    return this.#clock.monotonicMs() - this.#sliceStartMs >= sliceMs;
  }

  async rest(): Promise<void> {
    await this.#timers.yieldToOthers();
    this.start();
  }

  /** In the form that readers of segments take. */
  readonly pause = async (): Promise<void> => {
    if (this.#clock.monotonicMs() - this.#sliceStartMs >= sliceMs) await this.rest();
  };
}
