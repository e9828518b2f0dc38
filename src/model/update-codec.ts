// The binary form of an update: encoded once, where the request enters, then kept as it is in the
// log and sent to every replica. Number columns lie as they do in memory, 4-byte aligned from the
// start of the record, so that decoding views them in place. Payload bytes are kept untouched.
//
//   record = magic 'U' · version · kind · reserved 0 · body
//
// Decoding trusts nothing: bytes that are not a well-formed update throw `CorruptBytesError`.

import { unreachable } from '../base/assert.ts';
import { ByteReader, ByteWriter, CorruptBytesError } from '../base/bytes.ts';
import type { PayloadFieldParams, PayloadFieldSchema, PayloadFieldType } from './payload-schema.ts';
import { pointIdsBytesMax, readPointIds, writePointIds } from './point-id-codec.ts';
import type {
  PointBatch,
  PointSelector,
  UpdateMode,
  UpdateOperation,
  VectorColumn,
} from './update.ts';

const magic = 0x55;
const formatVersion = 1;

/** Position in this list is the number on disk: only ever append. */
const kinds = [
  'upsert',
  'delete_points',
  'set_payload',
  'overwrite_payload',
  'delete_payload',
  'clear_payload',
  'update_vectors',
  'delete_vectors',
  'create_index',
  'delete_index',
] as const satisfies readonly UpdateOperation['kind'][];

const modes = ['upsert', 'insert_only', 'update_only'] as const satisfies readonly UpdateMode[];

const fieldTypes = [
  'keyword',
  'integer',
  'float',
  'bool',
  'datetime',
  'uuid',
  'geo',
  'text',
] as const satisfies readonly PayloadFieldType[];

/** The bytes of an update; the array owns its whole buffer, so it may be transferred. */
export function encodeUpdate(operation: UpdateOperation): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(encodedBytesMax(operation));
  writer.u8(magic);
  writer.u8(formatVersion);
  writer.u8(kinds.indexOf(operation.kind));
  writer.u8(0);
  writeBody(writer, operation);
  return writer.view();
}

function writeBody(writer: ByteWriter, operation: UpdateOperation): void {
  switch (operation.kind) {
    case 'upsert':
      writer.u8(modes.indexOf(operation.mode));
      writeOptionalText(writer, operation.filter);
      writeBatch(writer, operation.points);
      return;
    case 'update_vectors':
      writeOptionalText(writer, operation.filter);
      writeBatch(writer, operation.points);
      return;
    case 'delete_points':
    case 'clear_payload':
      writeSelector(writer, operation.selector);
      return;
    case 'set_payload':
      writeSelector(writer, operation.selector);
      writeOptionalText(writer, operation.key);
      writer.lengthPrefixed(operation.payload);
      return;
    case 'overwrite_payload':
      writeSelector(writer, operation.selector);
      writer.lengthPrefixed(operation.payload);
      return;
    case 'delete_payload':
      writeSelector(writer, operation.selector);
      writeTexts(writer, operation.keys);
      return;
    case 'delete_vectors':
      writeSelector(writer, operation.selector);
      writeTexts(writer, operation.names);
      return;
    case 'create_index':
      writer.utf8(operation.field);
      writer.u8(fieldTypes.indexOf(operation.schema.dataType));
      writeOptionalText(
        writer,
        operation.schema.params === null ? null : JSON.stringify(operation.schema.params),
      );
      return;
    case 'delete_index':
      writer.utf8(operation.field);
      return;
    default:
      unreachable(operation);
  }
}

/** The update in these bytes. Columns and payloads of the answer may be views of `bytes`. */
export function decodeUpdate(bytes: Uint8Array): UpdateOperation {
  const reader = new ByteReader(bytes);
  const header = { magic: reader.u8(), version: reader.u8(), kind: reader.u8() };
  if (header.magic !== magic) throw new CorruptBytesError('not an update', 0);
  if (header.version !== formatVersion) {
    throw new CorruptBytesError(`update of unknown version ${header.version}`, 1);
  }
  const kind = kinds[header.kind];
  if (kind === undefined) throw new CorruptBytesError(`unknown update kind ${header.kind}`, 2);
  reader.skip(1);
  const operation = readBody(reader, kind);
  reader.finish();
  return operation;
}

/** Is it an upsert that leaves points alone that do not exist? Looks at a well-formed record. */
export function updatesOnlyExisting(record: Uint8Array): boolean {
  return kinds[record[2] ?? -1] === 'upsert' && modes[record[4] ?? -1] === 'update_only';
}

function readBody(reader: ByteReader, kind: UpdateOperation['kind']): UpdateOperation {
  switch (kind) {
    case 'upsert': {
      const mode = readOneOf(reader, modes);
      const filter = readOptionalText(reader);
      return { kind, mode, filter, points: readBatch(reader) };
    }
    case 'update_vectors': {
      const filter = readOptionalText(reader);
      return { kind, filter, points: readBatch(reader) };
    }
    case 'delete_points':
    case 'clear_payload':
      return { kind, selector: readSelector(reader) };
    case 'set_payload': {
      const selector = readSelector(reader);
      const key = readOptionalText(reader);
      return { kind, selector, key, payload: reader.lengthPrefixed() };
    }
    case 'overwrite_payload':
      return { kind, selector: readSelector(reader), payload: reader.lengthPrefixed() };
    case 'delete_payload':
      return { kind, selector: readSelector(reader), keys: readTexts(reader) };
    case 'delete_vectors':
      return { kind, selector: readSelector(reader), names: readTexts(reader) };
    case 'create_index':
      return { kind, field: reader.utf8(), schema: readFieldSchema(reader) };
    case 'delete_index':
      return { kind, field: reader.utf8() };
    default:
      return unreachable(kind);
  }
}

function readFieldSchema(reader: ByteReader): PayloadFieldSchema {
  const dataType = readOneOf(reader, fieldTypes);
  const at = reader.at;
  const text = readOptionalText(reader);
  if (text === null) return { dataType, params: null };
  try {
    return { dataType, params: JSON.parse(text) as PayloadFieldParams };
  } catch {
    throw new CorruptBytesError('index parameters are not JSON', at);
  }
}

// --- batches of points

function writeBatch(writer: ByteWriter, batch: PointBatch): void {
  const count = batch.ids.length;
  writer.u32(count);
  writePointIds(writer, batch.ids);
  writer.u32(batch.vectors.length);
  for (const column of batch.vectors) writeColumn(writer, column);
  writer.u8(batch.payloadOffsets.length === 0 ? 0 : 1);
  if (batch.payloadOffsets.length === 0) return;
  writer.u32Column(batch.payloadOffsets);
  writer.bytes(batch.payloadBytes.subarray(0, batch.payloadOffsets[count]));
}

function writeColumn(writer: ByteWriter, column: VectorColumn): void {
  writer.utf8(column.name);
  writer.u32(column.dimension);
  writer.u32(column.dimension === 0 ? 0 : column.data.length / column.dimension);
  writer.u32Column(new Uint32Array(column.rows.buffer, column.rows.byteOffset, column.rows.length));
  writer.f32Column(column.data);
}

function readBatch(reader: ByteReader): PointBatch {
  const count = reader.u32();
  const ids = readPointIds(reader, count);
  const columnCount = reader.u32();
  const vectors: VectorColumn[] = [];
  for (let index = 0; index < columnCount; index += 1) vectors.push(readColumn(reader, count));
  if (reader.u8() === 0) {
    const none = { payloadOffsets: new Uint32Array(0), payloadBytes: new Uint8Array(0) };
    return { ids, vectors, ...none };
  }
  const payloadOffsets = reader.u32Column(count + 1);
  checkOffsets(payloadOffsets, reader.at);
  const payloadBytes = reader.view(payloadOffsets[count] ?? 0);
  return { ids, vectors, payloadOffsets, payloadBytes };
}

function readColumn(reader: ByteReader, pointCount: number): VectorColumn {
  const name = reader.utf8();
  const dimension = reader.u32();
  const rowCount = reader.u32();
  const words = reader.u32Column(pointCount);
  const rows = new Int32Array(words.buffer, words.byteOffset, words.length);
  for (const row of rows) {
    if (row < -1 || row >= rowCount) throw new CorruptBytesError(`no row ${row}`, reader.at);
  }
  return { name, dimension, rows, data: reader.f32Column(rowCount * dimension) };
}

function checkOffsets(offsets: Uint32Array, at: number): void {
  let previous = 0;
  if (offsets[0] !== 0) throw new CorruptBytesError('payloads do not start at 0', at);
  for (const offset of offsets) {
    if (offset < previous) throw new CorruptBytesError('payload of negative length', at);
    previous = offset;
  }
}

// --- small parts

function writeSelector(writer: ByteWriter, selector: PointSelector): void {
  writer.u8(selector.ids === null ? 0 : 1);
  if (selector.ids !== null) {
    writer.u32(selector.ids.length);
    writePointIds(writer, selector.ids);
  }
  writeOptionalText(writer, selector.filter);
}

function readSelector(reader: ByteReader): PointSelector {
  const ids = reader.u8() === 0 ? null : readPointIds(reader, reader.u32());
  return { ids, filter: readOptionalText(reader) };
}

function writeOptionalText(writer: ByteWriter, text: string | null): void {
  writer.u8(text === null ? 0 : 1);
  if (text !== null) writer.utf8(text);
}

function readOptionalText(reader: ByteReader): string | null {
  return reader.u8() === 0 ? null : reader.utf8();
}

function writeTexts(writer: ByteWriter, texts: readonly string[]): void {
  writer.u32(texts.length);
  for (const text of texts) writer.utf8(text);
}

function readTexts(reader: ByteReader): string[] {
  const count = reader.u32();
  const texts: string[] = [];
  for (let index = 0; index < count; index += 1) texts.push(reader.utf8());
  return texts;
}

function readOneOf<Value>(reader: ByteReader, values: readonly Value[]): Value {
  const at = reader.at;
  const value = values[reader.u8()];
  if (value === undefined) throw new CorruptBytesError('unknown number of a choice', at);
  return value;
}

/** Room for the whole record, so that a big batch is copied once and the writer never grows. */
function encodedBytesMax(operation: UpdateOperation): number {
  const base = 1024;
  if (operation.kind === 'upsert' || operation.kind === 'update_vectors') {
    const { ids, vectors, payloadOffsets, payloadBytes } = operation.points;
    let bytes = base + pointIdsBytesMax(ids.length) + payloadOffsets.length * 4;
    bytes += payloadBytes.length + (operation.filter?.length ?? 0) * 3;
    for (const column of vectors) {
      bytes += 32 + column.name.length * 3 + column.rows.length * 4 + column.data.byteLength;
    }
    return bytes;
  }
  return 'selector' in operation
    ? base + pointIdsBytesMax(operation.selector.ids?.length ?? 0)
    : base;
}
