// Damaged files of a Raft log: a torn end is cut off, anything else stops the opening with the file
// and the place, and leaves the disk as it is. Every byte is tried.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import type { Logger } from '../io/ports.ts';
import { emptyMembership } from '../raft/membership.ts';
import type { Entry, HardState, Snapshot } from '../raft/messages.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { RaftLog, type RaftLogSaved } from './raft-log.ts';
import { fileHeaderBytes } from './record-file.ts';
import { Wal } from './wal.ts';

const directory = '/raft';
const snapshot: Snapshot = {
  index: 7,
  term: 2,
  membership: { ...emptyMembership, voters: [1n, 2n, 3n] },
  data: new Uint8Array([9, 8, 7]),
};
const logPath = '/raft/raft-00000000000000000002.log';
const snapshotPath = '/raft/snapshot-00000000000000000002';

async function open(disk: FakeDisk): Promise<{ saved: RaftLogSaved; warnings: string[] }> {
  const warnings: string[] = [];
  const quiet = () => {};
  const warn = (message: string) => void warnings.push(message);
  const log: Logger = { debug: quiet, info: quiet, error: quiet, warn };
  const opened = await RaftLog.open({ directory }, { disk, log });
  await opened.log.close();
  return { saved: opened.saved, warnings };
}

function hard(commitIndex: number, term = 2): HardState {
  return { term, vote: 3n, commitIndex };
}

function command(index: number): Entry {
  return { kind: 'command', index, term: 2, data: new Uint8Array(index) };
}

/** A log after a snapshot, with one record per save; `ends[n]` is where the n-th record ends. */
class Written {
  readonly disk = new FakeDisk();
  readonly states: RaftLogSaved[] = [];
  readonly ends: number[] = [];
  log: RaftLog | null = null;

  async begin(): Promise<this> {
    const quiet = () => {};
    const log: Logger = { debug: quiet, info: quiet, error: quiet, warn: quiet };
    const opened = await RaftLog.open({ directory }, { disk: this.disk, log });
    await opened.log.installSnapshot(snapshot, hard(7));
    this.log = opened.log;
    this.#note(hard(7), []);
    return this;
  }

  async save(hardState: HardState, entry: Entry, mustSync = true): Promise<this> {
    await this.log?.save({ hardState, entries: [entry], mustSync });
    const before = this.states.at(-1)?.entries ?? [];
    this.#note(hardState, [...before, entry]);
    return this;
  }

  async close(): Promise<this> {
    await this.log?.close();
    return this;
  }

  /** A disk with these bytes in the log. */
  damaged(bytes: Uint8Array): FakeDisk {
    const disk = new FakeDisk();
    disk.makeDir(directory);
    disk.open(snapshotPath, 'create').writeNow(0, this.disk.bytesOf(snapshotPath));
    disk.open(logPath, 'create').writeNow(0, bytes);
    return disk;
  }

  get bytes(): Uint8Array {
    return this.disk.bytesOf(logPath);
  }

  #note(hardState: HardState, entries: readonly Entry[]): void {
    this.states.push({ hardState, snapshot, entries });
    this.ends.push(this.disk.bytesOf(logPath).length);
  }
}

async function fourSaves(): Promise<Written> {
  const written = await new Written().begin();
  for (const index of [8, 9, 10, 11]) await written.save(hard(index), command(index));
  return written.close();
}

async function assertCorrupt(disk: FakeDisk, path: string, offset: number | null, reason?: RegExp) {
  const names = disk.list(directory).map(({ name }) => name);
  const before = names.map((name) => disk.bytesOf(`${directory}/${name}`));
  await assert.rejects(open(disk), (error) => {
    assert.ok(error instanceof CorruptFileError, String(error));
    assert.equal(error.path, path);
    if (offset !== null) assert.equal(error.offset, offset, error.message);
    if (reason !== undefined) assert.match(error.message, reason);
    return true;
  });
  const after = names.map((name) => disk.bytesOf(`${directory}/${name}`));
  assert.deepEqual(after, before);
}

describe('the last record', () => {
  test('cut anywhere', async () => {
    const written = await fourSaves();
    const { bytes, states, ends } = written;
    const start = ends.at(-2) ?? 0;
    for (let end = start + 1; end < bytes.length; end += 1) {
      const disk = written.damaged(bytes.slice(0, end));
      const { saved, warnings } = await open(disk);
      assert.deepEqual(saved, states.at(-2), `cut at ${end}`);
      assert.equal(warnings.length, 1);
      assert.equal(disk.bytesOf(logPath).length, start);
      assert.deepEqual(await open(disk), { saved, warnings: [] });
    }
    const whole = await open(written.damaged(bytes.slice(0, start)));
    assert.deepEqual(whole, { saved: states.at(-2), warnings: [] });
  });

  test('any byte flipped', async () => {
    const written = await fourSaves();
    const { bytes, states, ends } = written;
    for (let at = ends.at(-2) ?? 0; at < bytes.length; at += 1) {
      for (const mask of [0xff, 0x01, 0x80]) {
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] ?? 0) ^ mask;
        const { saved } = await open(written.damaged(flipped));
        assert.deepEqual(saved, states.at(-2), `byte ${at}, mask ${mask}`);
      }
    }
  });

  test('followed by zeros or rubbish', async () => {
    const written = await fourSaves();
    for (const byte of [0, 0xa5]) {
      const tail = new Uint8Array(5000).fill(byte);
      const { saved } = await open(written.damaged(Buffer.concat([written.bytes, tail])));
      assert.deepEqual(saved, written.states.at(-1));
    }
  });

  test('a save that was never synced is cut, with what came after it', async () => {
    const written = await new Written().begin();
    await written.save(hard(8), command(8));
    await written.save(hard(9), command(9), false);
    await written.save(hard(10), command(10), false);
    await written.close();
    const { bytes } = written;
    bytes[(written.ends[2] ?? 0) - 1] = 0xff;
    const { saved } = await open(written.damaged(bytes));
    assert.deepEqual(saved, written.states[1]);
  });
});

describe('an earlier record', () => {
  test('any byte flipped', async () => {
    const written = await fourSaves();
    const { bytes, ends } = written;
    let record = 0;
    for (let at = fileHeaderBytes; at < (ends.at(-2) ?? 0); at += 1) {
      if (at === ends[record]) record += 1;
      const start = record === 0 ? fileHeaderBytes : (ends[record - 1] ?? 0);
      for (const mask of [0xff, 0x01, 0x80]) {
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] ?? 0) ^ mask;
        await assertCorrupt(written.damaged(flipped), logPath, start);
      }
    }
  });

  test('several overwritten, taken out or moved', async () => {
    const written = await fourSaves();
    const { bytes, ends } = written;
    const [, second = 0, third = 0] = ends;
    const overwritten = bytes.slice().fill(0, second + 3, third + 30);
    await assertCorrupt(written.damaged(overwritten), logPath, second, /had been saved/);
    const without = Buffer.concat([bytes.subarray(0, second), bytes.subarray(third)]);
    await assertCorrupt(written.damaged(without), logPath, second, /had been saved/);
    const rubbish = new Uint8Array(7).fill(1);
    const moved = Buffer.concat([bytes.subarray(0, second), rubbish, bytes.subarray(second)]);
    await assertCorrupt(written.damaged(moved), logPath, second, /had been saved/);
  });

  test('a save that was synced by a later one', async () => {
    const written = await new Written().begin();
    await written.save(hard(8), command(8), false);
    await written.save(hard(9), command(9));
    await written.save(hard(10), command(10), false);
    await written.close();
    const { bytes } = written;
    const start = written.ends[0] ?? 0;
    bytes[start + 5] = 0xff;
    await assertCorrupt(written.damaged(bytes), logPath, start, /had been saved/);
  });
});

describe('what the log begins with', () => {
  test('the header of the file', async () => {
    const written = await fourSaves();
    for (let at = 0; at < fileHeaderBytes; at += 1) {
      const { bytes } = written;
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      await assertCorrupt(written.damaged(bytes), logPath, null);
    }
  });

  test('an end before what the file began with', async () => {
    const { disk } = await fourSaves();
    const quiet = () => {};
    const log: Logger = { debug: quiet, info: quiet, error: quiet, warn: quiet };
    const opened = await RaftLog.open({ directory }, { disk, log });
    await opened.log.compact({ ...snapshot, index: 9 });
    await opened.log.close();
    const newest = disk.list(directory).find(({ name }) => name.endsWith('.log'))?.name;
    const path = `${directory}/${newest}`;
    const bytes = disk.bytesOf(path);
    for (let end = 0; end < bytes.length; end += 1) {
      disk.setBytes(path, bytes.subarray(0, end));
      await assertCorrupt(disk, path, end < fileHeaderBytes ? end : null);
    }
  });

  test('the snapshot', async () => {
    const written = await fourSaves();
    const bytes = written.disk.bytesOf(snapshotPath);
    for (let at = 0; at < bytes.length; at += 1) {
      const disk = written.damaged(written.bytes);
      disk.flip(snapshotPath, at);
      await assertCorrupt(disk, snapshotPath, null);
    }
    const shorter = written.damaged(written.bytes);
    shorter.setBytes(snapshotPath, bytes.subarray(0, 30));
    await assertCorrupt(shorter, snapshotPath, 8);
    const missing = written.damaged(written.bytes);
    missing.remove(snapshotPath);
    await assertCorrupt(missing, snapshotPath, 0, /missing, but the log follows it/);
    const alone = written.damaged(written.bytes);
    alone.remove(logPath);
    await assertCorrupt(alone, directory, 0, /a snapshot, but no log/);
  });

  test('a snapshot and a log of other pairs', async () => {
    const written = await fourSaves();
    const other = await new Written().begin();
    const later = { ...snapshot, index: 8 };
    await other.log?.installSnapshot(later, hard(8));
    await other.close();
    const disk = written.damaged(written.bytes);
    disk.setBytes(snapshotPath, other.disk.bytesOf('/raft/snapshot-00000000000000000003'));
    await assertCorrupt(disk, snapshotPath, 20, /snapshot at 8 of term 2, the log follows 7 of 2/);
    const renamed = written.damaged(other.disk.bytesOf('/raft/raft-00000000000000000003.log'));
    await assertCorrupt(renamed, logPath, 8, /the file begins with record 3/);
  });

  test('records of something else', async () => {
    const disk = new FakeDisk();
    const options = { capacityBytes: 1000, closedKeptCount: 0, appliedLsn: 1 };
    const { wal } = await Wal.open(disk, '/wal', { ...options, createIfMissing: true });
    wal.append(new TextEncoder().encode('U'));
    await wal.close();
    disk.makeDir(directory);
    disk.rename('/wal/wal-00000000000000000002.log', logPath);
    await assertCorrupt(disk, logPath, 56, /no record of a Raft log/);
  });
});
