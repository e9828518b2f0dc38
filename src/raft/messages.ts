// What peers say to each other, what they keep on disk, and what they agree on. Plain data: the
// codec (storage for entries, rpc for messages) belongs to others. Indices and terms are safe
// integers. Read `quorum.ts` and `membership.ts` next.

import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { Membership, MembershipChange } from './membership.ts';

/** Ordered bytes for the state machine. A new leader's first entry is empty: it changes nothing. */
export interface CommandProposal {
  readonly kind: 'command';
  readonly data: Uint8Array;
}

/** `data` travels with the change and means nothing to Raft, e.g. the address of a new peer. */
export interface MembershipProposal {
  readonly kind: 'membership';
  readonly change: MembershipChange;
  readonly data: Uint8Array;
}

export type Proposal = CommandProposal | MembershipProposal;

export interface EntryPosition {
  readonly term: Term;
  readonly index: LogIndex;
}

export type Entry = Proposal & EntryPosition;

/** What must be on disk before a promise that rests on it is sent. */
export interface HardState {
  readonly term: Term;
  /** Who has this peer's vote in `term`. */
  readonly vote: PeerId | null;
  readonly commitIndex: LogIndex;
}

/** Everything up to and including `index`, as a state instead of entries. */
export interface Snapshot extends EntryPosition {
  readonly membership: Membership;
  /**
   * The state machine's bytes. The core leaves them empty in the messages that it makes: who sends
   * them fills in the state as of `index`, which it has until it applies the entries of the same
   * `Ready`.
   */
  readonly data: Uint8Array;
}

interface Envelope {
  readonly from: PeerId;
  readonly to: PeerId;
  /** The sender's term; 0 in messages that are only passed on to the leader. */
  readonly term: Term;
}

export type VoteKind = 'vote' | 'pre_vote';

export interface AppendBody {
  readonly kind: 'append';
  /** The entry before the first of `entries`, which the receiver must have. */
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  readonly commitIndex: LogIndex;
}

/** Accepted: the receiver's log equals the leader's up to `index`. */
export interface AppendResponseBody {
  readonly kind: 'append_response';
  readonly index: LogIndex;
  /** Rejected: `index` is what was missing; the logs may agree up to the hint. */
  readonly rejection: { readonly hintIndex: LogIndex; readonly hintTerm: Term } | null;
}

export interface VoteBody {
  readonly kind: 'vote_request';
  readonly vote: VoteKind;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The leader asked for this election, so nobody need wait for it to fall silent. */
  readonly isTransfer: boolean;
}

export interface VoteResponseBody {
  readonly kind: 'vote_response';
  readonly vote: VoteKind;
  readonly isGranted: boolean;
}

export interface HeartbeatBody {
  readonly kind: 'heartbeat';
  readonly commitIndex: LogIndex;
  /** Number of the newest read that waits for the leader to prove that it is one (§6.4). */
  readonly readSequence: number;
}

export interface HeartbeatResponseBody {
  readonly kind: 'heartbeat_response';
  readonly readSequence: number;
}

export interface SnapshotBody {
  readonly kind: 'snapshot';
  readonly snapshot: Snapshot;
}

/** To a follower: hold an election now, I want you to lead. */
export interface TimeoutNowBody {
  readonly kind: 'timeout_now';
}

export interface TransferBody {
  readonly kind: 'transfer';
  readonly target: PeerId;
}

export interface ProposeBody {
  readonly kind: 'propose';
  readonly proposals: readonly Proposal[];
}

/** `requestId` is the asker's own number. */
export interface ReadBody {
  readonly kind: 'read_index';
  readonly requestId: number;
}

export interface ReadResponseBody {
  readonly kind: 'read_index_response';
  readonly requestId: number;
  readonly index: LogIndex;
}

export type MessageBody =
  | AppendBody
  | AppendResponseBody
  | VoteBody
  | VoteResponseBody
  | HeartbeatBody
  | HeartbeatResponseBody
  | SnapshotBody
  | TimeoutNowBody
  | TransferBody
  | ProposeBody
  | ReadBody
  | ReadResponseBody;

export type Message = Envelope & MessageBody;

/** One kind of message with its envelope. */
export type MessageOf<Body extends MessageBody> = Envelope & Body;

const entryOverheadBytes = 16;

/** What an entry weighs against the limits on bytes; at least 1, so that limits end loops. */
export function entryBytes(entry: Proposal): number {
  return entry.data.length + entryOverheadBytes;
}

/**
 * True for what a leader may send while its own disk still writes (Raft thesis, §10.2.1): it has
 * promised nothing in these. Everything else rests on the saved state.
 */
export function maySendBeforeSave(message: Message): boolean {
  return message.kind === 'append' || message.kind === 'heartbeat' || message.kind === 'snapshot';
}
