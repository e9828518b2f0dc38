// A disk in memory that breaks on purpose: it forgets what was not synced, tears writes, runs full,
// fails or stops at the n-th operation. Everything random comes from its seed.
//
//   disk.stopAt(17)          the 17th change from now on dies half-way, and nothing works after it
//   disk.crash('kill')       the process died: what the kernel had is there, locks are free
//   disk.crash('power')      the machine died: unsynced writes and entries are kept, lost or torn
//
// Files opened before a crash stay dead; open them again. Code that was waiting when the crash came
// must not touch the disk of the next life: give each life its own `disk.mount()`.
import { Prng } from '../../src/base/prng.ts';
import {
  type DirectoryEntry,
  type Disk,
  DiskError,
  type DiskErrorKind,
  type DiskFile,
  type DiskLock,
  type OpenMode,
} from '../../src/io/ports.ts';
import { FakeDirectory, FakeInode, type FakeNode, FakeTree } from './fake-tree.ts';

export type CrashMode = 'kill' | 'power';

/** The operations that faults count: all that change the disk. */
export type FakeOperation =
  | 'create'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'makeDir'
  | 'syncDir';

/** Thrown by the operation that stops, and by all after it, until `crash`. */
export class FakeStop extends Error {
  override readonly name = 'FakeStop';
}

export interface FakeDiskOptions {
  readonly seed?: number;
  /** Writes beyond this many bytes in all files fail with `no_space`. */
  readonly capacityBytes?: number;
  /** What an asynchronous operation waits for; by default one turn of the promise queue. */
  readonly turn?: () => Promise<void>;
}

interface PlannedFault {
  /** Counts down to 1. */
  left: number;
  readonly operations: ReadonlySet<FakeOperation> | null;
  readonly error: DiskErrorKind | 'stop';
}

export class FakeDisk implements Disk {
  readonly prng: Prng;
  readonly #tree = new FakeTree();
  readonly #turn: () => Promise<void>;
  readonly #locked = new Set<string>();
  #faults: PlannedFault[] = [];
  #stopped = false;
  /** Grows with every crash; a handle from before is dead. */
  #life = 0;
  #operationCount = 0;
  capacityBytes: number;

  constructor(options: FakeDiskOptions = {}) {
    this.prng = new Prng(options.seed ?? 1);
    this.capacityBytes = options.capacityBytes ?? 1e12;
    this.#turn = options.turn ?? (() => Promise.resolve());
  }

  /** Changes so far, to know how far `stopAt` may go. */
  get operationCount(): number {
    return this.#operationCount;
  }

  get life(): number {
    return this.#life;
  }

  /** The `nth` change from now on is done half or not at all, and then nothing works. */
  stopAt(nth: number, operations?: readonly FakeOperation[]): void {
    this.#plan(nth, 'stop', operations);
  }

  /** The `nth` such operation from now on fails once, a write after a part of it was written. */
  failAt(nth: number, error: DiskErrorKind, operations?: readonly FakeOperation[]): void {
    this.#plan(nth, error, operations);
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The disk for the code of one life: use it where code may go on after a crash. */
  mount(): Disk {
    return new FakeMount(this);
  }

  crash(mode: CrashMode): void {
    this.#life += 1;
    this.#stopped = false;
    this.#faults = [];
    this.#locked.clear();
    if (mode === 'kill') return;
    this.#tree.losePower(this.prng, this.prng.pick([0, 0.5, 0.9, 1]));
  }

  /** A copy of the file as programs see it. */
  bytesOf(path: string): Uint8Array {
    return this.#inode(path).seen.view().slice();
  }

  /** Damages or replaces a file behind everybody's back, durably. */
  setBytes(path: string, bytes: Uint8Array): void {
    const inode = this.#inode(path);
    inode.apply({ kind: 'truncate', bytes: 0 });
    inode.apply({ kind: 'write', at: 0, bytes: bytes.slice() });
    inode.commit(inode.stepCount);
  }

  flip(path: string, at: number, mask = 0xff): void {
    const bytes = this.bytesOf(path);
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    this.setBytes(path, bytes);
  }

  open(path: string, mode: OpenMode): DiskFile {
    this.#checkAlive();
    const found = this.#find(path);
    if (found?.kind === 'directory') throw new DiskError('io', path, 'is a directory');
    if (mode !== 'create') {
      if (found === undefined) throw new DiskError('not_found', path, 'no such file');
      return new FakeFile(this, path, found, mode === 'write');
    }
    this.change('create', path);
    if (found !== undefined) {
      found.apply({ kind: 'truncate', bytes: 0 });
      return new FakeFile(this, path, found, true);
    }
    const inode = new FakeInode();
    const { directory, name } = this.#place(path);
    this.#tree.change([{ directory, name, node: inode }]);
    return new FakeFile(this, path, inode, true);
  }

  rename(from: string, to: string): void {
    this.change('rename', from);
    const node = this.#find(from);
    if (node === undefined) throw new DiskError('not_found', from, 'no such file');
    const source = this.#place(from);
    const target = this.#place(to);
    this.#tree.change([
      { ...source, node: null },
      { ...target, node },
    ]);
  }

  remove(path: string): void {
    this.change('remove', path);
    if (this.#find(path)?.kind !== 'file') throw new DiskError('not_found', path, 'no such file');
    this.#tree.change([{ ...this.#place(path), node: null }]);
  }

  async removeTree(path: string): Promise<void> {
    this.change('remove', path);
    await this.later(() => {
      if (this.#find(path) === undefined) return;
      this.#tree.change([{ ...this.#place(path), node: null }]);
    });
  }

  makeDir(path: string): void {
    this.#checkAlive();
    let directory = this.#tree.root;
    for (const name of partsOf(path)) {
      let node = directory.seen.get(name);
      if (node?.kind === 'file') throw new DiskError('already_exists', path, 'is a file');
      if (node === undefined) {
        this.change('makeDir', path);
        node = new FakeDirectory();
        this.#tree.change([{ directory, name, node }]);
      }
      directory = node;
    }
  }

  list(path: string): readonly DirectoryEntry[] {
    this.#checkAlive();
    const entries: DirectoryEntry[] = [];
    for (const [name, node] of this.#directory(path).seen) entries.push({ name, kind: node.kind });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  exists(path: string): boolean {
    this.#checkAlive();
    return this.#find(path) !== undefined;
  }

  async syncDir(path: string): Promise<void> {
    this.change('syncDir', path);
    const directory = this.#directory(path);
    await this.later(() => this.#tree.commit(directory));
  }

  freeBytes(path: string): number {
    this.#directory(path);
    return Math.max(0, this.capacityBytes - this.#tree.usedBytes());
  }

  lock(path: string): DiskLock {
    this.#checkAlive();
    if (this.#locked.has(path)) throw new DiskError('locked', path, 'in use by another process');
    if (!this.exists(path)) this.open(path, 'create').close();
    this.#locked.add(path);
    const life = this.#life;
    return {
      release: () => {
        if (life === this.#life) this.#locked.delete(path);
      },
    };
  }

  /** For `FakeFile`: counts a change, and throws if a fault is planned for it. */
  change(operation: FakeOperation, path: string): void {
    this.#checkAlive();
    this.#operationCount += 1;
    for (const fault of this.#faults) {
      if (fault.operations !== null && !fault.operations.has(operation)) continue;
      fault.left -= 1;
    }
    const due = this.#faults.find((fault) => fault.left === 0);
    if (due === undefined) return;
    this.#faults = this.#faults.filter((fault) => fault !== due);
    if (due.error === 'stop') this.#stopped = true;
    this.#checkAlive();
    if (due.error !== 'stop') throw new DiskError(due.error, path, `planned fault in ${operation}`);
  }

  /** For `FakeFile`: lets others run, then acts; fails instead if the machine died meanwhile. */
  async later<Result>(action: () => Result): Promise<Result> {
    const life = this.#life;
    await this.#turn();
    if (life !== this.#life) throw new FakeStop('the fake machine died');
    this.#checkAlive();
    return action();
  }

  #checkAlive(): void {
    if (this.#stopped) throw new FakeStop('the fake disk has stopped');
  }

  #plan(nth: number, error: PlannedFault['error'], operations?: readonly FakeOperation[]): void {
    const counted = operations === undefined ? null : new Set(operations);
    this.#faults.push({ left: nth, operations: counted, error });
  }

  #find(path: string): FakeNode | undefined {
    let node: FakeNode | undefined = this.#tree.root;
    for (const name of partsOf(path)) {
      node = node?.kind === 'directory' ? node.seen.get(name) : undefined;
    }
    return node;
  }

  #directory(path: string): FakeDirectory {
    const node = this.#find(path);
    if (node?.kind !== 'directory') throw new DiskError('not_found', path, 'no such directory');
    return node;
  }

  #inode(path: string): FakeInode {
    const node = this.#find(path);
    if (node?.kind !== 'file') throw new DiskError('not_found', path, 'no such file');
    return node;
  }

  #place(path: string): { readonly directory: FakeDirectory; readonly name: string } {
    const parts = partsOf(path);
    const name = parts.pop() ?? '';
    return { directory: this.#directory(parts.join('/')), name };
  }
}

/** The disk as one process sees it: dead after the next crash, whatever its code still tries. */
class FakeMount implements Disk {
  readonly #disk: FakeDisk;
  readonly #life: number;

  constructor(disk: FakeDisk) {
    this.#disk = disk;
    this.#life = disk.life;
  }

  get #alive(): FakeDisk {
    if (this.#life !== this.#disk.life) throw new FakeStop('this process died');
    return this.#disk;
  }

  open(path: string, mode: OpenMode): DiskFile {
    return this.#alive.open(path, mode);
  }

  rename(from: string, to: string): void {
    this.#alive.rename(from, to);
  }

  remove(path: string): void {
    this.#alive.remove(path);
  }

  async removeTree(path: string): Promise<void> {
    await this.#alive.removeTree(path);
  }

  makeDir(path: string): void {
    this.#alive.makeDir(path);
  }

  list(path: string): readonly DirectoryEntry[] {
    return this.#alive.list(path);
  }

  exists(path: string): boolean {
    return this.#alive.exists(path);
  }

  async syncDir(path: string): Promise<void> {
    await this.#alive.syncDir(path);
  }

  freeBytes(path: string): number {
    return this.#alive.freeBytes(path);
  }

  lock(path: string): DiskLock {
    return this.#alive.lock(path);
  }
}

class FakeFile implements DiskFile {
  readonly path: string;
  readonly #disk: FakeDisk;
  readonly #inode: FakeInode;
  readonly #writable: boolean;
  readonly #life: number;
  #syncError: DiskError | null = null;
  #closed = false;

  constructor(disk: FakeDisk, path: string, inode: FakeInode, writable: boolean) {
    this.path = path;
    this.#disk = disk;
    this.#inode = inode;
    this.#writable = writable;
    this.#life = disk.life;
  }

  size(): number {
    this.#checkOpen();
    return this.#inode.seen.size;
  }

  readNow(at: number, into: Uint8Array): number {
    this.#checkOpen();
    const bytes = this.#inode.seen.view().subarray(at, at + into.length);
    into.set(bytes);
    return bytes.length;
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    this.#checkOpen();
    return this.#disk.later(() => this.readNow(at, into));
  }

  writeNow(at: number, bytes: Uint8Array): void {
    this.writeManyNow(at, [bytes]);
  }

  /** All chunks are one write, so one planned fault: a part of it, anywhere, may be written. */
  writeManyNow(at: number, chunks: readonly Uint8Array[]): void {
    this.#checkWritable();
    const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const bytes = new Uint8Array(total);
    let filled = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    try {
      this.#disk.change('write', this.path);
    } catch (error) {
      this.#writePart(at, bytes, this.#disk.prng.int(total + 1));
      throw error;
    }
    const growth = Math.max(0, at + total - this.#inode.seen.size);
    const missing = growth - this.#disk.freeBytes('');
    if (missing > 0) {
      this.#writePart(at, bytes, Math.max(0, total - missing));
      throw new DiskError('no_space', this.path, 'write');
    }
    this.#writePart(at, bytes, total);
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    this.#checkWritable();
    await this.#disk.later(() => this.writeNow(at, bytes));
  }

  truncateNow(bytes: number): void {
    this.#checkWritable();
    this.#disk.change('truncate', this.path);
    this.#inode.apply({ kind: 'truncate', bytes });
  }

  async dataSync(): Promise<void> {
    this.#checkWritable();
    this.#countSync();
    const covered = this.#inode.stepCount;
    await this.#disk.later(() => this.#inode.commit(covered));
  }

  dataSyncNow(): void {
    this.#checkWritable();
    this.#countSync();
    this.#inode.commit(this.#inode.stepCount);
  }

  close(): void {
    this.#closed = true;
  }

  #countSync(): void {
    try {
      this.#disk.change('sync', this.path);
    } catch (error) {
      if (error instanceof DiskError) this.#syncError = error;
      throw error;
    }
  }

  #writePart(at: number, bytes: Uint8Array, count: number): void {
    if (count === 0) return;
    this.#inode.apply({ kind: 'write', at, bytes: bytes.subarray(0, count) });
  }

  #checkOpen(): void {
    const dead = this.#closed || this.#life !== this.#disk.life;
    if (dead) throw new DiskError('closed', this.path, 'the file is closed');
    if (this.#disk.stopped) throw new FakeStop('the fake disk has stopped');
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#syncError !== null) throw this.#syncError;
    if (!this.#writable) throw new DiskError('closed', this.path, 'opened for reading only');
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
