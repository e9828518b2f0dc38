// When many are enough. A joint membership decides only where both of its majorities do; a group
// without voters never stands in the way, which makes the simple membership the joint one whose
// outgoing half is empty. Raft thesis, §3.4 and §4.3.

import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { Membership } from './membership.ts';

/**
 * The two sentences that safety hangs on. They are data only so that tests can break them and see
 * that the checkers notice; nothing else may pass other rules.
 */
export interface SafetyRules {
  /** How many of `voterCount` voters are enough. */
  readonly quorumCount: (voterCount: number) => number;
  /**
   * A leader counts copies only of entries of its own term; older ones commit with them (§5.4.2).
   */
  readonly mayCommit: (entryTerm: Term, leaderTerm: Term) => boolean;
}

export const soundRules: SafetyRules = {
  quorumCount: (voterCount) => Math.floor(voterCount / 2) + 1,
  mayCommit: (entryTerm, leaderTerm) => entryTerm === leaderTerm,
};

export type VoteResult = 'won' | 'lost' | 'pending';

type QuorumCount = SafetyRules['quorumCount'];

/** The highest index that a quorum of `voters` has; infinite where nobody votes. */
export function majorityIndex(
  voters: readonly PeerId[],
  indexOf: (id: PeerId) => LogIndex,
  quorumCount: QuorumCount = soundRules.quorumCount,
): LogIndex {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const indices = voters.map(indexOf).sort((a, b) => b - a);
  return indices[quorumCount(voters.length) - 1] ?? 0;
}

/** `null` from `voteOf` means no answer yet. */
export function majorityVote(
  voters: readonly PeerId[],
  voteOf: (id: PeerId) => boolean | null,
  quorumCount: QuorumCount = soundRules.quorumCount,
): VoteResult {
  if (voters.length === 0) return 'won';
  const votes = voters.map(voteOf);
  const grantedCount = votes.filter((vote) => vote === true).length;
  const openCount = votes.filter((vote) => vote === null).length;
  const neededCount = quorumCount(voters.length);
  if (grantedCount >= neededCount) return 'won';
  return grantedCount + openCount >= neededCount ? 'pending' : 'lost';
}

export function quorumIndex(
  membership: Membership,
  indexOf: (id: PeerId) => LogIndex,
  quorumCount: QuorumCount = soundRules.quorumCount,
): LogIndex {
  return Math.min(
    majorityIndex(membership.voters, indexOf, quorumCount),
    majorityIndex(membership.outgoingVoters, indexOf, quorumCount),
  );
}

export function quorumVote(
  membership: Membership,
  voteOf: (id: PeerId) => boolean | null,
  quorumCount: QuorumCount = soundRules.quorumCount,
): VoteResult {
  const incoming = majorityVote(membership.voters, voteOf, quorumCount);
  const outgoing = majorityVote(membership.outgoingVoters, voteOf, quorumCount);
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
}
