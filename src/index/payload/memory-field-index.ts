// The index of one field while its segment is still written: for every offset the values as extracted,
// so that an indexed condition parses no JSON. Belongs to one thread. Offsets grow by appending; a
// payload change of a point is a `set` on the same offset.

import { setBit } from '../../base/bitset.ts';
import { extractValues, type PayloadPath, payloadPath } from '../../model/payload-path.ts';
import { indexCapabilities, type PayloadFieldSchema } from '../../model/payload-schema.ts';
import type { OrderBy, OrderValue } from '../../model/read.ts';
import type {
  Cardinality,
  FieldIndex,
  IndexedValue,
  IndexTest,
  OrderedValues,
} from './field-index.ts';
import { indexedValuesOf, presenceOf, testIndexedValues } from './field-values.ts';
import { compareIndexedValues, isOrderedType, orderedSlice } from './ordered-values.ts';

const noValues: readonly IndexedValue[] = [];

export class MemoryFieldIndex implements FieldIndex {
  readonly dataType: PayloadFieldSchema['dataType'];
  readonly schema: PayloadFieldSchema;
  readonly #path: PayloadPath;
  /** Per offset; a hole (never set, or cleared) passes no test, not even for emptiness. */
  readonly #values: (readonly IndexedValue[] | null)[] = [];
  readonly #flags: number[] = [];
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
    this.#put(offset, indexedValuesOf(this.dataType, found), presenceOf(found));
  }

  /** Forgets the point: it passes no test until it is set again. */
  clear(offset: number): void {
    if (offset < this.#values.length) this.#put(offset, null, 0);
  }

  /** What the immutable index of the same segment is built from. */
  valuesAt(offset: number): readonly IndexedValue[] {
    return this.#values[offset] ?? noValues;
  }

  flagsAt(offset: number): number {
    return this.#flags[offset] ?? 0;
  }

  pointCount(): number {
    return this.#pointCount;
  }

  matchesAt(test: IndexTest, offset: number): boolean {
    const values = this.#values[offset];
    if (values === undefined || values === null) return false;
    return testIndexedValues(test, values, this.#flags[offset] ?? 0);
  }

  collect(test: IndexTest, into: Uint32Array): void {
    for (let offset = 0; offset < this.#values.length; offset += 1) {
      if (this.matchesAt(test, offset)) setBit(into, offset);
    }
  }

  /** Counts: a segment in memory is small, and its values change under any statistics. */
  estimate(test: IndexTest): Cardinality {
    let count = 0;
    for (let offset = 0; offset < this.#values.length; offset += 1) {
      if (this.matchesAt(test, offset)) count += 1;
    }
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
    for (const [offset, values] of this.#values.entries()) {
      for (const value of values ?? noValues) {
        const offsets = offsetsByValue.get(value);
        if (offsets === undefined) offsetsByValue.set(value, [offset]);
        else offsets.push(offset);
      }
    }
    const sorted = [...offsetsByValue].sort(([a], [b]) => compareIndexedValues(a, b));
    for (const [value, offsets] of sorted) visit(value, Uint32Array.from(offsets));
  }

  #put(offset: number, values: readonly IndexedValue[] | null, flags: number): void {
    while (this.#values.length <= offset) {
      this.#values.push(null);
      this.#flags.push(0);
    }
    if ((this.#values[offset]?.length ?? 0) > 0) this.#pointCount -= 1;
    if ((values?.length ?? 0) > 0) this.#pointCount += 1;
    this.#values[offset] = values !== null && values.length === 0 ? noValues : values;
    this.#flags[offset] = flags;
    this.#ordered = null;
  }

  #sortedPairs(): { values: OrderValue[]; offsets: number[] } {
    const pairs: { value: OrderValue; offset: number }[] = [];
    if (isOrderedType(this.dataType) && indexCapabilities(this.schema).range) {
      for (const [offset, values] of this.#values.entries()) {
        for (const value of values ?? noValues) pairs.push({ value: value as OrderValue, offset });
      }
    }
    pairs.sort((a, b) => compareIndexedValues(a.value, b.value) || a.offset - b.offset);
    return { values: pairs.map((pair) => pair.value), offsets: pairs.map((pair) => pair.offset) };
  }
}
