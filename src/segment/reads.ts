// Reads that need no vectors: count, estimate, scroll by id and by value. Written once for segments
// in memory and published ones, over `ReadableSegment`.
//
// A filter is tested point by point at first. A walk that goes on for long without finding enough
// then makes the bitmap of the filter, which indexes answer at once and published segments keep.

import { testBit } from '../base/bitset.ts';
import { compileFilter } from '../index/filter/compile.ts';
import type { CompiledFilter } from '../index/filter/compiled-filter.ts';
import { estimateFilter } from '../index/filter/estimate.ts';
import { matchesFilter } from '../index/filter/evaluate.ts';
import type { PointSource } from '../index/filter/point-source.ts';
import type { FieldIndex } from '../index/payload/field-index.ts';
import { MemoryFieldIndex } from '../index/payload/memory-field-index.ts';
import type { Filter } from '../model/filter.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import type { PointId } from '../model/point-id.ts';
import type { OrderBy } from '../model/read.ts';
import { RequestError } from '../model/request-error.ts';
import type { OrderedOffset, Pause } from './segment-reader.ts';

export interface ReadableSegment extends PointSource {
  readonly schema: PayloadSchema;
  pointCount(): number;
  isLive(offset: number): boolean;
  estimate(filter: Filter): number;
  /** Offsets by rank of their ids (some may be dead); `null` where the offset is the rank. */
  offsetsSortedById(): Uint32Array | null;
  /** The first rank whose id is ≥ `id`. */
  rankOf(id: PointId): number;
  /** Matches of a filter, dead points perhaps included. Do not write to it. */
  filterBits(filter: CompiledFilter, pause: Pause): Promise<Uint32Array>;
  /** Set bits of `bits` whose points live. */
  countLive(bits: Uint32Array): number;
}

/** Points tested one by one before a bitmap is made. */
const singleTestsMax = 4096;
const slicePoints = 1024;

// A shard asks several segments with the same filter and schema objects: compiled once per thread.
const compiledBySchema = new WeakMap<PayloadSchema, WeakMap<Filter, CompiledFilter>>();

export function compiled(filter: Filter, schema: PayloadSchema): CompiledFilter {
  let known = compiledBySchema.get(schema);
  if (known === undefined) {
    known = new WeakMap();
    compiledBySchema.set(schema, known);
  }
  let result = known.get(filter);
  if (result === undefined) {
    result = compileFilter(filter, schema);
    known.set(filter, result);
  }
  return result;
}

export async function countMatching(
  segment: ReadableSegment,
  filter: Filter | null,
  pause: Pause,
): Promise<number> {
  if (filter === null) return segment.pointCount();
  const bits = await segment.filterBits(compiled(filter, segment.schema), pause);
  return segment.countLive(bits);
}

export function estimateMatching(segment: ReadableSegment, filter: Filter): number {
  const total = segment.pointCount();
  const { expected } = estimateFilter(compiled(filter, segment.schema), segment, total);
  return Math.round(expected);
}

export interface IdWalk {
  readonly filter: Filter | null;
  readonly from: PointId | null;
  readonly limit: number;
}

export async function offsetsInIdOrder(
  segment: ReadableSegment,
  walk: IdWalk,
  pause: Pause,
): Promise<Uint32Array> {
  const ranked = segment.offsetsSortedById();
  const rankCount = ranked === null ? segment.offsetCount() : ranked.length;
  const firstRank = walk.from === null ? 0 : segment.rankOf(walk.from);
  const admission = new Admission(segment, walk.filter, pause);
  let found: number[] = [];
  for (let rank = firstRank; rank < rankCount && found.length < walk.limit; rank += 1) {
    const offset = ranked === null ? rank : (ranked[rank] as number);
    if (admission.isDue) {
      await admission.giveWay();
      // Points removed meanwhile must not shorten the answer: that would look like its end.
      found = found.filter((earlier) => segment.isLive(earlier));
    }
    if (admission.admits(offset)) found.push(offset);
  }
  return Uint32Array.from(found);
}

export interface ValueWalk {
  readonly filter: Filter | null;
  readonly order: OrderBy;
  readonly limit: number;
}

export async function offsetsInValueOrder(
  segment: ReadableSegment,
  walk: ValueWalk,
  pause: Pause,
): Promise<readonly OrderedOffset[]> {
  const index = segment.fieldIndex(walk.order.key) ?? (await indexNow(segment, walk.order, pause));
  const values = index.ordered(walk.order);
  const admission = new Admission(segment, walk.filter, pause);
  let found: OrderedOffset[] = [];
  for (let at = 0; at < values.length && found.length < walk.limit; at += 1) {
    const offset = values.offsetAt(at);
    if (admission.isDue) {
      await admission.giveWay();
      found = found.filter((earlier) => segment.isLive(earlier.offset));
    }
    if (admission.admits(offset)) found.push({ offset, value: values.valueAt(at) });
  }
  return found;
}

/** A segment that has no index of the field yet answers as if it had. */
async function indexNow(
  segment: ReadableSegment,
  order: OrderBy,
  pause: Pause,
): Promise<FieldIndex> {
  const schema = segment.schema.get(order.key);
  if (schema === undefined) {
    throw new RequestError(
      'wrong_input',
      `No range index for \`order_by\` key: \`${order.key}\`. Please create one to use \`order_by\`.`,
    );
  }
  const index = new MemoryFieldIndex(order.key, schema);
  for (let offset = 0; offset < segment.offsetCount(); offset += 1) {
    if (offset % slicePoints === slicePoints - 1) await pause();
    if (segment.isLive(offset)) index.set(offset, segment.payloadAt(offset));
  }
  return index;
}

/** Which points of a walk count, and when the walk should let others run. */
class Admission {
  readonly #segment: ReadableSegment;
  readonly #filter: CompiledFilter | null;
  readonly #pause: Pause;
  #bits: Uint32Array | null = null;
  #testedCount = 0;
  #sliceCount = 0;

  constructor(segment: ReadableSegment, filter: Filter | null, pause: Pause) {
    this.#segment = segment;
    this.#filter = filter === null ? null : compiled(filter, segment.schema);
    this.#pause = pause;
  }

  get isDue(): boolean {
    return this.#sliceCount >= slicePoints;
  }

  async giveWay(): Promise<void> {
    this.#sliceCount = 0;
    const mustTest = this.#filter !== null && this.#bits === null;
    if (mustTest && this.#testedCount >= singleTestsMax) {
      this.#bits = await this.#segment.filterBits(this.#filter, this.#pause);
      return;
    }
    // Bits cost next to nothing: many of them are walked between two pauses.
    if (!mustTest) this.#sliceCount -= slicePoints * 15;
    await this.#pause();
  }

  admits(offset: number): boolean {
    this.#sliceCount += 1;
    if (!this.#segment.isLive(offset)) return false;
    if (this.#filter === null) return true;
    if (this.#bits !== null && offset < this.#bits.length * 32) {
      return testBit(this.#bits, offset);
    }
    this.#testedCount += 1;
    return matchesFilter(this.#filter, this.#segment, offset);
  }
}
