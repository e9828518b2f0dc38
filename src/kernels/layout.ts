// Where everything lies in the shared memory of one (segment, vector name). Pure arithmetic: the
// layout is a plain object that any thread can be sent, and the compiled code is told the
// addresses.
//
//   header │ hidden bits │ absent bits │ codes: parameters, rows │ graph: head, upper index,
//   level 0, upper levels │ build locks │ exact rows │ one scratch slot per thread
//
// All addresses are bytes, all sections start at a multiple of 64, all rows at a multiple of 16.

import { assert } from '../base/assert.ts';

export type VectorElement = 'f32' | 'f16' | 'u8';
/** `cosine` on f32 and f16 is the dot product of vectors that the caller has normalised. */
export type VectorMetric = 'dot' | 'cosine' | 'euclid' | 'manhattan';

export interface GraphSpec {
  /** Links per point on each upper level; at least 1. */
  readonly m: number;
  /** Links per point on level 0. */
  readonly m0: number;
  /** Candidates kept while a point is inserted. */
  readonly efConstruct: number;
}

export interface VectorSpec {
  /** Offsets are below this; at least 1. */
  readonly pointCapacity: number;
  readonly dimension: number;
  readonly element: VectorElement;
  readonly metric: VectorMetric;
  /** False for vectors on disk: codes and graph only, the caller rescores from disk. */
  readonly keepVectors: boolean;
  readonly graph: GraphSpec | null;
  /** One byte per component, walked by the graph search; needed when there is a graph. */
  readonly codes: boolean;
  /** How many threads may use the memory at once; each opens it with its own slot number. */
  readonly slotCount: number;
}

export interface GraphLayout extends GraphSpec {
  /** 64 bytes: entry point, levels, counts. Persisted with the graph. */
  readonly head: number;
  /** A bit per point that is in the graph. */
  readonly linked: number;
  /** u32 per point: where its upper links begin in the pool, plus 1; 0 for most. */
  readonly upperIndex: number;
  /** m0 u32 per point: offset plus 1, 0 ends the list. */
  readonly level0: number;
  /** Records of one u32 (the level) and m u32 per level. */
  readonly pool: number;
  readonly poolWords: number;
  /** Spin locks of the parallel build. Not persisted. */
  readonly locks: number;
  readonly lockCount: number;
}

export interface SlotLayout {
  /** The query as exact row. */
  readonly query: number;
  /** The query as bytes for the codes. */
  readonly queryCode: number;
  /** One row of f32, for conversions. */
  readonly widened: number;
  /** A bit per point. */
  readonly visited: number;
  /** The points visited by a walk, `trailLength` of them at most. */
  readonly trail: number;
  /** A bit per point: the filter of the search. */
  readonly allowed: number;
  /** Keys of results; `heapLength` of them. */
  readonly results: number;
  /** Keys still to expand; `frontierLength` of them. */
  readonly frontier: number;
  /** Ids and similarities going in and out, `heapLength` of each. */
  readonly ids: number;
  readonly sims: number;
  /** Ids and scores of one step of a walk: the links of the points expanded, and a few more. */
  readonly batch: number;
  readonly batchScores: number;
  /** For the build: kept neighbours of each level, and one list being pruned. */
  readonly build: number;
  /** Raw rows on their way to be scored; `blockBytes` of them. */
  readonly block: number;
}

interface Lengths {
  /** Bytes of one exact row and of one code row. */
  readonly rowBytes: number;
  readonly codeBytes: number;
  readonly bitmapBytes: number;
  readonly heapLength: number;
  readonly frontierLength: number;
  readonly trailLength: number;
  readonly blockBytes: number;
}

export interface VectorLayout extends Lengths {
  readonly spec: VectorSpec;
  readonly bytes: number;
  readonly header: number;
  readonly hidden: number;
  readonly absent: number;
  /** 64 bytes of parameters, the mean vector, two vectors of signs (f32); 0 without codes. */
  readonly codeParameters: number;
  readonly codeRows: number;
  readonly codeEnd: number;
  readonly graph: GraphLayout | null;
  /** 0 when vectors are not kept. */
  readonly rows: number;
  /** Of slot 0; slot i lies `slotBytes · i` further. */
  readonly slot: SlotLayout;
  readonly slotBytes: number;
}

export const memoryBytesMax = 2 ** 32 - 65_536;
export const heapLengthMax = 16_384;
const frontierLengthMax = 65_536;
const trailLengthMax = 16_384;
/** Never below 8, so that tiny segments need no special case. */
const lengthMin = 64;

/** Words of the header (u32 each), agreed with assembly/state.ts. */
export const headerWord = {
  hiddenCount: 0,
  cursor: 2,
  serialState: 3,
  finishedCount: 4,
  absentCount: 5,
} as const;
export const headerBytes = 256;
const graphHeadBytes = 64;
export const codeParameterBytes = 64;

function align(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}

const elementBytes = { f32: 4, f16: 2, u8: 1 } as const;

/** Bytes of one stored row: the components, padded with zeros to a multiple of 16. */
export function rowBytesOf(dimension: number, element: VectorElement): number {
  return align(dimension * elementBytes[element], 16);
}

/** Hands out consecutive, aligned ranges. */
class Cursor {
  at: number;

  constructor(at: number) {
    this.at = at;
  }

  take(bytes: number): number {
    const start = align(this.at, 64);
    this.at = start + bytes;
    return start;
  }
}

/** Room for the upper levels: their expected number plus eight standard deviations. */
function poolWordsOf(pointCapacity: number, m: number): number {
  const base = Math.max(m, 2);
  const nodes = pointCapacity / base;
  const lists = pointCapacity / (base - 1);
  const slack = 8 * Math.sqrt(lists) + 16;
  return Math.ceil(nodes + slack) + Math.ceil(lists + slack) * m;
}

function layGraph(cursor: Cursor, graph: GraphSpec, pointCapacity: number): GraphLayout {
  const head = cursor.take(graphHeadBytes);
  const linked = cursor.take(align(Math.ceil(pointCapacity / 8), 64));
  const upperIndex = cursor.take(pointCapacity * 4);
  const level0 = cursor.take(pointCapacity * graph.m0 * 4);
  const poolWords = poolWordsOf(pointCapacity, graph.m);
  const pool = cursor.take(poolWords * 4);
  const lockCount = pointCapacity < 4096 ? 256 : 8192;
  const locks = cursor.take(lockCount * 4);
  const places = { head, linked, upperIndex, level0, pool, poolWords, locks, lockCount };
  return { ...graph, ...places };
}

/** Agreed with assembly/insert.ts. */
const levelLimit = 16;
/** Points expanded in one step of a walk; agreed with assembly/walk.ts. */
const stepWidth = 4;

function buildScratchBytes(graph: GraphSpec | null): number {
  if (graph === null) return 0;
  const keptLists = (levelLimit + 1) * (graph.m0 + 1) * 4;
  const prunedList = (graph.m0 + 2) * 12;
  return keptLists + prunedList + 64;
}

function lengthsOf({ pointCapacity, dimension, element }: VectorSpec): Lengths {
  const rowBytes = rowBytesOf(dimension, element);
  return {
    rowBytes,
    codeBytes: align(dimension, 16),
    bitmapBytes: align(Math.ceil(pointCapacity / 8), 64),
    heapLength: Math.min(heapLengthMax, Math.max(lengthMin, pointCapacity)),
    frontierLength: Math.min(frontierLengthMax, Math.max(lengthMin, pointCapacity)),
    trailLength: Math.min(trailLengthMax, pointCapacity),
    blockBytes: Math.max(rowBytes, Math.min(65_536, align(pointCapacity * rowBytes, 64))),
  };
}

function laySlot(cursor: Cursor, { graph, dimension }: VectorSpec, lengths: Lengths): SlotLayout {
  const queryBytes = align(dimension, 16) * 4;
  const batchLength = (graph?.m0 ?? 0) * stepWidth + (graph?.m ?? 0) + 8;
  return {
    query: cursor.take(queryBytes),
    queryCode: cursor.take(lengths.codeBytes),
    widened: cursor.take(queryBytes),
    visited: cursor.take(lengths.bitmapBytes),
    trail: cursor.take(lengths.trailLength * 4),
    allowed: cursor.take(lengths.bitmapBytes),
    results: cursor.take(lengths.heapLength * 8),
    frontier: cursor.take(lengths.frontierLength * 8),
    ids: cursor.take(lengths.heapLength * 4),
    sims: cursor.take(lengths.heapLength * 4),
    batch: cursor.take(batchLength * 4),
    batchScores: cursor.take(batchLength * 4),
    build: cursor.take(buildScratchBytes(graph)),
    block: cursor.take(lengths.blockBytes),
  };
}

function assertSpec({ pointCapacity, dimension, graph, codes, slotCount }: VectorSpec): void {
  assert(pointCapacity >= 1 && pointCapacity < 2 ** 31, () => `${pointCapacity} points`);
  assert(dimension >= 1 && dimension <= 65_536, () => `dimension ${dimension}`);
  assert(slotCount >= 1, () => `${slotCount} slots`);
  if (graph === null) return;
  assert(codes, 'a graph needs codes');
  assert(graph.m >= 1 && graph.m0 >= graph.m, () => `links ${graph.m}, ${graph.m0} on level 0`);
}

/** The whole layout, or null when it does not fit into one memory of 4 GiB. */
export function layVectors(spec: VectorSpec): VectorLayout | null {
  assertSpec(spec);
  const { pointCapacity } = spec;
  const lengths = lengthsOf(spec);
  const { bitmapBytes, codeBytes } = lengths;
  const cursor = new Cursor(0);
  const header = cursor.take(headerBytes);
  const hidden = cursor.take(bitmapBytes);
  const absent = cursor.take(bitmapBytes);
  const codeParameters = spec.codes ? cursor.take(codeParameterBytes + codeBytes * 4 * 3) : 0;
  const codeRows = spec.codes ? cursor.take(pointCapacity * codeBytes) : 0;
  const codeEnd = spec.codes ? cursor.at : 0;
  const graph = spec.graph === null ? null : layGraph(cursor, spec.graph, pointCapacity);
  const rows = spec.keepVectors ? cursor.take(pointCapacity * lengths.rowBytes) : 0;
  const slotStart = cursor.take(0);
  const slot = laySlot(cursor, spec, lengths);
  const slotBytes = cursor.take(0) - slotStart;
  const bytes = slotStart + slotBytes * spec.slotCount;
  if (bytes > memoryBytesMax) return null;
  return {
    ...lengths,
    spec,
    bytes,
    header,
    hidden,
    absent,
    codeParameters,
    codeRows,
    codeEnd,
    graph,
    rows,
    slot,
    slotBytes,
  };
}

/** The same scratch slot for another thread. */
export function slotAt(layout: VectorLayout, slot: number): SlotLayout {
  const by = layout.slotBytes * slot;
  const entries = Object.entries(layout.slot).map(([name, at]) => [name, Number(at) + by] as const);
  return Object.fromEntries(entries) as unknown as SlotLayout;
}
