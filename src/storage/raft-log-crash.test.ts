// Random lives of a Raft log on the fake disk against a naive model: what a save with `mustSync` or
// a snapshot promised is never lost, what is found was saved once and has no gap, what survived the
// death of a process also survives the power loss after it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeDisk, FakeStop } from '../../test/fakes/fake-disk.ts';
import { Prng } from '../base/prng.ts';
import { DiskError, type DiskErrorKind, type Logger } from '../io/ports.ts';
import { emptyMembership } from '../raft/membership.ts';
import type { Entry, Snapshot } from '../raft/messages.ts';
import { RaftLog, type RaftLogBatch, type RaftLogSaved } from './raft-log.ts';
import { RestoreFailedError } from './record-file.ts';

const directory = '/s/raft';
const quiet = () => {};
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const empty: RaftLogSaved = {
  hardState: { term: 0, vote: null, commitIndex: 0 },
  snapshot: null,
  entries: [],
};

type Mode = 'kill' | 'power';

type Command =
  | {
      readonly kind: 'save';
      readonly count: number;
      /** How many uncommitted entries at the end are replaced. */
      readonly replaced: number;
      readonly commits: number;
      readonly newTerm: boolean;
      readonly sync: boolean;
    }
  | { readonly kind: 'compact'; readonly share: number }
  | { readonly kind: 'install'; readonly ahead: number }
  | { readonly kind: 'close' }
  | { readonly kind: 'crash'; readonly mode: Mode }
  | { readonly kind: 'stop'; readonly nth: number }
  | { readonly kind: 'fail'; readonly nth: number; readonly error: DiskErrorKind };

/** The model: the whole truth as plain values, and every truth that a power loss may go back to. */
class Life {
  readonly disk: FakeDisk;
  now: RaftLogSaved = empty;
  /** After a power loss the log is one of these, or `now`. */
  possible: RaftLogSaved[] = [];
  /** What a call that did not return would have led to. */
  inFlight: RaftLogSaved | null = null;
  log: RaftLog | null = null;
  readonly #prng: Prng;
  #unique = 0;

  constructor(seed: number) {
    this.disk = new FakeDisk({ seed });
    this.disk.makeDir('/s');
    this.#prng = new Prng(seed);
  }

  async open(): Promise<RaftLogSaved> {
    const { log, saved } = await RaftLog.open(
      { directory },
      { disk: this.disk.mount(), log: logger },
    );
    this.log = log;
    return saved;
  }

  async save(command: Command & { kind: 'save' }): Promise<void> {
    const { batch, after } = this.#batch(command);
    await this.#act(after, command.sync, (log) => log.save(batch));
  }

  async compact(share: number): Promise<void> {
    const { entries, snapshot, hardState } = this.now;
    const first = (snapshot?.index ?? 0) + 1;
    const index = first + Math.floor((hardState.commitIndex - first) * share);
    const last = entries.find((entry) => entry.index === index);
    if (last === undefined || index > hardState.commitIndex) return;
    const next = this.#snapshot(index, last.term);
    const kept = entries.filter((entry) => entry.index > index);
    const after = { hardState, snapshot: next, entries: kept };
    await this.#act(after, true, (log) => log.compact(next));
  }

  async install(ahead: number): Promise<void> {
    const { hardState } = this.now;
    const term = hardState.term + 1;
    const index = hardState.commitIndex + 1 + ahead;
    const next = this.#snapshot(index, term);
    const after = { hardState: { term, vote: null, commitIndex: index }, snapshot: next };
    const claimed = { ...after.hardState, commitIndex: index + 3 };
    await this.#act({ ...after, entries: [] }, true, (log) => log.installSnapshot(next, claimed));
  }

  check(found: RaftLogSaved, survived: Mode): void {
    const allowed = survived === 'kill' ? [this.now] : [...this.possible, this.now];
    if (this.inFlight !== null) allowed.push(this.inFlight);
    let index = (found.snapshot?.index ?? 0) + 1;
    for (const entry of found.entries) assert.equal(entry.index, index++, 'a gap');
    const isAllowed = allowed.some((state) => isSame(state, found));
    if (!isAllowed) assert.deepEqual(found, this.now);
    this.settle(found);
  }

  settle(state: RaftLogSaved): void {
    this.now = state;
    this.possible = [];
    this.inFlight = null;
  }

  get opened(): RaftLog {
    assert.ok(this.log !== null);
    return this.log;
  }

  async #act(after: RaftLogSaved, durable: boolean, call: (log: RaftLog) => Promise<void>) {
    this.inFlight = after;
    await call(this.opened);
    this.possible.push(this.now);
    this.now = after;
    this.inFlight = null;
    if (durable) this.possible = [];
  }

  #batch(command: Command & { kind: 'save' }): { batch: RaftLogBatch; after: RaftLogSaved } {
    const { hardState, snapshot, entries } = this.now;
    const term = hardState.term + (command.newTerm || hardState.term === 0 ? 1 : 0);
    const lastIndex = (snapshot?.index ?? 0) + entries.length;
    const uncommitted = lastIndex - hardState.commitIndex;
    const replaced = command.count === 0 ? 0 : Math.min(command.replaced, uncommitted);
    const first = lastIndex + 1 - replaced;
    const added = Array.from({ length: command.count }, (_, at) => this.#entry(first + at, term));
    const commitMax = first + added.length - 1;
    const commitIndex = Math.min(hardState.commitIndex + command.commits, commitMax);
    const vote = term === hardState.term ? hardState.vote : BigInt(this.#prng.int(3)) || null;
    const isUnchanged = term === hardState.term && commitIndex === hardState.commitIndex;
    const next = isUnchanged ? null : { term, vote, commitIndex };
    const kept = entries.filter((entry) => entry.index < first);
    return {
      batch: { hardState: next, entries: added, mustSync: command.sync },
      after: { hardState: next ?? hardState, snapshot, entries: [...kept, ...added] },
    };
  }

  #entry(index: number, term: number): Entry {
    const data = this.#bytes();
    if (this.#prng.int(4) > 0) return { kind: 'command', index, term, data };
    const peerId = BigInt(this.#prng.int(9));
    const changes = [{ kind: 'remove', peerId }] as const;
    return { kind: 'membership', index, term, data, change: { transition: 'auto', changes } };
  }

  #snapshot(index: number, term: number): Snapshot {
    return { index, term, membership: { ...emptyMembership, voters: [1n] }, data: this.#bytes() };
  }

  #bytes(): Uint8Array {
    this.#unique += 1;
    const bytes = new Uint8Array(2 + this.#prng.int(60));
    bytes[0] = this.#unique & 0xff;
    bytes[1] = this.#unique >> 8;
    return bytes;
  }
}

function isSame(a: RaftLogSaved, b: RaftLogSaved): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

async function run(life: Life, command: Command): Promise<void> {
  switch (command.kind) {
    case 'save':
      return life.save(command);
    case 'compact':
      return life.compact(command.share);
    case 'install':
      return life.install(command.ahead);
    case 'close':
      await life.opened.close();
      return life.check(await life.open(), 'kill');
    case 'crash':
      return recover(life, command.mode);
    case 'stop':
      life.disk.stopAt(command.nth);
      return;
    case 'fail':
      life.disk.failAt(command.nth, command.error);
  }
}

async function recover(life: Life, mode: Mode): Promise<void> {
  life.disk.crash(mode);
  life.check(await life.open(), mode);
}

/** The log may go on after a write that failed; after a failed sync it must say so for ever. */
async function afterDiskError(life: Life, error: Error, mode: Mode): Promise<void> {
  const after = life.inFlight;
  if (after === null) {
    // It was opened again, which failed.
    await recover(life, mode);
    return;
  }
  try {
    await life.opened.save({ hardState: null, entries: [], mustSync: false });
  } catch (repeated) {
    assert.equal(repeated, error, 'another error than the first');
    await recover(life, mode);
    return;
  }
  // A power loss may bring back what was written and then taken away.
  life.possible.push(life.now, after);
  life.inFlight = null;
}

async function live(seed: number, commands: readonly Command[]): Promise<void> {
  const life = new Life(seed);
  await life.disk.syncDir('/');
  await life.open();
  let deaths = 0;
  for (const command of commands) {
    const mode = deaths % 2 === 0 ? 'power' : 'kill';
    try {
      await run(life, command);
    } catch (error) {
      deaths += 1;
      if (error instanceof DiskError || error instanceof RestoreFailedError) {
        await afterDiskError(life, error, mode);
      } else if (error instanceof FakeStop) await recover(life, mode);
      else throw error;
    }
  }
  await recover(life, 'power');
}

const anyMode = fc.constantFrom<Mode>('kill', 'power');
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('save' as const),
      count: fc.constantFrom(0, 1, 1, 2, 5),
      replaced: fc.constantFrom(0, 0, 1, 3),
      commits: fc.constantFrom(0, 1, 4),
      newTerm: fc.boolean(),
      sync: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('compact' as const),
      share: fc.constantFrom(0, 0.5, 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('install' as const), ahead: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'close' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), mode: anyMode }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('stop' as const),
      nth: fc.integer({ min: 1, max: 15 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('fail' as const),
      nth: fc.integer({ min: 1, max: 12 }),
      error: fc.constantFrom<DiskErrorKind>('io', 'no_space'),
    }),
  },
);

test('random saves, snapshots, crashes and failures against a model', async () => {
  await fc.assert(fc.asyncProperty(fc.nat(), fc.array(command, { maxLength: 40 }), live), {
    numRuns: 600,
  });
});

const plain = {
  kind: 'save',
  count: 1,
  replaced: 0,
  commits: 1,
  newTerm: false,
  sync: true,
} as const;

/** A life that touches everything, to be stopped everywhere. */
const script: readonly Command[] = [
  { ...plain, count: 3, newTerm: true },
  { ...plain, count: 0, sync: false },
  { ...plain, count: 2, replaced: 1, newTerm: true },
  { ...plain, sync: false },
  { kind: 'compact', share: 1 },
  { ...plain, count: 2, sync: false },
  { ...plain, count: 4, replaced: 2, newTerm: true },
  { kind: 'close' },
  { kind: 'install', ahead: 3 },
  { ...plain, count: 5, commits: 3 },
  { kind: 'compact', share: 0.5 },
  { ...plain, sync: false },
  { kind: 'compact', share: 1 },
  plain,
];

test('stopped at every change of the disk of a whole life', async () => {
  const whole = new Life(1);
  await whole.disk.syncDir('/');
  const before = whole.disk.operationCount;
  await whole.open();
  for (const step of script) await run(whole, step);
  const changeCount = whole.disk.operationCount - before;
  assert.ok(changeCount > 70, `${changeCount} changes`);
  for (let nth = 1; nth <= changeCount; nth += 1) {
    for (const mode of ['kill', 'kill', 'power', 'power', 'power', 'power'] as const) {
      await liveUntilStop(nth, mode);
    }
  }
});

let lifeSeed = 0;

async function liveUntilStop(nth: number, mode: Mode): Promise<void> {
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
    // Nobody touched the disk meanwhile, so the next loss must change nothing.
    await recover(life, 'power');
    await run(life, plain);
    await run(life, { kind: 'compact', share: 1 });
    await recover(life, 'power');
  } catch (error) {
    throw new Error(`seed ${lifeSeed}, stopped at change ${nth}, then ${mode}`, { cause: error });
  }
}
