// What happened inside the core, as data: for logs, metrics and tests. Nobody may decide anything
// by events; what a driver must act on is in `Ready`, and in what the methods return.

import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { Membership, MembershipChange, MembershipFault } from './membership.ts';
import type { EntryPosition, MessageBody, VoteKind } from './messages.ts';
import type { ProgressView } from './progress.ts';

export type DropReason =
  | 'no_leader'
  | 'not_a_member'
  | 'transfer_in_progress'
  | 'leaving'
  | 'too_much_uncommitted';

export type ElectionRefusal = 'already_leader' | 'not_promotable' | 'unapplied_membership';

export type TransferRefusal = 'learner' | 'unknown_peer' | 'self' | 'already_in_progress';

/** Why a proposed change of the membership became an empty entry. */
export type MembershipRefusal = 'change_pending' | 'handing_over' | MembershipFault;

type StateEvent =
  | {
      readonly kind: 'started';
      readonly membership: Membership;
      readonly term: Term;
      readonly commitIndex: LogIndex;
      readonly appliedIndex: LogIndex;
      readonly last: EntryPosition;
    }
  | { readonly kind: 'membership_changed'; readonly membership: Membership }
  | {
      readonly kind: 'became';
      readonly role: 'follower' | 'pre_candidate' | 'candidate' | 'leader';
      readonly term: Term;
    }
  | { readonly kind: 'quorum_lost' };

type ElectionEvent =
  | { readonly kind: 'election_started'; readonly term: Term }
  | { readonly kind: 'election_refused'; readonly reason: ElectionRefusal; readonly term: Term }
  | {
      readonly kind: 'vote_requested';
      readonly vote: VoteKind;
      readonly to: PeerId;
      readonly last: EntryPosition;
      readonly term: Term;
    }
  | {
      readonly kind: 'vote_decided';
      readonly vote: VoteKind;
      readonly outcome: 'cast' | 'rejected' | 'too_early';
      readonly candidate: PeerId;
      readonly candidateLast: EntryPosition;
      readonly last: EntryPosition;
      readonly votedFor: PeerId | null;
      readonly term: Term;
      /** Until this peer believes that its leader is gone. */
      readonly remainingTicks: number;
    }
  | {
      readonly kind: 'vote_received';
      readonly vote: VoteKind;
      readonly from: PeerId;
      readonly isGranted: boolean;
      readonly term: Term;
    }
  | {
      readonly kind: 'votes_counted';
      readonly vote: VoteKind;
      readonly grantedCount: number;
      readonly rejectedCount: number;
    }
  | { readonly kind: 'timeout_now_received'; readonly from: PeerId; readonly term: Term }
  | {
      readonly kind: 'transfer_started' | 'transfer_aborted';
      readonly target: PeerId;
      readonly term: Term;
    }
  | {
      readonly kind: 'transfer_refused';
      readonly reason: TransferRefusal;
      readonly target: PeerId;
      readonly term: Term;
    }
  | {
      readonly kind: 'timeout_now_sent';
      readonly target: PeerId;
      /** It had the whole log when the transfer was asked for. */
      readonly isImmediate: boolean;
    };

type MessageEvent =
  | {
      readonly kind: 'higher_term' | 'lower_term';
      readonly message: MessageBody;
      readonly from: PeerId;
      readonly messageTerm: Term;
      readonly term: Term;
    }
  | {
      readonly kind: 'append_rejected';
      readonly from: PeerId;
      readonly prev: EntryPosition;
      /** 0: nothing is known of that index here. */
      readonly ownTerm: Term;
    }
  | { readonly kind: 'conflict_found'; readonly existingTerm: Term; readonly found: EntryPosition }
  | { readonly kind: 'tail_replaced' | 'tail_cut'; readonly fromIndex: LogIndex }
  | {
      /**
       * The leader believes that we have entries that we do not have: this peer has forgotten what
       * it had promised to keep. It must not go on as if nothing had happened.
       */
      readonly kind: 'log_lost';
      readonly from: PeerId;
      readonly commitIndex: LogIndex;
      readonly lastIndex: LogIndex;
    };

type ReplicationEvent =
  | {
      readonly kind: 'rejection_received';
      readonly from: PeerId;
      readonly index: LogIndex;
      readonly hint: EntryPosition;
    }
  | {
      readonly kind:
        | 'progress_decreased'
        | 'replication_paused'
        | 'snapshot_arrived'
        | 'snapshot_failed'
        | 'snapshot_succeeded'
        | 'peer_unreachable'
        | 'snapshot_postponed';
      readonly peerId: PeerId;
      readonly progress: ProgressView;
    }
  | {
      readonly kind: 'snapshot_sent';
      readonly to: PeerId;
      readonly snapshot: EntryPosition;
      readonly firstIndex: LogIndex;
      readonly commitIndex: LogIndex;
      readonly progress: ProgressView;
    }
  | {
      readonly kind: 'proposal_dropped';
      readonly reason: DropReason;
      readonly term: Term;
      readonly transferTarget: PeerId | null;
    }
  | { readonly kind: 'transfer_dropped' | 'read_dropped'; readonly term: Term }
  | {
      readonly kind: 'membership_refused';
      readonly change: MembershipChange;
      readonly membership: Membership;
      readonly reason: MembershipRefusal;
      readonly pendingIndex: LogIndex;
      readonly appliedIndex: LogIndex;
    }
  | {
      /** Committed, but not possible: ignored by every peer alike. */
      readonly kind: 'membership_skipped';
      readonly index: LogIndex;
      readonly fault: MembershipFault;
    }
  | { readonly kind: 'leaving_joint'; readonly membership: Membership };

type SnapshotEvent =
  | {
      readonly kind: 'snapshot_restoring';
      readonly snapshot: EntryPosition;
      readonly commitIndex: LogIndex;
      readonly appliedIndex: LogIndex;
      readonly unsavedIndex: LogIndex;
      readonly unsavedCount: number;
    }
  | {
      readonly kind: 'snapshot_restored' | 'snapshot_skipped_forward';
      readonly snapshot: EntryPosition;
      readonly commitIndex: LogIndex;
      readonly last: EntryPosition;
    }
  | {
      readonly kind: 'snapshot_accepted' | 'snapshot_ignored' | 'snapshot_without_us';
      readonly snapshot: EntryPosition;
      readonly commitIndex: LogIndex;
    };

export type RaftEvent =
  | StateEvent
  | ElectionEvent
  | MessageEvent
  | ReplicationEvent
  | SnapshotEvent;
