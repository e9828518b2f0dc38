// The words of the conformance scripts: entries, messages, Ready, progress and events as text.

import { unreachable } from '../../src/base/assert.ts';
import type { PeerId } from '../../src/base/ids.ts';
import type { RaftEvent } from '../../src/raft/events.ts';
import {
  isJoint,
  type Membership,
  type MembershipChange,
  type MembershipFault,
  type PeerChange,
} from '../../src/raft/membership.ts';
import type {
  Entry,
  EntryPosition,
  HardState,
  Message,
  MessageBody,
  Proposal,
  Snapshot,
  VoteKind,
} from '../../src/raft/messages.ts';
import type { ProgressView } from '../../src/raft/progress.ts';
import type { Ready } from '../../src/raft/raft.ts';
import type { Role } from '../../src/raft/state.ts';

export const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'] as const;
export type Level = (typeof levels)[number];

/** `data` of a change that the script calls one of the first version. */
export const firstVersionMark = 'v1';

const changeLetters = { add_voter: 'v', add_learner: 'l', remove: 'r', update: 'u' } as const;

export function peerChangesOf(words: readonly string[]): readonly PeerChange[] {
  return words.map((word): PeerChange => {
    const peerId = BigInt(word.slice(1));
    switch (word[0]) {
      case 'v':
        return { kind: 'add_voter', peerId };
      case 'l':
        return { kind: 'add_learner', peerId };
      case 'r':
        return { kind: 'remove', peerId };
      case 'u':
        return { kind: 'update', peerId };
      default:
        throw new Error(`unknown change ${word}`);
    }
  });
}

const roleNames: Record<Role, string> = {
  follower: 'StateFollower',
  pre_candidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

export function roleText(role: Role): string {
  return roleNames[role];
}

export function idText(id: PeerId | null): string {
  return (id ?? 0n).toString(16);
}

export function entryText(entry: Proposal & Partial<EntryPosition>): string {
  return `${entry.term ?? 0}/${entry.index ?? 0} ${proposalText(entry)}`.trimEnd();
}

function proposalText(entry: Proposal): string {
  const text = new TextDecoder().decode(entry.data);
  if (entry.kind === 'command') return `EntryNormal ${JSON.stringify(text)}`;
  const kind = text === firstVersionMark ? 'EntryConfChange' : 'EntryConfChangeV2';
  const changes = entry.change.changes.map(
    ({ kind: what, peerId }) => changeLetters[what] + peerId,
  );
  return [kind, ...changes].join(' ');
}

function idsText(ids: readonly PeerId[]): string {
  return `[${ids.join(' ')}]`;
}

export function snapshotText({ index, term, membership }: Snapshot): string {
  const { voters, outgoingVoters, learners, nextLearners, leavesByItself } = membership;
  return (
    `Index:${index} Term:${term} ConfState:Voters:${idsText(voters)} ` +
    `VotersOutgoing:${idsText(outgoingVoters)} Learners:${idsText(learners)} ` +
    `LearnersNext:${idsText(nextLearners)} AutoLeave:${leavesByItself}`
  );
}

export function messageName(body: MessageBody): string {
  switch (body.kind) {
    case 'append':
      return 'MsgApp';
    case 'append_response':
      return 'MsgAppResp';
    case 'vote_request':
      return voteName(body.vote);
    case 'vote_response':
      return `${voteName(body.vote)}Resp`;
    case 'heartbeat':
      return 'MsgHeartbeat';
    case 'heartbeat_response':
      return 'MsgHeartbeatResp';
    case 'snapshot':
      return 'MsgSnap';
    case 'timeout_now':
      return 'MsgTimeoutNow';
    case 'transfer':
      return 'MsgTransferLeader';
    case 'propose':
      return 'MsgProp';
    case 'read_index':
      return 'MsgReadIndex';
    case 'read_index_response':
      return 'MsgReadIndexResp';
    default:
      return unreachable(body);
  }
}

function voteName(vote: VoteKind): string {
  return vote === 'vote' ? 'MsgVote' : 'MsgPreVote';
}

function logText(message: MessageBody): string {
  switch (message.kind) {
    case 'append':
      return `${message.prevTerm}/${message.prevIndex}`;
    case 'append_response':
      return `${message.rejection?.hintTerm ?? 0}/${message.index}`;
    case 'vote_request':
      return `${message.lastTerm}/${message.lastIndex}`;
    case 'read_index_response':
      return `0/${message.index}`;
    default:
      return '0/0';
  }
}

function rejectionText(message: MessageBody): string {
  if (message.kind === 'append_response' && message.rejection !== null) {
    return ` Rejected (Hint: ${message.rejection.hintIndex})`;
  }
  const isRefusal = message.kind === 'vote_response' && !message.isGranted;
  return isRefusal ? ' Rejected (Hint: 0)' : '';
}

function entriesText(entries: readonly (Proposal & Partial<EntryPosition>)[]): string {
  if (entries.length === 0) return '';
  const texts = entries.map(entryText);
  if (texts.length === 1) return ` Entries:[${texts[0]}]`;
  return ` Entries:[\n${texts.map((text) => `  ${text}\n`).join('')}]`;
}

export function messageText(message: Message): string {
  const { from, to, term } = message;
  const head = `${idText(from)}->${idText(to)} ${messageName(message)} Term:${term}`;
  const commit = 'commitIndex' in message ? message.commitIndex : 0;
  let text = `${head} Log:${logText(message)}${rejectionText(message)}`;
  if (commit > 0) text += ` Commit:${commit}`;
  if (message.kind === 'append') text += entriesText(message.entries);
  if (message.kind === 'propose') text += entriesText(message.proposals);
  if (message.kind === 'snapshot') text += `\n  Snapshot: ${snapshotText(message.snapshot)}`;
  return text;
}

function hardStateText({ term, vote, commitIndex }: HardState): string {
  const voteText = vote === null ? '' : ` Vote:${vote}`;
  return `HardState Term:${term}${voteText} Commit:${commitIndex}`;
}

/** `mustSync` as the scripts mean it, where a snapshot is synced by other means. */
export function readyText(ready: Ready, mustSync: boolean): string {
  const lines = [`Ready MustSync=${mustSync}:`];
  const { softState, hardState, snapshot } = ready;
  if (softState !== null) {
    lines.push(`Lead:${softState.leaderId ?? 0} State:${roleText(softState.role)}`);
  }
  if (hardState !== null) lines.push(hardStateText(hardState));
  if (ready.reads.length > 0) {
    const reads = ready.reads.map(({ requestId, index }) => `${requestId}@${index}`);
    lines.push(`ReadStates [${reads.join(' ')}]`);
  }
  if (ready.entries.length > 0) lines.push('Entries:', ...ready.entries.map(entryText));
  if (snapshot !== null) lines.push(`Snapshot ${snapshotText(snapshot)}`);
  if (ready.committed.length > 0) {
    lines.push('CommittedEntries:', ...ready.committed.map(entryText));
  }
  if (ready.messages.length > 0) lines.push('Messages:', ...ready.messages.map(messageText));
  return lines.length === 1 ? 'nothing to do' : lines.join('\n');
}

const modeNames = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
} as const;

export function progressText(progress: ProgressView): string {
  const { mode, matchIndex, nextIndex, pendingSnapshotIndex, inflightCount } = progress;
  let text = `${modeNames[mode]} match=${matchIndex} next=${nextIndex}`;
  if (progress.isLearner) text += ' learner';
  if (progress.isPaused) text += ' paused';
  if (pendingSnapshotIndex > 0) text += ` pendingSnap=${pendingSnapshotIndex}`;
  if (!progress.isActive) text += ' inactive';
  if (inflightCount > 0) {
    text += ` inflight=${inflightCount}${progress.isInflightFull ? '[full]' : ''}`;
  }
  return text;
}

export function membershipText(membership: Membership): string {
  const { voters, outgoingVoters, learners, nextLearners } = membership;
  let text = `voters=(${voters.join(' ')})`;
  if (isJoint(membership)) text += `&&(${outgoingVoters.join(' ')})`;
  if (learners.length > 0) text += ` learners=(${learners.join(' ')})`;
  if (nextLearners.length > 0) text += ` learners_next=(${nextLearners.join(' ')})`;
  if (membership.leavesByItself) text += ' autoleave';
  return text;
}

const faultTexts: Record<MembershipFault, string> = {
  removes_all_voters: 'removed all voters',
  changes_several_voters: 'more than one voter changed without entering joint config',
  simple_change_while_joint: "can't apply simple config change in joint config",
  already_joint: 'config is already joint',
  joint_without_voters: "can't make a zero-voter config joint",
  not_joint: "can't leave a non-joint config",
};

export function faultText(fault: MembershipFault): string {
  return faultTexts[fault];
}

const changeNames = {
  add_voter: 'ConfChangeAddNode',
  add_learner: 'ConfChangeAddLearnerNode',
  remove: 'ConfChangeRemoveNode',
  update: 'ConfChangeUpdateNode',
} as const;

const transitionNames = {
  auto: 'ConfChangeTransitionAuto',
  implicit: 'ConfChangeTransitionJointImplicit',
  explicit: 'ConfChangeTransitionJointExplicit',
} as const;

function changeText({ transition, changes }: MembershipChange): string {
  const texts = changes.map(
    ({ kind, peerId }) => ` changes:{type:${changeNames[kind]} node_id:${peerId}}`,
  );
  return `transition:${transitionNames[transition]}${texts.join('')}`;
}

function refusalText(event: Extract<RaftEvent, { kind: 'membership_refused' }>): string {
  switch (event.reason) {
    case 'change_pending':
      return `possible unapplied conf change at index ${event.pendingIndex} (applied to ${event.appliedIndex})`;
    case 'already_joint':
      return 'must transition out of joint config first';
    case 'not_joint':
      return 'not in joint state; refusing empty conf change';
    case 'handing_over':
      return 'handing over leadership first';
    default:
      return faultText(event.reason);
  }
}

function logPosition({ term, index }: EntryPosition): string {
  return `[logterm: ${term}, index: ${index}`;
}

type Line = readonly [Level, string];
/** Some events of one form share a type, so the kind may be one of several there. */
type WithKind<Event, Kind> = Event extends { readonly kind: infer Kinds }
  ? Kind extends Kinds
    ? Event
    : never
  : never;
type EventOf<Kind extends RaftEvent['kind']> = WithKind<RaftEvent, Kind>;
type Formats = {
  readonly [Kind in RaftEvent['kind']]: (event: EventOf<Kind>, id: PeerId) => Line | null;
};

const electionRefusals = {
  already_leader: ['DEBUG', 'ignoring MsgHup because already leader'],
  not_promotable: ['WARN', 'is unpromotable and can not campaign'],
  unapplied_membership: [
    'WARN',
    'cannot campaign since there are still pending configuration changes to apply',
  ],
} as const;

const becameTexts = {
  follower: 'became follower',
  pre_candidate: 'became pre-candidate',
  candidate: 'became candidate',
  leader: 'became leader',
} as const;

function voteDecisionText(event: EventOf<'vote_decided'>, id: PeerId): Line {
  const { outcome, candidate, term } = event;
  const verb = outcome === 'too_early' ? 'ignored' : outcome;
  const preposition = outcome === 'cast' ? 'for' : 'from';
  const own = `${id} ${logPosition(event.last)}, vote: ${idText(event.votedFor)}]`;
  const asked = `${voteName(event.vote)} ${preposition} ${candidate} ${logPosition(event.candidateLast)}]`;
  const lease = `: lease is not expired (remaining ticks: ${event.remainingTicks})`;
  return ['INFO', `${own} ${verb} ${asked} at term ${term}${outcome === 'too_early' ? lease : ''}`];
}

const formats: Formats = {
  started: ({ membership, term, commitIndex, appliedIndex, last }, id) => [
    'INFO',
    `newRaft ${id} [peers: [${membership.voters.join(',')}], term: ${term}, commit: ${commitIndex}, ` +
      `applied: ${appliedIndex}, lastindex: ${last.index}, lastterm: ${last.term}]`,
  ],
  membership_changed: ({ membership }, id) => [
    'INFO',
    `${id} switched to configuration ${membershipText(membership)}`,
  ],
  became: ({ role, term }, id) => ['INFO', `${id} ${becameTexts[role]} at term ${term}`],
  quorum_lost: (_, id) => ['WARN', `${id} stepped down to follower since quorum is not active`],
  election_started: ({ term }, id) => ['INFO', `${id} is starting a new election at term ${term}`],
  election_refused: ({ reason }, id) => {
    const [level, text] = electionRefusals[reason];
    return [level, `${id} ${text}`];
  },
  vote_requested: ({ vote, to, last, term }, id) => [
    'INFO',
    `${id} ${logPosition(last)}] sent ${voteName(vote)} request to ${to} at term ${term}`,
  ],
  vote_decided: voteDecisionText,
  vote_received: ({ vote, from, isGranted, term }, id) => [
    'INFO',
    `${id} received ${voteName(vote)}Resp ${isGranted ? '' : 'rejection '}from ${from} at term ${term}`,
  ],
  votes_counted: ({ vote, grantedCount, rejectedCount }, id) => [
    'INFO',
    `${id} has received ${grantedCount} ${voteName(vote)}Resp votes and ${rejectedCount} vote rejections`,
  ],
  timeout_now_received: ({ from, term }, id) => [
    'INFO',
    `${id} [term ${term}] received MsgTimeoutNow from ${from} and starts an election to get leadership.`,
  ],
  transfer_started: ({ target, term }, id) => [
    'INFO',
    `${id} [term ${term}] starts to transfer leadership to ${target}`,
  ],
  transfer_aborted: ({ target, term }, id) => [
    'INFO',
    `${id} [term ${term}] abort transferring leadership to ${target}`,
  ],
  transfer_refused: ({ target, term, reason }, id) => [
    'INFO',
    `${id} [term ${term}] does not transfer leadership to ${target}: ${reason}`,
  ],
  timeout_now_sent: ({ target, isImmediate }, id) => [
    'INFO',
    isImmediate
      ? `${id} sends MsgTimeoutNow to ${target} immediately as ${target} already has up-to-date log`
      : `${id} sent MsgTimeoutNow to ${target} after received MsgAppResp`,
  ],
  higher_term: ({ message, from, messageTerm, term }, id) => [
    'INFO',
    `${id} [term: ${term}] received a ${messageName(message)} message with higher term from ${from} [term: ${messageTerm}]`,
  ],
  lower_term: ({ message, from, messageTerm, term }, id) => [
    'INFO',
    `${id} [term: ${term}] ignored a ${messageName(message)} message with lower term from ${from} [term: ${messageTerm}]`,
  ],
  append_rejected: ({ from, prev, ownTerm }, id) => [
    'DEBUG',
    `${id} [logterm: ${ownTerm}, index: ${prev.index}] rejected MsgApp ${logPosition(prev)}] from ${from}`,
  ],
  conflict_found: ({ existingTerm, found }) => [
    'INFO',
    `found conflict at index ${found.index} [existing term: ${existingTerm}, conflicting term: ${found.term}]`,
  ],
  tail_replaced: ({ fromIndex }) => [
    'INFO',
    `replace the unstable entries from index ${fromIndex}`,
  ],
  tail_cut: ({ fromIndex }) => ['INFO', `truncate the unstable entries before index ${fromIndex}`],
  log_lost: ({ from, commitIndex, lastIndex }, id) => [
    'ERROR',
    `${id} lost its log: ${from} has committed ${commitIndex}, last index is ${lastIndex}`,
  ],
  rejection_received: ({ from, index, hint }, id) => [
    'DEBUG',
    `${id} received MsgAppResp(rejected, hint: (index ${hint.index}, term ${hint.term})) from ${from} for index ${index}`,
  ],
  progress_decreased: ({ peerId, progress }, id) => [
    'DEBUG',
    `${id} decreased progress of ${peerId} to [${progressText(progress)}]`,
  ],
  replication_paused: ({ peerId, progress }, id) => [
    'DEBUG',
    `${id} paused sending replication messages to ${peerId} [${progressText(progress)}]`,
  ],
  snapshot_arrived: ({ peerId, progress }, id) => [
    'DEBUG',
    `${id} recovered from needing snapshot, resumed sending replication messages to ${peerId} [${progressText(progress)}]`,
  ],
  snapshot_failed: ({ peerId, progress }, id) => [
    'DEBUG',
    `${id} snapshot failed, resumed sending replication messages to ${peerId} [${progressText(progress)}]`,
  ],
  snapshot_succeeded: ({ peerId, progress }, id) => [
    'DEBUG',
    `${id} snapshot succeeded, resumed sending replication messages to ${peerId} [${progressText(progress)}]`,
  ],
  peer_unreachable: ({ peerId, progress }, id) => [
    'DEBUG',
    `${id} failed to send message to ${peerId} because it is unreachable [${progressText(progress)}]`,
  ],
  snapshot_postponed: ({ peerId }, id) => [
    'DEBUG',
    `${id} ignore sending snapshot to ${peerId} since it is not recently active`,
  ],
  snapshot_sent: ({ to, snapshot, firstIndex, commitIndex, progress }, id) => [
    'DEBUG',
    `${id} [firstindex: ${firstIndex}, commit: ${commitIndex}] sent snapshot[index: ${snapshot.index}, ` +
      `term: ${snapshot.term}] to ${to} [${progressText(progress)}]`,
  ],
  proposal_dropped: ({ reason, term, transferTarget }, id) => {
    if (reason === 'no_leader')
      return ['INFO', `${id} no leader at term ${term}; dropping proposal`];
    if (reason !== 'transfer_in_progress') return null;
    const target = idText(transferTarget);
    return [
      'DEBUG',
      `${id} [term ${term}] transfer leadership to ${target} is in progress; dropping proposal`,
    ];
  },
  transfer_dropped: ({ term }, id) => [
    'INFO',
    `${id} no leader at term ${term}; dropping leader transfer msg`,
  ],
  read_dropped: ({ term }, id) => [
    'INFO',
    `${id} no leader at term ${term}; dropping index reading msg`,
  ],
  membership_refused: (event, id) => [
    'INFO',
    `${id} ignoring conf change ${changeText(event.change)} at config ` +
      `${membershipText(event.membership)}: ${refusalText(event)}`,
  ],
  membership_skipped: ({ index, fault }, id) => [
    'WARN',
    `${id} skipped the conf change at index ${index}: ${faultText(fault)}`,
  ],
  leaving_joint: ({ membership }) => [
    'INFO',
    `initiating automatic transition out of joint configuration ${membershipText(membership)}`,
  ],
  snapshot_restoring: (event) => [
    'INFO',
    `log [committed=${event.commitIndex}, applied=${event.appliedIndex}, applying=${event.appliedIndex}, ` +
      `unstable.offset=${event.unsavedIndex}, unstable.offsetInProgress=${event.unsavedIndex}, ` +
      `len(unstable.Entries)=${event.unsavedCount}] starts to restore snapshot ` +
      `[index: ${event.snapshot.index}, term: ${event.snapshot.term}]`,
  ],
  snapshot_restored: ({ snapshot, commitIndex, last }, id) => [
    'INFO',
    `${id} [commit: ${commitIndex}, lastindex: ${last.index}, lastterm: ${last.term}] ` +
      `restored snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,
  ],
  snapshot_skipped_forward: ({ snapshot, commitIndex, last }, id) => [
    'INFO',
    `${id} [commit: ${commitIndex}, lastindex: ${last.index}, lastterm: ${last.term}] ` +
      `fast-forwarded commit to snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,
  ],
  snapshot_accepted: ({ snapshot, commitIndex }, id) => [
    'INFO',
    `${id} [commit: ${commitIndex}] restored snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,
  ],
  snapshot_ignored: ({ snapshot, commitIndex }, id) => [
    'INFO',
    `${id} [commit: ${commitIndex}] ignored snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,
  ],
  snapshot_without_us: ({ snapshot }, id) => [
    'WARN',
    `${id} is not in the snapshot [index: ${snapshot.index}, term: ${snapshot.term}]`,
  ],
};

/** An event as a line of the scripts, or `null` where they say nothing. */
export function eventLine(event: RaftEvent, id: PeerId): Line | null {
  const format = formats[event.kind] as (event: RaftEvent, id: PeerId) => Line | null;
  return format(event, id);
}

export function logLines(entries: readonly Entry[], firstIndex: number): readonly string[] {
  if (entries.length > 0) return entries.map(entryText);
  return [`log is empty: first index=${firstIndex}, last index=${firstIndex - 1}`];
}
