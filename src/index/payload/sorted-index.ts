// Integer, float and datetime of a published segment: all (value, offset) pairs, ascending. A range
// is one slice of them, a match an equal run, an ordered scroll a walk.
//
//   values   i32, f64 (also whole numbers within 2^53) or i64, whichever is the narrowest that is exact
//   offsets  u32: the point of each value; equal values by ascending offset

import { assert } from '../../base/assert.ts';
import { andNotInto, orInto } from '../../base/bitset.ts';
import type { PayloadFieldType } from '../../model/payload-schema.ts';
import type { OrderBy, OrderValue } from '../../model/read.ts';
import type {
  BetweenTest,
  Cardinality,
  FieldIndex,
  IndexedValue,
  IndexTest,
  OrderedValues,
} from './field-index.ts';
import {
  buildPresence,
  columnOf,
  type FieldValuesSource,
  type IndexColumn,
  numbersOf,
  PresenceBitmaps,
} from './index-columns.ts';
import { boundsOfPairs, countListed, exactly, noOrderedValues } from './index-estimates.ts';
import { compareIndexedValues, lowerBound, orderedSlice } from './ordered-values.ts';

type SortedType = Extract<PayloadFieldType, 'integer' | 'float' | 'datetime'>;
type Numbers = Int32Array | Float64Array | BigInt64Array;

const widths = { i32: 0, f64: 1, i64: 2 } as const;

export function buildSortedIndex(
  dataType: SortedType,
  offsetCount: number,
  source: FieldValuesSource,
): readonly IndexColumn[] {
  const values: OrderValue[] = [];
  const offsets: number[] = [];
  for (let offset = 0; offset < offsetCount; offset += 1) {
    for (const value of source.valuesAt(offset)) {
      values.push(value as OrderValue);
      offsets.push(offset);
    }
  }
  const width = widthOf(dataType, values);
  const positions = sortedPositions(values, width);
  const sorted = newNumbers(width, positions.length);
  const sortedOffsets = new Uint32Array(positions.length);
  for (let at = 0; at < positions.length; at += 1) {
    const position = positions[at] as number;
    const value = values[position] as OrderValue;
    if (sorted instanceof BigInt64Array) sorted[at] = BigInt(value);
    else sorted[at] = value as number;
    sortedOffsets[at] = offsets[position] as number;
  }
  return [
    ...buildPresence(offsetCount, source, width),
    columnOf('values', sorted),
    columnOf('offsets', sortedOffsets),
  ];
}

function widthOf(dataType: SortedType, values: readonly OrderValue[]): number {
  if (dataType === 'float') return widths.f64;
  let width: number = widths.i32;
  for (const value of values) {
    if (typeof value === 'bigint') return widths.i64;
    if ((value | 0) !== value) width = widths.f64;
  }
  return width;
}

function newNumbers(width: number, length: number): Numbers {
  if (width === widths.i32) return new Int32Array(length);
  return width === widths.f64 ? new Float64Array(length) : new BigInt64Array(length);
}

/** Positions of the pairs by value; pairs come by offset, so equal values keep that order. */
function sortedPositions(values: readonly OrderValue[], width: number): Uint32Array {
  const positions = Uint32Array.from(values, (_, at) => at);
  if (width === widths.i64) {
    return positions.sort((a, b) => {
      return compareIndexedValues(values[a] as OrderValue, values[b] as OrderValue) || a - b;
    });
  }
  const numbers = Float64Array.from(values as readonly number[]);
  return positions.sort((a, b) => (numbers[a] as number) - (numbers[b] as number) || a - b);
}

export class SortedIndex implements FieldIndex {
  readonly dataType: SortedType;
  readonly #presence: PresenceBitmaps;
  readonly #offsets: Uint32Array;
  readonly #column: OrderedValues;
  readonly #hasOrder: boolean;

  /** `hasOrder`: whether `order_by` may use it (an integer index may be made for lookups only). */
  constructor(dataType: SortedType, hasOrder: boolean, columns: readonly IndexColumn[]) {
    this.dataType = dataType;
    this.#hasOrder = hasOrder;
    this.#presence = new PresenceBitmaps(columns);
    const offsets = numbersOf(columns, 'offsets', Uint32Array);
    this.#offsets = offsets;
    this.#column = {
      length: offsets.length,
      offsetAt: (position) => offsets[position] as number,
      valueAt: valueReader(columns, this.#presence.counts.width),
    };
    const { pairCount } = this.#presence.counts;
    assert(offsets.length === pairCount, () => `${offsets.length} offsets, ${pairCount} pairs`);
  }

  pointCount(): number {
    return this.#presence.counts.pointCount;
  }

  matchesAt(test: IndexTest, offset: number): boolean | null {
    if (test.kind === 'any' || test.kind === 'except' || test.kind === 'between') return null;
    return this.#presence.testAt(test.kind, offset);
  }

  collect(test: IndexTest, into: Uint32Array): void {
    switch (test.kind) {
      case 'any':
        for (const value of test.values) {
          const [start, end] = this.#runOf(value);
          this.#addSlice(start, end, into);
        }
        return;
      case 'except':
        this.#collectExcept(test.values, into);
        return;
      case 'between': {
        const [start, end] = this.#sliceOf(test);
        this.#addSlice(start, end, into);
        return;
      }
      default:
        this.#presence.collect(test.kind, into);
    }
  }

  estimate(test: IndexTest): Cardinality {
    const { counts } = this.#presence;
    switch (test.kind) {
      case 'any':
        return boundsOfPairs(counts, this.#pairsOf(test.values));
      case 'except':
        return boundsOfPairs(counts, counts.pairCount - this.#pairsOf(test.values));
      case 'between': {
        const [start, end] = this.#sliceOf(test);
        return boundsOfPairs(counts, end - start);
      }
      default:
        return exactly(this.#presence.count(test.kind));
    }
  }

  ordered(order: Pick<OrderBy, 'direction' | 'startFrom'>): OrderedValues {
    return this.#hasOrder ? orderedSlice(this.#column, order) : noOrderedValues;
  }

  forEachValue(visit: (value: IndexedValue, offsets: Uint32Array) => void): void {
    const column = this.#column;
    let start = 0;
    while (start < column.length) {
      const value = column.valueAt(start);
      let end = start + 1;
      while (end < column.length && column.valueAt(end) === value) end += 1;
      visit(value, this.#offsets.subarray(start, end));
      start = end;
    }
  }

  countValues(among: Uint32Array, visit: (value: IndexedValue, count: number) => void): void {
    this.forEachValue((value, offsets) => {
      const count = countListed(offsets, among);
      if (count > 0) visit(value, count);
    });
  }

  /** Everything between the runs of the listed values. */
  #collectExcept(values: ReadonlySet<IndexedValue>, into: Uint32Array): void {
    if (values.size === 0) {
      orInto(into, this.#presence.holders());
      return;
    }
    const runs = [...values].map((value) => this.#runOf(value)).sort(([a], [b]) => a - b);
    let from = 0;
    for (const [start, end] of runs) {
      // A value that no point holds has an empty run, maybe at the start of another's.
      if (start > from) this.#addSlice(from, start, into);
      from = Math.max(from, end);
    }
    this.#addSlice(from, this.#offsets.length, into);
  }

  #pairsOf(values: ReadonlySet<IndexedValue>): number {
    let count = 0;
    for (const value of values) {
      const [start, end] = this.#runOf(value);
      count += end - start;
    }
    return count;
  }

  #runOf(value: IndexedValue): readonly [number, number] {
    const bound = value as OrderValue;
    return [lowerBound(this.#column, bound, false), lowerBound(this.#column, bound, true)];
  }

  #sliceOf(test: BetweenTest): readonly [number, number] {
    const { length } = this.#offsets;
    const start = test.low === null ? 0 : lowerBound(this.#column, test.low, test.lowOpen);
    const end = test.high === null ? length : lowerBound(this.#column, test.high, !test.highOpen);
    return [start, Math.max(start, end)];
  }

  #addSlice(start: number, end: number, into: Uint32Array): void {
    const { pointCount, pairCount } = this.#presence.counts;
    if ((end - start) * 2 <= pairCount || pointCount !== pairCount) {
      addOffsets(this.#offsets.subarray(start, end), into);
      return;
    }
    // More than half of the points, each with one value: cheaper to take away the others.
    const outside = new Uint32Array(into.length);
    addOffsets(this.#offsets.subarray(0, start), outside);
    addOffsets(this.#offsets.subarray(end), outside);
    const inside = this.#presence.holders().slice();
    andNotInto(inside, outside);
    orInto(into, inside);
  }
}

function addOffsets(offsets: Uint32Array, into: Uint32Array): void {
  for (let at = 0; at < offsets.length; at += 1) {
    const offset = offsets[at] as number;
    const word = offset >>> 5;
    into[word] = (into[word] as number) | (1 << (offset & 31));
  }
}

function valueReader(
  columns: readonly IndexColumn[],
  width: number,
): (position: number) => OrderValue {
  if (width === widths.i64) {
    const values = numbersOf(columns, 'values', BigInt64Array);
    return (position) => {
      const value = values[position] as bigint;
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    };
  }
  const values =
    width === widths.i32
      ? numbersOf(columns, 'values', Int32Array)
      : numbersOf(columns, 'values', Float64Array);
  return (position) => values[position] as number;
}
