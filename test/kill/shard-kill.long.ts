// A small shard is killed at every eleventh change of its disk, all its life long.
// `KILL_EVERY=1` dies at every single one: half an hour.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dieAllOver } from './shard-death.ts';

const every = Number(process.env['KILL_EVERY'] ?? 11);

for (const seed of [1, 2, 3]) {
  for (const mode of ['kill', 'power'] as const) {
    test(`a shard survives ${mode} at every change of its disk, seed ${seed}`, async () => {
      const deathCount = await dieAllOver({ seed, updateCount: 90 }, mode, every);
      assert.ok(deathCount > 0);
    });
  }
}
