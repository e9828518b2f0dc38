// Where everything lies, as this instance sees it: one instance belongs to one thread and one
// memory. TypeScript (src/kernels/layout.ts) decides the layout and tells it once through the
// `set…` functions; nothing here allocates, and every pointer is a byte address in the shared
// memory.

/** Numbers agreed with src/kernels/layout.ts. */
export const F32: i32 = 0;
export const F16: i32 = 1;
export const U8: i32 = 2;
export const DOT: i32 = 0;
export const EUCLID: i32 = 1;
export const MANHATTAN: i32 = 2;
export const COSINE_U8: i32 = 3;

// The exact vectors: `rowStride` bytes each, padded with zeros to a multiple of 16.
export let dimension: i32 = 0;
export let element: i32 = F32;
export let metric: i32 = DOT;
export let rows: usize = 0;
export let rowStride: usize = 0;
/** The query as exact row: f32 for f32 and f16 elements, u8 for u8 elements. */
export let query: usize = 0;

export function setRows(
  rowsAt: usize,
  stride: usize,
  dimensionOf: i32,
  elementOf: i32,
  metricOf: i32,
  queryAt: usize,
): void {
  rows = rowsAt;
  rowStride = stride;
  dimension = dimensionOf;
  element = elementOf;
  metric = metricOf;
  query = queryAt;
}

// The codes: one byte 0…127 per component, padded with the middle value 64.
export let codeRows: usize = 0;
export let codeBytes: usize = 0;
export let codeScale: usize = 0;
export let mean: usize = 0;
export let queryCode: usize = 0;
export let widened: usize = 0;

export function setCodes(
  codeParametersAt: usize,
  codeRowsAt: usize,
  bytes: usize,
  queryCodeAt: usize,
  widenedAt: usize,
): void {
  codeScale = codeParametersAt;
  mean = codeParametersAt + 64;
  codeRows = codeRowsAt;
  codeBytes = bytes;
  queryCode = queryCodeAt;
  widened = widenedAt;
}

// The graph. Links are offsets plus 1; 0 ends a list. The head is four u32: entry point plus 1,
// highest level, used words of the pool, linked points.
export let head: usize = 0;
export let linked: usize = 0;
export let upperIndex: usize = 0;
export let level0: usize = 0;
export let pool: usize = 0;
export let poolWords: u32 = 0;
export let locks: usize = 0;
export let lockMask: u32 = 0;
export let m: i32 = 0;
export let m0: i32 = 0;
export let efConstruct: i32 = 0;

export const HEAD_ENTRY: usize = 0;
export const HEAD_LEVEL_MAX: usize = 4;
export const HEAD_POOL_USED: usize = 8;
export const HEAD_LINKED_COUNT: usize = 12;

export function setGraph(
  headAt: usize,
  linkedAt: usize,
  upperIndexAt: usize,
  level0At: usize,
  poolAt: usize,
  words: u32,
): void {
  head = headAt;
  linked = linkedAt;
  upperIndex = upperIndexAt;
  level0 = level0At;
  pool = poolAt;
  poolWords = words;
}

export function setBuild(
  locksAt: usize,
  lockCount: u32,
  upperLinks: i32,
  baseLinks: i32,
  ef: i32,
): void {
  locks = locksAt;
  lockMask = lockCount - 1;
  m = upperLinks;
  m0 = baseLinks;
  efConstruct = ef;
}

// The scratch of this thread.
export let visited: usize = 0;
export let visitedBytes: usize = 0;
/** Visited points in the order of their visit, as far as there is room. */
export let trail: usize = 0;
export let trailLength: i32 = 0;
export let results: usize = 0;
export let frontier: usize = 0;
export let frontierLength: i32 = 0;
/** Ids of one step and their scores: room for the links of all points expanded in it, and more. */
export let batch: usize = 0;
export let batchScores: usize = 0;
export let buildScratch: usize = 0;

export function setScratch(
  visitedAt: usize,
  bytes: usize,
  trailAt: usize,
  trailRoom: i32,
  resultsAt: usize,
  frontierAt: usize,
  frontierRoom: i32,
  batchAt: usize,
  batchScoresAt: usize,
  buildAt: usize,
): void {
  visited = visitedAt;
  visitedBytes = bytes;
  trail = trailAt;
  trailLength = trailRoom;
  results = resultsAt;
  frontier = frontierAt;
  frontierLength = frontierRoom;
  batch = batchAt;
  batchScores = batchScoresAt;
  buildScratch = buildAt;
}
