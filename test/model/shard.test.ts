// Random lives of a shard against a Map: updates of all kinds, restarts, optimizations, indexes
// that come and go, settings that change, with reads from the owner and from another thread in
// between.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import type { ShardConfig } from '../../src/model/collection-config.ts';
import type { UpdateOperation } from '../../src/model/update.ts';
import { FakeDisk } from '../fakes/fake-disk.ts';
import { ShardHarness, smallConfig, turn } from './shard-harness.ts';
import { compareWithModel, type Model, planUpdate } from './shard-model.ts';

const indexUpdates: readonly UpdateOperation[] = [
  { kind: 'create_index', field: 'n', schema: { dataType: 'integer', params: null } },
  { kind: 'create_index', field: 'tag', schema: { dataType: 'keyword', params: null } },
  { kind: 'delete_index', field: 'n' },
  { kind: 'delete_index', field: 'tag' },
  { kind: 'create_index', field: 'n', schema: { dataType: 'float', params: null } },
];

function randomConfig(prng: Prng): ShardConfig {
  const optimizer = {
    indexing_threshold: prng.pick([0, 1, 2, 10_000]),
    max_optimization_threads: prng.pick([null, null, null, 0]),
    max_segment_size: prng.pick([null, null, 2]),
    deleted_threshold: prng.pick([0.1, 0.3]),
  };
  const m = prng.pick([4, 6]);
  const onDisk = prng.chance(0.3);
  const config = smallConfig(optimizer, { onDiskPayload: prng.chance(0.3) });
  const vectors = config.vectors.map((vector) => ({
    ...vector,
    onDisk,
    hnsw: { ...vector.hnsw, m },
  }));
  return { ...config, vectors };
}

async function live(seed: number): Promise<void> {
  const prng = new Prng(seed);
  const disk = new FakeDisk({ seed });
  const model: Model = new Map();
  let config = randomConfig(prng);
  const dawdle = async () => {
    if (prng.chance(0.3)) await turn();
  };
  let harness = await ShardHarness.open(disk, { seed, config, dawdle });
  for (let step = 0; step < 120; step += 1) {
    if (prng.chance(0.05)) await harness.update(prng.pick(indexUpdates), prng.chance(0.5));
    if (prng.chance(0.04)) {
      config = randomConfig(prng);
      harness.shard.updateConfig(config);
    }
    if (prng.chance(0.04)) {
      if (prng.chance(0.5)) await harness.shard.settled();
      if (prng.chance(0.5)) await harness.shard.close();
      else disk.crash('kill');
      harness = await ShardHarness.open(disk, { seed: seed * 1000 + step, config, dawdle });
      await compareWithModel(harness, model);
    }
    if (prng.chance(0.05)) harness.timers.advance(10_000);
    const planned = planUpdate(prng);
    const completes = planned.apply(model);
    const outcome = await harness.update(planned.operation);
    assert.equal(outcome.status, completes ? 'completed' : 'failed', JSON.stringify(outcome));
    if (prng.chance(0.2)) await compareWithModel(harness, model);
    if (prng.chance(0.2)) await turn();
  }
  await harness.shard.settled();
  assert.notEqual(harness.shard.info().status, 'red');
  await compareWithModel(harness, model);
  await harness.shard.close();
}

const seedFirst = Number(process.env['SEED_FIRST'] ?? 1);
const seedCount = Number(process.env['SEED_COUNT'] ?? 8);

for (let seed = seedFirst; seed < seedFirst + seedCount; seed += 1) {
  test(`a shard is as its model says, seed ${seed}`, () => live(seed));
}
