// The part of telemetry about one collection and its shards, by level of detail.

import type { PeerId } from '../base/ids.ts';
import type { CollectionState, ShardState } from '../model/cluster-state.ts';
import {
  type CollectionConfig,
  type CollectionParams,
  vectorConfigs,
} from '../model/collection-config.ts';
import type { SegmentReport, ShardInfo } from '../shard/shard-info.ts';
import {
  peerNumber,
  reshardingDocument,
  shardKeyMember,
  transferDocument,
} from './cluster-documents.ts';
import { collectionStatus, optimizerError, sumOf } from './services/collections.ts';
import type { DescribedCollection } from './services/reachable-collections.ts';

export function collectionTelemetry(
  described: DescribedCollection,
  ownPeerId: PeerId,
  level: number,
): object {
  const { collection, shards, shardsById } = described;
  const error = optimizerError(shards);
  const status = error === null ? 'ok' : { error };
  if (level < 2) {
    return {
      vectors: sumOf(shards, vectorCount),
      optimizers_status: status,
      params: paramsDocument(collection.config.params),
    };
  }
  const base = {
    id: collection.name,
    init_time_ms: 0,
    config: { ...configDocument(collection.config), uuid: collection.uuid },
  };
  if (level < 3) return base;
  return {
    ...base,
    shards: [...collection.shards].map(([id, shard]) => {
      const local = shardsById.get(id);
      const peers = [...shard.replicas.keys()].filter((peerId) => peerId !== ownPeerId);
      return {
        id,
        key: null,
        ...shardKeyMember('key', shard.key),
        local: local === undefined ? null : shardTelemetry(collection, local, level),
        remote: peers.map((peerId) => ({ shard_id: id, peer_id: peerNumber(peerId) })),
        replicate_states: replicaStates(shard),
        partial_snapshot: {
          ongoing_create_snapshot_requests: 0,
          is_recovering: false,
          recovery_timestamp: 0,
        },
      };
    }),
    transfers: collection.transfers.map(transferDocument),
    resharding: collection.resharding === null ? [] : [reshardingDocument(collection.resharding)],
  };
}

/** `{"<peer id>": "Active"}` */
function replicaStates({ replicas }: ShardState): object {
  return Object.fromEntries([...replicas].map(([peerId, state]) => [String(peerId), state]));
}

function vectorCount(shard: ShardInfo): number {
  return [...shard.vectorCounts.values()].reduce((sum, count) => sum + count, 0);
}

function shardTelemetry(collection: CollectionState, shard: ShardInfo, level: number): object {
  const segments = shard.segments;
  const total = (count: (segment: SegmentReport) => number) =>
    segments.reduce((sum, segment) => sum + count(segment), 0);
  const error = shard.optimizerError;
  return {
    variant_name: 'local shard',
    status: collectionStatus([shard]),
    total_optimized_points: total((one) => (one.kind === 'indexed' ? one.pointCount : 0)),
    vectors_size_bytes: total((one) => one.vectorBytes),
    payloads_size_bytes: total((one) => one.payloadBytes),
    num_points: shard.pointCount,
    num_vectors: vectorCount(shard),
    num_vectors_by_name: Object.fromEntries(shard.vectorCounts),
    ...(level >= 4
      ? { segments: segments.map((segment) => segmentTelemetry(collection, segment)) }
      : {}),
    optimizations: {
      status: error === null ? 'ok' : { error },
      optimizations: { count: shard.finishedOptimizations.length },
    },
    async_scorer: false,
    ...(level >= 4 ? { indexed_only_excluded_vectors: {} } : {}),
    update_queue: { length: shard.updateQueueLength, op_num: shard.operationId },
  };
}

function segmentTelemetry(collection: CollectionState, segment: SegmentReport): object {
  const configs = vectorConfigs(collection.config);
  const isIndexed = segment.kind === 'indexed';
  const vectorData = configs.map(({ name, dimension, distance, onDisk }) => [
    name,
    {
      size: dimension,
      distance,
      storage_type: onDisk ? 'Mmap' : 'InRamMmap',
      index: isIndexed
        ? { type: 'hnsw', options: collection.config.hnsw_config }
        : { type: 'plain', options: {} },
    },
  ]);
  const payloadStorage = collection.config.params.on_disk_payload ? 'mmap' : 'in_ram_mmap';
  return {
    info: {
      uuid: segment.uuid,
      segment_type: segment.kind,
      num_vectors: segment.pointCount,
      num_points: segment.pointCount,
      num_indexed_vectors: segment.indexedVectorCount,
      num_deleted_vectors: segment.deletedCount,
      vectors_size_bytes: segment.vectorBytes,
      payloads_size_bytes: segment.payloadBytes,
      ram_usage_bytes: segment.memoryBytes,
      disk_usage_bytes: segment.diskBytes,
      is_appendable: segment.appendable,
      index_schema: {},
      vector_data: {},
    },
    config: {
      vector_data: Object.fromEntries(vectorData) as object,
      payload_storage_type: { type: payloadStorage },
    },
    vector_index_searches: [],
    payload_field_indices: [],
  };
}

function configDocument(config: CollectionConfig): object {
  const { strict_mode_config, metadata, params, ...rest } = config;
  return {
    params: paramsDocument(params),
    ...rest,
    ...(strict_mode_config === undefined ? {} : { strict_mode_config: parsed(strict_mode_config) }),
    ...(metadata === undefined ? {} : { metadata: parsed(metadata) }),
  };
}

function paramsDocument(params: CollectionParams): object {
  const { vectors, ...rest } = params;
  const shown = 'single' in vectors ? vectors.single : Object.fromEntries(vectors.named);
  return { vectors: shown, ...rest };
}

function parsed(text: string): unknown {
  return JSON.parse(text) as unknown;
}
