// Elections: who may ask, who gives its vote, who has won. A vote counts for the candidate itself
// only once it is saved (`countOwnVote`), as for everybody else. Raft thesis, §3.4 and §9.6.

import type { PeerId, Term } from '../base/ids.ts';
import type { ElectionRefusal } from './events.ts';
import type { MessageOf, VoteBody, VoteKind, VoteResponseBody } from './messages.ts';
import { startLeading } from './replication.ts';
import type { RaftState } from './state.ts';

/** Starts an election if this peer may hold one. */
export function campaign(state: RaftState, isTransfer: boolean): void {
  const refusal = electionRefusal(state);
  if (refusal !== null) {
    state.emit({ kind: 'election_refused', reason: refusal, term: state.term });
    return;
  }
  state.emit({ kind: 'election_started', term: state.term });
  // A leader that asked for it knows that the election can be won.
  requestVotes(state, state.options.preVote && !isTransfer ? 'pre_vote' : 'vote', isTransfer);
}

function electionRefusal(state: RaftState): ElectionRefusal | null {
  if (state.role === 'leader') return 'already_leader';
  if (!state.isPromotable) return 'not_promotable';
  return hasUnappliedMembership(state) ? 'unapplied_membership' : null;
}

/** Its own membership is behind what is agreed, so it might count the wrong majority. */
function hasUnappliedMembership(state: RaftState): boolean {
  const { log } = state;
  return log.applicable(Number.POSITIVE_INFINITY).some((entry) => entry.kind === 'membership');
}

function requestVotes(state: RaftState, vote: VoteKind, isTransfer: boolean): void {
  if (vote === 'pre_vote') state.becomePreCandidate();
  else state.becomeCandidate();
  // A pre-vote asks about the term that the election would have.
  const term = vote === 'pre_vote' ? state.term + 1 : state.term;
  const { last } = state.log;
  for (const to of state.otherIds()) {
    const isVoting =
      state.membership.voters.includes(to) || state.membership.outgoingVoters.includes(to);
    if (!isVoting) continue;
    state.emit({ kind: 'vote_requested', vote, to, last, term: state.term });
    const body: VoteBody = {
      kind: 'vote_request',
      vote,
      lastIndex: last.index,
      lastTerm: last.term,
      isTransfer,
    };
    state.send(to, body, term);
  }
}

/** The kind of election that runs here, or `null`. */
export function runningVote(state: RaftState): VoteKind | null {
  if (state.role === 'candidate') return 'vote';
  return state.role === 'pre_candidate' ? 'pre_vote' : null;
}

/** This peer's own vote is on disk. */
export function countOwnVote(state: RaftState, vote: VoteKind, term: Term): void {
  if (runningVote(state) !== vote || state.term !== term || state.votes.has(state.id)) return;
  countVote(state, state.id, vote, true);
}

export function handleVoteResponse(
  state: RaftState,
  from: PeerId,
  message: VoteResponseBody,
): void {
  if (runningVote(state) !== message.vote) return;
  countVote(state, from, message.vote, message.isGranted);
}

function countVote(state: RaftState, from: PeerId, vote: VoteKind, isGranted: boolean): void {
  state.emit({ kind: 'vote_received', vote, from, isGranted, term: state.term });
  // The first answer counts; a second one can only be a copy.
  if (!state.votes.has(from)) state.votes.set(from, isGranted);
  const { grantedCount, rejectedCount, result } = state.countVotes();
  state.emit({ kind: 'votes_counted', vote, grantedCount, rejectedCount });
  if (result === 'won') {
    if (vote === 'pre_vote') requestVotes(state, 'vote', false);
    else startLeading(state);
  } else if (result === 'lost') {
    state.becomeFollower(state.term, null);
  }
}

/** A leader was heard of not long ago, so an election now would only disturb it. */
export function isTooEarly(state: RaftState, message: VoteBody): boolean {
  return (
    !message.isTransfer &&
    state.options.checkQuorum &&
    state.leaderId !== null &&
    state.electionElapsedTicks < state.options.electionTicks
  );
}

export function emitVoteDecision(
  state: RaftState,
  message: MessageOf<VoteBody>,
  outcome: 'cast' | 'rejected' | 'too_early',
): void {
  state.emit({
    kind: 'vote_decided',
    vote: message.vote,
    outcome,
    candidate: message.from,
    candidateLast: { index: message.lastIndex, term: message.lastTerm },
    last: state.log.last,
    votedFor: state.vote,
    term: state.term,
    remainingTicks: state.options.electionTicks - state.electionElapsedTicks,
  });
}

export function handleVoteRequest(state: RaftState, message: MessageOf<VoteBody>): void {
  const { vote, from } = message;
  const isFree = state.vote === from || (state.vote === null && state.leaderId === null);
  const mayVote = isFree || (vote === 'pre_vote' && message.term > state.term);
  const candidateLast = { index: message.lastIndex, term: message.lastTerm };
  if (mayVote && state.log.isUpToDate(candidateLast)) {
    emitVoteDecision(state, message, 'cast');
    // The term of the question: a pre-vote's lies ahead of ours, and the asker must recognise it.
    state.respond(from, { kind: 'vote_response', vote, isGranted: true }, message.term);
    if (vote === 'vote') {
      state.electionElapsedTicks = 0;
      state.vote = from;
    }
  } else {
    emitVoteDecision(state, message, 'rejected');
    state.respond(from, { kind: 'vote_response', vote, isGranted: false });
  }
}
