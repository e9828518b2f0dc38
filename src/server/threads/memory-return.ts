// Gives the memory of dropped segments back. A segment's kernel memory is outside of the JavaScript
// heap, so the collector does not feel its weight: on a thread that does little, what is left of an
// old segment would stay for hours. After segments changed hands each thread that saw them collects
// once it has been a while, which takes some 10 ms of its time.

/** Changes come in bursts: one collection for all of them. */
const delayMs = 1_500;

let timer: NodeJS.Timeout | null = null;

/** Segments were dropped, or handed to another thread. */
export function returnMemorySoon(): void {
  const collect = globalThis.gc;
  // Without `--expose-gc` (the launcher sets it) the collector decides alone.
  if (collect === undefined || timer !== null) return;
  timer = setTimeout(() => {
    timer = null;
    void collect({ type: 'major', execution: 'async' });
  }, delayMs).unref();
}
