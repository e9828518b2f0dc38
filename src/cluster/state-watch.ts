// Do all peers have the same state? The leader says the hash of its state after an index; who has
// another one at that index says so, loudly, and takes the leader's state. That can only be a bug
// or broken memory, and is repaired all the same.
//
// Invariant: states are compared, and replaced, at exactly one index.

import type { LogIndex } from '../base/ids.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import { stateHash } from './state-hash.ts';
import { hashTicks } from './timing.ts';

/** Applied states that are remembered, to compare with a leader that is a little behind us. */
const historyCountMax = 128;

export interface StateMismatch {
  readonly index: LogIndex;
  readonly own: string;
  readonly leader: string;
}

export class StateWatch {
  readonly #history = new Map<LogIndex, ClusterState>();
  #told: { readonly index: LogIndex; readonly hash: string } | null = null;
  #saidIndex: LogIndex = 0;
  #saidTick = 0;
  #mismatchCount = 0;

  get mismatchCount(): number {
    return this.#mismatchCount;
  }

  /** Told after every entry. */
  remember(index: LogIndex, state: ClusterState): void {
    this.#history.set(index, state);
    if (this.#history.size <= historyCountMax) return;
    for (const oldest of this.#history.keys()) {
      this.#history.delete(oldest);
      return;
    }
  }

  /** What was remembered is not what the log says any more. */
  forget(): void {
    this.#history.clear();
    this.#told = null;
  }

  /** On the leader: what to tell the others now, if anything. */
  say(tick: number, index: LogIndex, state: ClusterState): StateMismatch['leader'] | null {
    if (index === this.#saidIndex || tick - this.#saidTick < hashTicks) return null;
    this.#saidIndex = index;
    this.#saidTick = tick;
    return stateHash(state);
  }

  /** On a follower: the leader's word. */
  heard(index: LogIndex, hash: string): void {
    this.#told = { index, hash };
  }

  /** Compares once this peer has applied what the leader spoke of. */
  compare(appliedIndex: LogIndex): StateMismatch | null {
    const told = this.#told;
    if (told === null || told.index > appliedIndex) return null;
    this.#told = null;
    const state = this.#history.get(told.index);
    if (state === undefined) return null;
    const own = stateHash(state);
    if (own === told.hash) return null;
    this.#mismatchCount += 1;
    return { index: told.index, own, leader: told.hash };
  }
}

/** A leader's state that waits until this peer stands where the leader stood. */
export interface FetchedState {
  readonly index: LogIndex;
  readonly state: ClusterState;
}
