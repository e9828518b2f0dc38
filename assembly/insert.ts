// Inserts points into the graph, by several threads at once. A list of links changes only under the
// spin lock of its point (striped: several points share one), and no thread holds two locks. Lists
// are read without locks: a reader may see old and new links mixed, and all of them are points that
// are in the graph. A point's own lists are written from level 0 up, so that whoever reaches it on
// an upper level can go on below.

import { WALK_EUCLID, WALK_INNER, WALK_MANHATTAN, scoreBatch, scoreOne } from './codes';
import {
  HEAD_ENTRY, HEAD_LEVEL_MAX, HEAD_LINKED_COUNT, HEAD_POOL_USED, MANHATTAN, batch, batchScores,
  buildScratch, codeBytes, codeRows, codeScale, efConstruct, head, linked, lockMask, locks, m, m0, metric, pool,
  poolWords, results, upperIndex,
} from './state';
import {
  beamKey, descend, idOfBeam, insertKey, levelOf, linksOf, restart, scoreOfBeam, seed, visit,
  walkBeam,
} from './walk';

const LEVEL_LIMIT: i32 = 16;

// The scratch of a build: kept neighbours of each level, then the keys of one list being pruned.
// @ts-ignore: decorator
@inline
function keptOf(level: i32): usize {
  return buildScratch + (<usize>level * <usize>(m0 + 1) << 2);
}

// @ts-ignore: decorator
@inline
function prunedKeys(): usize {
  return (keptOf(LEVEL_LIMIT) + 7) & ~7;
}

// @ts-ignore: decorator
@inline
function prunedKept(): usize {
  return prunedKeys() + (<usize>(m0 + 2) << 3);
}

// @ts-ignore: decorator
@inline
function buildMode(): i32 {
  if (metric == MANHATTAN) return WALK_MANHATTAN;
  // Set when the largest dot products are wanted and the norms differ (quantizer.ts).
  return load<u32>(codeScale, 4) != 0 ? WALK_INNER : WALK_EUCLID;
}

// @ts-ignore: decorator
@inline
function codeOf(id: u32): usize {
  return codeRows + <usize>id * codeBytes;
}

// @ts-ignore: decorator
@inline
function lockOf(id: u32): usize {
  return locks + (<usize>((id * 0x9e3779b1) >> 7 & lockMask) << 2);
}

function lock(at: usize): void {
  let spins = 0;
  while (atomic.cmpxchg<u32>(at, 0, 1) != 0) {
    // The holder may have lost its processor: sleep 0.1 ms now and then. Nobody wakes us.
    if (++spins > 200) {
      atomic.wait<i32>(at, 1, 100_000);
      spins = 0;
    }
  }
}

// @ts-ignore: decorator
@inline
function unlock(at: usize): void {
  atomic.store<u32>(at, 0);
}

function mix(x: u32): u32 {
  x = (x ^ (x >> 16)) * 0x21f0aaad;
  x = (x ^ (x >> 15)) * 0x735a2d97;
  return x ^ (x >> 15);
}

/** The level of a new point, from its number: geometric with base max(m, 2). */
function drawLevel(id: u32): i32 {
  const bound = 0xffffffff / <u32>max(m, 2);
  let draw = mix(id + 0x9e3779b9);
  let level = 0;
  while (draw < bound && level < LEVEL_LIMIT - 1) {
    level++;
    draw = mix(draw + 0x85ebca6b + <u32>level);
  }
  return level;
}

/** Gives a point room for the links of its upper levels; returns the level it got. */
function allocateLevel(id: u32, level: i32): i32 {
  if (level == 0) return 0;
  const words = <u32>(1 + level * m);
  const at = atomic.add<u32>(head + HEAD_POOL_USED, words);
  if (at + words > poolWords) {
    atomic.sub<u32>(head + HEAD_POOL_USED, words);
    return 0;
  }
  store<u32>(pool + (<usize>at << 2), level);
  store<u32>(upperIndex + (<usize>id << 2), at + 1);
  return level;
}

/**
 * Chooses neighbours among `count` keys, best first: one is kept only if it is nearer to the point
 * than to every neighbour kept before (algorithm 4). Writes links to `kept`, returns their number.
 */
function selectNeighbours(mode: i32, keys: usize, count: i32, kept: usize, room: i32): i32 {
  let keptCount = 0;
  for (let i = 0; i < count && keptCount < room; i++) {
    const key = load<u64>(keys + (<usize>i << 3));
    const id = idOfBeam(key);
    const score = scoreOfBeam(key);
    if (isDiverse(mode, id, score, kept, keptCount)) store<u32>(kept + (<usize>(keptCount++) << 2), id + 1);
  }
  return keptCount;
}

// @ts-ignore: decorator
@inline
function isDiverse(mode: i32, id: u32, score: i32, kept: usize, keptCount: i32): bool {
  const code = codeOf(id);
  for (let i = 0; i < keptCount; i++) {
    const other = load<u32>(kept + (<usize>i << 2)) - 1;
    if (scoreOne(mode, code, codeOf(other)) > score) return false;
  }
  return true;
}

/** Adds the link `from` → `to`; a full list is chosen anew. */
function addLink(mode: i32, from: u32, to: u32, level: i32): void {
  const room = level == 0 ? m0 : m;
  const links = linksOf(from, level);
  const at = lockOf(from);
  lock(at);
  let count = 0;
  while (count < room) {
    const link = load<u32>(links + (<usize>count << 2));
    if (link == 0) break;
    if (link == to + 1) {
      unlock(at);
      return;
    }
    count++;
  }
  if (count < room) store<u32>(links + (<usize>count << 2), to + 1);
  else pruneWith(mode, from, to, links, room);
  unlock(at);
}

function pruneWith(mode: i32, from: u32, to: u32, links: usize, room: i32): void {
  for (let i = 0; i < room; i++) {
    store<u32>(batch + (<usize>i << 2), load<u32>(links + (<usize>i << 2)) - 1);
  }
  store<u32>(batch + (<usize>room << 2), to);
  scoreBatch(mode, codeOf(from), batch, room + 1, batchScores);
  const keys = prunedKeys();
  for (let i = 0; i <= room; i++) {
    const offset = <usize>i << 2;
    insertKey(keys, i, room + 2, beamKey(load<i32>(batchScores + offset), load<u32>(batch + offset)));
  }
  const kept = prunedKept();
  const keptCount = selectNeighbours(mode, keys, room + 1, kept, room);
  writeLinks(links, kept, keptCount, room);
}

function writeLinks(links: usize, kept: usize, keptCount: i32, room: i32): void {
  memory.copy(links, kept, <usize>keptCount << 2);
  memory.fill(links + (<usize>keptCount << 2), 0, <usize>(room - keptCount) << 2);
}

/** Writes a new point's own list; links that others have added meanwhile stay, if there is room. */
function writeOwnLinks(id: u32, level: i32, kept: usize, keptCount: i32): void {
  const room = level == 0 ? m0 : m;
  const links = linksOf(id, level);
  const at = lockOf(id);
  lock(at);
  for (let i = 0; i < room && keptCount < room; i++) {
    const present = load<u32>(links + (<usize>i << 2));
    if (present == 0) break;
    let known = false;
    for (let j = 0; j < keptCount && !known; j++) known = load<u32>(kept + (<usize>j << 2)) == present;
    if (!known) store<u32>(kept + (<usize>(keptCount++) << 2), present);
  }
  writeLinks(links, kept, keptCount, room);
  unlock(at);
}

/** True if this point is the first of all, and so the entry point. */
function becomeEntry(id: u32, level: i32): bool {
  if (atomic.cmpxchg<u32>(head + HEAD_ENTRY, 0, id + 1) != 0) return false;
  store<u32>(head + HEAD_LEVEL_MAX, level);
  return true;
}

/** Makes a point of a new highest level the entry point. */
function raiseEntry(id: u32, level: i32): void {
  while (true) {
    const entry = atomic.load<u32>(head + HEAD_ENTRY);
    if (level <= levelOf(entry - 1)) return;
    if (atomic.cmpxchg<u32>(head + HEAD_ENTRY, entry, id + 1) == entry) {
      store<u32>(head + HEAD_LEVEL_MAX, level);
      return;
    }
  }
}

function markLinked(id: u32): void {
  atomic.or<u32>(linked + (<usize>(id >> 5) << 2), <u32>1 << (id & 31));
  atomic.add<u32>(head + HEAD_LINKED_COUNT, 1);
}

/** Inserts a point whose code is stored. No thread may insert the same point twice. */
export function insertPoint(id: u32): void {
  const level = allocateLevel(id, drawLevel(id));
  if (becomeEntry(id, level)) {
    markLinked(id);
    return;
  }
  const mode = buildMode();
  const query = codeOf(id);
  const top = levelOf(atomic.load<u32>(head + HEAD_ENTRY) - 1);
  const from = min(level, top);
  let size = 1;
  if (from == 0) size = seed(mode, query, results);
  else store<u64>(results, descend(mode, query, from));
  for (let at = from; at >= 0; at--) {
    restart(results, size);
    visit(id); // others may have linked it already on a lower level
    size = walkBeam(mode, query, at, results, size, efConstruct);
    const kept = keptOf(at);
    const room = at == 0 ? m0 : m;
    store<u32>(kept, selectNeighbours(mode, results, size, kept + 4, room));
  }
  for (let at = 0; at <= from; at++) {
    const kept = keptOf(at) + 4;
    const keptCount = load<u32>(keptOf(at));
    writeOwnLinks(id, at, kept, keptCount);
    for (let i: u32 = 0; i < keptCount; i++) {
      addLink(mode, load<u32>(kept + (<usize>i << 2)) - 1, id, at);
    }
  }
  markLinked(id);
  if (level > top) raiseEntry(id, level);
}

/** Index of the nearest of `count` listed points to the point `id`; `scores` is scratch. */
export function nearestCode(id: u32, ids: usize, count: i32, scores: usize): i32 {
  scoreBatch(buildMode(), codeOf(id), ids, count, scores);
  let best = 0;
  for (let i = 1; i < count; i++) {
    if (load<i32>(scores + (<usize>i << 2)) > load<i32>(scores + (<usize>best << 2))) best = i;
  }
  return best;
}
