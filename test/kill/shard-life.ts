// The whole life of a small shard, the same for the same seed: updates of all kinds with and
// without waiting, indexes that come and go, seals, flushes, optimizations, a change of settings, a
// restart. It keeps a ledger of what was promised. The life ends early when its disk stops.

import { Prng } from '../../src/base/prng.ts';
import { DiskError } from '../../src/io/ports.ts';
import type { UpdateOperation } from '../../src/model/update.ts';
import { CorruptFileError } from '../../src/storage/corrupt-file.ts';
import type { FakeDisk } from '../fakes/fake-disk.ts';
import { type HarnessOptions, ShardHarness, smallConfig, turn } from '../model/shard-harness.ts';
import { type PlannedUpdate, planUpdate } from '../model/shard-model.ts';

const indexUpdates: readonly UpdateOperation[] = [
  { kind: 'create_index', field: 'n', schema: { dataType: 'integer', params: null } },
  { kind: 'create_index', field: 'tag', schema: { dataType: 'keyword', params: null } },
  { kind: 'delete_index', field: 'n' },
];

export interface LedgerEntry {
  /** null: an index came or went. */
  readonly planned: PlannedUpdate | null;
  /** unknown: the answer was that the disk failed, or none came. */
  promise: 'unknown' | 'acknowledged' | 'completed';
}

export interface Life {
  readonly seed: number;
  readonly updateCount: number;
}

/** Runs until the end or until the disk stops; the ledger is complete either way. */
export async function runLife(disk: FakeDisk, life: Life, ledger: LedgerEntry[]): Promise<void> {
  const end = { reached: false };
  const running = runAll(disk, life, ledger).finally(() => {
    end.reached = true;
  });
  try {
    await Promise.race([running, death(disk, end)]);
  } catch (error) {
    const isDeath = error instanceof DiskError || error instanceof CorruptFileError;
    if (!disk.stopped || !isDeath) throw error;
  }
  running.catch(() => undefined);
}

/**
 * Nobody waits for a machine that is dead; what runs on has some turns to show that it is harmless.
 */
async function death(disk: FakeDisk, end: { readonly reached: boolean }): Promise<void> {
  while (!disk.stopped && !end.reached) await turn();
  for (let count = 0; count < 20; count += 1) await turn();
}

async function runAll(disk: FakeDisk, life: Life, ledger: LedgerEntry[]): Promise<void> {
  const prng = new Prng(life.seed);
  const half = Math.floor(life.updateCount / 2);
  let options: HarnessOptions = { seed: life.seed, config: smallConfig() };
  let harness = await ShardHarness.open(disk, options);
  for (let step = 0; step < life.updateCount && !disk.stopped; step += 1) {
    if (step === half) {
      const onDisk = smallConfig({ indexing_threshold: 2 }, { onDiskPayload: true });
      options = { seed: life.seed + 1, config: onDisk };
      harness.shard.updateConfig(onDisk);
      await harness.shard.settled();
      await harness.shard.close();
      if (disk.stopped) return;
      harness = await ShardHarness.open(disk, options);
    }
    await sendOne(harness, prng, ledger);
    // Lets builds go on; always the same number of turns, so that a life can be repeated.
    if (step % 3 === 0) await turn();
    if (step % 20 === 19) await harness.shard.settled();
  }
  await harness.shard.settled();
  await harness.shard.close();
}

async function sendOne(harness: ShardHarness, prng: Prng, ledger: LedgerEntry[]): Promise<void> {
  const planned = prng.chance(0.06) ? null : planUpdate(prng);
  const operation = planned === null ? prng.pick(indexUpdates) : planned.operation;
  const entry: LedgerEntry = { planned, promise: 'unknown' };
  ledger.push(entry);
  const wait = prng.chance(0.6);
  const outcome = await harness.update(operation, wait);
  if (outcome.status === 'acknowledged') entry.promise = 'acknowledged';
  else if (outcome.status === 'completed') entry.promise = 'completed';
  // A user's mistake is an answer as good as any: the update is in the log.
  else if (outcome.status === 'failed' && outcome.code !== 'internal') entry.promise = 'completed';
}
