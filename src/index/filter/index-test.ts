// Which question a payload index can answer, and in which form (spec/query §5.1, §5.2). `null`
// means that the index cannot answer, and the payload decides.

import { microsOfNanos } from '../../model/datetime.ts';
import type { DatetimeRange, FieldCondition, Match, NumberRange } from '../../model/filter.ts';
import { indexCapabilities, type PayloadFieldSchema } from '../../model/payload-schema.ts';
import { uuidPointId } from '../../model/point-id.ts';
import type { OrderValue } from '../../model/read.ts';
import type { BetweenTest, IndexedValue, IndexTest } from '../payload/field-index.ts';

/** The first sub-condition that the index of the key can answer decides alone (R26). */
export function indexTestOf(
  condition: FieldCondition,
  schema: PayloadFieldSchema,
): IndexTest | null {
  const { match, range, datetimeRange, isEmpty, isNull } = condition;
  const test =
    (match === null ? null : matchTestOf(match, schema)) ??
    (range === null ? null : rangeTestOf(range, schema)) ??
    (datetimeRange === null ? null : datetimeTestOf(datetimeRange, schema));
  if (test !== null || condition.valuesCount !== null) return test;
  if (isEmpty !== null) return { kind: isEmpty ? 'some_empty' : 'some_filled' };
  if (isNull !== null) return { kind: isNull ? 'some_null' : 'some_not_null' };
  return null;
}

function matchTestOf(match: Match, schema: PayloadFieldSchema): IndexTest | null {
  switch (match.kind) {
    case 'value': {
      const values = indexedValuesFor([match.value], schema);
      return values === null ? null : { kind: 'any', values };
    }
    case 'any':
    case 'except': {
      const values = indexedValuesFor(match.values, schema);
      return values === null ? null : { kind: match.kind, values };
    }
    case 'text':
    case 'text_any':
    case 'phrase':
      return null;
  }
}

/** The asked values as the index holds them; `null` when it does not hold values of this kind. */
function indexedValuesFor(
  asked: readonly IndexedValue[],
  schema: PayloadFieldSchema,
): ReadonlySet<IndexedValue> | null {
  const values = new Set<IndexedValue>();
  for (const value of asked) {
    const indexed = indexedFormOf(value, schema);
    if (indexed === null) return null;
    values.add(indexed);
  }
  // An empty list has no type of its own: any index with values to look up answers it.
  return asked.length > 0 || holdsListable(schema) ? values : null;
}

function indexedFormOf(value: IndexedValue, schema: PayloadFieldSchema): IndexedValue | null {
  switch (schema.dataType) {
    case 'keyword':
      return typeof value === 'string' ? value : null;
    case 'uuid':
      return typeof value === 'string' ? uuidPointId(value) : null;
    case 'bool':
      return typeof value === 'boolean' ? value : null;
    case 'integer':
      if (typeof value !== 'number' && typeof value !== 'bigint') return null;
      return indexCapabilities(schema).lookup ? value : null;
    default:
      return null;
  }
}

function holdsListable(schema: PayloadFieldSchema): boolean {
  if (schema.dataType === 'integer') return indexCapabilities(schema).lookup;
  return schema.dataType === 'keyword' || schema.dataType === 'uuid';
}

function rangeTestOf(range: NumberRange, schema: PayloadFieldSchema): IndexTest | null {
  switch (schema.dataType) {
    case 'integer':
      return indexCapabilities(schema).range ? integerBounds(range) : null;
    case 'datetime':
      // Microseconds since the epoch are compared as numbers (R41).
      return integerBounds(range);
    case 'float':
      return between(range.gte, range.gt, range.lte, range.lt);
    default:
      return null;
  }
}

/** Fractional bounds move inward to the next integer; the result is closed and exact (R40). */
function integerBounds(range: NumberRange): BetweenTest {
  return between(
    range.gte === null ? null : exactInteger(Math.ceil(range.gte)),
    range.gt === null ? null : exactInteger(Math.floor(range.gt)),
    range.lte === null ? null : exactInteger(Math.floor(range.lte)),
    range.lt === null ? null : exactInteger(Math.ceil(range.lt)),
  );
}

/** A whole f64 as exact integer; infinities stay what they are and compare as such. */
function exactInteger(whole: number): OrderValue {
  return Number.isSafeInteger(whole) || !Number.isFinite(whole) ? whole + 0 : BigInt(whole);
}

function datetimeTestOf(range: DatetimeRange, schema: PayloadFieldSchema): IndexTest | null {
  if (schema.dataType !== 'datetime') return null;
  const micros = (nanos: bigint | null) => (nanos === null ? null : compact(microsOfNanos(nanos)));
  return between(micros(range.gte), micros(range.gt), micros(range.lte), micros(range.lt));
}

function compact(value: bigint): OrderValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The tighter of the closed and the open bound on each side. */
function between(
  gte: OrderValue | null,
  gt: OrderValue | null,
  lte: OrderValue | null,
  lt: OrderValue | null,
): BetweenTest {
  const lowOpen = gt !== null && (gte === null || gt >= gte);
  const highOpen = lt !== null && (lte === null || lt <= lte);
  return {
    kind: 'between',
    low: lowOpen ? gt : gte,
    lowOpen,
    high: highOpen ? lt : lte,
    highOpen,
  };
}
