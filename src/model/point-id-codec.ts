// Columns of point ids as bytes: a tag, then 8 bytes per integer or 16 per UUID; a mixed column has
// a tag per id. Equal columns have equal bytes.

import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { CorruptBytesError } from '../base/bytes.ts';
import type { PointId } from './point-id.ts';
import { integerPointId } from './point-id.ts';

const allIntegers = 0;
const allUuids = 1;
const mixed = 2;

/** The most bytes that `writePointIds` can need. */
export function pointIdsBytesMax(count: number): number {
  return 1 + count * 17;
}

export function writePointIds(writer: ByteWriter, ids: readonly PointId[]): void {
  const format = columnFormat(ids);
  writer.u8(format);
  for (const id of ids) {
    if (format === mixed) writer.u8(typeof id === 'string' ? allUuids : allIntegers);
    if (typeof id === 'string') writeUuid(writer, id);
    else writer.u64(id);
  }
}

function columnFormat(ids: readonly PointId[]): number {
  let uuidCount = 0;
  for (const id of ids) if (typeof id === 'string') uuidCount += 1;
  if (uuidCount === 0) return allIntegers;
  return uuidCount === ids.length ? allUuids : mixed;
}

export function readPointIds(reader: ByteReader, count: number): PointId[] {
  const at = reader.at;
  const format = reader.u8();
  if (format > mixed) throw new CorruptBytesError(`unknown id format ${format}`, at);
  // Checked before the loop, so that a wild count cannot fill the memory first.
  const bytesMin = count * (format === allUuids ? 16 : 8);
  if (bytesMin > reader.remaining) throw new CorruptBytesError(`${count} ids do not fit`, at);
  const ids: PointId[] = [];
  for (let index = 0; index < count; index += 1) {
    const tag = format === mixed ? reader.u8() : format;
    if (tag === allIntegers) ids.push(readInteger(reader));
    else if (tag === allUuids) ids.push(readUuid(reader));
    else throw new CorruptBytesError(`unknown id tag ${tag}`, reader.at - 1);
  }
  return ids;
}

function readInteger(reader: ByteReader): PointId {
  const low = reader.u32();
  const high = reader.u32();
  // Most ids are small: they never become a bigint on the way.
  if (high < 2 ** 21) return high * 2 ** 32 + low;
  return integerPointId((BigInt(high) << 32n) | BigInt(low)) ?? 0;
}

const hexDigits = '0123456789abcdef';
const byteTexts = Array.from({ length: 256 }, (_, byte) => {
  return `${hexDigits[byte >> 4]}${hexDigits[byte & 15]}`;
});

/** Where each of the 16 bytes starts in the 36 characters. */
const uuidTextOffsets = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

function writeUuid(writer: ByteWriter, id: string): void {
  for (const at of uuidTextOffsets) {
    writer.u8((hexValue(id.charCodeAt(at)) << 4) | hexValue(id.charCodeAt(at + 1)));
  }
}

/** Canonical ids are lower case: digits below 'a'. */
function hexValue(code: number): number {
  return code < 97 ? code - 48 : code - 87;
}

function readUuid(reader: ByteReader): string {
  const bytes = reader.view(16);
  let text = '';
  for (let index = 0; index < 16; index += 1) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += '-';
    text += byteTexts[bytes[index] ?? 0];
  }
  return text;
}
