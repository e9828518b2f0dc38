// A peer as a driver would run it, with every moment in which it can crash as a step of its own:
// take a Ready, save it, send, apply, advance. Its state machine is a chain of digests, so that two
// peers which applied the same commands in the same order agree, and no others.

import { assert } from '../../src/base/assert.ts';
import type { LogIndex, PeerId } from '../../src/base/ids.ts';
import { type Message, maySendBeforeSave, type Snapshot } from '../../src/raft/messages.ts';
import type { SafetyRules } from '../../src/raft/quorum.ts';
import { Raft, type Ready } from '../../src/raft/raft.ts';
import type { ConfirmedRead, RaftOptions } from '../../src/raft/state.ts';
import { FakeRaftDisk } from './fake-raft-disk.ts';
import { type SafetyCheckers, SafetyViolation } from './safety-checkers.ts';

/** Ways to build it wrong. */
export interface Flaws {
  readonly forgetsVote: boolean;
  readonly skipsSync: boolean;
  readonly rules: SafetyRules;
}

interface Running {
  readonly raft: Raft;
  /** Taken and not yet carried out. */
  ready: Ready | null;
  isSaved: boolean;
}

export interface MachineState {
  readonly index: LogIndex;
  readonly digest: number;
}

const emptyMachine: MachineState = { index: 0, digest: 0 };

export class ModelPeer {
  readonly id: PeerId;
  readonly disk: FakeRaftDisk;
  machine = emptyMachine;
  #running: Running | null = null;
  #startCount = 0;
  readonly #optionsOf: (startCount: number) => RaftOptions;
  readonly #flaws: Flaws;

  constructor(
    id: PeerId,
    base: Snapshot | null,
    optionsOf: (startCount: number) => RaftOptions,
    flaws: Flaws,
  ) {
    this.id = id;
    const data = encodeMachine({ index: base?.index ?? 0, digest: 0 });
    this.disk = new FakeRaftDisk(base === null ? null : { ...base, data });
    this.#optionsOf = optionsOf;
    this.#flaws = flaws;
    this.start();
  }

  /** `null` while it is down. */
  get raft(): Raft | null {
    return this.#running?.raft ?? null;
  }

  get hasOpenReady(): boolean {
    return this.#running !== null && this.#running.ready !== null;
  }

  start(): void {
    this.#startCount += 1;
    const options = this.#optionsOf(this.#startCount);
    const raft = new Raft(options, this.disk.saved(), this.#flaws.rules);
    this.#running = { raft, ready: null, isSaved: false };
    this.machine = decodeMachine(this.disk.content.data);
  }

  crash(survivingCount: number): void {
    this.#running = null;
    this.disk.crash(survivingCount);
  }

  /** Takes a Ready; what may go before it is saved is returned to be sent. */
  takeReady(): readonly Message[] {
    const running = this.#running;
    assert(running !== null && running.ready === null, 'cannot take a Ready now');
    const ready = running.raft.ready();
    const messages = ready.messages.map((message) => this.#withState(message));
    running.ready = { ...ready, messages: messages.filter((one) => !maySendBeforeSave(one)) };
    running.isSaved = false;
    return messages.filter(maySendBeforeSave);
  }

  /** Saves the open Ready; what may go after that is returned to be sent. */
  saveReady(): readonly Message[] {
    const running = this.#running;
    assert(running?.ready !== null && running?.ready !== undefined, 'nothing to save');
    assert(!running.isSaved, 'saved already');
    running.isSaved = true;
    const { ready } = running;
    const hardState =
      ready.hardState !== null && this.#flaws.forgetsVote
        ? { ...ready.hardState, vote: null }
        : ready.hardState;
    this.disk.save({ ...ready, hardState }, ready.mustSync && !this.#flaws.skipsSync);
    return ready.messages;
  }

  get isReadySaved(): boolean {
    return this.#running?.isSaved ?? false;
  }

  /** Applies and advances. */
  finishReady(checkers: SafetyCheckers): readonly ConfirmedRead[] {
    const running = this.#running;
    assert(running?.ready !== null && running?.ready !== undefined, 'nothing to finish');
    assert(running.isSaved, 'not saved');
    const { ready } = running;
    if (ready.snapshot !== null) this.machine = decodeMachine(ready.snapshot.data);
    for (const entry of ready.committed) {
      if (entry.index !== this.machine.index + 1) {
        const message = `${this.id} applies ${entry.index} after ${this.machine.index}`;
        throw new SafetyViolation('state machine safety', message);
      }
      const known = checkers.committedAt(entry.index);
      if (known?.data !== entry.data) {
        throw new SafetyViolation('state machine safety', `${this.id} applies ${entry.index}`);
      }
      this.machine = { index: entry.index, digest: chain(this.machine.digest, entry.data) };
    }
    running.ready = null;
    running.raft.advance();
    return ready.reads;
  }

  /** Saves the state machine and forgets entries up to `index`. */
  compact(index: LogIndex): void {
    const { raft } = this;
    assert(raft !== null && !this.hasOpenReady, 'cannot compact now');
    const snapshot = raft.snapshot();
    assert(snapshot.index === this.machine.index, 'the state machine is elsewhere');
    this.disk.compact({ ...snapshot, data: encodeMachine(this.machine) });
    raft.compact(index);
  }

  #withState(message: Message): Message {
    if (message.kind !== 'snapshot') return message;
    const { index } = message.snapshot;
    const { machine } = this;
    assert(index === machine.index, () => `snapshot of ${index}, state is of ${machine.index}`);
    return { ...message, snapshot: { ...message.snapshot, data: encodeMachine(machine) } };
  }
}

function chain(digest: number, data: Uint8Array): number {
  let chained = Math.imul(digest, 31) + 17;
  for (const byte of data) chained = Math.imul(chained ^ byte, 0x01000193);
  return chained | 0;
}

function encodeMachine({ index, digest }: MachineState): Uint8Array {
  return new Uint8Array(Float64Array.of(index, digest).buffer);
}

function decodeMachine(data: Uint8Array): MachineState {
  if (data.length === 0) return emptyMachine;
  const [index = 0, digest = 0] = new Float64Array(data.slice().buffer);
  return { index, digest };
}
