// The log by example: numbers, files, truncation, errors of the disk. Random lives of a log:
// wal-crash.test.ts; damaged bytes: wal-damage.test.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import { DiskError } from '../io/ports.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { Wal, type WalOptions } from './wal.ts';

const text = (value: string) => new TextEncoder().encode(value);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const options: WalOptions = {
  capacityBytes: 200,
  closedKeptCount: 0,
  appliedLsn: 0,
  createIfMissing: true,
};
const directory = '/shard/wal';

async function open(disk: FakeDisk, changed: Partial<WalOptions> = {}) {
  return Wal.open(disk, directory, { ...options, ...changed });
}

function contentOf(wal: Wal, from = wal.firstLsn): string[] {
  return Array.from(wal.readFrom(from), ({ lsn, payload }) => `${lsn}:${textOf(payload)}`);
}

function logFiles(disk: FakeDisk): string[] {
  const names = disk.list(directory).map((entry) => entry.name);
  return names.filter((name) => name.startsWith('wal-')).map((name) => name.replace(/^wal-0*/, ''));
}

describe('records', () => {
  test('are numbered from 1 and read back in order', async () => {
    const { wal, tail } = await open(new FakeDisk());
    assert.deepEqual(tail, { created: true, cut: null, ackedUnreadable: false });
    assert.deepEqual([wal.firstLsn, wal.lastLsn, wal.durableLsn, wal.ackedLsn], [1, 0, 0, 0]);
    assert.deepEqual(contentOf(wal), []);
    assert.equal(wal.append(text('a')), 1);
    assert.equal(wal.appendBatch([text('b'), text(''), text('d')]), 2);
    assert.deepEqual([wal.firstLsn, wal.lastLsn], [1, 4]);
    assert.deepEqual(contentOf(wal), ['1:a', '2:b', '3:', '4:d']);
    assert.deepEqual(contentOf(wal, 3), ['3:', '4:d']);
    assert.deepEqual(contentOf(wal, 5), []);
  });

  test('survive a close without sync', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    wal.append(text('a'));
    await wal.close();
    const again = await open(disk, { createIfMissing: false });
    assert.deepEqual(again.tail, { created: false, cut: null, ackedUnreadable: false });
    assert.deepEqual(contentOf(again.wal), ['1:a']);
    assert.equal(again.wal.append(text('b')), 2);
  });

  test('go to a new file when one is full, and a larger one gets its own', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    wal.append(text('x'.repeat(150)));
    wal.append(text('y'.repeat(1000)));
    wal.append(text('z'));
    wal.append(text('z'));
    assert.deepEqual(logFiles(disk), ['1.log', '2.next', '3.next']);
    await wal.sync();
    assert.deepEqual(logFiles(disk), ['1.log', '2.log', '3.log']);
    await wal.close();
    const again = await open(disk);
    assert.deepEqual(
      contentOf(again.wal).map((line) => line.slice(0, 4)),
      ['1:xx', '2:yy', '3:z', '4:z'],
    );
  });

  test('of a batch stay in one file', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    wal.append(text('a'));
    wal.appendBatch(Array.from({ length: 20 }, () => text('bb')));
    assert.deepEqual(logFiles(disk), ['1.log', '2.next']);
    assert.equal(wal.lastLsn, 21);
  });

  test('can be followed while they are written', async () => {
    const { wal } = await open(new FakeDisk());
    const reader = wal.openReader(1);
    assert.equal(reader.next(), null);
    for (let lsn = 1; lsn <= 40; lsn += 1) {
      wal.append(text(`r${lsn}`));
      if (lsn % 7 === 0) await wal.sync();
      const record = reader.next();
      assert.equal(record?.lsn, lsn);
      assert.equal(textOf(record?.payload ?? text('')), `r${lsn}`);
      assert.equal(reader.next(), null);
    }
    reader.close();
  });

  test('are counted in bytes', async () => {
    const { wal } = await open(new FakeDisk(), { capacityBytes: 1 << 20 });
    assert.equal(wal.bytesSince(0), 0);
    for (let count = 0; count < 100; count += 1) wal.append(new Uint8Array(10_000));
    assert.equal(wal.bytesSince(0), 100 * 10_024);
    const half = wal.bytesSince(50);
    assert.ok(half >= 50 * 10_024 && half <= 50 * 10_024 + (1 << 18) + 10_024, `${half}`);
    assert.equal(wal.bytesSince(100), 0);
  });
});

describe('sync', () => {
  test('one fdatasync serves all who appended before it began', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    const before = disk.operationCount;
    wal.append(text('a'));
    const first = wal.sync();
    wal.append(text('b'));
    const second = Array.from({ length: 10 }, () => wal.sync());
    await first;
    assert.equal(wal.durableLsn, 1);
    await Promise.all(second);
    assert.equal(wal.durableLsn, 2);
    assert.equal(disk.operationCount - before, 2 + 2, 'two writes, two syncs');
    await wal.sync();
    assert.equal(disk.operationCount - before, 4, 'nothing left to sync');
  });

  test('that failed is never repeated', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    wal.append(text('a'));
    disk.failAt(1, 'io', ['sync']);
    const failed = [wal.sync(), wal.sync()];
    for (const sync of failed) await assert.rejects(sync, /planned fault/);
    assert.throws(() => wal.append(text('b')), /planned fault/);
    await assert.rejects(wal.sync(), /planned fault/);
    assert.match(String(wal.failure), /planned fault/);
    assert.deepEqual(contentOf(wal), ['1:a'], 'reading goes on');
    await wal.close();
  });
});

describe('truncation', () => {
  test('drops whole closed files, keeps as many as asked, survives a restart', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk, { closedKeptCount: 1 });
    for (let lsn = 1; lsn <= 12; lsn += 1) wal.append(text('x'.repeat(50)));
    await wal.sync();
    assert.deepEqual(logFiles(disk), ['1.log', '3.log', '5.log', '7.log', '9.log', '11.log']);
    await wal.truncateBefore(8);
    assert.equal(wal.ackedLsn, 7);
    assert.deepEqual(logFiles(disk), ['5.log', '7.log', '9.log', '11.log']);
    wal.keepClosed(3);
    await wal.truncateBefore(13);
    assert.deepEqual(logFiles(disk), ['5.log', '7.log', '9.log', '11.log']);
    wal.keepClosed(0);
    await wal.truncateBefore(1);
    assert.deepEqual(logFiles(disk), ['11.log'], 'the file that is appended to stays');
    assert.deepEqual([wal.firstLsn, wal.ackedLsn, wal.lastLsn], [11, 12, 12]);
    disk.crash('power');
    const again = await open(disk);
    assert.deepEqual([again.wal.firstLsn, again.wal.ackedLsn, again.wal.lastLsn], [11, 12, 12]);
    assert.equal(again.wal.append(text('next')), 13);
  });

  test('is refused for records that do not exist', async () => {
    const { wal } = await open(new FakeDisk());
    wal.append(text('a'));
    assert.throws(() => void wal.truncateBefore(3), /truncate before 3/);
  });

  test('a reader that falls behind is told', async () => {
    const { wal } = await open(new FakeDisk());
    for (let lsn = 1; lsn <= 12; lsn += 1) wal.append(text('x'.repeat(50)));
    const reader = wal.openReader(1);
    await wal.truncateBefore(12);
    assert.throws(() => reader.next(), /record 1 was dropped/);
    assert.throws(() => wal.openReader(1), /read from 1/);
  });

  test('disk use stays bounded', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk, { capacityBytes: 1000, closedKeptCount: 1 });
    for (let round = 0; round < 50; round += 1) {
      for (let count = 0; count < 10; count += 1) wal.append(new Uint8Array(100));
      await wal.truncateBefore(wal.lastLsn + 1);
      assert.ok(wal.diskBytes <= 3000, `${wal.diskBytes} bytes`);
    }
  });
});

describe('a disk that fails', () => {
  test('a write that failed half-way leaves no trace', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const disk = new FakeDisk({ seed });
      const { wal } = await open(disk);
      wal.append(text('a'));
      disk.failAt(1, 'no_space', ['write']);
      assert.throws(() => wal.appendBatch([text('lost'), text('lost')]), /No space left on device/);
      assert.equal(wal.append(text('b')), 2);
      disk.crash('kill');
      const again = await open(disk);
      assert.equal(again.tail.cut, null);
      assert.deepEqual(contentOf(again.wal), ['1:a', '2:b']);
    }
  });

  test('a full disk refuses appends, and takes them again when there is space', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    wal.append(text('a'));
    disk.capacityBytes = 120;
    const refused = (error: unknown) => error instanceof DiskError && error.kind === 'no_space';
    assert.throws(() => wal.append(text('x'.repeat(100))), refused);
    assert.throws(() => wal.append(text('x'.repeat(200))), refused, 'in a new file');
    assert.throws(() => wal.append(text('x'.repeat(200))), refused, 'once more');
    assert.deepEqual(contentOf(wal), ['1:a']);
    disk.capacityBytes = 1000;
    assert.equal(wal.append(text('x'.repeat(200))), 2);
    await wal.sync();
    disk.crash('power');
    assert.equal((await open(disk)).wal.lastLsn, 2);
  });

  test('when the remains of a failed write stay, the log takes no more', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    wal.append(text('a'));
    disk.failAt(1, 'io', ['write']);
    disk.failAt(1, 'io', ['truncate']);
    assert.throws(() => wal.append(text('b')), /could not be undone/);
    assert.throws(() => wal.append(text('c')), /could not be undone/);
    await wal.close();
    const again = await open(disk);
    assert.deepEqual(contentOf(again.wal), ['1:a']);
  });
});

describe('opening', () => {
  test('is for one owner at a time', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    await assert.rejects(open(disk), /in use by another process/);
    await wal.close();
    const again = await open(disk);
    disk.crash('kill');
    await open(disk);
    assert.throws(() => again.wal.append(text('x')), /closed/);
  });

  test('a log that should exist and does not is damage', async () => {
    const disk = new FakeDisk();
    await assert.rejects(open(disk, { createIfMissing: false, appliedLsn: 7 }), CorruptFileError);
    const { wal } = await open(disk, { appliedLsn: 7 });
    assert.deepEqual([wal.firstLsn, wal.lastLsn], [8, 7]);
    assert.equal(wal.append(text('a')), 8);
  });

  test('a log that ends before what is applied is damage, and stays as it is', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    wal.append(text('a'));
    await wal.close();
    await assert.rejects(open(disk, { appliedLsn: 2 }), /records 1…1 found, but 2 were applied/);
    assert.deepEqual(contentOf((await open(disk, { appliedLsn: 1 })).wal), ['1:a']);
  });

  test('a missing file in the middle is damage', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    for (let lsn = 1; lsn <= 6; lsn += 1) wal.append(text('x'.repeat(50)));
    await wal.sync();
    await wal.close();
    disk.remove(`${directory}/wal-00000000000000000003.log`);
    await assert.rejects(open(disk), (error) => {
      assert.ok(error instanceof CorruptFileError);
      assert.match(error.message, /wal-0+5\.log .*wal-0+3\.log, is missing/);
      return true;
    });
  });

  test('a missing first file is damage unless it was acknowledged', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk, { closedKeptCount: 9 });
    for (let lsn = 1; lsn <= 6; lsn += 1) wal.append(text('x'.repeat(50)));
    await wal.sync();
    await wal.close();
    disk.remove(`${directory}/wal-00000000000000000001.log`);
    await assert.rejects(open(disk, { appliedLsn: 1 }), /records 3…6 found, but 1 were applied/);
    assert.equal((await open(disk, { appliedLsn: 2 })).wal.firstLsn, 3);
  });

  test('an unreadable acknowledged number only makes the replay longer', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk, { closedKeptCount: 9 });
    wal.append(text('a'));
    await wal.truncateBefore(2);
    await wal.close();
    disk.flip(`${directory}/acked`, 21);
    const again = await open(disk);
    assert.equal(again.tail.ackedUnreadable, true);
    assert.equal(again.wal.ackedLsn, 0);
  });

  test('strangers in the directory do not matter', async () => {
    const disk = new FakeDisk();
    const { wal } = await open(disk);
    wal.append(text('a'));
    await wal.close();
    for (const name of ['.hidden', 'acked.tmp', 'wal-1.log', 'notes.txt']) {
      disk.open(`${directory}/${name}`, 'create').close();
    }
    assert.deepEqual(contentOf((await open(disk)).wal), ['1:a']);
  });
});
