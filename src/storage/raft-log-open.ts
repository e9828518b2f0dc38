// Finds the Raft log in a directory, checks every record of it, and makes the disk agree with what
// was found before anybody acts on it.
//
// A bad record is a torn tail if nothing says that it ever was on stable storage: the log is cut
// there. It is damage, and nothing is changed, if
//   - it is one of those the file began with, which were synced before the file got its name, or
//   - a good record behind it says that it had been synced (every record says how far the log was).
// Damage of the very last record can't be told from a torn tail: nothing is behind it.
import type { Disk, Logger } from '../io/ports.ts';
import type { Snapshot } from '../raft/messages.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { decodeRaftLogRecord, type RaftLogStart } from './raft-log-codec.ts';
import { noBase, RaftLogContent } from './raft-log-content.ts';
import { witnessBehind } from './raft-log-damage.ts';
import {
  atomicHeaderBytes,
  decodeInFile,
  hasSnapshot,
  loadSnapshot,
  newestLog,
  raftLogPath,
  raftSnapshotPath,
  type SavedSnapshot,
} from './raft-log-files.ts';
import {
  type Lsn,
  type RecordFault,
  RecordFile,
  RecordReader,
  recordHeaderBytes,
} from './record-file.ts';

export interface FoundRaftLog {
  readonly file: RecordFile;
  readonly content: RaftLogContent;
  readonly snapshot: Snapshot | null;
  readonly snapshotFile: SavedSnapshot | null;
}

interface LogPorts {
  readonly disk: Disk;
  readonly log: Logger;
}

/** `null` when the directory holds no log. On stable storage is what is returned, then the sync. */
export async function findRaftLog(
  ports: LogPorts,
  directory: string,
): Promise<FoundRaftLog | null> {
  const { disk } = ports;
  const number = newestLog(disk, directory);
  if (number === null) {
    if (!hasSnapshot(disk, directory)) return null;
    throw new CorruptFileError(directory, 0, 'a snapshot, but no log');
  }
  const file = RecordFile.open(disk, raftLogPath(directory, number));
  try {
    return await checkedLog(ports, directory, number, file);
  } catch (error) {
    file.close();
    throw error;
  }
}

async function checkedLog(
  ports: LogPorts,
  directory: string,
  number: Lsn,
  file: RecordFile,
): Promise<FoundRaftLog> {
  const { disk } = ports;
  if (file.firstLsn !== number) {
    throw new CorruptFileError(file.path, 8, `the file begins with record ${file.firstLsn}`);
  }
  const fault = file.scan();
  const { content, start } = readContent(disk, file, fault);
  if (fault !== null) checkTorn(disk, file, fault);
  const loaded =
    start.base === null ? null : await loadSnapshot(disk, raftSnapshotPath(directory, number));
  if (loaded !== null) checkPosition(loaded, content);
  // What the last life wrote and did not sync is acted upon from here on as if it were saved.
  if (fault === null) await file.sync();
  else await cut(ports.log, file, fault);
  await disk.syncDir(directory);
  return { file, content, snapshot: loaded?.snapshot ?? null, snapshotFile: loaded };
}

function readContent(
  disk: Disk,
  file: RecordFile,
  fault: RecordFault | null,
): { readonly content: RaftLogContent; readonly start: RaftLogStart } {
  const handle = disk.open(file.path, 'read');
  try {
    const reader = new RecordReader(handle, file.positionBefore(file.firstLsn));
    const start = readStart(reader, file, fault);
    const sealedLsn = file.firstLsn + start.sealedCount - 1;
    if (file.lastLsn < sealedLsn) {
      const reason = fault?.reason ?? `the file ends before record ${sealedLsn}`;
      throw new CorruptFileError(file.path, file.endBytes, `${reason}; it was complete once`);
    }
    const content = new RaftLogContent(start.hardState, start.base ?? noBase);
    while (readGroup(reader, file, content)) continue;
    return { content, start };
  } finally {
    handle.close();
  }
}

function readStart(reader: RecordReader, file: RecordFile, fault: RecordFault | null) {
  const { offset } = reader.position;
  const step = reader.next(file.endBytes);
  if (step.kind !== 'record') {
    const reason = fault?.reason ?? 'the file ends before its first record';
    throw new CorruptFileError(file.path, offset, reason);
  }
  const record = decodeAt(file, offset, step.payload);
  if (record.kind !== 'start') {
    throw new CorruptFileError(file.path, offset, 'the first record says nothing of the log');
  }
  const { commitIndex } = record.hardState;
  const baseIndex = record.base?.index ?? 0;
  if (commitIndex === baseIndex) return record;
  const reason = `a beginning at ${baseIndex} with commit ${commitIndex}`;
  throw new CorruptFileError(file.path, offset, reason);
}

/** False at the end. */
function readGroup(reader: RecordReader, file: RecordFile, content: RaftLogContent): boolean {
  const { offset } = reader.position;
  const step = reader.next(file.endBytes);
  if (step.kind === 'end') return false;
  if (step.kind === 'bad') throw new CorruptFileError(file.path, step.offset, step.reason);
  const record = decodeAt(file, offset, step.payload);
  if (record.kind !== 'group') throw new CorruptFileError(file.path, offset, 'a second beginning');
  const fault = content.faultIn(record);
  if (fault !== null) throw new CorruptFileError(file.path, offset, fault);
  content.take(record);
  return true;
}

function decodeAt(file: RecordFile, offset: number, payload: Uint8Array) {
  return decodeInFile(file.path, offset + recordHeaderBytes, () => decodeRaftLogRecord(payload));
}

function checkTorn(disk: Disk, file: RecordFile, fault: RecordFault): void {
  const badLsn = file.lastLsn + 1;
  const witnessAt = fault.wasDurable ? null : witnessBehind(disk, file, badLsn);
  if (!fault.wasDurable && witnessAt === null) return;
  const witness = witnessAt === null ? 'a record behind it' : `the record at byte ${witnessAt}`;
  const reason = `${fault.reason}; it had been saved, says ${witness}`;
  throw new CorruptFileError(file.path, fault.offset, reason);
}

function checkPosition(loaded: SavedSnapshot & { snapshot: Snapshot }, content: RaftLogContent) {
  const { index, term } = loaded.snapshot;
  const { base } = content;
  if (index === base.index && term === base.term) return;
  const reason = `snapshot at ${index} of term ${term}, the log follows ${base.index} of ${base.term}`;
  throw new CorruptFileError(loaded.path, atomicHeaderBytes, reason);
}

async function cut(log: Logger, file: RecordFile, fault: RecordFault): Promise<void> {
  const { offset, reason } = fault;
  log.warn('the end of the Raft log was torn and is cut off', { path: file.path, offset, reason });
  await file.cut();
}
