// The files of a Raft log's directory and how each comes to its name:
//
//   raft-<first lsn>.log       the records; the one with the highest number is the log
//   snapshot-<first lsn>       the state before them; missing when the log begins at index 1
//
// Everything else of these names is left over from a crash. A log file gets its name only when its
// snapshot and all it begins with are on stable storage: that rename puts the new pair in the place
// of the old one.
import { ByteWriter, CorruptBytesError } from '../base/bytes.ts';
import { type Disk, DiskError } from '../io/ports.ts';
import type { Snapshot } from '../raft/messages.ts';
import { readAtomic, writeAtomic } from './atomic-file.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { joinPath } from './file-path.ts';
import { decodeSnapshot, writeSnapshot } from './raft-log-codec.ts';
import { type Lsn, RecordFile, type RecordFileHeader } from './record-file.ts';

export const raftSnapshotMagic = 'OCTR';
const snapshotVersion = 1;
/** Of a replaced file; its content stands behind it. */
export const atomicHeaderBytes = 20;
const snapshotOverheadBytes = 256;
const temporarySuffix = '.tmp';
const logName = /^raft-(\d{20})\.log$/;
const ownName = /^(?:raft-\d{20}\.log|snapshot-\d{20})(?:\.tmp)?$/;

export interface SavedSnapshot {
  readonly path: string;
  readonly bytes: number;
}

export function raftLogPath(directory: string, firstLsn: Lsn): string {
  return joinPath(directory, `raft-${digits(firstLsn)}.log`);
}

export function raftSnapshotPath(directory: string, firstLsn: Lsn): string {
  return joinPath(directory, `snapshot-${digits(firstLsn)}`);
}

/** Number of the newest log file; `null` when there is none, or no directory. */
export function newestLog(disk: Disk, directory: string): Lsn | null {
  if (!disk.exists(directory)) return null;
  const numbers = disk.list(directory).map(({ name }) => Number(logName.exec(name)?.[1] ?? 0));
  const newest = Math.max(0, ...numbers);
  return newest === 0 ? null : newest;
}

/** Writes a log file with its first records, durably, under a name that does not count yet. */
export async function prepareLogFile(
  disk: Disk,
  directory: string,
  header: RecordFileHeader,
  payloads: readonly Uint8Array[],
): Promise<RecordFile> {
  const path = raftLogPath(directory, header.firstLsn) + temporarySuffix;
  const file = RecordFile.create(disk, path, header);
  try {
    file.append(payloads, 0);
    await file.sync();
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** From here on it is the log. */
export async function commitLogFile(disk: Disk, directory: string, file: RecordFile) {
  const path = raftLogPath(directory, file.firstLsn);
  disk.rename(file.path, path);
  file.path = path;
  await disk.syncDir(directory);
}

export async function saveSnapshot(
  disk: Disk,
  path: string,
  snapshot: Snapshot,
): Promise<SavedSnapshot> {
  const writer = new ByteWriter(snapshot.data.length + snapshotOverheadBytes);
  writeSnapshot(writer, snapshot);
  const body = writer.view();
  await writeAtomic(disk, path, { magic: raftSnapshotMagic, version: snapshotVersion, body });
  return { path, bytes: atomicHeaderBytes + body.length };
}

export async function loadSnapshot(
  disk: Disk,
  path: string,
): Promise<SavedSnapshot & { readonly snapshot: Snapshot }> {
  const content = await readAtomic(disk, path, raftSnapshotMagic);
  if (content === null) throw new CorruptFileError(path, 0, 'missing, but the log follows it');
  if (content.version !== snapshotVersion) {
    const reason = `format version ${content.version}, expected ${snapshotVersion}`;
    throw new CorruptFileError(path, 4, reason);
  }
  const { body } = content;
  const snapshot = decodeInFile(path, atomicHeaderBytes, () => decodeSnapshot(body));
  return { path, bytes: atomicHeaderBytes + body.length, snapshot };
}

/** Removes what a crash left over; `number` is the log's. Returns the names. */
export function sweepLeftovers(disk: Disk, directory: string, number: Lsn): readonly string[] {
  const kept = [raftLogPath(directory, number), raftSnapshotPath(directory, number)];
  const names = disk
    .list(directory)
    .map((entry) => entry.name)
    .filter((name) => ownName.test(name) && !kept.includes(joinPath(directory, name)));
  for (const name of names) removeIfThere(disk, joinPath(directory, name));
  return names;
}

/** Some of the names may not have come into being. */
export function removeIfThere(disk: Disk, path: string): void {
  try {
    disk.remove(path);
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'not_found') return;
    throw error;
  }
}

/** What an attempt at the pair `number` has left behind; it may be as little as nothing. */
export function removeAttempt(disk: Disk, directory: string, number: Lsn): void {
  removeIfThere(disk, raftLogPath(directory, number) + temporarySuffix);
  removeIfThere(disk, raftSnapshotPath(directory, number));
}

/** A snapshot without any log file is damage: a log has one from its beginning. */
export function hasSnapshot(disk: Disk, directory: string): boolean {
  return disk.list(directory).some(({ name }) => /^snapshot-\d{20}$/.test(name));
}

function digits(firstLsn: Lsn): string {
  return String(firstLsn).padStart(20, '0');
}

/** Says in which file bytes are corrupt; `startAt` is where the decoder's bytes begin in it. */
export function decodeInFile<Value>(path: string, startAt: number, decode: () => Value): Value {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof CorruptBytesError)) throw error;
    throw new CorruptFileError(path, startAt + error.offset, error.message, { cause: error });
  }
}
