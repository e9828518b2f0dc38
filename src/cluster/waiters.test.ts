// Waiting for conditions, with and without an end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from '../../test/sim/virtual-time.ts';
import { Waiters } from './waiters.ts';

function setUp(): { readonly time: VirtualTime; readonly waiters: Waiters } {
  const time = new VirtualTime();
  const process = { isAlive: true, pausedUntilMs: 0, wallOffsetMs: 0 };
  return { time, waiters: new Waiters(time.timers(process)) };
}

test('what is true already is not waited for', async () => {
  const { waiters } = setUp();
  assert.equal(await waiters.until(() => 7, 1000), 7);
  assert.equal(waiters.count, 0);
});

test('a poke wakes those whose condition holds, and no others', async () => {
  const { waiters } = setUp();
  let value = 0;
  const one = waiters.until(() => (value >= 1 ? value : null), 1000);
  const two = waiters.until(() => (value >= 2 ? value : null), 1000);
  value = 1;
  waiters.poke();
  assert.equal(await one, 1);
  assert.equal(waiters.count, 1);
  value = 2;
  waiters.poke();
  assert.equal(await two, 2);
});

test('the time ends a wait, and so does closing', async () => {
  const { time, waiters } = setUp();
  const short = waiters.until(() => null, 100);
  const endless = waiters.until(() => null, null);
  await time.run(200, () => true);
  assert.equal(await short, null);
  waiters.close();
  assert.equal(await endless, null);
  assert.equal(await waiters.until(() => null, null), null);
});
