// One query on one segment: by exact scan or by the graph, as `index/plan` decides. Every score
// that leaves this file was computed by the exact kernels on stored vectors, so a pair of query and
// vector has the same bits whichever way was taken.

import { TopK } from '../base/top-k.ts';
import { planSearch } from '../index/plan.ts';
import { type Hits, noHits, type ScanRequest } from '../kernels/exact-scorer.ts';
import type { GraphRequest } from '../kernels/kernel.ts';
import { elementBytes, type VectorConfig } from '../model/collection-config.ts';
import type { SearchTask } from '../model/read.ts';
import { compiled, type ReadableSegment } from './reads.ts';
import type { OffsetHits, Pause } from './segment-reader.ts';

/** Exact scores of rows in memory or on disk. Hidden points never appear. */
export interface RowScanner {
  readonly rowBytes: number;
  scan(request: ScanRequest): Hits | Promise<Hits>;
}

export interface GraphSearcher {
  /** A longer candidate list does not fit; such searches scan. */
  readonly efMax: number;
  /** At most `k` hits with exact scores. */
  search(request: GraphRequest): Hits;
}

/** One vector name of a segment, as a search sees it. */
export interface SearchableVectors {
  readonly config: VectorConfig;
  readonly rows: RowScanner;
  /** Offsets are below this. */
  readonly rowCount: number;
  /** Points that have the vector; deleted ones may be included. */
  readonly presentCount: number;
  readonly graph: GraphSearcher | null;
  /** `null` for an indexed segment: an `indexedOnly` search skips more raw bytes than these. */
  readonly indexedOnlyBytesMax: number | null;
}

/** Scanned between two pauses: 2 to 4 ms. */
const sliceBytes = 8 * 1024 * 1024;
/** Up to so many bytes of matching vectors, and up to so many of them, are scored exactly. */
const listBytesMax = 512 * 1024;
const listCountMin = 256;

/** What `SearchableVectors.indexedOnlyBytesMax` is in a segment that is not indexed (R51). */
export function indexedOnlyBytesMax(config: VectorConfig, indexingThresholdKb: number): number {
  return Math.max(indexingThresholdKb, config.hnsw.fullScanThresholdKb) * 1024;
}

export function searchSegment(
  segment: ReadableSegment,
  vectors: SearchableVectors,
  task: SearchTask,
  pause: Pause,
): OffsetHits | Promise<OffsetHits> {
  if (vectors.rowCount === 0 || isTooLargeToScan(segment, vectors, task)) return noHits;
  const { filter } = task;
  if (filter === null) return searchAmong(segment, vectors, task, { allowed: null, pause });
  return segment
    .filterBits(compiled(filter, segment.schema), pause)
    .then((allowed) => searchAmong(segment, vectors, task, { allowed, pause }));
}

function searchAmong(
  segment: ReadableSegment,
  vectors: SearchableVectors,
  task: SearchTask,
  { allowed, pause }: { readonly allowed: Uint32Array | null; readonly pause: Pause },
): OffsetHits | Promise<OffsetHits> {
  const { vector, params } = task;
  const liveCount = Math.min(segment.pointCount(), vectors.presentCount);
  const matchCount = allowed === null ? liveCount : Math.min(liveCount, segment.countLive(allowed));
  const limit = Math.min(task.limit, matchCount);
  const plan = planSearch({
    exact: params.exact,
    matchCount,
    limit,
    ef: params.hnswEf ?? vectors.config.hnsw.efConstruct,
    hasGraph: vectors.graph !== null,
    fullScanCount: fullScanCount(vectors),
  });
  if (plan.kind === 'none') return noHits;
  const { graph } = vectors;
  if (plan.kind === 'graph' && graph !== null && plan.ef <= graph.efMax) {
    const request = { query: vector, k: limit, ef: plan.ef, allowed, allowedCount: matchCount };
    const hits = graph.search(request);
    // A walk that ends early has lost its way; the scan knows whether there are more.
    if (hits.offsets.length >= limit) return hits;
  }
  return scanSlices(segment, vectors, { query: vector, k: limit, allowed }, pause);
}

function isTooLargeToScan(
  segment: ReadableSegment,
  vectors: SearchableVectors,
  { filter, params }: SearchTask,
): boolean {
  const { config, indexedOnlyBytesMax: bytesMax } = vectors;
  if (!params.indexedOnly || bytesMax === null) return false;
  let count = Math.min(segment.pointCount(), vectors.presentCount);
  if (filter !== null) count = Math.min(count, segment.estimate(filter));
  return count * config.dimension * elementBytes(config.datatype) > bytesMax;
}

function fullScanCount({ config, rows }: SearchableVectors): number {
  const wanted = (config.hnsw.fullScanThresholdKb * 1024) / rows.rowBytes;
  return Math.min(wanted, Math.max(listCountMin, listBytesMax / rows.rowBytes));
}

async function scanSlices(
  segment: ReadableSegment,
  vectors: SearchableVectors,
  request: Pick<ScanRequest, 'query' | 'k' | 'allowed'>,
  pause: Pause,
): Promise<OffsetHits> {
  const { rows, rowCount } = vectors;
  // A multiple of 32, so that slices begin at a word of the bitmaps.
  const step = Math.max(32, Math.floor(sliceBytes / rows.rowBytes / 32) * 32);
  if (rowCount <= step) return rows.scan({ ...request, from: 0, to: rowCount });
  const best = new TopK(request.k);
  for (let from = 0; from < rowCount; from += step) {
    if (from > 0) await pause();
    const to = Math.min(rowCount, from + step);
    const { offsets, sims } = await rows.scan({ ...request, from, to });
    for (let at = 0; at < offsets.length; at += 1) {
      best.offer(sims[at] as number, offsets[at] as number);
    }
  }
  return liveOnly(segment, best);
}

/** Without the points that were removed during the pauses. */
function liveOnly(segment: ReadableSegment, best: TopK): OffsetHits {
  const { scores, indexes } = best.drain();
  const offsets = indexes.filter((offset) => segment.isLive(offset));
  if (offsets.length === indexes.length) return { offsets, sims: scores };
  return { offsets, sims: scores.filter((_, at) => segment.isLive(indexes[at] as number)) };
}
