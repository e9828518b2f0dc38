// A compiled filter on all points of one segment, as a bitmap. Indexed conditions come first, from
// posting lists; payloads are read only for points that those left undecided. Deleted points may be
// in it: who uses a bitmap intersects with the live points. On a published segment the answer never
// changes, so it may be kept (`filter-cache.ts`).

import {
  andInto,
  andNotInto,
  clearBit,
  emptyBitset,
  fullBitset,
  nextBit,
  orInto,
  setBit,
} from '../../base/bitset.ts';
import type { CompiledFilter, FilterNode, IndexedNode } from './compiled-filter.ts';
import { matchesNode } from './evaluate.ts';
import type { Pause, PointSource } from './point-source.ts';

/** Payloads read between two pauses: about 2 ms. */
const scanSlicePoints = 1024;

/** One bit per offset of `source`, set where the filter matches. */
export function filterBitmap(
  filter: CompiledFilter,
  source: PointSource,
  pause: Pause,
): Promise<Uint32Array> {
  return bitmapOf(filter.root, new Scan(source, pause), fullBitset(source.offsetCount()));
}

/** What all steps of one evaluation share. Sets passed to a step are its own to change. */
class Scan {
  readonly source: PointSource;
  readonly #pause: Pause;
  #sliceCount = 0;

  constructor(source: PointSource, pause: Pause) {
    this.source = source;
    this.#pause = pause;
  }

  /** Keeps of `candidates` those that match `node`, reading one point at a time. */
  async keep(node: FilterNode, candidates: Uint32Array): Promise<Uint32Array> {
    const { source } = this;
    for (let bit = nextBit(candidates, 0); bit >= 0; bit = nextBit(candidates, bit + 1)) {
      if (!matchesNode(node, source, bit)) clearBit(candidates, bit);
      this.#sliceCount += 1;
      if (this.#sliceCount < scanSlicePoints) continue;
      this.#sliceCount = 0;
      await this.#pause();
    }
    return candidates;
  }
}

/** The matches of `node` among `candidates`, which it consumes. */
async function bitmapOf(
  node: FilterNode,
  scan: Scan,
  candidates: Uint32Array,
): Promise<Uint32Array> {
  switch (node.kind) {
    case 'constant':
      return node.value ? candidates : candidates.fill(0);
    case 'and':
      return conjunction(node.children, scan, candidates);
    case 'or':
      return disjunction(node.children, scan, candidates);
    case 'not': {
      const matching = await bitmapOf(node.child, scan, candidates.slice());
      andNotInto(candidates, matching);
      return candidates;
    }
    case 'at_least':
      return threshold(node, scan, candidates);
    case 'has_id':
      return amongIds(node, scan.source, candidates);
    case 'indexed':
      return amongIndexed(node, scan, candidates);
    case 'has_vector':
    case 'payload':
    case 'nested':
      return scan.keep(node, candidates);
  }
}

/** The cheap children one by one, then all others together: one pass over what remains. */
async function conjunction(
  children: readonly FilterNode[],
  scan: Scan,
  candidates: Uint32Array,
): Promise<Uint32Array> {
  let remaining = candidates;
  const { quick, mixed, slow } = byCost(children, scan.source);
  for (const child of [...quick, ...mixed]) remaining = await bitmapOf(child, scan, remaining);
  if (slow.length === 0) return remaining;
  return scan.keep({ kind: 'and', children: slow }, remaining);
}

/** What the cheap children match needs no look at its payload. */
async function disjunction(
  children: readonly FilterNode[],
  scan: Scan,
  candidates: Uint32Array,
): Promise<Uint32Array> {
  const matching = new Uint32Array(candidates.length);
  const { quick, mixed, slow } = byCost(children, scan.source);
  for (const child of [...quick, ...mixed]) {
    const found = await bitmapOf(child, scan, candidates.slice());
    orInto(matching, found);
    andNotInto(candidates, found);
  }
  if (slow.length > 0)
    orInto(matching, await scan.keep({ kind: 'or', children: slow }, candidates));
  return matching;
}

/** Counts in binary how many children match each candidate: bit p of all counts is `planes[p]`. */
async function threshold(
  node: Extract<FilterNode, { kind: 'at_least' }>,
  scan: Scan,
  candidates: Uint32Array,
): Promise<Uint32Array> {
  const planes: Uint32Array[] = [];
  for (let bits = node.children.length; bits > 0; bits >>>= 1) {
    planes.push(new Uint32Array(candidates.length));
  }
  for (const child of node.children) {
    addToCounts(planes, await bitmapOf(child, scan, candidates.slice()));
  }
  andInto(candidates, countsReaching(planes, node.count));
  return candidates;
}

/** Adds 1 to the counts of all bits of `carry`, which it consumes. */
function addToCounts(planes: readonly Uint32Array[], carry: Uint32Array): void {
  for (const plane of planes) {
    for (let at = 0; at < carry.length; at += 1) {
      const [sum, added] = [plane[at] as number, carry[at] as number];
      plane[at] = sum ^ added;
      carry[at] = sum & added;
    }
  }
}

/**
 * Bits whose count is at least `count`: compares all counts with it, from the highest binary digit.
 */
function countsReaching(planes: readonly Uint32Array[], count: number): Uint32Array {
  const wordCount = planes[0]?.length ?? 0;
  const above = new Uint32Array(wordCount);
  const equal = new Uint32Array(wordCount).fill(0xffffffff);
  for (const [digit, plane] of [...planes.entries()].reverse()) {
    if (((count >>> digit) & 1) === 1) {
      andInto(equal, plane);
      continue;
    }
    for (let at = 0; at < wordCount; at += 1) {
      above[at] = (above[at] as number) | ((equal[at] as number) & (plane[at] as number));
    }
    andNotInto(equal, plane);
  }
  orInto(above, equal);
  return above;
}

function amongIds(
  node: Extract<FilterNode, { kind: 'has_id' }>,
  source: PointSource,
  candidates: Uint32Array,
): Uint32Array {
  const listed = emptyBitset(source.offsetCount());
  for (const id of node.ids) {
    const offset = source.findOffset(id);
    if (offset >= 0) setBit(listed, offset);
  }
  andInto(candidates, listed);
  return candidates;
}

async function amongIndexed(
  node: IndexedNode,
  scan: Scan,
  candidates: Uint32Array,
): Promise<Uint32Array> {
  const index = scan.source.fieldIndex(node.key);
  if (index === null || index.dataType !== node.dataType) return scan.keep(node, candidates);
  const matching = emptyBitset(scan.source.offsetCount());
  index.collect(node.test, matching);
  andInto(candidates, matching);
  return candidates;
}

type Cost = 'quick' | 'mixed' | 'slow';

/** Quick: no payload is read. Slow: payloads only. Mixed: some of both inside. */
function byCost(
  children: readonly FilterNode[],
  source: PointSource,
): Record<Cost, readonly FilterNode[]> {
  const sorted: Record<Cost, FilterNode[]> = { quick: [], mixed: [], slow: [] };
  for (const child of children) sorted[costOf(child, source)].push(child);
  return sorted;
}

function costOf(node: FilterNode, source: PointSource): Cost {
  switch (node.kind) {
    case 'constant':
    case 'has_id':
      return 'quick';
    case 'indexed':
      return source.fieldIndex(node.key)?.dataType === node.dataType ? 'quick' : 'slow';
    case 'has_vector':
    case 'payload':
    case 'nested':
      return 'slow';
    case 'not':
      return costOf(node.child, source);
    case 'and':
    case 'or':
    case 'at_least': {
      const costs = new Set(node.children.map((child) => costOf(child, source)));
      const [only] = costs;
      return costs.size === 1 && only !== undefined ? only : 'mixed';
    }
  }
}
