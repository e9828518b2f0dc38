// How a long read gives way: every few milliseconds it lets the event loop run, and past its
// deadline it ends with `timeout`.

import { RequestError } from '../../model/request-error.ts';
import type { Pause } from '../../segment/segment-reader.ts';

/** `operation` names what timed out in the message users see. */
export function createPause(operation: string, timeoutMs: number): Pause {
  const deadlineMs = performance.now() + timeoutMs;
  return async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
    if (performance.now() <= deadlineMs) return;
    const seconds = Math.round(timeoutMs / 1000);
    throw new RequestError(
      'timeout',
      `Timeout error: Operation '${operation}' timed out after ${seconds}s`,
    );
  };
}
