// The meaning of a condition that no index decides: tests on the values a payload path yields
// (spec/query §4.3-§4.6, columns "unindexed"). A final array is opened one level (R22).

import type { JsonValue } from '../../base/json-value.ts';
import { parseDatetime } from '../../model/datetime.ts';
import type {
  CountRange,
  DatetimeRange,
  FieldCondition,
  Match,
  NumberRange,
} from '../../model/filter.ts';
import { floatOf, holdsNull, isEmptyValue } from '../payload/field-values.ts';
import type { PayloadTest } from './compiled-filter.ts';

/** A test ready to run; `listed` holds the values of `any` and `except`. */
export function fieldPayloadTest(condition: FieldCondition): PayloadTest {
  const { match } = condition;
  const lists = match !== null && (match.kind === 'any' || match.kind === 'except');
  const listed = new Set<JsonValue>(lists ? match.values : []);
  const pieces = match?.kind === 'text_any' ? match.text.split(/\s+/u).filter(Boolean) : [];
  return { kind: 'field', condition, listed, pieces };
}

/** The truth of `test` for a point (or an element of a nested array) with these values. */
export function testPayloadValues(test: PayloadTest, values: readonly JsonValue[]): boolean {
  switch (test.kind) {
    case 'is_empty':
      return values.every(isEmptyValue);
    case 'is_null':
      return values.includes(null);
    case 'field':
      return testField(test, values);
  }
}

type FieldTest = Extract<PayloadTest, { kind: 'field' }>;

/** Several sub-conditions are no conjunction: R26 says which of them count. */
function testField(test: FieldTest, values: readonly JsonValue[]): boolean {
  const { valuesCount, isEmpty, isNull } = test.condition;
  if (valuesCount !== null) return values.some((value) => testCount(valuesCount, value));
  if (isEmpty !== null) {
    if (isEmpty) return values.length === 0 || values.some(isEmptyValue);
    return values.some((value) => !isEmptyValue(value));
  }
  if (isNull !== null) {
    if (isNull) return values.some(holdsNull);
    return values.length === 0 || values.some((value) => !holdsNull(value));
  }
  for (const value of values) {
    if (!Array.isArray(value)) {
      if (testElement(test, value)) return true;
      continue;
    }
    const elements = value as readonly JsonValue[];
    for (const element of elements) if (testElement(test, element)) return true;
  }
  return false;
}

function testCount(range: CountRange, value: JsonValue): boolean {
  const count = value === null ? 0 : Array.isArray(value) ? value.length : 1;
  return inNumberRange(range, count);
}

function testElement(test: FieldTest, element: JsonValue): boolean {
  const { match, range, datetimeRange } = test.condition;
  if (match !== null && testMatch(test, match, element)) return true;
  if (range !== null) {
    const number = floatOf(element);
    if (number !== null && inNumberRange(range, number)) return true;
  }
  if (datetimeRange === null || typeof element !== 'string') return false;
  const nanos = parseDatetime(element);
  return nanos !== null && inDatetimeRange(datetimeRange, nanos);
}

function testMatch(test: FieldTest, match: Match, element: JsonValue): boolean {
  switch (match.kind) {
    case 'value':
      return element === match.value;
    case 'any':
      return test.listed.has(element);
    case 'except':
      return element !== null && !test.listed.has(element);
    case 'text':
    case 'phrase':
      return typeof element === 'string' && element.includes(match.text);
    case 'text_any':
      return typeof element === 'string' && test.pieces.some((piece) => element.includes(piece));
  }
}

function inNumberRange(range: NumberRange, value: number): boolean {
  if (range.lt !== null && !(value < range.lt)) return false;
  if (range.gt !== null && !(value > range.gt)) return false;
  if (range.lte !== null && !(value <= range.lte)) return false;
  return range.gte === null || value >= range.gte;
}

function inDatetimeRange(range: DatetimeRange, nanos: bigint): boolean {
  if (range.lt !== null && !(nanos < range.lt)) return false;
  if (range.gt !== null && !(nanos > range.gt)) return false;
  if (range.lte !== null && !(nanos <= range.lte)) return false;
  return range.gte === null || nanos >= range.gte;
}
