// Takes over the graph of an old segment into a new one, where offsets differ and some points are
// gone, so that a merge inserts only what is new. Links are copied through an offset mapping; links
// to points that are gone are dropped. A point that loses much that way, or that nobody links to
// any more, is left out: the build inserts it again like a new one, which also mends its
// surroundings.
//
// Works on the memory as `kernels/layout.ts` describes it. The target's graph must be empty; nobody
// else uses it yet. The source may be searched meanwhile.

import { assert } from '../base/assert.ts';
import { setBit, testBit } from '../base/bitset.ts';
import type { GraphLayout } from '../kernels/layout.ts';
import { graphHeadWord, type VectorMemory } from '../kernels/vector-memory.ts';
import type { Pause } from './segment-reader.ts';

/** With a larger share of its points gone or damaged, a graph is not worth keeping. */
const lossShareMax = 0.5;
/** A point that lost more than this share of its links is inserted anew. */
const lostLinksShareMax = 0.25;
const slicePoints = 16_384;

export interface TransferRequest {
  readonly source: VectorMemory;
  readonly target: VectorMemory;
  /** Per offset of the source: the offset in the target, or −1 for a point that is gone. */
  readonly targetOf: Int32Array;
}

/** Returns the number of points that are in the target's graph now; 0 when it was not worth it. */
export async function transferGraph(request: TransferRequest, pause: Pause): Promise<number> {
  const source = new GraphView(request.source);
  const target = new GraphView(request.target);
  assert(source.layout.m === target.layout.m, 'graphs of different degree');
  assert(source.layout.m0 === target.layout.m0, 'graphs of different degree');
  assert(target.linkedCount === 0, `the new graph has ${target.linkedCount} points already`);
  const targetOf = request.targetOf.slice();
  for (let offset = 0; offset < targetOf.length; offset += 1) {
    if (!source.isLinked(offset)) targetOf[offset] = -1;
  }
  await dropDamaged(source, targetOf, pause);
  const { keptCount, recordWords } = sizeOf(source, targetOf);
  if (keptCount < source.linkedCount * (1 - lossShareMax)) return 0;
  // A point on an upper level without a record would lead walks astray.
  if (recordWords > target.layout.poolWords) return 0;
  const transfer: Transfer = { source, targetOf };
  for (let offset = 0; offset < targetOf.length; offset += 1) {
    if (offset % slicePoints === slicePoints - 1) await pause();
    if ((targetOf[offset] as number) >= 0) target.take(transfer, offset);
  }
  return target.linkedCount;
}

interface Transfer {
  readonly source: GraphView;
  readonly targetOf: Int32Array;
}

function sizeOf(
  source: GraphView,
  targetOf: Int32Array,
): { keptCount: number; recordWords: number } {
  let keptCount = 0;
  let recordWords = 0;
  for (let offset = 0; offset < targetOf.length; offset += 1) {
    if ((targetOf[offset] as number) < 0) continue;
    keptCount += 1;
    const record = source.recordAt(offset);
    if (record >= 0) recordWords += 1 + (source.words[record] as number) * source.layout.m;
  }
  return { keptCount, recordWords };
}

/** Sets −1 for points that lost many links, and for those that no link leads to. */
async function dropDamaged(source: GraphView, targetOf: Int32Array, pause: Pause): Promise<void> {
  const { m0 } = source.layout;
  const before = targetOf.slice();
  const isLinkedTo = new Uint8Array(targetOf.length);
  for (let offset = 0; offset < targetOf.length; offset += 1) {
    if (offset % slicePoints === slicePoints - 1) await pause();
    if ((before[offset] as number) < 0) continue;
    const first = source.level0At(offset);
    let lostCount = 0;
    let count = 0;
    for (; count < m0; count += 1) {
      const link = source.words[first + count] as number;
      if (link === 0) break;
      if ((before[link - 1] as number) < 0) lostCount += 1;
    }
    if (lostCount > count * lostLinksShareMax || lostCount === count) targetOf[offset] = -1;
    else markLinked(source, first, isLinkedTo);
  }
  for (let offset = 0; offset < targetOf.length; offset += 1) {
    if (isLinkedTo[offset] === 0) targetOf[offset] = -1;
  }
}

function markLinked(source: GraphView, first: number, isLinkedTo: Uint8Array): void {
  for (let at = first; at < first + source.layout.m0; at += 1) {
    const link = source.words[at] as number;
    if (link === 0) return;
    isLinkedTo[link - 1] = 1;
  }
}

/** One graph as words of its memory. */
class GraphView {
  readonly layout: GraphLayout;
  readonly words: Uint32Array;
  readonly #linked: Uint32Array;
  readonly #head: number;
  readonly #upperIndex: number;
  readonly #pool: number;

  constructor({ memory, layout }: VectorMemory) {
    assert(layout.graph !== null, 'no graph');
    this.layout = layout.graph;
    this.words = new Uint32Array(memory.buffer);
    this.#linked = new Uint32Array(memory.buffer, layout.graph.linked, layout.bitmapBytes / 4);
    this.#head = layout.graph.head / 4;
    this.#upperIndex = layout.graph.upperIndex / 4;
    this.#pool = layout.graph.pool / 4;
  }

  get linkedCount(): number {
    return this.words[this.#head + graphHeadWord.linkedCount] as number;
  }

  isLinked(offset: number): boolean {
    return testBit(this.#linked, offset);
  }

  /** Where the links of a point on level 0 begin, in words. */
  level0At(offset: number): number {
    return this.layout.level0 / 4 + offset * this.layout.m0;
  }

  /** Where the record of a point's upper levels begins, in words; −1 without one. */
  recordAt(offset: number): number {
    const position = this.words[this.#upperIndex + offset] as number;
    return position === 0 ? -1 : this.#pool + position - 1;
  }

  /** Copies one point with all its links, as far as they lead to points that are taken over. */
  take(transfer: Transfer, offset: number): void {
    const { source, targetOf } = transfer;
    const own = targetOf[offset] as number;
    const { m0 } = this.layout;
    this.#copyLinks(transfer, source.level0At(offset), this.level0At(own), m0);
    const level = this.#takeUpperLevels(transfer, offset);
    setBit(this.#linked, own);
    const { words } = this;
    words[this.#head + graphHeadWord.linkedCount] = this.linkedCount + 1;
    const entryAt = this.#head + graphHeadWord.entry;
    const levelMaxAt = this.#head + graphHeadWord.levelMax;
    if (words[entryAt] !== 0 && level <= (words[levelMaxAt] as number)) return;
    words[entryAt] = own + 1;
    words[levelMaxAt] = level;
  }

  /** Returns the level. */
  #takeUpperLevels(transfer: Transfer, offset: number): number {
    const { source, targetOf } = transfer;
    const record = source.recordAt(offset);
    if (record < 0) return 0;
    const level = source.words[record] as number;
    const { m } = this.layout;
    const usedAt = this.#head + graphHeadWord.poolUsed;
    const used = this.words[usedAt] as number;
    this.words[usedAt] = used + 1 + level * m;
    this.words[this.#upperIndex + (targetOf[offset] as number)] = used + 1;
    const at = this.#pool + used;
    this.words[at] = level;
    for (let links = 1; links <= level * m; links += m) {
      this.#copyLinks(transfer, record + links, at + links, m);
    }
    return level;
  }

  #copyLinks({ source, targetOf }: Transfer, from: number, to: number, room: number): void {
    let kept = 0;
    for (let at = from; at < from + room; at += 1) {
      const link = source.words[at] as number;
      if (link === 0) return;
      const mapped = targetOf[link - 1] as number;
      if (mapped < 0) continue;
      this.words[to + kept] = mapped + 1;
      kept += 1;
    }
  }
}
