// Random lives of a log on the fake disk, against a plain array: what was synced is never lost,
// what was appended survives the death of the process, order is kept, and nothing comes back that
// was cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeDisk, FakeStop } from '../../test/fakes/fake-disk.ts';
import { Prng } from '../base/prng.ts';
import { Wal, type WalOptions } from './wal.ts';

const options: WalOptions = {
  capacityBytes: 400,
  closedKeptCount: 1,
  appliedLsn: 0,
  createIfMissing: true,
};
const directory = '/shard/wal';

/** A log and what must be in it: `records[lsn - 1]` is the content of record `lsn`. */
class Life {
  readonly disk: FakeDisk;
  readonly records: Uint8Array[] = [];
  wal: Wal | null = null;
  durableLsn = 0;
  ackedLsn = 0;
  /** Records of an append that was interrupted: each prefix of them may be found. */
  inFlight: readonly Uint8Array[] = [];
  readonly #prng: Prng;
  #unique = 0;

  constructor(seed: number) {
    this.disk = new FakeDisk({ seed });
    this.disk.makeDir('/shard');
    this.#prng = new Prng(seed);
  }

  async open(): Promise<void> {
    const { wal } = await Wal.open(this.disk.mount(), directory, options);
    this.wal = wal;
  }

  append(count: number, bytesMax: number): void {
    const payloads = Array.from({ length: count }, () => this.#payload(bytesMax));
    this.inFlight = payloads;
    const lsn = this.#open.appendBatch(payloads);
    this.inFlight = [];
    assert.equal(lsn, this.records.length + 1);
    this.records.push(...payloads);
  }

  async sync(): Promise<void> {
    const lsn = this.#open.lastLsn;
    await this.#open.sync();
    this.durableLsn = Math.max(this.durableLsn, lsn);
  }

  async truncate(share: number): Promise<void> {
    const wal = this.#open;
    const lsn = wal.ackedLsn + Math.floor((wal.lastLsn - wal.ackedLsn) * share);
    await wal.truncateBefore(lsn + 1);
    this.ackedLsn = Math.max(this.ackedLsn, lsn);
    this.durableLsn = Math.max(this.durableLsn, lsn);
  }

  /** After `crash` and `open`: everything that must be there is, and the array follows the log. */
  check(survived: 'kill' | 'power'): void {
    const wal = this.#open;
    const expected = [...this.records, ...this.inFlight];
    this.inFlight = [];
    const lsnMin = survived === 'kill' ? this.records.length : this.durableLsn;
    assert.ok(wal.lastLsn >= lsnMin, `log ends at ${wal.lastLsn}, ${lsnMin} was promised`);
    assert.ok(wal.lastLsn <= expected.length, `log ends at ${wal.lastLsn} of ${expected.length}`);
    assert.ok(wal.ackedLsn >= this.ackedLsn, `acknowledged ${wal.ackedLsn} < ${this.ackedLsn}`);
    assert.ok(wal.firstLsn <= wal.ackedLsn + 1, `log begins at ${wal.firstLsn}`);
    this.ackedLsn = wal.ackedLsn;
    let next = wal.firstLsn;
    for (const { lsn, payload } of wal.readFrom(next)) {
      assert.equal(lsn, next);
      assert.deepEqual(payload, expected[lsn - 1], `record ${lsn}`);
      next += 1;
    }
    assert.equal(next, wal.lastLsn + 1);
    this.records.splice(0, Infinity, ...expected.slice(0, wal.lastLsn));
  }

  get #open(): Wal {
    assert.ok(this.wal !== null);
    return this.wal;
  }

  #payload(bytesMax: number): Uint8Array {
    this.#unique += 1;
    const bytes = new Uint8Array(this.#prng.int(bytesMax + 1));
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = this.#prng.int(4) === 0 ? 1 : 0;
    bytes[0] = this.#unique;
    return bytes;
  }
}

type Command =
  | { readonly kind: 'append'; readonly count: number; readonly bytesMax: number }
  | { readonly kind: 'sync' | 'sync in background' | 'close' }
  | { readonly kind: 'truncate'; readonly share: number }
  | { readonly kind: 'crash'; readonly mode: 'kill' | 'power' }
  | { readonly kind: 'stop'; readonly nth: number };

async function run(life: Life, command: Command): Promise<void> {
  switch (command.kind) {
    case 'append':
      return life.append(command.count, command.bytesMax);
    case 'sync':
      return life.sync();
    case 'sync in background':
      life.sync().catch(() => {});
      return;
    case 'truncate':
      return life.truncate(command.share);
    case 'close':
      await life.wal?.close();
      await life.open();
      return life.check('kill');
    case 'crash':
      return recover(life, command.mode);
    case 'stop':
      life.disk.stopAt(command.nth);
  }
}

async function recover(life: Life, mode: 'kill' | 'power'): Promise<void> {
  life.disk.crash(mode);
  await life.open();
  life.check(mode);
}

async function live(seed: number, commands: readonly Command[]): Promise<void> {
  const life = new Life(seed);
  await life.disk.syncDir('/');
  await life.open();
  let deaths = 0;
  for (const command of commands) {
    try {
      await run(life, command);
    } catch (error) {
      if (!(error instanceof FakeStop)) throw error;
      deaths += 1;
      await recover(life, deaths % 2 === 0 ? 'kill' : 'power');
    }
  }
  await recover(life, 'power');
}

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 4 }),
      bytesMax: fc.constantFrom(0, 10, 100, 900),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'sync' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'sync in background' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'close' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('truncate' as const),
      share: fc.constantFrom(0, 0.5, 0.9, 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      mode: fc.constantFrom('kill' as const, 'power' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('stop' as const),
      nth: fc.integer({ min: 1, max: 9 }),
    }),
  },
);

test('random appends, syncs, truncations and crashes against an array', async () => {
  await fc.assert(fc.asyncProperty(fc.nat(), fc.array(command, { maxLength: 40 }), live), {
    numRuns: 600,
  });
});

/** A small life that touches everything: several files, batches, truncation, a restart. */
const script: readonly Command[] = [
  { kind: 'append', count: 1, bytesMax: 100 },
  { kind: 'sync' },
  { kind: 'append', count: 3, bytesMax: 100 },
  { kind: 'append', count: 2, bytesMax: 300 },
  { kind: 'sync in background' },
  { kind: 'append', count: 1, bytesMax: 900 },
  { kind: 'append', count: 4, bytesMax: 100 },
  { kind: 'truncate', share: 0.5 },
  { kind: 'append', count: 1, bytesMax: 900 },
  { kind: 'close' },
  { kind: 'append', count: 2, bytesMax: 300 },
  { kind: 'sync' },
  { kind: 'append', count: 2, bytesMax: 300 },
  { kind: 'truncate', share: 1 },
  { kind: 'append', count: 1, bytesMax: 10 },
];

test('stopped at every change of the disk of a whole life', async () => {
  const whole = new Life(1);
  await whole.open();
  for (const step of script) await run(whole, step);
  const changeCount = whole.disk.operationCount;
  assert.ok(changeCount > 40, `${changeCount} changes`);
  for (let nth = 1; nth <= changeCount; nth += 1) {
    for (const mode of ['kill', 'power', 'power', 'power'] as const) {
      await liveUntilStop(nth, mode);
    }
  }
});

let lifeSeed = 0;

async function liveUntilStop(nth: number, mode: 'kill' | 'power'): Promise<void> {
  lifeSeed += 1;
  const life = new Life(lifeSeed);
  await life.disk.syncDir('/');
  life.disk.stopAt(nth);
  try {
    await life.open();
    for (const step of script) await run(life, step);
  } catch (error) {
    assert.ok(error instanceof FakeStop, String(error));
  }
  try {
    await recover(life, mode);
    life.append(2, 50);
    await life.sync();
    await recover(life, 'power');
  } catch (error) {
    throw new Error(`seed ${lifeSeed}, stopped at change ${nth}, then ${mode}`, { cause: error });
  }
}
