import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeTimers } from '../../test/model/shard-harness.ts';
import type { PeerId } from '../base/ids.ts';
import type { ReplicaState } from '../model/cluster-state.ts';
import { FailedReplicas } from './failed-replicas.ts';

const replica = { collection: 'c', shardId: 3, peerId: 2n };

/** One replica, and a cluster that does with proposals what the test says. */
class Cluster {
  state: ReplicaState | null = 'Active';
  readonly proposed: (ReplicaState | null)[] = [];
  onProposal: (fromState: ReplicaState | null) => boolean | null = () => {
    this.state = 'Dead';
    return true;
  };
  readonly timers = new FakeTimers();
  readonly failed = new FailedReplicas({
    timers: this.timers,
    stateOf: () => this.state,
    proposeDead: (_replica, fromState) => {
      this.proposed.push(fromState);
      const outcome = this.onProposal(fromState);
      return outcome === null ? Promise.reject(new Error('no leader')) : Promise.resolve(outcome);
    },
  });

  disabled(): readonly PeerId[] {
    const states = this.state === null ? [] : [[2n, this.state] as const];
    return [...this.failed.of('c', 3, new Map(states))];
  }
}

async function turns(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await Promise.resolve();
}

test('agreed at once; several writes that saw it share one proposal', async () => {
  const cluster = new Cluster();
  const agreed = [1, 2, 3].map(() => cluster.failed.deactivate(replica, 'Active', 30_000));
  assert.deepEqual(cluster.proposed, ['Active']);
  assert.deepEqual(await Promise.all(agreed), [true, true, true]);
  assert.deepEqual(cluster.disabled(), []);
});

test('asked again and again while nothing comes of it, and not used meanwhile', async () => {
  const cluster = new Cluster();
  const { onProposal } = cluster;
  cluster.onProposal = () => null;
  const first = cluster.failed.deactivate(replica, 'Active', 30_000);
  await turns();
  assert.deepEqual(cluster.disabled(), [2n]);
  // Its time and the rest of the next proposal end together here.
  cluster.timers.advance(30_000);
  assert.equal(await first, false);
  await turns();
  assert.equal(cluster.proposed.length, 2);
  assert.deepEqual(cluster.disabled(), [2n]);
  cluster.onProposal = onProposal;
  cluster.timers.advance(2_000);
  await turns();
  assert.equal(cluster.state, 'Dead');
  cluster.state = 'Active';
  assert.deepEqual(cluster.disabled(), [], 'a change of its state makes it good again');
});

test('refused, it is used again: the cluster has no other', async () => {
  const cluster = new Cluster();
  cluster.onProposal = () => false;
  assert.equal(await cluster.failed.deactivate(replica, 'Active', 30_000), false);
  await turns();
  assert.deepEqual(cluster.disabled(), []);
});

test('who is taken for complete after it failed lacks the write all the same', async () => {
  const cluster = new Cluster();
  cluster.state = 'Initializing';
  cluster.onProposal = (fromState) => {
    if (fromState === 'Initializing') {
      cluster.state = 'Active';
      return false;
    }
    cluster.state = 'Dead';
    return true;
  };
  assert.equal(await cluster.failed.deactivate(replica, 'Initializing', 30_000), true);
  assert.deepEqual(cluster.proposed, ['Initializing', 'Active']);
  assert.equal(cluster.state, 'Dead');
});

test('a replica that is gone, or that is filled anew, needs no proposal', async () => {
  for (const state of [null, 'Recovery', 'Dead'] as const) {
    const cluster = new Cluster();
    cluster.state = state;
    assert.equal(await cluster.failed.deactivate(replica, 'Active', 30_000), true);
    assert.deepEqual(cluster.proposed, []);
  }
});
