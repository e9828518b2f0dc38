// Filters as JSON: decoded exactly (spec/query §4.1-§4.4, spec/rest-and-config 2.11), and named by
// a canonical key. A shape that fits no condition is a `format` error; what has the right shape but
// breaks a rule is found by `filter-validate.ts`.

import { parseJson } from '../base/json-scanner.ts';
import { JsonFloat, type JsonObject, type JsonValue } from '../base/json-value.ts';
import { parseDatetime } from './datetime.ts';
import type {
  Condition,
  DatetimeRange,
  FieldCondition,
  Filter,
  Match,
  MatchInteger,
  MinShould,
  NumberRange,
} from './filter.ts';
import { assertFilterRules } from './filter-validate.ts';
import { payloadPath } from './payload-path.ts';
import { integerPointId, type PointId, uuidPointId } from './point-id.ts';
import { RequestError } from './request-error.ts';

/** Filters inside filters; JSON itself may nest about twice as deep for each. */
const filterDepthMax = 64;
const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
const clauseNames: ReadonlySet<string> = new Set(['must', 'should', 'must_not', 'min_should']);
const geoNames = ['geo_bounding_box', 'geo_radius', 'geo_polygon'] as const;

/** Decodes and checks; `fieldPath` is where the filter stands, as 422 answers name it. */
export function decodeFilter(value: JsonValue, fieldPath: string): Filter {
  const filter = decodeFilterShape(value);
  assertFilterRules(filter, fieldPath);
  return filter;
}

/**
 * Decodes without the rules: selectors of deletions do not check them, and updates were checked.
 */
export function decodeFilterShape(value: JsonValue): Filter {
  return decodeClauses(value, 1);
}

/** A filter inside an update record. */
export function filterFromText(text: string): Filter {
  return decodeFilterShape(parseJson(new TextEncoder().encode(text)));
}

/** Equal for filters that were written alike; part of the keys of caches. */
export function filterKey(filter: Filter): string {
  return JSON.stringify(filter, (_, value: unknown) => {
    // No list stands where a number stands, so these cannot be mistaken for anything else.
    if (typeof value === 'bigint') return ['integer', value.toString()];
    if (typeof value === 'number' && !Number.isFinite(value)) return ['float', String(value)];
    return value;
  });
}

function fault(detail: string): RequestError {
  return new RequestError('format', `Format error in JSON body: ${detail}`);
}

function asObject(value: JsonValue, what: string): JsonObject {
  if (value instanceof Map) return value;
  throw fault(`invalid type: expected ${what}`);
}

function asString(value: JsonValue | undefined, name: string): string {
  if (typeof value === 'string') return value;
  throw fault(value === undefined ? `missing field \`${name}\`` : `\`${name}\`: expected a string`);
}

function decodeClauses(value: JsonValue, depth: number): Filter {
  const object = asObject(value, 'struct Filter');
  if (depth > filterDepthMax) throw fault(`recursion limit exceeded: ${filterDepthMax} filters`);
  for (const name of object.keys()) {
    if (!clauseNames.has(name)) {
      const expected = '`should`, `min_should`, `must`, `must_not`';
      throw fault(`unknown field \`${name}\`, expected one of ${expected}`);
    }
  }
  return {
    must: decodeConditions(object.get('must'), depth),
    should: decodeConditions(object.get('should'), depth),
    mustNot: decodeConditions(object.get('must_not'), depth),
    minShould: decodeMinShould(object.get('min_should') ?? null, depth),
  };
}

/** One condition or a list of them. */
function decodeConditions(
  value: JsonValue | undefined,
  depth: number,
): readonly Condition[] | null {
  if (value === undefined || value === null) return null;
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
  return list.map((item) => decodeCondition(item, depth));
}

function decodeMinShould(value: JsonValue, depth: number): MinShould | null {
  if (value === null) return null;
  const object = asObject(value, 'struct MinShould');
  for (const name of object.keys()) {
    if (name !== 'conditions' && name !== 'min_count') throw fault(`unknown field \`${name}\``);
  }
  const conditions = object.get('conditions');
  if (conditions === undefined) throw fault('missing field `conditions`');
  if (!Array.isArray(conditions)) throw fault('`conditions`: expected a sequence');
  const minCount = object.get('min_count');
  if (minCount === undefined) throw fault('missing field `min_count`');
  return {
    conditions: conditions.map((item: JsonValue) => decodeCondition(item, depth)),
    minCount: unsigned(minCount, 'min_count'),
  };
}

function unsigned(value: JsonValue, name: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  // Beyond 2^53 a count is out of reach, whatever it is exactly.
  if (typeof value === 'bigint' && value >= 0n) return Number(value);
  throw fault(`\`${name}\`: expected an unsigned integer`);
}

type ConditionDecoder = (value: JsonValue, object: JsonObject, depth: number) => Condition;

/**
 * The forms of a condition by the key that tells them apart, in the order in which they are tried.
 */
const conditionForms: readonly (readonly [string, ConditionDecoder])[] = [
  ['key', (_, object) => decodeFieldCondition(object)],
  ['is_empty', (value) => ({ kind: 'is_empty', key: decodeKeyObject(value) })],
  ['is_null', (value) => ({ kind: 'is_null', key: decodeKeyObject(value) })],
  ['has_id', (value) => ({ kind: 'has_id', ids: decodeIds(value) })],
  ['has_vector', (value) => ({ kind: 'has_vector', name: asString(value, 'has_vector') })],
  ['nested', (value, _, depth) => decodeNested(value, depth)],
];

function decodeCondition(value: JsonValue, depth: number): Condition {
  const object = asObject(value, 'a condition');
  let firstFault: RequestError | null = null;
  for (const [name, decode] of conditionForms) {
    const member = object.get(name);
    if (member === undefined) continue;
    try {
      return decode(member, object, depth);
    } catch (cause) {
      // A form that does not fit leaves room for the next one; any other failure stands.
      if (!(cause instanceof RequestError) || cause.code !== 'format') throw cause;
      firstFault ??= cause;
    }
  }
  if (firstFault !== null) throw firstFault;
  return { kind: 'filter', filter: decodeClauses(value, depth + 1) };
}

function decodeKey(value: JsonValue | undefined): string {
  const key = asString(value, 'key');
  try {
    payloadPath(key);
  } catch (cause) {
    if (!(cause instanceof RequestError)) throw cause;
    throw new RequestError('format', `Format error in JSON body: ${cause.message}`, { cause });
  }
  return key;
}

function decodeKeyObject(value: JsonValue): string {
  return decodeKey(asObject(value, 'struct PayloadField').get('key'));
}

function decodeNested(value: JsonValue, depth: number): Condition {
  const object = asObject(value, 'struct Nested');
  const key = decodeKey(object.get('key'));
  const filter = object.get('filter');
  if (filter === undefined) throw fault('missing field `filter`');
  return { kind: 'nested', key, filter: decodeClauses(filter, depth + 1) };
}

function decodeIds(value: JsonValue): readonly PointId[] {
  if (!Array.isArray(value)) throw fault('`has_id`: expected a sequence');
  return value.map(decodeId);
}

function decodeId(value: JsonValue): PointId {
  const id =
    typeof value === 'string'
      ? uuidPointId(value)
      : typeof value === 'number' || typeof value === 'bigint'
        ? integerPointId(BigInt(value))
        : null;
  if (id === null) {
    throw fault('a point id is either an unsigned integer or a UUID');
  }
  return id;
}

/** Members it does not know are ignored; a member that is null is absent. */
function decodeFieldCondition(object: JsonObject): FieldCondition {
  const key = decodeKey(object.get('key'));
  const member = (name: string) => object.get(name) ?? null;
  for (const name of geoNames) {
    if (member(name) !== null) {
      throw new RequestError('not_implemented', `filter condition \`${name}\``);
    }
  }
  const match = member('match');
  const range = member('range');
  const counts = member('values_count');
  const { numberRange, datetimeRange } = decodeRange(range);
  return {
    kind: 'field',
    key,
    match: match === null ? null : decodeMatch(asObject(match, 'enum Match')),
    range: numberRange,
    datetimeRange,
    valuesCount: counts === null ? null : decodeCounts(asObject(counts, 'struct ValuesCount')),
    isEmpty: decodeFlag(member('is_empty'), 'is_empty'),
    isNull: decodeFlag(member('is_null'), 'is_null'),
  };
}

function decodeFlag(value: JsonValue, name: string): boolean | null {
  if (value === null || typeof value === 'boolean') return value;
  throw fault(`\`${name}\`: expected a boolean`);
}

/** The first member that fits decides, as among the forms of a condition. */
function decodeMatch(object: JsonObject): Match {
  const value = object.get('value');
  if (value !== undefined && isMatchValue(value)) return { kind: 'value', value };
  for (const kind of ['text', 'text_any', 'phrase'] as const) {
    const text = object.get(kind);
    if (typeof text === 'string') return { kind, text };
  }
  for (const kind of ['any', 'except'] as const) {
    const values = matchList(object.get(kind));
    if (values !== null) return { kind, values };
  }
  throw fault('data did not match any variant of untagged enum Match');
}

function isMatchValue(value: JsonValue): value is string | boolean | MatchInteger {
  return typeof value === 'string' || typeof value === 'boolean' || isInt64(value);
}

function isInt64(value: JsonValue): value is MatchInteger {
  if (typeof value === 'bigint') return value >= int64Min && value <= int64Max;
  return typeof value === 'number';
}

/** All strings or all integers; `null` for anything else. */
function matchList(
  value: JsonValue | undefined,
): readonly string[] | readonly MatchInteger[] | null {
  if (!Array.isArray(value)) return null;
  const list = value as readonly JsonValue[];
  if (list.every((item) => typeof item === 'string')) return list;
  return list.every(isInt64) ? list : null;
}

interface DecodedRange {
  readonly numberRange: NumberRange | null;
  readonly datetimeRange: DatetimeRange | null;
}

/** One string among the bounds makes it a range of datetimes (R30). */
function decodeRange(value: JsonValue): DecodedRange {
  if (value === null) return { numberRange: null, datetimeRange: null };
  const object = asObject(value, 'enum RangeInterface');
  const bounds = ['lt', 'gt', 'lte', 'gte'].map((name) => object.get(name) ?? null);
  if (bounds.some((bound) => typeof bound === 'string')) {
    return { numberRange: null, datetimeRange: toRange(bounds.map(datetimeBound)) };
  }
  return { numberRange: toRange(bounds.map(numberBound)), datetimeRange: null };
}

function toRange<T>(bounds: readonly (T | null)[]): {
  lt: T | null;
  gt: T | null;
  lte: T | null;
  gte: T | null;
} {
  const [lt = null, gt = null, lte = null, gte = null] = bounds;
  return { lt, gt, lte, gte };
}

function numberBound(value: JsonValue): number | null {
  if (value === null || typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof JsonFloat) return value.value;
  throw fault('data did not match any variant of untagged enum RangeInterface');
}

function datetimeBound(value: JsonValue): bigint | null {
  if (value === null) return null;
  const nanos = typeof value === 'string' ? parseDatetime(value) : null;
  if (nanos !== null) return nanos;
  const shown = typeof value === 'string' ? `'${value}'` : 'a bound';
  throw fault(
    `${shown} does not match accepted datetime format (RFC3339). Example: 2014-01-01T00:00:00Z`,
  );
}

function decodeCounts(object: JsonObject): NumberRange {
  return toRange(
    ['lt', 'gt', 'lte', 'gte'].map((name) => {
      const bound = object.get(name) ?? null;
      return bound === null ? null : unsigned(bound, name);
    }),
  );
}
