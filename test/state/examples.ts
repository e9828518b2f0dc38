// A collection like any other, for tests of the agreed state.

import type { Command, ShardDistribution } from '../../src/cluster/commands.ts';
import type { ReplicaState } from '../../src/model/cluster-state.ts';
import type { CollectionConfig } from '../../src/model/collection-config.ts';

export function exampleConfig(
  shardNumber: number,
  shardingMethod: 'auto' | 'custom' = 'auto',
): CollectionConfig {
  return {
    params: {
      vectors: { single: { size: 4, distance: 'Dot' } },
      shard_number: shardNumber,
      ...(shardingMethod === 'auto' ? {} : { sharding_method: shardingMethod }),
      replication_factor: 1,
      write_consistency_factor: 1,
      on_disk_payload: true,
    },
    hnsw_config: {
      m: 16,
      ef_construct: 100,
      full_scan_threshold: 10_000,
      max_indexing_threads: 0,
      on_disk: false,
    },
    optimizer_config: {
      deleted_threshold: 0.2,
      vacuum_min_vector_number: 1000,
      default_segment_number: 0,
      max_segment_size: null,
      memmap_threshold: null,
      indexing_threshold: 10_000,
      flush_interval_sec: 5,
      max_optimization_threads: null,
      prevent_unoptimized: null,
    },
    wal_config: { wal_capacity_mb: 32, wal_segments_ahead: 0, wal_retain_closed: 1 },
    quantization_config: null,
  };
}

export function createCommand(
  name: string,
  distribution: ShardDistribution,
  initialState: ReplicaState = 'Active',
): Extract<Command, { readonly kind: 'create_collection' }> {
  return {
    kind: 'create_collection',
    name,
    uuid: `uuid-${name}`,
    config: exampleConfig(distribution.length),
    distribution,
    initialState,
    collectionCountMax: null,
  };
}
