// What every part of the benchmark is given.

import type { Load } from './load/load.ts';
import type { Report } from './measure/report.ts';
import type { BenchPlan } from './plan.ts';

export interface BenchContext {
  readonly plan: BenchPlan;
  readonly load: Load;
  readonly report: Report;
  /** Text that goes below the table. */
  readonly notes: string[];
  /** Worker threads of the server: one per core. */
  readonly workerCount: number;
}

/** Seconds after which something that should be over is given up. */
export const patienceSeconds = 240;
