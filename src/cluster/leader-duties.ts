// Which change of the membership a leader proposes next, if any: pure. One at a time: the next is
// judged by what the last one made. Wishes come first, in their order; then learners that have
// caught up become voters.

import type { PeerId } from '../base/ids.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import { type MembershipChange, memberIds, type PeerChange } from '../raft/membership.ts';
import type { RaftStatus } from '../raft/raft.ts';

export interface MembershipWish {
  readonly kind: 'add' | 'update' | 'remove';
  readonly peerId: PeerId;
  /** `null` in a removal. */
  readonly uri: string | null;
  readonly version: string | null;
}

export type NextChange =
  | { readonly kind: 'propose'; readonly change: MembershipChange }
  /** The wish has come true, or never can. */
  | { readonly kind: 'drop'; readonly reason: string }
  | { readonly kind: 'nothing' };

/** What a wish asks of Raft. */
export function changeOf(wish: MembershipWish): MembershipChange {
  const kinds = { add: 'add_learner', update: 'update', remove: 'remove' } as const;
  return simple({ kind: kinds[wish.kind], peerId: wish.peerId });
}

/** Is nothing left to be done for it? */
export function isGranted(
  wish: MembershipWish,
  state: ClusterState,
  membership: RaftStatus['membership'],
): boolean {
  const isMember = memberIds(membership).includes(wish.peerId);
  const peer = state.peers.get(wish.peerId);
  if (wish.kind === 'remove') return !isMember && peer === undefined;
  return isMember && peer !== undefined && peer.uri === wish.uri;
}

/** Why it can never be granted as things are; `null` if it can. */
export function refusalOf(
  wish: MembershipWish,
  state: ClusterState,
  membership: RaftStatus['membership'],
): string | null {
  const { peerId, uri } = wish;
  if (wish.kind === 'remove') {
    const isLastVoter = membership.voters.length === 1 && membership.voters[0] === peerId;
    return isLastVoter ? `Cannot remove peer ${peerId}: it is the only voter left` : null;
  }
  for (const [id, peer] of state.peers) {
    if (id === peerId || peer.uri !== uri) continue;
    return `The address ${uri} belongs to peer ${id}`;
  }
  if (wish.kind === 'update' && !memberIds(membership).includes(peerId)) {
    return `Peer ${peerId} is no member of this cluster`;
  }
  return null;
}

/** `wish`: the oldest one that waits. All earlier changes must be applied. */
export function nextChange(
  status: RaftStatus,
  state: ClusterState,
  wish: MembershipWish | null,
): NextChange {
  if (wish !== null) {
    if (isGranted(wish, state, status.membership)) return { kind: 'drop', reason: 'granted' };
    const refusal = refusalOf(wish, state, status.membership);
    if (refusal !== null) return { kind: 'drop', reason: refusal };
    return { kind: 'propose', change: changeOf(actual(wish, status)) };
  }
  for (const peerId of status.membership.learners) {
    const progress = status.progress.get(peerId);
    if (progress === undefined || !progress.isActive || progress.mode !== 'replicate') continue;
    if (progress.matchIndex < status.hardState.commitIndex) continue;
    return { kind: 'propose', change: simple({ kind: 'add_voter', peerId }) };
  }
  return { kind: 'nothing' };
}

/** Who is a member already and asks to join again, from another address, keeps its vote. */
function actual(wish: MembershipWish, { membership }: RaftStatus): MembershipWish {
  const isMember = memberIds(membership).includes(wish.peerId);
  return wish.kind === 'add' && isMember ? { ...wish, kind: 'update' } : wish;
}

function simple(change: PeerChange): MembershipChange {
  return { transition: 'auto', changes: [change] };
}
