// What a leader knows about one follower, and how much it may send to it.
//
//   probe ──accepted──▶ replicate        one message at a time, until the logs are known to meet
//   replicate ──rejected, unreachable──▶ probe      many in flight, up to a limit
//   probe ──entries are compacted──▶ snapshot       nothing is sent until it has arrived
//   snapshot ──arrived──▶ replicate, ──failed──▶ probe
//
// Invariants: matchIndex < nextIndex; matchIndex never falls within a term.

import { assert } from '../base/assert.ts';
import type { LogIndex } from '../base/ids.ts';

export type ProgressMode = 'probe' | 'replicate' | 'snapshot';

/** Progress as data, for events and for people. */
export interface ProgressView {
  readonly mode: ProgressMode;
  readonly matchIndex: LogIndex;
  readonly nextIndex: LogIndex;
  readonly isLearner: boolean;
  readonly isPaused: boolean;
  /** 0 unless a snapshot is on its way. */
  readonly pendingSnapshotIndex: LogIndex;
  readonly isActive: boolean;
  readonly inflightCount: number;
  readonly isInflightFull: boolean;
}

export class Progress {
  /** Known to be equal to our log up to here, and saved. */
  matchIndex: LogIndex;
  /** The next entry to send. */
  nextIndex: LogIndex;
  mode: ProgressMode = 'probe';
  /** The highest commit index it may have heard of; an estimate, lowered on a rejection. */
  sentCommitIndex: LogIndex = 0;
  pendingSnapshotIndex: LogIndex = 0;
  /** Heard from since the last check of the quorum. */
  isActive = false;
  isLearner: boolean;
  /** The newest of our reads for which it said that we lead. */
  ackedReadSequence = 0;
  /** One more append would be one too many; an answer or a heartbeat's answer lifts it. */
  #isFlowPaused = false;
  /** Last index of each append that is not answered yet, ascending. */
  #inflight: LogIndex[] = [];
  readonly #inflightCountMax: number;

  constructor(nextIndex: LogIndex, isLearner: boolean, inflightCountMax: number) {
    assert(nextIndex >= 1, () => `next index ${nextIndex}`);
    this.matchIndex = 0;
    this.nextIndex = nextIndex;
    this.isLearner = isLearner;
    this.#inflightCountMax = inflightCountMax;
  }

  get isPaused(): boolean {
    return this.mode === 'snapshot' || this.#isFlowPaused;
  }

  get isInflightFull(): boolean {
    return this.#inflight.length >= this.#inflightCountMax;
  }

  view(): ProgressView {
    return {
      mode: this.mode,
      matchIndex: this.matchIndex,
      nextIndex: this.nextIndex,
      isLearner: this.isLearner,
      isPaused: this.isPaused,
      pendingSnapshotIndex: this.pendingSnapshotIndex,
      isActive: this.isActive,
      inflightCount: this.#inflight.length,
      isInflightFull: this.isInflightFull,
    };
  }

  becomeProbe(): void {
    // A snapshot that has arrived need not be sent again.
    const arrivedIndex = this.mode === 'snapshot' ? this.pendingSnapshotIndex : 0;
    this.#enter('probe');
    this.nextIndex = Math.max(this.matchIndex, arrivedIndex) + 1;
    this.#lowerSentCommit();
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.nextIndex = this.matchIndex + 1;
  }

  becomeSnapshot(index: LogIndex): void {
    this.#enter('snapshot');
    this.pendingSnapshotIndex = index;
    this.nextIndex = index + 1;
    this.sentCommitIndex = index;
  }

  /** The snapshot did not arrive: probe from the last index known to match, after a pause. */
  failSnapshot(): void {
    this.pendingSnapshotIndex = 0;
    this.becomeProbe();
    this.#isFlowPaused = true;
  }

  pause(): void {
    this.#isFlowPaused = true;
  }

  resume(): void {
    this.#isFlowPaused = false;
  }

  /** Accounts for an append that is being sent. */
  sent(entryCount: number): void {
    assert(this.mode !== 'snapshot', 'no appends while a snapshot is on its way');
    if (this.mode === 'probe') {
      if (entryCount > 0) this.#isFlowPaused = true;
      return;
    }
    if (entryCount > 0) {
      this.nextIndex += entryCount;
      this.#inflight.push(this.nextIndex - 1);
    }
    // Beyond the limit each message is a probe: it waits for its answer.
    this.#isFlowPaused = this.isInflightFull;
  }

  /** Would a message with this commit index tell it something it does not know, and can use? */
  canUseCommit(commitIndex: LogIndex): boolean {
    return commitIndex > this.sentCommitIndex && this.sentCommitIndex < this.nextIndex - 1;
  }

  sentCommit(commitIndex: LogIndex): void {
    this.sentCommitIndex = commitIndex;
  }

  /** True if the answer told something new. */
  accepted(index: LogIndex): boolean {
    if (index <= this.matchIndex) return false;
    this.matchIndex = index;
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    this.#isFlowPaused = false;
    return true;
  }

  /** Appends up to `index` have been answered. */
  freeInflight(index: LogIndex): void {
    const openAt = this.#inflight.findIndex((last) => last > index);
    this.#inflight = openAt === -1 ? [] : this.#inflight.slice(openAt);
  }

  /** Goes back to where the logs may meet; false if the rejection is an old one. */
  rejected(index: LogIndex, hintIndex: LogIndex): boolean {
    if (this.mode === 'replicate') {
      if (index <= this.matchIndex) return false;
      this.nextIndex = this.matchIndex + 1;
      this.#lowerSentCommit();
      return true;
    }
    // A probe is answered one by one, so anything but the last one's answer is late.
    if (this.mode === 'snapshot' || index !== this.nextIndex - 1) return false;
    this.nextIndex = Math.max(Math.min(index, hintIndex + 1), this.matchIndex + 1);
    this.#lowerSentCommit();
    this.#isFlowPaused = false;
    return true;
  }

  #enter(mode: ProgressMode): void {
    this.mode = mode;
    this.#isFlowPaused = false;
    this.pendingSnapshotIndex = 0;
    this.#inflight = [];
  }

  #lowerSentCommit(): void {
    this.sentCommitIndex = Math.min(this.sentCommitIndex, this.nextIndex - 1);
  }
}
