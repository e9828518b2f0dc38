// The three ways a program error is stated. A failed assertion is a bug in Octant: the thread that
// finds one stops, because going on would mean to act on a state nobody has thought about.
// Requests that cannot be served throw `RequestError` (model/request-error.ts) instead.

/** A broken invariant: always a bug, never a user's mistake. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws `InvariantError` unless `condition` holds. Put the values into `message`. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (condition) return;
  throw new InvariantError(typeof message === 'string' ? message : message());
}

/** Ends a switch over a union: a new member does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value: ${JSON.stringify(value)}`);
}
