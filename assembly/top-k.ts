// Bounded selection by score. A key packs (score, id) into one u64 that compares as wanted: a
// better score is a bigger key, and among equal scores the smaller id is. Heaps are binary, in
// plain memory.

/** A float as a signed integer of the same order; NaN sorts above or below everything. */
// @ts-ignore: decorator
@inline
export function orderedBits(sim: f32): i32 {
  const bits = reinterpret<i32>(sim);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

// @ts-ignore: decorator
@inline
export function simOfBits(bits: i32): f32 {
  return reinterpret<f32>(bits ^ ((bits >> 31) & 0x7fffffff));
}

// @ts-ignore: decorator
@inline
export function keyOf(score: i32, id: u32): u64 {
  return (<u64>(<u32>score ^ 0x80000000) << 32) | <u64>~id;
}

// @ts-ignore: decorator
@inline
export function idOfKey(key: u64): u32 {
  return ~(<u32>key);
}

// @ts-ignore: decorator
@inline
export function scoreOfKey(key: u64): i32 {
  return <i32>(<u32>(key >> 32) ^ 0x80000000);
}

/** Adds a key to a min-heap of `size` keys; the caller adds one to its size. */
export function pushMin(heap: usize, size: i32, key: u64): void {
  let at = <usize>size;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const parentKey = load<u64>(heap + (parent << 3));
    if (parentKey <= key) break;
    store<u64>(heap + (at << 3), parentKey);
    at = parent;
  }
  store<u64>(heap + (at << 3), key);
}

/** Puts `key` in place of the smallest of `size` keys. */
export function replaceMin(heap: usize, size: i32, key: u64): void {
  let at: usize = 0;
  const n = <usize>size;
  while (true) {
    let child = (at << 1) + 1;
    if (child >= n) break;
    let childKey = load<u64>(heap + (child << 3));
    if (child + 1 < n) {
      const right = load<u64>(heap + (child << 3), 8);
      if (right < childKey) {
        childKey = right;
        child++;
      }
    }
    if (childKey >= key) break;
    store<u64>(heap + (at << 3), childKey);
    at = child;
  }
  store<u64>(heap + (at << 3), key);
}

/**
 * Turns a min-heap, or a list that is sorted already, into a list in descending order, in place.
 */
export function sortDescending(heap: usize, size: i32): void {
  if (isDescending(heap, size)) return;
  for (let n = size - 1; n > 0; n--) {
    const smallest = load<u64>(heap);
    replaceMin(heap, n, load<u64>(heap + (<usize>n << 3)));
    store<u64>(heap + (<usize>n << 3), smallest);
  }
}

function isDescending(list: usize, size: i32): bool {
  for (let i = 1; i < size; i++) {
    const at = list + (<usize>i << 3);
    if (load<u64>(at - 8) < load<u64>(at)) return false;
  }
  return true;
}
