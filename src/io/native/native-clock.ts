// Clock, timers and randomness of the running machine.
import { randomFillSync } from 'node:crypto';
import type { Clock, Random, TimerHandle, Timers } from '../ports.ts';

export class NativeClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }
}

class NativeTimer implements TimerHandle {
  readonly timer = true;
  readonly timeout: NodeJS.Timeout;

  constructor(timeout: NodeJS.Timeout) {
    this.timeout = timeout;
  }
}

export class NativeTimers implements Timers {
  setTimeout(action: () => void, delayMs: number): TimerHandle {
    return new NativeTimer(setTimeout(action, delayMs).unref());
  }

  clear(handle: TimerHandle): void {
    if (handle instanceof NativeTimer) clearTimeout(handle.timeout);
  }

  yieldToOthers(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

export class NativeRandom implements Random {
  readonly #word = new Uint32Array(1);

  uint32(): number {
    randomFillSync(this.#word);
    return this.#word[0] ?? 0;
  }

  fill(into: Uint8Array): void {
    randomFillSync(into);
  }
}
