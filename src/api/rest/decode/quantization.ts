// `quantization_config`: one of four kinds, checked, kept and echoed as given. Octant searches on
// codes of its own and scores with the originals, so a kind changes nothing but the echo.

import type { JsonScanner } from '../../../base/json-scanner.ts';
import type { QuantizationConfig } from '../../../model/collection-config.ts';
import { type FieldReaders, nullable, readChoice, readStruct, type Violations } from './struct.ts';

const compressions = ['x4', 'x8', 'x16', 'x32', 'x64'] as const;
const encodings = ['one_bit', 'two_bits', 'one_and_half_bits'] as const;
const queryEncodings = ['default', 'binary', 'scalar4bits', 'scalar8bits'] as const;
const bits = ['bits1', 'bits1_5', 'bits2', 'bits4'] as const;

export function readQuantization(
  scanner: JsonScanner,
  path: string,
  violations: Violations,
): QuantizationConfig {
  const found: Record<string, Record<string, unknown>> = {};
  const readKind = (kind: string, required: readonly string[]) => () => {
    const given: Record<string, unknown> = {};
    readStruct(scanner, `struct ${kind}`, kindFields(scanner, kind, given), required);
    found[kind] = given;
    const quantile = given['quantile'];
    if (typeof quantile !== 'number') return;
    violations.floatRange(`${path}.scalar.quantile`, quantile, [0.5, 1]);
  };
  readStruct(scanner, 'enum QuantizationConfig', {
    scalar: readKind('scalar', ['type']),
    product: readKind('product', ['compression']),
    binary: readKind('binary', []),
    turbo: readKind('turbo', []),
  });
  const [kind] = Object.keys(found);
  if (kind === undefined) {
    return scanner.fail('data did not match any variant of untagged enum QuantizationConfig');
  }
  return { [kind]: found[kind] ?? {} };
}

function kindFields(
  scanner: JsonScanner,
  kind: string,
  given: Record<string, unknown>,
): FieldReaders {
  const keep = (name: string, read: () => unknown) => () => {
    const value = nullable(scanner, read);
    if (value !== null) given[name] = value;
  };
  const word = (words: readonly string[]) => () => readChoice(scanner, words);
  const alwaysRam = { always_ram: keep('always_ram', () => scanner.readBoolean()) };
  switch (kind) {
    case 'scalar':
      return {
        ...alwaysRam,
        type: () => {
          given['type'] = readChoice(scanner, ['int8']);
        },
        quantile: keep('quantile', () => scanner.readFloat64()),
      };
    case 'product':
      return {
        ...alwaysRam,
        compression: () => {
          given['compression'] = readChoice(scanner, compressions);
        },
      };
    case 'binary':
      return {
        ...alwaysRam,
        encoding: keep('encoding', word(encodings)),
        query_encoding: keep('query_encoding', word(queryEncodings)),
      };
    default:
      return { ...alwaysRam, bits: keep('bits', word(bits)) };
  }
}

/** As `readQuantization`; a change may also switch it off. */
export function readQuantizationChange(
  scanner: JsonScanner,
  path: string,
  violations: Violations,
): QuantizationConfig | 'Disabled' {
  if (scanner.peekKind() === 'string') return readChoice<'Disabled'>(scanner, ['Disabled']);
  return readQuantization(scanner, path, violations);
}
