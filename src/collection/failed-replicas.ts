// Replicas that failed a write, as this thread knows them: they are not used any more, and the
// cluster is asked to agree that they are dead, again and again until their state is another one.
// Only then may the write be acknowledged: nobody may read from a replica that lacks it.

import type { PeerId } from '../base/ids.ts';
import type { Timers } from '../io/ports.ts';
import { pause, within } from '../io/waiting.ts';
import type { ReplicaState } from '../model/cluster-state.ts';
import { isSourceOfTruth } from '../model/replica-rules.ts';
import { observedState } from './replica-set.ts';

export interface ReplicaName {
  /** Uuid of the collection. */
  readonly collection: string;
  readonly shardId: number;
  readonly peerId: PeerId;
}

export interface FailedReplicasPorts {
  readonly timers: Timers;
  /** As far as it is known on this thread; `null`: there is no such replica. */
  readonly stateOf: (replica: ReplicaName) => ReplicaState | null;
  /**
   * Asks the cluster to take the replica for dead. True: it is done, or the state is known to be
   * another one. False: the cluster refuses. Rejects when nothing came of it.
   */
  readonly proposeDead: (replica: ReplicaName, fromState: ReplicaState | null) => Promise<boolean>;
}

interface Mark {
  /** The state in which it failed, or to which it was promoted since. */
  state: ReplicaState;
  /** Resolves with true once the cluster has agreed, with false when it refuses. */
  agreed: Promise<boolean>;
}

const nobody: ReadonlySet<PeerId> = new Set();
const restsMs = [1_000, 2_000, 4_000, 8_000, 10_000];

export class FailedReplicas {
  readonly #ports: FailedReplicasPorts;
  /** By `<collection>/<shard id>`. */
  readonly #marks = new Map<string, Map<PeerId, Mark>>();

  constructor(ports: FailedReplicasPorts) {
    this.#ports = ports;
  }

  /** Those of this shard that must not be used. A change of their state makes them good again. */
  of(
    collection: string,
    shardId: number,
    replicas: ReadonlyMap<PeerId, ReplicaState>,
  ): ReadonlySet<PeerId> {
    if (this.#marks.size === 0) return nobody;
    const marks = this.#marks.get(`${collection}/${shardId}`);
    if (marks === undefined) return nobody;
    const failed = new Set<PeerId>();
    for (const [peerId, { state }] of marks) {
      if (replicas.get(peerId) === state) failed.add(peerId);
    }
    return failed;
  }

  /** False: the cluster refuses, or does not agree within the time and is asked on. */
  async deactivate(replica: ReplicaName, state: ReplicaState, waitMs: number): Promise<boolean> {
    const { agreed } = this.#mark(replica, state);
    const settled = agreed.catch(() => false);
    return within(this.#ports.timers, waitMs, settled, false);
  }

  #mark(replica: ReplicaName, state: ReplicaState): Mark {
    const key = `${replica.collection}/${replica.shardId}`;
    const marks = this.#marks.get(key) ?? new Map<PeerId, Mark>();
    const known = marks.get(replica.peerId);
    if (known?.state === state) return known;
    const mark: Mark = { state, agreed: Promise.resolve(false) };
    mark.agreed = this.#untilAgreed(replica, mark);
    marks.set(replica.peerId, mark);
    this.#marks.set(key, marks);
    const forget = (): void => {
      if (marks.get(replica.peerId) !== mark) return;
      marks.delete(replica.peerId);
      if (marks.size === 0 && this.#marks.get(key) === marks) this.#marks.delete(key);
    };
    mark.agreed.then(forget, forget);
    return mark;
  }

  async #untilAgreed(replica: ReplicaName, mark: Mark): Promise<boolean> {
    for (let tries = 0; ; tries += 1) {
      if (this.#isGone(replica, mark)) return true;
      const { state } = mark;
      const isDone = await this.#proposed(replica, state);
      if (this.#isGone(replica, mark)) return true;
      if (mark.state !== state) continue;
      if (isDone === false) return false;
      await pause(this.#ports.timers, restsMs[Math.min(tries, restsMs.length - 1)] ?? 0);
    }
  }

  /**
   * Has its state changed, so that nobody takes it for complete? One that was new or being filled
   * when it failed, and that the cluster takes for complete since, lacks the write all the same.
   */
  #isGone(replica: ReplicaName, mark: Mark): boolean {
    const current = this.#ports.stateOf(replica);
    if (current === mark.state) return false;
    if (current === null || !isSourceOfTruth(current) || isSourceOfTruth(mark.state)) return true;
    mark.state = current;
    return false;
  }

  /** `null`: nothing came of it. */
  async #proposed(replica: ReplicaName, state: ReplicaState): Promise<boolean | null> {
    try {
      return await this.#ports.proposeDead(replica, observedState(state));
    } catch {
      return null;
    }
  }
}
