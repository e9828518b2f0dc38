// How soon each defect is noticed, and by whom; and an hour of a healthy, busy cluster in which
// nobody may hold an election. The many lives of sound clusters: `npm run sim -- --seeds 1..2000`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import { randomCommand } from './commands.ts';
import { defects, firstCaught } from './defects.ts';
import { Stage } from './stage.ts';

for (const [name, defect] of Object.entries(defects)) {
  test(`it is noticed if ${name}`, async (t) => {
    const caught = await firstCaught(defect, 1, 5000);
    assert(caught !== null, 'no checker spoke');
    t.diagnostic(`seed ${caught.seed}: ${caught.message}`);
  });
}

test('an hour under load, with stalls and slow disks: no election while peers hear each other', async () => {
  const stage = new Stage(77);
  const machines = await stage.cluster(3, 128);
  const prng = new Prng(78);
  const endMs = stage.time.nowMs + 3_600_000;
  let doneCount = 0;
  for (let serial = 1; stage.time.nowMs < endMs; serial += 1) {
    const machine = prng.pick(machines);
    const { command } = randomCommand(prng, serial, []);
    void machine.node?.propose(command, 20_000).then(({ kind }) => {
      if (kind === 'done') doneCount += 1;
    });
    // One at a time: a leader that stands still for longer than the election timeout is replaced.
    if (prng.chance(0.02)) prng.pick(machines).pause(prng.pick([100, 300, 600]));
    if (prng.chance(0.01)) machine.diskMs = prng.pick([0.2, 1, 20, 200]);
    await stage.run(50 + prng.int(100));
  }
  assert.equal(stage.checkers.electionCount, 1);
  assert(doneCount > 30_000, `${doneCount} changes`);
});
