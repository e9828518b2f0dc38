// A few simulated lives in every test run, that one seed always gives one life, and that clusters
// which are built wrong are noticed. Thousands of them: `npm run sim -- --seeds 1..2000`, and
// sim.long.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defects, firstCaught } from './defects.ts';
import { noFaults } from './faults.ts';
import { usualLife } from './life.ts';
import { live } from './world.ts';

test('twenty lives of a minute each: nothing unsafe, and every cluster comes to rest', async () => {
  const sums = noFaults();
  const names = Object.keys(sums) as (keyof typeof sums)[];
  for (let seed = 1; seed <= 20; seed += 1) {
    const { violation, faults } = await live({ ...usualLife, seed });
    assert.equal(violation, null, `${violation?.message}\nnpm run sim -- --seed ${seed}`);
    for (const name of names) sums[name] += faults[name];
  }
  for (const name of names) {
    // Too rare for twenty lives.
    if (name === 'flippedBytes') continue;
    assert(sums[name] > 0, `nothing was ever ${name}`);
  }
});

test('storms of elections and power losses are survived', async () => {
  for (let seed = 1; seed <= 15; seed += 1) {
    const { violation } = await live({ ...usualLife, kind: 'storm', seed });
    assert.equal(violation, null, `${violation?.message}\nnpm run sim -- --seed ${seed} --storm`);
  }
});

test('one seed is one life', async () => {
  for (const seed of [3, 4]) {
    const [first, again] = [await live({ ...usualLife, seed }), await live({ ...usualLife, seed })];
    assert.equal(first.traceHash, again.traceHash);
    assert.deepEqual(first.faults, again.faults);
  }
});

for (const name of ['fsync is skipped', 'a quorum is one too small'] as const) {
  test(`it is noticed if ${name}`, async (t) => {
    const caught = await firstCaught(defects[name], 1, 200);
    assert(caught !== null, 'no checker spoke');
    t.diagnostic(`seed ${caught.seed}: ${caught.message}`);
  });
}
