// One search: down the upper levels, a walk on level 0 or a scan of codes, then exact scores for what
// was found. Candidates are beam keys (walk.ts) in `results`.

import { scoreBatch } from './codes';
import { exactRow } from './exact';
import {
  batch, batchScores, frontier, frontierLength, queryCode, results, rowStride, rows,
} from './state';
import { keyOf, orderedBits, pushMin, replaceMin, sortDescending } from './top-k';
import {
  beamKey, clearVisited, descend, gatherNeighbours, idOfBeam, scoreOfBeam, visit, walkBeam,
} from './walk';

/** Code scores computed by the last search: for tuning, and for the planner's estimate. */
export let scoredCount: i32 = 0;

export function lastScoredCount(): i32 {
  return scoredCount;
}

/** The plain walk: no filter, no tombstones. The candidates come sorted, best first. */
export function searchAll(mode: i32, ef: i32): i32 {
  const start = descend(mode, queryCode, 0);
  if (start == 0) return 0;
  clearVisited();
  visit(idOfBeam(start));
  store<u64>(results, start);
  return walkBeam(mode, queryCode, 0, results, 1, ef);
}

// @ts-ignore: decorator
@inline
function isAdmitted(id: u32, bitmap: usize, flip: u32): bool {
  return (((load<u32>(bitmap + (<usize>(id >> 5) << 2)) ^ flip) >> (id & 31)) & 1) != 0;
}

/**
 * The walk with a filter: everything is walked through, only admitted points become candidates, and
 * it goes on until the next point is worse than the worst of `ef` candidates. It gives up and returns
 * -1 when more than `budget` points were scored: then a scan is cheaper. Candidates are a min-heap.
 */
export function searchFiltered(mode: i32, ef: i32, bitmap: usize, flip: u32, budget: i32): i32 {
  scoredCount = 0;
  const start = descend(mode, queryCode, 0);
  if (start == 0) return 0;
  clearVisited();
  visit(idOfBeam(start));
  let size = 0;
  let worst: u64 = 0;
  if (isAdmitted(idOfBeam(start), bitmap, flip)) {
    store<u64>(results, start);
    size = 1;
    if (ef == 1) worst = start;
  }
  // A min-heap of complements is a max-heap.
  store<u64>(frontier, ~start);
  let waiting = 1;
  while (waiting > 0) {
    const next = ~load<u64>(frontier);
    waiting--;
    if (waiting > 0) replaceMin(frontier, waiting, load<u64>(frontier + (<usize>waiting << 3)));
    if (next < worst) break;
    const count = gatherNeighbours(idOfBeam(next), 0);
    scoredCount += count;
    if (scoredCount > budget) return -1;
    scoreBatch(mode, queryCode, batch, count, batchScores);
    for (let i = 0; i < count; i++) {
      const at = <usize>i << 2;
      const id = load<u32>(batch + at);
      const key = beamKey(load<i32>(batchScores + at), id);
      if (key < worst) continue;
      if (waiting < frontierLength) pushMin(frontier, waiting++, ~key);
      if (!isAdmitted(id, bitmap, flip)) continue;
      size = offer(key, size, ef);
      if (size == ef) worst = load<u64>(results);
    }
  }
  return size;
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

/** Scores the codes of all points whose bit is set; the best `ef` are a min-heap of candidates. */
export function scanCodes(mode: i32, ef: i32, bitmap: usize, wordCount: u32): i32 {
  let size = 0;
  let count = 0;
  for (let word: u32 = 0; word < wordCount; word++) {
    let bits = load<u32>(bitmap + (<usize>word << 2));
    while (bits != 0) {
      store<u32>(batch + (<usize>(count++) << 2), (word << 5) + ctz(bits));
      bits &= bits - 1;
      if (count == 8) {
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

/** Exact scores for `count` candidates; leaves a min-heap of the best k in `heap`. */
export function rescore(count: i32, heap: usize, k: i32): i32 {
  let size = 0;
  for (let i = 0; i < count; i++) {
    const id = idOfBeam(load<u64>(results + (<usize>i << 3)));
    const key = keyOf(orderedBits(exactRow(rows + <usize>id * rowStride)), id);
    if (size < k) pushMin(heap, size++, key);
    else if (key > load<u64>(heap)) replaceMin(heap, k, key);
  }
  return size;
}

/** Splits the candidates into ids and code scores, best first. */
export function takeScores(count: i32, ids: usize, scores: usize): void {
  sortDescending(results, count);
  for (let i: usize = 0; i < <usize>count; i++) {
    const key = load<u64>(results + (i << 3));
    store<u32>(ids + (i << 2), idOfBeam(key));
    store<i32>(scores + (i << 2), scoreOfBeam(key));
  }
}
