// What a collection is asked to be. `CollectionConfig` is the document that is stored and echoed,
// in the API's member names: members that were not given stay absent where the API leaves them out.
// The resolved forms below it are what shards and segments work with.

export type Distance = 'Cosine' | 'Euclid' | 'Dot' | 'Manhattan';
export type Datatype = 'float32' | 'uint8' | 'float16';

/** A partial HNSW config at vector or collection level; only given members are present. */
export interface HnswConfigDiff {
  readonly m?: number;
  readonly ef_construct?: number;
  readonly full_scan_threshold?: number;
  readonly max_indexing_threads?: number;
  readonly on_disk?: boolean;
  readonly payload_m?: number;
  readonly inline_storage?: boolean;
}

/** The collection-level HNSW config: mandatory members always present. */
export interface HnswConfig extends HnswConfigDiff {
  readonly m: number;
  readonly ef_construct: number;
  readonly full_scan_threshold: number;
  readonly max_indexing_threads: number;
  readonly on_disk: boolean;
}

/** One of `{scalar}`, `{product}`, `{binary}`, `{turbo}`, kept and echoed as given. */
export type QuantizationConfig = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface VectorParams {
  readonly size: number;
  readonly distance: Distance;
  readonly hnsw_config?: HnswConfigDiff;
  readonly quantization_config?: QuantizationConfig;
  readonly on_disk?: boolean;
  readonly datatype?: Datatype;
}

export interface OptimizerConfig {
  readonly deleted_threshold: number;
  readonly vacuum_min_vector_number: number;
  readonly default_segment_number: number;
  readonly max_segment_size: number | null;
  readonly memmap_threshold: number | null;
  readonly indexing_threshold: number | null;
  readonly flush_interval_sec: number;
  readonly max_optimization_threads: number | null;
  readonly prevent_unoptimized: boolean | null;
}

export interface WalConfig {
  readonly wal_capacity_mb: number;
  readonly wal_segments_ahead: number;
  readonly wal_retain_closed: number;
}

export interface CollectionParams {
  /**
   * The single unnamed vector (`single`, echoed bare) or named ones (echoed as a map). The unnamed
   * vector has the name `""` in both.
   */
  readonly vectors:
    | { readonly single: VectorParams }
    | { readonly named: ReadonlyMap<string, VectorParams> };
  readonly shard_number: number;
  readonly sharding_method?: 'auto' | 'custom';
  readonly replication_factor: number;
  readonly write_consistency_factor: number;
  readonly read_fan_out_factor?: number;
  readonly read_fan_out_delay_ms?: number;
  readonly on_disk_payload: boolean;
}

export interface CollectionConfig {
  readonly params: CollectionParams;
  readonly hnsw_config: HnswConfig;
  readonly optimizer_config: OptimizerConfig;
  readonly wal_config: WalConfig;
  readonly quantization_config: QuantizationConfig | null;
  /** JSON text, as given and merged. Absent if never set. */
  readonly strict_mode_config?: string;
  /** JSON text of an object. Absent if never set. */
  readonly metadata?: string;
}

/** One vector name with everything resolved (vector level over collection level). */
export interface VectorConfig {
  readonly name: string;
  readonly dimension: number;
  readonly distance: Distance;
  readonly datatype: Datatype;
  readonly onDisk: boolean;
  readonly hnsw: {
    readonly m: number;
    readonly efConstruct: number;
    readonly fullScanThresholdKb: number;
    readonly payloadM: number;
  };
}

/** The vectors of a collection by name, in the order given. */
export function vectorParamsByName(params: CollectionParams): ReadonlyMap<string, VectorParams> {
  return 'single' in params.vectors ? new Map([['', params.vectors.single]]) : params.vectors.named;
}

// Every request asks for them, and a config never changes: a patch makes a new one.
const resolvedConfigs = new WeakMap<CollectionConfig, readonly VectorConfig[]>();

/** Each vector's settings: a vector's own members win over the collection's. */
export function vectorConfigs(config: CollectionConfig): readonly VectorConfig[] {
  let resolved = resolvedConfigs.get(config);
  if (resolved === undefined) {
    resolved = resolveVectors(config);
    resolvedConfigs.set(config, resolved);
  }
  return resolved;
}

function resolveVectors(config: CollectionConfig): readonly VectorConfig[] {
  return [...vectorParamsByName(config.params)].map(([name, vector]) => {
    const hnsw = { ...config.hnsw_config, ...vector.hnsw_config };
    return {
      name,
      dimension: vector.size,
      distance: vector.distance,
      datatype: vector.datatype ?? 'float32',
      onDisk: vector.on_disk ?? false,
      hnsw: {
        m: hnsw.m,
        efConstruct: hnsw.ef_construct,
        fullScanThresholdKb: hnsw.full_scan_threshold,
        payloadM: hnsw.payload_m ?? hnsw.m,
      },
    };
  });
}

/** Bytes of one component as stored. */
export function elementBytes(datatype: Datatype): number {
  return { float32: 4, float16: 2, uint8: 1 }[datatype];
}

/** Everything one local shard needs to know of its collection; crosses threads by clone. */
export interface ShardConfig {
  readonly vectors: readonly VectorConfig[];
  readonly optimizer: OptimizerConfig;
  readonly wal: WalConfig;
  readonly onDiskPayload: boolean;
}

/** The part of a collection's config that its shards act on. */
export function shardConfig(config: CollectionConfig): ShardConfig {
  return {
    vectors: vectorConfigs(config),
    optimizer: config.optimizer_config,
    wal: config.wal_config,
    onDiskPayload: config.params.on_disk_payload,
  };
}
