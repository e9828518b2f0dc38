// The entries that are not compacted, in memory, and how far each is: saved, committed, applied.
//
//   base │ saved … stableIndex │ unsaved … lastIndex          (the base is compacted or a snapshot)
//   appliedIndex ≤ commitIndex ≤ lastIndex
//
// Invariants: indices are consecutive; nothing at or below commitIndex is ever replaced. What is on
// disk is the driver's matter: it saves what `Ready` lists, and `advance` says so here.

import { assert } from '../base/assert.ts';
import type { LogIndex, Term } from '../base/ids.ts';
import type { RaftEvent } from './events.ts';
import { type Entry, type EntryPosition, entryBytes, type Snapshot } from './messages.ts';

export class RaftLog {
  #base: EntryPosition;
  #entries: Entry[];
  #stableIndex: LogIndex;
  #commitIndex: LogIndex;
  #appliedIndex: LogIndex;
  /** Received and not yet saved. */
  #pendingSnapshot: Snapshot | null = null;

  /** As read from disk: `entries` follow `base` without a gap. */
  constructor(base: EntryPosition, entries: readonly Entry[], commitIndex: LogIndex) {
    this.#base = { index: base.index, term: base.term };
    this.#entries = [...entries];
    for (const [at, entry] of entries.entries()) {
      const expected = base.index + 1 + at;
      assert(entry.index === expected, () => `entry ${entry.index} where ${expected} belongs`);
    }
    this.#stableIndex = this.lastIndex;
    this.#commitIndex = Math.max(commitIndex, base.index);
    this.#appliedIndex = base.index;
    const commit = this.#commitIndex;
    assert(commit <= this.lastIndex, () => `commit ${commit} beyond the log ${this.lastIndex}`);
  }

  get firstIndex(): LogIndex {
    return this.#base.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#base.index + this.#entries.length;
  }

  get last(): EntryPosition {
    const entry = this.#entries.at(-1);
    return entry === undefined ? this.#base : { index: entry.index, term: entry.term };
  }

  get stableIndex(): LogIndex {
    return this.#stableIndex;
  }

  get commitIndex(): LogIndex {
    return this.#commitIndex;
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  get pendingSnapshot(): Snapshot | null {
    return this.#pendingSnapshot;
  }

  /** `null` where the index is compacted or does not exist yet. */
  termAt(index: LogIndex): Term | null {
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.#base.index - 1]?.term ?? null;
  }

  hasEntry(position: EntryPosition): boolean {
    return this.termAt(position.index) === position.term;
  }

  /** From `index` on, at least one entry if there is one, then as many as fit. */
  entriesFrom(index: LogIndex, bytesMax: number, endIndex = this.lastIndex): readonly Entry[] {
    assert(index > this.#base.index, () => `entry ${index} is compacted`);
    const offset = index - this.#base.index - 1;
    const count = Math.max(0, endIndex - index + 1);
    let takenCount = 0;
    let takenBytes = 0;
    while (takenCount < count) {
      const entry = this.#entries[offset + takenCount];
      if (entry === undefined) break;
      takenBytes += entryBytes(entry);
      if (takenCount > 0 && takenBytes > bytesMax) break;
      takenCount += 1;
    }
    return this.#entries.slice(offset, offset + takenCount);
  }

  unsaved(): readonly Entry[] {
    return this.#entries.slice(this.#stableIndex - this.#base.index);
  }

  /** Committed and not applied. Nothing while a snapshot has to be saved first. */
  applicable(bytesMax: number): readonly Entry[] {
    if (this.#pendingSnapshot !== null || this.#appliedIndex >= this.#commitIndex) return [];
    return this.entriesFrom(this.#appliedIndex + 1, bytesMax, this.#commitIndex);
  }

  /** Could a candidate whose log ends there know everything that is committed (§5.4.1)? */
  isUpToDate(candidateLast: EntryPosition): boolean {
    const { term, index } = this.last;
    if (candidateLast.term !== term) return candidateLast.term > term;
    return candidateLast.index >= index;
  }

  /**
   * The highest index up to `index` where a log with `term` there may still agree with ours, and
   * our term at it (0 where it is compacted). Skips a whole term per round trip.
   */
  agreementBefore(index: LogIndex, term: Term): EntryPosition {
    for (let at = index; at > 0; at -= 1) {
      const ownTerm = this.termAt(at);
      if (ownTerm === null) return { index: at, term: 0 };
      if (ownTerm <= term) return { index: at, term: ownTerm };
    }
    return { index: 0, term: 0 };
  }

  /** Appends at the end; for leaders, who never replace anything. */
  extend(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const expected = this.lastIndex + 1;
      assert(entry.index === expected, () => `entry ${entry.index} where ${expected} belongs`);
      this.#entries.push(entry);
    }
  }

  /**
   * What a leader's append says. `null` if `prev` is not in this log; otherwise the last index that
   * now equals the leader's. Entries that are here already stay: an old append never shortens.
   */
  merge(
    prev: EntryPosition,
    entries: readonly Entry[],
    emit: (event: RaftEvent) => void,
  ): LogIndex | null {
    if (!this.hasEntry(prev)) return null;
    const newAt = entries.findIndex((entry) => !this.hasEntry(entry));
    const first = entries[newAt];
    if (first !== undefined) {
      const existingTerm = this.termAt(first.index);
      if (existingTerm !== null) {
        const found = { index: first.index, term: first.term };
        emit({ kind: 'conflict_found', existingTerm, found });
      }
      this.#cutFrom(first.index, emit);
      this.extend(entries.slice(newAt));
    }
    return prev.index + entries.length;
  }

  #cutFrom(index: LogIndex, emit: (event: RaftEvent) => void): void {
    const committed = this.#commitIndex;
    assert(index > committed, () => `entry ${index} is committed (${committed}) and stays`);
    if (index > this.lastIndex) return;
    const kind = index <= this.#stableIndex + 1 ? 'tail_replaced' : 'tail_cut';
    emit({ kind, fromIndex: index });
    this.#entries.length = index - this.#base.index - 1;
    this.#stableIndex = Math.min(this.#stableIndex, index - 1);
  }

  commitTo(index: LogIndex): boolean {
    if (index <= this.#commitIndex) return false;
    assert(index <= this.lastIndex, () => `commit ${index} beyond the log ${this.lastIndex}`);
    this.#commitIndex = index;
    return true;
  }

  /** The entries up to `position` are on disk, unless they were replaced meanwhile. */
  saved(position: EntryPosition): void {
    if (this.hasEntry(position)) this.#stableIndex = Math.max(this.#stableIndex, position.index);
  }

  snapshotSaved(index: LogIndex): void {
    if (this.#pendingSnapshot?.index === index) this.#pendingSnapshot = null;
    this.applied(index);
  }

  applied(index: LogIndex): void {
    const committed = this.#commitIndex;
    assert(index <= committed, () => `applied ${index} beyond commit ${committed}`);
    this.#appliedIndex = Math.max(this.#appliedIndex, index);
  }

  /** The log becomes this snapshot, and goes on after it. */
  restore(snapshot: Snapshot): void {
    const committed = this.#commitIndex;
    assert(snapshot.index > committed, () => `snapshot ${snapshot.index} behind ${committed}`);
    this.#base = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
    this.#stableIndex = snapshot.index;
    this.#commitIndex = snapshot.index;
    this.#pendingSnapshot = snapshot;
  }

  /** Forgets the entries up to and including `index`; false if that has been done before. */
  compact(index: LogIndex): boolean {
    if (index <= this.#base.index) return false;
    const applied = this.#appliedIndex;
    assert(index <= applied, () => `entry ${index} is not applied (${applied}) and stays`);
    const term = this.termAt(index);
    assert(term !== null, () => `no entry ${index} to compact to`);
    assert(index <= this.#stableIndex, () => `entry ${index} is not saved and stays`);
    this.#entries.splice(0, index - this.#base.index);
    this.#base = { index, term };
    return true;
  }
}
