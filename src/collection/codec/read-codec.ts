// What is read of a shard, and what it answers, as bytes between peers. Vectors travel as they lie
// in memory and payloads as their text; both are views of the bytes where alignment allows it.
// Decoding is total: any bytes give a value or a `CorruptBytesError`.

import { unreachable } from '../../base/assert.ts';
import {
  readBoolean,
  readName,
  readOptional,
  writeBoolean,
  writeName,
  writeOptional,
} from '../../base/byte-fields.ts';
import { type ByteReader, type ByteWriter, CorruptBytesError } from '../../base/bytes.ts';
import type { PointId } from '../../model/point-id.ts';
import { readPointIds, writePointIds } from '../../model/point-id-codec.ts';
import type {
  OrderBy,
  OrderedRecord,
  OrderValue,
  PointRecord,
  SearchHit,
  SearchTask,
  ShardReadAnswer,
  ShardReadRequest,
  WithParts,
} from '../../model/read.ts';
import { readFilter, writeFilter } from './filter-codec.ts';

// The order in these lists is the wire format: only ever append.
const readKinds = [
  'search',
  'scroll',
  'ordered_scroll',
  'retrieve',
  'count',
] as const satisfies readonly ShardReadRequest['kind'][];
const directions = ['asc', 'desc'] as const satisfies readonly OrderBy['direction'][];
const vectorParts = ['none', 'all', 'some'] as const;
const orderKinds = ['number', 'bigint'] as const;

// --- requests

export function writeReadRequest(writer: ByteWriter, request: ShardReadRequest): void {
  writeName(writer, readKinds, request.kind);
  switch (request.kind) {
    case 'search':
      writer.varuint(request.tasks.length);
      for (const task of request.tasks) writeTask(writer, task);
      return;
    case 'scroll':
      writeOptional(writer, request.filter, (filter) => writeFilter(writer, filter));
      writeOptional(writer, request.from, (id) => writePointIds(writer, [id]));
      writer.varuint(request.limit);
      writeParts(writer, request.parts);
      return;
    case 'ordered_scroll':
      writeOptional(writer, request.filter, (filter) => writeFilter(writer, filter));
      writer.utf8(request.order.key);
      writeName(writer, directions, request.order.direction);
      writeOptional(writer, request.order.startFrom, (value) => writeOrderValue(writer, value));
      writer.varuint(request.limit);
      writeParts(writer, request.parts);
      return;
    case 'retrieve':
      writer.u32(request.ids.length);
      writePointIds(writer, request.ids);
      writeParts(writer, request.parts);
      return;
    case 'count':
      writeOptional(writer, request.filter, (filter) => writeFilter(writer, filter));
      writeBoolean(writer, request.exact);
      return;
    default:
      unreachable(request);
  }
}

export function readReadRequest(reader: ByteReader): ShardReadRequest {
  const kind = readName(reader, readKinds);
  switch (kind) {
    case 'search':
      return { kind, tasks: readList(reader, () => readTask(reader)) };
    case 'scroll': {
      const filter = readOptionalFilter(reader);
      const from = readOptional(reader, () => readPointId(reader));
      return { kind, filter, from, limit: reader.varuint(), parts: readParts(reader) };
    }
    case 'ordered_scroll': {
      const filter = readOptionalFilter(reader);
      const order: OrderBy = {
        key: reader.utf8(),
        direction: readName(reader, directions),
        startFrom: readOptional(reader, () => readOrderValue(reader)),
      };
      return { kind, filter, order, limit: reader.varuint(), parts: readParts(reader) };
    }
    case 'retrieve': {
      const ids = readPointIds(reader, reader.u32());
      return { kind, ids, parts: readParts(reader) };
    }
    case 'count':
      return { kind, filter: readOptionalFilter(reader), exact: readBoolean(reader) };
    default:
      return unreachable(kind);
  }
}

function writeTask(writer: ByteWriter, task: SearchTask): void {
  writer.utf8(task.vectorName);
  writer.u32(task.vector.length);
  writer.f32Column(task.vector);
  writer.varuint(task.limit);
  writeOptional(writer, task.filter, (filter) => writeFilter(writer, filter));
  writeOptional(writer, task.params.hnswEf, (ef) => writer.varuint(ef));
  writeBoolean(writer, task.params.exact);
  writeBoolean(writer, task.params.indexedOnly);
  writeParts(writer, task.parts);
}

function readTask(reader: ByteReader): SearchTask {
  const vectorName = reader.utf8();
  const vector = reader.f32Column(reader.u32());
  const limit = reader.varuint();
  const filter = readOptionalFilter(reader);
  const hnswEf = readOptional(reader, () => reader.varuint());
  const params = { hnswEf, exact: readBoolean(reader), indexedOnly: readBoolean(reader) };
  return { vectorName, vector, limit, filter, params, parts: readParts(reader) };
}

function writeParts(writer: ByteWriter, { payload, vectors }: WithParts): void {
  writeBoolean(writer, payload);
  if (typeof vectors === 'boolean') {
    writeName(writer, vectorParts, vectors ? 'all' : 'none');
    return;
  }
  writeName(writer, vectorParts, 'some');
  writer.varuint(vectors.length);
  for (const name of vectors) writer.utf8(name);
}

function readParts(reader: ByteReader): WithParts {
  const payload = readBoolean(reader);
  const part = readName(reader, vectorParts);
  if (part !== 'some') return { payload, vectors: part === 'all' };
  return { payload, vectors: readList(reader, () => reader.utf8()) };
}

function readOptionalFilter(reader: ByteReader) {
  return readOptional(reader, () => readFilter(reader));
}

function readPointId(reader: ByteReader): PointId {
  return readPointIds(reader, 1)[0] ?? 0;
}

function writeOrderValue(writer: ByteWriter, value: OrderValue): void {
  if (typeof value === 'bigint') {
    writeName(writer, orderKinds, 'bigint');
    writer.i64(value);
    return;
  }
  writeName(writer, orderKinds, 'number');
  writer.f64(value);
}

function readOrderValue(reader: ByteReader): OrderValue {
  return readName(reader, orderKinds) === 'bigint' ? reader.i64() : reader.f64();
}

/** Every item takes a byte at least, so a wild count ends with the bytes. */
function readList<Item>(reader: ByteReader, read: () => Item): readonly Item[] {
  const items: Item[] = [];
  for (let left = reader.varuint(); left > 0; left -= 1) items.push(read());
  return items;
}

// --- answers

export function writeReadAnswer(writer: ByteWriter, answer: ShardReadAnswer): void {
  writeName(writer, readKinds, answer.kind);
  switch (answer.kind) {
    case 'search':
      writer.varuint(answer.hits.length);
      for (const list of answer.hits) writeHits(writer, list);
      return;
    case 'ordered_scroll':
      writeRecords(writer, answer.records);
      for (const { orderValue } of answer.records) writeOrderValue(writer, orderValue);
      return;
    case 'scroll':
    case 'retrieve':
      writeRecords(writer, answer.records);
      return;
    case 'count':
      writer.varuint(answer.count);
      return;
    default:
      unreachable(answer);
  }
}

export function readReadAnswer(reader: ByteReader): ShardReadAnswer {
  const kind = readName(reader, readKinds);
  switch (kind) {
    case 'search':
      return { kind, hits: readList(reader, () => readHits(reader)) };
    case 'ordered_scroll': {
      const records = readRecords(reader);
      return { kind, records: records.map((record) => withOrderValue(record, reader)) };
    }
    case 'scroll':
    case 'retrieve':
      return { kind, records: readRecords(reader) };
    case 'count':
      return { kind, count: reader.varuint() };
    default:
      return unreachable(kind);
  }
}

function withOrderValue(record: PointRecord, reader: ByteReader): OrderedRecord {
  return { ...record, orderValue: readOrderValue(reader) };
}

function writeHits(writer: ByteWriter, hits: readonly SearchHit[]): void {
  writeRecords(writer, hits);
  for (const { sim } of hits) writer.f64(sim);
}

function readHits(reader: ByteReader): readonly SearchHit[] {
  return readRecords(reader).map((record) => ({ ...record, sim: reader.f64() }));
}

function writeRecords(writer: ByteWriter, records: readonly PointRecord[]): void {
  writer.u32(records.length);
  writePointIds(
    writer,
    records.map(({ id }) => id),
  );
  for (const { version, payload, vectors } of records) {
    writer.varuint(version);
    writeOptional(writer, payload, (bytes) => writer.lengthPrefixed(bytes));
    writeOptional(writer, vectors, (byName) => writeVectors(writer, byName));
  }
}

function readRecords(reader: ByteReader): readonly PointRecord[] {
  const ids = readPointIds(reader, reader.u32());
  return ids.map((id) => ({
    id,
    version: reader.varuint(),
    payload: readOptional(reader, () => reader.lengthPrefixed()),
    vectors: readOptional(reader, () => readVectors(reader)),
  }));
}

function writeVectors(writer: ByteWriter, vectors: ReadonlyMap<string, Float32Array>): void {
  writer.varuint(vectors.size);
  for (const [name, values] of vectors) {
    writer.utf8(name);
    writer.u32(values.length);
    writer.f32Column(values);
  }
}

function readVectors(reader: ByteReader): ReadonlyMap<string, Float32Array> {
  const { at } = reader;
  const vectors = new Map<string, Float32Array>();
  const count = reader.varuint();
  if (count > reader.remaining) throw new CorruptBytesError(`${count} vectors do not fit`, at);
  for (let left = count; left > 0; left -= 1) {
    const name = reader.utf8();
    vectors.set(name, reader.f32Column(reader.u32()));
  }
  return vectors;
}

/** One point of an answer without its version, which every replica counts for itself. */
export function writeIdentity(
  writer: ByteWriter,
  point: PointRecord & { readonly sim?: number; readonly orderValue?: OrderValue },
): void {
  writePointIds(writer, [point.id]);
  writeOptional(writer, point.payload, (bytes) => writer.lengthPrefixed(bytes));
  const byName = point.vectors === null ? null : [...point.vectors].toSorted(byFirst);
  writeOptional(writer, byName, (sorted) => writeVectors(writer, new Map(sorted)));
  if (point.sim !== undefined) writer.f64(point.sim);
  if (point.orderValue !== undefined) writeOrderValue(writer, point.orderValue);
}

function byFirst([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
