// Exclusive locks that die with their process. Node offers no flock(2), but the SQLite built into
// it takes real record locks of the kernel: they vanish with `kill -9`, are seen across containers
// that share a volume, and work on Linux, macOS and Windows alike. The lock file stays empty.
// Weighed and left: a socket in the abstract name space (Linux only, blind across network name
// spaces), the program flock(1) on an inherited handle (not everywhere), a file with the process id
// (outlives `kill -9`).
import type { DatabaseSync } from 'node:sqlite';
import { DiskError, type DiskLock } from '../ports.ts';

const sqliteBusy = 5;

export function lockNow(path: string): DiskLock {
  const sqlite = process.getBuiltinModule('node:sqlite');
  let database: DatabaseSync | null = null;
  try {
    database = new sqlite.DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    throw lockErrorFrom(error, path);
  }
  return new NativeLock(database);
}

class NativeLock implements DiskLock {
  #database: DatabaseSync | null;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  release(): void {
    this.#database?.close();
    this.#database = null;
  }
}

function lockErrorFrom(cause: unknown, path: string): DiskError {
  const busy = cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy;
  if (busy) return new DiskError('locked', path, 'in use by another process', { cause });
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new DiskError('io', path, `cannot take the lock (${detail})`, { cause });
}
