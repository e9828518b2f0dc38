// The body of `PATCH /collections/{c}`: only what is given changes; null leaves a value as it is.

import { JsonScanner } from '../../../base/json-scanner.ts';
import type { CollectionPatch, VectorParamsPatch } from '../../../cluster/commands.ts';
import { RequestError } from '../../../model/request-error.ts';
import { readHnswDiff, readMetadata, readOptimizersDiff, readStrictMode } from './config-parts.ts';
import { readQuantizationChange } from './quantization.ts';
import { nullable, readCount, readNonZero, readStruct, uint32Max, Violations } from './struct.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type ParamsPatch = NonNullable<CollectionPatch['params']>;

export function decodeUpdateCollection(body: Uint8Array): CollectionPatch {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  const patch: Mutable<CollectionPatch> = {};
  const optimizers = () => {
    const path = 'optimizers_config';
    const diff = nullable(scanner, () => readOptimizersDiff(scanner, path, violations));
    if (diff !== null) patch.optimizers = diff;
  };
  readStruct(scanner, 'struct UpdateCollection', {
    vectors: () => {
      const vectors = nullable(scanner, () => readVectorPatches(scanner, violations));
      if (vectors !== null) patch.vectors = vectors;
    },
    sparse_vectors: () => {
      const [name] = nullable(scanner, () => scanner.readObject())?.keys() ?? [];
      if (name === undefined) return;
      throw new RequestError('wrong_input', `Not existing vector name error: ${name}`);
    },
    optimizers_config: optimizers,
    optimizer_config: optimizers,
    params: () => {
      const params = nullable(scanner, () => readParamsPatch(scanner));
      if (params !== null) patch.params = params;
    },
    hnsw_config: () => {
      const diff = nullable(scanner, () => readHnswDiff(scanner, 'hnsw_config', violations));
      if (diff !== null) patch.hnsw = diff;
    },
    quantization_config: () => {
      const path = 'quantization_config';
      const change = nullable(scanner, () => readQuantizationChange(scanner, path, violations));
      if (change !== null) patch.quantization = change;
    },
    strict_mode_config: () => {
      const text = nullable(scanner, () => readStrictMode(scanner, violations));
      if (text !== null) patch.strictMode = text;
    },
    metadata: () => {
      const text = nullable(scanner, () => readMetadata(scanner));
      if (text !== null) patch.metadata = text;
    },
  });
  scanner.finish();
  violations.throwIfAny();
  return patch;
}

function readVectorPatches(
  scanner: JsonScanner,
  violations: Violations,
): ReadonlyMap<string, VectorParamsPatch> {
  const patches = new Map<string, VectorParamsPatch>();
  scanner.beginObject();
  for (let name = scanner.nextKey(); name !== null; name = scanner.nextKey()) {
    patches.set(name, readVectorPatch(scanner, violations));
  }
  return patches;
}

function readVectorPatch(scanner: JsonScanner, violations: Violations): VectorParamsPatch {
  const patch: Mutable<VectorParamsPatch> = {};
  const path = 'vectors.?';
  readStruct(scanner, 'struct VectorParamsDiff', {
    hnsw_config: () => {
      const inner = `${path}.hnsw_config`;
      const diff = nullable(scanner, () => readHnswDiff(scanner, inner, violations));
      if (diff !== null) patch.hnsw_config = diff;
    },
    quantization_config: () => {
      const inner = `${path}.quantization_config`;
      const change = nullable(scanner, () => readQuantizationChange(scanner, inner, violations));
      if (change !== null) patch.quantization_config = change;
    },
    on_disk: () => {
      const onDisk = nullable(scanner, () => scanner.readBoolean());
      if (onDisk !== null) patch.on_disk = onDisk;
    },
  });
  return patch;
}

function readParamsPatch(scanner: JsonScanner): ParamsPatch {
  const patch: Mutable<ParamsPatch> = {};
  const set = (key: Exclude<keyof ParamsPatch, 'on_disk_payload'>, read: () => number) => () => {
    const value = nullable(scanner, read);
    if (value !== null) patch[key] = value;
  };
  const nonZero = () => readNonZero(scanner, uint32Max);
  readStruct(scanner, 'struct CollectionParamsDiff', {
    replication_factor: set('replication_factor', nonZero),
    write_consistency_factor: set('write_consistency_factor', nonZero),
    read_fan_out_factor: set('read_fan_out_factor', () => scanner.readInteger(0, uint32Max, 'u32')),
    read_fan_out_delay_ms: set('read_fan_out_delay_ms', () => readCount(scanner)),
    on_disk_payload: () => {
      const onDisk = nullable(scanner, () => scanner.readBoolean());
      if (onDisk !== null) patch.on_disk_payload = onDisk;
    },
  });
  return patch;
}
