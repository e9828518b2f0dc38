// One search: down the upper levels, a walk on level 0 or a scan of codes, then exact scores for
// what was found. Candidates are beam keys (walk.ts) in `results`.

import { scoreBatch } from './codes';
import { exactRow } from './exact';
import {
  batch, batchScores, frontier, frontierLength, queryCode, results, rowStride, rows,
} from './state';
import {
  keyOf, orderedBits, pushMin, replaceMin, scoreOfKey, simOfBits, sortDescending,
} from './top-k';
import {
  SEED_COUNT, STEP_WIDTH, beamKey, gatherNeighbours, idOfBeam, leaveTrail, scoreOfBeam, seed, touchCodes,
  touchLinks, walkBeam,
} from './walk';

/** The plain walk: no filter, no tombstones. The candidates come sorted, best first. */
export function searchAll(mode: i32, ef: i32): i32 {
  const size = seed(mode, queryCode, results);
  return walkBeam(mode, queryCode, 0, results, size, ef);
}

// The filter of the running search: a point counts if its bit, xor-ed with `flip`, is set.
let filter: usize = 0;
let flip: u32 = 0;
/** Keys in `frontier`: a min-heap of complements, which is a max-heap. */
let waiting: i32 = 0;

// @ts-ignore: decorator
@inline
function isAdmitted(id: u32): bool {
  return (((load<u32>(filter + (<usize>(id >> 5) << 2)) ^ flip) >> (id & 31)) & 1) != 0;
}

// @ts-ignore: decorator
@inline
function addWaiting(key: u64): void {
  if (waiting < frontierLength) pushMin(frontier, waiting++, ~key);
}

// @ts-ignore: decorator
@inline
function dropBestWaiting(): void {
  waiting--;
  if (waiting > 0) replaceMin(frontier, waiting, load<u64>(frontier + (<usize>waiting << 3)));
}

// @ts-ignore: decorator
@inline
function offer(key: u64, size: i32, ef: i32): i32 {
  if (size < ef) {
    pushMin(results, size, key);
    return size + 1;
  }
  if (key > load<u64>(results)) replaceMin(results, ef, key);
  return size;
}

/**
 * Goes on from what waits until the next point is worse than the worst of `ef` admitted ones; these
 * are a min-heap of `size` candidates. Returns its new size, or -1 when more than `budget` points
 * were scored.
 */
function walkFiltered(mode: i32, size: i32, ef: i32, budget: i32): i32 {
  let left = budget;
  let worst: u64 = size == ef ? load<u64>(results) : 0;
  while (true) {
    let picked = 0;
    // Their ids lie in `batchScores` until there are scores.
    while (picked < STEP_WIDTH && waiting > 0) {
      const next = ~load<u64>(frontier);
      if (next < worst) break;
      dropBestWaiting();
      touchLinks(next, 0);
      store<u32>(batchScores + (<usize>(picked++) << 2), idOfBeam(next));
    }
    if (picked == 0) break;
    let count = 0;
    for (let i = 0; i < picked; i++) {
      count = gatherNeighbours(load<u32>(batchScores + (<usize>i << 2)), 0, count);
    }
    leaveTrail(count);
    left -= count;
    if (left < 0) return -1;
    touchCodes(count);
    scoreBatch(mode, queryCode, batch, count, batchScores);
    for (let i = 0; i < count; i++) {
      const at = <usize>i << 2;
      const id = load<u32>(batch + at);
      const key = beamKey(load<i32>(batchScores + at), id);
      if (key < worst) continue;
      addWaiting(key);
      if (!isAdmitted(id)) continue;
      size = offer(key, size, ef);
      if (size == ef) worst = load<u64>(results);
    }
  }
  return size;
}

/**
 * The walk with a filter: everything is walked through, only admitted points become candidates, a
 * min-heap. It gives up and returns -1 when more than `budget` points were scored: then the filter
 * excludes just what is near the query.
 */
export function searchFiltered(mode: i32, ef: i32, bitmap: usize, flipOf: u32, budget: i32): i32 {
  filter = bitmap;
  flip = flipOf;
  // Room for the seeds while both heaps are being filled.
  const seeds = frontier + (<usize>(frontierLength - SEED_COUNT) << 3);
  const seedCount = seed(mode, queryCode, seeds);
  waiting = 0;
  let size = 0;
  for (let i = 0; i < seedCount; i++) {
    const key = load<u64>(seeds + (<usize>i << 3));
    addWaiting(key);
    if (isAdmitted(idOfBeam(key))) size = offer(key, size, ef);
  }
  return walkFiltered(mode, size, ef, budget);
}

/** Fits into any `batch`. */
const SCAN_BATCH: i32 = 16;

/** Scores the codes of all points whose bit is set; the best `ef` are a min-heap of candidates. */
export function scanCodes(mode: i32, ef: i32, bitmap: usize, wordCount: u32): i32 {
  let size = 0;
  let count = 0;
  for (let word: u32 = 0; word < wordCount; word++) {
    let bits = load<u32>(bitmap + (<usize>word << 2));
    while (bits != 0) {
      store<u32>(batch + (<usize>(count++) << 2), (word << 5) + ctz(bits));
      bits &= bits - 1;
      if (count == SCAN_BATCH) {
        size = offerBatch(mode, count, size, ef);
        count = 0;
      }
    }
  }
  return offerBatch(mode, count, size, ef);
}

// @ts-ignore: decorator
@inline
function offerBatch(mode: i32, count: i32, size: i32, ef: i32): i32 {
  scoreBatch(mode, queryCode, batch, count, batchScores);
  for (let i = 0; i < count; i++) {
    const at = <usize>i << 2;
    size = offer(beamKey(load<i32>(batchScores + at), load<u32>(batch + at)), size, ef);
  }
  return size;
}

/** `bitmap` without the points of `hidden`; returns how many are left. */
export function withoutHidden(bitmap: usize, hidden: usize, byteCount: usize): u32 {
  let count: u64 = 0;
  for (let i: usize = 0; i < byteCount; i += 8) {
    const word = load<u64>(bitmap + i) & ~load<u64>(hidden + i);
    store<u64>(bitmap + i, word);
    count += popcnt(word);
  }
  return <u32>count;
}

/** Loads what the exact scores of candidates will wait for. */
// @ts-ignore: decorator
@inline
function touchRows(from: i32, to: i32): u32 {
  let sum: u32 = 0;
  const length = min(rowStride, 512);
  for (let i = from; i < to; i++) {
    const row = rows + <usize>idOfBeam(load<u64>(results + (<usize>i << 3))) * rowStride;
    for (let line = row; line < row + length; line += 64) sum += load<u8>(line);
  }
  return sum;
}

/**
 * Exact scores for candidates, best first; leaves a min-heap of the best k in `heap`. `step` is
 * what one unit of a code score is worth. The difference between exact score and code score is
 * nearly the same for all points; when even its largest value so far, and most of its range on top,
 * could not lift the next candidate above the worst of the best k, all further ones are left out.
 */
export function rescore(count: i32, heap: usize, k: i32, step: f32): i32 {
  sortDescending(results, count);
  let size = 0;
  let least: f32 = f32.MAX_VALUE;
  let most: f32 = -f32.MAX_VALUE;
  const surely = max(k + (k >> 1), RESCORED_MIN);
  let sum = touchRows(0, min(count, ROWS_AHEAD));
  for (let i = 0; i < count; i++) {
    const beam = load<u64>(results + (<usize>i << 3));
    const coded = step * <f32>scoreOfBeam(beam);
    if (i >= surely) {
      const reach = coded + most + (most - least) * 0.8;
      if (reach < simOfBits(scoreOfKey(load<u64>(heap)))) break;
    }
    if (i + ROWS_AHEAD < count) sum += touchRows(i + ROWS_AHEAD, i + ROWS_AHEAD + 1);
    const id = idOfBeam(beam);
    const exact = exactRow(rows + <usize>id * rowStride);
    least = min(least, exact - coded);
    most = max(most, exact - coded);
    const key = keyOf(orderedBits(exact), id);
    if (size < k) pushMin(heap, size++, key);
    else if (key > load<u64>(heap)) replaceMin(heap, k, key);
  }
  rescoreTouched = sum;
  return size;
}

/** Enough to know how far exact scores and code scores may differ. */
const RESCORED_MIN: i32 = 20;
/** Rows that are on their way from memory while one is scored. */
const ROWS_AHEAD: i32 = 4;

/** Keeps the loads of `touchRows` alive; never read. */
export let rescoreTouched: u32 = 0;

/** Splits the candidates into ids and code scores, best first. */
export function takeScores(count: i32, ids: usize, scores: usize): void {
  sortDescending(results, count);
  for (let i: usize = 0; i < <usize>count; i++) {
    const key = load<u64>(results + (i << 3));
    store<u32>(ids + (i << 2), idOfBeam(key));
    store<i32>(scores + (i << 2), scoreOfBeam(key));
  }
}
