// Fields that many point requests have in common: filters, shard keys, selectors of payload and
// vectors, payload paths.

import { assert } from '../../../base/assert.ts';
import type { JsonScanner } from '../../../base/json-scanner.ts';
import { decodeUtf8 } from '../../../base/utf8.ts';
import type { Filter } from '../../../model/filter.ts';
import { decodeFilterShape } from '../../../model/filter-json.ts';
import { filterFaults } from '../../../model/filter-validate.ts';
import { payloadPath } from '../../../model/payload-path.ts';
import { RequestError } from '../../../model/request-error.ts';
import type { PayloadSelection } from '../../../server/services/selections.ts';
import { readList, type Violations } from './struct.ts';

/** A filter or null; broken rules go to `violations` under `path`. */
export function readFilter(
  scanner: JsonScanner,
  path: string,
  violations: Violations,
): Filter | null {
  if (scanner.tryNull()) return null;
  const filter = decodeFilterShape(scanner.readValue());
  violations.addAll(filterFaults(filter, path));
  return filter;
}

/** A filter as its text, for updates; its shape is checked, its rules are not. */
export function readFilterText(scanner: JsonScanner): string | null {
  if (scanner.tryNull()) return null;
  const before = scanner.at;
  decodeFilterShape(scanner.readValue());
  const text = decodeUtf8(scanner.bytes, before, scanner.at);
  assert(text !== null, 'the scanner has checked the text');
  return text;
}

/** Collections with shard keys are not built, so no key can be right. */
export function refuseShardKey(scanner: JsonScanner): void {
  if (scanner.tryNull()) return;
  const value = scanner.readValue();
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (first === undefined) return;
  const shown = typeof first === 'string' ? first : JSON.stringify(first, printable);
  throw new RequestError('wrong_input', `Shard key "${shown}" not found`);
}

function printable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** A string that must be a payload path; given back as it was written. */
export function readPayloadPath(scanner: JsonScanner): string {
  const text = scanner.readString();
  checkPayloadPath(text);
  return text;
}

export function checkPayloadPath(text: string): void {
  try {
    payloadPath(text);
  } catch (cause) {
    if (!(cause instanceof RequestError)) throw cause;
    const message = `Format error in JSON body: ${cause.message}`;
    throw new RequestError('format', message, { cause });
  }
}

/** `true`, `false`, a list of paths, `{"include":[…]}` or `{"exclude":[…]}`; null = not given. */
export function readPayloadSelection(scanner: JsonScanner): PayloadSelection | null {
  switch (scanner.peekKind()) {
    case 'null':
      scanner.tryNull();
      return null;
    case 'boolean':
      return scanner.readBoolean() ? 'all' : 'none';
    case 'array':
      return { include: readList(scanner, () => readPayloadPath(scanner)) };
    case 'object':
      return readSelectorObject(scanner);
    default:
      return scanner.invalidType('a boolean, a list of paths or a selector');
  }
}

const noSelector = 'data did not match any variant of untagged enum WithPayloadInterface';

function readSelectorObject(scanner: JsonScanner): PayloadSelection {
  let selection: PayloadSelection | null = null;
  scanner.beginObject();
  for (let key = scanner.nextKey(); key !== null; key = scanner.nextKey()) {
    if (selection !== null) scanner.fail(noSelector);
    const paths = () => readList(scanner, () => readPayloadPath(scanner));
    if (key === 'include') selection = { include: paths() };
    else if (key === 'exclude') selection = { exclude: paths() };
    else scanner.fail(noSelector);
  }
  return selection ?? scanner.fail(noSelector);
}

/** `true`, `false` or a list of vector names. */
export function readVectorSelection(scanner: JsonScanner): boolean | readonly string[] {
  if (scanner.peekKind() === 'array') return readList(scanner, () => scanner.readString());
  return scanner.readBoolean('a boolean or a list of vector names');
}
