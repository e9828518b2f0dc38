// How values of the agreed state become JSON and come back: one `Codec` for each type, put together
// from the few below, so that writing and reading cannot drift apart. What JSON would lose travels
// in another form: numbers of 64 bits as decimal strings, maps as sorted lists of pairs (so equal
// maps have equal text, and `__proto__` is a key like any other).
//
// Reading trusts nothing: what does not have the expected shape throws `CorruptBytesError`.

import { CorruptBytesError } from '../base/bytes.ts';

export interface Codec<Value> {
  readonly write: (value: Value) => unknown;
  /** `path` says where in the document `json` stands, for people. */
  readonly read: (json: unknown, path: string) => Value;
  /** The member may be absent. */
  readonly isOptional?: true;
}

export function malformed(path: string, expected: string): CorruptBytesError {
  return new CorruptBytesError(`${path} is not ${expected}`, 0);
}

function checked<Value>(expected: string, isValue: (json: unknown) => boolean): Codec<Value> {
  return {
    write: (value) => value,
    read: (json, path) => {
      if (!isValue(json)) throw malformed(path, expected);
      return json as Value;
    },
  };
}

export const text = checked<string>('a string', (json) => typeof json === 'string');
export const flag = checked<boolean>('a boolean', (json) => typeof json === 'boolean');
export const float = checked<number>('a number', (json) => Number.isFinite(json));
export const count = checked<number>(
  'a whole number',
  (json) => Number.isSafeInteger(json) && (json as number) >= 0,
);

/** Decimal digits of an u64, as `BigInt` prints them. */
const digits = /^(0|[1-9][0-9]{0,19})$/;

export const u64: Codec<bigint> = {
  write: String,
  read: (json, path) => {
    const value = typeof json === 'string' && digits.test(json) ? BigInt(json) : -1n;
    if (value < 0n || value >= 1n << 64n) throw malformed(path, 'a number of 64 bits');
    return value;
  },
};

export function oneOf<const Value extends string>(values: readonly Value[]): Codec<Value> {
  return checked(`one of ${values.join(', ')}`, (json) => values.includes(json as Value));
}

function sortedJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sortedJson);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => compareKeys(a, b))
      .map(([key, member]) => [key, sortedJson(member)]),
  );
}

/** An object without a shape of its own; members in sorted order. */
export function anyObject<Value>(): Codec<Value> {
  return {
    write: sortedJson,
    read: (json, path) => asObject(json, path) as Value,
  };
}

export function nullable<Value>(codec: Codec<Value>): Codec<Value | null> {
  return {
    write: (value) => (value === null ? null : codec.write(value)),
    read: (json, path) => (json === null ? null : codec.read(json, path)),
  };
}

export function optional<Value>(codec: Codec<Value>): Codec<Value> {
  return { ...codec, isOptional: true };
}

export function listOf<Value>(codec: Codec<Value>): Codec<readonly Value[]> {
  return {
    write: (values) => values.map((value) => codec.write(value)),
    read: (json, path) => asArray(json, path).map((one, at) => codec.read(one, `${path}[${at}]`)),
  };
}

export function pairOf<First, Second>(
  first: Codec<First>,
  second: Codec<Second>,
): Codec<readonly [First, Second]> {
  return {
    write: ([one, other]) => [first.write(one), second.write(other)],
    read: (json, path) => {
      const parts = asArray(json, path);
      if (parts.length !== 2) throw malformed(path, 'a pair');
      return [first.read(parts[0], `${path}[0]`), second.read(parts[1], `${path}[1]`)];
    },
  };
}

/** Sorted by key when it is written, and therefore when it is read. */
export function mapOf<Key extends string | number | bigint, Value>(
  key: Codec<Key>,
  value: Codec<Value>,
): Codec<ReadonlyMap<Key, Value>> {
  const pairs = listOf(pairOf(key, value));
  return {
    write: (map) => pairs.write([...map].sort(([a], [b]) => compareKeys(a, b))),
    read: (json, path) => {
      const entries = pairs.read(json, path);
      const map = new Map(entries);
      if (map.size !== entries.length) throw malformed(path, 'without repeated keys');
      return map;
    },
  };
}

/** By code units, so that the order is the same on every machine. */
function compareKeys<Key extends string | number | bigint>(a: Key, b: Key): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

type Fields<Value> = {
  readonly [Name in keyof Value]-?: Codec<Exclude<Value[Name], undefined>>;
};

/** An object with exactly these members, written in this order. */
export function record<Value extends object>(fields: Fields<Value>): Codec<Value> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][];
  return {
    write: (value) => {
      const members = value as Readonly<Record<string, unknown>>;
      const written: Record<string, unknown> = {};
      for (const [name, codec] of entries) {
        if (members[name] !== undefined) written[name] = codec.write(members[name]);
      }
      return written;
    },
    read: (json, path) => {
      const members = asObject(json, path);
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) {
        if (Object.hasOwn(members, name))
          value[name] = codec.read(members[name], `${path}.${name}`);
        else if (codec.isOptional !== true) throw malformed(`${path}.${name}`, 'present');
      }
      return value as Value;
    },
  };
}

/** The members of the union's type with this kind; one type may stand for several kinds. */
type MembersOf<Value, Kind> = Value extends { readonly kind: infer Own }
  ? Kind extends Own
    ? Omit<Value, 'kind'>
    : never
  : never;

type Variants<Value extends { readonly kind: string }> = {
  readonly [Kind in Value['kind']]: Codec<MembersOf<Value, Kind>>;
};

/** A union told apart by `kind`, which comes first in the text. */
export function unionOf<Value extends { readonly kind: string }>(
  variants: Variants<Value>,
): Codec<Value> {
  const byKind = new Map(Object.entries(variants) as [string, Codec<object>][]);
  return {
    write: (value) => ({ kind: value.kind, ...(byKind.get(value.kind)?.write(value) as object) }),
    read: (json, path) => {
      const { kind } = asObject(json, path);
      const codec = typeof kind === 'string' ? byKind.get(kind) : undefined;
      if (codec === undefined) throw malformed(`${path}.kind`, 'a known kind');
      return { kind, ...codec.read(json, path) } as unknown as Value;
    },
  };
}

function asArray(json: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(json)) throw malformed(path, 'a list');
  return json;
}

function asObject(json: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw malformed(path, 'an object');
  }
  return json as Readonly<Record<string, unknown>>;
}

// --- bytes ---

/** One byte of version, then JSON text. */
export function toBytes(version: number, jsonText: string): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(jsonText);
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = version;
  bytes.set(body, 1);
  return bytes;
}

export function fromBytes(version: number, bytes: Uint8Array): unknown {
  if (bytes[0] !== version) {
    throw new CorruptBytesError(`version ${bytes[0] ?? 'missing'}, expected ${version}`, 0);
  }
  try {
    const jsonText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return JSON.parse(jsonText.decode(bytes.subarray(1)));
  } catch {
    throw new CorruptBytesError('not JSON text', 1);
  }
}
