// The parameters behind the `?`, decoded with the exact faults of the API. Unknown parameters are
// ignored; a known one given twice is a fault.

import type { ReadOptions } from '../../collection/read-path.ts';
import type { ReadConsistency, WriteOptions } from '../../collection/shard-access.ts';
import { RequestError } from '../../model/request-error.ts';

export class QueryString {
  readonly #text: string;
  #values: ReadonlyMap<string, string> | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  /** `null` when the parameter is absent. */
  get(name: string): string | null {
    if (this.#text.length === 0) return null;
    this.#values ??= parse(this.#text);
    return this.#values.get(name) ?? null;
  }

  /** Exactly `true` or `false`. */
  boolean(name: string, whenAbsent: boolean): boolean {
    const text = this.get(name);
    if (text === null) return whenAbsent;
    if (text === 'true') return true;
    if (text === 'false') return false;
    throw queryFault('provided string was not `true` or `false`');
  }

  /** A whole number ≥ 0; huge ones are cut to 2^53 − 1. */
  unsigned(name: string): number | null {
    const text = this.get(name);
    if (text === null) return null;
    if (text === '') throw queryFault('cannot parse integer from empty string');
    if (!/^\+?[0-9]+$/.test(text)) throw queryFault('invalid digit found in string');
    if (BigInt(text) >= 2n ** 64n) throw queryFault('number too large to fit in target type');
    return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
  }

  oneOf<Word extends string>(name: string, allowed: readonly Word[]): Word | null {
    const text = this.get(name);
    if (text === null) return null;
    const word = allowed.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    const list = allowed.map((one) => `\`${one}\``).join(', ');
    throw queryFault(`unknown variant \`${text}\`, expected one of ${list}`);
  }
}

export function queryFault(detail: string): RequestError {
  return new RequestError('format', `Deserialize error in query parameters: ${detail}`);
}

export function queryViolation(detail: string): RequestError {
  return new RequestError('validation', `Validation error in query parameters: [${detail}]`);
}

function parse(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    // The first one is kept: which of two was meant cannot be known, and `values` is only asked for
    // names that an endpoint knows.
    if (!values.has(name)) values.set(name, value);
    else if (singleNames.has(name)) throw queryFault(`duplicate field \`${name}\``);
  }
  return values;
}

const singleNames = new Set(['wait', 'ordering', 'timeout', 'consistency']);

const defaultTimeoutSec = 60;

export function writeOptions(query: QueryString): WriteOptions {
  const wait = query.boolean('wait', false);
  const ordering = query.oneOf('ordering', ['weak', 'medium', 'strong']);
  const seconds = query.unsigned('timeout') ?? defaultTimeoutSec;
  const timeoutMs = milliseconds(seconds);
  return ordering === null || ordering === 'weak'
    ? { wait, timeoutMs }
    : { wait, timeoutMs, ordering };
}

/** What every read endpoint understands; `timeout` ≥ 1, else the configured default. */
export function readOptions(query: QueryString, defaultSec: number | null): ReadOptions {
  const consistency = readConsistency(query.get('consistency') ?? '');
  const seconds = query.unsigned('timeout');
  if (seconds === 0) throw queryFault('invalid value: integer `0`, expected a nonzero u64');
  const timeoutMs = milliseconds(seconds ?? defaultSec ?? defaultTimeoutSec);
  return consistency === null ? { timeoutMs } : { timeoutMs, consistency };
}

function readConsistency(text: string): ReadConsistency | null {
  if (text === '') return null;
  if (text === 'majority' || text === 'quorum' || text === 'all') return text;
  const factor = /^[0-9]+$/.test(text) ? BigInt(text) : 0n;
  if (factor >= 1n && factor < 2n ** 64n) return Math.min(Number(factor), Number.MAX_SAFE_INTEGER);
  throw queryFault(`invalid read consistency \`${text}\``);
}

const consensusTimeoutSec = 10;

/** The time limit of an operation on collections or aliases. */
export function operationTimeoutMs(query: QueryString): number {
  const seconds = query.unsigned('timeout');
  if (seconds === 0) throw queryViolation('timeout: value 0 invalid, must be 1 or larger');
  return milliseconds(seconds ?? consensusTimeoutSec);
}

/** The time limit of a report that asks every peer: `timeout` ≥ 1, else a minute. */
export function telemetryTimeoutMs(query: QueryString): number {
  const isGiven = query.get('timeout') !== null;
  return isGiven ? operationTimeoutMs(query) : defaultTimeoutSec * 1000;
}

/** Timers take at most 2^31 − 1 ms: 24 days, which is as good as for ever here. */
function milliseconds(seconds: number): number {
  return Math.min(seconds * 1000, 2 ** 31 - 1);
}
