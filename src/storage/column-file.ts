// Immutable column files: one array of bytes, written once, read many times, as a whole into memory
// that the caller provides or piece by piece from the disk. A CRC-32C per block of 1 MiB finds
// every flipped byte. Layout: a header page of 4096 bytes, the data, the checksum table
// (docs/formats.md). The header is written last, so a half-written file has none.
// The data starts at a page boundary: a vector of 512 bytes never straddles two pages.
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import type { Disk, DiskFile } from '../io/ports.ts';
import { magicText } from './atomic-file.ts';
import { CorruptFileError } from './corrupt-file.ts';

const magic = 'OCTC';
const version = 1;
const headerBytes = 4096;
const headerChecksumAt = headerBytes - 4;
const kindBytesMax = 32;
const blockBytes = 1 << 20;

/** Facts about a column that its reader needs before the data. */
export interface ColumnHeader {
  /** What the column holds, for instance `vectors-f32`; 1 to 32 ASCII characters. */
  readonly kind: string;
  readonly dataBytes: number;
}

/** Where a sealed column lies, as the manifest records it. */
export interface WrittenColumn {
  readonly dataBytes: number;
  readonly fileBytes: number;
}

/**
 * Writes and syncs the file. The directory is not synced: call `disk.syncDir` once, after all files
 * of a segment. `chunks` may be views of shared memory; they are read one after the other.
 */
export async function writeColumn(
  disk: Disk,
  path: string,
  kind: string,
  chunks: Iterable<Uint8Array>,
): Promise<WrittenColumn> {
  const file = disk.open(path, 'create');
  try {
    const sums = new BlockSums();
    let at = headerBytes;
    for (const chunk of chunks) {
      // Pieces of one block, so that a chunk of gigabytes is not one write with the thread waiting.
      for (let from = 0; from < chunk.length; from += blockBytes) {
        const piece = chunk.subarray(from, from + blockBytes);
        sums.add(piece);
        await file.write(at, piece);
        at += piece.length;
      }
    }
    const dataBytes = at - headerBytes;
    const table = sums.finish();
    await file.write(at, table);
    await file.write(0, encodeHeader(kind, dataBytes, crc32c(table)));
    await file.dataSync();
    return { dataBytes, fileBytes: at + table.length };
  } finally {
    file.close();
  }
}

/** Reads and checks the header only. */
export function readColumnHeader(disk: Disk, path: string): ColumnHeader {
  const column = openColumn(disk, path);
  column.close();
  return column.header;
}

/** Fills `target`, which must be exactly as long as the data, and verifies every byte. */
export async function readColumnInto(
  disk: Disk,
  path: string,
  kind: string,
  target: Uint8Array,
): Promise<void> {
  const column = openColumn(disk, path, kind);
  try {
    await column.readAll(target);
  } finally {
    column.close();
  }
}

/** The whole column in fresh memory, verified. */
export async function readColumn(
  disk: Disk,
  path: string,
  kind: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const column = openColumn(disk, path, kind);
  try {
    const target = new Uint8Array(column.header.dataBytes);
    await column.readAll(target);
    return target;
  } finally {
    column.close();
  }
}

/**
 * Reads everything and throws `CorruptFileError` at the first block that differs. `goesOn` is asked
 * before each block.
 */
export async function verifyColumn(
  disk: Disk,
  path: string,
  goesOn: () => boolean = () => true,
): Promise<ColumnHeader> {
  const column = openColumn(disk, path);
  try {
    await column.verify(goesOn);
    return column.header;
  } finally {
    column.close();
  }
}

/** Opens a column for reading in place. The header is verified here, the data is not. */
export function openColumn(disk: Disk, path: string, kind?: string): ColumnFile {
  const file = disk.open(path, 'read');
  try {
    const page = new Uint8Array(headerBytes);
    const count = file.readNow(0, page);
    const header = decodeHeader(path, page.subarray(0, count));
    const tableBytes = 4 * Math.ceil(header.dataBytes / blockBytes);
    const fileBytes = headerBytes + header.dataBytes + tableBytes;
    if (file.size() !== fileBytes) {
      const reason = `the file has ${file.size()} bytes, expected ${fileBytes}`;
      throw new CorruptFileError(path, Math.min(file.size(), fileBytes), reason);
    }
    if (kind !== undefined && kind !== header.kind) {
      throw new CorruptFileError(path, 16, `column of kind ${header.kind}, expected ${kind}`);
    }
    return new ColumnFile(file, header);
  } catch (error) {
    file.close();
    throw error;
  }
}

interface FullHeader extends ColumnHeader {
  readonly tableChecksum: number;
}

/** An open column. `readNow` and `read` trust the disk; all other reads do not. */
export class ColumnFile {
  readonly header: ColumnHeader;
  readonly #file: DiskFile;
  readonly #tableChecksum: number;
  /** What `readCheckedNow` has seen: the checksum table, and a byte per block: 1 = it was right. */
  #checked: { readonly table: Uint8Array; readonly blocks: Uint8Array } | null = null;

  constructor(file: DiskFile, header: FullHeader) {
    this.header = { kind: header.kind, dataBytes: header.dataBytes };
    this.#file = file;
    this.#tableChecksum = header.tableChecksum;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Fills `into` with the bytes of the data from `at` on; they must exist. */
  readNow(at: number, into: Uint8Array): void {
    this.#checkRange(at, into.length);
    const count = this.#file.readNow(headerBytes + at, into);
    if (count !== into.length) throw this.#endsEarly(at + count);
  }

  /** As `readNow`. The first read of a block takes in the whole block to compare its checksum. */
  readCheckedNow(at: number, into: Uint8Array): void {
    this.#checkRange(at, into.length);
    this.#checked ??= this.#nothingChecked();
    const { table, blocks } = this.#checked;
    const last = Math.floor((at + into.length - 1) / blockBytes);
    for (let index = Math.floor(at / blockBytes); index <= last; index += 1) {
      if (blocks[index] === 1) continue;
      const blockAt = index * blockBytes;
      const block = new Uint8Array(Math.min(blockBytes, this.header.dataBytes - blockAt));
      this.readNow(blockAt, block);
      const fault = this.#blockFault(table, index, block);
      if (fault !== null) throw fault;
      blocks[index] = 1;
    }
    this.readNow(at, into);
  }

  async read(at: number, into: Uint8Array): Promise<void> {
    this.#checkRange(at, into.length);
    const count = await this.#file.read(headerBytes + at, into);
    if (count !== into.length) throw this.#endsEarly(at + count);
  }

  async readAll(target: Uint8Array): Promise<void> {
    const { dataBytes } = this.header;
    assert(target.length === dataBytes, `${target.length} bytes for a column of ${dataBytes}`);
    const table = await this.#readTable();
    const blockCount = table.length / 4;
    const block = (index: number) =>
      target.subarray(index * blockBytes, Math.min((index + 1) * blockBytes, dataBytes));
    // The next block is on its way while the checksum of this one is computed.
    let pending = blockCount > 0 ? this.read(0, block(0)) : Promise.resolve();
    for (let index = 0; index < blockCount; index += 1) {
      await pending;
      const nextAt = (index + 1) * blockBytes;
      if (nextAt < dataBytes) pending = this.read(nextAt, block(index + 1));
      const fault = this.#blockFault(table, index, block(index));
      if (fault === null) continue;
      // The file must not be closed, nor `target` be reused, under a read that is still running.
      await Promise.allSettled([pending]);
      throw fault;
    }
  }

  async verify(goesOn: () => boolean): Promise<void> {
    const table = await this.#readTable();
    const buffer = new Uint8Array(Math.min(blockBytes, this.header.dataBytes));
    for (let index = 0; index < table.length / 4 && goesOn(); index += 1) {
      const at = index * blockBytes;
      const bytes = buffer.subarray(0, Math.min(blockBytes, this.header.dataBytes - at));
      await this.read(at, bytes);
      const fault = this.#blockFault(table, index, bytes);
      if (fault !== null) throw fault;
    }
  }

  close(): void {
    this.#file.close();
  }

  async #readTable(): Promise<Uint8Array> {
    const table = this.#emptyTable();
    const count = await this.#file.read(headerBytes + this.header.dataBytes, table);
    return this.#checkTable(table, count);
  }

  #nothingChecked(): { table: Uint8Array; blocks: Uint8Array } {
    const table = this.#emptyTable();
    const count = this.#file.readNow(headerBytes + this.header.dataBytes, table);
    return { table: this.#checkTable(table, count), blocks: new Uint8Array(table.length / 4) };
  }

  #emptyTable(): Uint8Array {
    return new Uint8Array(4 * Math.ceil(this.header.dataBytes / blockBytes));
  }

  /** `count` bytes of it could be read. */
  #checkTable(table: Uint8Array, count: number): Uint8Array {
    const { dataBytes } = this.header;
    if (count !== table.length) throw this.#endsEarly(dataBytes + count);
    if (crc32c(table) !== this.#tableChecksum) {
      const offset = headerBytes + dataBytes;
      throw new CorruptFileError(this.path, offset, 'checksum table is damaged');
    }
    return table;
  }

  #blockFault(table: Uint8Array, index: number, bytes: Uint8Array): CorruptFileError | null {
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    if (crc32c(bytes) === view.getUint32(index * 4, true)) return null;
    const offset = headerBytes + index * blockBytes;
    const reason = `checksum mismatch in the ${bytes.length} bytes from here (${this.header.kind})`;
    return new CorruptFileError(this.path, offset, reason);
  }

  #checkRange(at: number, bytes: number): void {
    const { dataBytes } = this.header;
    const inside = at >= 0 && at + bytes <= dataBytes;
    assert(inside, () => `${bytes} bytes at ${at} of a column of ${dataBytes}: ${this.path}`);
  }

  #endsEarly(at: number): CorruptFileError {
    return new CorruptFileError(this.path, headerBytes + at, 'the file ends early');
  }
}

/** Checksums of consecutive blocks, from chunks of any size. */
class BlockSums {
  readonly #sums = new ByteWriter();
  #checksum = 0;
  #filled = 0;

  add(chunk: Uint8Array): void {
    let from = 0;
    while (from < chunk.length) {
      const part = chunk.subarray(from, from + blockBytes - this.#filled);
      this.#checksum = crc32c(part, this.#checksum);
      this.#filled += part.length;
      from += part.length;
      if (this.#filled === blockBytes) this.#closeBlock();
    }
  }

  finish(): Uint8Array {
    if (this.#filled > 0) this.#closeBlock();
    return this.#sums.toBytes();
  }

  #closeBlock(): void {
    this.#sums.u32(this.#checksum);
    this.#checksum = 0;
    this.#filled = 0;
  }
}

function encodeHeader(kind: string, dataBytes: number, tableChecksum: number): Uint8Array {
  const name = new TextEncoder().encode(kind);
  const nameFits = name.length >= 1 && name.length <= kindBytesMax;
  assert(nameFits, `column kind "${kind}" has not 1 to ${kindBytesMax} characters`);
  const writer = new ByteWriter(headerBytes);
  writer.bytes(new TextEncoder().encode(magic));
  writer.u32(version);
  writer.u64(dataBytes);
  writer.bytes(name);
  writer.bytes(new Uint8Array(kindBytesMax - name.length));
  writer.u32(blockBytes);
  writer.u32(tableChecksum);
  writer.bytes(new Uint8Array(headerChecksumAt - writer.length));
  writer.u32(crc32c(writer.view()));
  assert(writer.length === headerBytes, `column header of ${writer.length} bytes`);
  return writer.toBytes();
}

function decodeHeader(path: string, page: Uint8Array): FullHeader {
  if (page.length < headerBytes) {
    throw new CorruptFileError(path, page.length, 'the file ends inside its header');
  }
  const reader = new ByteReader(page);
  const found = magicText(reader.view(4));
  if (found !== magic) throw new CorruptFileError(path, 0, `magic ${found}, expected ${magic}`);
  const foundVersion = reader.u32();
  const checksum = new ByteReader(page.subarray(headerChecksumAt)).u32();
  if (crc32c(page.subarray(0, headerChecksumAt)) !== checksum) {
    throw new CorruptFileError(path, 0, 'header checksum mismatch');
  }
  if (foundVersion !== version) {
    throw new CorruptFileError(path, 4, `format version ${foundVersion}, expected ${version}`);
  }
  const dataBytes = reader.u64Number();
  const kind = magicText(reader.view(kindBytesMax).filter((byte) => byte !== 0));
  const foundBlockBytes = reader.u32();
  if (foundBlockBytes !== blockBytes) {
    throw new CorruptFileError(path, 48, `blocks of ${foundBlockBytes} bytes`);
  }
  return { kind, dataBytes, tableChecksum: reader.u32() };
}
