// What a shard tells about itself, as bytes between peers. Decoding is total: any bytes give a
// value or a `CorruptBytesError`.

import {
  readBoolean,
  readName,
  readOptional,
  writeBoolean,
  writeName,
  writeOptional,
} from '../../base/byte-fields.ts';
import { type ByteReader, type ByteWriter, CorruptBytesError } from '../../base/bytes.ts';
import type {
  OptimizationReport,
  SegmentCount,
  SegmentReport,
  ShardInfo,
  ShardStatus,
} from '../../shard/shard-info.ts';

// The order in these lists is the wire format: only ever append.
const statuses = ['green', 'yellow', 'grey', 'red'] as const satisfies readonly ShardStatus[];
const segmentKinds = ['plain', 'indexed'] as const satisfies readonly SegmentReport['kind'][];
const reportKinds = ['optimizing', 'done', 'cancelled', 'error'] as const;

export function writeShardInfo(writer: ByteWriter, info: ShardInfo): void {
  writeName(writer, statuses, info.status);
  writeOptional(writer, info.optimizerError, (text) => writer.utf8(text));
  for (const key of countKeys) writer.varuint(info[key]);
  writeCounts(writer, info.indexedPointCounts);
  writeCounts(writer, info.vectorCounts);
  writeList(writer, info.segments, (segment) => writeSegment(writer, segment));
  for (const reports of [info.runningOptimizations, info.finishedOptimizations]) {
    writeList(writer, reports, (report) => writeReport(writer, report));
  }
  writeList(writer, info.queuedOptimizations, ({ optimizer, segments }) => {
    writer.utf8(optimizer);
    writeSegmentCounts(writer, segments);
  });
}

export function readShardInfo(reader: ByteReader): ShardInfo {
  return {
    status: readName(reader, statuses),
    optimizerError: readOptional(reader, () => reader.utf8()),
    pointCount: reader.varuint(),
    indexedVectorCount: reader.varuint(),
    segmentCount: reader.varuint(),
    updateQueueLength: reader.varuint(),
    operationId: reader.varuint(),
    indexedPointCounts: readCounts(reader),
    vectorCounts: readCounts(reader),
    segments: readList(reader, () => readSegment(reader)),
    runningOptimizations: readList(reader, () => readReport(reader)),
    finishedOptimizations: readList(reader, () => readReport(reader)),
    queuedOptimizations: readList(reader, () => ({
      optimizer: reader.utf8(),
      segments: readSegmentCounts(reader),
    })),
  };
}

const countKeys = [
  'pointCount',
  'indexedVectorCount',
  'segmentCount',
  'updateQueueLength',
  'operationId',
] as const satisfies readonly (keyof ShardInfo)[];

const segmentNumberKeys = [
  'pointCount',
  'deletedCount',
  'indexedVectorCount',
  'vectorBytes',
  'payloadBytes',
  'memoryBytes',
  'diskBytes',
] as const satisfies readonly (keyof SegmentReport)[];

function writeSegment(writer: ByteWriter, segment: SegmentReport): void {
  writer.utf8(segment.uuid);
  writeName(writer, segmentKinds, segment.kind);
  for (const key of segmentNumberKeys) writer.varuint(segment[key]);
  writeBoolean(writer, segment.appendable);
}

function readSegment(reader: ByteReader): SegmentReport {
  return {
    uuid: reader.utf8(),
    kind: readName(reader, segmentKinds),
    pointCount: reader.varuint(),
    deletedCount: reader.varuint(),
    indexedVectorCount: reader.varuint(),
    vectorBytes: reader.varuint(),
    payloadBytes: reader.varuint(),
    memoryBytes: reader.varuint(),
    diskBytes: reader.varuint(),
    appendable: readBoolean(reader),
  };
}

function writeReport(writer: ByteWriter, report: OptimizationReport): void {
  writer.utf8(report.uuid);
  writer.utf8(report.optimizer);
  const { status } = report;
  if (typeof status === 'string') {
    writeName(writer, reportKinds, status);
  } else if ('cancelled' in status) {
    writeName(writer, reportKinds, 'cancelled');
    writer.utf8(status.cancelled);
  } else {
    writeName(writer, reportKinds, 'error');
    writer.utf8(status.error);
  }
  writeSegmentCounts(writer, report.segments);
  writer.f64(report.startedAtMs);
  writeOptional(writer, report.finishedAtMs, (atMs) => writer.f64(atMs));
}

function readReport(reader: ByteReader): OptimizationReport {
  return {
    uuid: reader.utf8(),
    optimizer: reader.utf8(),
    status: readStatus(reader),
    segments: readSegmentCounts(reader),
    startedAtMs: reader.f64(),
    finishedAtMs: readOptional(reader, () => reader.f64()),
  };
}

function readStatus(reader: ByteReader): OptimizationReport['status'] {
  const kind = readName(reader, reportKinds);
  if (kind === 'cancelled') return { cancelled: reader.utf8() };
  return kind === 'error' ? { error: reader.utf8() } : kind;
}

function writeSegmentCounts(writer: ByteWriter, segments: readonly SegmentCount[]): void {
  writeList(writer, segments, (segment) => {
    writer.utf8(segment.uuid);
    writer.varuint(segment.points_count);
  });
}

function readSegmentCounts(reader: ByteReader): readonly SegmentCount[] {
  return readList(reader, () => ({ uuid: reader.utf8(), points_count: reader.varuint() }));
}

function writeCounts(writer: ByteWriter, counts: ReadonlyMap<string, number>): void {
  writeList(writer, [...counts], ([name, count]) => {
    writer.utf8(name);
    writer.varuint(count);
  });
}

function readCounts(reader: ByteReader): ReadonlyMap<string, number> {
  return new Map(readList(reader, (): [string, number] => [reader.utf8(), reader.varuint()]));
}

function writeList<Item>(
  writer: ByteWriter,
  items: readonly Item[],
  write: (item: Item) => void,
): void {
  writer.varuint(items.length);
  for (const item of items) write(item);
}

function readList<Item>(reader: ByteReader, read: () => Item): readonly Item[] {
  const { at } = reader;
  const count = reader.varuint();
  if (count > reader.remaining) throw new CorruptBytesError(`${count} items do not fit`, at);
  return Array.from({ length: count }, read);
}
