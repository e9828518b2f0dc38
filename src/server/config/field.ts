// The kinds of value that a configuration key may have: what is accepted, how text from the
// environment becomes a value, and the range that is only warned about. A kind reads one node into
// a value or a `Fault`; it knows neither its key nor the rest of the tree.

import type { ConfigNode } from './config-tree.ts';
import { describeNode } from './config-tree.ts';

/** Why a node is no value of its kind; the reader adds key and origin. */
export class Fault {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

export interface Field<Value> {
  readonly kind: 'field';
  readonly default: Value;
  read(node: ConfigNode): Value | Fault;
  /** `value V invalid, must be …` outside the range: reported, and used all the same. */
  complain(value: Value): string | null;
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

const trueWords: ReadonlySet<string> = new Set(['true', 'on', 'yes', '1']);
const falseWords: ReadonlySet<string> = new Set(['false', 'off', 'no', '0']);
const integerText = /^[+-]?\d+$/;
const floatText = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function mismatch(node: ConfigNode, expected: string): Fault {
  return new Fault(`invalid type: ${describeNode(node)}, expected ${expected}`);
}

export function text(
  initial: string,
  options: { readonly lengthMin?: number } = {},
): Field<string> {
  const lengthMin = options.lengthMin ?? 0;
  return {
    kind: 'field',
    default: initial,
    read: readText,
    complain: (value) =>
      value.length >= lengthMin
        ? null
        : `value ${JSON.stringify(value)} invalid, must be at least ${lengthMin} characters`,
  };
}

/** Text that consists of the characters of `pattern`, described by `words`. */
export function patternText(initial: string, pattern: RegExp, words: string): Field<string> {
  return {
    ...text(initial),
    complain: (value) =>
      pattern.test(value) ? null : `value ${JSON.stringify(value)} invalid, must be ${words}`,
  };
}

function readText(node: ConfigNode): string | Fault {
  if (node.kind !== 'leaf' || node.value === null) return mismatch(node, 'a string');
  return String(node.value);
}

export function flag(initial: boolean): Field<boolean> {
  return { kind: 'field', default: initial, read: readFlag, complain: () => null };
}

function readFlag(node: ConfigNode): boolean | Fault {
  if (node.kind !== 'leaf' || node.value === null) return mismatch(node, 'a boolean');
  const word = String(node.value).toLowerCase();
  if (trueWords.has(word)) return true;
  if (falseWords.has(word)) return false;
  return mismatch(node, 'a boolean');
}

/**
 * `storable` is what the wanted type can hold at all: fatal outside. `limit` is only warned about.
 */
export interface IntegerOptions {
  readonly storable?: IntegerType;
  readonly limit?: Range;
}

export type IntegerType = 'u16' | 'u32' | 'u64' | 'i64' | 'nonzero';

const storableRange: Readonly<Record<IntegerType, readonly [bigint, bigint]>> = {
  u16: [0n, 2n ** 16n - 1n],
  u32: [0n, 2n ** 32n - 1n],
  u64: [0n, 2n ** 64n - 1n],
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
  nonzero: [1n, 2n ** 64n - 1n],
};

const integerWords: Readonly<Record<IntegerType, string>> = {
  u16: 'a number from 0 to 65535',
  u32: 'an unsigned 32 bit integer',
  u64: 'an unsigned integer',
  i64: 'an integer',
  nonzero: 'a nonzero unsigned integer',
};

export function integer(initial: number, options: IntegerOptions = {}): Field<number> {
  const storable = options.storable ?? 'u64';
  return {
    kind: 'field',
    default: initial,
    read: (node) => readInteger(node, storable),
    complain: (value) => rangeComplaint(value, options.limit ?? {}, String),
  };
}

function readInteger(node: ConfigNode, storable: IntegerType): number | Fault {
  const exact = node.kind === 'leaf' ? exactInteger(node.value) : null;
  if (exact === null) return mismatch(node, 'an integer');
  const [min, max] = storableRange[storable];
  if (exact < min || exact > max) {
    return new Fault(`invalid value: integer \`${exact}\`, expected ${integerWords[storable]}`);
  }
  return Number(exact);
}

function exactInteger(value: boolean | number | bigint | string | null): bigint | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : null;
  if (value === null) return null;
  const word = value.toLowerCase();
  if (trueWords.has(word)) return 1n;
  if (falseWords.has(word)) return 0n;
  return integerText.test(value) ? BigInt(value.replace(/^\+/, '')) : null;
}

export function float(initial: number, limit: Range = {}): Field<number> {
  return {
    kind: 'field',
    default: initial,
    read: readFloat,
    complain: (value) => rangeComplaint(value, limit, floatWords),
  };
}

function readFloat(node: ConfigNode): number | Fault {
  if (node.kind !== 'leaf') return mismatch(node, 'a floating point');
  const value = node.value;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' && floatText.test(value)) return Number(value);
  return mismatch(node, 'a floating point');
}

function floatWords(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function rangeComplaint(
  value: number,
  range: Range,
  words: (value: number) => string,
): string | null {
  const { min, max } = range;
  if ((min === undefined || value >= min) && (max === undefined || value <= max)) return null;
  const start = `value ${words(value)} invalid, must be `;
  if (min === undefined) return `${start}${words(max ?? value)} or smaller`;
  if (max === undefined) return `${start}${words(min)} or larger`;
  return `${start}from ${words(min)} to ${words(max)}`;
}

export function choice<const Name extends string>(
  names: readonly Name[],
  initial: NoInfer<Name>,
): Field<Name> {
  return {
    kind: 'field',
    default: initial,
    read: (node) => readChoice(node, names),
    complain: () => null,
  };
}

function readChoice<Name extends string>(node: ConfigNode, names: readonly Name[]): Name | Fault {
  if (node.kind !== 'leaf' || node.value === null) return mismatch(node, 'a string');
  const given = String(node.value);
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  const list = names.map((name) => `\`${name}\``).join(', ');
  return new Fault(`unknown variant \`${given}\`, expected one of ${list}`);
}

export function choiceSet<const Name extends string>(
  names: readonly Name[],
): Field<readonly Name[]> {
  return {
    kind: 'field',
    default: [],
    read: (node) => {
      if (node.kind === 'leaf' && node.value === null) return [];
      if (node.kind !== 'list') return mismatch(node, 'a sequence');
      const found = new Set<Name>();
      for (const item of node.items) {
        const name = readChoice(item, names);
        if (name instanceof Fault) return name;
        found.add(name);
      }
      return [...found];
    },
    complain: () => null,
  };
}

/** A key that may be null, and is `initial` when nobody gives it. */
export function optional<Value>(
  field: Field<Value>,
  initial: Value | null = null,
): Field<Value | null> {
  return {
    kind: 'field',
    default: initial,
    read: (node) => (node.kind === 'leaf' && node.value === null ? null : field.read(node)),
    complain: (value) => (value === null ? null : field.complain(value)),
  };
}
