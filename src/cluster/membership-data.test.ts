// What joining, promotion, a new address and removal do to the address book.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { twoPeers } from '../../test/state/random-walk.ts';
import { CorruptBytesError } from '../base/bytes.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import type { PeerChange } from '../raft/membership.ts';
import { applyMembership, encodePeerData, type PeerData } from './membership-data.ts';

function change(
  state: ClusterState,
  kind: PeerChange['kind'],
  peerId: bigint,
  data: PeerData | null,
): ClusterState {
  const bytes = data === null ? new Uint8Array(0) : encodePeerData(data);
  return applyMembership(state, { transition: 'auto', changes: [{ kind, peerId }] }, bytes);
}

const joined = { uri: 'http://peer-3:6335/', version: '1.18.3' };

test('who joins is known by address and version; promotion and repetition change nothing', () => {
  const learner = change(twoPeers, 'add_learner', 3n, joined);
  assert.deepEqual(learner.peers.get(3n), joined);
  assert.equal(change(learner, 'add_learner', 3n, joined), learner);
  assert.equal(change(learner, 'add_voter', 3n, null), learner);
});

test('a new address keeps the version that is known', () => {
  const moved = change(twoPeers, 'update', 2n, { uri: 'http://other:6335/', version: null });
  assert.deepEqual(moved.peers.get(2n), { uri: 'http://other:6335/', version: '1.18.3' });
});

test('who is removed is forgotten; removing a stranger changes nothing', () => {
  const left = change(twoPeers, 'remove', 2n, null);
  assert.deepEqual([...left.peers.keys()], [1n]);
  assert.equal(left.firstPeer, 1n);
  assert.equal(change(left, 'remove', 2n, null), left);
  assert.equal(change(left, 'remove', 99n, null), left);
});

test('data that cannot be read is an error, not an empty address', () => {
  const changes = [{ kind: 'add_learner', peerId: 3n }] as const;
  const apply = () =>
    applyMembership(twoPeers, { transition: 'auto', changes }, new Uint8Array([1, 0x7b]));
  assert.throws(apply, CorruptBytesError);
});
