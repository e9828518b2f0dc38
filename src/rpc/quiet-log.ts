// A log for what strangers can cause at will: the same line is written once in a while, with how
// often it was held back, and the memory of lines is bounded.

import type { Clock, Logger } from '../io/ports.ts';

interface Line {
  readonly writtenMs: number;
  heldBackCount: number;
}

const linesCountMax = 1_000;

export class QuietLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #lines = new Map<string, Line>();

  constructor(log: Logger, clock: Clock, everyMs: number) {
    this.#log = log;
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  warn(line: string): void {
    this.#once(line, (text) => this.#log.warn(text));
  }

  info(line: string): void {
    this.#once(line, (text) => this.#log.info(text));
  }

  #once(line: string, write: (text: string) => void): void {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#lines.get(line);
    if (last !== undefined && nowMs - last.writtenMs < this.#everyMs) {
      last.heldBackCount += 1;
      return;
    }
    // The oldest goes first: a line that is written again moves to the end.
    this.#lines.delete(line);
    const [oldest] = this.#lines.keys();
    if (this.#lines.size >= linesCountMax && oldest !== undefined) this.#lines.delete(oldest);
    this.#lines.set(line, { writtenMs: nowMs, heldBackCount: 0 });
    const heldBackCount = last?.heldBackCount ?? 0;
    write(heldBackCount === 0 ? line : `${line} (${heldBackCount} more times meanwhile)`);
  }
}
