// Walks on the graph (Malkov and Yashunin, "Efficient and robust approximate nearest neighbor
// search using hierarchical navigable small world graphs", algorithms 1 and 2), scored on codes.
//
// A beam is a list of keys in descending order. A key is score, point and one bit: expanded or not.
// Inserting shifts the worse keys down, which is cheaper than a heap for the usual lengths, and the
// best point not yet expanded is found by a cursor that only moves back when something better
// comes.

import { scoreBatch } from './codes';
import {
  HEAD_ENTRY, HEAD_LEVEL_MAX, batch, batchScores, codeBytes, codeRows, head, level0, m, m0, pool, trail, trailLength,
  upperIndex, visited, visitedBytes,
} from './state';

/** The low half of a beam key: the complement of the offset (31 bits), then the expanded bit. */
// @ts-ignore: decorator
@inline
export function beamKey(score: i32, id: u32): u64 {
  return (<u64>(<u32>score ^ 0x80000000) << 32) | <u64>((0x7fffffff - id) << 1);
}

// @ts-ignore: decorator
@inline
export function idOfBeam(key: u64): u32 {
  return 0x7fffffff - (<u32>key >> 1);
}

// @ts-ignore: decorator
@inline
export function scoreOfBeam(key: u64): i32 {
  return <i32>(<u32>(key >> 32) ^ 0x80000000);
}

// @ts-ignore: decorator
@inline
export function linksOf(id: u32, level: i32): usize {
  if (level == 0) return level0 + <usize>id * (<usize>m0 << 2);
  const record = load<u32>(upperIndex + (<usize>id << 2)) - 1;
  return pool + (<usize>record << 2) + 4 + (<usize>(level - 1) * <usize>m << 2);
}

/** The level of a point that is in the graph or being inserted. */
// @ts-ignore: decorator
@inline
export function levelOf(id: u32): i32 {
  const record = load<u32>(upperIndex + (<usize>id << 2));
  return record == 0 ? 0 : load<u32>(pool + (<usize>(record - 1) << 2));
}

// --- visited points ---

let trailCount: i32 = 0;

export function clearVisited(): void {
  if (trailCount > trailLength || <usize>trailCount > visitedBytes >> 4) {
    memory.fill(visited, 0, visitedBytes);
  } else {
    for (let i = 0; i < trailCount; i++) {
      const id = load<u32>(trail + (<usize>i << 2));
      store<u32>(visited + (<usize>(id >> 5) << 2), 0);
    }
  }
  trailCount = 0;
}

/** Marks a point; false if it was marked before. */
// @ts-ignore: decorator
@inline
export function visit(id: u32): bool {
  const at = visited + (<usize>(id >> 5) << 2);
  const word = load<u32>(at);
  const bit: u32 = 1 << (id & 31);
  if ((word & bit) != 0) return false;
  store<u32>(at, word | bit);
  if (trailCount < trailLength) store<u32>(trail + (<usize>trailCount << 2), id);
  trailCount++;
  return true;
}

/** Keeps the loads of `touch…` alive; never read. */
export let touched: u32 = 0;

/**
 * Appends the unvisited neighbours of a point to the `count` ids of `batch` and marks them; returns
 * the new count. Free of branches on what is visited, which no processor could predict.
 */
// @ts-ignore: decorator
@inline
export function gatherNeighbours(id: u32, level: i32, count: i32): i32 {
  let at = linksOf(id, level);
  const end = at + (<usize>(level == 0 ? m0 : m) << 2);
  for (; at < end; at += 4) {
    const link = load<u32>(at);
    if (link == 0) break;
    const neighbour = link - 1;
    const wordAt = visited + (<usize>(neighbour >> 5) << 2);
    const word = load<u32>(wordAt);
    const shift = neighbour & 31;
    store<u32>(wordAt, word | (<u32>1 << shift));
    store<u32>(batch + (<usize>count << 2), neighbour);
    count += <i32>(((word >> shift) & 1) ^ 1);
  }
  return count;
}

/** Remembers the gathered points for `clearVisited`. */
// @ts-ignore: decorator
@inline
export function leaveTrail(count: i32): void {
  if (trailCount + count <= trailLength) {
    memory.copy(trail + (<usize>trailCount << 2), batch, <usize>count << 2);
  }
  trailCount += count;
}

/**
 * There is no prefetch instruction, so the lines of the codes of a batch are loaded here: all
 * misses are on their way together before the first score waits for one.
 */
// @ts-ignore: decorator
@inline
export function touchCodes(count: i32): void {
  let sum: u32 = 0;
  const end = batch + (<usize>count << 2);
  for (let at = batch; at < end; at += 4) {
    const code = codeRows + <usize>load<u32>(at) * codeBytes;
    for (let line: usize = 0; line < codeBytes; line += 64) sum += load<u8>(code + line);
  }
  touched += sum;
}

// @ts-ignore: decorator
@inline
export function touchLinks(key: u64, level: i32): void {
  if (level != 0) return;
  const links = linksOf(idOfBeam(key), 0);
  touched += load<u32>(links) + load<u32>(links + (<usize>(m0 - 1) << 2));
}

/**
 * Puts a key into a descending list of `size` keys with room for `room`; the caller knows that it
 * belongs there. Returns its place.
 */
// @ts-ignore: decorator
@inline
export function insertKey(list: usize, size: i32, room: i32, key: u64): i32 {
  let at = list + (<usize>(size < room ? size : room - 1) << 3);
  while (at > list) {
    const above = load<u64>(at - 8);
    if (above >= key) break;
    store<u64>(at, above);
    at -= 8;
  }
  store<u64>(at, key);
  return <i32>((at - list) >> 3);
}

/**
 * Points expanded in one step; agreed with src/kernels/layout.ts. A walk waits for memory most of
 * its time. All of a beam is expanded in the end, so taking several at once looks at few points
 * more, and their misses are waited for together: four take 0.8 of the time of one by one.
 */
export const STEP_WIDTH: i32 = 4;

/**
 * Expands a beam of `size` keys (best first, none expanded) at one level until its best `ef` keys
 * are all expanded. Returns the new size.
 */
export function walkBeam(mode: i32, query: usize, level: i32, beam: usize, size: i32, ef: i32): i32 {
  let cursor = 0;
  while (true) {
    let picked = 0;
    // Their ids lie in `batchScores` until there are scores.
    for (; cursor < size && picked < STEP_WIDTH; cursor++) {
      const slot = beam + (<usize>cursor << 3);
      const key = load<u64>(slot);
      if ((key & 1) != 0) continue;
      store<u64>(slot, key | 1);
      touchLinks(key, level);
      store<u32>(batchScores + (<usize>(picked++) << 2), idOfBeam(key));
    }
    if (picked == 0) return size;
    let count = 0;
    for (let i = 0; i < picked; i++) {
      count = gatherNeighbours(load<u32>(batchScores + (<usize>i << 2)), level, count);
    }
    leaveTrail(count);
    touchCodes(count);
    // Most likely the next to be expanded: have their links on their way.
    for (let i = cursor; i < min(size, cursor + STEP_WIDTH); i++) {
      touchLinks(load<u64>(beam + (<usize>i << 3)), level);
    }
    scoreBatch(mode, query, batch, count, batchScores);
    let worst: u64 = size < ef ? 0 : load<u64>(beam + (<usize>(ef - 1) << 3));
    for (let i = 0; i < count; i++) {
      const at = <usize>i << 2;
      const candidate = beamKey(load<i32>(batchScores + at), load<u32>(batch + at));
      if (candidate <= worst) continue;
      const place = insertKey(beam, size, ef, candidate);
      if (size < ef) size++;
      if (place < cursor) cursor = place;
      if (size == ef) worst = load<u64>(beam + (<usize>(ef - 1) << 3));
    }
  }
}

/** From the entry point down to `level`, always to the best neighbour. Returns a beam key, or 0. */
export function descend(mode: i32, query: usize, level: i32): u64 {
  const entry = atomic.load<u32>(head + HEAD_ENTRY);
  if (entry == 0) return 0;
  store<u32>(batch, entry - 1);
  scoreBatch(mode, query, batch, 1, batchScores);
  let best = beamKey(load<i32>(batchScores), entry - 1);
  // A point may have become the entry with a higher level meanwhile: its own level is what counts.
  for (let at = levelOf(entry - 1); at > level; at--) {
    while (true) {
      const links = linksOf(idOfBeam(best), at);
      let count = 0;
      while (count < m) {
        const link = load<u32>(links + (<usize>count << 2));
        if (link == 0) break;
        store<u32>(batch + (<usize>count << 2), link - 1);
        count++;
      }
      scoreBatch(mode, query, batch, count, batchScores);
      const before = best;
      for (let i = 0; i < count; i++) {
        const offset = <usize>i << 2;
        const key = beamKey(load<i32>(batchScores + offset), load<u32>(batch + offset));
        if (key > best) best = key;
      }
      if (best == before) break;
    }
  }
  return best;
}

/** Points from which a walk on level 0 starts. One alone too often leads into a wrong cluster. */
export const SEED_COUNT: i32 = 8;

/**
 * Fills `beam` with the best points of level 1 and marks them visited, for a walk on level 0.
 * Returns their number; 0 for an empty graph.
 */
export function seed(mode: i32, query: usize, beam: usize): i32 {
  const start = descend(mode, query, 1);
  if (start == 0) return 0;
  clearVisited();
  visit(idOfBeam(start));
  store<u64>(beam, start);
  if (levelOf(idOfBeam(start)) == 0) return 1;
  const size = walkBeam(mode, query, 1, beam, 1, SEED_COUNT);
  restart(beam, size);
  return size;
}

/** Makes the keys of a beam the beginning of another walk: none expanded, they alone visited. */
export function restart(beam: usize, size: i32): void {
  clearVisited();
  for (let i = 0; i < size; i++) {
    const slot = beam + (<usize>i << 3);
    const key = load<u64>(slot) & ~1;
    store<u64>(slot, key);
    visit(idOfBeam(key));
  }
}
