// The index of one field while its segment is still written: for every offset the values as
// extracted, in flat columns, so that an indexed condition parses no JSON and is one loop over
// numbers. Belongs to one thread. Offsets grow by appending; a payload change of a point is a `set`
// on its offset.

import { countBits, nextBit, setBit } from '../../base/bitset.ts';
import { extractValues, type PayloadPath, payloadPath } from '../../model/payload-path.ts';
import {
  indexCapabilities,
  type PayloadFieldSchema,
  type PayloadFieldType,
} from '../../model/payload-schema.ts';
import type { OrderBy, OrderValue } from '../../model/read.ts';
import type {
  Cardinality,
  FieldIndex,
  IndexedValue,
  IndexTest,
  OrderedValues,
} from './field-index.ts';
import { indexedValuesOf, presenceOf, testIndexedValues, testPresence } from './field-values.ts';
import { collectNumbersBetween, collectNumbersListed } from './number-scan.ts';
import { compareIndexedValues, isOrderedType, orderedSlice } from './ordered-values.ts';

const noValues: readonly IndexedValue[] = [];
/** A flag beside those of `presence`: the point is in the index. Without it, it passes no test. */
const isSet = 0x80;

export class MemoryFieldIndex implements FieldIndex {
  readonly dataType: PayloadFieldType;
  readonly schema: PayloadFieldSchema;
  readonly #path: PayloadPath;
  /** Offsets below this have an entry in the columns. */
  #length = 0;
  #flags = new Uint8Array(64);
  /**
   * The only value of the point: itself, or its place in `#dictionary`; NaN for none or several.
   */
  #numbers = new Float64Array(64);
  /** Points that hold several values, or one that no f64 is equal to. */
  readonly #others = new Map<number, readonly IndexedValue[]>();
  readonly #dictionary: IndexedValue[] = [];
  readonly #codes = new Map<IndexedValue, number>();
  #pointCount = 0;
  /** Sorted pairs, until the next change. */
  #ordered: { readonly values: OrderValue[]; readonly offsets: number[] } | null = null;

  constructor(key: string, schema: PayloadFieldSchema) {
    this.schema = schema;
    this.dataType = schema.dataType;
    this.#path = payloadPath(key);
  }

  set(offset: number, payloadBytes: Uint8Array): void {
    const found = extractValues(payloadBytes, this.#path);
    const values = indexedValuesOf(this.dataType, found);
    this.#reach(offset);
    this.#forget(offset);
    this.#flags[offset] = isSet | presenceOf(found);
    if (values.length === 0) return;
    this.#pointCount += 1;
    const [only] = values;
    const number = values.length === 1 && only !== undefined ? this.#numberOf(only) : NaN;
    this.#numbers[offset] = number;
    if (Number.isNaN(number)) this.#others.set(offset, values);
  }

  /** Forgets the point: it passes no test until it is set again. */
  clear(offset: number): void {
    if (offset < this.#length) this.#forget(offset);
  }

  valuesAt(offset: number): readonly IndexedValue[] {
    if (offset >= this.#length) return noValues;
    const number = this.#numbers[offset] as number;
    if (Number.isNaN(number)) return this.#others.get(offset) ?? noValues;
    return [isOrderedType(this.dataType) ? number : (this.#dictionary[number] as IndexedValue)];
  }

  flagsAt(offset: number): number {
    return offset < this.#length ? (this.#flags[offset] as number) & ~isSet : 0;
  }

  pointCount(): number {
    return this.#pointCount;
  }

  matchesAt(test: IndexTest, offset: number): boolean {
    const flags = offset < this.#length ? (this.#flags[offset] as number) : 0;
    return (flags & isSet) !== 0 && testIndexedValues(test, this.valuesAt(offset), flags);
  }

  collect(test: IndexTest, into: Uint32Array): void {
    if (test.kind !== 'any' && test.kind !== 'except' && test.kind !== 'between') {
      for (let offset = 0; offset < this.#length; offset += 1) {
        const flags = this.#flags[offset] as number;
        if ((flags & isSet) !== 0 && testPresence(test.kind, flags)) setBit(into, offset);
      }
      return;
    }
    const numbers = this.#numbers.subarray(0, this.#length);
    if (test.kind === 'between') {
      if (isOrderedType(this.dataType)) collectNumbersBetween(numbers, test, into);
    } else {
      collectNumbersListed(numbers, this.#numbersOf(test.values), test.kind === 'any', into);
    }
    for (const [offset, values] of this.#others) {
      if (testIndexedValues(test, values, 0)) setBit(into, offset);
    }
  }

  /** Counts: the values of a segment in memory change under any statistics. */
  estimate(test: IndexTest): Cardinality {
    const matching = new Uint32Array((this.#length + 31) >>> 5);
    this.collect(test, matching);
    const count = countBits(matching);
    return { min: count, expected: count, max: count };
  }

  ordered(order: Pick<OrderBy, 'direction' | 'startFrom'>): OrderedValues {
    this.#ordered ??= this.#sortedPairs();
    const { values, offsets } = this.#ordered;
    return orderedSlice(
      {
        length: values.length,
        valueAt: (position) => values[position] as OrderValue,
        offsetAt: (position) => offsets[position] as number,
      },
      order,
    );
  }

  forEachValue(visit: (value: IndexedValue, offsets: Uint32Array) => void): void {
    const offsetsByValue = new Map<IndexedValue, number[]>();
    for (let offset = 0; offset < this.#length; offset += 1) {
      for (const value of this.valuesAt(offset)) {
        const offsets = offsetsByValue.get(value);
        if (offsets === undefined) offsetsByValue.set(value, [offset]);
        else offsets.push(offset);
      }
    }
    const sorted = [...offsetsByValue].sort(([a], [b]) => compareIndexedValues(a, b));
    for (const [value, offsets] of sorted) visit(value, Uint32Array.from(offsets));
  }

  countValues(among: Uint32Array, visit: (value: IndexedValue, count: number) => void): void {
    const counts = new Map<IndexedValue, number>();
    for (let offset = nextBit(among, 0); offset >= 0; offset = nextBit(among, offset + 1)) {
      for (const value of this.valuesAt(offset)) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const sorted = [...counts].sort(([a], [b]) => compareIndexedValues(a, b));
    for (const [value, count] of sorted) visit(value, count);
  }

  #reach(offset: number): void {
    if (offset >= this.#flags.length) {
      const capacity = Math.max(offset + 1, this.#flags.length * 2);
      const [flags, numbers] = [new Uint8Array(capacity), new Float64Array(capacity)];
      flags.set(this.#flags);
      numbers.set(this.#numbers);
      this.#flags = flags;
      this.#numbers = numbers;
    }
    if (offset < this.#length) return;
    this.#numbers.fill(NaN, this.#length, offset + 1);
    this.#length = offset + 1;
  }

  #forget(offset: number): void {
    if (!Number.isNaN(this.#numbers[offset]) || this.#others.delete(offset)) this.#pointCount -= 1;
    this.#flags[offset] = 0;
    this.#numbers[offset] = NaN;
    this.#ordered = null;
  }

  /** How a single value stands in the column; NaN if it cannot. */
  #numberOf(value: IndexedValue): number {
    if (typeof value === 'number') return value;
    if (typeof value === 'bigint') return NaN;
    const known = this.#codes.get(value);
    if (known !== undefined) return known;
    const code = this.#dictionary.push(value) - 1;
    this.#codes.set(value, code);
    return code;
  }

  /** The listed values as they stand in the column; those that cannot are left out. */
  #numbersOf(values: ReadonlySet<IndexedValue>): Set<number> {
    const numbers = new Set<number>();
    for (const value of values) {
      const number = typeof value === 'number' ? value : this.#codes.get(value);
      if (number !== undefined) numbers.add(number);
    }
    return numbers;
  }

  #sortedPairs(): { values: OrderValue[]; offsets: number[] } {
    const pairs: { value: OrderValue; offset: number }[] = [];
    if (isOrderedType(this.dataType) && indexCapabilities(this.schema).range) {
      for (let offset = 0; offset < this.#length; offset += 1) {
        for (const value of this.valuesAt(offset)) {
          pairs.push({ value: value as OrderValue, offset });
        }
      }
    }
    pairs.sort((a, b) => compareIndexedValues(a.value, b.value) || a.offset - b.offset);
    return { values: pairs.map((pair) => pair.value), offsets: pairs.map((pair) => pair.offset) };
  }
}
