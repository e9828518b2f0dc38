// What is in a Raft log after all its records: hard state, the snapshot's position, the entries
// behind it. Says what is wrong with a group before it is taken: a bug where it comes from the
// driver, damage where it comes from the disk.
//
// Invariants: entries are consecutive from `base.index + 1`; their terms never fall;
// base.index ≤ hardState.commitIndex ≤ lastIndex; no term is above `hardState.term`.
import { assert } from '../base/assert.ts';
import type { LogIndex, Term } from '../base/ids.ts';
import type { Entry, EntryPosition, HardState } from '../raft/messages.ts';
import type { RaftLogGroup } from './raft-log-codec.ts';

export const newHardState: HardState = { term: 0, vote: null, commitIndex: 0 };
export const noBase: EntryPosition = { index: 0, term: 0 };

export class RaftLogContent {
  #hardState: HardState;
  /** Index 0 and term 0 where there is no snapshot. */
  readonly base: EntryPosition;
  readonly #entries: Entry[] = [];

  constructor(hardState: HardState, base: EntryPosition) {
    this.#hardState = hardState;
    this.base = base;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get lastIndex(): LogIndex {
    return this.base.index + this.#entries.length;
  }

  /** `null` where there is no entry, or none any more. */
  termAt(index: LogIndex): Term | null {
    if (index === this.base.index) return this.base.term;
    return this.#entries[index - this.base.index - 1]?.term ?? null;
  }

  entriesAfter(index: LogIndex): readonly Entry[] {
    return this.#entries.slice(index - this.base.index);
  }

  /** `null` when the group fits what is here. */
  faultIn(group: RaftLogGroup): string | null {
    const hardState = group.hardState ?? this.#hardState;
    return (
      faultBetween(this.#hardState, hardState) ??
      this.#faultInEntries(group.entries, hardState) ??
      this.#faultInCommit(group.entries, hardState)
    );
  }

  take(group: RaftLogGroup): void {
    if (group.hardState !== null) this.#hardState = group.hardState;
    const [first] = group.entries;
    if (first === undefined) return;
    this.#entries.length = first.index - this.base.index - 1;
    for (const entry of group.entries) this.#entries.push(entry);
    assert(group.entries.at(-1)?.index === this.lastIndex, 'entries with a gap');
  }

  #faultInEntries(entries: readonly Entry[], hardState: HardState): string | null {
    const [first] = entries;
    if (first === undefined) return null;
    const { commitIndex } = this.#hardState;
    if (first.index <= commitIndex) return `entry ${first.index} is committed (${commitIndex})`;
    if (first.index > this.lastIndex + 1) {
      return `entry ${first.index} where ${this.lastIndex + 1} belongs`;
    }
    let index = first.index;
    let term = this.termAt(first.index - 1) ?? 0;
    for (const entry of entries) {
      if (entry.index !== index) return `entry ${entry.index} where ${index} belongs`;
      if (entry.term < term) return `entry ${index} of term ${entry.term} after term ${term}`;
      index += 1;
      term = entry.term;
    }
    if (term <= hardState.term) return null;
    return `entry ${index - 1} of term ${term} in term ${hardState.term}`;
  }

  #faultInCommit(entries: readonly Entry[], hardState: HardState): string | null {
    const lastIndex = entries.at(-1)?.index ?? this.lastIndex;
    if (hardState.commitIndex <= lastIndex) return null;
    return `commit ${hardState.commitIndex} beyond the log ${lastIndex}`;
  }
}

/** What Raft promised others must never be taken back. */
export function faultBetween(before: HardState, after: HardState): string | null {
  if (after.term < before.term) return `term ${after.term} after ${before.term}`;
  if (after.commitIndex < before.commitIndex) {
    return `commit ${after.commitIndex} after ${before.commitIndex}`;
  }
  if (after.term > before.term || before.vote === null) return null;
  if (after.vote === before.vote) return null;
  return `vote for ${after.vote} after ${before.vote} in term ${after.term}`;
}
