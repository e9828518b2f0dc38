// The settings of a collection as JSON: `collectionConfig` is the whole document, the rest are the
// parts that commands carry.

import type {
  CollectionConfig,
  CollectionParams,
  HnswConfig,
  HnswConfigDiff,
  OptimizerConfig,
  QuantizationConfig,
  VectorParams,
  WalConfig,
} from '../model/collection-config.ts';
import type { PayloadFieldParams, PayloadFieldSchema } from '../model/payload-schema.ts';
import type { CollectionPatch, VectorParamsPatch } from './commands.ts';
import {
  anyObject,
  type Codec,
  count,
  flag,
  float,
  malformed,
  mapOf,
  nullable,
  oneOf,
  optional,
  record,
  text,
} from './encode-codec.ts';

const hnswDiff = record<HnswConfigDiff>({
  m: optional(count),
  ef_construct: optional(count),
  full_scan_threshold: optional(count),
  max_indexing_threads: optional(count),
  on_disk: optional(flag),
  payload_m: optional(count),
  inline_storage: optional(flag),
});

const hnsw = record<HnswConfig>({
  m: count,
  ef_construct: count,
  full_scan_threshold: count,
  max_indexing_threads: count,
  on_disk: flag,
  payload_m: optional(count),
  inline_storage: optional(flag),
});

const quantization = anyObject<QuantizationConfig>();

export const vectorParams = record<VectorParams>({
  size: count,
  distance: oneOf(['Cosine', 'Euclid', 'Dot', 'Manhattan']),
  hnsw_config: optional(hnswDiff),
  quantization_config: optional(quantization),
  on_disk: optional(flag),
  datatype: optional(oneOf(['float32', 'uint8', 'float16'])),
});

const named = mapOf(text, vectorParams);

/** `{single}` or `{named}`, as the type says. */
const vectors: Codec<CollectionParams['vectors']> = {
  write: (value) =>
    'single' in value
      ? { single: vectorParams.write(value.single) }
      : { named: named.write(value.named) },
  read: (json, path) => {
    const value = (json ?? {}) as { readonly single?: unknown; readonly named?: unknown };
    if (value.single !== undefined) return { single: vectorParams.read(value.single, path) };
    if (value.named !== undefined) return { named: named.read(value.named, path) };
    throw malformed(path, 'one vector or several named ones');
  },
};

const optimizerFields = {
  deleted_threshold: float,
  vacuum_min_vector_number: count,
  default_segment_number: count,
  max_segment_size: nullable(count),
  memmap_threshold: nullable(count),
  indexing_threshold: nullable(count),
  flush_interval_sec: count,
  max_optimization_threads: nullable(count),
  prevent_unoptimized: nullable(flag),
} as const;

export const collectionConfig = record<CollectionConfig>({
  params: record<CollectionParams>({
    vectors,
    shard_number: count,
    sharding_method: optional(oneOf(['auto', 'custom'])),
    replication_factor: count,
    write_consistency_factor: count,
    read_fan_out_factor: optional(count),
    read_fan_out_delay_ms: optional(count),
    on_disk_payload: flag,
  }),
  hnsw_config: hnsw,
  optimizer_config: record<OptimizerConfig>(optimizerFields),
  wal_config: record<WalConfig>({
    wal_capacity_mb: count,
    wal_segments_ahead: count,
    wal_retain_closed: count,
  }),
  quantization_config: nullable(quantization),
  strict_mode_config: optional(text),
  metadata: optional(text),
});

/** A new setting, or `Disabled` to have none. */
const quantizationPatch: Codec<QuantizationConfig | 'Disabled'> = {
  write: (value) => (value === 'Disabled' ? value : quantization.write(value)),
  read: (json, path) => (json === 'Disabled' ? json : quantization.read(json, path)),
};

export const collectionPatch = record<CollectionPatch>({
  vectors: optional(
    mapOf(
      text,
      record<VectorParamsPatch>({
        hnsw_config: optional(hnswDiff),
        quantization_config: optional(quantizationPatch),
        on_disk: optional(flag),
      }),
    ),
  ),
  optimizers: optional(
    record<Partial<OptimizerConfig>>({
      deleted_threshold: optional(float),
      vacuum_min_vector_number: optional(count),
      default_segment_number: optional(count),
      max_segment_size: optional(nullable(count)),
      memmap_threshold: optional(nullable(count)),
      indexing_threshold: optional(nullable(count)),
      flush_interval_sec: optional(count),
      max_optimization_threads: optional(nullable(count)),
      prevent_unoptimized: optional(nullable(flag)),
    }),
  ),
  params: optional(
    record<NonNullable<CollectionPatch['params']>>({
      replication_factor: optional(count),
      write_consistency_factor: optional(count),
      read_fan_out_factor: optional(count),
      read_fan_out_delay_ms: optional(count),
      on_disk_payload: optional(flag),
    }),
  ),
  hnsw: optional(hnswDiff),
  quantization: optional(quantizationPatch),
  strictMode: optional(text),
  metadata: optional(text),
});

export const payloadFieldSchema = record<PayloadFieldSchema>({
  dataType: oneOf(['keyword', 'integer', 'float', 'bool', 'datetime', 'uuid', 'geo', 'text']),
  params: nullable(anyObject<PayloadFieldParams>()),
});
