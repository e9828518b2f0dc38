// The outside world as small interfaces: clock, timers, randomness, log and disk. Everything below
// `rpc` gets these through its constructor and touches no `node:` module, so that the simulator can
// run the same code on virtual time and a disk that breaks on purpose.
// Real implementations: io/native/. Fake ones: test/fakes/. What both promise: disk.contract.ts.

export interface Clock {
  /** Wall time in milliseconds since 1970; may jump. */
  nowMs(): number;
  /** Never goes back; only differences mean something. */
  monotonicMs(): number;
}

/** What `setTimeout` returned; opaque. */
export interface TimerHandle {
  readonly timer: true;
}

export interface Timers {
  /** Calls `action` once, `delayMs` from now. A waiting timer does not keep the process alive. */
  setTimeout(action: () => void, delayMs: number): TimerHandle;
  clear(handle: TimerHandle): void;
  /** Lets everything else that is ready run first: use it between the slices of a long loop. */
  yieldToOthers(): Promise<void>;
}

export interface Random {
  /** A whole number, 0 ≤ n < 2^32. */
  uint32(): number;
  /** Fills `into`; good enough for ids and keys. */
  fill(into: Uint8Array): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type DiskErrorKind =
  /** The volume or the quota is full. The message contains `No space left on device`. */
  | 'no_space'
  | 'not_found'
  | 'already_exists'
  /** Another process, or another part of this one, holds the lock. */
  | 'locked'
  | 'not_permitted'
  /** The process may not open more files. */
  | 'too_many_files'
  /** The file was closed, by its owner or by a crash of the fake disk. */
  | 'closed'
  /** Anything else: the device failed. */
  | 'io';

/** Every failure of a `Disk` or `DiskFile`; never anything else. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly kind: DiskErrorKind;
  readonly path: string;

  constructor(kind: DiskErrorKind, path: string, detail: string, options?: ErrorOptions) {
    super(`${kind === 'no_space' ? 'No space left on device: ' : ''}${detail}: ${path}`, options);
    this.kind = kind;
    this.path = path;
  }
}

export type OpenMode =
  /** Must exist; reading only. */
  | 'read'
  /** Must exist; reading and writing. */
  | 'write'
  /** Created, or emptied when it exists; reading and writing. */
  | 'create';

/**
 * One open file. Calls ending in `Now` return when the kernel has done it: what `writeNow` wrote
 * survives the death of the process, what a finished `dataSync` covered survives a power loss.
 *
 * Buffers may be views of shared memory (`SharedArrayBuffer`, shared `WebAssembly.Memory`), at any
 * offset. A buffer handed to an asynchronous call belongs to it until the promise settles.
 *
 * A sync that failed is never tried again, because the kernel may have dropped the dirty pages and
 * forgotten it: from then on every write and sync of this file fails with the first error.
 */
export interface DiskFile {
  readonly path: string;
  size(): number;
  /** Bytes read: fewer than asked only at the end of the file. */
  readNow(at: number, into: Uint8Array): number;
  read(at: number, into: Uint8Array): Promise<number>;
  /** Writes all of it or throws; after a throw any part of it may be in the file. */
  writeNow(at: number, bytes: Uint8Array): void;
  /** The chunks one after the other, in one system call where possible. */
  writeManyNow(at: number, chunks: readonly Uint8Array[]): void;
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Cuts, or extends with zeros. */
  truncateNow(bytes: number): void;
  /** Everything written before the call is on stable storage when it resolves. */
  dataSync(): Promise<void>;
  dataSyncNow(): void;
  /** Idempotent. */
  close(): void;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
}

/** An exclusive lock; held until `release` or the death of the process, however it dies. */
export interface DiskLock {
  release(): void;
}

/**
 * A file system. Paths use `/`. Creating, renaming and removing are seen at once, and survive a
 * power loss only after `syncDir` of the directory they happened in. A rename is atomic.
 */
export interface Disk {
  open(path: string, mode: OpenMode): DiskFile;
  /** Replaces a file at `to`. */
  rename(from: string, to: string): void;
  /** Removes a file. `not_found` when there is none. */
  remove(path: string): void;
  /** Removes a directory (or file) with all that is in it; nothing there is fine. */
  removeTree(path: string): Promise<void>;
  /** With all missing parents; existing is fine. */
  makeDir(path: string): void;
  /** Sorted by name. */
  list(path: string): readonly DirectoryEntry[];
  exists(path: string): boolean;
  /** Makes creations, renames and removals in this directory durable. */
  syncDir(path: string): Promise<void>;
  freeBytes(path: string): number;
  /** Takes the lock file at `path` (created if missing), or throws `locked`. Never waits. */
  lock(path: string): DiskLock;
}
