// The vectors of a new collection: one unnamed, or a map of named ones; told apart by their
// members.

import { JsonScanner } from '../../../base/json-scanner.ts';
import type { JsonObject, JsonValue } from '../../../base/json-value.ts';
import type { CollectionParams, VectorParams } from '../../../model/collection-config.ts';
import { RequestError } from '../../../model/request-error.ts';
import { refusedVectorNameChar } from '../path-params.ts';
import { readHnswDiff } from './config-parts.ts';
import { readQuantization } from './quantization.ts';
import { notBuilt, nullable, readChoice, readStruct, Violations } from './struct.ts';
import { vectorNamesMax } from './vector-columns.ts';

export type VectorsParam = CollectionParams['vectors'];

export const dimensionMax = 65_536;
const vectorNameBytesMax = 200;
const distances = ['Cosine', 'Euclid', 'Dot', 'Manhattan'] as const;
const datatypes = ['float32', 'uint8', 'float16', 'turbo4'] as const;

export function readVectors(scanner: JsonScanner, violations: Violations): VectorsParam {
  if (scanner.peekKind() !== 'object') scanner.invalidType('struct VectorParams or a map');
  if (isSingle(scanner)) return { single: readVectorParams(scanner, 'vectors', violations) };
  const named = new Map<string, VectorParams>();
  const faults: Violations[] = [];
  scanner.beginObject();
  for (let name = scanner.nextKey(); name !== null; name = scanner.nextKey()) {
    const own = new Violations();
    named.set(name, readVectorParams(scanner, '', own));
    if (own.count > 0) faults.push(own);
  }
  // The names of a map are not shown: one faulty entry is `?`, several are `?[0]`, `?[1]`.
  for (const [index, own] of faults.entries()) {
    violations.addAll(own.under(faults.length === 1 ? 'vectors.?' : `vectors.?[${index}]`));
  }
  return { named };
}

/** Looks ahead: a single vector has a number `size` or a word `distance`. */
function isSingle(scanner: JsonScanner): boolean {
  const ahead = new JsonScanner(scanner.bytes, { start: scanner.at, end: scanner.end });
  ahead.beginObject();
  let single = false;
  for (let key = ahead.nextKey(); key !== null; key = ahead.nextKey()) {
    const kind = ahead.peekKind();
    if (key === 'size' && kind !== 'object') single = true;
    if (key === 'distance' && kind !== 'object') single = true;
    ahead.skipValue();
  }
  return single;
}

function readVectorParams(
  scanner: JsonScanner,
  path: string,
  violations: Violations,
): VectorParams {
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  let size = 0;
  let distance: VectorParams['distance'] = 'Cosine';
  const given: { -readonly [Key in keyof VectorParams]?: VectorParams[Key] } = {};
  readStruct(
    scanner,
    'struct VectorParams',
    {
      size: () => {
        const value = scanner.readUint64('a nonzero u64');
        if (value === 0) scanner.fail('invalid value: integer `0`, expected a nonzero u64');
        if (value > dimensionMax) {
          violations.add(at('size'), `value ${value} invalid, must be from 1 to ${dimensionMax}`);
        }
        size = Number(value);
      },
      distance: () => {
        distance = readChoice(scanner, distances);
      },
      hnsw_config: () => {
        const diff = nullable(scanner, () => readHnswDiff(scanner, at('hnsw_config'), violations));
        if (diff !== null) given.hnsw_config = diff;
      },
      quantization_config: () => {
        const inner = at('quantization_config');
        const config = nullable(scanner, () => readQuantization(scanner, inner, violations));
        if (config !== null) given.quantization_config = config;
      },
      on_disk: () => {
        const onDisk = nullable(scanner, () => scanner.readBoolean());
        if (onDisk !== null) given.on_disk = onDisk;
      },
      datatype: () => {
        const datatype = nullable(scanner, () => readChoice(scanner, datatypes));
        if (datatype === 'turbo4') notBuilt('the datatype `turbo4`');
        else if (datatype !== null) given.datatype = datatype;
      },
      multivector_config: () => {
        if (!scanner.tryNull()) notBuilt('`multivector_config`');
      },
    },
    ['size', 'distance'],
  );
  return { size, distance, ...given };
}

/** Refuses names that no new vector may have; call it when the body as a whole is well-formed. */
export function assertVectorNames(vectors: VectorsParam): void {
  if ('single' in vectors) return;
  if (vectors.named.size > vectorNamesMax) {
    const text = `more than ${vectorNamesMax} vectors in one collection`;
    throw new RequestError('bad_request', text);
  }
  for (const name of vectors.named.keys()) {
    const bytes = Buffer.byteLength(name);
    const refused = refusedVectorNameChar(name);
    if (bytes > vectorNameBytesMax) {
      throw invalidName(name, `length ${bytes} exceeds the limit of ${vectorNameBytesMax} bytes`);
    }
    if (refused !== null) throw invalidName(name, `vector name cannot contain "${refused}" char`);
  }
}

function invalidName(name: string, reason: string): RequestError {
  return new RequestError('wrong_input', `Invalid dense vector name \`${name}\`: ${reason}`);
}

function memberOf(value: JsonValue, name: string): JsonValue {
  return value instanceof Map ? ((value as JsonObject).get(name) ?? null) : null;
}

/** Sparse vectors are not built; `{}` and null ask for none. */
export function refuseSparseVectors(scanner: JsonScanner): void {
  if (scanner.tryNull()) return;
  const text = scanner.readObject();
  for (const params of text.values()) {
    if (memberOf(memberOf(params, 'index'), 'datatype') !== 'turbo4') continue;
    const path = 'sparse_vectors.?.index.datatype';
    const reason = 'sparse vectors do not support the `turbo4` datatype';
    const detail = `[${path}: ${reason}]`;
    throw new RequestError('validation', `Validation error in JSON body: ${detail}`);
  }
  if (text.size > 0) notBuilt('`sparse_vectors`');
}
