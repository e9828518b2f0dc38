// The body of `PUT /collections/{c}`: what is given, before defaults. All broken rules are reported
// together; what is not built is refused by name.

import { JsonScanner } from '../../../base/json-scanner.ts';
import type { CollectionRequest } from '../../../server/services/collection-defaults.ts';
import {
  readHnswDiff,
  readMetadata,
  readOptimizersDiff,
  readStrictMode,
  readWalDiff,
} from './config-parts.ts';
import { readQuantization } from './quantization.ts';
import {
  type FieldReaders,
  notBuilt,
  nullable,
  readChoice,
  readNonZero,
  readStruct,
  uint32Max,
  Violations,
} from './struct.ts';
import { assertVectorNames, readVectors, refuseSparseVectors } from './vector-params.ts';

type Given = { -readonly [Key in keyof CollectionRequest]: CollectionRequest[Key] };

export function decodeCreateCollection(body: Uint8Array): CollectionRequest {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  const given: Given = { vectors: { named: new Map() } };
  const counts = countFields(scanner, given);
  const optimizers = () => {
    const path = 'optimizers_config';
    const diff = nullable(scanner, () => readOptimizersDiff(scanner, path, violations));
    if (diff !== null) given.optimizers = diff;
  };
  const quantization = () => {
    const path = 'quantization_config';
    const config = nullable(scanner, () => readQuantization(scanner, path, violations));
    if (config !== null) given.quantization = config;
  };
  readStruct(scanner, 'struct CreateCollection', {
    vectors: () => {
      given.vectors = readVectors(scanner, violations);
    },
    sparse_vectors: () => refuseSparseVectors(scanner),
    ...counts,
    sharding_method: () => {
      const method = nullable(scanner, () => readChoice(scanner, ['auto', 'custom']));
      if (method === 'custom') notBuilt('custom sharding');
      if (method !== null) given.sharding_method = 'auto';
    },
    on_disk_payload: () => {
      const onDisk = nullable(scanner, () => scanner.readBoolean());
      if (onDisk !== null) given.on_disk_payload = onDisk;
    },
    hnsw_config: () => {
      const diff = nullable(scanner, () => readHnswDiff(scanner, 'hnsw_config', violations));
      if (diff !== null) given.hnsw = diff;
    },
    wal_config: () => {
      const diff = nullable(scanner, () => readWalDiff(scanner, violations));
      if (diff !== null) given.wal = diff;
    },
    optimizers_config: optimizers,
    optimizer_config: optimizers,
    quantization_config: quantization,
    quantization,
    strict_mode_config: () => {
      const text = nullable(scanner, () => readStrictMode(scanner, violations));
      if (text !== null) given.strictMode = text;
    },
    metadata: () => {
      const text = nullable(scanner, () => readMetadata(scanner));
      if (text !== null) given.metadata = text;
    },
  });
  scanner.finish();
  violations.throwIfAny();
  assertVectorNames(given.vectors);
  return given;
}

function countFields(scanner: JsonScanner, given: Given): FieldReaders {
  const count = (key: 'shard_number' | 'replication_factor' | 'write_consistency_factor') => () => {
    const value = nullable(scanner, () => readNonZero(scanner, uint32Max));
    if (value !== null) given[key] = value;
  };
  return {
    shard_number: count('shard_number'),
    replication_factor: count('replication_factor'),
    write_consistency_factor: count('write_consistency_factor'),
  };
}
