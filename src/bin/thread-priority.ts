// Linux schedules threads by their own nice value, but Node only knows processes. The id of the
// calling thread is read from /proc, which names the thread that asks.

import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/** From now on this thread leaves the processor to threads that answer clients. */
export function yieldCpu(): void {
  try {
    const threadId = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (Number.isSafeInteger(threadId))
      setPriority(threadId, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // No /proc or no permission: the thread simply keeps its priority.
  }
}
