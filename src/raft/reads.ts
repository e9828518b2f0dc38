// Linearizable reads without a clock (Raft thesis, §6.4): a read may be answered from the state at
// `index` once a majority has said, after the question came, that the asked peer still leads. Reads
// are numbered; one heartbeat carries the newest number and confirms all older ones with it.

import type { LogIndex, PeerId } from '../base/ids.ts';

export interface ReadRequest {
  /** Who asked; the leader itself or a follower that passed the question on. */
  readonly from: PeerId;
  readonly requestId: number;
}

export interface PendingRead extends ReadRequest {
  readonly sequence: number;
  /** What was committed when the question came. */
  readonly index: LogIndex;
}

export class PendingReads {
  #sequence = 0;
  #confirmable: PendingRead[] = [];
  /** Asked before the new leader knew what is committed, which its first entry tells (§8). */
  #early: ReadRequest[] = [];

  /** Number of the newest read that waits; 0 if none does. */
  get newestSequence(): number {
    return this.#confirmable.at(-1)?.sequence ?? 0;
  }

  get waitingCount(): number {
    return this.#confirmable.length + this.#early.length;
  }

  add(request: ReadRequest, index: LogIndex): void {
    this.#sequence += 1;
    this.#confirmable.push({ ...request, sequence: this.#sequence, index });
  }

  addEarly(request: ReadRequest): void {
    this.#early.push(request);
  }

  takeEarly(): readonly ReadRequest[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  /** The reads up to `sequence` are confirmed. */
  take(sequence: number): readonly PendingRead[] {
    const taken = this.#confirmable.filter((read) => read.sequence <= sequence);
    this.#confirmable = this.#confirmable.slice(taken.length);
    return taken;
  }
}
