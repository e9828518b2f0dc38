// Stories of proposals, leaders and broken machines in a small cluster.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import type { ClusterNode, ProposalResult } from '../../src/cluster/cluster-node.ts';
import type { Command } from '../../src/cluster/commands.ts';
import { stateHash } from '../../src/cluster/state-hash.ts';
import { createCollection } from './commands.ts';
import { nodeOf, plain, Stage } from './stage.ts';

/** On the first of the node's peers. */
function create(node: ClusterNode, name: string, uuid: string): Command {
  return createCollection(name, uuid, new Prng(1), [...node.state().peers.keys()].slice(0, 1));
}

const nop = (token: string) => ({ kind: 'nop', token }) as const;

function outcomeOf(result: ProposalResult): string {
  return result.kind === 'done' ? result.outcome.kind : result.kind;
}

test('two peers create one collection at once: one does, the other is told that it exists', async () => {
  const stage = new Stage(1);
  const machines = await stage.cluster(3);
  const results = await stage.wait(
    Promise.all(
      machines.map((one, at) => nodeOf(one).propose(create(nodeOf(one), 'c', `u${at}`), 5000)),
    ),
  );
  assert.deepEqual(results.map(outcomeOf).toSorted(), ['applied', 'refused', 'refused']);
});

test('equal changes that wait on one peer are one entry; creations are not', async () => {
  const stage = new Stage(2);
  const [, second] = await stage.cluster(3);
  const node = nodeOf(second);
  const same = await stage.wait(
    Promise.all([1, 2, 3].map(() => node.propose({ kind: 'delete_collection', name: 'c' }, 5000))),
  );
  const indices = same.map((result) => (result.kind === 'done' ? result.index : 0));
  assert.equal(new Set(indices).size, 1);
  const created = await stage.wait(
    Promise.all([1, 2].map(() => node.propose(create(node, 'c', 'u'), 5000))),
  );
  assert.deepEqual(created.map(outcomeOf).toSorted(), ['applied', 'refused']);
});

test('without a majority changes wait, reads go on; the message says which wait ended', async () => {
  const stage = new Stage(3);
  const machines = await stage.cluster(3);
  const leader = stage.leader();
  for (const machine of machines) if (machine !== leader) machine.crash('kill');
  const node = nodeOf(leader);
  assert.equal((await stage.wait(node.propose(nop('a'), 1000))).kind, 'timed_out');
  await stage.run(5000);
  assert.equal(node.status().leader, 0n);
  assert.equal((await stage.wait(node.propose(nop('b'), 1000))).kind, 'no_leader');
  assert.equal(node.state().peers.size, 3);
  assert.equal(node.isWorking, true);
  for (const machine of machines) if (machine !== leader) machine.start(plain);
  await stage.until(() => (node.status().leader ?? 0n) !== 0n, 10_000);
  assert.equal((await stage.wait(node.propose(nop('c'), 5000))).kind, 'done');
});

test('a leader that dies is replaced within two election timeouts, and changes go on', async () => {
  const gaps: number[] = [];
  for (let seed = 10; seed < 30; seed += 1) {
    const stage = new Stage(seed);
    const machines = await stage.cluster(3);
    const leader = stage.leader();
    leader.crash('power');
    const startMs = stage.time.nowMs;
    const survivor = machines.find((one) => one !== leader);
    const result = await stage.wait(
      nodeOf(survivor).propose(create(nodeOf(survivor), 'c', 'u'), 10_000),
    );
    assert.equal(outcomeOf(result), 'applied');
    gaps.push(stage.time.nowMs - startMs);
  }
  gaps.sort((a, b) => a - b);
  // 20 ticks at most until somebody asks; a split vote costs the same again.
  assert((gaps[10] ?? 0) < 2500, `median ${gaps[10]} ms`);
  assert((gaps.at(-1) ?? 0) < 5000, `longest ${gaps.at(-1)} ms`);
});

test('a leader that stops in good order hands over first: nobody waits for silence', async () => {
  const stage = new Stage(9);
  const machines = await stage.cluster(3);
  const leader = stage.leader();
  const survivor = machines.find((one) => one !== leader);
  const startMs = stage.time.nowMs;
  await stage.wait(leader.stopGracefully());
  assert.equal((await stage.wait(nodeOf(survivor).propose(nop('a'), 5000))).kind, 'done');
  assert(stage.time.nowMs - startMs < 500, `${stage.time.nowMs - startMs} ms`);
});

test('a stall and a slow disk of seconds make nobody hold an election', async () => {
  const stage = new Stage(4);
  const machines = await stage.cluster(3);
  const leader = stage.leader();
  const [follower] = machines.filter((one) => one !== leader);
  assert(follower !== undefined);
  follower.pause(8000);
  await stage.run(12_000);
  for (const machine of machines) machine.diskMs = 3000;
  void nodeOf(follower).propose(nop('slow'), 60_000);
  await stage.run(30_000);
  for (const machine of machines) machine.diskMs = 0.5;
  await stage.run(10_000);
  assert.equal(stage.checkers.electionCount, 1);
  assert.equal(stage.leader(), leader);
});

test('an error of the disk ends consensus on that peer; it still answers, and comes back', async () => {
  const stage = new Stage(5);
  const machines = await stage.cluster(3);
  const leader = stage.leader();
  const broken = machines.find((one) => one !== leader);
  assert(broken !== undefined);
  broken.disk.failAt(1, 'io', ['sync']);
  const waiting = nodeOf(broken).propose(nop('a'), 5000);
  assert.equal((await stage.wait(waiting)).kind, 'stopped');
  const { thread, peers } = nodeOf(broken).status();
  assert.equal(thread.kind, 'stopped_with_err');
  assert.equal(peers.size, 3);
  assert.equal((await stage.wait(nodeOf(leader).propose(nop('b'), 5000))).kind, 'done');
  broken.crash('power');
  broken.start(plain);
  await stage.until(
    () => broken.node?.appliedIndex === nodeOf(leader).appliedIndex && broken.node.isWorking,
    10_000,
  );
});

test('a state that differs from the leader is noticed and replaced', async () => {
  const stage = new Stage(6);
  const machines = await stage.cluster(3);
  const leader = stage.leader();
  const wrong = machines.find((one) => one !== leader);
  assert(wrong !== undefined);
  await stage.run(3000);
  const { machine } = nodeOf(wrong).inspect();
  machine.replace({ ...machine.state, aliases: new Map([['no', 'where']]) });
  const results = stage.time.nowMs;
  const proposal = nodeOf(leader).propose(create(nodeOf(leader), 'c', 'u'), 5000);
  // The checkers would speak, and rightly.
  await stage.time.run(results + 8000, () => true);
  await proposal;
  assert.equal(nodeOf(wrong).status().stateMismatchCount, 1);
  assert.equal(stateHash(nodeOf(wrong).state()), stateHash(nodeOf(leader).state()));
  wrong.crash('power');
  wrong.start(plain);
  await stage.time.run(stage.time.nowMs + 3000, () => true);
  assert.equal(stateHash(nodeOf(wrong).state()), stateHash(nodeOf(leader).state()));
});

test('whoever loops on what changed is woken by entries and by a state taken anew', async () => {
  const stage = new Stage(7);
  const machines = await stage.cluster(3);
  const node = nodeOf(machines.find((one) => one !== stage.leader()));
  await stage.run(2000);
  const changed = node.changed(node.appliedIndex);
  await stage.wait(nodeOf(machines[0]).propose(nop('a'), 5000));
  await stage.wait(changed);
  await stage.run(1000);
  const refreshed = node.changed(node.appliedIndex);
  node.refreshState();
  await stage.wait(refreshed);
  const { term } = node.status();
  assert.equal(await stage.wait(node.waitOnCommit(node.appliedIndex, term, 100)), true);
  assert.equal(await stage.wait(node.waitOnCommit(node.appliedIndex + 1, term, 100)), false);
  assert.equal(await stage.wait(node.waitOnCommit(node.appliedIndex, term - 1, 100)), false);
});

test('who was away while a thousand collections came and went takes a snapshot and agrees', async () => {
  const stage = new Stage(8);
  const machines = await stage.cluster(3, 32);
  const [first] = machines;
  const node = nodeOf(first);
  for (let at = 0; at < 300; at += 1) {
    void node.propose(create(node, `c${at % 3}`, `u${at}`), 30_000);
    void node.propose({ kind: 'delete_collection', name: `c${(at + 1) % 3}` }, 30_000);
    await stage.run(10);
  }
  const fourth = stage.machine(32);
  const startMs = stage.time.nowMs;
  fourth.start({ ...plain, bootstrap: first?.uri ?? null });
  await stage.until(() => fourth.node?.status().isVoter === true, 3000);
  assert(stage.time.nowMs - startMs < 3000);
  assert.equal(stateHash(nodeOf(fourth).state()), stateHash(node.state()));
});
