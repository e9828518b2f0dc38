// Decides, purely, what should be done with the segments of a shard: when the memory segment is
// sealed, and which segments are rebuilt into one. `optimizer.ts` carries it out.
//
// Life of a point: memory → sealed (frozen, waits) → published plain → published with a graph.
// The step from sealed to published ("flush") is quick and no optimization: it frees the log. What
// is published is then rebuilt by one of the four optimizations, in this order of urgency:
//   indexing         unindexed data of at least `indexing_threshold` gets a graph, together with the
//                    smaller graphs: sizes grow geometrically, so a point is rebuilt O(log n) times
//   merge            too many small segments
//   vacuum           too many deleted points
//   config mismatch  built with settings that have changed since

import {
  elementBytes,
  type OptimizerConfig,
  type ShardConfig,
} from '../model/collection-config.ts';

export type OptimizerName = 'indexing' | 'merge' | 'vacuum' | 'config mismatch';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export interface SegmentFacts {
  readonly id: string;
  readonly stage: 'memory' | 'sealed' | 'published';
  /** Live points. */
  readonly pointCount: number;
  readonly deletedCount: number;
  /** Bytes of live vectors in the largest storage of the segment. */
  readonly vectorBytes: number;
  /** Built with graphs. */
  readonly indexed: boolean;
  /** Built with the settings that are in force. */
  readonly fits: boolean;
}

export interface PlannedJob {
  readonly optimizer: OptimizerName;
  readonly segmentIds: readonly string[];
  readonly withGraph: boolean;
}

/** The limits in force, resolved from a collection's config. */
export interface PlanRules {
  /**
   * `max_optimization_threads: 0` switches optimizations off; plans are still made for the status.
   */
  readonly enabled: boolean;
  /** Infinity: no graphs are built. */
  readonly indexingBytesMin: number;
  readonly segmentBytesMax: number;
  readonly segmentPointsMax: number;
  readonly sealVectorBytes: number;
  readonly sealPayloadBytes: number;
  readonly sealLogBytes: number;
  /** More segments without a graph than this are merged. */
  readonly segmentCountMax: number;
  readonly graphCountMax: number;
  readonly growthFactorMax: number;
  readonly deletedShareMax: number;
  readonly vacuumPointsMin: number;
}

/**
 * A larger segment joins a rebuild only if it is at most this many times what it joins. An old
 * graph is taken over, so what a rebuild costs for old points is copying and writing them.
 */
const growthFactorMax = 3;
/** Fewer segments are better for searches, and a shard at rest has the time. */
const growthFactorMaxAtRest = 16;
/** Growth keeps the number of graphs below this; more come of changed settings. */
const graphCountMax = 8;
/** A shard at rest that has graphs already gives a graph to a remainder of at least this size. */
const restBytesMin = MiB;
/** Points at rest are worth a segment of their own from this size on. */
const restSealBytesMin = 256 * KiB;
/** Kernel memory of one segment is 4 GiB at most; the rest is room for alignment and scratch. */
const kernelBytesMax = 3.5 * GiB;
/** Memory segments are sealed at this size even when nothing is to be indexed. */
const sealVectorBytesMax = 32 * MiB;
const sealPayloadBytesMax = 64 * MiB;
/** Ids in memory are costly when vectors are tiny. */
const sealPointsMax = 250_000;
/** An ordinary batch must still fit behind a memory segment that is not full. */
const roomCountMin = 4_000;
const indexingThresholdKbDefault = 10_000;

export function resolveRules(config: ShardConfig, cpuCount: number): PlanRules {
  const { optimizer } = config;
  const thresholdKb = indexingThresholdKb(optimizer);
  const segmentBytesMax = (optimizer.max_segment_size ?? Infinity) * KiB;
  return {
    enabled: optimizer.max_optimization_threads !== 0,
    indexingBytesMin: thresholdKb === 0 ? Infinity : thresholdKb * KiB,
    segmentBytesMax,
    segmentPointsMax: Math.floor(kernelBytesMax / kernelBytesPerPoint(config)),
    sealVectorBytes: Math.min(sealVectorBytesMax, segmentBytesMax),
    sealPayloadBytes: sealPayloadBytesMax,
    sealLogBytes: config.wal.wal_capacity_mb * MiB,
    segmentCountMax: defaultSegmentNumber(optimizer.default_segment_number, cpuCount),
    graphCountMax,
    growthFactorMax,
    deletedShareMax: optimizer.deleted_threshold,
    vacuumPointsMin: optimizer.vacuum_min_vector_number,
  };
}

export function indexingThresholdKb(optimizer: OptimizerConfig): number {
  return optimizer.indexing_threshold ?? indexingThresholdKbDefault;
}

/** `default_segment_number`, with 0 resolved as storage §4 says. */
export function defaultSegmentNumber(configured: number, cpuCount: number): number {
  if (configured > 0) return configured;
  return Math.min(8, Math.max(2, Math.floor(cpuCount / 2)));
}

/** Row, code, links of all levels, bitmaps: what a point takes of a graph's memory at most. */
function kernelBytesPerPoint(config: ShardConfig): number {
  const perVector = config.vectors.map(({ dimension, datatype, hnsw }) => {
    return dimension * (elementBytes(datatype) + 1) + hnsw.m * 11 + 64;
  });
  return Math.max(64, ...perVector);
}

export interface MemoryFacts {
  /** Points in it, deleted ones included: a segment without any is not worth sealing. */
  readonly offsetCount: number;
  /** Further points that fit into its memory. */
  readonly roomCount: number;
  readonly vectorBytes: number;
  readonly payloadBytes: number;
  /** Bytes of log since the last seal: what a restart would have to replay. */
  readonly logBytes: number;
}

/** Whether the memory segment has to be sealed whatever the optimizers do. */
export function isMemoryFull(memory: MemoryFacts, rules: PlanRules): boolean {
  if (memory.logBytes >= rules.sealLogBytes) return true;
  if (memory.offsetCount === 0) return false;
  if (memory.offsetCount >= sealPointsMax || memory.roomCount < roomCountMin) return true;
  if (memory.vectorBytes >= rules.sealVectorBytes) return true;
  return memory.payloadBytes >= rules.sealPayloadBytes;
}

/**
 * A shard that takes no updates for a while is made ready for searches: what is in memory becomes a
 * segment that every thread searches in place, and what has no graph joins those that have one.
 */
export function rulesAtRest(rules: PlanRules, segments: readonly SegmentFacts[]): PlanRules {
  if (!segments.some((segment) => segment.indexed)) return rules;
  const { indexingBytesMin } = rules;
  return {
    ...rules,
    indexingBytesMin:
      indexingBytesMin === Infinity ? Infinity : Math.min(indexingBytesMin, restBytesMin),
    graphCountMax: 1,
    growthFactorMax: growthFactorMaxAtRest,
  };
}

export function isWorthSealingAtRest(memory: MemoryFacts): boolean {
  if (memory.offsetCount === 0) return false;
  return memory.vectorBytes >= restSealBytesMin || memory.payloadBytes >= 16 * restSealBytesMin;
}

/** All that should be done now, most urgent first; no segment comes twice. */
export function planOptimizations(
  segments: readonly SegmentFacts[],
  rules: PlanRules,
): readonly PlannedJob[] {
  const jobs: PlannedJob[] = [];
  let rest = segments;
  for (;;) {
    const job = planNext(rest, rules);
    if (job === null) return jobs;
    jobs.push(job);
    rest = rest.filter((segment) => !job.segmentIds.includes(segment.id));
  }
}

function planNext(segments: readonly SegmentFacts[], rules: PlanRules): PlannedJob | null {
  return (
    planIndexing(segments, rules) ??
    planMerge(segments, rules) ??
    planVacuum(segments, rules) ??
    planMismatch(segments, rules)
  );
}

function planIndexing(segments: readonly SegmentFacts[], rules: PlanRules): PlannedJob | null {
  const unindexed = bySize(segments.filter((segment) => !segment.indexed && hasPoints(segment)));
  if (sumBytes(unindexed) < rules.indexingBytesMin) return null;
  const largest = unindexed.at(-1);
  if (largest === undefined) return null;
  // The largest first, so that something is indexed even where not everything fits into one.
  const chosen = [largest];
  for (const segment of unindexed.slice(0, -1)) {
    if (fitTogether([...chosen, segment], rules)) chosen.push(segment);
  }
  if (sumBytes(chosen) < rules.indexingBytesMin) return null;
  const graphs = bySize(segments.filter((segment) => segment.indexed));
  return makeJob('indexing', withSmaller(chosen, graphs, rules), rules);
}

function planMerge(segments: readonly SegmentFacts[], rules: PlanRules): PlannedJob | null {
  const published = bySize(segments.filter((segment) => segment.stage === 'published'));
  const plain = published.filter((segment) => !segment.indexed);
  const graphs = published.filter((segment) => segment.indexed);
  const [first, second] = plain;
  if (plain.length > rules.segmentCountMax && first !== undefined && second !== undefined) {
    const start = [first, second];
    if (fitTogether(start, rules)) {
      return makeJob('merge', withSmaller(start, plain.slice(2), rules), rules);
    }
  }
  if (graphs.length <= rules.graphCountMax) return null;
  for (const [at, graph] of graphs.entries()) {
    const joined = withSmaller([graph], graphs.slice(at + 1), rules);
    if (joined.length > 1) return makeJob('merge', joined, rules);
  }
  return null;
}

function planVacuum(segments: readonly SegmentFacts[], rules: PlanRules): PlannedJob | null {
  const wasteful = segments.filter((segment) => {
    const total = segment.pointCount + segment.deletedCount;
    if (segment.stage !== 'published' || total < rules.vacuumPointsMin) return false;
    return deletedShare(segment) > rules.deletedShareMax;
  });
  const [worst] = wasteful.toSorted((a, b) => deletedShare(b) - deletedShare(a));
  return worst === undefined ? null : makeJob('vacuum', [worst], rules);
}

function planMismatch(segments: readonly SegmentFacts[], rules: PlanRules): PlannedJob | null {
  const other = segments.filter((segment) => segment.stage === 'published' && !segment.fits);
  const largest = bySize(other).at(-1);
  return largest === undefined ? null : makeJob('config mismatch', [largest], rules);
}

function makeJob(
  optimizer: OptimizerName,
  segments: readonly SegmentFacts[],
  rules: PlanRules,
): PlannedJob {
  return {
    optimizer,
    segmentIds: segments.map((segment) => segment.id),
    withGraph:
      sumBytes(segments) >= rules.indexingBytesMin ||
      (segments.every((segment) => segment.indexed) && rules.indexingBytesMin !== Infinity),
  };
}

/** Adds larger segments, ascending, as long as each is not much larger than what it joins. */
function withSmaller(
  chosen: readonly SegmentFacts[],
  candidates: readonly SegmentFacts[],
  rules: PlanRules,
): readonly SegmentFacts[] {
  const joined = [...chosen];
  for (const candidate of candidates) {
    if (candidate.vectorBytes > rules.growthFactorMax * sumBytes(joined)) break;
    if (!fitTogether([...joined, candidate], rules)) break;
    joined.push(candidate);
  }
  return joined;
}

function fitTogether(segments: readonly SegmentFacts[], rules: PlanRules): boolean {
  if (sumBytes(segments) > rules.segmentBytesMax) return false;
  const pointCount = segments.reduce((sum, segment) => sum + segment.pointCount, 0);
  return pointCount <= rules.segmentPointsMax;
}

function hasPoints(segment: SegmentFacts): boolean {
  return segment.pointCount > 0;
}

function deletedShare(segment: SegmentFacts): number {
  return segment.deletedCount / (segment.pointCount + segment.deletedCount);
}

function sumBytes(segments: readonly SegmentFacts[]): number {
  return segments.reduce((sum, segment) => sum + segment.vectorBytes, 0);
}

/** Smallest first; of equal ones the first in the alphabet, so that a plan is repeatable. */
function bySize(segments: readonly SegmentFacts[]): readonly SegmentFacts[] {
  return segments.toSorted((a, b) => a.vectorBytes - b.vectorBytes || (a.id < b.id ? -1 : 1));
}
