// Scores on codes. A row is centred (minus the segment's mean vector) and rotated, so that all its
// components are about alike; then a component x becomes u = round(x / scale) + 64, cut to 0…127,
// so that it can be the 7-bit operand of the relaxed dot product. A query for a dot product becomes
// signed bytes v = round(q / t): its score Σ u·v orders points as q·x does, because what is left
// out (q·mean and 64·Σv) is the same for all of them. For euclid and manhattan the query is coded
// as a row, and differences of codes are taken; the build compares rows with each other that way
// too.

import { exactRow, widenHalf } from './exact';
import {
  COSINE_U8, F16, F32, MANHATTAN, codeBytes, codeRows, codeScale, dimension, element, mean, metric, queryCode,
  rowStride, rows, widened,
} from './state';
import { orderedBits } from './top-k';

/** How a walk scores points. */
export const WALK_DOT: i32 = 0;
export const WALK_EUCLID: i32 = 1;
export const WALK_MANHATTAN: i32 = 2;
/** The inner product of two rows, for the build: the query is a row's code. */
export const WALK_INNER: i32 = 3;
/** Exact scores, for queries that lie too far outside the codes. */
export const WALK_EXACT: i32 = 4;

/** acc + the sixteen products of signed `x` and 7-bit `y`, four by four. */
// @ts-ignore: decorator
@inline
function dotAdd(x: v128, y: v128, acc: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return i32x4.add(acc, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(x, y), i16x8.splat(1)));
  } else {
    const low = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(x), i16x8.extend_low_i8x16_s(y));
    const high = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(x), i16x8.extend_high_i8x16_s(y));
    return i32x4.add(acc, i32x4.add(low, high));
  }
}

// @ts-ignore: decorator
@inline
function accumulate(mode: i32, stored: v128, query: v128, acc: v128): v128 {
  if (mode == WALK_DOT || mode == WALK_INNER) return dotAdd(query, stored, acc);
  const difference = i8x16.abs(i8x16.sub(stored, query));
  if (mode == WALK_EUCLID) return dotAdd(difference, difference, acc);
  return i32x4.add(acc, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(difference)));
}

// @ts-ignore: decorator
@inline
function total(mode: i32, v: v128): i32 {
  const pairs = i32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  const sum = i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
  return mode == WALK_DOT || mode == WALK_INNER ? sum : -sum;
}

/** What is combined with stored bytes: for an inner product of rows, the signed query. */
// @ts-ignore: decorator
@inline
function loadQuery(mode: i32, query: usize): v128 {
  const bytes = v128.load(query);
  return mode == WALK_INNER ? i8x16.sub(bytes, i8x16.splat(64)) : bytes;
}

/** Σ (q - 64)(u - 64) is Σ (q - 64)·u less this: what the middle value of u adds. */
// @ts-ignore: decorator
@inline
function middleAdd(mode: i32, q: v128, acc: v128): v128 {
  return mode == WALK_INNER ? dotAdd(q, i8x16.splat(64), acc) : acc;
}

// @ts-ignore: decorator
@inline
function codeAt(id: u32): usize {
  return codeRows + <usize>id * codeBytes;
}

// @ts-ignore: decorator
@inline
function scoreOneOf(mode: i32, query: usize, row: usize): i32 {
  let acc = i32x4.splat(0), middle = i32x4.splat(0);
  for (let i: usize = 0, n = codeBytes; i < n; i += 16) {
    const q = loadQuery(mode, query + i);
    middle = middleAdd(mode, q, middle);
    acc = accumulate(mode, v128.load(row + i), q, acc);
  }
  return total(mode, i32x4.sub(acc, middle));
}

export function scoreOne(mode: i32, query: usize, row: usize): i32 {
  if (mode == WALK_EUCLID) return scoreOneOf(WALK_EUCLID, query, row);
  if (mode == WALK_INNER) return scoreOneOf(WALK_INNER, query, row);
  return mode == WALK_DOT
    ? scoreOneOf(WALK_DOT, query, row)
    : scoreOneOf(WALK_MANHATTAN, query, row);
}

// Four rows side by side: one load of the query serves all, and their cache misses overlap.
// @ts-ignore: decorator
@inline
function scoreBatchOf(mode: i32, query: usize, ids: usize, count: i32, scores: usize): void {
  const n = codeBytes;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    const a = codeAt(load<u32>(ids + at)), b = codeAt(load<u32>(ids + at, 4));
    const c = codeAt(load<u32>(ids + at, 8)), d = codeAt(load<u32>(ids + at, 12));
    let sa = i32x4.splat(0), sb = i32x4.splat(0), sc = i32x4.splat(0), sd = i32x4.splat(0);
    let middle = i32x4.splat(0);
    for (let j: usize = 0; j < n; j += 16) {
      const q = loadQuery(mode, query + j);
      middle = middleAdd(mode, q, middle);
      sa = accumulate(mode, v128.load(a + j), q, sa);
      sb = accumulate(mode, v128.load(b + j), q, sb);
      sc = accumulate(mode, v128.load(c + j), q, sc);
      sd = accumulate(mode, v128.load(d + j), q, sd);
    }
    if (mode == WALK_INNER) {
      sa = i32x4.sub(sa, middle), sb = i32x4.sub(sb, middle);
      sc = i32x4.sub(sc, middle), sd = i32x4.sub(sd, middle);
    }
    // Transposing adds: lane i of the sum is the total of row i.
    const ab = i32x4.add(v128.shuffle<i32>(sa, sb, 0, 4, 1, 5), v128.shuffle<i32>(sa, sb, 2, 6, 3, 7));
    const cd = i32x4.add(v128.shuffle<i32>(sc, sd, 0, 4, 1, 5), v128.shuffle<i32>(sc, sd, 2, 6, 3, 7));
    const sums = i32x4.add(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
    const rising = mode == WALK_DOT || mode == WALK_INNER;
    v128.store(scores + at, rising ? sums : i32x4.neg(sums));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<i32>(scores + at, scoreOneOf(mode, query, codeAt(load<u32>(ids + at))));
  }
}

function scoreBatchExact(ids: usize, count: i32, scores: usize): void {
  for (let i = 0; i < count; i++) {
    const at = <usize>i << 2;
    const row = rows + <usize>load<u32>(ids + at) * rowStride;
    store<i32>(scores + at, orderedBits(exactRow(row)));
  }
}

/** Scores the codes of the listed points. */
export function scoreBatch(mode: i32, query: usize, ids: usize, count: i32, scores: usize): void {
  if (mode == WALK_DOT) scoreBatchOf(WALK_DOT, query, ids, count, scores);
  else if (mode == WALK_EUCLID) scoreBatchOf(WALK_EUCLID, query, ids, count, scores);
  else if (mode == WALK_INNER) scoreBatchOf(WALK_INNER, query, ids, count, scores);
  else if (mode == WALK_EXACT) scoreBatchExact(ids, count, scores);
  else scoreBatchOf(WALK_MANHATTAN, query, ids, count, scores);
}

/** One stored row as f32 into `widened`; a cosine of bytes is coded as a unit vector. */
export function widenRow(row: usize): void {
  const n = (<usize>dimension + 3) & ~3;
  clearPadding();
  if (element == F32) {
    memory.copy(widened, row, n << 2);
  } else if (element == F16) {
    for (let i: usize = 0; i < n; i += 4) {
      v128.store(widened + (i << 2), widenHalf(v128.load64_zero(row + (i << 1))));
    }
  } else {
    for (let i: usize = 0; i < n; i++) {
      store<f32>(widened + (i << 2), <f32>load<u8>(row + i));
    }
  }
  if (metric == COSINE_U8) normalizeWidened();
}

/** The rotation leaves something in the padding. */
export function clearPadding(): void {
  const from = <usize>dimension << 2;
  memory.fill(widened + from, 0, (codeBytes << 2) - from);
}

export function normalizeWidened(): void {
  let squares: f32 = 0;
  const n = (<usize>dimension + 3) & ~3;
  for (let i: usize = 0; i < n; i++) {
    const x = load<f32>(widened + (i << 2));
    squares += x * x;
  }
  if (squares == 0) return;
  const inverse: f32 = 1 / sqrt<f32>(squares);
  for (let i: usize = 0; i < n; i++) {
    const at = widened + (i << 2);
    store<f32>(at, load<f32>(at) * inverse);
  }
}

// --- rotation ---

/** One pass of butterflies over `length` floats (a power of two, at least 16), unscaled. */
function hadamard(at: usize, length: usize): void {
  const end = at + (length << 2);
  // Distances 1 and 2 stay inside one vector of four.
  const signs1 = f32x4(1, -1, 1, -1), signs2 = f32x4(1, 1, -1, -1);
  for (let p = at; p < end; p += 16) {
    let v = v128.load(p);
    v = f32x4.add(v128.shuffle<f32>(v, v, 1, 0, 3, 2), f32x4.mul(v, signs1));
    v = f32x4.add(v128.shuffle<f32>(v, v, 2, 3, 0, 1), f32x4.mul(v, signs2));
    v128.store(p, v);
  }
  for (let half: usize = 16; half < length << 2; half <<= 1) {
    for (let block = at; block < end; block += half << 1) {
      for (let p = block; p < block + half; p += 16) {
        const x = v128.load(p), y = v128.load(p + half);
        v128.store(p, f32x4.add(x, y));
        v128.store(p + half, f32x4.sub(x, y));
      }
    }
  }
}

/**
 * Rotates `widened`: random signs, then a Walsh-Hadamard transform of the longest power of two from
 * the front and of one from the back, twice. Orthogonal, the same for all rows of the segment. A
 * Manhattan distance would not survive it and is left alone.
 */
export function rotateWidened(): void {
  if (metric == MANHATTAN) return;
  const n = codeBytes;
  const length = <usize>1 << (31 - clz<u32>(<u32>n));
  const scale = f32x4.splat(1 / sqrt<f32>(<f32>length));
  const back = widened + ((n - length) << 2);
  for (let round: usize = 0; round < 2; round++) {
    const signs = mean + ((round + 1) * n << 2);
    for (let i: usize = 0; i < n << 2; i += 16) {
      v128.store(widened + i, f32x4.mul(v128.load(widened + i), v128.load(signs + i)));
    }
    hadamard(widened, length);
    scaleFloats(widened, length, scale);
    if (length == n) continue;
    hadamard(back, length);
    scaleFloats(back, length, scale);
  }
}

function scaleFloats(at: usize, length: usize, scale: v128): void {
  for (let i: usize = 0; i < length << 2; i += 16) {
    v128.store(at + i, f32x4.mul(v128.load(at + i), scale));
  }
}

export function centreWidened(): void {
  for (let i: usize = 0, n = codeBytes << 2; i < n; i += 16) {
    v128.store(widened + i, f32x4.sub(v128.load(widened + i), v128.load(mean + i)));
  }
}

/** Codes `widened` at `code` and spoils it. Padding of row and mean must be zero. */
export function encodeWidened(code: usize): void {
  centreWidened();
  rotateWidened();
  const inverse = f32x4.splat(1 / load<f32>(codeScale));
  const middle = f32x4.splat(64);
  for (let i: usize = 0, n = codeBytes; i < n; i += 16) {
    const x0 = codeLanes(i, inverse, middle), x1 = codeLanes(i + 4, inverse, middle);
    const x2 = codeLanes(i + 8, inverse, middle), x3 = codeLanes(i + 12, inverse, middle);
    const low = i16x8.narrow_i32x4_s(x0, x1), high = i16x8.narrow_i32x4_s(x2, x3);
    const bytes = i8x16.narrow_i16x8_u(low, high);
    v128.store(code + i, i8x16.min_u(bytes, i8x16.splat(127)));
  }
}

// @ts-ignore: decorator
@inline
function codeLanes(i: usize, inverse: v128, middle: v128): v128 {
  const scaled = f32x4.mul(v128.load(widened + (i << 2)), inverse);
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.add(scaled, middle)));
}

export function encodeRows(from: u32, to: u32): void {
  for (let id = from; id < to; id++) {
    widenRow(rows + <usize>id * rowStride);
    encodeWidened(codeAt(id));
  }
}

/** Codes `widened` as the signed query of a dot product; returns t, the value of one step. */
export function encodeDotQuery(): f32 {
  rotateWidened();
  let largest = f32x4.splat(0);
  const n = codeBytes;
  for (let i: usize = 0; i < n; i += 4) {
    largest = f32x4.max(largest, f32x4.abs(v128.load(widened + (i << 2))));
  }
  const top = max(
    max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
  const step: f32 = top > 0 ? top / 127 : 1;
  const inverse = f32x4.splat(1 / step);
  for (let i: usize = 0; i < n; i += 16) {
    const low = i16x8.narrow_i32x4_s(signedLanes(i, inverse), signedLanes(i + 4, inverse));
    const high = i16x8.narrow_i32x4_s(signedLanes(i + 8, inverse), signedLanes(i + 12, inverse));
    v128.store(queryCode + i, i8x16.narrow_i16x8_s(low, high));
  }
  return step;
}

// @ts-ignore: decorator
@inline
function signedLanes(i: usize, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(widened + (i << 2)), inverse)));
}

/**
 * Codes `widened` as a row into the query's place. Returns how far its components lie outside what
 * a code can say: the mean square, in steps. Far more than 1 means that codes order points wrongly.
 */
export function encodeRowQuery(): f32 {
  encodeWidened(queryCode);
  const inverse: f32 = 1 / load<f32>(codeScale);
  let excess: f32 = 0;
  for (let i: usize = 0; i < codeBytes; i++) {
    const beyond = abs<f32>(load<f32>(widened + (i << 2)) * inverse) - 64;
    if (beyond > 0) excess += beyond * beyond;
  }
  return excess / <f32>dimension;
}
