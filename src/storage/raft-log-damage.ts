// Looks behind a bad record of a Raft log for a witness: a good record which says that the bad one
// had been on stable storage when it was written. `RecordFile.scan` looks only where the lengths of
// bad records lead; this looks at every byte, because the length itself may be what is damaged.
//
// The checksum of a record continues that of the record before, which may be lost, so a candidate
// is judged by its content: its number and what it says of durability fit this place, it is a
// record of a Raft log to its last byte, and it ends the file or is continued by a good record.
import { CorruptBytesError } from '../base/bytes.ts';
import type { Disk, DiskFile } from '../io/ports.ts';
import { decodeRaftLogRecord } from './raft-log-codec.ts';
import {
  type Lsn,
  type RecordFile,
  type RecordPosition,
  RecordReader,
  recordHeaderBytes,
} from './record-file.ts';

const twoPow32 = 2 ** 32;

/** Where the witness stands; `null` when there is none. */
export function witnessBehind(disk: Disk, file: RecordFile, badLsn: Lsn): number | null {
  const handle = disk.open(file.path, 'read');
  try {
    const bytes = new Uint8Array(handle.size() - file.endBytes);
    const count = handle.readNow(file.endBytes, bytes);
    const tail = bytes.subarray(0, count);
    const found = findWitness({ handle, tail, startAt: file.endBytes }, badLsn);
    return found === null ? null : file.endBytes + found;
  } finally {
    handle.close();
  }
}

interface Tail {
  readonly handle: DiskFile;
  readonly tail: Uint8Array;
  readonly startAt: number;
}

function findWitness(source: Tail, badLsn: Lsn): number | null {
  const { tail } = source;
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const lsnMax = badLsn + tail.length / recordHeaderBytes;
  for (let at = 1; at + recordHeaderBytes <= tail.length; at += 1) {
    const lsn = view.getUint32(at + 12, true) * twoPow32 + view.getUint32(at + 8, true);
    if (lsn <= badLsn || lsn > lsnMax) continue;
    const durableLsn = view.getUint32(at + 20, true) * twoPow32 + view.getUint32(at + 16, true);
    if (durableLsn < badLsn || durableLsn >= lsn) continue;
    const payloadBytes = view.getUint32(at + 4, true);
    const end = at + recordHeaderBytes + payloadBytes;
    if (end > tail.length || !isRecord(tail.subarray(at + recordHeaderBytes, end))) continue;
    const checksum = view.getUint32(at, true);
    const next = { lsn: lsn + 1, offset: source.startAt + end, checksum };
    if (end === tail.length || goesOn(source, next)) return at;
  }
  return null;
}

function goesOn(source: Tail, next: RecordPosition): boolean {
  const reader = new RecordReader(source.handle, next);
  return reader.next(source.startAt + source.tail.length).kind === 'record';
}

function isRecord(payload: Uint8Array): boolean {
  try {
    return decodeRaftLogRecord(payload).kind === 'group';
  } catch (error) {
    if (error instanceof CorruptBytesError) return false;
    throw error;
  }
}
