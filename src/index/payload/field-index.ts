// What every payload index can be asked, whether it lives in the owner's memory and changes, or is
// a set of immutable columns that all threads read. Bitmaps are words of `base/bitset`, one bit per
// offset. An index knows nothing of deletions: who asks intersects with the live points.

import type { PayloadFieldType } from '../../model/payload-schema.ts';
import type { OrderBy, OrderValue } from '../../model/read.ts';

/**
 * One value as an index holds it: keyword → string, uuid → canonical text, integer → `number` when
 * safe, else `bigint`, float → number, datetime → µs since the epoch (as integer), bool → boolean.
 */
export type IndexedValue = string | number | bigint | boolean;

/** A question that an index decides alone (spec/query R23, R26). */
export type IndexTest =
  /** Some indexed value of the point is in `values`. */
  | { readonly kind: 'any'; readonly values: ReadonlySet<IndexedValue> }
  /** Some indexed value of the point is not in `values` (R28). */
  | { readonly kind: 'except'; readonly values: ReadonlySet<IndexedValue> }
  | BetweenTest
  | { readonly kind: PresenceTestKind };

/** Some indexed value lies between the bounds; `null` = no bound. */
export interface BetweenTest {
  readonly kind: 'between';
  readonly low: OrderValue | null;
  /** The bound itself is outside. */
  readonly lowOpen: boolean;
  readonly high: OrderValue | null;
  readonly highOpen: boolean;
}

/** Every point that holds an indexed value. */
export const holdsAnyValue: IndexTest = { kind: 'except', values: new Set() };

/**
 * Emptiness and nullness of the values at the path (spec/query §4.6). A value is empty when it is
 * null or `[]`; it holds null when it is null or an array with a null in it.
 */
export type PresenceTestKind =
  /** Every value is empty; also true without any. */
  | 'all_empty'
  /** Some value is empty, or there is none. */
  | 'some_empty'
  /** Some value is not empty. */
  | 'some_filled'
  /** Some value holds null. */
  | 'some_null'
  /** Some value holds no null, or there is none. */
  | 'some_not_null';

/** Bounds on a number of points; `expected` lies between them. */
export interface Cardinality {
  readonly min: number;
  readonly expected: number;
  readonly max: number;
}

/** (value, offset) pairs in the order that was asked for; ties by offset, reversed for `desc`. */
export interface OrderedValues {
  readonly length: number;
  offsetAt(position: number): number;
  valueAt(position: number): OrderValue;
}

export interface FieldIndex {
  readonly dataType: PayloadFieldType;
  /** Number of points that hold at least one indexed value. */
  pointCount(): number;
  /** Whether the point passes; `null` when that is cheaper to read off its payload. */
  matchesAt(test: IndexTest, offset: number): boolean | null;
  /** Sets the bit of every offset that passes; `into` must have a bit for each offset. */
  collect(test: IndexTest, into: Uint32Array): void;
  estimate(test: IndexTest): Cardinality;
  /** Integer, float and datetime only: empty for the other types. */
  ordered(order: Pick<OrderBy, 'direction' | 'startFrom'>): OrderedValues;
  /**
   * Every distinct value, ascending, with the offsets that hold it (valid during the call only).
   */
  forEachValue(visit: (value: IndexedValue, offsets: Uint32Array) => void): void;
  /**
   * Every distinct value of the points in the bitmap `among`, ascending, with their number (> 0).
   */
  countValues(among: Uint32Array, visit: (value: IndexedValue, count: number) => void): void;
}
