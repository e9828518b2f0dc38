// The exact JSON value: what `JSON.parse` loses is kept. Integers and floats are different things
// (`3` is not `3.0`), integers are exact over i64 and u64, objects keep their key order and may
// have any key, `__proto__` included.

/** A JSON number written with a fraction or an exponent, or an integer beyond i64/u64. */
export class JsonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/**
 * `number` is always an integer with |x| ≤ 2^53 − 1; `bigint` is an integer outside that range and
 * inside −2^63 … 2^64 − 1. So one integer has exactly one form.
 */
export type JsonValue =
  | null
  | boolean
  | string
  | number
  | bigint
  | JsonFloat
  | readonly JsonValue[]
  | JsonObject;

export type JsonObject = ReadonlyMap<string, JsonValue>;
