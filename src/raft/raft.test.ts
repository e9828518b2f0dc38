// What scripts do not show: the driver's side of the contract.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyMembership } from './membership.ts';
import type { Message, Proposal } from './messages.ts';
import { Raft, type Ready } from './raft.ts';
import type { RaftOptions, SavedState } from './state.ts';

const options: RaftOptions = {
  id: 1n,
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  ownRemoval: 'hands_over',
  validatesMembership: true,
  appendBytesMax: 1e6,
  inflightCountMax: 64,
  committedBytesMax: 1e6,
  uncommittedBytesMax: 100,
  seed: 1,
};

function savedAs(voters: readonly bigint[]): SavedState {
  return {
    hardState: { term: 1, vote: null, commitIndex: 1 },
    base: { index: 1, term: 1 },
    entries: [],
    appliedIndex: 1,
    membership: { ...emptyMembership, voters },
  };
}

function command(byteCount: number): Proposal {
  return { kind: 'command', data: new Uint8Array(byteCount) };
}

/** Carries out everything there is to do; returns what was applied and sent. */
function settle(raft: Raft): readonly Ready[] {
  const readies: Ready[] = [];
  while (raft.hasReady) {
    readies.push(raft.ready());
    raft.advance();
  }
  return readies;
}

function alone(): Raft {
  const raft = new Raft(options, savedAs([1n]));
  raft.campaign();
  settle(raft);
  return raft;
}

test('a peer alone leads at once and commits what it has saved', () => {
  const raft = alone();
  assert.equal(raft.status().role, 'leader');
  assert.deepEqual(raft.propose([command(1), command(2)]), { kind: 'appended', index: 3, term: 2 });
  const ready = raft.ready();
  assert.equal(ready.entries.length, 2);
  assert.equal(ready.committed.length, 0, 'not saved yet');
  assert(ready.mustSync);
  raft.advance();
  assert.deepEqual(
    settle(raft).flatMap(({ committed }) => committed.map(({ index }) => index)),
    [3, 4],
  );
  assert(!raft.hasReady);
});

test('a Ready is carried out before the next is taken', () => {
  const raft = alone();
  raft.propose([command(1)]);
  raft.ready();
  assert.throws(() => raft.ready(), /has not been carried out/);
  raft.advance();
  assert.throws(() => raft.advance(), /no Ready/);
});

test('proposals are dropped above the limit of what is not committed, and taken again later', () => {
  const raft = new Raft(options, savedAs([1n, 2n]));
  raft.campaign();
  settle(raft);
  const vote = (kind: 'vote' | 'pre_vote'): Message => ({
    kind: 'vote_response',
    vote: kind,
    isGranted: true,
    from: 2n,
    to: 1n,
    term: 2,
  });
  raft.step(vote('pre_vote'));
  settle(raft);
  raft.step(vote('vote'));
  settle(raft);
  assert.equal(raft.status().role, 'leader');
  assert.equal(raft.propose([command(90)]).kind, 'appended', 'one is taken, however large');
  assert.deepEqual(raft.propose([command(1)]), { kind: 'dropped', reason: 'too_much_uncommitted' });
  settle(raft);
  const { index } = raft.status().last;
  const accepted = { kind: 'append_response', index, rejection: null } as const;
  raft.step({ ...accepted, from: 2n, to: 1n, term: 2 });
  settle(raft);
  assert.equal(raft.propose([command(1)]).kind, 'appended');
});

test('a committed change of the membership is synced before anybody may act on it', () => {
  const raft = alone();
  const change = { transition: 'auto', changes: [{ kind: 'add_learner', peerId: 2n }] } as const;
  raft.propose([{ kind: 'membership', change, data: new Uint8Array(0) }]);
  const committing = settle(raft).find(({ committed }) => committed.length > 0);
  assert(committing?.mustSync);
  assert.deepEqual(raft.status().membership.learners, [2n]);
});

test('a follower that hears of commits beyond its log says that it has lost it', () => {
  const raft = new Raft(options, savedAs([1n, 2n]));
  raft.takeEvents();
  const heartbeat = { kind: 'heartbeat', commitIndex: 9, readSequence: 0 } as const;
  raft.step({ ...heartbeat, from: 2n, to: 1n, term: 1 });
  assert.deepEqual(raft.takeEvents(), [
    { kind: 'log_lost', from: 2n, commitIndex: 9, lastIndex: 1 },
  ]);
  assert.equal(raft.status().hardState.commitIndex, 1);
});

test('a snapshot that waits while entries are applied is sent as of what is applied then', () => {
  const raft = alone();
  const change = { transition: 'auto', changes: [{ kind: 'add_learner', peerId: 2n }] } as const;
  raft.propose([{ kind: 'membership', change, data: new Uint8Array(0) }]);
  settle(raft);
  raft.compact(raft.status().appliedIndex);
  raft.propose([command(1)]);
  raft.ready();
  raft.advance();
  // Committed, being applied by the driver, and now the learner asks from the beginning.
  assert.equal(raft.ready().committed.length, 1);
  const rejection = { hintIndex: 0, hintTerm: 0 };
  const askedIndex = (raft.status().progress.get(2n)?.nextIndex ?? 0) - 1;
  const answer = { kind: 'append_response', index: askedIndex, rejection } as const;
  raft.step({ ...answer, from: 2n, to: 1n, term: 2 });
  raft.advance();
  const [message] = raft.ready().messages;
  assert.equal(message?.kind === 'snapshot' && message.snapshot.index, raft.status().appliedIndex);
});

test('answers of strangers are told apart', () => {
  const raft = alone();
  const answer = { kind: 'heartbeat_response', readSequence: 0 } as const;
  assert.equal(raft.step({ ...answer, from: 9n, to: 1n, term: 2 }), 'unknown_peer');
  assert.throws(() => raft.step({ ...answer, from: 9n, to: 3n, term: 2 }), /message for 3/);
});

test('an append commits only what it has shown to be equal', () => {
  const entries = [2, 3].map((index) => ({ ...command(1), term: 1, index }));
  const raft = new Raft(options, { ...savedAs([1n, 2n]), entries });
  const append = { kind: 'append', prevIndex: 1, prevTerm: 1, commitIndex: 3 } as const;
  // The leader's third entry is on its way; ours of that index is another one.
  raft.step({ ...append, entries: entries.slice(0, 1), from: 2n, to: 1n, term: 2 });
  assert.equal(raft.status().hardState.commitIndex, 2);
});

test('a new leader changes no membership before it has applied what it found', () => {
  const change = { transition: 'auto', changes: [{ kind: 'add_learner', peerId: 2n }] } as const;
  const proposal: Proposal = { kind: 'membership', change, data: new Uint8Array(0) };
  const found = { ...command(1), term: 1, index: 2 };
  const raft = new Raft(options, { ...savedAs([1n]), entries: [found] });
  raft.campaign();
  // Its pre-vote and its vote are saved; its first entry is not.
  while (raft.status().role !== 'leader') {
    raft.ready();
    raft.advance();
  }
  assert.deepEqual(raft.propose([proposal]), { kind: 'refused', reason: 'change_pending' });
  settle(raft);
  assert.equal(raft.propose([proposal]).kind, 'appended');
});

test('a snapshot that comes while a change is applied has the last word on the membership', () => {
  const change = { transition: 'auto', changes: [{ kind: 'remove', peerId: 3n }] } as const;
  const entry = { kind: 'membership', change, data: new Uint8Array(0), term: 1, index: 2 } as const;
  const raft = new Raft(options, { ...savedAs([1n, 2n, 3n]), entries: [entry] });
  raft.step({ kind: 'heartbeat', commitIndex: 2, readSequence: 0, from: 2n, to: 1n, term: 1 });
  assert.equal(raft.ready().committed.length, 1);
  // Since then 3 has come back.
  const membership = { ...emptyMembership, voters: [1n, 2n, 3n] };
  const snapshot = { index: 9, term: 1, membership, data: new Uint8Array(0) };
  raft.step({ kind: 'snapshot', snapshot, from: 2n, to: 1n, term: 1 });
  raft.advance();
  assert.deepEqual(raft.status().membership, membership);
  assert.equal(raft.ready().snapshot?.index, 9);
  raft.advance();
  assert.equal(raft.status().appliedIndex, 9);
});
