// Any storage file in words, for people: what `bin/inspect.ts` prints. Reads only, takes no lock,
// so it may look at a live directory. Damage is described, not thrown.
import { type Disk, DiskError, type DiskFile } from '../io/ports.ts';
import type { Entry } from '../raft/messages.ts';
import { decodeAtomic, magicText, readFile } from './atomic-file.ts';
import { verifyColumn } from './column-file.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { joinPath } from './file-path.ts';
import { decodeManifest, manifestMagic } from './manifest.ts';
import {
  decodeRaftLogRecord,
  decodeSnapshot,
  isRaftLogRecord,
  type RaftLogRecord,
} from './raft-log-codec.ts';
import { atomicHeaderBytes, decodeInFile, raftSnapshotMagic } from './raft-log-files.ts';
import { fileHeaderBytes, RecordReader, readFileHeader, recordHeaderBytes } from './record-file.ts';
import { ackedMagic, decodeAcked } from './wal-acked.ts';

/** A few words about the content of a log record. */
export type DescribePayload = (payload: Uint8Array) => string;

/** Lines about the file, or about every file below the directory. */
export async function* describePath(
  disk: Disk,
  path: string,
  describePayload: DescribePayload,
): AsyncGenerator<string, void, undefined> {
  const entries = directoryEntries(disk, path);
  if (entries === null) {
    yield* describeFile(disk, path, describePayload);
    return;
  }
  for (const entry of entries) {
    if (entry.kind === 'other') continue;
    yield* describePath(disk, joinPath(path, entry.name), describePayload);
  }
}

async function* describeFile(
  disk: Disk,
  path: string,
  describePayload: DescribePayload,
): AsyncGenerator<string, void, undefined> {
  try {
    const file = disk.open(path, 'read');
    try {
      const head = new Uint8Array(4);
      const count = file.readNow(0, head);
      const magic = magicText(head.subarray(0, count));
      yield `${path}: ${file.size()} bytes`;
      if (magic === 'OCTW') yield* describeRecords(file, describePayload);
      else if (magic === 'OCTC') yield await describeColumn(disk, path);
      else yield* describeOther(path, magic, await readFile(disk, path));
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof DiskError)) throw error;
    yield `  ${error.message}`;
  }
}

function* describeRecords(file: DiskFile, describePayload: DescribePayload): Generator<string> {
  const header = readFileHeader(file);
  const previous = header.previousFirstLsn;
  const follows = previous === 0 ? '' : `, follows the file of record ${previous}`;
  yield `  log from record ${header.firstLsn}${follows}`;
  const start = { lsn: header.firstLsn, offset: fileHeaderBytes, checksum: header.checksum };
  const reader = new RecordReader(file, start);
  const endBytes = file.size();
  for (;;) {
    const { offset } = reader.position;
    const step = reader.next(endBytes);
    if (step.kind === 'end') return;
    if (step.kind === 'bad') {
      yield `  at ${offset}: ${step.reason}; ${endBytes - offset} bytes from here are no records`;
      return;
    }
    const { lsn, payload, durableLsn } = step;
    const words = isRaftLogRecord(payload)
      ? describeRaftLogRecord(file.path, offset, payload)
      : describePayload(payload);
    yield `  record ${lsn} at ${offset}: ${payload.length} bytes, durable to ${durableLsn}, ${words}`;
  }
}

function describeRaftLogRecord(path: string, offset: number, payload: Uint8Array): string {
  const startAt = offset + recordHeaderBytes;
  const record = decodeInFile(path, startAt, () => decodeRaftLogRecord(payload));
  const words: string[] = [];
  if (record.hardState !== null) {
    const { term, vote, commitIndex } = record.hardState;
    words.push(`term ${term}, vote ${vote ?? 'none'}, commit ${commitIndex}`);
  }
  words.push(record.kind === 'start' ? wordsOfBase(record) : wordsOfEntries(record.entries));
  return `Raft: ${words.filter((word) => word !== '').join(', ')}`;
}

function wordsOfBase({ base, sealedCount }: RaftLogRecord & { readonly kind: 'start' }): string {
  const follows = base === null ? 'no snapshot' : `snapshot ${base.index} of term ${base.term}`;
  return `${follows} before, begins with records: ${sealedCount}`;
}

function wordsOfEntries(entries: readonly Entry[]): string {
  const words = entries.map(({ kind, index, term, data }) => {
    return `${kind} ${index} of term ${term} (${data.length} bytes)`;
  });
  return words.join(', ');
}

function describeSnapshot(path: string, body: Uint8Array): string {
  const snapshot = decodeInFile(path, atomicHeaderBytes, () => decodeSnapshot(body));
  const { index, term, membership, data } = snapshot;
  const { leavesByItself, ...lists } = membership;
  const members = Object.entries(lists)
    .filter(([, ids]) => ids.length > 0)
    .map(([name, ids]) => `${name} ${ids.join(' ')}`);
  if (leavesByItself) members.push('leaves by itself');
  return `snapshot ${index} of term ${term}: ${data.length} bytes, ${members.join(', ')}`;
}

async function describeColumn(disk: Disk, path: string): Promise<string> {
  const { kind, dataBytes } = await verifyColumn(disk, path);
  return `  column ${kind}: ${dataBytes} bytes, all checksums hold`;
}

function* describeOther(path: string, magic: string, bytes: Uint8Array | null): Generator<string> {
  if (bytes === null || bytes.length === 0) return;
  if (!/^OCT[A-Z]$/.test(magic)) {
    yield bytes[0] === 0x7b ? indented(new TextDecoder().decode(bytes)) : '  not a file of Octant';
    return;
  }
  const { version, body } = decodeAtomic(path, bytes, magic);
  yield `  ${magic} version ${version}: ${body.length} bytes, checksum holds`;
  if (magic === ackedMagic) yield `  acknowledged up to record ${decodeAcked(body)}`;
  if (magic === raftSnapshotMagic) yield `  ${describeSnapshot(path, body)}`;
  if (magic !== manifestMagic) return;
  yield indented(JSON.stringify(decodeManifest(path, body), null, 2));
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '  ');
}

/** `null` for a path that is no directory. */
function directoryEntries(disk: Disk, path: string): ReturnType<Disk['list']> | null {
  try {
    return disk.list(path);
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'not_found') return null;
    throw error;
  }
}
