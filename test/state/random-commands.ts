// Commands drawn at random, mostly ones that have to do with what there is: states reached by a
// long row of them are full of transfers, reshardings and replicas in every state.

import type { Prng } from '../../src/base/prng.ts';
import type { Command } from '../../src/cluster/commands.ts';
import { applyMembership, encodePeerData } from '../../src/cluster/membership-data.ts';
import { placeShards, replicaCounts } from '../../src/cluster/placement.ts';
import type {
  ClusterState,
  CollectionState,
  ReplicaState,
  ShardTransferKey,
} from '../../src/model/cluster-state.ts';
import { exampleConfig } from './examples.ts';

const names = ['a', 'b', '__proto__', 'ä "quoted"'];
const uuids = ['one', 'two', 'three'];
const keys = ['k', '1', 1n, 2n ** 63n] as const;
const states: readonly ReplicaState[] = [
  'Active',
  'Active',
  'Active',
  'Dead',
  'Dead',
  'Partial',
  'Initializing',
  'Listener',
  'Recovery',
  'PartialSnapshot',
  'Resharding',
  'ReshardingScaleDown',
  'ActiveRead',
  'ManualRecovery',
];
const methods = ['stream_records', 'snapshot', 'wal_delta', 'resharding_stream_records'] as const;

export class RandomCommands {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** Peers come more often than they go. */
  changeMembership(state: ClusterState): ClusterState {
    const kind = this.#below(3) === 0 ? 'remove' : 'add_learner';
    const peerId = BigInt(this.#below(5) + 1);
    const data = encodePeerData({ uri: `http://peer-${peerId}:6335/`, version: null });
    return applyMembership(state, { transition: 'auto', changes: [{ kind, peerId }] }, data);
  }

  next(state: ClusterState): Command {
    const collection =
      this.#below(12) === 0 ? undefined : this.#of([...state.collections.values()]);
    if (collection === undefined) return this.#create(state);
    const turn = this.#below(20);
    if (turn < 5) return this.#replica(state, collection);
    if (turn < 11) return this.#transfer(state, collection);
    if (turn < 15) return this.#sharding(state, collection);
    if (turn < 18) return this.#schema(collection);
    return this.#cluster();
  }

  #create(state: ClusterState): Command {
    const isCustom = this.#below(3) === 0;
    const shardNumber = this.#below(3) + 1;
    const placement = this.#placement(state, isCustom ? 0 : shardNumber);
    const name = this.#of(names);
    return {
      kind: 'create_collection',
      name: name ?? 'a',
      uuid: `${name}-${this.#below(1000)}`,
      config: exampleConfig(shardNumber, isCustom ? 'custom' : 'auto'),
      distribution: placement.map((peers, shardId) => [shardId, peers]),
      initialState: this.#below(3) === 0 ? 'Initializing' : 'Active',
      collectionCountMax: 3,
    };
  }

  #placement(state: ClusterState, shardCount: number): readonly (readonly bigint[])[] {
    const members = [...state.peers.keys()];
    return placeShards({
      peers: members.length === 0 ? [1n] : members,
      existing: replicaCounts(state),
      shardCount,
      replicationFactor: this.#below(3) + 1,
    });
  }

  #replica(state: ClusterState, collection: CollectionState): Command {
    const { shardId, peerId } = this.#copy(state, collection);
    if (this.#below(5) === 0) {
      const replicaRemovals = [{ shardId, peerId }];
      return { kind: 'update_collection', name: collection.name, patch: {}, replicaRemovals };
    }
    const current = collection.shards.get(shardId)?.replicas.get(peerId) ?? null;
    return {
      kind: 'set_replica_state',
      collection: collection.name,
      shardId,
      peerId,
      state: this.#of(states) ?? 'Active',
      fromState: [null, current, 'Dead' as const][this.#below(3)] ?? null,
    };
  }

  #copy(state: ClusterState, { shards }: CollectionState): { shardId: number; peerId: bigint } {
    const shardId = this.#below(8) === 0 ? this.#below(6) : (this.#of([...shards.keys()]) ?? 0);
    const holders = [...(shards.get(shardId)?.replicas.keys() ?? [])];
    const members = [...state.peers.keys()];
    const peerId = this.#below(3) === 0 ? this.#of(members) : this.#of(holders);
    return { shardId, peerId: peerId ?? BigInt(this.#below(6) + 1) };
  }

  #transfer(state: ClusterState, collection: CollectionState): Command {
    const running = this.#of(collection.transfers);
    if (running === undefined || this.#below(2) === 0) return this.#start(state, collection);
    const { shardId, toShardId, from, to } = running;
    const key: ShardTransferKey = { shardId, toShardId, from, to };
    const serial = [null, running.serial, running.serial, 0][this.#below(4)] ?? null;
    const about = { collection: collection.name, key, serial };
    switch (this.#below(4)) {
      case 0:
        return { kind: 'abort_transfer', ...about, reason: 'random' };
      case 1:
        return { kind: 'recovery_to_partial', ...about };
      case 2:
        return { kind: 'restart_transfer', ...about, method: this.#of(methods) ?? 'snapshot' };
      default:
        return { kind: 'finish_transfer', ...about };
    }
  }

  #start(state: ClusterState, collection: CollectionState): Command {
    const { resharding } = collection;
    const source = this.#copy(state, collection);
    const receiver = this.#copy(state, collection);
    const isResharding = resharding !== null && this.#below(2) === 0;
    const isInto = isResharding || this.#below(6) === 0;
    const target =
      isResharding && resharding.direction === 'up' ? resharding.shardId : receiver.shardId;
    const method = this.#of(methods.slice(0, 3)) ?? 'snapshot';
    return {
      kind: 'start_transfer',
      collection: collection.name,
      transfer: {
        shardId: source.shardId,
        toShardId: isInto ? target : null,
        from: source.peerId,
        to: receiver.peerId,
        sync: this.#below(2) === 0,
        method: isResharding ? 'resharding_stream_records' : isInto ? 'stream_records' : method,
        filter: isInto && !isResharding ? '{"must":[{"has_id":[9007199254740993]}]}' : null,
      },
    };
  }

  #sharding(state: ClusterState, collection: CollectionState): Command {
    const shardKey = this.#of(keys) ?? 'k';
    const { name, shards, resharding } = collection;
    switch (this.#below(5)) {
      case 0: {
        const placement = this.#placement(state, this.#below(3));
        const initialState = [null, 'Active' as const, 'Partial' as const][this.#below(3)] ?? null;
        return { kind: 'create_shard_key', collection: name, shardKey, placement, initialState };
      }
      case 1:
        return { kind: 'drop_shard_key', collection: name, shardKey };
      case 2: {
        const direction = this.#below(2) === 0 ? 'up' : 'down';
        const highest = Math.max(0, ...shards.keys());
        const key = {
          uuid: this.#of(uuids) ?? '',
          direction,
          peerId: this.#of([...state.peers.keys()]) ?? 1n,
          shardId: direction === 'up' ? highest + 1 : highest,
          shardKey: shards.get(highest)?.key ?? null,
        } as const;
        return { kind: 'start_resharding', collection: name, key };
      }
      default: {
        const kinds = [
          'commit_read_hash_ring',
          'commit_write_hash_ring',
          'finish_resharding',
          'abort_resharding',
        ] as const;
        const none = { uuid: '', direction: 'up', peerId: 1n, shardId: 0, shardKey: null } as const;
        const { uuid, direction, peerId, shardId, shardKey: ofKey } = resharding ?? none;
        const isOther = this.#below(6) === 0;
        const key = {
          uuid: isOther ? 'other' : uuid,
          direction,
          peerId,
          shardId,
          shardKey: ofKey,
        };
        return { kind: this.#of(kinds) ?? 'abort_resharding', collection: name, key };
      }
    }
  }

  #schema({ name }: CollectionState): Command {
    const other = this.#of(names) ?? 'a';
    switch (this.#below(9)) {
      case 0:
        return { kind: 'delete_collection', name };
      case 1:
        return {
          kind: 'create_payload_index',
          collection: name,
          field: other,
          schema: { dataType: 'integer', params: { type: 'integer', range: true } },
        };
      case 2:
        return { kind: 'delete_payload_index', collection: name, field: other };
      case 3:
        return {
          kind: 'create_named_vector',
          collection: name,
          vector: other,
          params: { size: this.#below(2) + 1, distance: 'Dot', datatype: 'float16' },
        };
      case 4:
        return { kind: 'delete_named_vector', collection: name, vector: other };
      case 5:
        return this.#patch(name);
      case 6:
        return { kind: 'change_aliases', actions: [{ kind: 'delete', alias: `x-${other}` }] };
      case 7:
        return {
          kind: 'change_aliases',
          actions: [{ kind: 'rename', from: `x-${other}`, to: `x-${name}` }],
        };
      default:
        return {
          kind: 'change_aliases',
          actions: [{ kind: 'create', alias: `x-${other}`, collection: name }],
        };
    }
  }

  #patch(name: string): Command {
    return {
      kind: 'update_collection',
      name,
      patch: {
        vectors: new Map([['', { on_disk: true, quantization_config: 'Disabled' }]]),
        optimizers: { deleted_threshold: 0.1, max_segment_size: null },
        params: { replication_factor: this.#below(3) + 1 },
        hnsw: { m: 8 },
        quantization: { scalar: { type: 'int8', always_ram: true } },
        metadata: `{"n":${this.#below(3)},"large":18446744073709551616}`,
      },
    };
  }

  #cluster(): Command {
    switch (this.#below(3)) {
      case 0: {
        const peerId = BigInt(this.#below(6) + 1);
        return { kind: 'update_peer_metadata', peerId, version: '1.18.3' };
      }
      case 1: {
        const value = this.#below(3) === 0 ? null : '{"n":12345678901234567890.0}';
        return { kind: 'update_cluster_metadata', key: this.#of(names) ?? 'a', value };
      }
      default:
        return { kind: 'nop', token: String(this.#below(100)) };
    }
  }

  #below(limit: number): number {
    return this.#prng.u32() % limit;
  }

  #of<Value>(values: readonly Value[]): Value | undefined {
    return values[this.#below(Math.max(1, values.length))];
  }
}
