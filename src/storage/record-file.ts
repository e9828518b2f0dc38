// One file of a write-ahead log: a header, then records with consecutive numbers. Every record
// carries a CRC-32C chained to the one before it, so a record is good only if all before it are,
// and bytes left over from an older life of the file can't pass for records.
// Layout, little endian (docs/formats.md):
//   header  magic `OCTW` · version u32 · first lsn u64 · first lsn of the previous file u64 ·
//           checksum of the previous file's last record u32 · header checksum u32
//   record  checksum u32 · payload length u32 · lsn u64 · durable lsn u64 · payload
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { type Disk, DiskError, type DiskFile } from '../io/ports.ts';
import { magicText } from './atomic-file.ts';
import { CorruptFileError } from './corrupt-file.ts';

/** Number of a record in its log; the first record has number 1. Always a safe integer. */
export type Lsn = number;

export const recordFileVersion = 1;
export const recordHeaderBytes = 24;
export const fileHeaderBytes = 32;
const magic = 'OCTW';
const headerChecksumAt = 28;
const readChunkBytes = 1 << 20;
const markIntervalBytes = 1 << 18;
const skippedCountMax = 1000;
const payloadBytesMax = 2 ** 32 - 1;

export interface RecordFileHeader {
  readonly firstLsn: Lsn;
  /** 0 when there was no file before this one. */
  readonly previousFirstLsn: Lsn;
  /** Checksum of the last record before this file; 0 when there was none. */
  readonly previousChecksum: number;
}

/** A place between two records, with what is needed to go on from there. */
export interface RecordPosition {
  /** Number of the record that starts here. */
  readonly lsn: Lsn;
  readonly offset: number;
  /** Checksum the record that starts here is chained to. */
  readonly checksum: number;
}

export type ReadStep =
  | {
      readonly kind: 'record';
      readonly lsn: Lsn;
      readonly payload: Uint8Array;
      readonly durableLsn: Lsn;
    }
  | { readonly kind: 'end' }
  | { readonly kind: 'bad'; readonly offset: number; readonly reason: string };

export interface EncodedHeader {
  readonly bytes: Uint8Array;
  readonly checksum: number;
}

export function encodeFileHeader(header: RecordFileHeader): EncodedHeader {
  const writer = new ByteWriter(fileHeaderBytes);
  writer.bytes(new TextEncoder().encode(magic));
  writer.u32(recordFileVersion);
  writer.u64(header.firstLsn);
  writer.u64(header.previousFirstLsn);
  writer.u32(header.previousChecksum);
  const checksum = crc32c(writer.view());
  writer.u32(checksum);
  assert(writer.length === fileHeaderBytes, `record file header of ${writer.length} bytes`);
  return { bytes: writer.toBytes(), checksum };
}

/** Reads and verifies the header; throws `CorruptFileError`. */
export function readFileHeader(file: DiskFile): RecordFileHeader & { readonly checksum: number } {
  const bytes = new Uint8Array(fileHeaderBytes);
  const count = file.readNow(0, bytes);
  if (count < fileHeaderBytes) {
    throw new CorruptFileError(file.path, count, 'the file ends inside its header');
  }
  const reader = new ByteReader(bytes);
  const found = magicText(reader.view(4));
  if (found !== magic) {
    throw new CorruptFileError(file.path, 0, `magic ${found}, expected ${magic}`);
  }
  const version = reader.u32();
  const checksum = new ByteReader(bytes.subarray(headerChecksumAt)).u32();
  if (crc32c(bytes.subarray(0, headerChecksumAt)) !== checksum) {
    throw new CorruptFileError(file.path, 0, 'header checksum mismatch');
  }
  if (version !== recordFileVersion) {
    const reason = `format version ${version}, expected ${recordFileVersion}`;
    throw new CorruptFileError(file.path, 4, reason);
  }
  const firstLsn = reader.u64Number();
  const previousFirstLsn = reader.u64Number();
  return { firstLsn, previousFirstLsn, previousChecksum: reader.u32(), checksum };
}

/** Reads records one after the other and verifies each. Does not own the file. */
export class RecordReader {
  readonly #file: DiskFile;
  #next: RecordPosition;
  #buffer: Uint8Array = new Uint8Array(0);
  #bufferStart = 0;

  constructor(file: DiskFile, start: RecordPosition) {
    this.#file = file;
    this.#next = start;
  }

  /** Where the next record starts; the first bad byte's record after a `bad` step. */
  get position(): RecordPosition {
    return this.#next;
  }

  /**
   * The next record that lies before `endBytes`. A payload is a view of memory nobody writes again.
   * `end` and `bad` leave the position as it is: after more was appended, reading goes on.
   */
  next(endBytes: number): ReadStep {
    const { offset, lsn } = this.#next;
    if (offset === endBytes) return { kind: 'end' };
    const header = this.#fetch(offset, recordHeaderBytes, endBytes);
    if (header === null) return this.#bad('the file ends inside a record header');
    const reader = new ByteReader(header);
    const checksum = reader.u32();
    const payloadBytes = reader.u32();
    const foundLsn = reader.u64();
    const durableLsn = Number(reader.u64());
    if (foundLsn !== BigInt(lsn)) return this.#bad(`record number ${foundLsn}, expected ${lsn}`);
    const recordBytes = recordHeaderBytes + payloadBytes;
    const record = this.#fetch(offset, recordBytes, endBytes);
    if (record === null) return this.#bad(`record of ${recordBytes} bytes ends after the file`);
    if (crc32c(record.subarray(4), this.#next.checksum) !== checksum) {
      return this.#bad(`checksum mismatch in record ${lsn}`);
    }
    this.#next = { lsn: lsn + 1, offset: offset + recordBytes, checksum };
    return { kind: 'record', lsn, payload: record.subarray(recordHeaderBytes), durableLsn };
  }

  /**
   * Steps over a bad record whose length still makes sense; false when it does not. Only to find
   * out what lies behind it: what is read afterwards must not be used.
   */
  skipBad(endBytes: number): boolean {
    const { offset, lsn } = this.#next;
    const header = this.#fetch(offset, recordHeaderBytes, endBytes);
    if (header === null) return false;
    const reader = new ByteReader(header);
    const checksum = reader.u32();
    const end = offset + recordHeaderBytes + reader.u32();
    if (end > endBytes) return false;
    this.#next = { lsn: lsn + 1, offset: end, checksum };
    return true;
  }

  #bad(reason: string): ReadStep {
    return { kind: 'bad', offset: this.#next.offset, reason };
  }

  /** The bytes, or `null` when they do not all lie before `endBytes`. */
  #fetch(at: number, bytes: number, endBytes: number): Uint8Array | null {
    if (at + bytes > endBytes) return null;
    const from = at - this.#bufferStart;
    if (from >= 0 && from + bytes <= this.#buffer.length) {
      return this.#buffer.subarray(from, from + bytes);
    }
    const chunk = new Uint8Array(Math.max(bytes, Math.min(readChunkBytes, endBytes - at)));
    const count = this.#file.readNow(at, chunk);
    this.#buffer = chunk.subarray(0, count);
    this.#bufferStart = at;
    return count < bytes ? null : this.#buffer.subarray(0, bytes);
  }
}

/** Positions every 256 KiB or so, to find a record without reading the file from its start. */
class RecordMarks {
  readonly #marks: RecordPosition[];

  constructor(first: RecordPosition) {
    this.#marks = [first];
  }

  offer(position: RecordPosition): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && position.offset - last.offset < markIntervalBytes) return;
    this.#marks.push(position);
  }

  /** The last one at or before `lsn`, or the first of all. */
  before(lsn: Lsn): RecordPosition {
    const found = this.#marks.findLast((mark) => mark.lsn <= lsn) ?? this.#marks[0];
    assert(found !== undefined, 'a record file without a mark');
    return found;
  }
}

/** A bad record, and whether good records behind it say that it had been on stable storage. */
export interface RecordFault {
  readonly offset: number;
  readonly reason: string;
  readonly wasDurable: boolean;
}

/**
 * A record file that is part of an open log. The last of the chain is appended to; the others keep
 * their handle only until they are synced.
 */
export class RecordFile {
  readonly header: RecordFileHeader;
  /** The file is not part of the durable chain until it has its final name; see wal.ts. */
  path: string;
  /** Bytes of the file known to be on stable storage. */
  syncedBytes = 0;
  #end: RecordPosition;
  readonly #marks: RecordMarks;
  readonly #file: DiskFile;
  readonly #scratch = new ByteWriter(recordHeaderBytes * 16);

  private constructor(file: DiskFile, header: RecordFileHeader, start: RecordPosition) {
    this.header = header;
    this.path = file.path;
    this.#file = file;
    this.#end = start;
    this.#marks = new RecordMarks(start);
  }

  /** Creates the file with its header in it. On failure nothing usable is left at `path`. */
  static create(disk: Disk, path: string, header: RecordFileHeader): RecordFile {
    const { bytes, checksum } = encodeFileHeader(header);
    const file = disk.open(path, 'create');
    try {
      file.writeNow(0, bytes);
    } catch (error) {
      file.close();
      throw error;
    }
    return new RecordFile(file, header, {
      lsn: header.firstLsn,
      offset: fileHeaderBytes,
      checksum,
    });
  }

  /** Opens for appending. Call `scan` before anything else. */
  static open(disk: Disk, path: string): RecordFile {
    const file = disk.open(path, 'write');
    try {
      const header = readFileHeader(file);
      const start = {
        lsn: header.firstLsn,
        offset: fileHeaderBytes,
        checksum: header.checksum,
      };
      return new RecordFile(file, header, start);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get firstLsn(): Lsn {
    return this.header.firstLsn;
  }

  /** One less than `firstLsn` while the file is empty. */
  get lastLsn(): Lsn {
    return this.#end.lsn - 1;
  }

  get endBytes(): number {
    return this.#end.offset;
  }

  get lastChecksum(): number {
    return this.#end.checksum;
  }

  /** Reads to the last good record. `null`: the file ends with it. */
  scan(): RecordFault | null {
    const fileBytes = this.#file.size();
    const reader = new RecordReader(this.#file, this.#end);
    let step = reader.next(fileBytes);
    while (step.kind === 'record') {
      this.#moveEnd(reader.position);
      step = reader.next(fileBytes);
    }
    if (step.kind === 'end') return null;
    const badLsn = this.#end.lsn;
    const { offset, reason } = step;
    return { offset, reason, wasDurable: durableSeenBehind(reader, fileBytes) >= badLsn };
  }

  /** Removes everything behind the last good record, durably. */
  async cut(): Promise<void> {
    this.#file.truncateNow(this.#end.offset);
    await this.#file.dataSync();
  }

  /**
   * Hands the records to the kernel in one write. After a failure the file is as before, or
   * `restoreFailed` is thrown on top and the file must not be used again.
   */
  append(payloads: readonly Uint8Array[], durableLsn: Lsn): void {
    const start = this.#end;
    const chunks: Uint8Array[] = [];
    const headers = this.#scratch;
    headers.reset();
    const checksums: number[] = [];
    let checksum = start.checksum;
    for (const [index, payload] of payloads.entries()) {
      assert(payload.length <= payloadBytesMax, () => `record of ${payload.length} bytes`);
      const headerAt = headers.length;
      headers.u32(0);
      headers.u32(payload.length);
      headers.u64(start.lsn + index);
      headers.u64(durableLsn);
      checksum = crc32c(payload, crc32c(headers.view().subarray(headerAt + 4), checksum));
      headers.patchU32(headerAt, checksum);
      checksums.push(checksum);
    }
    const headerBytes = headers.view();
    for (const [index, payload] of payloads.entries()) {
      const headerAt = index * recordHeaderBytes;
      chunks.push(headerBytes.subarray(headerAt, headerAt + recordHeaderBytes), payload);
    }
    this.#write(start.offset, chunks);
    for (const [index, payload] of payloads.entries()) {
      this.#moveEnd({
        lsn: this.#end.lsn + 1,
        offset: this.#end.offset + recordHeaderBytes + payload.length,
        checksum: checksums[index] ?? 0,
      });
    }
  }

  async sync(): Promise<void> {
    const bytes = this.#end.offset;
    await this.#file.dataSync();
    this.syncedBytes = Math.max(this.syncedBytes, bytes);
  }

  /** A position at or before `lsn`, to start a `RecordReader` at. */
  positionBefore(lsn: Lsn): RecordPosition {
    return this.#marks.before(lsn);
  }

  close(): void {
    this.#file.close();
  }

  #write(at: number, chunks: readonly Uint8Array[]): void {
    try {
      this.#file.writeManyNow(at, chunks);
    } catch (error) {
      if (error instanceof DiskError && error.kind !== 'closed') this.#restore(at, error);
      throw error;
    }
  }

  /** Takes a half-written record away, so that the next one does not follow garbage. */
  #restore(bytes: number, cause: unknown): void {
    try {
      this.#file.truncateNow(bytes);
    } catch (error) {
      throw new RestoreFailedError(this.path, { cause: new AggregateError([cause, error]) });
    }
  }

  #moveEnd(position: RecordPosition): void {
    this.#end = position;
    this.#marks.offer(position);
  }
}

/** A write failed and its remains could not be removed: the log takes no more records. */
export class RestoreFailedError extends Error {
  override readonly name = 'RestoreFailedError';

  constructor(path: string, options: ErrorOptions) {
    super(`a failed write could not be undone: ${path}`, options);
  }
}

function durableSeenBehind(reader: RecordReader, fileBytes: number): Lsn {
  let durableLsn = 0;
  // The limit is for a tail of zeros, which reads as millions of empty bad records.
  for (let skipped = 0; skipped < skippedCountMax; skipped += 1) {
    if (!reader.skipBad(fileBytes)) break;
    let step = reader.next(fileBytes);
    while (step.kind === 'record') {
      durableLsn = Math.max(durableLsn, step.durableLsn);
      step = reader.next(fileBytes);
    }
    if (step.kind === 'end') break;
  }
  return durableLsn;
}
