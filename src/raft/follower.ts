// The follower's side: take what the leader of this term sends. Invariant: an answer that accepts
// is sent only after what it accepts is saved, which is why answers are not messages of their own.

import type { PeerId } from '../base/ids.ts';
import { memberIds } from './membership.ts';
import type { AppendBody, HeartbeatBody, Snapshot } from './messages.ts';
import type { RaftState } from './state.ts';

/** A leader of this term exists and lives. */
export function followLeader(state: RaftState, leaderId: PeerId): void {
  if (state.role !== 'follower') state.becomeFollower(state.term, leaderId);
  state.electionElapsedTicks = 0;
  state.leaderId = leaderId;
}

export function handleAppend(state: RaftState, from: PeerId, message: AppendBody): void {
  const { log } = state;
  const prev = { index: message.prevIndex, term: message.prevTerm };
  if (prev.index < log.commitIndex) {
    // Late, or sent by who does not know yet how far we are: what is committed is the same here.
    state.respond(from, { kind: 'append_response', index: log.commitIndex, rejection: null });
    return;
  }
  const matchIndex = log.merge(prev, message.entries, state.emit);
  if (matchIndex !== null) {
    log.commitTo(Math.min(message.commitIndex, matchIndex));
    state.respond(from, { kind: 'append_response', index: matchIndex, rejection: null });
    return;
  }
  state.emit({ kind: 'append_rejected', from, prev, ownTerm: log.termAt(prev.index) ?? 0 });
  const hint = log.agreementBefore(Math.min(prev.index, log.lastIndex), prev.term);
  const rejection = { hintIndex: hint.index, hintTerm: hint.term };
  state.respond(from, { kind: 'append_response', index: prev.index, rejection });
}

export function handleHeartbeat(state: RaftState, from: PeerId, message: HeartbeatBody): void {
  const { commitIndex, readSequence } = message;
  const { lastIndex } = state.log;
  if (commitIndex > lastIndex) {
    state.emit({ kind: 'log_lost', from, commitIndex, lastIndex });
  } else {
    state.log.commitTo(commitIndex);
  }
  state.send(from, { kind: 'heartbeat_response', readSequence });
}

export function handleSnapshot(state: RaftState, from: PeerId, snapshot: Snapshot): void {
  const { log } = state;
  const position = { index: snapshot.index, term: snapshot.term };
  const kind = restore(state, snapshot) ? 'snapshot_accepted' : 'snapshot_ignored';
  state.emit({ kind, snapshot: position, commitIndex: log.commitIndex });
  const index = kind === 'snapshot_accepted' ? log.lastIndex : log.commitIndex;
  state.respond(from, { kind: 'append_response', index, rejection: null });
}

/** False if the snapshot tells nothing new, or is not for us. */
function restore(state: RaftState, snapshot: Snapshot): boolean {
  const { log } = state;
  const position = { index: snapshot.index, term: snapshot.term };
  const commitIndex = log.commitIndex;
  if (snapshot.index <= commitIndex) return false;
  if (!memberIds(snapshot.membership).includes(state.id)) {
    state.emit({ kind: 'snapshot_without_us', snapshot: position, commitIndex });
    return false;
  }
  if (log.hasEntry(position)) {
    // We have the entries themselves: no need to replace them.
    log.commitTo(snapshot.index);
    const last = log.last;
    state.emit({ kind: 'snapshot_skipped_forward', snapshot: position, commitIndex, last });
    return false;
  }
  state.emit({
    kind: 'snapshot_restoring',
    snapshot: position,
    commitIndex,
    appliedIndex: log.appliedIndex,
    unsavedIndex: log.stableIndex + 1,
    unsavedCount: log.lastIndex - log.stableIndex,
  });
  log.restore(snapshot);
  state.progress.clear();
  state.useMembership(snapshot.membership, snapshot.index);
  const { last } = log;
  state.emit({ kind: 'snapshot_restored', snapshot: position, commitIndex: log.commitIndex, last });
  return true;
}
