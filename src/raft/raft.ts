// The algorithm's door. Put in messages (`step`), ticks and wishes; take out a `Ready`, carry it
// out in the order of its fields, and say so with `advance`. No clock, disk, promise or port.
//
//   loop: step/tick/propose… → ready() → save → send → apply committed → advance()
//
// Between `ready` and `advance` everything but a second `ready` may be called: a driver need not
// stop listening while its disk works. Ongaro, "Consensus: bridging theory and practice" (2014),
// is the thesis that the comments of this folder cite.

import { assert, unreachable } from '../base/assert.ts';
import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import {
  campaign,
  countOwnVote,
  emitVoteDecision,
  handleVoteRequest,
  handleVoteResponse,
  isTooEarly,
  runningVote,
} from './election.ts';
import type { RaftEvent } from './events.ts';
import { followLeader, handleAppend, handleHeartbeat, handleSnapshot } from './follower.ts';
import { changeMembership, type Membership } from './membership.ts';
import type {
  Entry,
  EntryPosition,
  HardState,
  Message,
  Proposal,
  Snapshot,
  VoteKind,
} from './messages.ts';
import type { ProgressView } from './progress.ts';
import { type SafetyRules, soundRules } from './quorum.ts';
import {
  abortTransfer,
  actOnMembership,
  broadcastHeartbeat,
  currentSnapshot,
  dropProposal,
  handleAppendResponse,
  handleHeartbeatResponse,
  handleRead,
  hasActiveQuorum,
  type ProposeOutcome,
  proposeAsLeader,
  reportSnapshot,
  reportUnreachable,
  savedOwnEntries,
  startTransfer,
  uncommittedBytesOf,
} from './replication.ts';
import {
  type ConfirmedRead,
  type RaftOptions,
  RaftState,
  type Role,
  type SavedState,
} from './state.ts';

export interface SoftState {
  readonly leaderId: PeerId | null;
  readonly role: Role;
}

/** What is to be done, in this order. */
export interface Ready {
  /** Who leads, where that has changed. Needs no saving. */
  readonly softState: SoftState | null;
  /** To save, with `entries` and `snapshot`, where it has changed. */
  readonly hardState: HardState | null;
  /** To save first: it replaces the whole log and state machine before it. */
  readonly snapshot: Snapshot | null;
  /** To save: the first one replaces what is on disk at its index and after it. */
  readonly entries: readonly Entry[];
  /** What must be on disk for good (fsync) before `messages` are sent. */
  readonly mustSync: boolean;
  /** To send once that is saved; some may go before (`maySendBeforeSave`). */
  readonly messages: readonly Message[];
  /** To apply in order. */
  readonly committed: readonly Entry[];
  /** Reads that may be answered once their index is applied. */
  readonly reads: readonly ConfirmedRead[];
}

export interface RaftStatus {
  readonly id: PeerId;
  readonly role: Role;
  readonly leaderId: PeerId | null;
  readonly hardState: HardState;
  readonly appliedIndex: LogIndex;
  readonly firstIndex: LogIndex;
  readonly last: EntryPosition;
  readonly membership: Membership;
  readonly transferTarget: PeerId | null;
  /** Only a leader knows. */
  readonly progress: ReadonlyMap<PeerId, ProgressView>;
}

/** What a `Ready` in the hands of the driver promised. */
interface Pending {
  readonly lastSaved: EntryPosition | null;
  readonly snapshotIndex: LogIndex | null;
  readonly committed: readonly Entry[];
  readonly ownVote: { readonly vote: VoteKind; readonly term: Term } | null;
}

export class Raft {
  readonly #state: RaftState;
  #softBefore: SoftState;
  #hardBefore: HardState;
  #pending: Pending | null = null;

  constructor(options: RaftOptions, saved: SavedState, rules: SafetyRules = soundRules) {
    this.#state = new RaftState(options, saved, rules);
    const { log, term, membership } = this.#state;
    this.#state.emit({
      kind: 'started',
      membership,
      term,
      commitIndex: log.commitIndex,
      appliedIndex: log.appliedIndex,
      last: log.last,
    });
    this.#softBefore = this.#softState();
    this.#hardBefore = this.#state.hardState;
  }

  status(): RaftStatus {
    const state = this.#state;
    const progress = new Map<PeerId, ProgressView>();
    if (state.role === 'leader') {
      for (const [id, one] of state.progress) progress.set(id, one.view());
    }
    return {
      id: state.id,
      role: state.role,
      leaderId: state.leaderId,
      hardState: state.hardState,
      appliedIndex: state.log.appliedIndex,
      firstIndex: state.log.firstIndex,
      last: state.log.last,
      membership: state.membership,
      transferTarget: state.transferTarget,
      progress,
    };
  }

  /** What has happened since the last call. */
  takeEvents(): readonly RaftEvent[] {
    const { events } = this.#state;
    this.#state.events = [];
    return events;
  }

  /** One unit of time has passed. */
  tick(): void {
    const state = this.#state;
    state.electionElapsedTicks += 1;
    if (state.role === 'leader') {
      tickLeader(state);
    } else if (state.isPromotable && state.isElectionDue) {
      state.electionElapsedTicks = 0;
      campaign(state, false);
    }
  }

  /** A message of another peer. `unknown_peer`: an answer of who is no member; ignored. */
  step(message: Message): 'handled' | 'unknown_peer' {
    const state = this.#state;
    assert(message.to === state.id, () => `message for ${message.to} at ${state.id}`);
    const isAnswer =
      message.kind === 'append_response' ||
      message.kind === 'vote_response' ||
      message.kind === 'heartbeat_response';
    if (isAnswer && !state.progress.has(message.from)) return 'unknown_peer';
    if (agreesOnTerm(state, message)) dispatch(state, message);
    return 'handled';
  }

  /** Asks the group to append these, all or none. Where it ends up shows in `committed`. */
  propose(proposals: readonly Proposal[]): ProposeOutcome {
    return propose(this.#state, proposals);
  }

  /** Holds an election at once, e.g. where no other peer is known. */
  campaign(): void {
    campaign(this.#state, false);
  }

  transferLeadership(target: PeerId): void {
    transfer(this.#state, target);
  }

  /**
   * The answer comes in `Ready.reads`, or not at all: ask again after a time. A number must not be
   * used twice by one peer, not even after a restart: an old answer would pass for the new one.
   */
  readIndex(requestId: number): 'asked' | 'no_leader' {
    return read(this.#state, { from: this.#state.id, requestId });
  }

  reportUnreachable(peerId: PeerId): void {
    reportUnreachable(this.#state, peerId);
  }

  /**
   * The snapshot that was to be sent has been delivered, or never will be. Must be called for each
   * one in the end: until then its receiver is sent nothing else.
   */
  reportSnapshot(peerId: PeerId, isDelivered: boolean): void {
    reportSnapshot(this.#state, peerId, isDelivered);
  }

  /** Forgets entries up to `index`, which must be applied and kept elsewhere as a snapshot. */
  compact(index: LogIndex): boolean {
    return this.#state.log.compact(index);
  }

  /** Term and membership of what is applied; the caller adds the bytes. */
  snapshot(): Snapshot {
    return currentSnapshot(this.#state);
  }

  /** For tests and tools: all entries that are not compacted. */
  entries(): readonly Entry[] {
    const { log } = this.#state;
    return log.entriesFrom(log.firstIndex, Number.POSITIVE_INFINITY);
  }

  /** For tests and tools: fixes the random part of the running timeout. */
  setElectionDueTicks(ticks: number): void {
    this.#state.electionDueTicks = ticks;
  }

  get hasReady(): boolean {
    const state = this.#state;
    const { log } = state;
    return (
      state.messages.length > 0 ||
      state.responses.length > 0 ||
      state.confirmedReads.length > 0 ||
      log.pendingSnapshot !== null ||
      log.stableIndex < log.lastIndex ||
      log.appliedIndex < log.commitIndex ||
      !isSameSoftState(this.#softBefore, this.#softState()) ||
      !isSameHardState(this.#hardBefore, state.hardState)
    );
  }

  ready(): Ready {
    assert(this.#pending === null, 'the last Ready has not been carried out');
    const state = this.#state;
    const { log } = state;
    const softState = this.#softState();
    const { hardState } = state;
    const entries = log.unsaved();
    const committed = log.applicable(state.options.committedBytesMax);
    const before = this.#hardBefore;
    const ready: Ready = {
      softState: isSameSoftState(this.#softBefore, softState) ? null : softState,
      hardState: isSameHardState(before, hardState) ? null : hardState,
      snapshot: log.pendingSnapshot,
      entries,
      mustSync:
        entries.length > 0 ||
        log.pendingSnapshot !== null ||
        // Who was removed may be gone for good, so nobody may have to ask it again.
        committed.some((entry) => entry.kind === 'membership') ||
        hardState.term !== before.term ||
        hardState.vote !== before.vote,
      messages: [...state.messages, ...state.responses].map((message) => renewed(state, message)),
      committed,
      reads: state.confirmedReads,
    };
    const vote = state.votes.has(state.id) ? null : runningVote(state);
    this.#pending = {
      lastSaved: entries.at(-1) ?? null,
      snapshotIndex: log.pendingSnapshot?.index ?? null,
      committed,
      ownVote: vote === null ? null : { vote, term: state.term },
    };
    this.#softBefore = softState;
    this.#hardBefore = hardState;
    state.messages = [];
    state.responses = [];
    state.confirmedReads = [];
    for (const entry of committed) state.uncommittedBytes -= uncommittedBytesOf(entry);
    state.uncommittedBytes = Math.max(0, state.uncommittedBytes);
    return ready;
  }

  /** The last `Ready` has been saved, sent and applied. */
  advance(): void {
    const pending = this.#pending;
    assert(pending !== null, 'there is no Ready to carry out');
    this.#pending = null;
    const state = this.#state;
    if (pending.snapshotIndex !== null) state.log.snapshotSaved(pending.snapshotIndex);
    if (pending.lastSaved !== null) state.log.saved(pending.lastSaved);
    applied(state, pending.committed);
    if (pending.ownVote !== null) countOwnVote(state, pending.ownVote.vote, pending.ownVote.term);
    savedOwnEntries(state);
    leaveJointByItself(state);
  }

  #softState(): SoftState {
    return { leaderId: this.#state.leaderId, role: this.#state.role };
  }
}

function tickLeader(state: RaftState): void {
  const { electionTicks, heartbeatTicks, checkQuorum } = state.options;
  state.heartbeatElapsedTicks += 1;
  if (state.electionElapsedTicks >= electionTicks) {
    state.electionElapsedTicks = 0;
    if (checkQuorum && !hasActiveQuorum(state)) {
      state.emit({ kind: 'quorum_lost' });
      state.becomeFollower(state.term, null);
      return;
    }
    abortTransfer(state);
  }
  if (state.heartbeatElapsedTicks >= heartbeatTicks) {
    state.heartbeatElapsedTicks = 0;
    broadcastHeartbeat(state);
  }
}

/** Brings both to one term; false if the message belongs to another time. */
function agreesOnTerm(state: RaftState, message: Message): boolean {
  const isPassedOn =
    message.kind === 'propose' || message.kind === 'transfer' || message.kind === 'read_index';
  if (isPassedOn || message.term === state.term) return true;
  return message.term > state.term ? acceptsHigher(state, message) : acceptsLower(state, message);
}

function acceptsHigher(state: RaftState, message: Message): boolean {
  if (message.kind === 'vote_request') {
    if (isTooEarly(state, message)) {
      emitVoteDecision(state, message, 'too_early');
      return false;
    }
    // A pre-vote's term is a plan: nobody has it yet.
    if (message.vote === 'pre_vote') return true;
  }
  // So is the term in the answer that would let us have it.
  const isPlan =
    message.kind === 'vote_response' && message.vote === 'pre_vote' && message.isGranted;
  if (isPlan) return true;
  const { from, term: messageTerm } = message;
  state.emit({ kind: 'higher_term', message, from, messageTerm, term: state.term });
  const isOfLeader =
    message.kind === 'append' || message.kind === 'heartbeat' || message.kind === 'snapshot';
  state.becomeFollower(message.term, isOfLeader ? message.from : null);
  return true;
}

function acceptsLower(state: RaftState, message: Message): boolean {
  const { checkQuorum, preVote } = state.options;
  const isOfLeader = message.kind === 'append' || message.kind === 'heartbeat';
  if (isOfLeader && (checkQuorum || preVote)) {
    // An old leader that would not hear of our term by any election: it may be us who came back
    // with a higher term and cannot win one. Our answer makes it step down.
    state.respond(message.from, { kind: 'append_response', index: 0, rejection: null });
  } else if (message.kind === 'vote_request' && message.vote === 'pre_vote') {
    emitVoteDecision(state, message, 'rejected');
    const body = { kind: 'vote_response', vote: 'pre_vote', isGranted: false } as const;
    state.respond(message.from, body);
  } else {
    const { from, term: messageTerm } = message;
    state.emit({ kind: 'lower_term', message, from, messageTerm, term: state.term });
  }
  return false;
}

function dispatch(state: RaftState, message: Message): void {
  const { from } = message;
  switch (message.kind) {
    case 'vote_request':
      return handleVoteRequest(state, message);
    case 'vote_response':
      return handleVoteResponse(state, from, message);
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      return handleLeader(state, message);
    case 'append_response':
      if (state.role === 'leader') handleAppendResponse(state, from, message);
      return;
    case 'heartbeat_response':
      if (state.role === 'leader') handleHeartbeatResponse(state, from, message);
      return;
    case 'timeout_now':
      return handleTimeoutNow(state, from);
    case 'propose':
      propose(state, message.proposals);
      return;
    case 'transfer':
      return transfer(state, message.target);
    case 'read_index':
      read(state, { from, requestId: message.requestId });
      return;
    case 'read_index_response':
      state.confirmedReads.push({ requestId: message.requestId, index: message.index });
      return;
    default:
      unreachable(message);
  }
}

function handleLeader(
  state: RaftState,
  message: Extract<Message, { kind: 'append' | 'heartbeat' | 'snapshot' }>,
): void {
  // Two leaders of one term cannot be; if they are, believing the other one would hide it.
  if (state.role === 'leader') return;
  const { from } = message;
  followLeader(state, from);
  if (message.kind === 'append') handleAppend(state, from, message);
  else if (message.kind === 'heartbeat') handleHeartbeat(state, from, message);
  else handleSnapshot(state, from, message.snapshot);
}

function handleTimeoutNow(state: RaftState, from: PeerId): void {
  if (state.role !== 'follower') return;
  state.emit({ kind: 'timeout_now_received', from, term: state.term });
  campaign(state, true);
}

function propose(state: RaftState, proposals: readonly Proposal[]): ProposeOutcome {
  if (state.role === 'leader') return proposeAsLeader(state, proposals);
  const { leaderId } = state;
  if (leaderId === null) return dropProposal(state, 'no_leader');
  state.send(leaderId, { kind: 'propose', proposals }, 0);
  return { kind: 'forwarded', leaderId };
}

function transfer(state: RaftState, target: PeerId): void {
  if (state.role === 'leader') startTransfer(state, target);
  else if (state.leaderId === null) state.emit({ kind: 'transfer_dropped', term: state.term });
  else state.send(state.leaderId, { kind: 'transfer', target }, 0);
}

function read(
  state: RaftState,
  request: { readonly from: PeerId; readonly requestId: number },
): 'asked' | 'no_leader' {
  if (state.role === 'leader') {
    handleRead(state, request);
    return 'asked';
  }
  if (state.leaderId === null || request.from !== state.id) {
    // A follower that was asked as if it led drops the question: the asker's leader is gone.
    state.emit({ kind: 'read_dropped', term: state.term });
    return 'no_leader';
  }
  state.send(state.leaderId, { kind: 'read_index', requestId: request.requestId }, 0);
  return 'asked';
}

/** Committed changes of the membership come into force, in their order, all at once. */
function applied(state: RaftState, committed: readonly Entry[]): void {
  const last = committed.at(-1);
  if (last === undefined) return;
  let isChanged = false;
  for (const entry of committed) {
    // A snapshot that came meanwhile knows better.
    if (entry.kind !== 'membership' || entry.index <= state.membershipIndex) continue;
    const outcome = changeMembership(state.membership, entry.change);
    if (outcome.kind === 'faulty') {
      state.emit({ kind: 'membership_skipped', index: entry.index, fault: outcome.fault });
    } else {
      state.useMembership(outcome.membership, entry.index);
      isChanged = true;
    }
  }
  state.log.applied(last.index);
  if (isChanged) actOnMembership(state);
}

function leaveJointByItself(state: RaftState): void {
  const { membership, log } = state;
  const isDue =
    state.role === 'leader' &&
    membership.leavesByItself &&
    log.appliedIndex >= state.pendingMembershipIndex;
  if (!isDue) return;
  state.emit({ kind: 'leaving_joint', membership });
  const change = { transition: 'auto', changes: [] } as const;
  proposeAsLeader(state, [{ kind: 'membership', change, data: new Uint8Array(0) }]);
}

/** A snapshot that waited to be sent becomes one of what is applied by now. */
function renewed(state: RaftState, message: Message): Message {
  if (message.kind !== 'snapshot' || message.snapshot.index >= state.log.appliedIndex) {
    return message;
  }
  return { ...message, snapshot: currentSnapshot(state) };
}

function isSameSoftState(a: SoftState, b: SoftState): boolean {
  return a.leaderId === b.leaderId && a.role === b.role;
}

function isSameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commitIndex === b.commitIndex;
}
