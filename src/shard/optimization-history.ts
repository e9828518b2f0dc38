// The optimizations of a shard as its API shows them: the running one and the last finished ones.

import type { OptimizationReport, SegmentCount } from './shard-info.ts';

const finishedCountMax = 16;

export class OptimizationHistory {
  #running: OptimizationReport | null = null;
  #finished: readonly OptimizationReport[] = [];

  get running(): readonly OptimizationReport[] {
    return this.#running === null ? [] : [this.#running];
  }

  /** Newest first. */
  get finished(): readonly OptimizationReport[] {
    return this.#finished;
  }

  begin(
    uuid: string,
    optimizer: string,
    segments: readonly SegmentCount[],
    startedAtMs: number,
  ): void {
    const status = 'optimizing';
    this.#running = { uuid, optimizer, status, segments, startedAtMs, finishedAtMs: null };
  }

  end(status: OptimizationReport['status'], finishedAtMs: number): void {
    if (this.#running === null) return;
    const ended = { ...this.#running, status, finishedAtMs };
    this.#running = null;
    this.#finished = keepLast([ended, ...this.#finished]);
  }
}

/** Failed ones are what people look for: they outlive the others. */
function keepLast(reports: readonly OptimizationReport[]): readonly OptimizationReport[] {
  let done = 0;
  return reports.filter((report) => {
    if (typeof report.status !== 'string' && 'error' in report.status) return true;
    done += 1;
    return done <= finishedCountMax;
  });
}
