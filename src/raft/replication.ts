// The leader's side: take proposals, send entries and snapshots, hear the answers, commit. Calls
// nothing of elections. Invariant: what is sent to a follower is decided by its `Progress` alone.

import { assert } from '../base/assert.ts';
import type { LogIndex, PeerId } from '../base/ids.ts';
import type { DropReason, MembershipRefusal, TransferRefusal } from './events.ts';
import {
  asksToLeave,
  changeMembership,
  isJoint,
  type MembershipChange,
  takesVoteOf,
} from './membership.ts';
import {
  type AppendResponseBody,
  type Entry,
  entryBytes,
  type HeartbeatResponseBody,
  type Proposal,
  type Snapshot,
} from './messages.ts';
import type { Progress } from './progress.ts';
import { quorumIndex } from './quorum.ts';
import type { ReadRequest } from './reads.ts';
import type { RaftState } from './state.ts';

const noBytes = new Uint8Array(0);

/** The first entry of a new leader: with it everything before commits (§5.4.2, §8). */
const emptyCommand: Proposal = { kind: 'command', data: noBytes };

/** Appends to the own log; it counts as this peer's copy once it is saved (`savedOwnEntries`). */
export function appendProposals(state: RaftState, proposals: readonly Proposal[]): void {
  assert(state.role === 'leader', () => `a ${state.role} appends nothing by itself`);
  const firstIndex = state.log.lastIndex + 1;
  const entries = proposals.map(
    (proposal, at): Entry => ({ ...proposal, term: state.term, index: firstIndex + at }),
  );
  state.log.extend(entries);
  for (const entry of entries) state.uncommittedBytes += uncommittedBytesOf(entry);
}

/** An empty entry weighs nothing: a new leader must be able to append one. */
export function uncommittedBytesOf(entry: Proposal): number {
  return entry.data.length === 0 && entry.kind === 'command' ? 0 : entryBytes(entry);
}

export function startLeading(state: RaftState): void {
  state.becomeLeader();
  // What the last leader left: it may take our vote away once it is committed.
  for (const entry of unappliedEntries(state)) {
    if (entry.kind !== 'membership') continue;
    if (takesVoteOf(entry.change, state.id)) state.ownRemovalIndex = entry.index;
  }
  appendProposals(state, [emptyCommand]);
  state.emit({ kind: 'became', role: 'leader', term: state.term });
  broadcastAppend(state);
}

function unappliedEntries(state: RaftState): readonly Entry[] {
  return state.log.entriesFrom(state.log.appliedIndex + 1, Number.POSITIVE_INFINITY);
}

export type ProposeOutcome =
  | { readonly kind: 'appended'; readonly index: LogIndex; readonly term: number }
  /** An empty entry stands in for the change. */
  | { readonly kind: 'refused'; readonly reason: MembershipRefusal }
  | { readonly kind: 'forwarded'; readonly leaderId: PeerId }
  | { readonly kind: 'dropped'; readonly reason: DropReason };

/** Takes all proposals or none. `index` of the outcome is the first one's. */
export function proposeAsLeader(state: RaftState, proposals: readonly Proposal[]): ProposeOutcome {
  assert(proposals.length > 0, 'nothing to propose');
  const dropReason = dropReasonFor(state, proposals);
  if (dropReason !== null) return dropProposal(state, dropReason);
  const firstIndex = state.log.lastIndex + 1;
  let refusal: MembershipRefusal | null = null;
  const accepted = proposals.map((proposal, at): Proposal => {
    if (proposal.kind === 'command') return proposal;
    const reason = membershipRefusal(state, proposal.change);
    if (reason === null) {
      noteMembership(state, proposal.change, firstIndex + at);
      return proposal;
    }
    refusal = reason;
    state.emit({
      kind: 'membership_refused',
      change: proposal.change,
      membership: state.membership,
      reason,
      pendingIndex: state.pendingMembershipIndex,
      appliedIndex: state.log.appliedIndex,
    });
    return emptyCommand;
  });
  appendProposals(state, accepted);
  broadcastAppend(state);
  if (refusal === 'handing_over') handOver(state);
  if (refusal !== null) return { kind: 'refused', reason: refusal };
  return { kind: 'appended', index: firstIndex, term: state.term };
}

export function dropProposal(state: RaftState, reason: DropReason): ProposeOutcome {
  const { term, transferTarget } = state;
  state.emit({ kind: 'proposal_dropped', reason, term, transferTarget });
  return { kind: 'dropped', reason };
}

function noteMembership(state: RaftState, change: MembershipChange, index: LogIndex): void {
  state.pendingMembershipIndex = index;
  if (takesVoteOf(change, state.id)) state.ownRemovalIndex = index;
}

function dropReasonFor(state: RaftState, proposals: readonly Proposal[]): DropReason | null {
  if (!state.progress.has(state.id)) return 'not_a_member';
  if (state.transferTarget !== null) return 'transfer_in_progress';
  if (isLeaving(state) && !proposals.every(isLeaveProposal)) return 'leaving';
  const bytes = proposals.reduce((sum, proposal) => sum + uncommittedBytesOf(proposal), 0);
  const { uncommittedBytes } = state;
  const isTooMuch =
    uncommittedBytes > 0 &&
    bytes > 0 &&
    uncommittedBytes + bytes > state.options.uncommittedBytesMax;
  return isTooMuch ? 'too_much_uncommitted' : null;
}

/**
 * The log of a leader that goes must end with its going: once that is committed, a majority has all
 * that it has, and can get its vote.
 */
function isLeaving(state: RaftState): boolean {
  return (
    state.options.ownRemoval === 'hands_over' && state.ownRemovalIndex > state.log.appliedIndex
  );
}

function isLeaveProposal(proposal: Proposal): boolean {
  return proposal.kind === 'membership' && asksToLeave(proposal.change);
}

/**
 * One change at a time: the next is judged by the membership that the last one makes, which is
 * known only once that one is applied.
 */
function membershipRefusal(state: RaftState, change: MembershipChange): MembershipRefusal | null {
  if (!state.options.validatesMembership) return null;
  if (state.pendingMembershipIndex > state.log.appliedIndex) return 'change_pending';
  if (isJoint(state.membership) && !asksToLeave(change)) return 'already_joint';
  const outcome = changeMembership(state.membership, change);
  if (outcome.kind === 'faulty') return outcome.fault;
  const isOwnRemoval =
    state.membership.voters.includes(state.id) && !outcome.membership.voters.includes(state.id);
  return isOwnRemoval && state.options.ownRemoval === 'hands_over' ? 'handing_over' : null;
}

/** To the voter that has the most, of those that are heard of. */
function handOver(state: RaftState): void {
  let target: PeerId | null = null;
  let targetMatch = -1;
  for (const id of state.membership.voters) {
    const progress = state.progress.get(id);
    if (id === state.id || progress === undefined) continue;
    const isBetter = progress.isActive && progress.matchIndex > targetMatch;
    if (!isBetter) continue;
    target = id;
    targetMatch = progress.matchIndex;
  }
  if (target !== null) startTransfer(state, target);
}

export function broadcastAppend(state: RaftState): void {
  for (const id of state.otherIds()) sendAppend(state, id);
}

/** Sends entries, or an empty append that only tells what is committed. */
export function sendAppend(state: RaftState, to: PeerId): boolean {
  return maybeSendAppend(state, to, true);
}

/** True if something was sent. */
export function maybeSendAppend(state: RaftState, to: PeerId, sendsEmpty: boolean): boolean {
  const progress = state.progress.get(to);
  if (progress === undefined || progress.isPaused) return false;
  const { log, options } = state;
  const prevIndex = progress.nextIndex - 1;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === null) return sendSnapshot(state, to, progress);
  // With the window full, an empty append still finds out whether all in flight was lost.
  const isThrottled = progress.mode === 'replicate' && progress.isInflightFull;
  const entries = isThrottled ? [] : log.entriesFrom(progress.nextIndex, options.appendBytesMax);
  if (entries.length === 0 && !sendsEmpty) return false;
  const commitIndex = log.commitIndex;
  state.send(to, { kind: 'append', prevIndex, prevTerm, entries, commitIndex });
  progress.sent(entries.length);
  progress.sentCommit(commitIndex);
  return true;
}

function sendSnapshot(state: RaftState, to: PeerId, progress: Progress): boolean {
  if (!progress.isActive) {
    state.emit({ kind: 'snapshot_postponed', peerId: to, progress: progress.view() });
    return false;
  }
  const snapshot = currentSnapshot(state);
  state.emit({
    kind: 'snapshot_sent',
    to,
    snapshot: { index: snapshot.index, term: snapshot.term },
    firstIndex: state.log.firstIndex,
    commitIndex: state.log.commitIndex,
    progress: progress.view(),
  });
  progress.becomeSnapshot(snapshot.index);
  state.emit({ kind: 'replication_paused', peerId: to, progress: progress.view() });
  state.send(to, { kind: 'snapshot', snapshot });
  return true;
}

/** Of what is applied; who sends or saves it fills in the bytes. */
export function currentSnapshot(state: RaftState): Snapshot {
  const index = state.log.appliedIndex;
  const term = state.log.termAt(index);
  assert(term !== null, () => `applied entry ${index} is compacted`);
  return { index, term, membership: state.membership, data: noBytes };
}

export function broadcastHeartbeat(state: RaftState): void {
  const readSequence = state.reads.newestSequence;
  for (const id of state.otherIds()) {
    const progress = state.progress.get(id);
    assert(progress !== undefined, () => `no progress of member ${id}`);
    // It may not have what is committed beyond its match, so it must not hear of it yet.
    const commitIndex = Math.min(progress.matchIndex, state.log.commitIndex);
    state.send(id, { kind: 'heartbeat', commitIndex, readSequence });
    progress.sentCommit(commitIndex);
  }
}

/** Counts copies; true if more is committed than before. */
export function maybeCommit(state: RaftState): boolean {
  const { log, membership, rules } = state;
  const index = quorumIndex(
    membership,
    (id) => state.progress.get(id)?.matchIndex ?? 0,
    rules.quorumCount,
  );
  if (index <= log.commitIndex || !Number.isFinite(index)) return false;
  const term = log.termAt(index);
  if (term === null || !rules.mayCommit(term, state.term)) return false;
  return log.commitTo(index);
}

/** More is committed: everybody may know, and early reads can be asked at last. */
function announceCommit(state: RaftState): void {
  for (const read of state.reads.takeEarly()) startRead(state, read);
  broadcastAppend(state);
}

/** This peer's own copies count as far as they are saved. */
export function savedOwnEntries(state: RaftState): void {
  if (state.role !== 'leader') return;
  const own = state.progress.get(state.id);
  if (own === undefined || !own.accepted(state.log.stableIndex)) return;
  if (maybeCommit(state)) announceCommit(state);
}

export function handleAppendResponse(
  state: RaftState,
  from: PeerId,
  message: AppendResponseBody,
): void {
  const progress = state.progress.get(from);
  if (progress === undefined) return;
  progress.isActive = true;
  if (message.rejection === null) handleAccepted(state, from, progress, message.index);
  else handleRejected(state, from, progress, message);
}

function handleRejected(
  state: RaftState,
  from: PeerId,
  progress: Progress,
  message: AppendResponseBody,
): void {
  const { index, rejection } = message;
  assert(rejection !== null, 'a rejection has a hint');
  const hint = { index: rejection.hintIndex, term: rejection.hintTerm };
  state.emit({ kind: 'rejection_received', from, index, hint });
  const probeIndex =
    hint.term > 0 ? state.log.agreementBefore(hint.index, hint.term).index : hint.index;
  if (!progress.rejected(index, probeIndex)) return;
  state.emit({ kind: 'progress_decreased', peerId: from, progress: progress.view() });
  if (progress.mode === 'replicate') progress.becomeProbe();
  sendAppend(state, from);
}

function handleAccepted(state: RaftState, from: PeerId, progress: Progress, index: LogIndex): void {
  const isNews = progress.accepted(index);
  // A follower that was only thought to be lost, or behind, proves by the same index that it is
  // not.
  const isFound = progress.mode !== 'replicate' && progress.matchIndex === index;
  if (!isNews && !isFound) return;
  updateMode(state, from, progress, index);
  if (maybeCommit(state)) announceCommit(state);
  else if (progress.canUseCommit(state.log.commitIndex)) sendAppend(state, from);
  // The answer may have made room for several messages.
  while (maybeSendAppend(state, from, false));
  if (from === state.transferTarget && progress.matchIndex === state.log.lastIndex) {
    state.emit({ kind: 'timeout_now_sent', target: from, isImmediate: false });
    state.send(from, { kind: 'timeout_now' });
  }
}

function updateMode(state: RaftState, from: PeerId, progress: Progress, index: LogIndex): void {
  if (progress.mode === 'probe') {
    progress.becomeReplicate();
  } else if (progress.mode === 'replicate') {
    progress.freeInflight(index);
  } else if (progress.matchIndex + 1 >= state.log.firstIndex) {
    // By our snapshot or another: what it lacks is in our log again.
    state.emit({ kind: 'snapshot_arrived', peerId: from, progress: progress.view() });
    progress.becomeProbe();
    progress.becomeReplicate();
  }
}

export function handleHeartbeatResponse(
  state: RaftState,
  from: PeerId,
  message: HeartbeatResponseBody,
): void {
  const progress = state.progress.get(from);
  if (progress === undefined) return;
  progress.isActive = true;
  progress.resume();
  if (progress.matchIndex < state.log.lastIndex || progress.mode === 'probe') {
    sendAppend(state, from);
  }
  if (message.readSequence > progress.ackedReadSequence) {
    progress.ackedReadSequence = message.readSequence;
    confirmReads(state);
  }
}

/** The sender's transport could not deliver: assume that what was in flight is lost. */
export function reportUnreachable(state: RaftState, peerId: PeerId): void {
  const progress = state.progress.get(peerId);
  if (state.role !== 'leader' || progress === undefined) return;
  if (progress.mode === 'replicate') progress.becomeProbe();
  state.emit({ kind: 'peer_unreachable', peerId, progress: progress.view() });
}

export function reportSnapshot(state: RaftState, peerId: PeerId, isDelivered: boolean): void {
  const progress = state.progress.get(peerId);
  if (state.role !== 'leader' || progress?.mode !== 'snapshot') return;
  if (isDelivered) {
    progress.becomeProbe();
    // Its answer, or the next heartbeat's, goes on from here.
    progress.pause();
  } else {
    progress.failSnapshot();
  }
  const kind = isDelivered ? 'snapshot_succeeded' : 'snapshot_failed';
  state.emit({ kind, peerId, progress: progress.view() });
}

/** Has a majority been heard of since the last check? */
export function hasActiveQuorum(state: RaftState): boolean {
  const result = state.quorumVote(
    (id) => id === state.id || (state.progress.get(id)?.isActive ?? false),
  );
  for (const [id, progress] of state.progress) if (id !== state.id) progress.isActive = false;
  return result === 'won';
}

/** Is an entry of this term committed? Before that a leader does not know what is. */
function knowsCommit(state: RaftState): boolean {
  return state.log.termAt(state.log.commitIndex) === state.term;
}

export function handleRead(state: RaftState, request: ReadRequest): void {
  if (!knowsCommit(state)) state.reads.addEarly(request);
  else startRead(state, request);
}

function startRead(state: RaftState, request: ReadRequest): void {
  state.reads.add(request, state.log.commitIndex);
  const own = state.progress.get(state.id);
  if (own !== undefined) own.ackedReadSequence = state.reads.newestSequence;
  broadcastHeartbeat(state);
  // Alone, this peer is its own majority.
  confirmReads(state);
}

function confirmReads(state: RaftState): void {
  const sequence = quorumIndex(
    state.membership,
    (id) => state.progress.get(id)?.ackedReadSequence ?? 0,
    state.rules.quorumCount,
  );
  for (const { from, requestId, index } of state.reads.take(sequence)) {
    if (from === state.id) state.confirmedReads.push({ requestId, index });
    else state.send(from, { kind: 'read_index_response', requestId, index });
  }
}

/** Makes another peer lead: it is brought up to date and then told to hold an election (§3.10). */
export function startTransfer(state: RaftState, target: PeerId): void {
  const { term } = state;
  const progress = state.progress.get(target);
  const refusal = transferRefusal(state, target, progress);
  if (refusal !== null || progress === undefined) {
    state.emit({ kind: 'transfer_refused', reason: refusal ?? 'unknown_peer', target, term });
    return;
  }
  if (state.transferTarget !== null) abortTransfer(state);
  state.emit({ kind: 'transfer_started', target, term });
  // It has one election timeout, after which proposals are taken again.
  state.electionElapsedTicks = 0;
  state.transferTarget = target;
  if (progress.matchIndex === state.log.lastIndex) {
    state.emit({ kind: 'timeout_now_sent', target, isImmediate: true });
    state.send(target, { kind: 'timeout_now' });
  } else {
    sendAppend(state, target);
  }
}

function transferRefusal(
  state: RaftState,
  target: PeerId,
  progress: Progress | undefined,
): TransferRefusal | null {
  if (progress === undefined) return 'unknown_peer';
  if (progress.isLearner) return 'learner';
  if (state.transferTarget === target) return 'already_in_progress';
  return target === state.id ? 'self' : null;
}

export function abortTransfer(state: RaftState): void {
  if (state.transferTarget === null) return;
  const { transferTarget: target, term } = state;
  state.transferTarget = null;
  state.emit({ kind: 'transfer_aborted', target, term });
}

/** What a leader does about a membership that has just come into force. */
export function actOnMembership(state: RaftState): void {
  if (state.role !== 'leader') return;
  const own = state.progress.get(state.id);
  if (own === undefined || own.isLearner) {
    if (state.options.ownRemoval !== 'stays') state.becomeFollower(state.term, null);
    return;
  }
  if (maybeCommit(state)) {
    announceCommit(state);
  } else {
    // New members need not wait for the next heartbeat.
    for (const id of state.otherIds()) maybeSendAppend(state, id, false);
  }
  const target = state.transferTarget;
  if (target !== null && !state.membership.voters.includes(target)) abortTransfer(state);
  // With fewer voters, those that have answered may be enough.
  confirmReads(state);
}
