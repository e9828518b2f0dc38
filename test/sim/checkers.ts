// What must hold in a simulated cluster after every single step. Each checker has a name, so that a
// broken build can be told by who speaks first.

import type { LogIndex, PeerId, Term } from '../../src/base/ids.ts';
import type { AppliedState } from '../../src/cluster/applied-state.ts';
import type { ClusterNode, ProposalResult } from '../../src/cluster/cluster-node.ts';
import { decodeProposal } from '../../src/cluster/encode-proposal.ts';
import { stateHash } from '../../src/cluster/state-hash.ts';
import { type Membership, memberIds } from '../../src/raft/membership.ts';
import type { Entry } from '../../src/raft/messages.ts';
import type { RaftStatus } from '../../src/raft/raft.ts';

export type CheckerName =
  | 'one leader per term'
  | 'leader completeness'
  | 'committed never changes'
  | 'states agree'
  | 'membership is sane'
  | 'acknowledged is committed'
  | 'nothing applied twice'
  | 'no needless stop'
  | 'no needless election'
  | 'liveness'
  | 'assertion';

export class Violation extends Error {
  override readonly name = 'Violation';
  readonly checker: CheckerName;

  constructor(checker: CheckerName, message: string) {
    super(`${checker}: ${message}`);
    this.checker = checker;
  }
}

interface Committed {
  readonly term: Term;
  readonly kind: Entry['kind'];
  readonly data: Uint8Array;
  /** First known to be committed in this term. */
  readonly inTerm: Term;
}

interface Seen {
  term: Term;
  commitIndex: LogIndex;
  appliedIndex: LogIndex;
  leadsTerm: Term;
}

export class Checkers {
  readonly #leaders = new Map<Term, PeerId>();
  readonly #committed = new Map<LogIndex, Committed>();
  /** Index → hash of state and members there. */
  readonly #states = new Map<LogIndex, string>();
  readonly #members = new Map<LogIndex, readonly PeerId[]>();
  readonly #numbers = new Map<string, LogIndex>();
  readonly #seen = new WeakMap<ClusterNode, Seen>();
  commitIndexMax: LogIndex = 0;

  get electionCount(): number {
    return this.#leaders.size;
  }

  /** `node` has just done something. */
  check(node: ClusterNode): void {
    const { driver, machine } = node.inspect();
    const status = driver.raftStatus;
    const seen = this.#seen.get(node) ?? { term: 0, commitIndex: 0, appliedIndex: 0, leadsTerm: 0 };
    const { term, commitIndex } = status.hardState;
    if (term < seen.term) {
      throw new Violation('one leader per term', `${status.id}: term ${term} after ${seen.term}`);
    }
    if (commitIndex > seen.commitIndex) this.#checkCommitted(status, seen, driver.entries);
    if (status.role === 'leader' && seen.leadsTerm !== term) {
      this.#checkLeader(status, driver.entries);
      seen.leadsTerm = term;
    }
    if (machine.index !== seen.appliedIndex) {
      if (machine.index < seen.appliedIndex) {
        throw new Violation('states agree', `${status.id} went back to ${machine.index}`);
      }
      this.#checkState(status.id, machine);
    }
    seen.term = term;
    seen.commitIndex = Math.max(seen.commitIndex, commitIndex);
    seen.appliedIndex = machine.index;
    this.#seen.set(node, seen);
  }

  /**
   * What a client was told about its proposal; false while nobody is known to have committed it.
   */
  isProven(result: ProposalResult, token: string): boolean {
    if (result.kind !== 'done') return true;
    const entry = this.#committed.get(result.index);
    if (entry === undefined) return false;
    const found = new TextDecoder().decode(entry.data);
    if (entry.term !== result.term || !found.includes(token)) {
      throw new Violation('acknowledged is committed', `${token} at ${result.index}: ${found}`);
    }
    return true;
  }

  #checkLeader(status: RaftStatus, entries: readonly Entry[]): void {
    const { id, hardState, firstIndex } = status;
    const { term } = hardState;
    const leader = this.#leaders.get(term);
    if (leader !== undefined && leader !== id) {
      throw new Violation('one leader per term', `${leader} and ${id} lead in term ${term}`);
    }
    this.#leaders.set(term, id);
    for (const [index, committed] of this.#committed) {
      if (index < firstIndex || committed.inTerm >= term) continue;
      const own = entries[index - firstIndex];
      if (own !== undefined && isSame(own, committed)) continue;
      throw new Violation('leader completeness', `${id} leads term ${term} without entry ${index}`);
    }
  }

  #checkCommitted(status: RaftStatus, seen: Seen, entries: readonly Entry[]): void {
    const { id, hardState, firstIndex } = status;
    for (
      let index = Math.max(firstIndex, seen.commitIndex + 1);
      index <= hardState.commitIndex;
      index += 1
    ) {
      const entry = entries[index - firstIndex];
      if (entry === undefined) {
        throw new Violation('committed never changes', `${id} commits ${index} without it`);
      }
      const known = this.#committed.get(index);
      if (known === undefined) this.#commit(entry, hardState.term);
      else if (!isSame(entry, known)) {
        throw new Violation('committed never changes', `${id} commits another entry ${index}`);
      }
    }
    this.commitIndexMax = Math.max(this.commitIndexMax, hardState.commitIndex);
  }

  #commit(entry: Entry, inTerm: Term): void {
    const { term, kind, data, index } = entry;
    this.#committed.set(index, { term, kind, data, inTerm });
    if (kind !== 'command' || data.length === 0) return;
    const { proposer, number } = decodeProposal(data);
    const key = `${proposer}/${number}`;
    const before = this.#numbers.get(key);
    if (before !== undefined && before !== index) {
      throw new Violation('nothing applied twice', `proposal ${key} at ${before} and ${index}`);
    }
    this.#numbers.set(key, index);
  }

  #checkState(id: PeerId, { index, state, membership }: AppliedState): void {
    const hash = stateHash(state);
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, hash);
    else if (known !== hash) {
      throw new Violation('states agree', `${id} has ${hash} at ${index}, others ${known}`);
    }
    this.#checkMembership(id, index, membership);
  }

  #checkMembership(id: PeerId, index: LogIndex, membership: Membership): void {
    const { voters, outgoingVoters } = membership;
    if (index > 0 && voters.length === 0) {
      throw new Violation('membership is sane', `no voters at ${index}`);
    }
    if (outgoingVoters.length > 0) throw new Violation('membership is sane', `joint at ${index}`);
    const members = memberIds(membership);
    const known = this.#members.get(index);
    if (known === undefined) this.#members.set(index, members);
    else if (known.join() !== members.join()) {
      throw new Violation('membership is sane', `${id} differs at ${index}`);
    }
  }
}

function isSame(entry: Entry, committed: Committed): boolean {
  if (entry.term !== committed.term || entry.kind !== committed.kind) return false;
  const [a, b] = [entry.data, committed.data];
  return a === b || (a.length === b.length && a.every((byte, at) => byte === b[at]));
}
