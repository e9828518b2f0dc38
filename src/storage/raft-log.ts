// What a peer of a Raft group must not forget: its term and vote, its log, and the snapshot before
// the log. Records as in a shard's log, one per save, so that a crash leaves all of a save or none.
//
//   save              one record behind the last one; one write, one fdatasync
//   compact, install  a new snapshot and a new log file, which take the place of the old ones at
//                     one rename (raft-log-files.ts); then the old ones are removed
//
// Invariants: those of raft-log-content.ts; calls never overlap; one owner per directory. After a
// failed sync the log is not usable. How it is found again: raft-log-open.ts.
import { assert } from '../base/assert.ts';
import { ByteWriter } from '../base/bytes.ts';
import { type Disk, DiskError, type DiskLock, type Logger } from '../io/ports.ts';
import { type Entry, entryBytes, type HardState, type Snapshot } from '../raft/messages.ts';
import { joinPath, parentPath } from './file-path.ts';
import { type RaftLogGroup, writeGroup, writeStart } from './raft-log-codec.ts';
import { faultBetween, newHardState, noBase, RaftLogContent } from './raft-log-content.ts';
import {
  commitLogFile,
  newestLog,
  prepareLogFile,
  raftSnapshotPath,
  removeAttempt,
  removeIfThere,
  type SavedSnapshot,
  saveSnapshot,
  sweepLeftovers,
} from './raft-log-files.ts';
import { type FoundRaftLog, findRaftLog } from './raft-log-open.ts';
import type { Lsn, RecordFile, RecordFileHeader } from './record-file.ts';

/** What was found when the log was opened; a new one is empty. */
export interface RaftLogSaved {
  readonly hardState: HardState;
  readonly snapshot: Snapshot | null;
  /** From `snapshot.index + 1`, or 1, without a gap. */
  readonly entries: readonly Entry[];
}

export interface RaftLogBatch extends RaftLogGroup {
  /** On stable storage before `save` resolves, with everything saved before. */
  readonly mustSync: boolean;
}

interface RaftLogPlace {
  readonly disk: Disk;
  readonly log: Logger;
  readonly directory: string;
  readonly lock: DiskLock;
}

const lockName = 'lock';
const firstHeader: RecordFileHeader = { firstLsn: 1, previousFirstLsn: 0, previousChecksum: 0 };
/** Entries that are carried over to a new file are split into records of about this size. */
const carriedBytes = 1 << 20;
const keptBufferBytes = 1 << 20;

export class RaftLog {
  readonly #place: RaftLogPlace;
  #file: RecordFile;
  #content: RaftLogContent;
  #snapshotFile: SavedSnapshot | null;
  #durableLsn: Lsn;
  #writer = new ByteWriter();
  #failure: Error | null = null;
  #busy = false;
  #closed = false;

  private constructor(place: RaftLogPlace, found: FoundRaftLog) {
    this.#place = place;
    this.#file = found.file;
    this.#content = found.content;
    this.#snapshotFile = found.snapshotFile;
    this.#durableLsn = found.file.lastLsn;
  }

  /**
   * Creates the directory and an empty log where there is none; that the parent is durable is the
   * caller's duty. A torn tail is cut off. Throws `CorruptFileError` for damage before the tail.
   */
  static async open(
    options: { readonly directory: string },
    ports: { readonly disk: Disk; readonly log: Logger },
  ): Promise<{ readonly log: RaftLog; readonly saved: RaftLogSaved }> {
    const { directory } = options;
    const { disk, log } = ports;
    disk.makeDir(directory);
    const lock = disk.lock(joinPath(directory, lockName));
    try {
      const found = (await findRaftLog(ports, directory)) ?? (await createLog(disk, directory));
      try {
        await disk.syncDir(parentPath(directory));
        const names = sweepLeftovers(disk, directory, found.file.firstLsn);
        if (names.length > 0) log.info('left over from a crash, removed', { directory, names });
      } catch (error) {
        found.file.close();
        throw error;
      }
      const { hardState, entries } = found.content;
      const saved = { hardState, snapshot: found.snapshot, entries: [...entries] };
      return { log: new RaftLog({ disk, log, directory, lock }, found), saved };
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Is there a log, so that this peer may have promised something? */
  static exists(disk: Disk, directory: string): boolean {
    return newestLog(disk, directory) !== null;
  }

  /**
   * One write and, with `mustSync`, one fdatasync. The first entry replaces what is there at its
   * index and after it. When the disk refuses the write, nothing of the batch is in the log.
   */
  save(batch: RaftLogBatch): Promise<void> {
    return this.#alone(async () => {
      if (batch.hardState !== null || batch.entries.length > 0) this.#append(batch);
      if (batch.mustSync && this.#durableLsn < this.#file.lastLsn) await this.#sync();
    });
  }

  /**
   * A snapshot from the leader: the whole log becomes it, and goes on after it. Of `hardState` the
   * term and the vote are kept: nothing but the snapshot is committed in the log that is left.
   */
  installSnapshot(snapshot: Snapshot, hardState: HardState): Promise<void> {
    return this.#alone(async () => {
      const before = { ...this.#content.hardState, commitIndex: 0 };
      const after = { ...hardState, commitIndex: snapshot.index };
      const fault = faultBetween(before, after);
      assert(fault === null, () => `snapshot ${snapshot.index}: ${fault}`);
      assert(snapshot.term <= after.term, () => `snapshot of ${snapshot.term} in ${after.term}`);
      await this.#restart(snapshot, after, []);
    });
  }

  /** An own snapshot of what is applied; entries after it stay, those up to it go. */
  compact(snapshot: Snapshot): Promise<void> {
    return this.#alone(async () => {
      const term = this.#content.termAt(snapshot.index);
      const fits = term === snapshot.term;
      assert(fits, () => `snapshot ${snapshot.index} of ${snapshot.term}, the log has ${term}`);
      const { hardState } = this.#content;
      const commitIndex = Math.max(hardState.commitIndex, snapshot.index);
      const entries = this.#content.entriesAfter(snapshot.index);
      await this.#restart(snapshot, { ...hardState, commitIndex }, entries);
    });
  }

  /** On disk, log and snapshot together. */
  bytes(): number {
    return this.#file.endBytes + (this.#snapshotFile?.bytes ?? 0);
  }

  /** Does not sync what was saved without `mustSync`. */
  close(): Promise<void> {
    assert(!this.#busy, 'the log is closed while it works');
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    const { directory, lock } = this.#place;
    this.#failure ??= new DiskError('closed', directory, 'the log is closed');
    this.#file.close();
    lock.release();
    return Promise.resolve();
  }

  async #alone(action: () => Promise<void>): Promise<void> {
    assert(!this.#busy, 'two calls of one Raft log at once');
    if (this.#failure !== null) throw this.#failure;
    this.#busy = true;
    try {
      await action();
    } finally {
      this.#busy = false;
    }
  }

  #append(group: RaftLogGroup): void {
    const fault = this.#content.faultIn(group);
    assert(fault === null, () => `saved in a Raft log: ${fault}`);
    const writer = this.#writer;
    writer.reset();
    writeGroup(writer, group);
    try {
      this.#file.append([writer.view()], this.#durableLsn);
    } catch (error) {
      // After any other failure the file is as it was before.
      if (!(error instanceof DiskError) || error.kind === 'closed') this.#fail(error);
      throw error;
    }
    this.#content.take(group);
    if (writer.length > keptBufferBytes) this.#writer = new ByteWriter();
  }

  async #sync(): Promise<void> {
    const { lastLsn } = this.#file;
    try {
      await this.#file.sync();
    } catch (error) {
      throw this.#fail(error);
    }
    this.#durableLsn = lastLsn;
  }

  /** The log becomes the snapshot and these entries. */
  async #restart(snapshot: Snapshot, hardState: HardState, entries: readonly Entry[]) {
    const { disk, directory } = this.#place;
    const { index, term } = snapshot;
    assert(index >= 1, () => `a snapshot at ${index}`);
    const content = new RaftLogContent({ ...hardState, commitIndex: index }, { index, term });
    const groups = carriedGroups(entries, hardState);
    const payloads = startPayloads(content, groups);
    for (const group of groups) {
      const fault = content.faultIn(group);
      assert(fault === null, () => `carried over in a Raft log: ${fault}`);
      content.take(group);
    }
    const before = { file: this.#file, snapshotFile: this.#snapshotFile };
    const next = await this.#prepare(snapshot, payloads);
    this.#file = next.file;
    this.#snapshotFile = next.snapshotFile;
    this.#content = content;
    this.#durableLsn = next.file.lastLsn;
    before.file.close();
    try {
      await commitLogFile(disk, directory, next.file);
    } catch (error) {
      // Nobody knows which of the two files a power loss would leave.
      throw this.#fail(error);
    }
    this.#removeOld([before.file.path, before.snapshotFile?.path]);
  }

  /** The next pair of files, durable and not yet the log. */
  async #prepare(
    snapshot: Snapshot,
    payloads: readonly Uint8Array[],
  ): Promise<{ readonly file: RecordFile; readonly snapshotFile: SavedSnapshot }> {
    const { disk, directory } = this.#place;
    const header: RecordFileHeader = {
      firstLsn: this.#file.lastLsn + 1,
      previousFirstLsn: this.#file.firstLsn,
      previousChecksum: this.#file.lastChecksum,
    };
    try {
      const path = raftSnapshotPath(directory, header.firstLsn);
      const snapshotFile = await saveSnapshot(disk, path, snapshot);
      return { file: await prepareLogFile(disk, directory, header, payloads), snapshotFile };
    } catch (error) {
      this.#giveUp(header.firstLsn, error);
      throw error;
    }
  }

  /** A full disk leaves the log as it was; it may be tried again. */
  #giveUp(firstLsn: Lsn, error: unknown): void {
    if (!(error instanceof DiskError) || error.kind !== 'no_space') {
      this.#fail(error);
      return;
    }
    const { disk, directory, log } = this.#place;
    try {
      removeAttempt(disk, directory, firstLsn);
    } catch (removal) {
      if (!(removal instanceof DiskError)) throw removal;
      log.warn('the remains of a snapshot could not be removed', { error: removal.message });
    }
  }

  /** They mean nothing any more; what can't be removed now is removed when the log is opened. */
  #removeOld(paths: readonly (string | undefined)[]): void {
    const { disk, log } = this.#place;
    for (const path of paths) {
      if (path === undefined) continue;
      try {
        removeIfThere(disk, path);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        log.warn('an old file of the Raft log could not be removed', { error: error.message });
      }
    }
  }

  #fail(error: unknown): Error {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    return this.#failure;
  }
}

async function createLog(disk: Disk, directory: string): Promise<FoundRaftLog> {
  const content = new RaftLogContent(newHardState, noBase);
  const file = await prepareLogFile(disk, directory, firstHeader, startPayloads(content, []));
  try {
    await commitLogFile(disk, directory, file);
  } catch (error) {
    file.close();
    throw error;
  }
  return { file, content, snapshot: null, snapshotFile: null };
}

/** The records a file begins with. `content` is as it is before the groups. */
function startPayloads(content: RaftLogContent, groups: readonly RaftLogGroup[]): Uint8Array[] {
  const { hardState, base } = content;
  const start = new ByteWriter();
  writeStart(start, {
    hardState,
    base: base.index === 0 ? null : base,
    sealedCount: 1 + groups.length,
  });
  const payloads = [start.toBytes()];
  for (const group of groups) {
    const writer = new ByteWriter();
    writeGroup(writer, group);
    payloads.push(writer.toBytes());
  }
  return payloads;
}

/** The hard state goes with the last one: what is committed must be there before. */
function carriedGroups(entries: readonly Entry[], hardState: HardState): readonly RaftLogGroup[] {
  if (entries.length === 0) return [];
  const groups: RaftLogGroup[] = [];
  let chunk: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    chunk.push(entry);
    bytes += entryBytes(entry);
    if (bytes < carriedBytes) continue;
    groups.push({ hardState: null, entries: chunk });
    chunk = [];
    bytes = 0;
  }
  groups.push({ hardState, entries: chunk });
  return groups;
}
