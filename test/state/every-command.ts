// One command of every kind, with everything that can be in it: for golden bytes and the codec.

import type { Command } from '../../src/cluster/commands.ts';
import type { ReshardingKey, ShardTransferKey } from '../../src/model/cluster-state.ts';
import { createCommand, exampleConfig } from './examples.ts';

const collection = 'ä "quoted" \u0000';
const transfer: ShardTransferKey = { shardId: 1, toShardId: 2, from: 2n ** 64n - 1n, to: 7n };
const plainTransfer: ShardTransferKey = { ...transfer, toShardId: null };
const resharding: ReshardingKey = {
  uuid: 'b4c1f6c8-0000-4000-8000-000000000001',
  direction: 'up',
  peerId: 9007199254740993n,
  shardId: 2,
  shardKey: 18446744073709551615n,
};

export const everyCommand: Readonly<Record<Command['kind'], Command>> = {
  create_collection: {
    ...createCommand('__proto__', [
      [0, [1n, 9007199254740993n]],
      [1, [1n]],
    ]),
    config: {
      ...exampleConfig(2),
      params: {
        ...exampleConfig(2).params,
        vectors: {
          named: new Map([
            ['text', { size: 3, distance: 'Cosine', hnsw_config: { m: 0, payload_m: 16 } }],
            [
              '',
              {
                size: 65_536,
                distance: 'Euclid',
                on_disk: true,
                datatype: 'float16',
                quantization_config: { binary: { always_ram: true } },
              },
            ],
          ]),
        },
        sharding_method: 'auto',
        read_fan_out_factor: 0,
        read_fan_out_delay_ms: 5,
      },
      quantization_config: { scalar: { type: 'int8', quantile: 0.99 } },
      strict_mode_config: '{"enabled":false}',
      metadata: '{"n":9007199254740993,"f":3.0}',
    },
    initialState: 'Initializing',
    collectionCountMax: 1000,
  },
  update_collection: {
    kind: 'update_collection',
    name: collection,
    patch: {
      vectors: new Map([
        ['text', { hnsw_config: { m: 8 }, quantization_config: 'Disabled', on_disk: false }],
        ['', { quantization_config: { scalar: { type: 'int8' } } }],
      ]),
      optimizers: { deleted_threshold: 0.125, max_segment_size: null, prevent_unoptimized: true },
      params: { replication_factor: 2, write_consistency_factor: 2, on_disk_payload: false },
      hnsw: { ef_construct: 64, inline_storage: true },
      quantization: 'Disabled',
      strictMode: '{"enabled":true}',
      metadata: '{"k":null}',
    },
    replicaRemovals: [{ shardId: 0, peerId: 3n }],
  },
  delete_collection: { kind: 'delete_collection', name: collection },
  change_aliases: {
    kind: 'change_aliases',
    actions: [
      { kind: 'create', alias: '__proto__', collection },
      { kind: 'delete', alias: 'old' },
      { kind: 'rename', from: 'a', to: 'b' },
    ],
  },
  create_payload_index: {
    kind: 'create_payload_index',
    collection,
    field: 'a.b[].c',
    schema: { dataType: 'integer', params: { type: 'integer', lookup: null, range: true } },
  },
  delete_payload_index: { kind: 'delete_payload_index', collection, field: '__proto__' },
  create_named_vector: {
    kind: 'create_named_vector',
    collection,
    vector: 'more',
    params: { size: 8, distance: 'Manhattan', datatype: 'uint8' },
  },
  delete_named_vector: { kind: 'delete_named_vector', collection, vector: 'more' },
  set_replica_state: {
    kind: 'set_replica_state',
    collection,
    shardId: 4_294_967_295,
    peerId: 1n,
    state: 'Dead',
    fromState: 'ActiveRead',
  },
  start_transfer: {
    kind: 'start_transfer',
    collection,
    transfer: { ...transfer, sync: true, method: 'stream_records', filter: '{"must":[]}' },
  },
  restart_transfer: {
    kind: 'restart_transfer',
    collection,
    key: plainTransfer,
    serial: 12,
    method: 'snapshot',
  },
  finish_transfer: { kind: 'finish_transfer', collection, key: plainTransfer, serial: null },
  recovery_to_partial: { kind: 'recovery_to_partial', collection, key: plainTransfer, serial: 12 },
  abort_transfer: {
    kind: 'abort_transfer',
    collection,
    key: transfer,
    serial: 12,
    reason: 'transmission failed',
  },
  start_resharding: { kind: 'start_resharding', collection, key: resharding },
  commit_read_hash_ring: {
    kind: 'commit_read_hash_ring',
    collection,
    key: { ...resharding, shardKey: '18446744073709551615' },
  },
  commit_write_hash_ring: {
    kind: 'commit_write_hash_ring',
    collection,
    key: { ...resharding, direction: 'down', shardKey: null },
  },
  finish_resharding: { kind: 'finish_resharding', collection, key: resharding },
  abort_resharding: { kind: 'abort_resharding', collection, key: resharding },
  create_shard_key: {
    kind: 'create_shard_key',
    collection,
    shardKey: '__proto__',
    placement: [[1n, 2n], [3n]],
    initialState: 'Partial',
  },
  drop_shard_key: { kind: 'drop_shard_key', collection, shardKey: 0n },
  update_peer_metadata: { kind: 'update_peer_metadata', peerId: 1n, version: '1.18.3' },
  update_cluster_metadata: {
    kind: 'update_cluster_metadata',
    key: 'limits',
    value: '[1,2.50,null,18446744073709551616]',
  },
  nop: { kind: 'nop', token: 'b4c1f6c8' },
};
