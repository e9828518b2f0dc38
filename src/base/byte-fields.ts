// Small forms that binary formats share: names as numbers, optional values, yes and no. Readers
// throw `CorruptBytesError` for whatever no writer makes.

import { assert } from './assert.ts';
import { type ByteReader, type ByteWriter, CorruptBytesError } from './bytes.ts';

/** A list's order is the wire format: only ever append to it. */
export function writeName<Name extends string>(
  writer: ByteWriter,
  names: readonly Name[],
  name: Name,
): void {
  const number = names.indexOf(name);
  assert(number >= 0, () => `${name} has no number`);
  writer.u8(number);
}

export function readName<Name extends string>(reader: ByteReader, names: readonly Name[]): Name {
  const { at } = reader;
  const number = reader.u8();
  const name = names[number];
  if (name === undefined) throw new CorruptBytesError(`unknown kind ${number}`, at);
  return name;
}

export function writeBoolean(writer: ByteWriter, value: boolean): void {
  writer.u8(value ? 1 : 0);
}

export function readBoolean(reader: ByteReader): boolean {
  const { at } = reader;
  const value = reader.u8();
  if (value > 1) throw new CorruptBytesError(`${value} where 0 or 1 belongs`, at);
  return value === 1;
}

/** A value that may be missing: a byte that says so, then the value. */
export function writeOptional<Value>(
  writer: ByteWriter,
  value: Value | null,
  write: (value: Value) => void,
): void {
  writeBoolean(writer, value !== null);
  if (value !== null) write(value);
}

export function readOptional<Value>(reader: ByteReader, read: () => Value): Value | null {
  return readBoolean(reader) ? read() : null;
}

export function writeOptionalText(writer: ByteWriter, text: string | null): void {
  writeOptional(writer, text, (value) => writer.utf8(value));
}

export function readOptionalText(reader: ByteReader): string | null {
  return readOptional(reader, () => reader.utf8());
}
