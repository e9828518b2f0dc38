// What a filter means, as plainly as it can be written: over the tree of one payload, without any
// index. Slow on purpose; the truth that faster code is compared with.

import { JsonFloat, type JsonObject, type JsonValue } from '../../src/base/json-value.ts';
import { parseDatetime } from '../../src/model/datetime.ts';
import type { Condition, FieldCondition, Filter, Match } from '../../src/model/filter.ts';
import { nestedPayloadPath, payloadPath, valuesAtPath } from '../../src/model/payload-path.ts';
import type { PointId } from '../../src/model/point-id.ts';

export interface NaivePoint {
  /** `null` inside `nested`, where neither ids nor vectors exist. */
  readonly id: PointId | null;
  readonly payload: JsonObject;
  readonly vectorNames: ReadonlySet<string>;
}

export function matches(filter: Filter, point: NaivePoint, nested = false): boolean {
  const test = (condition: Condition) => matchesCondition(condition, point);
  const { must, should, mustNot, minShould } = filter;
  if (must !== null && !must.every(test)) return false;
  if (mustNot?.some(test) === true) return false;
  if (should !== null && (nested || should.length > 0) && !should.some(test)) return false;
  if (minShould === null || (!nested && minShould.conditions.length === 0)) return true;
  return minShould.conditions.filter(test).length >= minShould.minCount;
}

function matchesCondition(condition: Condition, point: NaivePoint): boolean {
  switch (condition.kind) {
    case 'filter':
      return matches(condition.filter, point, point.id === null);
    case 'has_id':
      return point.id !== null && condition.ids.includes(point.id);
    case 'has_vector':
      return point.id !== null && point.vectorNames.has(condition.name);
    case 'is_empty':
      return valuesOf(point, condition.key).every(isEmptyValue);
    case 'is_null':
      return valuesOf(point, condition.key).includes(null);
    case 'nested':
      return valuesAtPath(point.payload, nestedPayloadPath(condition.key)).some(
        (element) =>
          element instanceof Map &&
          matches(condition.filter, { id: null, payload: element, vectorNames: new Set() }, true),
      );
    case 'field':
      return matchesField(condition, point);
  }
}

function valuesOf(point: NaivePoint, key: string): readonly JsonValue[] {
  return valuesAtPath(point.payload, payloadPath(key));
}

function isEmptyValue(value: JsonValue): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

function matchesField(condition: FieldCondition, point: NaivePoint): boolean {
  const values = valuesOf(point, condition.key);
  const { match, range, datetimeRange, valuesCount, isEmpty, isNull } = condition;
  if (valuesCount !== null) {
    return values.some((value) => inRange(countOf(value), valuesCount));
  }
  if (isEmpty !== null) {
    const empty = values.length === 0 ? [true] : values.map(isEmptyValue);
    return empty.includes(isEmpty);
  }
  if (isNull !== null) {
    const nulls = values.length === 0 ? [false] : values.map(holdsNull);
    return nulls.includes(isNull);
  }
  const flat = values.flatMap((value) => (Array.isArray(value) ? (value as JsonValue[]) : [value]));
  if (match !== null && flat.some((value) => matchesValue(match, value))) return true;
  if (range !== null) {
    const numbers = flat.map(numberOf).filter((number) => number !== null);
    if (numbers.some((number) => inRange(number, range))) return true;
  }
  if (datetimeRange === null) return false;
  return flat.some((value) => {
    const nanos = typeof value === 'string' ? parseDatetime(value) : null;
    return nanos !== null && inRange(nanos, datetimeRange);
  });
}

function holdsNull(value: JsonValue): boolean {
  return value === null || (Array.isArray(value) && value.includes(null));
}

function countOf(value: JsonValue): number {
  if (value === null) return 0;
  return Array.isArray(value) ? value.length : 1;
}

function numberOf(value: JsonValue): number | null {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  return value instanceof JsonFloat ? value.value : null;
}

interface Bounds<T> {
  readonly lt: T | null;
  readonly gt: T | null;
  readonly lte: T | null;
  readonly gte: T | null;
}

function inRange<T extends number | bigint>(value: T, bounds: Bounds<T>): boolean {
  if (bounds.lt !== null && !(value < bounds.lt)) return false;
  if (bounds.gt !== null && !(value > bounds.gt)) return false;
  if (bounds.lte !== null && !(value <= bounds.lte)) return false;
  return bounds.gte === null || value >= bounds.gte;
}

function matchesValue(match: Match, value: JsonValue): boolean {
  switch (match.kind) {
    case 'value':
      return value === match.value;
    case 'any':
      return (match.values as readonly JsonValue[]).includes(value);
    case 'except':
      return value !== null && !(match.values as readonly JsonValue[]).includes(value);
    case 'text':
    case 'phrase':
      return typeof value === 'string' && value.includes(match.text);
    case 'text_any':
      return (
        typeof value === 'string' &&
        match.text.split(/\s+/).some((piece) => piece !== '' && value.includes(piece))
      );
  }
}
