// From what a request for a new collection says to its whole configuration: what is not given comes
// from the node's settings.

import type {
  CollectionConfig,
  CollectionParams,
  HnswConfig,
  HnswConfigDiff,
  OptimizerConfig,
  QuantizationConfig,
  VectorParams,
  WalConfig,
} from '../../model/collection-config.ts';
import type { Settings } from '../config/settings.ts';

/** Absent members were not given. */
export interface CollectionRequest {
  readonly vectors: CollectionParams['vectors'];
  readonly shard_number?: number;
  readonly sharding_method?: 'auto';
  readonly replication_factor?: number;
  readonly write_consistency_factor?: number;
  readonly on_disk_payload?: boolean;
  readonly hnsw?: HnswConfigDiff;
  readonly wal?: Partial<WalConfig>;
  readonly optimizers?: Partial<OptimizerConfig>;
  readonly quantization?: QuantizationConfig;
  /** JSON text of the given members. */
  readonly strictMode?: string;
  readonly metadata?: string;
}

/** `peerCount`: how many share the shards. */
export function collectionConfig(
  request: CollectionRequest,
  settings: Settings,
  peerCount: number,
): CollectionConfig {
  const storage = settings.storage;
  const defaults = storage.collection;
  const strictMode = mergedStrictMode(defaults.strict_mode, request.strictMode);
  return {
    params: {
      vectors: withVectorDefaults(request.vectors, defaults.vectors.on_disk),
      shard_number:
        request.shard_number ??
        defaults.shard_number ??
        (defaults.shard_number_per_node ?? 1) * peerCount,
      ...(request.sharding_method === undefined
        ? {}
        : { sharding_method: request.sharding_method }),
      replication_factor: request.replication_factor ?? defaults.replication_factor,
      write_consistency_factor:
        request.write_consistency_factor ?? defaults.write_consistency_factor,
      on_disk_payload: request.on_disk_payload ?? storage.on_disk_payload,
    },
    hnsw_config: { ...hnswDefaults(settings), ...request.hnsw },
    optimizer_config: { ...optimizerDefaults(settings), ...request.optimizers },
    wal_config: { ...storage.wal, ...request.wal },
    quantization_config: request.quantization ?? defaults.quantization,
    ...(strictMode === null ? {} : { strict_mode_config: strictMode }),
    ...(request.metadata === undefined ? {} : { metadata: request.metadata }),
  };
}

function withVectorDefaults(
  vectors: CollectionParams['vectors'],
  onDisk: boolean | null,
): CollectionParams['vectors'] {
  if (onDisk === null) return vectors;
  const complete = (params: VectorParams): VectorParams => ({ on_disk: onDisk, ...params });
  if ('single' in vectors) return { single: complete(vectors.single) };
  return { named: new Map([...vectors.named].map(([name, one]) => [name, complete(one)])) };
}

function hnswDefaults(settings: Settings): HnswConfig {
  const hnsw = settings.storage.hnsw_index;
  return {
    m: hnsw.m,
    ef_construct: hnsw.ef_construct,
    full_scan_threshold: hnsw.full_scan_threshold_kb,
    max_indexing_threads: hnsw.max_indexing_threads,
    on_disk: hnsw.on_disk ?? false,
    ...(hnsw.payload_m === null ? {} : { payload_m: hnsw.payload_m }),
    ...(hnsw.inline_storage === null ? {} : { inline_storage: hnsw.inline_storage }),
  };
}

function optimizerDefaults(settings: Settings): OptimizerConfig {
  const optimizers = settings.storage.optimizers;
  return {
    deleted_threshold: optimizers.deleted_threshold,
    vacuum_min_vector_number: optimizers.vacuum_min_vector_number,
    default_segment_number: optimizers.default_segment_number,
    max_segment_size: optimizers.max_segment_size_kb,
    memmap_threshold: optimizers.memmap_threshold_kb,
    indexing_threshold: optimizers.indexing_threshold_kb,
    flush_interval_sec: optimizers.flush_interval_sec,
    max_optimization_threads: optimizers.max_optimization_threads,
    prevent_unoptimized: optimizers.prevent_unoptimized,
  };
}

/** What the node puts in place of every collection's own parameters; stored ones stay. */
export function optimizerOverwrites(settings: Settings): Partial<OptimizerConfig> {
  const { max_segment_size_kb, memmap_threshold_kb, indexing_threshold_kb, ...same } =
    settings.storage.optimizers_overwrite ?? {};
  const given = {
    ...same,
    max_segment_size: max_segment_size_kb,
    memmap_threshold: memmap_threshold_kb,
    indexing_threshold: indexing_threshold_kb,
  };
  const set = Object.entries(given).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(set) as Partial<OptimizerConfig>;
}

/** The node's default members, overruled by those given; `null` when there are neither. */
function mergedStrictMode(
  defaults: Settings['storage']['collection']['strict_mode'],
  given: string | undefined,
): string | null {
  const own = Object.entries(defaults ?? {}).filter(([, value]) => value !== null);
  if (own.length === 0) return given ?? null;
  const merged: unknown = { ...Object.fromEntries(own), ...(given && parseObject(given)) };
  return JSON.stringify(merged);
}

function parseObject(text: string): object {
  return JSON.parse(text) as object;
}
