// Small files that are replaced as a whole: after a crash at any point a reader finds the old
// content or the new one, never a mixture. New bytes go to `<path>.tmp`, are synced, and renamed
// over the old; then the directory is synced. Checksummed files carry magic, version, length,
// CRC-32C (docs/formats.md); JSON files meant for people are plain text.
// One writer per path at a time: that is the caller's duty.
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { type Disk, DiskError } from '../io/ports.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { parentPath } from './file-path.ts';

export interface AtomicContent {
  /** Four ASCII characters that say which kind of file this is. */
  readonly magic: string;
  readonly version: number;
  readonly body: Uint8Array;
}

const headerBytes = 20;
const checksumAt = 16;
const temporarySuffix = '.tmp';

export async function writeAtomic(disk: Disk, path: string, content: AtomicContent): Promise<void> {
  await replaceFile(disk, path, [encodeAtomicHeader(content), content.body]);
}

/** `null` when there is no such file. Throws `CorruptFileError` for a wrong magic or checksum. */
export async function readAtomic(
  disk: Disk,
  path: string,
  magic: string,
): Promise<AtomicContent | null> {
  const bytes = await readFile(disk, path);
  return bytes === null ? null : decodeAtomic(path, bytes, magic);
}

/** What `readAtomic` does with the bytes of the file. */
export function decodeAtomic(path: string, bytes: Uint8Array, magic: string): AtomicContent {
  if (bytes.length < headerBytes) {
    throw new CorruptFileError(path, bytes.length, `the file ends inside its header`);
  }
  const reader = new ByteReader(bytes);
  const found = magicText(reader.view(4));
  if (found !== magic) throw new CorruptFileError(path, 0, `magic ${found}, expected ${magic}`);
  const version = reader.u32();
  const bodyBytes = Number(reader.u64());
  const checksum = reader.u32();
  const body = bytes.subarray(headerBytes);
  if (body.length !== bodyBytes) {
    throw new CorruptFileError(path, 8, `${body.length} bytes of content, expected ${bodyBytes}`);
  }
  if (crc32c(body, crc32c(bytes.subarray(0, checksumAt))) !== checksum) {
    throw new CorruptFileError(path, checksumAt, 'checksum mismatch');
  }
  return { magic, version, body };
}

/** Replaces a text file without header or checksum, for content that people read and edit. */
export async function writeTextAtomic(disk: Disk, path: string, text: string): Promise<void> {
  await replaceFile(disk, path, [new TextEncoder().encode(text)]);
}

/** `null` when there is no such file. */
export async function readText(disk: Disk, path: string): Promise<string | null> {
  const bytes = await readFile(disk, path);
  if (bytes === null) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (error) {
    throw new CorruptFileError(path, 0, 'not UTF-8 text', { cause: error });
  }
}

export async function writeJsonAtomic(disk: Disk, path: string, value: unknown): Promise<void> {
  const put = await stageJson(disk, path, value);
  await put();
}

/** Everything but the last step: who calls what this resolves to has the new content in place. */
export function stageJson(disk: Disk, path: string, value: unknown): Promise<() => Promise<void>> {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  return stageFile(disk, path, [new TextEncoder().encode(text)]);
}

/**
 * `null` when there is no such file. Anything but exactly one JSON value is a `CorruptFileError`.
 */
export async function readJson(disk: Disk, path: string): Promise<unknown> {
  const text = await readText(disk, path);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CorruptFileError(path, 0, reason, { cause: error });
  }
}

/** The whole file, or `null` when there is none. */
export async function readFile(disk: Disk, path: string): Promise<Uint8Array | null> {
  let file: ReturnType<Disk['open']>;
  try {
    file = disk.open(path, 'read');
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'not_found') return null;
    throw error;
  }
  try {
    const bytes = new Uint8Array(file.size());
    const count = await file.read(0, bytes);
    return bytes.subarray(0, count);
  } finally {
    file.close();
  }
}

async function replaceFile(disk: Disk, path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const put = await stageFile(disk, path, chunks);
  await put();
}

async function stageFile(
  disk: Disk,
  path: string,
  chunks: readonly Uint8Array[],
): Promise<() => Promise<void>> {
  const temporary = path + temporarySuffix;
  const file = disk.open(temporary, 'create');
  try {
    file.writeManyNow(0, chunks);
    await file.dataSync();
  } catch (error) {
    file.close();
    // On a full disk the half-written file would only make things worse.
    removeIfPossible(disk, temporary);
    throw error;
  }
  file.close();
  return async () => {
    disk.rename(temporary, path);
    await disk.syncDir(parentPath(path));
  };
}

function removeIfPossible(disk: Disk, path: string): void {
  try {
    disk.remove(path);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

/** What stands before the body. */
export function encodeAtomicHeader(content: AtomicContent): Uint8Array {
  assert(content.magic.length === 4, `magic ${content.magic} has not 4 characters`);
  const writer = new ByteWriter(headerBytes);
  writer.bytes(new TextEncoder().encode(content.magic));
  writer.u32(content.version);
  writer.u64(content.body.length);
  writer.u32(crc32c(content.body, crc32c(writer.view())));
  assert(writer.length === headerBytes, `header of ${writer.length} bytes`);
  return writer.toBytes();
}

/** Four bytes as text, with anything unprintable shown as `?`. */
export function magicText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?',
  ).join('');
}
