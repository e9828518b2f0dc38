// Runs one read over a list of segments: asks each, keeps one copy of a point (the highest version)
// and fetches payloads and vectors for the final hits only.
//
// Order matters: give older segments first and the one that takes new points last. A point moves
// only towards the end of that list (a new copy is written before the old one is marked deleted),
// so a read that goes the same way can meet a point twice but can never miss it.
//
// Published segments never change, so their hits are fetched at the end, for the best ones only.
// A point in memory may change or go while others are searched: it is fetched as soon as found.

import { unreachable } from '../base/assert.ts';
import type { PointId } from '../model/point-id.ts';
import type {
  OrderedRecord,
  PointRecord,
  SearchHit,
  SearchTask,
  ShardReadAnswer,
  ShardReadRequest,
  WithParts,
} from '../model/read.ts';
import { MemorySegment } from '../segment/memory-segment.ts';
import type { Pause, SegmentReader } from '../segment/segment-reader.ts';
import { compareHits, compareOrdered, compareRecords, newestOnly } from './merge.ts';

type Read<Kind extends ShardReadRequest['kind']> = Extract<ShardReadRequest, { kind: Kind }>;

/** A point found in one of the segments. */
interface Located {
  readonly reader: SegmentReader;
  readonly offset: number;
  readonly id: PointId;
  readonly version: number;
  /** `null`: not yet fetched. */
  readonly record: PointRecord | null;
}

interface FoundHit extends Located {
  readonly sim: number;
}

/** May grow while it is walked: an owner adds the memory segments that were begun meanwhile. */
export type Readers = Iterable<SegmentReader>;

export async function executeRead(
  request: ShardReadRequest,
  readers: Readers,
  pause: Pause,
): Promise<ShardReadAnswer> {
  switch (request.kind) {
    case 'search': {
      const hits: SearchHit[][] = [];
      for (const task of request.tasks) hits.push(await search(task, readers, pause));
      return { kind: 'search', hits };
    }
    case 'scroll':
      return { kind: 'scroll', records: await scroll(request, readers, pause) };
    case 'ordered_scroll':
      return { kind: 'ordered_scroll', records: await orderedScroll(request, readers, pause) };
    case 'retrieve':
      return { kind: 'retrieve', records: await retrieve(request, readers, pause) };
    case 'count':
      return { kind: 'count', count: await count(request, readers, pause) };
    default:
      return unreachable(request);
  }
}

async function search(task: SearchTask, readers: Readers, pause: Pause): Promise<SearchHit[]> {
  const { limit, parts } = task;
  const found: FoundHit[] = [];
  let sourceCount = 0;
  for (const reader of readers) {
    if (reader.pointCount() === 0) continue;
    const searched = reader.search(task, pause);
    const { offsets, sims } = searched instanceof Promise ? await searched : searched;
    if (offsets.length > 0) sourceCount += 1;
    for (let index = 0; index < offsets.length; index += 1) {
      const point = locate(reader, offsets[index] ?? 0, parts);
      if (point === null) continue;
      const { offset, id, version, record } = point;
      found.push({ reader, offset, id, version, record, sim: sims[index] ?? 0 });
    }
  }
  // One segment holds a point once.
  const distinct = sourceCount > 1 ? newestOnly(found) : found;
  const best = distinct.sort(compareHits).slice(0, limit);
  return fetchAll(best, parts, pause, ({ sim }, { id, version, payload, vectors }) => {
    return { id, version, payload, vectors, sim };
  });
}

async function scroll(
  request: Read<'scroll'>,
  readers: Readers,
  pause: Pause,
): Promise<PointRecord[]> {
  const found: Located[] = [];
  for (const reader of readers) {
    const { filter, from, limit } = request;
    const offsets = await reader.offsetsById(filter, from, limit, pause);
    for (const offset of offsets) {
      const point = locate(reader, offset, request.parts);
      if (point !== null) found.push(point);
    }
  }
  const first = newestOnly(found).sort(compareRecords).slice(0, request.limit);
  return fetchAll(first, request.parts, pause, (_point, record) => record);
}

async function orderedScroll(
  request: Read<'ordered_scroll'>,
  readers: Readers,
  pause: Pause,
): Promise<OrderedRecord[]> {
  const found: (Located & { readonly orderValue: number | bigint })[] = [];
  for (const reader of readers) {
    const { filter, order, limit } = request;
    for (const { offset, value } of await reader.offsetsByValue(filter, order, limit, pause)) {
      const point = locate(reader, offset, request.parts);
      if (point !== null) found.push({ ...point, orderValue: value });
    }
  }
  const first = newestOnly(found).sort(compareOrdered(request.order)).slice(0, request.limit);
  return fetchAll(first, request.parts, pause, (point, record) => {
    return { ...record, orderValue: point.orderValue };
  });
}

/** How many points are looked up or fetched between two pauses. */
const sliceCount = 256;

async function retrieve(
  request: Read<'retrieve'>,
  readers: Readers,
  pause: Pause,
): Promise<PointRecord[]> {
  const records: PointRecord[] = [];
  for (let start = 0; start < request.ids.length; start += sliceCount) {
    if (start > 0) await pause();
    for (const id of request.ids.slice(start, start + sliceCount)) {
      const point = findNewest(id, readers);
      if (point !== null) records.push(fetchRecord(point.reader, point.offset, request.parts));
    }
  }
  return records;
}

async function count(request: Read<'count'>, readers: Readers, pause: Pause): Promise<number> {
  const { filter, exact } = request;
  let total = 0;
  for (const reader of readers) {
    if (filter === null) total += reader.pointCount();
    else if (exact) total += await reader.count(filter, pause);
    else total += reader.estimate(filter);
  }
  return Math.round(total);
}

/** `null` when the point has gone in the moment between being found and this call. */
function locate(reader: SegmentReader, offset: number, parts: WithParts): Located | null {
  const id = reader.idAt(offset);
  const version = reader.versionAt(offset);
  if (!(reader instanceof MemorySegment)) return { reader, offset, id, version, record: null };
  if (!reader.isLive(offset)) return null;
  return { reader, offset, id, version, record: fetchRecord(reader, offset, parts) };
}

/** The copy with the highest version; of equal versions the later segment's. */
function findNewest(
  id: PointId,
  readers: Readers,
): { readonly reader: SegmentReader; readonly offset: number } | null {
  let newest: { reader: SegmentReader; offset: number; version: number } | null = null;
  for (const reader of readers) {
    const offset = reader.findOffset(id);
    if (offset < 0) continue;
    const version = reader.versionAt(offset);
    if (newest === null || version >= newest.version) newest = { reader, offset, version };
  }
  return newest;
}

async function fetchAll<Point extends Located, Result>(
  points: readonly Point[],
  parts: WithParts,
  pause: Pause,
  finish: (point: Point, record: PointRecord) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const point of points) {
    if (results.length % sliceCount === sliceCount - 1) await pause();
    const record = point.record ?? fetchRecord(point.reader, point.offset, parts);
    results.push(finish(point, record));
  }
  return results;
}

function fetchRecord(reader: SegmentReader, offset: number, parts: WithParts): PointRecord {
  const id = reader.idAt(offset);
  const version = reader.versionAt(offset);
  const payload = parts.payload ? reader.payloadAt(offset) : null;
  if (parts.vectors === false) return { id, version, payload, vectors: null };
  const names = parts.vectors === true ? reader.vectorNames() : parts.vectors;
  const vectors = new Map<string, Float32Array>();
  for (const name of names) {
    const values = reader.vectorAt(name, offset);
    if (values !== null) vectors.set(name, values);
  }
  return { id, version, payload, vectors };
}
