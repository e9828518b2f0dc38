// Objects of a fixed shape, pulled out of the scanner in the order of the text. Keys may come in
// any order; a known key that comes twice and a mandatory one that is missing are faults, an
// unknown one is passed over. `Violations` collects broken rules, so that all are reported in one
// answer.

import type { JsonScanner } from '../../../base/json-scanner.ts';
import { RequestError } from '../../../model/request-error.ts';

/** Key → what reads its value. Two keys with the same function are aliases of one field. */
export type FieldReaders = Readonly<Record<string, () => void>>;

export function readStruct(
  scanner: JsonScanner,
  expected: string,
  fields: FieldReaders,
  required: readonly string[] = [],
): void {
  scanner.beginObject(expected);
  const seen = new Set<() => void>();
  for (let key = scanner.nextKey(); key !== null; key = scanner.nextKey()) {
    const read = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (read === undefined) {
      scanner.skipValue();
      continue;
    }
    if (seen.has(read)) scanner.fail(`duplicate field \`${key}\``);
    seen.add(read);
    read();
  }
  for (const name of required) {
    const read = fields[name];
    if (read !== undefined && !seen.has(read)) scanner.fail(`missing field \`${name}\``);
  }
}

/** The value, or `null` for a JSON null. */
export function nullable<T>(scanner: JsonScanner, read: () => T): T | null {
  return scanner.tryNull() ? null : read();
}

export function readList<T>(scanner: JsonScanner, read: (index: number) => T): T[] {
  const list: T[] = [];
  scanner.beginArray();
  while (scanner.nextElement()) list.push(read(list.length));
  return list;
}

export function readChoice<Word extends string>(
  scanner: JsonScanner,
  words: readonly Word[],
): Word {
  const text = scanner.readString();
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  const list = words.map((candidate) => `\`${candidate}\``).join(', ');
  return scanner.fail(`unknown variant \`${text}\`, expected one of ${list}`);
}

/** A count: 0 … 2^64 − 1, cut to 2^53 − 1, which no memory reaches. */
export function readCount(scanner: JsonScanner): number {
  const value = scanner.readUint64('usize');
  return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER;
}

/** A count of at least 1, whose type alone refuses 0. */
export function readNonZero(scanner: JsonScanner, max: number): number {
  return scanner.readInteger(1, max, `a nonzero integer up to ${max}`);
}

export const uint32Max = 2 ** 32 - 1;

/** A body of millions of faults must not make an answer of their size. */
const violationsMax = 1_000;

/** Rules of a well-formed body that were broken: `path: reason`. */
export class Violations {
  readonly #faults: string[] = [];

  add(path: string, reason: string): void {
    if (this.#faults.length < violationsMax) this.#faults.push(`${path}: ${reason}`);
  }

  get count(): number {
    return this.#faults.length;
  }

  /** The faults with `path.` put before each. */
  under(path: string): readonly string[] {
    return this.#faults.map((fault) => `${path}.${fault}`);
  }

  addAll(faults: readonly string[]): void {
    this.#faults.push(...faults.slice(0, violationsMax - this.#faults.length));
  }

  min(path: string, value: number | bigint | null | undefined, least: number): void {
    if (value === null || value === undefined || value >= least) return;
    this.add(path, `value ${value} invalid, must be ${least} or larger`);
  }

  range(path: string, value: number | null | undefined, [least, most]: [number, number]): void {
    if (value === null || value === undefined) return;
    if (value >= least && value <= most) return;
    this.add(path, `value ${value} invalid, must be from ${least} to ${most}`);
  }

  /** As `range`, for values whose type is a float: whole ones print as `1.0`. */
  floatRange(path: string, value: number | null | undefined, range: [number, number]): void {
    if (value === null || value === undefined) return;
    const [least, most] = range;
    if (value >= least && value <= most) return;
    const [shown, low, high] = [value, least, most].map(floatText);
    this.add(path, `value ${shown} invalid, must be from ${low} to ${high}`);
  }

  throwIfAny(): void {
    if (this.#faults.length === 0) return;
    const list = this.#faults.join('; ');
    throw new RequestError('validation', `Validation error in JSON body: [${list}]`);
  }
}

function floatText(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** A value that the API knows and Octant does not offer yet. */
export function notBuilt(what: string): never {
  throw new RequestError('not_implemented', `${what} is not built yet`);
}
