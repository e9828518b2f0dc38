// Every key of the configuration with its kind, its default and its range. Keys have the names of
// the configuration file. `Settings` is plain data: it may be sent to other threads.
// Who may set them: load-settings.ts. What a kind accepts: field.ts.

import type { Field } from './field.ts';
import {
  choice,
  choiceSet,
  Fault,
  flag,
  float,
  integer,
  mismatch,
  optional,
  patternText,
  text,
} from './field.ts';
import { quantizationField } from './quantization-field.ts';
import type { SectionValue } from './section.ts';
import { groupMap, optionalGroup, readSection, section } from './section.ts';

const atLeastOne = { limit: { min: 1 } } as const;
const fraction = { min: 0, max: 1 } as const;
const percent = { limit: { min: 1, max: 100 } } as const;

const spanEvents = ['new', 'enter', 'exit', 'close'] as const;

const onDiskLog = section({
  enabled: optional(flag(false), false),
  log_file: optional(text('')),
  log_level: optional(text('')),
  format: choice(['text', 'json'], 'text'),
  span_events: choiceSet(spanEvents),
  buffer_size_bytes: optional(integer(8192), 8192),
});

/** `auto`, true or false; a union, so the words for true and false from the environment fail. */
const colorField: Field<'auto' | boolean> = {
  kind: 'field',
  default: 'auto',
  read: (node) => {
    if (node.kind !== 'leaf') return mismatch(node, '`auto`, true or false');
    if (node.value === 'auto' || typeof node.value === 'boolean') return node.value;
    return new Fault('data did not match any variant of LogColor (`auto`, true or false)');
  },
  complain: () => null,
};

const logger = section({
  log_level: optional(text('')),
  format: choice(['text', 'json'], 'text'),
  span_events: choiceSet(spanEvents),
  color: colorField,
  on_disk: onDiskLog,
});

const s3 = section({
  bucket: text(''),
  region: text(''),
  access_key: text(''),
  secret_key: text(''),
  endpoint_url: text(''),
});

const wal = section({
  wal_capacity_mb: integer(32, atLeastOne),
  wal_segments_ahead: integer(0),
  wal_retain_closed: integer(1, atLeastOne),
});

const performance = section({
  max_search_threads: integer(0),
  max_optimization_runtime_threads: integer(0),
  optimizer_cpu_budget: integer(0, { storable: 'i64' }),
  optimizer_io_budget: integer(0),
  update_rate_limit: optional(integer(0)),
  search_timeout_sec: optional(integer(0)),
  incoming_shard_transfers_limit: optional(integer(1), 1),
  outgoing_shard_transfers_limit: optional(integer(1), 1),
  async_scorer: optional(flag(false)),
  max_concurrent_collection_loads: optional(integer(1, { storable: 'nonzero' }), 1),
  max_concurrent_shard_loads: optional(integer(1, { storable: 'nonzero' }), 1),
  max_concurrent_segment_loads: optional(integer(8, { storable: 'nonzero' }), 8),
});

const optimizerAliases = {
  max_segment_size: 'max_segment_size_kb',
  memmap_threshold: 'memmap_threshold_kb',
  indexing_threshold: 'indexing_threshold_kb',
} as const;

const optimizers = section(
  {
    deleted_threshold: float(0.2, fraction),
    vacuum_min_vector_number: integer(1000, { limit: { min: 100 } }),
    default_segment_number: integer(0),
    max_segment_size_kb: optional(integer(0, atLeastOne)),
    memmap_threshold_kb: optional(integer(0)),
    indexing_threshold_kb: optional(integer(10_000), 10_000),
    flush_interval_sec: integer(5),
    max_optimization_threads: optional(integer(0)),
    prevent_unoptimized: optional(flag(false)),
  },
  optimizerAliases,
);

const hnsw = section(
  {
    m: integer(16),
    ef_construct: integer(100, { limit: { min: 4 } }),
    full_scan_threshold_kb: integer(10_000, { limit: { min: 10 } }),
    max_indexing_threads: integer(0),
    on_disk: optional(flag(false), false),
    payload_m: optional(integer(0)),
    inline_storage: optional(flag(false)),
  },
  { full_scan_threshold: 'full_scan_threshold_kb' },
);

const strictMode = section({
  enabled: flag(false),
  max_query_limit: integer(0, atLeastOne),
  max_timeout: integer(0, atLeastOne),
  unindexed_filtering_retrieve: flag(false),
  unindexed_filtering_update: flag(false),
  search_max_hnsw_ef: integer(0),
  search_allow_exact: flag(false),
  search_max_oversampling: float(0),
  upsert_max_batchsize: integer(0),
  search_max_batchsize: integer(0),
  max_collection_vector_size_bytes: integer(0),
  read_rate_limit: integer(0, atLeastOne),
  write_rate_limit: integer(0, atLeastOne),
  max_collection_payload_size_bytes: integer(0),
  max_points_count: integer(0, atLeastOne),
  filter_max_conditions: integer(0),
  condition_max_size: integer(0),
  multivector_config: groupMap(section({ max_vectors: integer(0, atLeastOne) })),
  sparse_config: groupMap(section({ max_length: integer(0, atLeastOne) })),
  max_payload_index_count: integer(0),
  max_resident_memory_percent: integer(0, percent),
  max_disk_usage_percent: integer(0, percent),
});

const collectionDefaults = section({
  replication_factor: integer(1, { storable: 'u32', limit: { min: 1 } }),
  write_consistency_factor: integer(1, { storable: 'u32', limit: { min: 1 } }),
  shard_number: optional(integer(0, { storable: 'u32', limit: { min: 1 } })),
  shard_number_per_node: optional(integer(0, { storable: 'u32', limit: { min: 1 } })),
  vectors: section({ on_disk: optional(flag(false)) }),
  quantization: quantizationField,
  strict_mode: optionalGroup(strictMode),
});

const storage = section({
  storage_path: text('./storage', { lengthMin: 1 }),
  snapshots_path: text('./snapshots', { lengthMin: 1 }),
  snapshots_config: section({
    snapshots_storage: choice(['local', 's3'], 'local'),
    s3_config: optionalGroup(s3),
  }),
  temp_path: optional(text('')),
  on_disk_payload: flag(true),
  low_memory_mode: choice(['disabled', 'no_resident', 'no_populate'], 'disabled'),
  update_concurrency: optional(integer(0, { storable: 'nonzero' })),
  node_type: choice(['Normal', 'Listener'], 'Normal'),
  wal,
  performance,
  optimizers,
  optimizers_overwrite: optionalGroup(optimizers),
  hnsw_index: hnsw,
  hnsw_global_config: section({ healing_threshold: float(0.3, fraction) }),
  mmap_advice: choice(['normal', 'random', 'sequential'], 'random'),
  update_queue_size: optional(integer(0)),
  handle_collection_load_errors: flag(false),
  recovery_mode: optional(text('')),
  shard_transfer_method: optional(
    choice(['stream_records', 'snapshot', 'wal_delta'], 'stream_records'),
  ),
  max_collections: optional(integer(0)),
  collection: collectionDefaults,
});

const service = section({
  host: text('0.0.0.0', { lengthMin: 1 }),
  http_port: integer(6333, { storable: 'u16' }),
  grpc_port: optional(integer(6334, { storable: 'u16' }), 6334),
  metrics_port: optional(integer(0, { storable: 'u16' })),
  max_request_size_mb: integer(32),
  max_workers: optional(integer(0), 0),
  http_keep_alive_timeout_sec: integer(5, atLeastOne),
  http_client_request_timeout_sec: integer(5, atLeastOne),
  http_client_disconnect_timeout_sec: integer(5, atLeastOne),
  enable_cors: flag(true),
  enable_tls: flag(false),
  verify_https_client_certificate: flag(false),
  api_key: optional(text('')),
  alt_api_key: optional(text('')),
  read_only_api_key: optional(text('')),
  jwt_rbac: optional(flag(false)),
  hide_jwt_dashboard: optional(flag(false)),
  enforce_internal_auth: optional(flag(false)),
  static_content_dir: optional(text('./static'), './static'),
  enable_static_content: optional(flag(true), true),
  slow_query_secs: optional(float(1.2), 1.2),
  hardware_reporting: optional(flag(false), false),
  metrics_prefix: optional(patternText('', /^[A-Za-z0-9_]*$/, 'letters, digits and underscores')),
  enable_snapshot_url_recovery: flag(true),
});

const cluster = section({
  enabled: flag(false),
  peer_id: optional(integer(0, { limit: { min: 1, max: Number.MAX_SAFE_INTEGER } })),
  grpc_timeout_ms: integer(60_000),
  connection_timeout_ms: integer(2_000),
  resharding_enabled: flag(false),
  p2p: section({
    port: optional(integer(6335, { storable: 'u16' }), 6335),
    connection_pool_size: integer(2, atLeastOne),
    enable_tls: flag(false),
  }),
  consensus: section({
    max_message_queue_size: integer(100),
    tick_period_ms: integer(100, atLeastOne),
    bootstrap_timeout_sec: integer(15, atLeastOne),
    message_timeout_ticks: integer(10, atLeastOne),
    compact_wal_entries: integer(128),
  }),
  // Octant's own: how the cluster spreads, drains and repairs itself.
  rebalance: section({
    enabled: flag(true),
    peer_down_grace_sec: integer(60),
    max_concurrent_moves: integer(2, atLeastOne),
    max_mb_per_sec: optional(integer(0, atLeastOne)),
    imbalance_threshold_percent: integer(10, percent),
  }),
});

const tls = section({
  cert: text('./tls/cert.pem'),
  key: text('./tls/key.pem'),
  ca_cert: optional(text(''), './tls/cacert.pem'),
  cert_ttl: optional(integer(0, atLeastOne), 3600),
});

const audit = section({
  enabled: flag(false),
  dir: text('./storage/audit'),
  rotation: choice(['daily', 'hourly'], 'daily'),
  max_log_files: integer(7, atLeastOne),
  trust_forwarded_headers: flag(false),
  log_api: flag(true),
});

const inference = section({
  address: optional(text('')),
  timeout: integer(600),
  token: optional(text('')),
});

/** Accepted so that a file with it starts; Octant computes on the CPU. */
const gpu = section({
  indexing: flag(false),
  force_half_precision: flag(false),
  groups_count: optional(integer(0)),
  device_filter: optional(text('')),
  allow_integrated: flag(false),
  allow_emulated: flag(false),
  parallel_indexes: optional(integer(0)),
});

const debuggerTools = section({
  pyroscope: optionalGroup(
    section({
      url: text(''),
      identifier: text(''),
      user: text(''),
      password: text(''),
      sampling_rate: integer(0),
    }),
  ),
});

const featureFlags = section({
  all: flag(false),
  incremental_hnsw_building: flag(true),
  appendable_quantization: flag(true),
  single_file_mmap_vector_storage: flag(false),
});

export const settingsSection = section({
  log_level: optional(text(''), 'INFO'),
  logger,
  telemetry_disabled: flag(false),
  storage,
  service,
  cluster,
  tls,
  audit,
  inference,
  gpu,
  feature_flags: featureFlags,
  debugger: debuggerTools,
});

export type Settings = SectionValue<(typeof settingsSection)['shape']>;
export type LogSinkFormat = 'text' | 'json';

/** What holds when nobody says anything. */
export const defaultSettings: Settings = readSection(settingsSection, undefined, '', {
  complaints: [],
  fault: null,
});
