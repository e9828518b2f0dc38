// The shards of a peer of a cluster as one of its worker threads sees them: requests of clients go
// to all replicas of a shard, calls of other peers to the own one. A shard that is one local active
// replica is used as it is, without anything in between.

import type { PeerId } from '../../base/ids.ts';
import { Prng } from '../../base/prng.ts';
import { isSameReplica, receiverOf } from '../../cluster/replica-edits.ts';
import { FailedReplicas, type ReplicaName } from '../../collection/failed-replicas.ts';
import { MovingShard } from '../../collection/moving-shard.ts';
import type { PeerClient } from '../../collection/peer-client.ts';
import { ReplicatedShard, type ReplicatedShardParts } from '../../collection/replicated-shard.ts';
import { serveShardCall } from '../../collection/serve-shard-call.ts';
import type { ShardAccess, WriteOptions } from '../../collection/shard-access.ts';
import { type ReceivingReplica, TransferReceiver } from '../../collection/transfer/receiver.ts';
import type { Clock, Random, Timers } from '../../io/ports.ts';
import type { CollectionState, ReplicaState } from '../../model/cluster-state.ts';
import { takesForcedUpdates } from '../../model/replica-rules.ts';
import { RequestError } from '../../model/request-error.ts';
import type { UpdateOutcome } from '../../shard/update-outcome.ts';
import type { Engine } from '../engine.ts';
import { InTurn } from './in-turn.ts';

export interface PeerShardsPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly client: PeerClient;
  /** By uuid. */
  readonly collection: (uuid: string) => CollectionState | undefined;
  /** The own replica, whatever its state, if it is open. */
  readonly local: (uuid: string, shardId: number) => ShardAccess | undefined;
  readonly propose: Engine['propose'];
  /** To the thread that owns the own replica of a shard; `null`: this one, or there is none. */
  readonly leadElsewhere: ReplicatedShardParts['leadElsewhere'];
}

const proposalMs = 10_000;
const giveUpMs = 30_000;
const giveUpTriesMax = 3;

export class PeerShards {
  readonly #ownPeerId: PeerId;
  readonly #ports: PeerShardsPorts;
  readonly #failed: FailedReplicas;
  readonly #parts: ReplicatedShardParts;
  readonly #turns = new InTurn();
  readonly #receiver = new TransferReceiver();

  constructor(ownPeerId: PeerId, ports: PeerShardsPorts) {
    this.#ownPeerId = ownPeerId;
    this.#ports = ports;
    this.#failed = new FailedReplicas({
      timers: ports.timers,
      stateOf: (replica) => this.#stateOf(replica),
      proposeDead: (replica, fromState) => this.#proposeDead(replica, fromState),
    });
    const { client, clock, timers, leadElsewhere } = ports;
    const prng = new Prng(ports.random.uint32());
    this.#parts = {
      client,
      clock,
      timers,
      failed: this.#failed,
      shuffle: (peers) => prng.shuffle(peers),
      inTurn: (key, action) => this.#turns.run(key, action),
      leadElsewhere,
    };
  }

  access(uuid: string, shardId: number): ShardAccess {
    const collection = this.#ports.collection(uuid);
    if (collection !== undefined && isInTransfer(collection, shardId)) {
      return this.#moving(uuid, shardId);
    }
    const replicas = collection?.shards.get(shardId)?.replicas;
    if (replicas?.size === 1 && replicas.get(this.#ownPeerId) === 'Active') {
      const local = this.#ports.local(uuid, shardId);
      if (local !== undefined) return local;
    }
    return this.#replicated(uuid, shardId);
  }

  /** What another peer asks of the replica here. */
  serve(uuid: string, shardId: number, data: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const replicas = this.#ports.collection(uuid)?.shards.get(shardId)?.replicas;
    return serveShardCall(data, {
      shardId,
      state: replicas?.get(this.#ownPeerId) ?? null,
      local: this.#ports.local(uuid, shardId) ?? null,
      lead: (record, options) => this.lead({ uuid, shardId }, record, options),
      receive: (step) =>
        this.#receiver.take(`${uuid}/${shardId}`, step, this.#receiving(uuid, shardId)),
    });
  }

  /** The own replica as the receiver of a transfer, as it is at each moment. */
  #receiving(uuid: string, shardId: number): ReceivingReplica {
    const { collection: find, local } = this.#ports;
    const state = () => find(uuid)?.shards.get(shardId)?.replicas.get(this.#ownPeerId) ?? null;
    return {
      expects: (serial) => {
        const transfer = find(uuid)?.transfers.find((one) => one.serial === serial);
        const current = state();
        return (
          transfer !== undefined &&
          isSameReplica(receiverOf(transfer), { shardId, peerId: this.#ownPeerId }) &&
          current !== null &&
          takesForcedUpdates(current)
        );
      },
      takesUpdates: () => takesForcedUpdates(state() ?? 'Dead'),
      local: () => local(uuid, shardId) ?? null,
    };
  }

  /**
   * The receiver of a transfer lacks an update: true once the cluster has agreed that it is dead or
   * gone. Its state may change on the way, by the end of the transfer.
   */
  async giveUpReceiver(replica: ReplicaName): Promise<boolean> {
    for (let tries = 0; tries < giveUpTriesMax; tries += 1) {
      const state = this.#stateOf(replica);
      if (state === null || state === 'Dead') return true;
      if (!(await this.#failed.deactivate(replica, state, giveUpMs))) return false;
    }
    return false;
  }

  async lead(
    shard: { readonly uuid: string; readonly shardId: number },
    record: Uint8Array,
    options: WriteOptions,
  ): Promise<UpdateOutcome> {
    const { uuid, shardId } = shard;
    const collection = this.#ports.collection(uuid);
    if (collection === undefined || !isInTransfer(collection, shardId)) {
      return this.#replicated(uuid, shardId).lead(record, options);
    }
    return this.#moving(uuid, shardId).lead(record, options);
  }

  #moving(uuid: string, shardId: number): MovingShard {
    return new MovingShard({
      timers: this.#ports.timers,
      replicas: () => this.#ports.collection(uuid)?.shards.get(shardId)?.replicas ?? new Map(),
      shard: () => this.#replicated(uuid, shardId),
    });
  }

  #replicated(uuid: string, shardId: number): ReplicatedShard {
    const collection = this.#ports.collection(uuid);
    const replicas = collection?.shards.get(shardId)?.replicas;
    if (collection === undefined || replicas === undefined) {
      throw new RequestError('unavailable', `shard ${shardId} is being opened or closed`);
    }
    return new ReplicatedShard(
      {
        collection: uuid,
        shardId,
        ownPeerId: this.#ownPeerId,
        replicas,
        disabled: this.#failed.of(uuid, shardId, replicas),
        params: collection.config.params,
        local: this.#ports.local(uuid, shardId) ?? null,
      },
      this.#parts,
    );
  }

  #stateOf({ collection, shardId, peerId }: ReplicaName): ReplicaState | null {
    return this.#ports.collection(collection)?.shards.get(shardId)?.replicas.get(peerId) ?? null;
  }

  /** A refusal is an answer: the state is another one by now, or the replica is the last one. */
  async #proposeDead(replica: ReplicaName, fromState: ReplicaState | null): Promise<boolean> {
    const { collection: uuid, shardId, peerId } = replica;
    const collection = this.#ports.collection(uuid);
    if (collection === undefined) return true;
    try {
      await this.#ports.propose(
        {
          kind: 'set_replica_state',
          collection: collection.name,
          shardId,
          peerId,
          state: 'Dead',
          fromState,
        },
        proposalMs,
      );
      return true;
    } catch (error) {
      if (error instanceof RequestError && error.code === 'wrong_input') return false;
      throw error;
    }
  }
}

function isInTransfer({ transfers }: CollectionState, shardId: number): boolean {
  return transfers.some((one) => one.shardId === shardId || one.toShardId === shardId);
}
