// How an index of a given type reads the values at its path: which of them it holds, in which form,
// and what it knows of emptiness and nullness. Every index, and every evaluation that stands in for
// one, reads payloads through this file, so that they cannot differ.

import { JsonFloat, type JsonValue } from '../../base/json-value.ts';
import { parseDatetimeMicros } from '../../model/datetime.ts';
import type { PayloadFieldType } from '../../model/payload-schema.ts';
import { uuidPointId } from '../../model/point-id.ts';
import type { OrderValue } from '../../model/read.ts';
import type { BetweenTest, IndexedValue, IndexTest, PresenceTestKind } from './field-index.ts';

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/**
 * Presence flags of one point; see `PresenceTestKind`. `some_filled` is the absence of `allEmpty`.
 */
export const presence = { allEmpty: 1, someEmpty: 2, someNull: 4, someNotNull: 8 } as const;

/** What a point without any value at the path has. */
export const presenceOfNothing = presence.allEmpty | presence.someEmpty | presence.someNotNull;

/** Presence flags of the values at a path. */
export function presenceOf(values: readonly JsonValue[]): number {
  if (values.length === 0) return presenceOfNothing;
  let flags: number = presence.allEmpty;
  for (const value of values) {
    if (isEmptyValue(value)) flags |= presence.someEmpty;
    else flags &= ~presence.allEmpty;
    flags |= holdsNull(value) ? presence.someNull : presence.someNotNull;
  }
  return flags;
}

/** Null, or an array without elements. */
export function isEmptyValue(value: JsonValue): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

/** Null, or an array with a null in it. */
export function holdsNull(value: JsonValue): boolean {
  return value === null || (Array.isArray(value) && value.includes(null));
}

/** The values an index of this type holds, each once, in order of appearance. */
export function indexedValuesOf(
  dataType: PayloadFieldType,
  values: readonly JsonValue[],
): readonly IndexedValue[] {
  const found: IndexedValue[] = [];
  for (const value of values) {
    if (Array.isArray(value)) {
      const elements = value as readonly JsonValue[];
      for (const element of elements) pushIndexed(found, dataType, element);
    } else {
      pushIndexed(found, dataType, value);
    }
  }
  return found.length > 1 ? [...new Set(found)] : found;
}

function pushIndexed(found: IndexedValue[], dataType: PayloadFieldType, value: JsonValue): void {
  const indexed = indexedValueOf(dataType, value);
  if (indexed !== null) found.push(indexed);
}

/** `null` when an index of this type does not hold such a value; arrays are not opened. */
export function indexedValueOf(dataType: PayloadFieldType, value: JsonValue): IndexedValue | null {
  switch (dataType) {
    case 'keyword':
      return typeof value === 'string' ? value : null;
    case 'integer':
      return integerOf(value);
    case 'float':
      return floatOf(value);
    case 'bool':
      return typeof value === 'boolean' ? value : null;
    case 'datetime':
      return typeof value === 'string' ? parseDatetimeMicros(value) : null;
    case 'uuid':
      return typeof value === 'string' ? uuidPointId(value) : null;
    case 'geo':
    case 'text':
      // These types have no values here yet; they answer emptiness and nullness only.
      return null;
  }
}

/** An i64 integer, also one written as a whole float; `number` when safe. */
function integerOf(value: JsonValue): number | bigint | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return value >= int64Min && value <= int64Max ? value : null;
  if (!(value instanceof JsonFloat) || !Number.isInteger(value.value)) return null;
  // `+ 0` turns −0 into 0, so that one integer has one form.
  if (Number.isSafeInteger(value.value)) return value.value + 0;
  const exact = BigInt(value.value);
  return exact >= int64Min && exact <= int64Max ? exact : null;
}

/** Any JSON number as f64; `null` for anything else. */
export function floatOf(value: JsonValue): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return value instanceof JsonFloat ? value.value + 0 : null;
}

/** The truth of `test` for a point with these indexed values and presence flags. */
export function testIndexedValues(
  test: IndexTest,
  values: readonly IndexedValue[],
  flags: number,
): boolean {
  switch (test.kind) {
    case 'any':
      for (const value of values) if (test.values.has(value)) return true;
      return false;
    case 'except':
      for (const value of values) if (!test.values.has(value)) return true;
      return false;
    case 'between':
      for (const value of values) if (isBetween(test, value as OrderValue)) return true;
      return false;
    default:
      return testPresence(test.kind, flags);
  }
}

/** Exact also between `number` and `bigint`. */
export function isBetween(test: BetweenTest, value: OrderValue): boolean {
  const { low, high } = test;
  if (low !== null && (test.lowOpen ? !(value > low) : !(value >= low))) return false;
  if (high !== null && (test.highOpen ? !(value < high) : !(value <= high))) return false;
  return true;
}

export function testPresence(kind: PresenceTestKind, flags: number): boolean {
  switch (kind) {
    case 'all_empty':
      return (flags & presence.allEmpty) !== 0;
    case 'some_empty':
      return (flags & presence.someEmpty) !== 0;
    case 'some_filled':
      return (flags & presence.allEmpty) === 0;
    case 'some_null':
      return (flags & presence.someNull) !== 0;
    case 'some_not_null':
      return (flags & presence.someNotNull) !== 0;
  }
}
