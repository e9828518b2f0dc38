// The exact scan: every admitted row of a range is scored, the best k stay. A bit of the admission
// bitmap xor-ed with `flip` says whether a point counts; `flip` is all ones for a bitmap of points
// to leave out.

import { exactRow } from './exact';
import { rowStride } from './state';
import { idOfKey, keyOf, orderedBits, pushMin, replaceMin, scoreOfKey, simOfBits, sortDescending } from './top-k';

/**
 * Scores `count` rows from `firstRow` on, whose first has the number `firstId`, into the min-heap
 * `heap` of at most `k` keys. Bit `firstBit + i` of `bitmap` belongs to row i; 0 admits all.
 * Returns the new size of the heap.
 */
export function scanRows(
  firstRow: usize, count: u32, firstId: u32,
  bitmap: usize, firstBit: u32, flip: u32,
  heap: usize, size: i32, k: i32,
): i32 {
  let worst: u64 = size == k ? load<u64>(heap) : 0;
  let row = firstRow;
  for (let i: u32 = 0; i < count; i++, row += rowStride) {
    if (bitmap != 0) {
      const bit = firstBit + i;
      const word = (load<u32>(bitmap + (<usize>(bit >> 5) << 2)) ^ flip) >> (bit & 31);
      if (word == 0) { // nothing more in this word
        const skip = 31 - (bit & 31);
        i += skip;
        row += <usize>skip * rowStride;
        continue;
      }
      if ((word & 1) == 0) continue;
    }
    const key = keyOf(orderedBits(exactRow(row)), firstId + i);
    if (size < k) {
      pushMin(heap, size++, key);
      if (size == k) worst = load<u64>(heap);
    } else if (key > worst) {
      replaceMin(heap, k, key);
      worst = load<u64>(heap);
    }
  }
  return size;
}

/** Empties a heap of exact scores into ids and similarities, best first. */
export function takeSims(heap: usize, size: i32, ids: usize, sims: usize): void {
  sortDescending(heap, size);
  for (let i: usize = 0; i < <usize>size; i++) {
    const key = load<u64>(heap + (i << 3));
    store<u32>(ids + (i << 2), idOfKey(key));
    store<f32>(sims + (i << 2), simOfBits(scoreOfKey(key)));
  }
}
