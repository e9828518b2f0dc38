// Writes points into answers: ids digit by digit, payload text spliced in as it is stored, vectors
// as the shortest f32 decimals. This is the hot path of reading: no object is made per point.

import { JsonFloat } from '../../../base/json-value.ts';
import { formatFloat64 } from '../../../base/number-format.ts';
import { excludePayload, includePayload } from '../../../model/payload-ops.ts';
import type { PointRecord } from '../../../model/read.ts';
import type {
  FoundPoint,
  ScrolledRecord,
  ShownOrderValue,
} from '../../../server/services/query-request.ts';
import type { PayloadSelection } from '../../../server/services/selections.ts';
import type { JsonWriter } from '../json-writer.ts';

export function writeFoundPoint(
  writer: JsonWriter,
  point: FoundPoint,
  selection: PayloadSelection,
): void {
  writer.raw('{"id":');
  writer.id(point.id);
  writer.raw(',"version":');
  writer.integer(point.version);
  writer.raw(',"score":');
  writer.f32(point.score);
  writeParts(writer, point, selection);
  if (point.orderValue !== undefined) writeOrderValue(writer, point.orderValue);
  writer.raw('}');
}

export function writeRecord(
  writer: JsonWriter,
  record: ScrolledRecord,
  selection: PayloadSelection,
): void {
  writer.raw('{"id":');
  writer.id(record.id);
  writeParts(writer, record, selection);
  if (record.orderValue !== undefined) writeOrderValue(writer, record.orderValue);
  writer.raw('}');
}

function writeOrderValue(writer: JsonWriter, value: ShownOrderValue): void {
  writer.raw(',"order_value":');
  writer.raw(value instanceof JsonFloat ? formatFloat64(value.value) : String(value));
}

function writeParts(writer: JsonWriter, record: PointRecord, selection: PayloadSelection): void {
  if (record.payload !== null && selection !== 'none') {
    writer.raw(',"payload":');
    writer.bytes(selectedPayload(record.payload, selection));
  }
  if (record.vectors === null) return;
  writer.raw(',"vector":');
  writeVectors(writer, record.vectors);
}

function selectedPayload(
  payload: Uint8Array,
  selection: Exclude<PayloadSelection, 'none'>,
): Uint8Array {
  if (selection === 'all') return payload;
  if ('include' in selection) return includePayload(payload, selection.include);
  return excludePayload(payload, selection.exclude);
}

/** The unnamed vector alone is a bare list; otherwise a map, where its name is `""`. */
function writeVectors(writer: JsonWriter, vectors: ReadonlyMap<string, Float32Array>): void {
  const unnamed = vectors.get('');
  if (unnamed !== undefined && vectors.size === 1) {
    writer.f32List(unnamed);
    return;
  }
  writer.raw('{');
  let first = true;
  for (const [name, values] of vectors) {
    if (!first) writer.raw(',');
    first = false;
    writer.string(name);
    writer.raw(':');
    writer.f32List(values);
  }
  writer.raw('}');
}
