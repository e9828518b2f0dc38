// What must hold in a group of Raft peers after every single step (Raft thesis, §3.2 and figure
// 3.2). Each checker has a name, so that a broken build can be told by who speaks first.

import type { LogIndex, PeerId, Term } from '../../src/base/ids.ts';
import type { Entry } from '../../src/raft/messages.ts';
import type { Raft } from '../../src/raft/raft.ts';

export type CheckerName =
  | 'election safety'
  | 'log matching'
  | 'leader completeness'
  | 'state machine safety'
  | 'monotonic terms'
  | 'linearizable reads'
  | 'liveness'
  | 'assertion in the core';

export class SafetyViolation extends Error {
  override readonly name = 'SafetyViolation';
  readonly checker: CheckerName;

  constructor(checker: CheckerName, message: string) {
    super(`${checker}: ${message}`);
    this.checker = checker;
  }
}

interface CommittedEntry {
  readonly entry: Entry;
  /** The term in which it was first known to be committed. */
  readonly inTerm: Term;
}

function isSame(a: Entry, b: Entry): boolean {
  return a.term === b.term && a.kind === b.kind && a.data === b.data;
}

export function entryLabel({ term, index, data }: Entry): string {
  return `${term}/${index} "${new TextDecoder().decode(data)}"`;
}

export class SafetyCheckers {
  readonly #leaders = new Map<Term, PeerId>();
  readonly #committed = new Map<LogIndex, CommittedEntry>();
  /** What each running peer showed last. */
  readonly #seen = new Map<PeerId, { term: Term; commitIndex: LogIndex }>();
  commitIndexMax: LogIndex;

  constructor(commitIndex: LogIndex) {
    this.commitIndexMax = commitIndex;
  }

  get electionCount(): number {
    return this.#leaders.size;
  }

  /** A peer starts with what its disk holds: that may be less than it had. */
  forget(id: PeerId): void {
    this.#seen.delete(id);
  }

  committedAt(index: LogIndex): Entry | null {
    return this.#committed.get(index)?.entry ?? null;
  }

  /** `actor` has just done something; nobody else can have changed. */
  check(actor: Raft, others: readonly Raft[]): void {
    const { id, role, hardState, firstIndex } = actor.status();
    const entries = actor.entries();
    const before = this.#seen.get(id);
    if (before !== undefined && hardState.term < before.term) {
      throw new SafetyViolation('monotonic terms', `${id}: ${hardState.term} after ${before.term}`);
    }
    if (before !== undefined && hardState.commitIndex < before.commitIndex) {
      const message = `${id}: committed ${hardState.commitIndex} after ${before.commitIndex}`;
      throw new SafetyViolation('state machine safety', message);
    }
    if (role === 'leader') this.#checkLeader(id, hardState.term, firstIndex, entries);
    this.#checkCommitted(id, { ...hardState, firstIndex }, entries);
    for (const other of others) checkMatching(actor, other);
    this.#seen.set(id, { term: hardState.term, commitIndex: hardState.commitIndex });
  }

  #checkLeader(id: PeerId, term: Term, firstIndex: LogIndex, entries: readonly Entry[]): void {
    const leader = this.#leaders.get(term);
    if (leader === id) return;
    if (leader !== undefined) {
      throw new SafetyViolation('election safety', `${leader} and ${id} lead in term ${term}`);
    }
    this.#leaders.set(term, id);
    for (const [index, { entry, inTerm }] of this.#committed) {
      if (index < firstIndex || inTerm >= term) continue;
      const own = entries[index - firstIndex];
      if (own !== undefined && isSame(own, entry)) continue;
      const message = `${id} leads in term ${term} without ${entryLabel(entry)} of term ${inTerm}`;
      throw new SafetyViolation('leader completeness', message);
    }
  }

  #checkCommitted(
    id: PeerId,
    state: { readonly term: Term; readonly commitIndex: LogIndex; readonly firstIndex: LogIndex },
    entries: readonly Entry[],
  ): void {
    const seenIndex = this.#seen.get(id)?.commitIndex ?? 0;
    for (
      let index = Math.max(state.firstIndex, seenIndex + 1);
      index <= state.commitIndex;
      index += 1
    ) {
      const entry = entries[index - state.firstIndex];
      if (entry === undefined) {
        throw new SafetyViolation('state machine safety', `${id} commits ${index} without it`);
      }
      const known = this.#committed.get(index)?.entry;
      if (known === undefined) this.#committed.set(index, { entry, inTerm: state.term });
      else if (!isSame(known, entry)) {
        const message = `${id} commits ${entryLabel(entry)} where ${entryLabel(known)} is`;
        throw new SafetyViolation('state machine safety', message);
      }
    }
    this.commitIndexMax = Math.max(this.commitIndexMax, state.commitIndex);
  }
}

/** Where two logs have one entry in common, they are the same up to there. */
function checkMatching(a: Raft, b: Raft): void {
  const [entriesA, entriesB] = [a.entries(), b.entries()];
  const [firstA, firstB] = [a.status().firstIndex, b.status().firstIndex];
  let mustMatch = false;
  const last = Math.min(firstA + entriesA.length, firstB + entriesB.length) - 1;
  for (let index = last; index >= Math.max(firstA, firstB); index -= 1) {
    const entryA = entriesA[index - firstA];
    const entryB = entriesB[index - firstB];
    if (entryA === undefined || entryB === undefined) return;
    mustMatch ||= entryA.term === entryB.term;
    if (!mustMatch || isSame(entryA, entryB)) continue;
    const message = `${a.status().id} has ${entryLabel(entryA)}, ${b.status().id} ${entryLabel(entryB)}`;
    throw new SafetyViolation('log matching', message);
  }
}
