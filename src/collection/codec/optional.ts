// A value that may be missing: a byte that says so, then the value.

import { readBoolean, writeBoolean } from '../../base/byte-fields.ts';
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';

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
