// A decoded filter as bytes, for the way to another peer: nothing is parsed again there. Decoding
// is total: any bytes give a filter or a `CorruptBytesError`.

import { unreachable } from '../../base/assert.ts';
import {
  readBoolean,
  readName,
  readOptional,
  writeBoolean,
  writeName,
  writeOptional,
} from '../../base/byte-fields.ts';
import { type ByteReader, type ByteWriter, CorruptBytesError } from '../../base/bytes.ts';
import type {
  Condition,
  DatetimeRange,
  FieldCondition,
  Filter,
  Match,
  MatchInteger,
  NumberRange,
} from '../../model/filter.ts';
import { readPointIds, writePointIds } from '../../model/point-id-codec.ts';

// The order in these lists is the wire format: only ever append.
const conditionKinds = [
  'field',
  'is_empty',
  'is_null',
  'has_id',
  'has_vector',
  'nested',
  'filter',
] as const satisfies readonly Condition['kind'][];

const matchKinds = [
  'value',
  'any',
  'except',
  'text',
  'text_any',
  'phrase',
] as const satisfies readonly Match['kind'][];

const valueKinds = ['text', 'no', 'yes', 'number', 'bigint'] as const;

/** Deeper than any request body may be. */
const depthMax = 512;

export function writeFilter(writer: ByteWriter, filter: Filter): void {
  for (const list of [filter.must, filter.should, filter.mustNot]) {
    writeOptional(writer, list, (conditions) => writeConditions(writer, conditions));
  }
  writeOptional(writer, filter.minShould, ({ conditions, minCount }) => {
    writeConditions(writer, conditions);
    writer.f64(minCount);
  });
}

export function readFilter(reader: ByteReader, depth = 0): Filter {
  if (depth > depthMax) throw new CorruptBytesError('a filter without end', reader.at);
  const conditions = () => readConditions(reader, depth + 1);
  return {
    must: readOptional(reader, conditions),
    should: readOptional(reader, conditions),
    mustNot: readOptional(reader, conditions),
    minShould: readOptional(reader, () => ({
      conditions: conditions(),
      minCount: reader.f64(),
    })),
  };
}

function writeConditions(writer: ByteWriter, conditions: readonly Condition[]): void {
  writer.varuint(conditions.length);
  for (const condition of conditions) writeCondition(writer, condition);
}

function readConditions(reader: ByteReader, depth: number): readonly Condition[] {
  const conditions: Condition[] = [];
  for (let left = reader.varuint(); left > 0; left -= 1) {
    conditions.push(readCondition(reader, depth));
  }
  return conditions;
}

function writeCondition(writer: ByteWriter, condition: Condition): void {
  writeName(writer, conditionKinds, condition.kind);
  switch (condition.kind) {
    case 'field':
      writeField(writer, condition);
      return;
    case 'is_empty':
    case 'is_null':
      writer.utf8(condition.key);
      return;
    case 'has_id':
      writer.u32(condition.ids.length);
      writePointIds(writer, condition.ids);
      return;
    case 'has_vector':
      writer.utf8(condition.name);
      return;
    case 'nested':
      writer.utf8(condition.key);
      writeFilter(writer, condition.filter);
      return;
    case 'filter':
      writeFilter(writer, condition.filter);
      return;
    default:
      unreachable(condition);
  }
}

function readCondition(reader: ByteReader, depth: number): Condition {
  const kind = readName(reader, conditionKinds);
  switch (kind) {
    case 'field':
      return readField(reader);
    case 'is_empty':
    case 'is_null':
      return { kind, key: reader.utf8() };
    case 'has_id':
      return { kind, ids: readPointIds(reader, reader.u32()) };
    case 'has_vector':
      return { kind, name: reader.utf8() };
    case 'nested':
      return { kind, key: reader.utf8(), filter: readFilter(reader, depth) };
    case 'filter':
      return { kind, filter: readFilter(reader, depth) };
    default:
      return unreachable(kind);
  }
}

function writeField(writer: ByteWriter, condition: FieldCondition): void {
  writer.utf8(condition.key);
  writeOptional(writer, condition.match, (match) => writeMatch(writer, match));
  writeOptional(writer, condition.range, (range) => writeRange(writer, range));
  writeOptional(writer, condition.datetimeRange, (range) => {
    for (const bound of [range.lt, range.gt, range.lte, range.gte]) {
      writeOptional(writer, bound, (nanoseconds) => writer.utf8(nanoseconds.toString()));
    }
  });
  writeOptional(writer, condition.valuesCount, (range) => writeRange(writer, range));
  for (const flag of [condition.isEmpty, condition.isNull]) {
    writeOptional(writer, flag, (isSet) => writeBoolean(writer, isSet));
  }
}

function readField(reader: ByteReader): FieldCondition {
  return {
    kind: 'field',
    key: reader.utf8(),
    match: readOptional(reader, () => readMatch(reader)),
    range: readOptional(reader, () => readRange(reader)),
    datetimeRange: readOptional(reader, () => readDatetimeRange(reader)),
    valuesCount: readOptional(reader, () => readRange(reader)),
    isEmpty: readOptional(reader, () => readBoolean(reader)),
    isNull: readOptional(reader, () => readBoolean(reader)),
  };
}

function writeRange(writer: ByteWriter, range: NumberRange): void {
  for (const bound of [range.lt, range.gt, range.lte, range.gte]) {
    writeOptional(writer, bound, (value) => writer.f64(value));
  }
}

function readRange(reader: ByteReader): NumberRange {
  const bound = () => readOptional(reader, () => reader.f64());
  return { lt: bound(), gt: bound(), lte: bound(), gte: bound() };
}

function readDatetimeRange(reader: ByteReader): DatetimeRange {
  const bound = () => readOptional(reader, () => readBigInt(reader));
  return { lt: bound(), gt: bound(), lte: bound(), gte: bound() };
}

function writeMatch(writer: ByteWriter, match: Match): void {
  writeName(writer, matchKinds, match.kind);
  switch (match.kind) {
    case 'value':
      writeValue(writer, match.value);
      return;
    case 'any':
    case 'except':
      writer.varuint(match.values.length);
      for (const value of match.values) writeValue(writer, value);
      return;
    default:
      writer.utf8(match.text);
  }
}

function readMatch(reader: ByteReader): Match {
  const kind = readName(reader, matchKinds);
  switch (kind) {
    case 'value':
      return { kind, value: readValue(reader) };
    case 'any':
    case 'except':
      return { kind, values: readValues(reader) };
    default:
      return { kind, text: reader.utf8() };
  }
}

/** All texts or all numbers. */
function readValues(reader: ByteReader): readonly string[] | readonly MatchInteger[] {
  const { at } = reader;
  const texts: string[] = [];
  const numbers: MatchInteger[] = [];
  for (let left = reader.varuint(); left > 0; left -= 1) {
    const value = readValue(reader);
    if (typeof value === 'string') texts.push(value);
    else if (typeof value !== 'boolean') numbers.push(value);
    else throw new CorruptBytesError('yes or no in a list', at);
  }
  if (texts.length > 0 && numbers.length > 0) throw new CorruptBytesError('a mixed list', at);
  return numbers.length > 0 ? numbers : texts;
}

function writeValue(writer: ByteWriter, value: string | boolean | MatchInteger): void {
  switch (typeof value) {
    case 'string':
      writeName(writer, valueKinds, 'text');
      writer.utf8(value);
      return;
    case 'boolean':
      writeName(writer, valueKinds, value ? 'yes' : 'no');
      return;
    case 'number':
      writeName(writer, valueKinds, 'number');
      writer.f64(value);
      return;
    default:
      writeName(writer, valueKinds, 'bigint');
      writer.utf8(value.toString());
  }
}

function readValue(reader: ByteReader): string | boolean | MatchInteger {
  const kind = readName(reader, valueKinds);
  switch (kind) {
    case 'text':
      return reader.utf8();
    case 'no':
      return false;
    case 'yes':
      return true;
    case 'number':
      return reader.f64();
    case 'bigint':
      return readBigInt(reader);
    default:
      return unreachable(kind);
  }
}

function readBigInt(reader: ByteReader): bigint {
  const { at } = reader;
  const text = reader.utf8();
  if (!/^-?[0-9]{1,400}$/.test(text)) throw new CorruptBytesError('not a whole number', at);
  return BigInt(text);
}
