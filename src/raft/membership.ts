// Who takes part, and how that may change: pure functions from one membership to the next.
//
//   simple ──change of at most one voter──▶ simple        (all that Octant's control plane asks for)
//   simple ──enter──▶ joint ──leave──▶ simple             (several voters at once, both halves agree)
//
// Invariants: the lists are sorted and without duplicates; no peer is a voter and a learner; a peer
// that waits in `nextLearners` still votes in the outgoing half. Raft thesis, chapter 4.

import { assert, unreachable } from '../base/assert.ts';
import { comparePeerIds, type PeerId } from '../base/ids.ts';

export interface Membership {
  readonly voters: readonly PeerId[];
  /** The other half of a joint membership; empty in a simple one. */
  readonly outgoingVoters: readonly PeerId[];
  /** They receive everything and decide nothing. */
  readonly learners: readonly PeerId[];
  /** Voters of the outgoing half that become learners when it is left. */
  readonly nextLearners: readonly PeerId[];
  /** The leader leaves the joint membership by itself. */
  readonly leavesByItself: boolean;
}

export const emptyMembership: Membership = {
  voters: [],
  outgoingVoters: [],
  learners: [],
  nextLearners: [],
  leavesByItself: false,
};

/** `update` changes nothing here: it lets a peer's data travel through the log. */
export interface PeerChange {
  readonly kind: 'add_voter' | 'add_learner' | 'remove' | 'update';
  readonly peerId: PeerId;
}

/**
 * `auto`: joint only where several peers change; `implicit`: joint, left by the leader itself;
 * `explicit`: joint, left by an empty `auto` change.
 */
export interface MembershipChange {
  readonly transition: 'auto' | 'implicit' | 'explicit';
  readonly changes: readonly PeerChange[];
}

export type MembershipFault =
  | 'removes_all_voters'
  | 'changes_several_voters'
  | 'simple_change_while_joint'
  | 'already_joint'
  | 'joint_without_voters'
  | 'not_joint';

export type MembershipOutcome =
  | { readonly kind: 'changed'; readonly membership: Membership }
  | { readonly kind: 'faulty'; readonly fault: MembershipFault };

export function isJoint(membership: Membership): boolean {
  return membership.outgoingVoters.length > 0;
}

/** An `auto` change of nothing asks to leave the joint membership. */
export function asksToLeave(change: MembershipChange): boolean {
  return change.transition === 'auto' && change.changes.length === 0;
}

export function isVoter(membership: Membership, id: PeerId): boolean {
  return membership.voters.includes(id) || membership.outgoingVoters.includes(id);
}

/** Does it take away the vote of `id`, as far as it says so itself? */
export function takesVoteOf(change: MembershipChange, id: PeerId): boolean {
  return change.changes.some(
    ({ kind, peerId }) => peerId === id && (kind === 'remove' || kind === 'add_learner'),
  );
}

/** All who receive entries, ascending. */
export function memberIds(membership: Membership): readonly PeerId[] {
  const { voters, outgoingVoters, learners, nextLearners } = membership;
  return sorted(new Set([...voters, ...outgoingVoters, ...learners, ...nextLearners]));
}

/** What a committed change makes of a membership; the same on every peer. */
export function changeMembership(from: Membership, change: MembershipChange): MembershipOutcome {
  if (asksToLeave(change)) return leaveJoint(from);
  if (change.transition === 'auto' && change.changes.length <= 1) {
    return changeSimply(from, change.changes);
  }
  return enterJoint(from, change.changes, change.transition !== 'explicit');
}

/** At most one voter comes or goes, so that old and new majorities overlap. */
export function changeSimply(from: Membership, changes: readonly PeerChange[]): MembershipOutcome {
  if (isJoint(from)) return { kind: 'faulty', fault: 'simple_change_while_joint' };
  const outcome = withChanges(from, changes);
  if (outcome.kind === 'faulty') return outcome;
  const { voters } = outcome.membership;
  const changedCount =
    voters.filter((id) => !from.voters.includes(id)).length +
    from.voters.filter((id) => !voters.includes(id)).length;
  if (changedCount > 1) return { kind: 'faulty', fault: 'changes_several_voters' };
  return outcome;
}

export function enterJoint(
  from: Membership,
  changes: readonly PeerChange[],
  leavesByItself: boolean,
): MembershipOutcome {
  if (isJoint(from)) return { kind: 'faulty', fault: 'already_joint' };
  if (from.voters.length === 0) return { kind: 'faulty', fault: 'joint_without_voters' };
  return withChanges({ ...from, outgoingVoters: from.voters, leavesByItself }, changes);
}

export function leaveJoint(from: Membership): MembershipOutcome {
  if (!isJoint(from)) return { kind: 'faulty', fault: 'not_joint' };
  const learners = sorted(new Set([...from.learners, ...from.nextLearners]));
  return { kind: 'changed', membership: { ...emptyMembership, voters: from.voters, learners } };
}

interface Draft {
  readonly voters: Set<PeerId>;
  readonly outgoingVoters: ReadonlySet<PeerId>;
  readonly learners: Set<PeerId>;
  readonly nextLearners: Set<PeerId>;
}

function withChanges(from: Membership, changes: readonly PeerChange[]): MembershipOutcome {
  const draft: Draft = {
    voters: new Set(from.voters),
    outgoingVoters: new Set(from.outgoingVoters),
    learners: new Set(from.learners),
    nextLearners: new Set(from.nextLearners),
  };
  // Id 0 names nobody; a change of it is a change that was withdrawn.
  for (const change of changes) if (change.peerId !== 0n) applyChange(draft, change);
  if (draft.voters.size === 0) return { kind: 'faulty', fault: 'removes_all_voters' };
  const membership: Membership = {
    voters: sorted(draft.voters),
    outgoingVoters: from.outgoingVoters,
    learners: sorted(draft.learners),
    nextLearners: sorted(draft.nextLearners),
    leavesByItself: from.leavesByItself,
  };
  assertConsistent(membership);
  return { kind: 'changed', membership };
}

function applyChange(draft: Draft, { kind, peerId }: PeerChange): void {
  switch (kind) {
    case 'add_voter':
      forget(draft, peerId);
      draft.voters.add(peerId);
      return;
    case 'add_learner':
      forget(draft, peerId);
      // It still votes in the outgoing half, and nobody may be both: it has to wait.
      if (draft.outgoingVoters.has(peerId)) draft.nextLearners.add(peerId);
      else draft.learners.add(peerId);
      return;
    case 'remove':
      forget(draft, peerId);
      return;
    case 'update':
      return;
    default:
      unreachable(kind);
  }
}

function forget(draft: Draft, peerId: PeerId): void {
  draft.voters.delete(peerId);
  draft.learners.delete(peerId);
  draft.nextLearners.delete(peerId);
}

function sorted(ids: Iterable<PeerId>): readonly PeerId[] {
  return [...ids].sort(comparePeerIds);
}

function assertConsistent(membership: Membership): void {
  for (const id of membership.learners) {
    assert(!isVoter(membership, id), () => `peer ${id} is a voter and a learner`);
  }
  for (const id of membership.nextLearners) {
    const waits = membership.outgoingVoters.includes(id);
    assert(waits, () => `peer ${id} waits to become a learner but is no outgoing voter`);
  }
}
