// Gives memory back that a thread no longer needs. A segment's kernel memory and the buffers of
// requests are outside of the JavaScript heap, so the collector does not feel their weight: on a
// thread that does little, what is left of an old segment would stay for hours. And V8 keeps the
// pages of a heap that has shrunk for the next time, which may be some 30 MiB a thread.
//
//   asked ──a moment──► quiet? ──yes──► thorough collection, pages returned: some 40 ms
//                         │ no
//                         └──► ordinary collection (10 ms), and looks again until it is quiet

/** Changes come in bursts: one collection for all of them. */
const delayMs = 200;
const nextLookMs = 1_000;
/** Between two collections, however much comes and goes meanwhile: each costs all helpers of V8. */
const collectionGapMs = 3_000;
/** A thread that is busy for a larger share of its time must not be held up for long. */
const busyShareMax = 0.25;

let timer: NodeJS.Timeout | undefined;
/** Whether the collection that is due was asked for. */
let isAsked = false;
let collectedAtMs = -collectionGapMs;

/**
 * Segments were dropped, or handed to another thread, or the thread has just started: whatever it
 * took to get there is garbage now.
 */
export function returnMemorySoon(): void {
  // Without `--expose-gc` (the launcher sets it) the collector decides alone.
  if (globalThis.gc === undefined || isAsked) return;
  isAsked = true;
  clearTimeout(timer);
  lookAfter(Math.max(delayMs, collectedAtMs + collectionGapMs - performance.now()));
}

/** For a thread that is about to end: what it leaves to V8 would be kept for threads to come. */
export function returnMemoryNow(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

function lookAfter(ms: number): void {
  const before = performance.eventLoopUtilization();
  timer = setTimeout(() => {
    const isBusy = performance.eventLoopUtilization(before).utilization > busyShareMax;
    if (!isBusy || isAsked) collectedAtMs = performance.now();
    if (!isBusy) collect('last-resort');
    else if (isAsked) collect('regular');
    isAsked = false;
    if (isBusy) lookAfter(nextLookMs);
  }, ms).unref();
}

/** The `last-resort` of V8 also returns pages that are kept for later. */
function collect(flavor: 'regular' | 'last-resort'): void {
  const options = { type: 'major', execution: 'async', flavor } as const;
  void globalThis.gc?.(options);
}
