// The sizes of a run: the ones that the goals are stated for, or smaller ones for a quick look.

import type { DatasetSpec } from './dataset.ts';
import type { RoundPlan } from './measure/rounds.ts';

export interface BenchPlan {
  readonly name: 'full' | 'quick';
  /** Acknowledged and indexed against the clock. */
  readonly ingest: DatasetSpec;
  /** Everything about searching, memory and restarts. */
  readonly search: DatasetSpec;
  /** Recall at a high dimension; `null` leaves it out. */
  readonly wide: DatasetSpec | null;
  /** Of searches before any are timed: compiled code gets faster for about ten seconds. */
  readonly warmUpMs: number;
  readonly rounds: Pick<RoundPlan, 'roundCount' | 'roundMs'>;
  /** How often a restart is repeated. */
  readonly restartCount: number;
  /** Memory is looked at again after half a minute. */
  readonly waitsForIdle: boolean;
}

export const fullPlan: BenchPlan = {
  name: 'full',
  ingest: { count: 50_000, dimension: 128, queryCount: 500, seed: 1 },
  search: { count: 100_000, dimension: 128, queryCount: 500, seed: 2 },
  wide: { count: 50_000, dimension: 768, queryCount: 300, seed: 3 },
  warmUpMs: 15_000,
  rounds: { roundCount: 7, roundMs: 1200 },
  restartCount: 3,
  waitsForIdle: true,
};

export const quickPlan: BenchPlan = {
  name: 'quick',
  ingest: { count: 20_000, dimension: 128, queryCount: 200, seed: 1 },
  search: { count: 20_000, dimension: 128, queryCount: 200, seed: 1 },
  wide: null,
  warmUpMs: 3_000,
  rounds: { roundCount: 3, roundMs: 500 },
  restartCount: 1,
  waitsForIdle: false,
};
