// The random lives of src/raft/raft-model.test.ts, many more of them, and how soon each flaw is
// noticed by which checker. SEED and LIVES choose others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soundRules } from '../../src/raft/quorum.ts';
import { live, noFlaws } from './model-group.ts';

const firstSeed = Number(process.env['SEED'] ?? 1_000_000);
const lifeCount = Number(process.env['LIVES'] ?? 20_000);

for (const weather of ['mixed', 'storm'] as const) {
  test(`${lifeCount} lives in ${weather} weather`, (t) => {
    const sums = new Map<string, number>();
    for (let seed = firstSeed; seed < firstSeed + lifeCount; seed += 1) {
      const stepCount = seed % 10 === 0 ? 5000 : 800;
      const { violation, counts } = live({ seed, weather, stepCount, flaws: noFlaws });
      assert.equal(violation, null, `seed ${seed}, ${weather}: ${violation?.message}`);
      for (const [name, count] of Object.entries(counts)) {
        sums.set(name, (sums.get(name) ?? 0) + count);
      }
    }
    t.diagnostic([...sums].map(([name, count]) => `${name} ${count}`).join(', '));
  });
}

const flawed = {
  'vote not saved': { ...noFlaws, forgetsVote: true },
  'no sync': { ...noFlaws, skipsSync: true },
  'old terms counted': { ...noFlaws, rules: { ...soundRules, mayCommit: () => true } },
  'quorum one too small': {
    ...noFlaws,
    rules: { ...soundRules, quorumCount: (count: number) => Math.max(1, Math.floor(count / 2)) },
  },
};

for (const [name, flaws] of Object.entries(flawed)) {
  test(`who notices: ${name}`, (t) => {
    const counts = new Map<string, number>();
    const caughtMax = 2000;
    for (let seed = firstSeed; seed < firstSeed + caughtMax; seed += 1) {
      const { violation } = live({ seed, weather: 'storm', stepCount: 800, flaws });
      if (violation !== null) {
        counts.set(violation.checker, (counts.get(violation.checker) ?? 0) + 1);
      }
    }
    t.diagnostic(`of ${caughtMax} lives: ${JSON.stringify(Object.fromEntries(counts))}`);
    assert(counts.size > 0);
  });
}
