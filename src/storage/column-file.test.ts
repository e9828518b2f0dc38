// Column files: whole and in pieces, into shared memory, and every flipped byte found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import {
  openColumn,
  readColumn,
  readColumnHeader,
  readColumnInto,
  verifyColumn,
  writeColumn,
} from './column-file.ts';
import { CorruptFileError } from './corrupt-file.ts';

const kind = 'vectors-f32';
const blockBytes = 1 << 20;

function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
}

test('any sizes of chunks give the same file', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 700_000 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(sizes, async (chunkSizes) => {
      const disk = new FakeDisk();
      const total = chunkSizes.reduce((sum, bytes) => sum + bytes, 0);
      const data = pattern(total);
      let at = 0;
      const chunks = chunkSizes.map((bytes) => data.subarray(at, (at += bytes)));
      const written = await writeColumn(disk, '/c', kind, chunks);
      assert.deepEqual(readColumnHeader(disk, '/c'), { kind, dataBytes: total });
      assert.equal(written.dataBytes, total);
      assert.equal(written.fileBytes, disk.bytesOf('/c').length);
      assert.equal(Buffer.compare(await readColumn(disk, '/c', kind), data), 0);
      await writeColumn(disk, '/whole', kind, [data]);
      assert.equal(Buffer.compare(disk.bytesOf('/c'), disk.bytesOf('/whole')), 0);
    }),
    { numRuns: 15 },
  );
});

test('the sizes around a block', async () => {
  for (const bytes of [0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 3 * blockBytes]) {
    const disk = new FakeDisk();
    const data = pattern(bytes);
    await writeColumn(disk, '/c', kind, [data]);
    assert.equal(Buffer.compare(await readColumn(disk, '/c', kind), data), 0, `${bytes} bytes`);
    assert.deepEqual(await verifyColumn(disk, '/c'), { kind, dataBytes: bytes });
  }
});

test('shared memory is filled in place', async () => {
  const disk = new FakeDisk();
  const data = pattern(70_000);
  const memory = new WebAssembly.Memory({ initial: 3, maximum: 3, shared: true });
  const target = new Uint8Array(memory.buffer, 4099, data.length);
  await writeColumn(disk, '/c', kind, [data]);
  await readColumnInto(disk, '/c', kind, target);
  assert.deepEqual(target.slice(), data);
  await writeColumn(disk, '/again', kind, [target]);
  assert.deepEqual(await readColumn(disk, '/again', kind), data);
});

test('pieces are read in place', async () => {
  const disk = new FakeDisk();
  const data = pattern(2 * blockBytes + 77);
  await writeColumn(disk, '/c', kind, [data]);
  const column = openColumn(disk, '/c', kind);
  const into = new Uint8Array(512);
  for (const at of [0, 1, blockBytes - 200, 2 * blockBytes + 77 - 512]) {
    column.readNow(at, into);
    assert.deepEqual(into, data.slice(at, at + 512));
    into.fill(0);
    await column.read(at, into);
    assert.deepEqual(into, data.slice(at, at + 512));
  }
  assert.throws(() => column.readNow(2 * blockBytes, into), /512 bytes at/);
  assert.throws(() => column.readNow(-1, into), /512 bytes at -1/);
  column.close();
});

test('every flipped or missing byte is found, with file and place', async () => {
  const disk = new FakeDisk();
  const data = pattern(blockBytes + 10);
  await writeColumn(disk, '/c', kind, [data]);
  const intact = disk.bytesOf('/c');
  const places = [
    ...Array.from({ length: 70 }, (_, at) => at),
    4000,
    4095,
    4096,
    5000,
    blockBytes,
    blockBytes + 4095,
    blockBytes + 4096,
    ...Array.from({ length: 18 }, (_, at) => intact.length - 1 - at),
  ];
  for (const at of places) {
    disk.setBytes('/c', intact);
    disk.flip('/c', at, 0x10);
    await assert.rejects(verifyColumn(disk, '/c'), foundNear(at), `byte ${at}, verify`);
    const target = new Uint8Array(data.length);
    await assert.rejects(readColumnInto(disk, '/c', kind, target), foundNear(at), `byte ${at}`);
  }
  for (const bytes of [0, 100, 4096, 5000, intact.length - 1]) {
    disk.setBytes('/c', intact.subarray(0, bytes));
    await assert.rejects(verifyColumn(disk, '/c'), CorruptFileError, `cut to ${bytes}`);
  }
  disk.setBytes('/c', Uint8Array.from([...intact, 0]));
  await assert.rejects(verifyColumn(disk, '/c'), CorruptFileError, 'one byte more');
});

/** The error names the file and a place in the same part: header, block or table. */
function foundNear(at: number) {
  return (error: unknown): true => {
    assert.ok(error instanceof CorruptFileError, String(error));
    assert.equal(error.path, '/c');
    assert.ok(
      error.offset <= at && at - error.offset < blockBytes + 1,
      `${error.message} at ${at}`,
    );
    return true;
  };
}

test('a checked read in place finds damage in its block and in no other', async () => {
  const disk = new FakeDisk();
  const data = pattern(2 * blockBytes + 500);
  await writeColumn(disk, '/c', kind, [data]);
  disk.flip('/c', 4096 + blockBytes + 77);
  const column = openColumn(disk, '/c', kind);
  for (const [at, bytes] of [
    [0, 10],
    [blockBytes - 5, 5],
    [2 * blockBytes, 500],
    [0, 0],
  ] as const) {
    const into = new Uint8Array(bytes);
    column.readCheckedNow(at, into);
    column.readCheckedNow(at, into);
    assert.deepEqual(into, data.subarray(at, at + bytes));
  }
  for (const [at, bytes] of [
    [blockBytes, 1],
    [blockBytes - 1, 2],
    [2 * blockBytes - 1, 2],
  ] as const) {
    const read = () => column.readCheckedNow(at, new Uint8Array(bytes));
    assert.throws(read, CorruptFileError, `${bytes} bytes at ${at}`);
    assert.throws(read, CorruptFileError, 'it stays damaged');
  }
  column.close();
  disk.flip('/c', disk.bytesOf('/c').length - 1);
  const badTable = openColumn(disk, '/c', kind);
  assert.throws(() => badTable.readCheckedNow(0, new Uint8Array(1)), /checksum table is damaged/);
});

test('a column of another kind is refused', async () => {
  const disk = new FakeDisk();
  await writeColumn(disk, '/c', kind, []);
  await assert.rejects(readColumn(disk, '/c', 'ids'), /kind vectors-f32, expected ids/);
});

test('a file whose writing was interrupted is no column', async () => {
  for (let nth = 1; nth <= 5; nth += 1) {
    const disk = new FakeDisk({ seed: nth });
    disk.stopAt(nth);
    const data = pattern(blockBytes + 10);
    await assert.rejects(writeColumn(disk, '/c', kind, [data]));
    disk.crash('kill');
    if (!disk.exists('/c')) continue;
    await verifyColumn(disk, '/c').then(
      () => assert.ok(nth >= 5, `stopped at ${nth}`),
      (error) => assert.ok(error instanceof CorruptFileError, String(error)),
    );
  }
});
