// The parts of a collection's configuration that creating and updating have in common. Members that
// are absent or null stay absent, so that what is echoed later is what was given.

import type { JsonScanner } from '../../../base/json-scanner.ts';
import type {
  HnswConfigDiff,
  OptimizerConfig,
  WalConfig,
} from '../../../model/collection-config.ts';
import { canonicalPayload } from './payload.ts';
import { notBuilt, nullable, readCount, readStruct, type Violations } from './struct.ts';

type Mutable<T> = { -readonly [Key in keyof T]?: T[Key] };

/** Sets a member unless it is null. */
function assign<T extends object, Key extends keyof T>(
  target: Mutable<T>,
  key: Key,
  value: T[Key] | null,
): void {
  if (value !== null) target[key] = value;
}

export function readHnswDiff(
  scanner: JsonScanner,
  path: string,
  violations: Violations,
): HnswConfigDiff {
  const diff: Mutable<HnswConfigDiff> = {};
  const count = () => nullable(scanner, () => readCount(scanner));
  const flag = () => nullable(scanner, () => scanner.readBoolean());
  readStruct(scanner, 'struct HnswConfigDiff', {
    m: () => assign<HnswConfigDiff, 'm'>(diff, 'm', count()),
    ef_construct: () => assign<HnswConfigDiff, 'ef_construct'>(diff, 'ef_construct', count()),
    full_scan_threshold: () =>
      assign<HnswConfigDiff, 'full_scan_threshold'>(diff, 'full_scan_threshold', count()),
    max_indexing_threads: () =>
      assign<HnswConfigDiff, 'max_indexing_threads'>(diff, 'max_indexing_threads', count()),
    on_disk: () => assign<HnswConfigDiff, 'on_disk'>(diff, 'on_disk', flag()),
    payload_m: () => assign<HnswConfigDiff, 'payload_m'>(diff, 'payload_m', count()),
    inline_storage: () => assign<HnswConfigDiff, 'inline_storage'>(diff, 'inline_storage', flag()),
  });
  violations.min(`${path}.ef_construct`, diff.ef_construct, 4);
  violations.min(`${path}.full_scan_threshold`, diff.full_scan_threshold, 10);
  return diff;
}

export function readOptimizersDiff(
  scanner: JsonScanner,
  path: string,
  violations: Violations,
): Partial<OptimizerConfig> {
  const diff: Mutable<OptimizerConfig> = {};
  const count = (key: CountKey) => () => {
    const value = nullable(scanner, () => readCount(scanner));
    assign<OptimizerConfig, CountKey>(diff, key, value);
  };
  readStruct(scanner, 'struct OptimizersConfigDiff', {
    deleted_threshold: () => {
      const value = nullable(scanner, () => scanner.readFloat64());
      assign<OptimizerConfig, 'deleted_threshold'>(diff, 'deleted_threshold', value);
    },
    vacuum_min_vector_number: count('vacuum_min_vector_number'),
    default_segment_number: count('default_segment_number'),
    max_segment_size: count('max_segment_size'),
    memmap_threshold: count('memmap_threshold'),
    indexing_threshold: count('indexing_threshold'),
    flush_interval_sec: count('flush_interval_sec'),
    max_optimization_threads: () => {
      // `"auto"` asks for the default, which is null.
      if (scanner.peekKind() !== 'string') count('max_optimization_threads')();
      else if (scanner.readString() === 'auto') diff.max_optimization_threads = null;
      else scanner.fail('data did not match any variant of untagged enum MaxOptimizationThreads');
    },
    prevent_unoptimized: () => {
      const value = nullable(scanner, () => scanner.readBoolean());
      if (value === true) notBuilt('`prevent_unoptimized`');
      assign<OptimizerConfig, 'prevent_unoptimized'>(diff, 'prevent_unoptimized', value);
    },
  });
  violations.floatRange(`${path}.deleted_threshold`, diff.deleted_threshold, [0, 1]);
  violations.min(`${path}.vacuum_min_vector_number`, diff.vacuum_min_vector_number, 100);
  violations.min(`${path}.max_segment_size`, diff.max_segment_size, 1);
  return diff;
}

type CountKey =
  | 'vacuum_min_vector_number'
  | 'default_segment_number'
  | 'max_segment_size'
  | 'memmap_threshold'
  | 'indexing_threshold'
  | 'flush_interval_sec'
  | 'max_optimization_threads';

export function readWalDiff(scanner: JsonScanner, violations: Violations): Partial<WalConfig> {
  const diff: Mutable<WalConfig> = {};
  const count = (key: keyof WalConfig) => () =>
    assign<WalConfig, keyof WalConfig>(
      diff,
      key,
      nullable(scanner, () => readCount(scanner)),
    );
  readStruct(scanner, 'struct WalConfigDiff', {
    wal_capacity_mb: count('wal_capacity_mb'),
    wal_segments_ahead: count('wal_segments_ahead'),
    wal_retain_closed: count('wal_retain_closed'),
  });
  violations.min('wal_config.wal_capacity_mb', diff.wal_capacity_mb, 1);
  violations.min('wal_config.wal_retain_closed', diff.wal_retain_closed, 1);
  return diff;
}

const strictLimits: Readonly<Record<string, 'flag' | 'count' | 'positive' | 'percent' | 'float'>> =
  {
    enabled: 'flag',
    max_query_limit: 'positive',
    max_timeout: 'positive',
    unindexed_filtering_retrieve: 'flag',
    unindexed_filtering_update: 'flag',
    search_max_hnsw_ef: 'count',
    search_allow_exact: 'flag',
    search_max_oversampling: 'float',
    upsert_max_batchsize: 'count',
    search_max_batchsize: 'count',
    max_collection_vector_size_bytes: 'count',
    read_rate_limit: 'positive',
    write_rate_limit: 'positive',
    max_collection_payload_size_bytes: 'count',
    max_points_count: 'positive',
    filter_max_conditions: 'count',
    condition_max_size: 'count',
    max_payload_index_count: 'count',
    max_resident_memory_percent: 'percent',
    max_disk_usage_percent: 'percent',
  };

/**
 * The given members as JSON text. Strict mode is kept and echoed, but not enforced yet, so
 * switching it on is refused: a limit that is not watched would be a promise not kept.
 */
export function readStrictMode(scanner: JsonScanner, violations: Violations): string {
  const given: Record<string, unknown> = {};
  const fields: Record<string, () => void> = {};
  for (const [name, kind] of Object.entries(strictLimits)) {
    fields[name] = () => {
      if (scanner.tryNull()) return;
      const path = `strict_mode_config.${name}`;
      if (kind === 'flag') {
        given[name] = scanner.readBoolean();
        return;
      }
      const value = kind === 'float' ? scanner.readFloat64() : readCount(scanner);
      if (kind === 'positive') violations.min(path, value, 1);
      if (kind === 'percent') violations.range(path, value, [1, 100]);
      given[name] = value;
    };
  }
  for (const name of ['multivector_config', 'sparse_config']) {
    fields[name] = () => {
      if (scanner.tryNull()) return;
      notBuilt(`strict mode's \`${name}\``);
    };
  }
  readStruct(scanner, 'struct StrictModeConfig', fields);
  if (given['enabled'] === true) notBuilt('strict mode');
  return JSON.stringify(given);
}

/** A free JSON object, as text. */
export function readMetadata(scanner: JsonScanner): string {
  return new TextDecoder().decode(canonicalPayload(scanner));
}
