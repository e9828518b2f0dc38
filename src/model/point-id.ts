// Point ids. One id has exactly one form, so that ids work as keys of a `Map` and compare by `===`:
// an integer up to 2^53 − 1 is a `number`, a larger one (up to 2^64 − 1) a `bigint`, a UUID its
// 36-character lower-case hyphenated text.
// Order (spec/query R7): all integers ascending, then all UUIDs by their 16 bytes.

export type PointId = number | bigint | string;

const idMax = 2n ** 64n - 1n;

/** The canonical form of an unsigned 64-bit integer id; `null` when out of range. */
export function integerPointId(value: bigint): PointId | null {
  if (value < 0n || value > idMax) return null;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

const hyphenated = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const simple = /^[0-9a-f]{32}$/;

/**
 * The canonical form of a UUID given hyphenated, simple, as URN or in braces; `null` if it is none.
 */
export function uuidPointId(text: string): string | null {
  let body = text.toLowerCase();
  if (body.startsWith('urn:uuid:')) body = body.slice(9);
  else if (body.startsWith('{') && body.endsWith('}')) body = body.slice(1, -1);
  if (hyphenated.test(body)) return body;
  if (!simple.test(body)) return null;
  return [
    body.slice(0, 8),
    body.slice(8, 12),
    body.slice(12, 16),
    body.slice(16, 20),
    body.slice(20),
  ].join('-');
}

/** Negative, zero or positive, as `a` comes before, with or after `b`. */
export function comparePointIds(a: PointId, b: PointId): number {
  if (typeof a === 'string') {
    if (typeof b !== 'string') return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  if (typeof b === 'string') return -1;
  return a < b ? -1 : a > b ? 1 : 0;
}
