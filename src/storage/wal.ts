// The write-ahead log of one shard: a chain of record files. An append is in the kernel when it
// returns (it survives `kill -9`), and on stable storage when a later `sync` resolves. One
// fdatasync runs at a time and serves everybody who appended before it began.
//
// A file that is full is followed at once by `wal-….next`; only when the full one is synced does
// the next get its final name. So appending never waits for the disk, and yet a file followed by a
// `.log` is known to be complete. How a log is found again: wal-open.ts.
//
// Invariants: lsns are consecutive from `firstLsn` to `lastLsn`;
// ackedLsn ≤ durableLsn ≤ lastLsn. After a failed sync the log takes nothing more.
// One owner per directory, held by a lock that dies with the process.
import { assert } from '../base/assert.ts';
import { type Disk, DiskError, type DiskLock } from '../io/ports.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { joinPath, parentPath } from './file-path.ts';
import { type Lsn, RecordFile, RestoreFailedError, recordHeaderBytes } from './record-file.ts';
import { readAcked, writeAcked } from './wal-acked.ts';
import {
  type ClosedFile,
  type FoundLog,
  findLog,
  pendingSuffix,
  sealedSuffix,
  settleTail,
  type WalCut,
  walFileName,
} from './wal-open.ts';
import { type ChainFile, WalReader, type WalRecord } from './wal-reader.ts';

export interface WalOptions {
  /** A file that would grow beyond this is followed by a new one; a larger record gets its own. */
  readonly capacityBytes: number;
  /** Acknowledged closed files that are kept, so that other replicas can be served from the log. */
  readonly closedKeptCount: number;
  /**
   * Every record up to here is known to be in the segments (the manifest's `walAppliedLsn`), so a
   * log that ends earlier is damaged. 0 for a new shard.
   */
  readonly appliedLsn: Lsn;
  /**
   * A directory without any log gets a new one that begins at `appliedLsn + 1`: right for a new
   * shard and for one that came from a snapshot. Without this it is a `CorruptFileError`.
   */
  readonly createIfMissing: boolean;
  /** It was created just now, and what `createWal` made is durable. */
  readonly isNew?: boolean;
}

export interface WalTail {
  readonly created: boolean;
  /** What was cut off because it was torn or damaged; log it, loudly when `wasDurable`. */
  readonly cut: WalCut | null;
  /** The file with the acknowledged number was unreadable; replay then starts at `appliedLsn`. */
  readonly ackedUnreadable: boolean;
}

export interface OpenedWal {
  readonly wal: Wal;
  readonly tail: WalTail;
}

interface WalPlace {
  readonly disk: Disk;
  readonly directory: string;
  readonly lock: DiskLock;
}

const lockName = 'lock';

export class Wal {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #options: WalOptions;
  readonly #lock: DiskLock;
  #closedKeptCount: number;
  /** Complete files without a handle, oldest first. */
  readonly #closed: ClosedFile[];
  /** Files not yet completely synced, oldest first; the last one is appended to. Never empty. */
  readonly #open: RecordFile[];
  #ackedLsn: Lsn;
  #durableLsn: Lsn = 0;
  #failure: Error | null = null;
  #syncRound: Promise<void> | null = null;
  #acknowledging: Promise<void> = Promise.resolve();

  private constructor(place: WalPlace, options: WalOptions, found: FoundLog, ackedLsn: Lsn) {
    this.#disk = place.disk;
    this.#directory = place.directory;
    this.#lock = place.lock;
    this.#options = options;
    this.#closedKeptCount = options.closedKeptCount;
    this.#closed = [...found.closed];
    this.#open = [...found.open];
    this.#ackedLsn = ackedLsn;
  }

  /** The directory is created if missing; that its parent is durable is the caller's duty. */
  static async open(disk: Disk, directory: string, options: WalOptions): Promise<OpenedWal> {
    disk.makeDir(directory);
    const lock = disk.lock(joinPath(directory, lockName));
    try {
      const acked = await readAcked(disk, directory);
      const ackedLsn = acked ?? 0;
      const found = findLog(disk, directory);
      const log = found ?? (await createLog(disk, directory, options));
      try {
        checkReach(directory, log, Math.max(ackedLsn, options.appliedLsn));
        await settleTail(disk, directory, log);
        if (options.isNew !== true) {
          // The last life may have ended between a rename and its sync.
          await disk.syncDir(directory);
          await disk.syncDir(parentPath(directory));
        }
      } catch (error) {
        for (const file of log.open) file.close();
        throw error;
      }
      const wal = new Wal({ disk, directory, lock }, options, log, ackedLsn);
      const ackedUnreadable = acked === null;
      return { wal, tail: { created: found === null, cut: log.cut, ackedUnreadable } };
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The oldest record that can still be read; `lastLsn + 1` when there is none. */
  get firstLsn(): Lsn {
    return this.#closed[0]?.firstLsn ?? this.#open[0]?.firstLsn ?? this.lastLsn + 1;
  }

  get lastLsn(): Lsn {
    return this.#active.lastLsn;
  }

  /** Everything up to here is on stable storage. 0 until the first sync after opening. */
  get durableLsn(): Lsn {
    return this.#durableLsn;
  }

  /** Replay starts behind this one. */
  get ackedLsn(): Lsn {
    return this.#ackedLsn;
  }

  /** Why the log takes nothing more, or `null`. */
  get failure(): Error | null {
    return this.#failure;
  }

  get diskBytes(): number {
    return sum(this.#closed, (file) => file.bytes) + sum(this.#open, (file) => file.endBytes);
  }

  /** For a while keep more, or again fewer, acknowledged closed files. */
  keepClosed(count: number): void {
    assert(Number.isSafeInteger(count) && count >= 0, `keep ${count} closed files`);
    this.#closedKeptCount = count;
  }

  /** Returns the number of the record. See `appendBatch`. */
  append(payload: Uint8Array): Lsn {
    return this.appendBatch([payload]);
  }

  /**
   * Hands the records to the kernel in one write and returns the number of the first; the others
   * follow it. Throws `DiskError` when the disk is full or fails: then none of them is in the log.
   */
  appendBatch(payloads: readonly Uint8Array[]): Lsn {
    if (this.#failure !== null) throw this.#failure;
    assert(payloads.length > 0, 'an append without a record');
    const firstLsn = this.lastLsn + 1;
    assert(Number.isSafeInteger(firstLsn + payloads.length), `log number ${firstLsn} is too large`);
    if (this.#isFull(payloads)) this.#roll();
    try {
      this.#active.append(payloads, this.#durableLsn);
    } catch (error) {
      if (error instanceof RestoreFailedError) this.#failure = error;
      throw error;
    }
    return firstLsn;
  }

  /** Everything appended before the call is on stable storage when this resolves. */
  async sync(): Promise<void> {
    const wantedLsn = this.lastLsn;
    // The round that runs now may have begun before our append; the one after it covers us.
    while (this.#durableLsn < wantedLsn) {
      if (this.#failure !== null) throw this.#failure;
      this.#syncRound ??= this.#runSyncRound();
      await this.#syncRound;
    }
  }

  /** Records from `lsn` to the last one there is when the reader gets there. */
  *readFrom(lsn: Lsn): Generator<WalRecord, void, undefined> {
    const reader = this.openReader(lsn);
    try {
      for (let record = reader.next(); record !== null; record = reader.next()) yield record;
    } finally {
      reader.close();
    }
  }

  /** A reader that can go on after new appends. Its owner closes it. */
  openReader(lsn: Lsn): WalReader {
    const inside = lsn >= this.firstLsn && lsn <= this.lastLsn + 1;
    assert(inside, () => `read from ${lsn} of ${this.firstLsn}…${this.lastLsn}`);
    return new WalReader(this.#disk, (wanted) => this.#chainFileOf(wanted), lsn);
  }

  /**
   * Every record below `lsn` is in the segments: replay will start at `lsn`, and whole files below
   * it, except the newest `closedKeptCount`, are removed.
   */
  truncateBefore(lsn: Lsn): Promise<void> {
    assert(lsn <= this.lastLsn + 1, () => `truncate before ${lsn}, the last is ${this.lastLsn}`);
    const run = this.#acknowledging.then(() => this.#acknowledge(lsn - 1));
    this.#acknowledging = run.catch(() => {});
    return run;
  }

  /** Bytes of the records after `lsn`, at most 256 KiB too many (a whole file if long closed). */
  bytesSince(lsn: Lsn): number {
    const closed = this.#closed.filter((file) => file.lastLsn > lsn);
    const open = this.#open.filter((file) => file.lastLsn > lsn);
    return (
      sum(closed, (file) => file.bytes) +
      sum(open, (file) => file.endBytes - file.positionBefore(lsn + 1).offset)
    );
  }

  /** Waits for running syncs; does not begin one. */
  async close(): Promise<void> {
    await this.#acknowledging;
    await Promise.allSettled([this.#syncRound]);
    this.#failure ??= new DiskError('closed', this.#directory, 'the log is closed');
    for (const file of this.#open) file.close();
    this.#lock.release();
  }

  get #active(): RecordFile {
    const active = this.#open.at(-1);
    assert(active !== undefined, 'a log without a file');
    return active;
  }

  #isFull(payloads: readonly Uint8Array[]): boolean {
    const active = this.#active;
    if (active.lastLsn < active.firstLsn) return false;
    const bytes = sum(payloads, (payload) => recordHeaderBytes + payload.length);
    return active.endBytes + bytes > this.#options.capacityBytes;
  }

  #roll(): void {
    const full = this.#active;
    const firstLsn = full.lastLsn + 1;
    const path = joinPath(this.#directory, walFileName(firstLsn, pendingSuffix));
    const next = RecordFile.create(this.#disk, path, {
      firstLsn,
      previousFirstLsn: full.firstLsn,
      previousChecksum: full.lastChecksum,
    });
    this.#open.push(next);
    // Bounds what is not synced; a failure is kept in `#failure` and meets the next caller.
    this.sync().catch(() => {});
  }

  async #runSyncRound(): Promise<void> {
    try {
      const files = [...this.#open];
      let durableLsn = this.#durableLsn;
      for (const file of files) {
        durableLsn = file.lastLsn;
        await this.#orFail(file.sync());
        await this.#seal(file);
      }
      this.#durableLsn = durableLsn;
      this.#closeSynced();
    } finally {
      this.#syncRound = null;
    }
  }

  /**
   * Gives a file its final name. The one before it is on stable storage, and so is its own header:
   * a file under its final name always has one.
   */
  async #seal(file: RecordFile): Promise<void> {
    if (!file.path.endsWith(pendingSuffix)) return;
    const path = joinPath(this.#directory, walFileName(file.firstLsn, sealedSuffix));
    this.#disk.rename(file.path, path);
    file.path = path;
    await this.#orFail(this.#disk.syncDir(this.#directory));
  }

  /** A sync that failed must not be tried again: what it should have saved may be gone. */
  async #orFail(sync: Promise<void>): Promise<void> {
    try {
      await sync;
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  #closeSynced(): void {
    while (this.#open.length > 1) {
      const [file] = this.#open;
      if (file === undefined || file.syncedBytes < file.endBytes) return;
      // The successor must have its final name, or it could be taken for a torn tail.
      if (this.#open[1]?.path.endsWith(pendingSuffix) === true) return;
      this.#open.shift();
      this.#closed.push({
        path: file.path,
        firstLsn: file.firstLsn,
        lastLsn: file.lastLsn,
        bytes: file.endBytes,
      });
      file.close();
    }
  }

  async #acknowledge(lsn: Lsn): Promise<void> {
    if (lsn > this.#ackedLsn) {
      // Else a power loss could leave a log that ends before what is acknowledged.
      await this.sync();
      await writeAcked(this.#disk, this.#directory, lsn);
      this.#ackedLsn = lsn;
    }
    await this.#dropAcknowledged();
  }

  /** Oldest first and one by one, so that a crash never leaves a hole. */
  async #dropAcknowledged(): Promise<void> {
    const acknowledged = this.#closed.filter((file) => file.lastLsn <= this.#ackedLsn);
    const dropCount = Math.max(0, acknowledged.length - this.#closedKeptCount);
    for (let dropped = 0; dropped < dropCount; dropped += 1) {
      const file = this.#closed.shift();
      assert(file !== undefined, 'a closed file vanished');
      this.#disk.remove(file.path);
      await this.#disk.syncDir(this.#directory);
    }
  }

  #chainFileOf(lsn: Lsn): ChainFile | null {
    if (lsn > this.lastLsn) return null;
    const closed = this.#closed.find((file) => lsn >= file.firstLsn && lsn <= file.lastLsn);
    if (closed !== undefined) {
      const { path, bytes, lastLsn } = closed;
      return {
        path,
        endBytes: () => bytes,
        lastLsn: () => lastLsn,
        positionBefore: () => null,
      };
    }
    const open = this.#open.find((file) => lsn >= file.firstLsn && lsn <= file.lastLsn);
    if (open === undefined) {
      throw new DiskError('not_found', this.#directory, `record ${lsn} was dropped from the log`);
    }
    return {
      path: open.path,
      endBytes: () => open.endBytes,
      lastLsn: () => open.lastLsn,
      positionBefore: (wanted) => open.positionBefore(wanted),
    };
  }
}

/** A new log; its header is durable before it gets its final name. */
/** An empty log in a directory that counts only once the file that is returned is synced. */
export function createWal(disk: Disk, directory: string): RecordFile {
  disk.makeDir(directory);
  const path = joinPath(directory, walFileName(1, sealedSuffix));
  return RecordFile.create(disk, path, { firstLsn: 1, previousFirstLsn: 0, previousChecksum: 0 });
}

async function createLog(disk: Disk, directory: string, options: WalOptions): Promise<FoundLog> {
  if (!options.createIfMissing) {
    const reason = `no log here, but records up to ${options.appliedLsn} were written`;
    throw new CorruptFileError(directory, 0, reason);
  }
  const firstLsn = options.appliedLsn + 1;
  const path = joinPath(directory, walFileName(firstLsn, pendingSuffix));
  const header = { firstLsn, previousFirstLsn: 0, previousChecksum: 0 };
  const file = RecordFile.create(disk, path, header);
  try {
    await file.sync();
    file.path = joinPath(directory, walFileName(firstLsn, sealedSuffix));
    disk.rename(path, file.path);
  } catch (error) {
    file.close();
    throw error;
  }
  return { closed: [], open: [file], cut: null, dropped: [] };
}

/** The log must hold every record from the first one to replay to the last one applied. */
function checkReach(directory: string, log: FoundLog, appliedLsn: Lsn): void {
  const firstLsn = log.closed[0]?.firstLsn ?? log.open[0]?.firstLsn ?? 0;
  const lastLsn = log.open.at(-1)?.lastLsn ?? 0;
  if (firstLsn <= appliedLsn + 1 && lastLsn >= appliedLsn) return;
  const reason = `records ${firstLsn}…${lastLsn} found, but ${appliedLsn} were applied`;
  throw new CorruptFileError(directory, 0, reason);
}

function sum<Item>(items: readonly Item[], sizeOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + sizeOf(item), 0);
}
