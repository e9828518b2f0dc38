// A small shard is killed here and there in its life. `shard-kill.long.ts` does it everywhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dieAllOver } from './shard-death.ts';

for (const mode of ['kill', 'power'] as const) {
  test(`a shard survives ${mode} at any change of its disk`, async () => {
    const deathCount = await dieAllOver({ seed: 1, updateCount: 60 }, mode, 71);
    assert.ok(deathCount >= 10, `only ${deathCount} deaths`);
  });
}
