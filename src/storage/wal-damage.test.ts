// Damaged logs: every byte of the last records flipped or cut off, zeroed tails, damage in files
// that were complete. The log goes on behind its last good record, or says what is wrong; it never
// returns a record that was not written.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { Wal, type WalOptions } from './wal.ts';

const options: WalOptions = {
  capacityBytes: 10_000,
  closedKeptCount: 9,
  appliedLsn: 0,
  createIfMissing: true,
};
const directory = '/wal';
const firstFile = '/wal/wal-00000000000000000001.log';
const fileHeaderBytes = 32;
const recordBytes = [31, 24, 64, 25];

function payloads(): Uint8Array[] {
  return recordBytes.map((bytes, index) => new Uint8Array(bytes - 24).fill(index + 65));
}

/** A log of four records, synced record by record or not at all. */
async function written(synced: boolean): Promise<FakeDisk> {
  const disk = new FakeDisk();
  const { wal } = await Wal.open(disk, directory, options);
  for (const payload of payloads()) {
    wal.append(payload);
    if (synced) await wal.sync();
  }
  await wal.close();
  return disk;
}

/** Opens, checks that exactly the first records are there, and that the log goes on. */
async function expectRecords(disk: FakeDisk, count: number, note: string) {
  const { wal, tail } = await Wal.open(disk, directory, options);
  const found = Array.from(wal.readFrom(wal.firstLsn), (record) => record.payload);
  assert.deepEqual(found, payloads().slice(0, count), note);
  assert.equal(wal.append(new Uint8Array([1])), count + 1, note);
  assert.equal(disk.bytesOf(firstFile).length, offsetOf(count) + 25, note);
  await wal.close();
  return tail;
}

function offsetOf(recordIndex: number): number {
  return recordBytes.slice(0, recordIndex).reduce((sum, bytes) => sum + bytes, fileHeaderBytes);
}

describe('the last file', () => {
  test('every byte of every record flipped', async () => {
    const disk = await written(false);
    const intact = disk.bytesOf(firstFile);
    for (let index = 0; index < recordBytes.length; index += 1) {
      for (let at = offsetOf(index); at < offsetOf(index + 1); at += 1) {
        for (const mask of [0x01, 0x80, 0xff]) {
          disk.setBytes(firstFile, intact);
          disk.flip(firstFile, at, mask);
          const tail = await expectRecords(disk, index, `byte ${at} ^ ${mask}`);
          assert.equal(tail.cut?.fromLsn, index + 1);
          assert.equal(tail.cut?.offset, offsetOf(index));
          assert.equal(tail.cut?.wasDurable, false);
        }
      }
    }
  });

  test('cut off at every byte', async () => {
    const disk = await written(false);
    const intact = disk.bytesOf(firstFile);
    for (let bytes = fileHeaderBytes; bytes <= intact.length; bytes += 1) {
      disk.setBytes(firstFile, intact.subarray(0, bytes));
      const count = recordBytes.findLastIndex((_, index) => offsetOf(index + 1) <= bytes) + 1;
      const tail = await expectRecords(disk, count, `cut to ${bytes} bytes`);
      assert.equal(tail.cut === null, bytes === offsetOf(count));
    }
  });

  test('zeros or garbage behind the last record', async () => {
    const disk = await written(true);
    const intact = disk.bytesOf(firstFile);
    const tails = [new Uint8Array(1), new Uint8Array(5000), new Uint8Array(100).fill(0xff)];
    for (const garbage of [...tails, intact.subarray(fileHeaderBytes)]) {
      disk.setBytes(firstFile, Uint8Array.from([...intact, ...garbage]));
      const tail = await expectRecords(disk, 4, `${garbage.length} bytes`);
      assert.equal(tail.cut?.wasDurable, false);
    }
  });

  test('damage of what had been synced is told apart from a torn tail', async () => {
    const disk = await written(true);
    disk.flip(firstFile, offsetOf(2) + 30);
    const tail = await expectRecords(disk, 2, 'third record');
    assert.equal(tail.cut?.wasDurable, true);
  });

  test('a damaged header is an error', async () => {
    const disk = await written(false);
    const intact = disk.bytesOf(firstFile);
    for (let at = 0; at < fileHeaderBytes; at += 1) {
      disk.setBytes(firstFile, intact);
      disk.flip(firstFile, at);
      await assert.rejects(Wal.open(disk, directory, options), CorruptFileError, `byte ${at}`);
    }
  });
});

describe('a complete file', () => {
  async function twoFiles(): Promise<FakeDisk> {
    const disk = new FakeDisk();
    const { wal } = await Wal.open(disk, directory, { ...options, capacityBytes: 180 });
    for (const payload of payloads()) wal.append(payload);
    wal.append(new Uint8Array(100));
    await wal.sync();
    await wal.close();
    return disk;
  }

  test('any flipped byte is an error with file and offset, never a shorter log', async () => {
    const disk = await twoFiles();
    const intact = disk.bytesOf(firstFile);
    for (let at = fileHeaderBytes; at < intact.length; at += 1) {
      disk.setBytes(firstFile, intact);
      disk.flip(firstFile, at);
      const { wal } = await Wal.open(disk, directory, options);
      assert.equal(wal.lastLsn, 5);
      assert.throws(
        () => [...wal.readFrom(1)],
        (error) => error instanceof CorruptFileError && error.path === firstFile,
        `byte ${at}`,
      );
      await wal.close();
    }
  });

  test('cut off at any byte: the same', async () => {
    const disk = await twoFiles();
    const intact = disk.bytesOf(firstFile);
    for (let bytes = fileHeaderBytes; bytes < intact.length; bytes += 1) {
      disk.setBytes(firstFile, intact.subarray(0, bytes));
      const { wal } = await Wal.open(disk, directory, options);
      assert.throws(() => [...wal.readFrom(1)], CorruptFileError, `cut to ${bytes} bytes`);
      await wal.close();
    }
  });

  test('a file that does not follow the one before it is an error', async () => {
    const disk = await twoFiles();
    const other = new FakeDisk();
    const { wal } = await Wal.open(other, directory, options);
    for (const payload of payloads()) wal.append(payload.map((byte) => byte + 1));
    await wal.close();
    disk.setBytes(firstFile, other.bytesOf(firstFile));
    const opened = await Wal.open(disk, directory, options);
    assert.throws(() => [...opened.wal.readFrom(1)], /does not follow the one before it/);
  });
});
