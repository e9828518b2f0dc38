// A small shard is killed at every n-th change of its disk, all its life long, once as a process
// dies (the kernel keeps what was written) and once as the machine does (unsynced bytes are lost or
// torn). Opened again it must hold a prefix of the updates that were sent: at least everything
// promised, nothing half, nothing twice, nothing risen from the dead; and it must go on working.

import assert from 'node:assert/strict';
import { Prng } from '../../src/base/prng.ts';
import { type CrashMode, FakeDisk } from '../fakes/fake-disk.ts';
import { noPause, ShardHarness, smallConfig } from '../model/shard-harness.ts';
import {
  compareWithModel,
  describeModel,
  describeRecord,
  type Model,
  planUpdate,
} from '../model/shard-model.ts';
import { type LedgerEntry, type Life, runLife } from './shard-life.ts';

async function countChanges(life: Life): Promise<number> {
  const disk = new FakeDisk({ seed: life.seed });
  const ledger: LedgerEntry[] = [];
  await runLife(disk, life, ledger);
  assert.equal(ledger.length, life.updateCount);
  return disk.operationCount;
}

async function dieAt(life: Life, nth: number, mode: CrashMode): Promise<void> {
  const disk = new FakeDisk({ seed: life.seed * 7919 + nth });
  const ledger: LedgerEntry[] = [];
  disk.stopAt(nth);
  await runLife(disk, life, ledger);
  if (!disk.stopped) return;
  disk.crash(mode);
  const harness = await ShardHarness.open(disk, { seed: nth, config: smallConfig() });
  const model = await matchingPrefix(harness, ledger, mode);
  await compareWithModel(harness, model);
  await goOn(harness, model, nth);
}

/** The state after some first updates of the ledger: all that were promised at least. */
async function matchingPrefix(
  harness: ShardHarness,
  ledger: readonly LedgerEntry[],
  mode: CrashMode,
): Promise<Model> {
  const parts = { payload: true, vectors: true };
  const scroll = { kind: 'scroll', filter: null, from: null, limit: 1e6, parts } as const;
  const answer = await harness.shard.readAll(scroll, noPause);
  assert.ok(answer.kind === 'scroll');
  const found = answer.records.map(describeRecord);
  const promised = ledger.findLastIndex(({ promise }) => {
    return mode === 'kill' ? promise !== 'unknown' : promise === 'completed';
  });
  const model: Model = new Map();
  for (let at = 0; at <= promised; at += 1) ledger[at]?.planned?.apply(model);
  for (let next = promised + 1; ; next += 1) {
    if (sameTexts(describeModel(model), found)) return model;
    if (next >= ledger.length) break;
    ledger[next]?.planned?.apply(model);
  }
  const expected: Model = new Map();
  for (let at = 0; at <= promised; at += 1) ledger[at]?.planned?.apply(expected);
  assert.deepEqual(
    found,
    describeModel(expected),
    `promised up to ${promised} of ${ledger.length}`,
  );
  throw new Error('unreachable');
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at]);
}

async function goOn(harness: ShardHarness, model: Model, seed: number): Promise<void> {
  const prng = new Prng(seed);
  for (let count = 0; count < 5; count += 1) {
    const planned = planUpdate(prng);
    const completes = planned.apply(model);
    const outcome = await harness.update(planned.operation);
    assert.equal(outcome.status, completes ? 'completed' : 'failed', JSON.stringify(outcome));
  }
  await harness.shard.settled();
  await compareWithModel(harness, model);
  await harness.shard.close();
}

/** Dies at every `every`-th change; returns how often. */
export async function dieAllOver(life: Life, mode: CrashMode, every: number): Promise<number> {
  const changeCount = await countChanges(life);
  let deathCount = 0;
  for (let nth = 1 + (life.seed % every); nth <= changeCount; nth += every) {
    deathCount += 1;
    try {
      await dieAt(life, nth, mode);
    } catch (error) {
      const where = `${mode} at change ${nth} of ${changeCount}, seed ${life.seed}`;
      throw new Error(where, { cause: error });
    }
  }
  return deathCount;
}
