// Finds the log in a directory: which files belong to it, where it ends, what must be cut.
//
//   wal-<first lsn>.log    part of the log for sure: the file before it is complete and durable
//   wal-<first lsn>.next   begun while the file before it was still being synced
//
// So a bad record in the last `.log` or in a `.next` is a torn tail: it was cut off by a power loss
// or a full disk before anybody was told that it is durable. Anything wrong before that is damage.
import type { Disk } from '../io/ports.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { joinPath } from './file-path.ts';
import { type Lsn, RecordFile, readFileHeader } from './record-file.ts';

export const sealedSuffix = '.log';
export const pendingSuffix = '.next';

/** What had to be cut off the end of the log; the log goes on from `fromLsn`. */
export interface WalCut {
  readonly fromLsn: Lsn;
  readonly path: string;
  readonly offset: number;
  readonly reason: string;
  /**
   * Records behind the bad one say that it had been on stable storage: this is no torn tail but
   * damage, and acknowledged records are lost.
   */
  readonly wasDurable: boolean;
}

export interface ClosedFile {
  readonly path: string;
  readonly firstLsn: Lsn;
  readonly lastLsn: Lsn;
  readonly bytes: number;
}

export interface FoundLog {
  /** Complete files, in order. */
  readonly closed: readonly ClosedFile[];
  /** The last file known to be part of the log and those begun after it; all have a handle. */
  readonly open: readonly RecordFile[];
  readonly cut: WalCut | null;
  /** Begun files that do not follow the end of the log. */
  readonly dropped: readonly string[];
}

interface FileName {
  readonly path: string;
  readonly firstLsn: Lsn;
}

export function walFileName(firstLsn: Lsn, suffix: string): string {
  return `wal-${String(firstLsn).padStart(20, '0')}${suffix}`;
}

/** `null` when the directory holds no log. Changes nothing: see `settleTail`. */
export function findLog(disk: Disk, directory: string): FoundLog | null {
  const sealed = filesWith(disk, directory, sealedSuffix);
  const last = sealed.at(-1);
  if (last === undefined) return null;
  const closed = checkChain(disk, sealed);
  return { closed, ...openTail(disk, last, filesWith(disk, directory, pendingSuffix)) };
}

/** Makes the disk agree with what was found, durably, before anything is appended. */
export async function settleTail(disk: Disk, directory: string, log: FoundLog): Promise<void> {
  if (log.dropped.length > 0) {
    // Last ones first, so that what a crash leaves is still a chain.
    for (const path of log.dropped.toReversed()) disk.remove(path);
    await disk.syncDir(directory);
  }
  if (log.cut !== null) await log.open.at(-1)?.cut();
}

function filesWith(disk: Disk, directory: string, suffix: string): readonly FileName[] {
  const found: FileName[] = [];
  for (const entry of disk.list(directory)) {
    const match = /^wal-(\d{20})\.[a-z]+$/.exec(entry.name);
    if (match === null || !entry.name.endsWith(suffix)) continue;
    found.push({ path: joinPath(directory, entry.name), firstLsn: Number(match[1]) });
  }
  return found.sort((a, b) => a.firstLsn - b.firstLsn);
}

/** Every sealed file must name the one before it; returns all but the last. */
function checkChain(disk: Disk, sealed: readonly FileName[]): readonly ClosedFile[] {
  const closed: ClosedFile[] = [];
  let previous: (FileName & { readonly bytes: number }) | null = null;
  for (const name of sealed) {
    const { header, bytes } = readHeaderAndSize(disk, name.path);
    if (header.firstLsn !== name.firstLsn) {
      throw new CorruptFileError(name.path, 8, `the file begins with record ${header.firstLsn}`);
    }
    if (previous !== null) {
      if (header.previousFirstLsn !== previous.firstLsn) {
        const missing = walFileName(header.previousFirstLsn, sealedSuffix);
        throw new CorruptFileError(name.path, 16, `the file before it, ${missing}, is missing`);
      }
      closed.push({ ...previous, lastLsn: name.firstLsn - 1 });
    }
    previous = { ...name, bytes };
  }
  return closed;
}

function readHeaderAndSize(disk: Disk, path: string) {
  const file = disk.open(path, 'read');
  try {
    return { header: readFileHeader(file), bytes: file.size() };
  } finally {
    file.close();
  }
}

function openTail(
  disk: Disk,
  last: FileName,
  pending: readonly FileName[],
): Omit<FoundLog, 'closed'> {
  const open: RecordFile[] = [];
  try {
    let file = RecordFile.open(disk, last.path);
    open.push(file);
    let cut = scanForCut(file);
    for (const name of pending) {
      if (cut !== null) break;
      const next = openIfFollowing(disk, name, file);
      if (next === null) break;
      open.push(next);
      file = next;
      cut = scanForCut(file);
    }
    const dropped = pending.slice(open.length - 1).map((name) => name.path);
    return { open, dropped, cut };
  } catch (error) {
    for (const file of open) file.close();
    throw error;
  }
}

function scanForCut(file: RecordFile): WalCut | null {
  const fault = file.scan();
  return fault === null ? null : { fromLsn: file.lastLsn + 1, path: file.path, ...fault };
}

/** `null` when the file does not go on exactly where `previous` ends. */
function openIfFollowing(disk: Disk, name: FileName, previous: RecordFile): RecordFile | null {
  let file: RecordFile;
  try {
    file = RecordFile.open(disk, name.path);
  } catch (error) {
    if (error instanceof CorruptFileError) return null;
    throw error;
  }
  const { firstLsn, previousFirstLsn, previousChecksum } = file.header;
  const follows =
    firstLsn === previous.lastLsn + 1 &&
    previousFirstLsn === previous.firstLsn &&
    previousChecksum === previous.lastChecksum;
  if (follows) return file;
  file.close();
  return null;
}
