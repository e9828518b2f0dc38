// Random lives of small groups (`test/raft/model-group.ts`): election safety, log matching, leader
// completeness, state machine safety and linearizable reads after every step, agreement at the end.
// And the same with a core that is built wrong: the checkers must notice. More:
// test/raft/raft-model.long.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findViolation, type LifeCounts, live, noFlaws } from '../../test/raft/model-group.ts';
import { soundRules } from './quorum.ts';

const stepCount = 800;

test('nothing unsafe happens in hundreds of lives of a group, and it always comes to rest', () => {
  const sums = new Map<string, number>();
  for (let seed = 0; seed < 300; seed += 1) {
    const { violation, counts } = live({ seed, weather: 'mixed', stepCount, flaws: noFlaws });
    assert.equal(violation, null, `seed ${seed}: ${violation?.message}`);
    for (const [name, count] of Object.entries(counts)) {
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  // A check that never sees what it is about proves nothing.
  const least: LifeCounts = {
    elections: 300,
    committed: 1000,
    lost: 2000,
    doubled: 500,
    crashes: 500,
    splits: 300,
    memberships: 300,
    snapshots: 30,
    reads: 100,
    transfers: 300,
  };
  for (const [name, count] of Object.entries(least)) {
    assert((sums.get(name) ?? 0) >= count, `only ${sums.get(name)} ${name}`);
  }
});

const halfIsEnough = (voterCount: number): number => Math.max(1, Math.floor(voterCount / 2));

const flawed = {
  'a vote is not saved': { ...noFlaws, forgetsVote: true },
  'nothing is synced': { ...noFlaws, skipsSync: true },
  'copies of entries of old terms are counted': {
    ...noFlaws,
    rules: { ...soundRules, mayCommit: () => true },
  },
  'a quorum is one too small': {
    ...noFlaws,
    rules: { ...soundRules, quorumCount: halfIsEnough },
  },
};

for (const [name, flaws] of Object.entries(flawed)) {
  test(`it is noticed if ${name}`, (t) => {
    const found = findViolation({ seed: 0, weather: 'storm', stepCount, flaws }, 2000);
    assert(found !== null, 'no checker noticed');
    t.diagnostic(`seed ${found.seed}, step ${found.stepCount}: ${found.violation.message}`);
    const sound = live({ seed: found.seed, weather: 'storm', stepCount, flaws: noFlaws });
    assert.equal(sound.violation, null);
  });
}
