// All replicas of one shard as one: reads go to as many of them as must agree, the own one first;
// writes go to all. Used where a shard is more than one local active replica; made for one request,
// from what is agreed at that moment. What is decided and why: replica-set.ts.

import { assert, unreachable } from '../base/assert.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, Timers } from '../io/ports.ts';
import type { CollectionParams } from '../model/collection-config.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import { isReadable } from '../model/replica-rules.ts';
import { errorPrefixes, RequestError } from '../model/request-error.ts';
import { updatesOnlyExisting } from '../model/update-codec.ts';
import type { ShardInfo } from '../shard/shard-info.ts';
import { refusedUpdate, type UpdateOutcome } from '../shard/update-outcome.ts';
import { askReplicas } from './ask-replicas.ts';
import type { FailedReplicas } from './failed-replicas.ts';
import type { PeerClient } from './peer-client.ts';
import { RemoteShard } from './remote-shard.ts';
import {
  decideWrite,
  isTransient,
  leaderOf,
  mayDisable,
  planRead,
  type ReadPlan,
  type ReplicaOutcome,
  type ReplicaSetView,
  updateTargets,
} from './replica-set.ts';
import { resolveAnswers } from './resolve-answers.ts';
import type { ReadConsistency, ShardAccess, WriteOptions, WriteOrdering } from './shard-access.ts';

type Ordered = Exclude<WriteOrdering, 'weak'>;

export interface ReplicatedShardPlace extends ReplicaSetView {
  /** Uuid of the collection. */
  readonly collection: string;
  readonly params: CollectionParams;
  /** The own replica, whatever its state; `null`: there is none, or it is not open. */
  readonly local: ShardAccess | null;
}

export interface ReplicatedShardParts {
  readonly client: PeerClient;
  readonly failed: FailedReplicas;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly shuffle: (peers: PeerId[]) => readonly PeerId[];
  /** One after the other for each shard. */
  readonly inTurn: <Result>(shard: string, action: () => Promise<Result>) => Promise<Result>;
  /** To the thread of this peer that leads the shard; `null`: this one does. */
  readonly leadElsewhere: (
    collection: string,
    shardId: number,
  ) => ((record: Uint8Array, options: WriteOptions) => Promise<UpdateOutcome>) | null;
}

/** A read that has no answer by then asks one more replica. */
const hedgeMs = 250;
const agreementMs = 30_000;

export class ReplicatedShard implements ShardAccess {
  readonly #place: ReplicatedShardPlace;
  readonly #parts: ReplicatedShardParts;

  constructor(place: ReplicatedShardPlace, parts: ReplicatedShardParts) {
    this.#place = place;
    this.#parts = parts;
  }

  // --- reads

  read(
    request: ShardReadRequest,
    timeoutMs: number,
    consistency: ReadConsistency = 1,
  ): Promise<ShardReadAnswer> {
    const local = consistency === 1 ? this.#readableLocal() : null;
    if (local === null) return this.#readPlanned(request, timeoutMs, consistency);
    // What most reads are: as if there were no other replica, unless this one fails.
    return local.read(request, timeoutMs).catch((error: unknown) => {
      if (!(error instanceof RequestError) || !isTransient(error.code)) throw error;
      if (error.code === 'timeout') throw error;
      return this.#readPlanned(request, timeoutMs, consistency);
    });
  }

  /** The own replica if it alone is asked at first. */
  #readableLocal(): ShardAccess | null {
    const { local, ownPeerId, replicas, disabled, params } = this.#place;
    const state = replicas.get(ownPeerId);
    if (state === undefined || !isReadable(state) || disabled.has(ownPeerId)) return null;
    const asksMore = (params.read_fan_out_factor ?? 0) + (params.read_fan_out_delay_ms ?? 0) > 0;
    return asksMore ? null : local;
  }

  async #readPlanned(
    request: ShardReadRequest,
    timeoutMs: number,
    consistency: ReadConsistency,
  ): Promise<ShardReadAnswer> {
    const plan = planRead(this.#place, consistency, this.#parts.shuffle);
    if (plan.kind === 'empty') return emptyAnswer(request);
    const deadlineMs = this.#parts.clock.monotonicMs() + timeoutMs;
    const answers = await this.#ask(plan, (shard) => {
      const leftMs = Math.max(1, deadlineMs - this.#parts.clock.monotonicMs());
      return shard.read(request, leftMs);
    });
    return resolveAnswers(request, answers, plan.kind === 'ask' ? plan.kept : 1);
  }

  async info(): Promise<ShardInfo> {
    const plan = planRead(this.#place, 1, this.#parts.shuffle);
    if (plan.kind === 'empty') {
      const { shardId, ownPeerId } = this.#place;
      const text = `The replica set for shard ${shardId} on peer ${ownPeerId} has no active replica`;
      throw new RequestError('internal', text);
    }
    const [info] = await this.#ask(plan, (shard) => shard.info());
    assert(info !== undefined, 'one answer was asked for');
    return info;
  }

  #ask<Answer>(
    plan: Exclude<ReadPlan, { kind: 'empty' }>,
    ask: (shard: ShardAccess) => Promise<Answer>,
  ): Promise<readonly Answer[]> {
    if (plan.kind === 'refused') throw new RequestError('internal', plan.message);
    const { params } = this.#place;
    const delayMs = params.read_fan_out_delay_ms ?? 0;
    return askReplicas(
      {
        peers: plan.peers,
        required: plan.required,
        extraCount: params.read_fan_out_factor ?? 0,
        hedgeMs: delayMs > 0 ? delayMs : hedgeMs,
      },
      (peerId) => ask(this.#replica(peerId)),
      this.#parts.timers,
    );
  }

  #replica(peerId: PeerId): ShardAccess {
    const { ownPeerId, local, collection, shardId } = this.#place;
    if (peerId !== ownPeerId) {
      return new RemoteShard({ peerId, collection, shardId }, this.#parts.client);
    }
    if (local !== null) return local;
    throw new RequestError('unavailable', `shard ${shardId} is being opened or closed`);
  }

  // --- writes

  update(record: Uint8Array, options: WriteOptions): Promise<UpdateOutcome> {
    const { ordering = 'weak' } = options;
    return ordering === 'weak'
      ? this.#fanOut(record, options)
      : this.#ordered(record, options, ordering);
  }

  /** As the leader: one at a time, in an order that is then the same for all replicas. */
  lead(record: Uint8Array, options: WriteOptions): Promise<UpdateOutcome> {
    const { collection, shardId } = this.#place;
    const elsewhere = this.#parts.leadElsewhere(collection, shardId);
    if (elsewhere !== null) return elsewhere(record, options);
    return this.#parts.inTurn(`${collection}/${shardId}`, () => this.#fanOut(record, options));
  }

  async #ordered(
    record: Uint8Array,
    options: WriteOptions,
    ordering: Ordered,
  ): Promise<UpdateOutcome> {
    const { ownPeerId, collection, shardId } = this.#place;
    const leader = leaderOf(this.#place, ordering);
    const name = ordering === 'medium' ? 'Medium' : 'Strong';
    const failure = `Failed to apply update with ${name} ordering`;
    if (leader === null) return failed(`${failure} because no leader could be selected`);
    if (leader === ownPeerId) return this.lead(record, options);
    const shard = new RemoteShard({ peerId: leader, collection, shardId }, this.#parts.client);
    const outcome = await shard.update(record, options);
    if (outcome.status !== 'failed' || !isTransient(outcome.code)) return outcome;
    void this.#deactivate([leader], 0);
    const reason = errorPrefixes[outcome.code] + outcome.message;
    return failed(`${failure} via leader peer ${leader}: ${reason}`);
  }

  async #fanOut(record: Uint8Array, options: WriteOptions): Promise<UpdateOutcome> {
    const { shardId, ownPeerId, params } = this.#place;
    const targets = updateTargets(this.#place);
    if (targets.length === 0) {
      return failed(
        `The replica set for shard ${shardId} on peer ${ownPeerId} has no active replica`,
      );
    }
    const isUpdateOnly = updatesOnlyExisting(record);
    const { wait, timeoutMs } = options;
    const outcomes = await this.#sendTo(targets, record, { wait, timeoutMs });
    const { outcome, deactivated, mustAgree } = decideWrite(this.#place, outcomes, {
      writeConsistencyFactor: params.write_consistency_factor,
      isUpdateOnly,
    });
    if (deactivated.length === 0) return outcome;
    const isAgreed = await this.#deactivate(deactivated, mustAgree ? agreementMs : 0);
    if (isAgreed || !mustAgree) return outcome;
    return failed(
      `Some replica of shard ${shardId} failed to apply operation and deactivation timed out ` +
        `after ${agreementMs / 1000} seconds. Consistency of this update is not guaranteed. ` +
        'Please retry.',
    );
  }

  /** The own replica comes last, because the record is its own afterwards. */
  #sendTo(
    targets: readonly PeerId[],
    record: Uint8Array,
    options: WriteOptions,
  ): Promise<readonly ReplicaOutcome[]> {
    const { ownPeerId, replicas } = this.#place;
    const send = async (peerId: PeerId): Promise<ReplicaOutcome> => {
      const wait = options.wait && replicas.get(peerId) !== 'Listener';
      return { peerId, outcome: await this.#updateOne(peerId, record, { ...options, wait }) };
    };
    const sent = targets.filter((peerId) => peerId !== ownPeerId).map(send);
    if (targets.includes(ownPeerId)) sent.push(send(ownPeerId));
    return Promise.all(sent);
  }

  async #updateOne(
    peerId: PeerId,
    record: Uint8Array,
    options: WriteOptions,
  ): Promise<UpdateOutcome> {
    try {
      return await this.#replica(peerId).update(record, options);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return refusedUpdate(error.code, error.message);
    }
  }

  /** True once the cluster has agreed on all of them. */
  async #deactivate(peers: readonly PeerId[], waitMs: number): Promise<boolean> {
    const { collection, shardId, replicas } = this.#place;
    const agreed = peers.map((peerId): Promise<boolean> => {
      const state = replicas.get(peerId);
      const isKept = state === undefined || !mayDisable(this.#place, peerId);
      if (isKept) return Promise.resolve(false);
      return this.#parts.failed.deactivate({ collection, shardId, peerId }, state, waitMs);
    });
    return (await Promise.all(agreed)).every((isAgreed) => isAgreed);
  }
}

function failed(message: string): UpdateOutcome {
  return refusedUpdate('internal', message);
}

function emptyAnswer(request: ShardReadRequest): ShardReadAnswer {
  switch (request.kind) {
    case 'search':
      return { kind: 'search', hits: request.tasks.map(() => []) };
    case 'scroll':
    case 'ordered_scroll':
    case 'retrieve':
      return { kind: request.kind, records: [] };
    case 'count':
      return { kind: 'count', count: 0 };
    default:
      return unreachable(request);
  }
}
