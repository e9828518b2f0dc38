// The agreed state as far as this peer has applied it: the state machine behind the log. Immutable
// values, so that whoever has an older one may keep it.
//
// Invariant: state, membership, index and term belong together.

import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import { changeMembership, type Membership } from '../raft/membership.ts';
import type { Entry, Snapshot } from '../raft/messages.ts';
import { decodeProposal } from './encode-proposal.ts';
import { decodeState, encodeState } from './encode-state.ts';
import { applyMembership } from './membership-data.ts';
import type { StateMachine } from './raft-driver.ts';
import { reduce } from './reducer.ts';
import type { CommandOutcome } from './reduction.ts';

export interface AppliedProposal {
  readonly proposer: PeerId;
  readonly number: number;
  readonly outcome: CommandOutcome;
}

/** What is told about each step. */
export interface AppliedListener {
  entryApplied(entry: Entry, proposal: AppliedProposal | null): void;
  /** A snapshot took the place of entries. */
  jumped(index: LogIndex, term: Term): void;
}

export class AppliedState implements StateMachine {
  readonly #listener: AppliedListener;
  #state: ClusterState;
  #membership: Membership;
  #index: LogIndex;
  #term: Term;
  /** Bytes of `#state`, once somebody needed them. */
  #encoded: Uint8Array | null = null;

  constructor(
    start: {
      readonly state: ClusterState;
      readonly membership: Membership;
      readonly index: LogIndex;
      readonly term: Term;
    },
    listener: AppliedListener,
  ) {
    this.#state = start.state;
    this.#membership = start.membership;
    this.#index = start.index;
    this.#term = start.term;
    this.#listener = listener;
  }

  get state(): ClusterState {
    return this.#state;
  }

  get membership(): Membership {
    return this.#membership;
  }

  get index(): LogIndex {
    return this.#index;
  }

  get term(): Term {
    return this.#term;
  }

  apply(entry: Entry): void {
    const proposal = entry.kind === 'command' ? this.#command(entry) : this.#change(entry);
    this.#index = entry.index;
    this.#term = entry.term;
    this.#listener.entryApplied(entry, proposal);
  }

  restore(snapshot: Snapshot): void {
    this.#use(decodeState(snapshot.data));
    this.#membership = snapshot.membership;
    this.#index = snapshot.index;
    this.#term = snapshot.term;
    this.#listener.jumped(snapshot.index, snapshot.term);
  }

  /** Another peer's state as of the same index, because this one's is known to be wrong. */
  replace(state: ClusterState): void {
    this.#use(state);
  }

  encode(): Uint8Array {
    this.#encoded ??= encodeState(this.#state);
    return this.#encoded;
  }

  #command({ data }: Entry): AppliedProposal | null {
    // The first entry of a leader, and what stands in for a refused change of the membership.
    if (data.length === 0) return null;
    const { proposer, number, command } = decodeProposal(data);
    const { state, outcome } = reduce(this.#state, command);
    this.#use(state);
    return { proposer, number, outcome };
  }

  #change(entry: Extract<Entry, { kind: 'membership' }>): null {
    const outcome = changeMembership(this.#membership, entry.change);
    // Raft skips it, so the state does.
    if (outcome.kind === 'faulty') return null;
    this.#membership = outcome.membership;
    this.#use(applyMembership(this.#state, entry.change, entry.data));
    return null;
  }

  #use(state: ClusterState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#encoded = null;
  }
}
