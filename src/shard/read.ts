// Runs one read over a list of segments: asks each, keeps one copy of a point (the highest version)
// and fetches payloads and vectors for the final hits only.
//
// Order matters: give older segments first and the one that takes new points last. A point moves
// only towards the end of that list (a new copy is written before the old one is marked deleted),
// so a read that goes the same way can meet a point twice but can never miss it.

import type {
  OrderedRecord,
  PointRecord,
  SearchHit,
  SearchTask,
  ShardReadAnswer,
  ShardReadRequest,
  WithParts,
} from '../model/read.ts';
import { unreachable } from '../base/assert.ts';
import type { PointId } from '../model/point-id.ts';
import type { Pause, SegmentReader } from '../segment/segment-reader.ts';
import { compareHits, compareOrdered, compareRecords, newestOnly } from './merge.ts';

type Read<Kind extends ShardReadRequest['kind']> = Extract<ShardReadRequest, { kind: Kind }>;

/** A point found in one of the segments, not yet fetched. */
interface Located {
  readonly reader: SegmentReader;
  readonly offset: number;
  readonly id: PointId;
  readonly version: number;
}

export async function executeRead(
  request: ShardReadRequest,
  readers: readonly SegmentReader[],
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

async function search(
  task: SearchTask,
  readers: readonly SegmentReader[],
  pause: Pause,
): Promise<SearchHit[]> {
  const found: (Located & { readonly sim: number })[] = [];
  for (const reader of readers) {
    const { offsets, sims } = await reader.search(task, pause);
    for (let index = 0; index < offsets.length; index += 1) {
      found.push({ ...locate(reader, offsets[index] ?? 0), sim: sims[index] ?? 0 });
    }
  }
  const best = newestOnly(found).sort(compareHits).slice(0, task.limit);
  return fetchAll(best, task.parts, pause, (point, record) => ({ ...record, sim: point.sim }));
}

async function scroll(
  request: Read<'scroll'>,
  readers: readonly SegmentReader[],
  pause: Pause,
): Promise<PointRecord[]> {
  const found: Located[] = [];
  for (const reader of readers) {
    const { filter, from, limit } = request;
    const offsets = await reader.offsetsById(filter, from, limit, pause);
    for (const offset of offsets) found.push(locate(reader, offset));
  }
  const first = newestOnly(found).sort(compareRecords).slice(0, request.limit);
  return fetchAll(first, request.parts, pause, (_point, record) => record);
}

async function orderedScroll(
  request: Read<'ordered_scroll'>,
  readers: readonly SegmentReader[],
  pause: Pause,
): Promise<OrderedRecord[]> {
  const found: (Located & { readonly orderValue: number | bigint })[] = [];
  for (const reader of readers) {
    const { filter, order, limit } = request;
    for (const { offset, value } of await reader.offsetsByValue(filter, order, limit, pause)) {
      found.push({ ...locate(reader, offset), orderValue: value });
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
  readers: readonly SegmentReader[],
  pause: Pause,
): Promise<PointRecord[]> {
  const records: PointRecord[] = [];
  for (let start = 0; start < request.ids.length; start += sliceCount) {
    if (start > 0) await pause();
    for (const id of request.ids.slice(start, start + sliceCount)) {
      const point = findNewest(id, readers);
      if (point !== null) records.push(fetchRecord(point, request.parts));
    }
  }
  return records;
}

async function count(
  request: Read<'count'>,
  readers: readonly SegmentReader[],
  pause: Pause,
): Promise<number> {
  const { filter, exact } = request;
  let total = 0;
  for (const reader of readers) {
    if (filter === null) total += reader.pointCount();
    else if (exact) total += await reader.count(filter, pause);
    else total += reader.estimate(filter);
  }
  return Math.round(total);
}

function locate(reader: SegmentReader, offset: number): Located {
  return { reader, offset, id: reader.idAt(offset), version: reader.versionAt(offset) };
}

/** The copy with the highest version; of equal versions the later segment's. */
function findNewest(id: PointId, readers: readonly SegmentReader[]): Located | null {
  let newest: Located | null = null;
  for (const reader of readers) {
    const offset = reader.findOffset(id);
    if (offset < 0) continue;
    const point = locate(reader, offset);
    if (newest === null || point.version >= newest.version) newest = point;
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
    results.push(finish(point, fetchRecord(point, parts)));
  }
  return results;
}

function fetchRecord(point: Located, parts: WithParts): PointRecord {
  const { reader, offset, id, version } = point;
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
