// The replicas of one shard on several peers in one thread: naive shards behind the real decisions,
// the real bytes between them, and peers that can be down. What the cluster agrees on is a map.

import type { PeerId } from '../../src/base/ids.ts';
import { FailedReplicas } from '../../src/collection/failed-replicas.ts';
import { PeerCallError, type PeerClient } from '../../src/collection/peer-client.ts';
import { RemoteShard } from '../../src/collection/remote-shard.ts';
import { ReplicatedShard } from '../../src/collection/replicated-shard.ts';
import { serveShardCall } from '../../src/collection/serve-shard-call.ts';
import type { ShardAccess } from '../../src/collection/shard-access.ts';
import type { ReplicaState } from '../../src/model/cluster-state.ts';
import type { CollectionParams, VectorConfig } from '../../src/model/collection-config.ts';
import { FakeTimers } from '../model/shard-harness.ts';
import { NaiveShard } from './naive-shard.ts';

const collection = '11111111-0000-4000-8000-000000000000';
const shardId = 0;
const vector: VectorConfig = {
  name: '',
  dimension: 2,
  distance: 'Dot',
  datatype: 'float32',
  onDisk: false,
  hnsw: { m: 16, efConstruct: 100, fullScanThresholdKb: 10_000, payloadM: 16 },
};
const params: CollectionParams = {
  vectors: { single: { size: 2, distance: 'Dot' } },
  shard_number: 1,
  replication_factor: 3,
  write_consistency_factor: 1,
  on_disk_payload: true,
};

export class FakeReplicas {
  /** What all peers agree on; peer ids are 1, 2, 3 and so on. */
  readonly states: Map<PeerId, ReplicaState>;
  /** Nobody reaches them. */
  readonly down = new Set<PeerId>();
  /** Their own replica is not open. */
  readonly closed = new Set<PeerId>();
  /** `<from> -> <to>`. */
  readonly calls: string[] = [];
  /** False: proposals come to nothing. */
  hasLeader = true;
  readonly #timers = new FakeTimers();
  readonly #shards = new Map<PeerId, NaiveShard>();
  readonly #failed = new Map<PeerId, FailedReplicas>();

  constructor(states: readonly ReplicaState[]) {
    this.states = new Map(states.map((state, index) => [BigInt(index + 1), state]));
    for (const peerId of this.states.keys()) {
      const sources = { vectors: () => [vector], schema: () => new Map() };
      this.#shards.set(peerId, new NaiveShard(sources));
      this.#failed.set(peerId, this.#createFailed());
    }
  }

  local(peerId: PeerId): ShardAccess {
    const shard = this.#shards.get(peerId);
    if (shard === undefined) throw new Error(`peer ${peerId} has no replica`);
    return shard;
  }

  remote(from: PeerId, peerId: PeerId): ShardAccess {
    return new RemoteShard({ peerId, collection, shardId }, this.#client(from));
  }

  /** As this peer sees it now. */
  shard(ownPeerId: PeerId): ReplicatedShard {
    const failed = this.#failed.get(ownPeerId) ?? this.#createFailed();
    const replicas = new Map(this.states);
    return new ReplicatedShard(
      {
        collection,
        shardId,
        ownPeerId,
        replicas,
        disabled: failed.of(collection, shardId, replicas),
        params,
        local: this.closed.has(ownPeerId) ? null : this.local(ownPeerId),
      },
      {
        client: this.#client(ownPeerId),
        failed,
        clock: { nowMs: () => this.#timers.nowMs, monotonicMs: () => this.#timers.nowMs },
        timers: this.#timers,
        shuffle: (peers) => peers,
        inTurn: (_key, action) => action(),
        leadElsewhere: () => null,
      },
    );
  }

  /** All timers fire, again and again, until `action` is done, and a few times at least. */
  async passTime(action: Promise<unknown>): Promise<void> {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    action.then(end, end);
    for (let rounds = 0; rounds < 5 || !isDone; rounds += 1) {
      for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
      this.#timers.advance(1_000);
    }
    for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
  }

  #client(from: PeerId): PeerClient {
    return {
      call: async ({ peerId }, _effect, data) => {
        this.calls.push(`${from} -> ${peerId}`);
        await Promise.resolve();
        if (this.down.has(peerId)) throw new PeerCallError('it is down');
        return serveShardCall(data, {
          shardId,
          state: this.states.get(peerId) ?? null,
          local: this.#shards.get(peerId) ?? null,
          lead: (record, options) => this.shard(peerId).lead(record, options),
          receive: () => Promise.reject(new Error('nothing is transferred here')),
        });
      },
    };
  }

  #createFailed(): FailedReplicas {
    return new FailedReplicas({
      timers: this.#timers,
      stateOf: ({ peerId }) => this.states.get(peerId) ?? null,
      proposeDead: ({ peerId }, fromState) => {
        if (!this.hasLeader) return Promise.reject(new Error('no leader'));
        if (fromState !== null && this.states.get(peerId) !== fromState) {
          return Promise.resolve(false);
        }
        this.states.set(peerId, 'Dead');
        return Promise.resolve(true);
      },
    });
  }
}
