// When a peer is ready for traffic after its start. Evaluated in the background, once; whoever is
// ready stays it, whatever fails later.

import type { LogIndex, PeerId } from '../base/ids.ts';
import type { ClusterNode } from '../cluster/cluster-node.ts';
import type { PeerNetwork } from '../cluster/peer-network.ts';
import { Waiters } from '../cluster/waiters.ts';
import type { Timers } from '../io/ports.ts';
import { within } from '../io/waiting.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import { isHealthy } from '../model/replica-rules.ts';

export interface ReadinessParts {
  readonly node: ClusterNode;
  readonly network: PeerNetwork;
  readonly timers: Timers;
  /** True once everything up to this index is carried out here. */
  readonly installed: (index: LogIndex, timeoutMs: number) => Promise<boolean>;
  readonly isStopped: () => boolean;
}

const askMs = 1_000;
const patienceMs = 1_000;

export class ClusterReadiness {
  readonly #parts: ReadinessParts;
  #isReady = false;
  readonly #waiters: Waiters;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
    this.#waiters = new Waiters(parts.timers);
  }

  begin(): void {
    this.#evaluate().then(
      () => {
        this.#isReady = true;
        this.#waiters.poke();
      },
      () => undefined,
    );
  }

  async within(timeoutMs: number): Promise<boolean> {
    return (await this.#waiters.until(() => (this.#isReady ? true : null), timeoutMs)) ?? false;
  }

  /** Resolves when ready. */
  async #evaluate(): Promise<void> {
    const { node, installed } = this.#parts;
    // Who joins knows others once it has the cluster's state.
    const isSettled = () => node.state().clusterId !== null && node.state().peers.size > 0;
    await this.#until(isSettled);
    if (node.state().peers.size > 1) {
      for (;;) {
        const index = await this.#newestCommit();
        if (index === null || (await installed(index, patienceMs))) break;
        this.#stopIfStopped();
      }
    }
    const ill = unhealthyReplicas(node.state(), node.peerId);
    const seen = new Set<string>();
    await this.#until(() => {
      const now = unhealthyReplicas(node.state(), node.peerId);
      for (const key of ill) if (!now.has(key)) seen.add(key);
      return seen.size === ill.size;
    });
  }

  /** What at least half of the others say is the newest; `null` when nobody answers. */
  async #newestCommit(): Promise<LogIndex | null> {
    const { node, network } = this.#parts;
    const others = [...node.state().peers.keys()].filter((id) => id !== node.peerId);
    const answers = await Promise.allSettled(
      others.map((peerId) => network.call({ peerId }, { kind: 'consensus_commit' }, askMs)),
    );
    const known = answers.flatMap((answer) =>
      answer.status === 'fulfilled' && answer.value.kind === 'commit' ? [answer.value.index] : [],
    );
    return known.length === 0 ? null : Math.max(...known);
  }

  async #until(isTrue: () => boolean): Promise<void> {
    const { node, timers } = this.#parts;
    for (;;) {
      const { appliedIndex } = node;
      if (isTrue()) return;
      this.#stopIfStopped();
      await within(timers, patienceMs, node.changed(appliedIndex), undefined);
    }
  }

  #stopIfStopped(): void {
    if (this.#parts.isStopped()) throw new Error('this node stops');
  }
}

/** `<collection uuid>/<shard id>` of the own replicas that cannot serve at present. */
function unhealthyReplicas(state: ClusterState, peerId: PeerId): ReadonlySet<string> {
  const keys = [...state.collections.values()].flatMap(({ uuid, shards }) =>
    [...shards].flatMap(([shardId, { replicas }]) => {
      const replica = replicas.get(peerId);
      return replica === undefined || isHealthy(replica) ? [] : [`${uuid}/${shardId}`];
    }),
  );
  return new Set(keys);
}
