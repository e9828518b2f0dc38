// Everything one peer of the group knows, and the steps that every part needs: emit, send, change
// the role. `election.ts`, `replication.ts` and `follower.ts` are functions on it; `raft.ts` is the
// door. Invariant: `term` never falls; `vote` changes only with the term or from nobody.
//
//   follower ──silence──▶ (pre_candidate ──majority would vote──▶) candidate ──majority──▶ leader
//   every role ──higher term, or a leader of this term──▶ follower

import { assert } from '../base/assert.ts';
import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import { Prng } from '../base/prng.ts';
import type { RaftEvent } from './events.ts';
import { RaftLog } from './log.ts';
import { isVoter, type Membership, memberIds } from './membership.ts';
import type { Entry, EntryPosition, HardState, Message, MessageBody } from './messages.ts';
import { Progress } from './progress.ts';
import { quorumVote, type SafetyRules, type VoteResult } from './quorum.ts';
import { PendingReads } from './reads.ts';

export type Role = 'follower' | 'pre_candidate' | 'candidate' | 'leader';

export interface RaftOptions {
  readonly id: PeerId;
  /** Silence of this many ticks, up to twice as many, makes a follower hold an election. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Ask whether an election could be won before the term rises and disturbs the others (§9.6). */
  readonly preVote: boolean;
  /** A leader that a majority does not answer steps down; who has a leader gives no vote. */
  readonly checkQuorum: boolean;
  /**
   * What a leader does whose own vote is to be taken away. Only `hands_over` is fit for use: it
   * lets another voter lead first and refuses until then. A leader that removes itself may be the
   * only one who knows that it was removed, and a group of two would wait for its vote for ever.
   */
  readonly ownRemoval: 'stays' | 'steps_down' | 'hands_over';
  /** Refuse changes of the membership that cannot be applied. Off only in tests. */
  readonly validatesMembership: boolean;
  readonly appendBytesMax: number;
  readonly inflightCountMax: number;
  /** Of committed entries in one `Ready`. */
  readonly committedBytesMax: number;
  /** Of entries that this leader has taken and not yet seen committed. */
  readonly uncommittedBytesMax: number;
  /** For the random part of the election timeout; different on every peer. */
  readonly seed: number;
}

/** What a peer finds on its disk. A new one: term 0, nothing else. */
export interface SavedState {
  readonly hardState: HardState;
  /** The newest snapshot; index 0 and term 0 if there is none. */
  readonly base: EntryPosition;
  readonly entries: readonly Entry[];
  /** How far the state machine on disk has come, at least `base.index`. */
  readonly appliedIndex: LogIndex;
  /** As of `appliedIndex`. */
  readonly membership: Membership;
}

/** Answer to a read: the state machine may be asked once it has applied `index`. */
export interface ConfirmedRead {
  readonly requestId: number;
  readonly index: LogIndex;
}

export class RaftState {
  readonly id: PeerId;
  readonly options: RaftOptions;
  readonly rules: SafetyRules;
  readonly log: RaftLog;
  readonly random: Prng;

  term: Term;
  vote: PeerId | null;
  role: Role = 'follower';
  leaderId: PeerId | null = null;

  membership: Membership;
  /** Entries up to here are in `membership`. */
  membershipIndex: LogIndex;

  electionElapsedTicks = 0;
  heartbeatElapsedTicks = 0;
  /** The drawn election timeout. */
  electionDueTicks = 0;

  /** Answers to the running election. */
  readonly votes = new Map<PeerId, boolean>();

  /** Of all members, this peer too. Only a leader's is meaningful. */
  readonly progress = new Map<PeerId, Progress>();
  transferTarget: PeerId | null = null;
  /** The newest change of the membership that may be in the log and not applied. */
  pendingMembershipIndex: LogIndex = 0;
  /** The newest change in the log that takes away this leader's own vote. */
  ownRemovalIndex: LogIndex = 0;
  uncommittedBytes = 0;
  reads = new PendingReads();

  messages: Message[] = [];
  /** Answers; they come after the others, so that entries are not kept waiting. */
  responses: Message[] = [];
  confirmedReads: ConfirmedRead[] = [];
  events: RaftEvent[] = [];

  /** `emit` as a value, for the parts that know nothing of this class. */
  readonly emit = (event: RaftEvent): void => {
    this.events.push(event);
  };

  constructor(options: RaftOptions, saved: SavedState, rules: SafetyRules) {
    assert(options.id > 0n, () => `peer id ${options.id}`);
    assert(
      options.electionTicks > options.heartbeatTicks,
      () => `election ${options.electionTicks} ticks, heartbeat ${options.heartbeatTicks}`,
    );
    this.id = options.id;
    this.options = options;
    this.rules = rules;
    this.random = new Prng(options.seed);
    this.log = new RaftLog(saved.base, saved.entries, saved.hardState.commitIndex);
    this.log.applied(saved.appliedIndex);
    this.term = saved.hardState.term;
    this.vote = saved.hardState.vote;
    this.membership = saved.membership;
    this.membershipIndex = saved.appliedIndex;
    this.useMembership(saved.membership, saved.appliedIndex);
    this.becomeFollower(this.term, null);
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commitIndex: this.log.commitIndex };
  }

  send(to: PeerId, body: MessageBody, term = this.term): void {
    assert(to !== this.id, 'a message to myself');
    this.messages.push({ from: this.id, to, term, ...body });
  }

  respond(to: PeerId, body: MessageBody, term = this.term): void {
    assert(to !== this.id, 'an answer to myself');
    this.responses.push({ from: this.id, to, term, ...body });
  }

  becomeFollower(term: Term, leaderId: PeerId | null): void {
    this.#reset(term);
    this.role = 'follower';
    this.leaderId = leaderId;
    this.emit({ kind: 'became', role: 'follower', term });
  }

  /** Neither the term nor the vote changes: a question costs nobody anything. */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader holds no election');
    this.votes.clear();
    this.role = 'pre_candidate';
    this.leaderId = null;
    this.emit({ kind: 'became', role: 'pre_candidate', term: this.term });
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader holds no election');
    this.#reset(this.term + 1);
    this.role = 'candidate';
    this.vote = this.id;
    this.emit({ kind: 'became', role: 'candidate', term: this.term });
  }

  becomeLeader(): void {
    assert(this.role === 'candidate', () => `leader after ${this.role}`);
    this.#reset(this.term);
    this.role = 'leader';
    this.leaderId = this.id;
    const own = this.progress.get(this.id);
    if (own !== undefined) {
      own.becomeReplicate();
      own.isActive = true;
    }
    // There may be one in the log that is not applied; looking would be slower than waiting.
    this.pendingMembershipIndex = this.log.lastIndex;
  }

  /** Progress of members is kept, of new ones made, of others dropped. */
  useMembership(membership: Membership, index: LogIndex): void {
    this.membership = membership;
    this.membershipIndex = index;
    const ids = memberIds(membership);
    for (const id of this.progress.keys()) {
      if (!ids.includes(id)) this.progress.delete(id);
    }
    const nextIndex = Math.max(1, this.log.lastIndex);
    for (const id of ids) {
      const isLearner = membership.learners.includes(id);
      const known = this.progress.get(id);
      if (known === undefined) this.progress.set(id, this.#newProgress(nextIndex, isLearner));
      else known.isLearner = isLearner;
    }
    this.emit({ kind: 'membership_changed', membership });
  }

  /** The others, ascending: the order in which they are spoken to. */
  otherIds(): readonly PeerId[] {
    return memberIds(this.membership).filter((id) => id !== this.id);
  }

  /** May this peer ask for votes? */
  get isPromotable(): boolean {
    return isVoter(this.membership, this.id) && this.log.pendingSnapshot === null;
  }

  /** Is it time for an election? */
  get isElectionDue(): boolean {
    return this.electionElapsedTicks >= this.electionDueTicks;
  }

  countVotes(): { grantedCount: number; rejectedCount: number; result: VoteResult } {
    const voters = memberIds(this.membership).filter((id) => isVoter(this.membership, id));
    const answers = voters.map((id) => this.votes.get(id));
    return {
      grantedCount: answers.filter((vote) => vote === true).length,
      rejectedCount: answers.filter((vote) => vote === false).length,
      result: this.quorumVote((id) => this.votes.get(id) ?? null),
    };
  }

  quorumVote(voteOf: (id: PeerId) => boolean | null): VoteResult {
    return quorumVote(this.membership, voteOf, this.rules.quorumCount);
  }

  #reset(term: Term): void {
    assert(term >= this.term, () => `term ${term} after ${this.term}`);
    if (term !== this.term) {
      this.term = term;
      this.vote = null;
    }
    this.leaderId = null;
    this.electionElapsedTicks = 0;
    this.heartbeatElapsedTicks = 0;
    const { electionTicks } = this.options;
    this.electionDueTicks = electionTicks + this.random.int(electionTicks);
    this.transferTarget = null;
    this.votes.clear();
    const nextIndex = this.log.lastIndex + 1;
    for (const [id, before] of this.progress) {
      const progress = this.#newProgress(nextIndex, before.isLearner);
      progress.isActive = false;
      if (id === this.id) progress.matchIndex = this.log.stableIndex;
      this.progress.set(id, progress);
    }
    this.pendingMembershipIndex = 0;
    this.ownRemovalIndex = 0;
    this.uncommittedBytes = 0;
    this.reads = new PendingReads();
  }

  /** A new member counts as active: it is not to blame for a silence before it came. */
  #newProgress(nextIndex: LogIndex, isLearner: boolean): Progress {
    const progress = new Progress(nextIndex, isLearner, this.options.inflightCountMax);
    progress.isActive = true;
    return progress;
  }
}
