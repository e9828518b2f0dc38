// One search: down the upper levels, a walk on level 0, then exact scores for what was found.

import { exactRow } from './exact';
import { queryCode, results, rowStride, rows } from './state';
import { keyOf, orderedBits, pushMin, replaceMin } from './top-k';
import { clearVisited, descend, idOfBeam, scoreOfBeam, visit, walkBeam } from './walk';

/** The plain walk: no filter, no tombstones. Leaves beam keys in `results`, returns their number. */
export function searchAll(mode: i32, ef: i32): i32 {
  const start = descend(mode, queryCode, 0);
  if (start == 0) return 0;
  clearVisited();
  visit(idOfBeam(start));
  store<u64>(results, start);
  return walkBeam(mode, queryCode, 0, results, 1, ef);
}

/** Exact scores for `count` beam keys in `results`; leaves a min-heap of the best k in `heap`. */
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

/** Splits beam keys into ids and code scores, in their order. */
export function takeScores(count: i32, ids: usize, scores: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const key = load<u64>(results + (i << 3));
    store<u32>(ids + (i << 2), idOfBeam(key));
    store<i32>(scores + (i << 2), scoreOfBeam(key));
  }
}
