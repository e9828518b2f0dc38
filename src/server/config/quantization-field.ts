// `storage.collection.quantization`: one of four kinds, in the API's own shape. Its inner values
// are not coerced from text: the reference reads this key as a union, and a union coerces nothing.

import type { QuantizationConfig } from '../../model/collection-config.ts';
import type { ConfigNode, ConfigTable, Scalar } from './config-tree.ts';
import type { Field } from './field.ts';
import { Fault, mismatch } from './field.ts';

type Check = (value: Scalar) => boolean;

const isFlag: Check = (value) => value === null || typeof value === 'boolean';
const isOneOf =
  (...names: readonly Scalar[]): Check =>
  (value) =>
    names.includes(value);

/** Kind → its keys → what each may be. */
const kinds: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  scalar: {
    type: isOneOf('int8'),
    quantile: (value) => value === null || typeof value === 'number',
    always_ram: isFlag,
  },
  product: { compression: isOneOf('x4', 'x8', 'x16', 'x32', 'x64'), always_ram: isFlag },
  binary: {
    always_ram: isFlag,
    encoding: isOneOf(null, 'one_bit', 'two_bits', 'one_and_half_bits'),
    query_encoding: isOneOf(null, 'default', 'binary', 'scalar4bits', 'scalar8bits'),
  },
  turbo: { bits: isOneOf(null, 'bits1', 'bits1_5', 'bits2', 'bits4'), always_ram: isFlag },
};

/** Keys that a kind cannot do without. */
const mandatory: Readonly<Record<string, string>> = { scalar: 'type', product: 'compression' };

export const quantizationField: Field<QuantizationConfig | null> = {
  kind: 'field',
  default: null,
  read: readQuantization,
  complain: () => null,
};

function readQuantization(node: ConfigNode): QuantizationConfig | null | Fault {
  if (node.kind === 'leaf' && node.value === null) return null;
  if (node.kind !== 'table') return mismatch(node, 'a quantization config');
  for (const [kind, keys] of Object.entries(kinds)) {
    const inner = node.entries.get(kind);
    if (inner?.kind !== 'table') continue;
    const values = readKind(inner, keys);
    const must = mandatory[kind];
    if (values !== null && (must === undefined || values[must] !== undefined)) {
      return { [kind]: values };
    }
  }
  return new Fault('data did not match any variant of QuantizationConfig');
}

function readKind(
  table: ConfigTable,
  keys: Readonly<Record<string, Check>>,
): Record<string, unknown> | null {
  const values: Record<string, unknown> = {};
  for (const [key, check] of Object.entries(keys)) {
    const node = table.entries.get(key);
    if (node === undefined) continue;
    if (node.kind !== 'leaf' || !check(node.value)) return null;
    if (node.value !== null) values[key] = node.value;
  }
  return values;
}
