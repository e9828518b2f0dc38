// The Raft log by example: what is saved is found again, conflicting tails are replaced, snapshots
// take the place of entries, and what the disk refuses leaves the log as it was or unusable.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import { InvariantError } from '../base/assert.ts';
import { DiskError, type Logger } from '../io/ports.ts';
import { emptyMembership } from '../raft/membership.ts';
import type { Entry, HardState, Snapshot } from '../raft/messages.ts';
import { RaftLog, type RaftLogSaved } from './raft-log.ts';

const directory = '/s/raft';

class Lines implements Logger {
  readonly all: string[] = [];
  debug = (message: string) => this.all.push(message);
  info = (message: string) => this.all.push(message);
  warn = (message: string) => this.all.push(message);
  error = (message: string) => this.all.push(message);
}

function open(disk: FakeDisk, log: Logger = new Lines()) {
  return RaftLog.open({ directory }, { disk, log });
}

async function reopen(disk: FakeDisk, log: RaftLog): Promise<RaftLogSaved> {
  await log.close();
  const { log: again, saved } = await open(disk);
  await again.close();
  return saved;
}

function command(index: number, term: number, text = `entry ${index}`): Entry {
  return { kind: 'command', index, term, data: new TextEncoder().encode(text) };
}

function hard(term: number, vote: bigint | null, commitIndex: number): HardState {
  return { term, vote, commitIndex };
}

function snapshotAt(index: number, term: number, data = new Uint8Array([1, 2, 3])): Snapshot {
  return { index, term, membership: { ...emptyMembership, voters: [5n, 9n] }, data };
}

function save(log: RaftLog, hardState: HardState | null, entries: readonly Entry[], sync = true) {
  return log.save({ hardState, entries, mustSync: sync });
}

describe('saving', () => {
  test('a new log is empty, and exists from then on', async () => {
    const disk = new FakeDisk();
    assert.equal(RaftLog.exists(disk, directory), false);
    const { log, saved } = await open(disk);
    assert.deepEqual(saved, { hardState: hard(0, null, 0), snapshot: null, entries: [] });
    assert.equal(RaftLog.exists(disk, directory), true);
    assert.deepEqual(await reopen(disk, log), saved);
  });

  test('every kind of entry and the hard state come back', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    const peerId = 2n ** 53n - 1n;
    const entries: readonly Entry[] = [
      command(1, 1, ''),
      {
        kind: 'membership',
        index: 2,
        term: 3,
        data: new Uint8Array([7]),
        change: {
          transition: 'explicit',
          changes: [
            { kind: 'add_voter', peerId },
            { kind: 'add_learner', peerId: 0n },
            { kind: 'remove', peerId: 3n },
            { kind: 'update', peerId: 4n },
          ],
        },
      },
      {
        kind: 'membership',
        index: 3,
        term: 3,
        data: new Uint8Array(0),
        change: { transition: 'auto', changes: [] },
      },
    ];
    await save(log, hard(3, peerId, 2), entries);
    const saved = await reopen(disk, log);
    assert.deepEqual(saved, { hardState: hard(3, peerId, 2), snapshot: null, entries });
  });

  test('a conflicting tail is replaced, also by a shorter one', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    await save(
      log,
      hard(1, 5n, 1),
      [1, 2, 3, 4].map((index) => command(index, 1)),
    );
    await save(log, hard(2, null, 1), [command(2, 2, 'other')]);
    const saved = await reopen(disk, log);
    assert.deepEqual(saved.entries, [command(1, 1), command(2, 2, 'other')]);
    assert.deepEqual(saved.hardState, hard(2, null, 1));
  });

  test('one save is one write and one sync', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    const before = disk.operationCount;
    await save(log, hard(1, 5n, 0), [command(1, 1)]);
    assert.equal(disk.operationCount - before, 2);
    await save(log, hard(1, 5n, 1), [], false);
    assert.equal(disk.operationCount - before, 3);
    await save(log, null, []);
    assert.equal(disk.operationCount - before, 4, 'only the sync is missing');
    await save(log, null, []);
    assert.equal(disk.operationCount - before, 4, 'nothing is missing');
    await log.close();
  });

  test('what can only be a mistake is refused', async () => {
    const { log } = await open(new FakeDisk());
    await save(log, hard(2, 5n, 1), [command(1, 1), command(2, 2)]);
    const refused = (batch: [HardState | null, readonly Entry[]], message: RegExp) =>
      assert.rejects(save(log, ...batch), (error) => {
        assert.ok(error instanceof InvariantError);
        assert.match(error.message, message);
        return true;
      });
    await refused([hard(1, null, 1), []], /term 1 after 2/);
    await refused([hard(2, 6n, 1), []], /vote for 6 after 5 in term 2/);
    await refused([hard(2, 5n, 0), []], /commit 0 after 1/);
    await refused([hard(2, 5n, 3), []], /commit 3 beyond the log 2/);
    await refused([null, [command(1, 2)]], /entry 1 is committed/);
    await refused([null, [command(4, 2)]], /entry 4 where 3 belongs/);
    await refused([null, [command(3, 2), command(5, 2)]], /entry 5 where 4 belongs/);
    await refused([null, [command(3, 1)]], /entry 3 of term 1 after term 2/);
    await refused([null, [command(3, 3)]], /entry 3 of term 3 in term 2/);
    await save(log, null, [command(3, 2)]);
    await log.close();
  });

  test('calls at once are a mistake, and so are two owners', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    const first = save(log, hard(1, null, 0), []);
    await assert.rejects(save(log, hard(2, null, 0), []), /two calls of one Raft log at once/);
    await first;
    await assert.rejects(open(disk), (error) => {
      return error instanceof DiskError && error.kind === 'locked';
    });
    await log.close();
    await log.close();
    await assert.rejects(save(log, null, []), /the log is closed/);
  });
});

describe('snapshots', () => {
  test('a compaction keeps what is after it and frees the rest', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    const entries = Array.from({ length: 50 }, (_, at) => command(at + 1, 1, 'x'.repeat(100)));
    await save(log, hard(1, 5n, 45), entries);
    const before = log.bytes();
    await log.compact(snapshotAt(40, 1));
    assert.ok(log.bytes() < before / 3, `${log.bytes()} of ${before} bytes`);
    const onDisk = disk.list(directory).map(({ name }) => disk.bytesOf(`${directory}/${name}`));
    assert.equal(
      onDisk.reduce((sum, bytes) => sum + bytes.length, 0),
      log.bytes(),
    );
    await save(log, hard(2, null, 46), [command(51, 2)]);
    const saved = await reopen(disk, log);
    assert.deepEqual(saved.snapshot, snapshotAt(40, 1));
    assert.deepEqual(saved.entries, [...entries.slice(40), command(51, 2)]);
    assert.deepEqual(saved.hardState, hard(2, null, 46));
  });

  test('a snapshot from the leader replaces everything, then the log goes on', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    await save(log, hard(1, 5n, 1), [command(1, 1), command(2, 1), command(3, 1)]);
    await log.installSnapshot(snapshotAt(2, 2), hard(3, 9n, 4));
    await save(log, null, [command(3, 3)]);
    await log.compact(snapshotAt(3, 3, new Uint8Array(0)));
    await log.installSnapshot(snapshotAt(9, 3), hard(3, 9n, 9));
    await save(log, hard(3, 9n, 10), [command(10, 3)]);
    const saved = await reopen(disk, log);
    assert.deepEqual(saved.snapshot, snapshotAt(9, 3));
    assert.deepEqual(saved.entries, [command(10, 3)]);
    assert.deepEqual(saved.hardState, hard(3, 9n, 10));
  });

  test('the commit of a hard state that is ahead of the snapshot waits for its entries', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    await log.installSnapshot(snapshotAt(2, 2), hard(3, 9n, 4));
    const saved = await reopen(disk, log);
    assert.deepEqual(saved.hardState, hard(3, 9n, 2));
  });

  test('a compaction that does not fit the log is a mistake', async () => {
    const { log } = await open(new FakeDisk());
    await save(log, hard(2, 5n, 1), [command(1, 1), command(2, 2)]);
    await assert.rejects(log.compact(snapshotAt(2, 1)), /snapshot 2 of 1, the log has 2/);
    await assert.rejects(log.compact(snapshotAt(3, 2)), /snapshot 3 of 2, the log has null/);
    await assert.rejects(log.installSnapshot(snapshotAt(9, 3), hard(1, null, 9)), /term 1 after 2/);
    await assert.rejects(log.installSnapshot(snapshotAt(9, 3), hard(2, 5n, 9)), /of 3 in 2/);
    await log.compact(snapshotAt(2, 2));
    await log.compact(snapshotAt(2, 2, new Uint8Array([9])));
    await log.close();
  });

  test('entries of many megabytes are carried over', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    const large = (index: number): Entry => {
      return { kind: 'command', index, term: 1, data: new Uint8Array(700_000).fill(index) };
    };
    const entries = Array.from({ length: 9 }, (_, at) => large(at + 1));
    await save(log, hard(1, null, 7), entries);
    await log.compact(snapshotAt(3, 1));
    const saved = await reopen(disk, log);
    assert.deepEqual(saved.entries, entries.slice(3));
    assert.deepEqual(saved.hardState, hard(1, null, 7));
  });
});

describe('what the disk refuses', () => {
  test('after a failed sync every call throws the first error', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    await save(log, hard(1, null, 0), [command(1, 1)]);
    disk.failAt(1, 'io', ['sync']);
    const first = await save(log, null, [command(2, 1)]).catch((error: unknown) => error);
    assert.ok(first instanceof DiskError);
    const same = (error: unknown) => error === first;
    await assert.rejects(save(log, null, []), same);
    await assert.rejects(log.compact(snapshotAt(1, 1)), same);
    await assert.rejects(log.installSnapshot(snapshotAt(9, 1), hard(1, null, 9)), same);
    await log.close();
  });

  test('a full disk leaves the log as it was', async () => {
    const disk = new FakeDisk();
    const { log } = await open(disk);
    await save(log, hard(1, null, 1), [command(1, 1), command(2, 1)]);
    const bytes = log.bytes();
    const full = (error: unknown) => error instanceof DiskError && error.kind === 'no_space';
    disk.capacityBytes = bytes + 100;
    await assert.rejects(save(log, null, [command(3, 1, 'x'.repeat(200))]), full);
    await assert.rejects(log.compact(snapshotAt(1, 1, new Uint8Array(200))), full);
    await assert.rejects(log.compact(snapshotAt(1, 1, new Uint8Array(10))), full);
    assert.equal(log.bytes(), bytes);
    assert.deepEqual(
      disk.list(directory).map(({ name }) => name),
      ['lock', 'raft-00000000000000000001.log'],
    );
    await save(log, hard(1, null, 2), [command(3, 1, '')]);
    disk.capacityBytes = 1e6;
    await log.compact(snapshotAt(2, 1));
    const saved = await reopen(disk, log);
    assert.deepEqual(saved.snapshot, snapshotAt(2, 1));
    assert.deepEqual(saved.entries, [command(3, 1, '')]);
  });

  test('old files that cannot be removed go when the log is opened again', async () => {
    const disk = new FakeDisk();
    const lines = new Lines();
    const { log } = await open(disk, lines);
    await save(log, hard(1, null, 1), [command(1, 1)]);
    disk.failAt(1, 'io', ['remove']);
    await log.compact(snapshotAt(1, 1));
    assert.deepEqual(lines.all, ['an old file of the Raft log could not be removed']);
    await save(log, null, [command(2, 1)]);
    await log.close();
    const again = await open(disk, lines);
    assert.deepEqual(again.saved.entries, [command(2, 1)]);
    assert.equal(lines.all.at(-1), 'left over from a crash, removed');
    assert.equal(disk.exists(`${directory}/raft-00000000000000000001.log`), false);
    await again.log.close();
  });
});
