// What a simulated life is told, and what it tells.

import type { Violation } from './checkers.ts';
import type { Faults } from './faults.ts';
import type { Defects } from './sim-machine.ts';

export const noDefects: Defects = { rules: null, forgetsVote: false, skipsSync: false };

export interface LifeOptions {
  readonly seed: number;
  /** At most so many things are done to the cluster. */
  readonly stepCount: number;
  /** Time until everything is made well again. */
  readonly stormMs: number;
  /** `storm`: nothing but elections and power losses. */
  readonly kind: 'mixed' | 'storm';
  readonly defects: Defects;
  readonly onTrace: ((text: string) => void) | null;
}

export const usualLife = {
  stepCount: Number.POSITIVE_INFINITY,
  stormMs: 45_000,
  kind: 'mixed',
  defects: noDefects,
  onTrace: null,
} as const;

export interface Life {
  readonly faults: Faults;
  readonly violation: Violation | null;
  readonly stepCount: number;
  readonly simulatedMs: number;
  /** Equal lives have equal ones. */
  readonly traceHash: string;
}
