// Everything about transfers of shards on one peer that is not a request: the keeper of those whose
// source is here, and, whenever consensus has been quiet for a while, the recovery of own dead
// replicas and another look at what should have been agreed by now.

import type { LogIndex, PeerId } from '../base/ids.ts';
import type { ClusterNode } from '../cluster/cluster-node.ts';
import type { Command } from '../cluster/commands.ts';
import type { PeerNetwork } from '../cluster/peer-network.ts';
import type { TransferProgress } from '../collection/transfer/driver.ts';
import type { Clock, Logger, TimerHandle, Timers } from '../io/ports.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import { planRecovery, type TransferLimits } from './recovery-plan.ts';
import type { ThreadHost } from './threads/thread-host.ts';
import { TransferKeeper } from './transfer-keeper.ts';

export interface ClusterTransfersPorts {
  readonly node: ClusterNode;
  readonly network: PeerNetwork;
  readonly host: ThreadHost;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** Rejects when nothing came of it. */
  readonly propose: (command: Command) => Promise<void>;
  readonly seenEverywhere: (timeoutMs: number) => Promise<void>;
  /** The state that this peer's shards are in; `null`: they are not as agreed yet. */
  readonly settledState: () => ClusterState | null;
}

const tickMs = 200;
/** Consensus is quiet when nothing was applied for so many ticks. */
const quietTickCount = 2;
const seenEverywhereMs = 10_000;
const healthMs = 1_000;
const restMsMin = 1_000;
const restMsMax = 30_000;
const forgetMs = 120_000;

export class ClusterTransfers {
  readonly #ports: ClusterTransfersPorts;
  readonly #limits: TransferLimits | null;
  readonly #keeper: TransferKeeper;
  #timer: TimerHandle | null = null;
  #lastIndex: LogIndex = 0;
  #quietCount = 0;
  /** Own replicas whose recovery was asked for, by `<uuid>/<shard id>`. */
  readonly #asked = new Map<string, { readonly atMs: number; readonly restMs: number }>();
  #isStopped = false;

  /** `limits` of automatic recovery; `null`: there is none. */
  constructor(limits: TransferLimits | null, ports: ClusterTransfersPorts) {
    const { host, node, log } = ports;
    this.#ports = ports;
    this.#limits = limits;
    this.#keeper = new TransferKeeper(node.peerId, {
      start: ({ uuid }, { shardId, to, serial }) =>
        host.startTransfer({ collection: uuid, shardId, to, serial }),
      stop: (uuid, { shardId, to, serial }, isFinished) =>
        host.stopTransfer({ collection: uuid, shardId, to, serial }, isFinished),
      propose: ports.propose,
      seenEverywhere: () => ports.seenEverywhere(seenEverywhereMs),
      clock: ports.clock,
      log,
    });
  }

  /** With the state that this process finds. */
  begin(state: ClusterState): void {
    this.#keeper.begin(state);
    this.#next();
  }

  /** The shards here are as this state says. */
  look(state: ClusterState): void {
    if (!this.#isStopped) this.#keeper.look(state);
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) this.#ports.timers.clear(this.#timer);
  }

  tell(key: string, progress: TransferProgress): void {
    this.#keeper.tell(key, progress);
  }

  /** By uuid of the collection and serial. */
  comments(): ReadonlyMap<string, string> {
    return this.#keeper.comments();
  }

  #next(): void {
    if (this.#isStopped) return;
    this.#timer = this.#ports.timers.setTimeout(() => {
      this.#tick()
        .catch((error: unknown) => {
          this.#ports.log.warn('a dead replica could not be recovered yet', {
            error: String(error),
          });
        })
        .finally(() => this.#next());
    }, tickMs);
  }

  async #tick(): Promise<void> {
    const { node, settledState } = this.#ports;
    const state = settledState();
    const isQuiet = node.appliedIndex === this.#lastIndex && state !== null;
    this.#lastIndex = node.appliedIndex;
    this.#quietCount = isQuiet ? this.#quietCount + 1 : 0;
    if (state === null || this.#quietCount < quietTickCount) return;
    const { leader, pendingOperations } = node.status();
    if ((leader ?? 0n) === 0n || pendingOperations > 0) return;
    this.#quietCount = 0;
    this.look(state);
    await this.#recover(state);
  }

  async #recover(state: ClusterState): Promise<void> {
    const limits = this.#limits;
    if (limits === null || !hasDead(state, this.#ports.node.peerId)) return;
    const healthy = await this.#healthyPeers(state);
    const own = { peerId: this.#ports.node.peerId, limits };
    const commands = planRecovery(state, own, {
      isReachable: (peerId) => healthy.has(peerId),
      isResting: (uuid, shardId) => this.#isResting(`${uuid}/${shardId}`),
    });
    for (const command of commands) {
      const { collection, transfer } = command;
      const uuid = state.collections.get(collection)?.uuid ?? '';
      this.#noteAsked(`${uuid}/${transfer.shardId}`);
      this.#ports.log.info('Asking for the recovery of a dead replica', {
        collection,
        shard: transfer.shardId,
        from: String(transfer.from),
      });
      await this.#ports.propose(command);
    }
  }

  #isResting(shard: string): boolean {
    const asked = this.#asked.get(shard);
    return asked !== undefined && this.#ports.clock.monotonicMs() < asked.atMs + asked.restMs;
  }

  /** What fails again and again is asked for more and more rarely. */
  #noteAsked(shard: string): void {
    const atMs = this.#ports.clock.monotonicMs();
    for (const [key, { atMs: lastMs }] of this.#asked) {
      if (atMs > lastMs + forgetMs) this.#asked.delete(key);
    }
    const restMs = Math.min(restMsMax, (this.#asked.get(shard)?.restMs ?? restMsMin / 2) * 2);
    this.#asked.set(shard, { atMs, restMs });
  }

  async #healthyPeers({ peers }: ClusterState): Promise<ReadonlySet<PeerId>> {
    const { node, network } = this.#ports;
    const healthy = new Set<PeerId>();
    const ask = async (peerId: PeerId): Promise<void> => {
      await network.call({ peerId }, { kind: 'health' }, healthMs);
      healthy.add(peerId);
    };
    const others = [...peers.keys()].filter((peerId) => peerId !== node.peerId);
    await Promise.allSettled(others.map(ask));
    return healthy;
  }
}

function hasDead({ collections }: ClusterState, ownPeerId: PeerId): boolean {
  for (const { shards } of collections.values()) {
    for (const { replicas } of shards.values()) {
      if (replicas.get(ownPeerId) === 'Dead') return true;
    }
  }
  return false;
}
