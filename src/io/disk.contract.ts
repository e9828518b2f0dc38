// What every `Disk` promises, as one list of cases: run on the real disk and on the fake one.
import assert from 'node:assert/strict';
import { type Disk, DiskError, type DiskErrorKind } from './ports.ts';

export interface DiskContractCase {
  readonly name: string;
  /** `root` is an empty directory of the case's own. */
  run(disk: Disk, root: string): void | Promise<void>;
}

const text = (value: string) => new TextEncoder().encode(value);
const kindIs = (kind: DiskErrorKind) => (error: unknown) =>
  error instanceof DiskError && error.kind === kind;

function writeFile(disk: Disk, path: string, content: string): void {
  const file = disk.open(path, 'create');
  file.writeNow(0, text(content));
  file.close();
}

function readFile(disk: Disk, path: string): string {
  const file = disk.open(path, 'read');
  const bytes = new Uint8Array(file.size());
  assert.equal(file.readNow(0, bytes), bytes.length);
  file.close();
  return new TextDecoder().decode(bytes);
}

export const diskContract: readonly DiskContractCase[] = [
  {
    name: 'what was written is read back, at any offset',
    run(disk, root) {
      const file = disk.open(`${root}/a`, 'create');
      file.writeNow(0, text('hello'));
      file.writeNow(5, text(' world'));
      file.writeNow(1, text('E'));
      const into = new Uint8Array(6);
      assert.equal(file.readNow(0, into), 6);
      assert.equal(new TextDecoder().decode(into), 'hEllo ');
      assert.equal(file.size(), 11);
      file.close();
      assert.equal(readFile(disk, `${root}/a`), 'hEllo world');
    },
  },
  {
    name: 'a read at the end of the file is short, behind it empty',
    async run(disk, root) {
      writeFile(disk, `${root}/a`, 'abc');
      const file = disk.open(`${root}/a`, 'read');
      assert.equal(file.readNow(2, new Uint8Array(9)), 1);
      assert.equal(await file.read(1, new Uint8Array(9)), 2);
      assert.equal(file.readNow(7, new Uint8Array(9)), 0);
      assert.equal(file.readNow(0, new Uint8Array(0)), 0);
      file.close();
    },
  },
  {
    name: 'a write behind the end leaves zeros between',
    run(disk, root) {
      const file = disk.open(`${root}/a`, 'create');
      file.writeNow(3, text('x'));
      assert.equal(file.size(), 4);
      file.close();
      assert.equal(readFile(disk, `${root}/a`), '\0\0\0x');
    },
  },
  {
    name: 'asynchronous reads and writes do the same',
    async run(disk, root) {
      const file = disk.open(`${root}/a`, 'create');
      await file.write(0, text('abcdef'));
      await file.write(2, text('XY'));
      const into = new Uint8Array(6);
      assert.equal(await file.read(0, into), 6);
      assert.equal(new TextDecoder().decode(into), 'abXYef');
      await file.dataSync();
      file.dataSyncNow();
      file.close();
    },
  },
  {
    name: 'many chunks are written one after the other, empty ones too',
    run(disk, root) {
      const file = disk.open(`${root}/a`, 'create');
      const chunks = Array.from({ length: 3000 }, (_, index) => text(index % 7 === 0 ? '' : 'ab'));
      file.writeManyNow(1, chunks);
      file.close();
      const expected = chunks.reduce((sum, chunk) => sum + chunk.length, 1);
      assert.equal(readFile(disk, `${root}/a`).length, expected);
      assert.match(readFile(disk, `${root}/a`), /^\0(ab)+$/);
    },
  },
  {
    name: 'truncate cuts, and extends with zeros',
    run(disk, root) {
      const file = disk.open(`${root}/a`, 'create');
      file.writeNow(0, text('abcdef'));
      file.truncateNow(2);
      file.truncateNow(4);
      file.close();
      assert.equal(readFile(disk, `${root}/a`), 'ab\0\0');
    },
  },
  {
    name: 'memory shared between threads works as a buffer, at any offset',
    async run(disk, root) {
      const memory = new WebAssembly.Memory({ initial: 2, maximum: 4, shared: true });
      const shared = new Uint8Array(memory.buffer, 65_537, 4);
      shared.set(text('wasm'));
      const array = new Uint8Array(new SharedArrayBuffer(64), 3, 8);
      const file = disk.open(`${root}/a`, 'create');
      file.writeManyNow(0, [shared, text('!')]);
      await file.write(5, shared);
      assert.equal(file.readNow(1, array), 8);
      assert.equal(String.fromCharCode(...array), 'asm!wasm');
      array.fill(0);
      assert.equal(await file.read(0, array), 8);
      assert.equal(String.fromCharCode(...array), 'wasm!was');
      file.close();
    },
  },
  {
    name: 'create empties a file that exists; write and read want one',
    run(disk, root) {
      writeFile(disk, `${root}/a`, 'long content');
      writeFile(disk, `${root}/a`, 'x');
      assert.equal(readFile(disk, `${root}/a`), 'x');
      const file = disk.open(`${root}/a`, 'write');
      file.writeNow(1, text('y'));
      file.close();
      assert.equal(readFile(disk, `${root}/a`), 'xy');
      assert.throws(() => disk.open(`${root}/b`, 'write'), kindIs('not_found'));
      assert.throws(() => disk.open(`${root}/b`, 'read'), kindIs('not_found'));
      assert.throws(() => disk.open(`${root}/no/b`, 'create'), kindIs('not_found'));
    },
  },
  {
    name: 'a file opened for reading refuses writes',
    run(disk, root) {
      writeFile(disk, `${root}/a`, 'x');
      const file = disk.open(`${root}/a`, 'read');
      assert.throws(() => file.writeNow(0, text('y')), kindIs('closed'));
      file.close();
    },
  },
  {
    name: 'a closed file refuses everything; closing twice is fine',
    async run(disk, root) {
      const file = disk.open(`${root}/a`, 'create');
      file.close();
      file.close();
      assert.throws(() => file.size(), kindIs('closed'));
      assert.throws(() => file.readNow(0, new Uint8Array(1)), kindIs('closed'));
      assert.throws(() => file.writeNow(0, text('x')), kindIs('closed'));
      assert.throws(() => file.truncateNow(0), kindIs('closed'));
      assert.throws(() => file.dataSyncNow(), kindIs('closed'));
      await assert.rejects(file.dataSync(), kindIs('closed'));
      await assert.rejects(file.read(0, new Uint8Array(1)), kindIs('closed'));
      await assert.rejects(file.write(0, text('x')), kindIs('closed'));
    },
  },
  {
    name: 'rename replaces, and an open file stays the same file',
    run(disk, root) {
      writeFile(disk, `${root}/a`, 'new');
      writeFile(disk, `${root}/b`, 'old');
      const file = disk.open(`${root}/a`, 'write');
      disk.rename(`${root}/a`, `${root}/b`);
      file.writeNow(3, text('er'));
      file.close();
      assert.equal(readFile(disk, `${root}/b`), 'newer');
      assert.equal(disk.exists(`${root}/a`), false);
      assert.throws(() => disk.rename(`${root}/a`, `${root}/c`), kindIs('not_found'));
    },
  },
  {
    name: 'a removed file can be read by those who have it open',
    run(disk, root) {
      writeFile(disk, `${root}/a`, 'abc');
      const file = disk.open(`${root}/a`, 'read');
      disk.remove(`${root}/a`);
      assert.equal(disk.exists(`${root}/a`), false);
      assert.equal(file.readNow(0, new Uint8Array(3)), 3);
      file.close();
      assert.throws(() => disk.remove(`${root}/a`), kindIs('not_found'));
    },
  },
  {
    name: 'directories: made with parents, listed in order, removed with all in them',
    async run(disk, root) {
      disk.makeDir(`${root}/x/y/z`);
      disk.makeDir(`${root}/x/y/z`);
      writeFile(disk, `${root}/x/b`, '');
      writeFile(disk, `${root}/x/a`, '');
      assert.deepEqual(disk.list(`${root}/x`), [
        { name: 'a', kind: 'file' },
        { name: 'b', kind: 'file' },
        { name: 'y', kind: 'directory' },
      ]);
      await disk.syncDir(`${root}/x`);
      disk.rename(`${root}/x`, `${root}/w`);
      assert.equal(disk.exists(`${root}/w/y/z`), true);
      await disk.removeTree(`${root}/w`);
      await disk.removeTree(`${root}/w`);
      assert.deepEqual(disk.list(root), []);
      assert.throws(() => disk.list(`${root}/w`), kindIs('not_found'));
      await assert.rejects(disk.syncDir(`${root}/w`), kindIs('not_found'));
    },
  },
  {
    name: 'a lock is held once, and free again after its release',
    run(disk, root) {
      const lock = disk.lock(`${root}/lock`);
      assert.throws(() => disk.lock(`${root}/lock`), kindIs('locked'));
      const other = disk.lock(`${root}/other`);
      lock.release();
      lock.release();
      disk.lock(`${root}/lock`).release();
      other.release();
    },
  },
  {
    name: 'free space is known',
    run(disk, root) {
      assert.ok(disk.freeBytes(root) > 0);
      assert.throws(() => disk.freeBytes(`${root}/none`), kindIs('not_found'));
    },
  },
];
