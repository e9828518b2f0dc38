// Exact similarity of the current query and a stored row; bigger is better. There is one function
// per (element, metric), and everything that reports a score goes through `exactRow`, so the same
// pair always has the same bits. Fused multiply-add is avoided on purpose: its result would depend
// on the processor. Rows are padded with zeros, which change no sum.

import {
  COSINE_U8, DOT, EUCLID, F16, F32, dimension, element, metric, query, rowStride, rows,
} from './state';

// @ts-ignore: decorator
@inline
function sumLanes(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) +
    (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** Four f32 of a row, starting with component `i`; `E` is the element kind. */
// @ts-ignore: decorator
@inline
function load4<E>(row: usize, i: usize): v128 {
  if (isFloat<E>()) return v128.load(row + (i << 2));
  return widenHalf(v128.load64_zero(row + (i << 1)));
}

/** Four halves in the low 64 bits to four singles, exactly; infinities and subnormals included. */
// @ts-ignore: decorator
@inline
export function widenHalf(halves: v128): v128 {
  const wide = i32x4.extend_low_i16x8_u(halves);
  const sign = i32x4.shl(v128.and(wide, i32x4.splat(0x8000)), 16);
  const magnitude = i32x4.shl(v128.and(wide, i32x4.splat(0x7fff)), 13);
  const scaled = f32x4.mul(magnitude, i32x4.splat(0x77800000)); // × 2^112
  const infinite = i32x4.ge_s(magnitude, i32x4.splat(0x0f800000));
  return v128.or(v128.or(scaled, v128.and(infinite, i32x4.splat(0x7f800000))), sign);
}

function dotOf<E>(row: usize): f32 {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  const n = (<usize>dimension + 3) & ~3;
  const whole = n & ~15;
  let i: usize = 0;
  const q = query;
  for (; i < whole; i += 16) {
    const at = q + (i << 2);
    a = f32x4.add(a, f32x4.mul(load4<E>(row, i), v128.load(at)));
    b = f32x4.add(b, f32x4.mul(load4<E>(row, i + 4), v128.load(at, 16)));
    c = f32x4.add(c, f32x4.mul(load4<E>(row, i + 8), v128.load(at, 32)));
    d = f32x4.add(d, f32x4.mul(load4<E>(row, i + 12), v128.load(at, 48)));
  }
  for (; i < n; i += 4) a = f32x4.add(a, f32x4.mul(load4<E>(row, i), v128.load(q + (i << 2))));
  return sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}

// @ts-ignore: decorator
@inline
function squareDifference<E>(row: usize, i: usize, q: usize): v128 {
  const difference = f32x4.sub(load4<E>(row, i), v128.load(q + (i << 2)));
  return f32x4.mul(difference, difference);
}

function euclidOf<E>(row: usize): f32 {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  const n = (<usize>dimension + 3) & ~3;
  const whole = n & ~15;
  let i: usize = 0;
  const q = query;
  for (; i < whole; i += 16) {
    a = f32x4.add(a, squareDifference<E>(row, i, q));
    b = f32x4.add(b, squareDifference<E>(row, i + 4, q));
    c = f32x4.add(c, squareDifference<E>(row, i + 8, q));
    d = f32x4.add(d, squareDifference<E>(row, i + 12, q));
  }
  for (; i < n; i += 4) a = f32x4.add(a, squareDifference<E>(row, i, q));
  return -sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}

// @ts-ignore: decorator
@inline
function absoluteDifference<E>(row: usize, i: usize, q: usize): v128 {
  return f32x4.abs(f32x4.sub(load4<E>(row, i), v128.load(q + (i << 2))));
}

function manhattanOf<E>(row: usize): f32 {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  const n = (<usize>dimension + 3) & ~3;
  const whole = n & ~15;
  let i: usize = 0;
  const q = query;
  for (; i < whole; i += 16) {
    a = f32x4.add(a, absoluteDifference<E>(row, i, q));
    b = f32x4.add(b, absoluteDifference<E>(row, i + 4, q));
    c = f32x4.add(c, absoluteDifference<E>(row, i + 8, q));
    d = f32x4.add(d, absoluteDifference<E>(row, i + 12, q));
  }
  for (; i < n; i += 4) a = f32x4.add(a, absoluteDifference<E>(row, i, q));
  return -sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}

/** Sum of the sixteen products of unsigned bytes, as four u32. 65,536 · 255² fits in a u32. */
// @ts-ignore: decorator
@inline
function productSums(x: v128, y: v128): v128 {
  const low = i16x8.extmul_low_i8x16_u(x, y);
  const high = i16x8.extmul_high_i8x16_u(x, y);
  return i32x4.add(i32x4.extadd_pairwise_i16x8_u(low), i32x4.extadd_pairwise_i16x8_u(high));
}

// @ts-ignore: decorator
@inline
function byteDifference(x: v128, y: v128): v128 {
  return v128.or(i8x16.sub_sat_u(x, y), i8x16.sub_sat_u(y, x));
}

// @ts-ignore: decorator
@inline
function sumWords(v: v128): u32 {
  return <u32>i32x4.extract_lane(v, 0) + <u32>i32x4.extract_lane(v, 1) +
    <u32>i32x4.extract_lane(v, 2) + <u32>i32x4.extract_lane(v, 3);
}

function dotU8(row: usize): f32 {
  let sum = i32x4.splat(0);
  const n = (<usize>dimension + 15) & ~15;
  for (let i: usize = 0; i < n; i += 16) {
    sum = i32x4.add(sum, productSums(v128.load(row + i), v128.load(query + i)));
  }
  return <f32>sumWords(sum);
}

function euclidU8(row: usize): f32 {
  let sum = i32x4.splat(0);
  const n = (<usize>dimension + 15) & ~15;
  for (let i: usize = 0; i < n; i += 16) {
    const difference = byteDifference(v128.load(row + i), v128.load(query + i));
    sum = i32x4.add(sum, productSums(difference, difference));
  }
  return -<f32>sumWords(sum);
}

function manhattanU8(row: usize): f32 {
  let sum = i32x4.splat(0);
  const n = (<usize>dimension + 15) & ~15;
  for (let i: usize = 0; i < n; i += 16) {
    const difference = byteDifference(v128.load(row + i), v128.load(query + i));
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(difference)));
  }
  return -<f32>sumWords(sum);
}

function cosineU8(row: usize): f32 {
  let sum = i32x4.splat(0), mine = i32x4.splat(0), theirs = i32x4.splat(0);
  const n = (<usize>dimension + 15) & ~15;
  for (let i: usize = 0; i < n; i += 16) {
    const x = v128.load(row + i);
    const y = v128.load(query + i);
    sum = i32x4.add(sum, productSums(x, y));
    mine = i32x4.add(mine, productSums(y, y));
    theirs = i32x4.add(theirs, productSums(x, x));
  }
  const norms = <f32>sumWords(mine) * <f32>sumWords(theirs);
  return norms == 0 ? 0 : <f32>sumWords(sum) / sqrt<f32>(norms);
}

/** The exact similarity of the current query and the row at `row`. Adding 0 turns -0 into 0. */
export function exactRow(row: usize): f32 {
  if (element == F32) {
    if (metric == DOT) return dotOf<f32>(row) + 0;
    return (metric == EUCLID ? euclidOf<f32>(row) : manhattanOf<f32>(row)) + 0;
  }
  if (element == F16) {
    if (metric == DOT) return dotOf<u16>(row) + 0;
    return (metric == EUCLID ? euclidOf<u16>(row) : manhattanOf<u16>(row)) + 0;
  }
  if (metric == DOT) return dotU8(row);
  if (metric == COSINE_U8) return cosineU8(row);
  return (metric == EUCLID ? euclidU8(row) : manhattanU8(row)) + 0;
}

/** Scores the rows `ids[0..count)` of the column into `sims`. */
export function exactGather(ids: usize, count: i32, sims: usize): void {
  for (let i = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize>i << 2));
    store<f32>(sims + (<usize>i << 2), exactRow(rows + <usize>id * rowStride));
  }
}

/** Scores `count` rows that lie one after another from `block` on. */
export function exactBlock(block: usize, count: i32, sims: usize): void {
  for (let i = 0; i < count; i++) {
    store<f32>(sims + (<usize>i << 2), exactRow(block + <usize>i * rowStride));
  }
}
