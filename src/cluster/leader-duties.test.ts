// Which change of the membership comes next.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterState, emptyClusterState } from '../model/cluster-state.ts';
import { emptyMembership } from '../raft/membership.ts';
import type { RaftStatus } from '../raft/raft.ts';
import { type MembershipWish, nextChange } from './leader-duties.ts';

const learnerProgress = {
  mode: 'replicate',
  matchIndex: 9,
  nextIndex: 10,
  isLearner: true,
  isPaused: false,
  pendingSnapshotIndex: 0,
  isActive: true,
  inflightCount: 0,
  isInflightFull: false,
} as const;

const status: RaftStatus = {
  id: 1n,
  role: 'leader',
  leaderId: 1n,
  hardState: { term: 2, vote: 1n, commitIndex: 9 },
  appliedIndex: 9,
  firstIndex: 1,
  last: { term: 2, index: 9 },
  membership: { ...emptyMembership, voters: [1n], learners: [2n] },
  transferTarget: null,
  progress: new Map([[2n, learnerProgress]]),
};

const state: ClusterState = {
  ...emptyClusterState,
  peers: new Map([
    [1n, { uri: 'http://a:1/', version: null }],
    [2n, { uri: 'http://b:1/', version: null }],
  ]),
};

function add(peerId: bigint, uri: string): MembershipWish {
  return { kind: 'add', peerId, uri, version: null };
}

function kindOf(wish: MembershipWish | null, current = status): string {
  const next = nextChange(current, state, wish);
  if (next.kind !== 'propose') return next.kind === 'drop' ? next.reason : next.kind;
  return next.change.changes.map(({ kind, peerId }) => `${kind} ${peerId}`).join();
}

test('a learner that has everything becomes a voter; one that lags or is silent does not', () => {
  assert.equal(kindOf(null), 'add_voter 2');
  const lagging = new Map([[2n, { ...learnerProgress, matchIndex: 8 }]]);
  assert.equal(kindOf(null, { ...status, progress: lagging }), 'nothing');
  const silent = new Map([[2n, { ...learnerProgress, isActive: false }]]);
  assert.equal(kindOf(null, { ...status, progress: silent }), 'nothing');
});

test('wishes go first; who is a member already keeps its vote', () => {
  assert.equal(kindOf(add(3n, 'http://c:1/')), 'add_learner 3');
  assert.equal(kindOf(add(2n, 'http://b:1/')), 'granted');
  assert.equal(kindOf(add(1n, 'http://a2:1/')), 'update 1');
});

test('what can never be is dropped with its reason', () => {
  assert.match(kindOf(add(3n, 'http://a:1/')), /belongs to peer 1/);
  const last = { kind: 'remove', peerId: 1n, uri: null, version: null } as const;
  assert.match(kindOf(last), /the only voter left/);
  assert.equal(kindOf({ ...last, peerId: 2n }), 'remove 2');
  assert.equal(kindOf({ ...last, peerId: 9n }), 'granted');
  const moved = { kind: 'update', peerId: 9n, uri: 'http://z:1/', version: null } as const;
  assert.match(kindOf(moved), /no member/);
});
