// Where everything lies, as this instance sees it: one instance belongs to one thread and one
// memory. TypeScript (src/kernels/layout.ts) decides the layout and tells it once through the
// `set…` functions; nothing here allocates, and every pointer is a byte address in the shared memory.

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
