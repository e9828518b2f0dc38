// Waiting by the timers of whoever waits: for an answer, but not for ever, or just for a while.

import type { Timers } from './ports.ts';

/** `late` if there is no result in time; what it came of goes on. Infinity waits for ever. */
export async function within<Result>(
  timers: Timers,
  timeoutMs: number,
  result: Promise<Result>,
  late: Result,
): Promise<Result> {
  if (!Number.isFinite(timeoutMs)) return result;
  const { promise, resolve } = Promise.withResolvers<Result>();
  const timer = timers.setTimeout(() => resolve(late), timeoutMs);
  try {
    return await Promise.race([result, promise]);
  } finally {
    timers.clear(timer);
  }
}

export function pause(timers: Timers, durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.setTimeout(resolve, durationMs);
  });
}
