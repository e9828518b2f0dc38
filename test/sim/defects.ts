// Clusters that are built wrong on purpose. A simulator that does not notice them is worth nothing.

import { soundRules } from '../../src/raft/quorum.ts';
import type { CheckerName } from './checkers.ts';
import { noDefects, usualLife } from './life.ts';
import type { Defects } from './sim-machine.ts';
import { live } from './world.ts';

export const defects = {
  'a vote is not persisted': { ...noDefects, forgetsVote: true },
  'fsync is skipped': { ...noDefects, skipsSync: true },
  'a quorum is one too small': {
    ...noDefects,
    rules: {
      ...soundRules,
      quorumCount: (voterCount: number) => Math.max(1, Math.floor(voterCount / 2)),
    },
  },
  'copies are counted over all terms': {
    ...noDefects,
    rules: { ...soundRules, mayCommit: () => true },
  },
} as const satisfies Readonly<Record<string, Defects>>;

export interface Caught {
  readonly seed: number;
  readonly checker: CheckerName;
  readonly message: string;
}

/** The first of `lifeCount` stormy lives in which a checker of safety speaks. */
export async function firstCaught(
  defect: Defects,
  firstSeed: number,
  lifeCount: number,
): Promise<Caught | null> {
  for (let seed = firstSeed; seed < firstSeed + lifeCount; seed += 1) {
    const { violation } = await live({ ...usualLife, kind: 'storm', seed, defects: defect });
    if (violation === null || violation.checker === 'liveness') continue;
    const { checker, message } = violation;
    return { seed, checker, message };
  }
  return null;
}
