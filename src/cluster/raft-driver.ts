// The loop around the Raft core: what comes in is stepped at once, what comes out is carried out
// one `Ready` at a time: save, send, apply, advance, and now and then compact.
//
// Invariants: nothing that rests on a save is sent before it; the state machine stands exactly
// where the core believes; an error of the disk, of an entry or of the core ends the loop for good,
// and the process goes on serving what it has. Time comes in as ticks, of which a stall counts few.

import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { Clock, Logger, TimerHandle, Timers } from '../io/ports.ts';
import type { RaftEvent } from '../raft/events.ts';
import { type Membership, memberIds } from '../raft/membership.ts';
import {
  type Entry,
  type HardState,
  type Message,
  maySendBeforeSave,
  type Proposal,
  type Snapshot,
} from '../raft/messages.ts';
import type { SafetyRules } from '../raft/quorum.ts';
import { Raft, type RaftStatus, type Ready } from '../raft/raft.ts';
import type { ProposeOutcome } from '../raft/replication.ts';
import type { RaftOptions, SavedState } from '../raft/state.ts';
import { Farewells } from './farewells.ts';
import {
  heartbeatTicks,
  type RaftLimits,
  raftOptions,
  reportedTicksMax,
  restSilenceTicksMax,
  restTicks,
  silenceWhileBusyTicksMax,
} from './timing.ts';

/** What `storage/raft-log` offers; the simulator has one that lies. */
export interface DurableLog {
  save(batch: {
    readonly hardState: HardState | null;
    readonly entries: readonly Entry[];
    readonly mustSync: boolean;
  }): Promise<void>;
  installSnapshot(snapshot: Snapshot, hardState: HardState): Promise<void>;
  compact(snapshot: Snapshot): Promise<void>;
}

/** What committed entries are applied to, in order. Throws for what it cannot read. */
export interface StateMachine {
  readonly index: LogIndex;
  apply(entry: Entry): void;
  restore(snapshot: Snapshot): void;
  encode(): Uint8Array;
}

export interface DriverOptions {
  readonly id: PeerId;
  readonly tickMs: number;
  /** Entries applied between two compactions; 0 = never. */
  readonly compactEntries: number;
  /** Appends taken in while the disk is busy; more are dropped, and come again. */
  readonly inboxCountMax: number;
  readonly seed: number;
  readonly rules: SafetyRules;
  readonly limits: RaftLimits;
}

export interface DriverPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly durable: DurableLog;
  readonly machine: StateMachine;
  readonly send: (message: Message) => void;
  readonly sendSnapshot: (message: Message) => Promise<boolean>;
  /** After every round and every tick: look at what may have changed. */
  readonly afterRound: () => void;
}

export type DriverStatus =
  | { readonly kind: 'working' }
  /** This peer was removed, or the process ends. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'stopped_with_err'; readonly error: string };

const applySliceMs = 20;
/** How many entries are applied between two looks at the clock. */
const applySliceCount = 16;

export class RaftDriver {
  readonly #options: DriverOptions;
  readonly #ports: DriverPorts;
  readonly #raftOptions: RaftOptions;
  readonly #raft: Raft;
  readonly #farewells: Farewells;
  #status: DriverStatus = { kind: 'working' };
  #isRunning = false;
  #timer: TimerHandle | null = null;
  #tickedAtMs = 0;
  /** The timer that waits was set for so many. */
  #timedTicks = 1;
  #tickCount = 0;
  /** When the `Ready` in hand was taken; `null` between two. */
  #busySinceTick: number | null = null;
  #backlogCount = 0;
  #leaderHeardTick = 0;
  #hardState: HardState;
  #snapshotIndex: LogIndex;
  #lastUpdateMs: number;
  #wantsCompaction = false;
  /** In `#hardState` is what may still be on its way to the disk. */
  #termOnDisk: Term;
  /** Alone, this peer need not wait for silence to lead; tried once. */
  #mayLeadAlone = true;
  #round: Promise<void> = Promise.resolve();

  constructor(options: DriverOptions, saved: SavedState, ports: DriverPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#raftOptions = raftOptions(options.id, options.seed, options.limits);
    this.#raft = new Raft(this.#raftOptions, saved, options.rules);
    this.#farewells = new Farewells();
    this.#hardState = saved.hardState;
    this.#termOnDisk = saved.hardState.term;
    this.#snapshotIndex = saved.base.index;
    this.#lastUpdateMs = ports.clock.nowMs();
  }

  start(): void {
    this.#tickedAtMs = this.#ports.clock.monotonicMs();
    this.#schedule();
    this.#wake();
    if (!this.#isRunning) this.#leadAlone();
  }

  get status(): DriverStatus {
    return this.#status;
  }

  get isWorking(): boolean {
    return this.#status.kind === 'working';
  }

  get raftStatus(): RaftStatus {
    return this.#raft.status();
  }

  get tickCount(): number {
    return this.#tickCount;
  }

  /** Ticks since a leader was last heard of; 0 on a leader. */
  get silenceTicks(): number {
    return this.#tickCount - this.#leaderHeardTick;
  }

  /** Wall time of the last round that did something. */
  get lastUpdateMs(): number {
    return this.#lastUpdateMs;
  }

  /** For tests: all entries that are not compacted. */
  get entries(): readonly Entry[] {
    return this.#raft.entries();
  }

  receive(message: Message): void {
    if (!this.isWorking || message.to !== this.#options.id || !this.#accepts(message)) return;
    if (isFromLeader(message)) this.#leaderHeardTick = this.#tickCount;
    this.#guard(() => {
      this.#raft.step(message);
      this.#answerWhileBusy(message);
    });
    this.#wake();
  }

  /** Only a leader takes proposals here: others ask it, naming the term. */
  propose(proposals: readonly Proposal[]): ProposeOutcome {
    const outcome = this.#raft.propose(proposals);
    this.#takeEvents();
    this.#wake();
    return outcome;
  }

  /** A leader lets the voter that has the most lead instead. False: there is none, or no need. */
  handOver(): boolean {
    const { role, membership, progress } = this.#raft.status();
    if (!this.isWorking || role !== 'leader') return false;
    const match = (id: PeerId): number => progress.get(id)?.matchIndex ?? 0;
    const [target] = membership.voters
      .filter((id) => id !== this.#options.id && progress.get(id)?.isActive === true)
      .toSorted((a, b) => match(b) - match(a));
    if (target === undefined) return false;
    this.#guard(() => this.#raft.transferLeadership(target));
    this.#wake();
    return true;
  }

  unreachable(peerId: PeerId): void {
    if (!this.isWorking) return;
    this.#raft.reportUnreachable(peerId);
    this.#takeEvents();
  }

  /** The state machine was replaced behind the log's back: it must not grow from the log again. */
  compactSoon(): void {
    this.#wantsCompaction = true;
    this.#wake();
  }

  /** Resolves when the round that runs has ended. */
  async stop(): Promise<void> {
    this.#end({ kind: 'stopped' });
    await this.#round;
  }

  /** This peer is no member any more. */
  leave(): void {
    this.#end({ kind: 'stopped' });
  }

  #accepts(message: Message): boolean {
    switch (message.kind) {
      case 'propose':
      case 'transfer':
      case 'read_index':
      case 'read_index_response':
        // Proposals travel with their ids, outside of Raft; the others nobody sends.
        return false;
      case 'vote_request':
        // Who is asked for a vote was a voter, and a voter without a log has lost it: a vote that
        // it gave before is forgotten, and it must not give another.
        return this.#raft.status().last.index > 0;
      case 'append':
        if (this.#busySinceTick === null || message.entries.length === 0) return true;
        this.#backlogCount += 1;
        return this.#backlogCount <= this.#options.inboxCountMax;
      default:
        return true;
    }
  }

  #schedule(): void {
    this.#timedTicks = this.#isCalm() ? restTicks : 1;
    const delayMs = this.#timedTicks * this.#options.tickMs;
    this.#timer = this.#ports.timers.setTimeout(() => this.#onTimer(), delayMs);
  }

  /** Nothing is expected of the next tick alone: fewer wake-ups are all there is to gain. */
  #isCalm(): boolean {
    return (
      !this.#isRunning &&
      this.#raft.status().leaderId !== null &&
      this.silenceTicks < restSilenceTicksMax
    );
  }

  #onTimer(): void {
    if (!this.isWorking) return;
    const elapsedMs = this.#ports.clock.monotonicMs() - this.#tickedAtMs;
    if (elapsedMs < (this.#timedTicks + 2) * this.#options.tickMs) return this.#tick();
    // The loop stood still, so what others sent meanwhile still waits in the sockets: hear it
    // first.
    const tick = async (): Promise<void> => {
      await this.#ports.timers.yieldToOthers();
      await this.#ports.timers.yieldToOthers();
      if (this.isWorking) this.#tick();
    };
    tick().catch((error: unknown) => this.#fail(error));
  }

  #tick(): void {
    const { tickMs } = this.#options;
    const elapsed = Math.floor((this.#ports.clock.monotonicMs() - this.#tickedAtMs) / tickMs);
    this.#tickedAtMs += elapsed * tickMs;
    const count = Math.min(elapsed, reportedTicksMax);
    this.#guard(() => {
      for (let at = 0; at < count; at += 1) {
        this.#tickCount += 1;
        this.#raft.tick();
        this.#keepAlive();
      }
      if (this.#raft.status().role === 'leader') this.#leaderHeardTick = this.#tickCount;
    });
    if (!this.isWorking) return;
    this.#ports.afterRound();
    this.#wake();
    if (this.isWorking) this.#schedule();
  }

  /** Runs a step of the core; what it asserts ends the loop, not the process. */
  #guard(step: () => void): void {
    try {
      step();
      this.#takeEvents();
    } catch (error) {
      this.#fail(error);
    }
  }

  #wake(): void {
    if (this.#isRunning || !this.isWorking) return;
    if (!this.#raft.hasReady && !this.#wantsCompaction) return;
    this.#isRunning = true;
    this.#round = this.#run();
  }

  async #run(): Promise<void> {
    try {
      // What comes in together is answered together.
      await Promise.resolve();
      while (this.isWorking && (this.#raft.hasReady || this.#wantsCompaction)) {
        if (this.#raft.hasReady) await this.#carryOut();
        if (this.isWorking) await this.#compact();
        if (this.#mayLeadAlone && !this.#raft.hasReady) this.#leadAlone();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Once what is committed is applied: who is alone finds nobody who could object. */
  #leadAlone(): void {
    this.#mayLeadAlone = false;
    const { membership, role } = this.#raft.status();
    const isAlone = memberIds(membership).length === 1 && membership.voters[0] === this.#options.id;
    if (!isAlone || role !== 'follower') return;
    this.#guard(() => this.#raft.campaign());
    this.#wake();
  }

  async #carryOut(): Promise<void> {
    this.#busySinceTick = this.#tickCount;
    const ready = this.#raft.ready();
    const isEarly = removesNobody(ready)
      ? maySendBeforeSave
      : (message: Message): boolean => message.kind === 'snapshot';
    for (const message of ready.messages) if (isEarly(message)) this.#send(message);
    await this.#save(ready);
    if (!this.isWorking) return;
    for (const message of ready.messages) if (!isEarly(message)) this.#send(message);
    if (ready.snapshot !== null) this.#ports.machine.restore(ready.snapshot);
    await this.#apply(ready.committed);
    if (!this.isWorking) return;
    const before = this.#raft.status();
    this.#guard(() => this.#raft.advance());
    if (!this.isWorking) return;
    this.#busySinceTick = null;
    this.#backlogCount = 0;
    this.#lastUpdateMs = this.#ports.clock.nowMs();
    this.#afterMembership(before, ready.committed);
    this.#ports.afterRound();
  }

  async #save({ hardState, snapshot, entries, mustSync }: Ready): Promise<void> {
    const { durable } = this.#ports;
    if (hardState !== null) this.#hardState = hardState;
    if (snapshot !== null) {
      await durable.installSnapshot(snapshot, this.#hardState);
      this.#snapshotIndex = snapshot.index;
      if (entries.length > 0) {
        await durable.save({ hardState: this.#hardState, entries, mustSync });
      }
    } else if (hardState !== null || entries.length > 0) {
      await durable.save({ hardState, entries, mustSync });
    }
    this.#termOnDisk = this.#hardState.term;
  }

  async #apply(committed: readonly Entry[]): Promise<void> {
    const { machine, clock, timers } = this.#ports;
    let sliceStartMs = clock.monotonicMs();
    for (const [at, entry] of committed.entries()) {
      machine.apply(entry);
      if (at % applySliceCount !== applySliceCount - 1) continue;
      if (clock.monotonicMs() - sliceStartMs < applySliceMs) continue;
      await timers.yieldToOthers();
      if (!this.isWorking) return;
      sliceStartMs = clock.monotonicMs();
    }
  }

  #afterMembership(before: RaftStatus, committed: readonly Entry[]): void {
    const { membership, role, appliedIndex } = this.#raft.status();
    if (membership === before.membership) return;
    this.#ports.log.info('The membership of the cluster has changed', {
      index: appliedIndex,
      ...describeMembership(membership),
    });
    if (appliedIndex > 0 && !memberIds(membership).includes(this.#options.id)) {
      this.#ports.log.warn('This peer was removed from the cluster and takes no part any more');
      return this.leave();
    }
    if (role !== 'leader') return;
    const removed = memberIds(before.membership).filter(
      (id) => !memberIds(membership).includes(id),
    );
    const index = committed.at(-1)?.index ?? appliedIndex;
    for (const id of removed) {
      const matchIndex = before.progress.get(id)?.matchIndex ?? 0;
      this.#farewells.add(id, matchIndex, index);
    }
    this.#sendFarewells();
  }

  /** Who was removed shall learn it from the leader that removed it. */
  #sendFarewells(): void {
    if (this.#farewells.isEmpty) return;
    const { role, hardState } = this.#raft.status();
    if (role !== 'leader') return this.#farewells.clear();
    const { term } = hardState;
    const messages = this.#farewells.take(this.#options.id, term, this.#raft.entries());
    for (const message of messages) this.#ports.send(message);
  }

  async #compact(): Promise<void> {
    const { compactEntries } = this.#options;
    const { machine, durable } = this.#ports;
    const isDue = compactEntries > 0 && machine.index - this.#snapshotIndex >= compactEntries;
    if (!isDue && !this.#wantsCompaction) return;
    const { firstIndex, appliedIndex } = this.#raft.status();
    // The core has gone on to a snapshot of the leader, and waits for it to be saved.
    if (appliedIndex + 1 < firstIndex) return;
    this.#wantsCompaction = false;
    const snapshot = { ...this.#raft.snapshot(), data: machine.encode() };
    await durable.compact(snapshot);
    this.#snapshotIndex = snapshot.index;
    if (!this.isWorking) return;
    // Many stay in memory, so that who lags need not take a snapshot: what it proposed itself might
    // be in there, and it could not tell.
    const keptCount = this.#options.limits.keptEntryCount;
    this.#guard(() => this.#raft.compact(Math.max(0, snapshot.index - keptCount)));
  }

  #send(message: Message): void {
    if (message.kind !== 'snapshot') return this.#ports.send(message);
    // The machine stands where the core stood when it made this message.
    const data = this.#ports.machine.encode();
    const report = async (): Promise<void> => {
      const snapshot = { ...message.snapshot, data };
      const isDelivered = await this.#ports.sendSnapshot({ ...message, snapshot });
      if (!this.isWorking) return;
      this.#guard(() => this.#raft.reportSnapshot(message.to, isDelivered));
      this.#wake();
    };
    report().catch((error: unknown) => this.#fail(error));
  }

  /**
   * A slow disk is no reason for an election: while it works, a leader says that it is there, and a
   * follower answers. Neither promises anything by that. After a while silence is the truth.
   */
  #keepAlive(): void {
    if (this.#tickCount % heartbeatTicks !== 0) return;
    this.#sendFarewells();
    const busyTicks = this.#busyTicks;
    if (busyTicks < heartbeatTicks || busyTicks > silenceWhileBusyTicksMax) return;
    const { role, hardState, membership } = this.#raft.status();
    if (role !== 'leader') return;
    const from = this.#options.id;
    const { term } = hardState;
    for (const to of memberIds(membership)) {
      if (to === from) continue;
      this.#ports.send({ kind: 'heartbeat', from, to, term, commitIndex: 0, readSequence: 0 });
    }
  }

  #answerWhileBusy(message: Message): void {
    const busyTicks = this.#busyTicks;
    if (busyTicks < heartbeatTicks || busyTicks > silenceWhileBusyTicksMax) return;
    // Only where the term is on disk: an answer says that this peer has seen it.
    const { term, from } = message;
    if (message.kind !== 'heartbeat' || term !== this.#termOnDisk) return;
    if (this.#raft.status().hardState.term !== term) return;
    const own = this.#options.id;
    this.#ports.send({ kind: 'heartbeat_response', from: own, to: from, term, readSequence: 0 });
  }

  get #busyTicks(): number {
    return this.#busySinceTick === null ? 0 : this.#tickCount - this.#busySinceTick;
  }

  #takeEvents(): void {
    for (const event of this.#raft.takeEvents()) this.#noteEvent(event);
  }

  #noteEvent(event: RaftEvent): void {
    const { log } = this.#ports;
    switch (event.kind) {
      case 'became':
        if (event.role === 'leader') log.info('This peer leads the cluster', { term: event.term });
        return;
      case 'quorum_lost':
        log.warn('This peer leads no longer: most of the others do not answer');
        return;
      case 'log_lost':
        this.#fail(
          new Error(
            `The log of this peer ends at ${event.lastIndex}, but it had confirmed entries up to ` +
              `${event.commitIndex}: its disk lost data. Remove this peer from the cluster, ` +
              `empty its storage, and let it join again`,
          ),
        );
        return;
      case 'membership_refused':
        log.info('A change of the membership is refused for now', { reason: event.reason });
        return;
      default:
    }
  }

  #fail(error: unknown): void {
    if (!this.isWorking) return;
    const text = error instanceof Error ? error.message : String(error);
    this.#ports.log.error('Consensus has stopped on this peer', { error });
    this.#end({ kind: 'stopped_with_err', error: text });
  }

  #end(status: DriverStatus): void {
    if (!this.isWorking) return;
    this.#status = status;
    if (this.#timer !== null) this.#ports.timers.clear(this.#timer);
    this.#timer = null;
    this.#ports.afterRound();
  }
}

/**
 * False where a change of the membership may become known as committed by this round. Who hears
 * that it was removed takes no part any more, so by then the others must not need it to find that
 * out: here it has to be on disk first.
 */
function removesNobody({ committed, hardState }: Ready): boolean {
  if (committed.some(({ kind }) => kind === 'membership')) return false;
  // Not all that is committed fits into this round.
  const last = committed.at(-1);
  return hardState === null || last === undefined || last.index === hardState.commitIndex;
}

function isFromLeader({ kind }: Message): boolean {
  return kind === 'append' || kind === 'heartbeat' || kind === 'snapshot';
}

function describeMembership({ voters, learners }: Membership): Record<string, string> {
  return { voters: voters.join(' '), learners: learners.join(' ') };
}
