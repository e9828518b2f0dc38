// What a driver keeps on disk for Raft, in memory. Writes that were not synced are lost in a crash,
// from any point on: `crash` is told how many of them survive.

import assert from 'node:assert/strict';
import type { LogIndex } from '../../src/base/ids.ts';
import { emptyMembership, type Membership } from '../../src/raft/membership.ts';
import type { Entry, EntryPosition, HardState, Snapshot } from '../../src/raft/messages.ts';
import type { Ready } from '../../src/raft/raft.ts';
import type { SavedState } from '../../src/raft/state.ts';

interface Content {
  readonly hardState: HardState;
  readonly base: EntryPosition;
  /** As of `base`. */
  readonly membership: Membership;
  readonly data: Uint8Array;
  readonly entries: readonly Entry[];
}

export const emptyHardState: HardState = { term: 0, vote: null, commitIndex: 0 };

export class FakeRaftDisk {
  #written: Content;
  /** Contents since the last sync, the synced one first. */
  #versions: Content[] = [];

  constructor(base: Snapshot | null) {
    this.#written = {
      hardState: { ...emptyHardState, commitIndex: base?.index ?? 0 },
      base: { index: base?.index ?? 0, term: base?.term ?? 0 },
      membership: base?.membership ?? emptyMembership,
      data: base?.data ?? new Uint8Array(0),
      entries: [],
    };
    this.#versions = [this.#written];
  }

  get content(): Content {
    return this.#written;
  }

  save(ready: Ready, mustSync: boolean): void {
    if (ready.snapshot !== null) this.#restore(ready.snapshot);
    const [first] = ready.entries;
    if (first !== undefined) this.#append(first.index, ready.entries);
    if (ready.hardState !== null) this.#write({ hardState: ready.hardState });
    if (mustSync) this.#versions = [this.#written];
  }

  /** The state machine is saved as of `snapshot`, and the entries up to there are dropped. */
  compact(snapshot: Snapshot): void {
    const { index, term, membership, data } = snapshot;
    const entries = this.#written.entries.filter((entry) => entry.index > index);
    this.#write({ base: { index, term }, membership, data, entries });
    this.#versions = [this.#written];
  }

  crash(survivingCount: number): void {
    const version = this.#versions[Math.min(survivingCount, this.#versions.length - 1)];
    assert(version !== undefined);
    this.#written = version;
    this.#versions = [version];
  }

  get unsyncedCount(): number {
    return this.#versions.length - 1;
  }

  /** To start again: the state machine is as old as the snapshot. */
  saved(): SavedState {
    const { hardState, base, entries, membership } = this.#written;
    return { hardState, base, entries, membership, appliedIndex: base.index };
  }

  #append(index: LogIndex, entries: readonly Entry[]): void {
    const kept = this.#written.entries.filter((entry) => entry.index < index);
    const lastIndex = kept.at(-1)?.index ?? this.#written.base.index;
    assert.equal(index, lastIndex + 1, 'a gap in the log');
    this.#write({ entries: [...kept, ...entries] });
  }

  #restore(snapshot: Snapshot): void {
    const { index, term, membership, data } = snapshot;
    this.#write({ base: { index, term }, membership, data, entries: [] });
  }

  #write(change: Partial<Content>): void {
    this.#written = { ...this.#written, ...change };
    this.#versions.push(this.#written);
  }
}
