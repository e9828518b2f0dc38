// The promises of placement, on random wishes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCommand } from '../../test/state/examples.ts';
import { emptyClusterState } from '../model/cluster-state.ts';
import { distributionOf, type PlacementWish, placeShards, replicaCounts } from './placement.ts';
import { reduce } from './reducer.ts';

const wishes: fc.Arbitrary<PlacementWish> = fc.record({
  peers: fc.uniqueArray(fc.bigInt(1n, 40n), { minLength: 1, maxLength: 8 }),
  existing: fc.array(fc.tuple(fc.bigInt(1n, 40n), fc.nat(5))).map((entries) => new Map(entries)),
  shardCount: fc.nat(20),
  replicationFactor: fc.integer({ min: 1, max: 10 }),
});

test('replicas of a shard are on different peers, and the new ones are spread evenly', () => {
  fc.assert(
    fc.property(wishes, (wish) => {
      const placement = placeShards(wish);
      const perShard = Math.min(wish.replicationFactor, wish.peers.length);
      assert.equal(placement.length, wish.shardCount);
      const counts = new Map(wish.peers.map((peerId) => [peerId, 0]));
      for (const peers of placement) {
        assert.equal(new Set(peers).size, perShard);
        for (const peerId of peers) counts.set(peerId, (counts.get(peerId) ?? Number.NaN) + 1);
      }
      const all = [...counts.values()];
      assert.ok(Math.max(...all) - Math.min(...all) <= 1, `counts ${all.join(', ')}`);
    }),
  );
});

test('the order in which the peers are named does not matter', () => {
  fc.assert(
    fc.property(wishes, (wish) => {
      const reversed = { ...wish, peers: wish.peers.toReversed() };
      assert.deepEqual(placeShards(reversed), placeShards(wish));
    }),
  );
});

test('collections of one shard each use every peer in turn', () => {
  let state = emptyClusterState;
  for (let at = 0; at < 9; at += 1) {
    const placement = placeShards({
      peers: [1n, 2n, 3n],
      existing: replicaCounts(state),
      shardCount: 1,
      replicationFactor: 1,
    });
    state = reduce(state, createCommand(`c${at}`, distributionOf(placement))).state;
  }
  assert.deepEqual(
    replicaCounts(state),
    new Map([
      [1n, 3],
      [2n, 3],
      [3n, 3],
    ]),
  );
});
