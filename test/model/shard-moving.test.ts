// Reads while points move: every point is updated over and over, segments are sealed, flushed,
// built and replaced, and a reader on another thread takes its time between its two halves. No
// point may be missing, none may come twice, and an exact count counts each once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import { filterFromText } from '../../src/model/filter-json.ts';
import type { PointId } from '../../src/model/point-id.ts';
import { FakeDisk } from '../fakes/fake-disk.ts';
import { noPause, ShardHarness, smallConfig, turn } from './shard-harness.ts';
import { upsertOf } from './shard-model.ts';

const idCount = 120;
const everyPoint = filterFromText('{"must":[{"key":"here","match":{"value":1}}]}');
const parts = { payload: true, vectors: false };

function pointAt(round: number) {
  return {
    payload: { here: 1, round, text: 'x'.repeat(50) },
    vectors: new Map([['', [1, 2, 3, round % 100]]]),
  };
}

async function write(harness: ShardHarness, prng: Prng, end: { reached: boolean }): Promise<void> {
  for (let round = 1; round <= 250; round += 1) {
    const ids = Array.from({ length: 1 + prng.int(12) }, (): PointId => prng.int(idCount));
    if (prng.chance(0.7)) {
      await harness.update(upsertOf(ids.map((id) => [id, pointAt(round)] as const)));
    } else {
      const payload = new Uint8Array(Buffer.from(`{"set":${round}}`));
      const selector = { ids, filter: null };
      await harness.update({ kind: 'set_payload', selector, payload, key: null });
    }
    if (prng.chance(0.3)) await turn();
  }
  end.reached = true;
}

async function readOnce(harness: ShardHarness, prng: Prng): Promise<void> {
  const between = async () => {
    for (let count = prng.int(4); count > 0; count -= 1) await turn();
  };
  const filter = prng.chance(0.5) ? everyPoint : null;
  const scroll = { kind: 'scroll', filter, from: null, limit: 1000, parts } as const;
  const answer = await harness.readFromOutside(scroll, between);
  assert.ok(answer.kind === 'scroll');
  const ids = answer.records.map(({ id }) => id);
  assert.deepEqual(
    ids,
    Array.from({ length: idCount }, (_, id) => id),
  );

  const count = { kind: 'count', filter, exact: true } as const;
  assert.deepEqual(await harness.readFromOutside(count, between), {
    kind: 'count',
    count: idCount,
  });
  assert.deepEqual(await harness.shard.readAll(count, turn), { kind: 'count', count: idCount });

  const wanted = Array.from({ length: 30 }, () => prng.int(idCount));
  const distinct = [...new Set(wanted)];
  const retrieve = { kind: 'retrieve', ids: distinct, parts } as const;
  const found = await harness.readFromOutside(retrieve, between);
  assert.ok(found.kind === 'retrieve');
  assert.equal(found.records.length, distinct.length);

  const params = { hnswEf: null, exact: true, indexedOnly: false };
  const vector = Float32Array.of(0, 0, 0, 1);
  const task = { vectorName: '', vector, limit: idCount, filter, params, parts };
  const hits = await harness.readFromOutside({ kind: 'search', tasks: [task] }, between);
  assert.ok(hits.kind === 'search');
  assert.equal(new Set(hits.hits[0]?.map(({ id }) => id)).size, idCount);
  assert.equal(hits.hits[0]?.length, idCount);
}

async function run(seed: number): Promise<void> {
  const prng = new Prng(seed);
  const disk = new FakeDisk({ seed });
  const dawdle = async () => {
    if (prng.chance(0.3)) await turn();
  };
  const config = smallConfig();
  const harness = await ShardHarness.open(disk, { seed, config, dawdle });
  await harness.update(
    upsertOf(Array.from({ length: idCount }, (_, id) => [id, pointAt(0)] as const)),
  );
  const end = { reached: false };
  const writing = write(harness, prng.fork(), end);
  const reader = prng.fork();
  while (!end.reached) await readOnce(harness, reader);
  await writing;
  await harness.shard.settled();
  await readOnce(harness, reader);
  const finished = harness.shard.info().finishedOptimizations;
  assert.ok(finished.length > 0, 'nothing was optimized meanwhile');
  await harness.shard.close();
  await harness.shard.readAll({ kind: 'count', filter: null, exact: true }, noPause);
}

const seedFirst = Number(process.env['SEED_FIRST'] ?? 1);
const seedCount = Number(process.env['SEED_COUNT'] ?? 3);

for (let seed = seedFirst; seed < seedFirst + seedCount; seed += 1) {
  test(`no read misses a point that moves, seed ${seed}`, () => run(seed));
}
