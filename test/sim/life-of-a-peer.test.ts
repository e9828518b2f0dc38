// Stories of peers that found, join, leave, move, lose their disks and come back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import { memberIds } from '../../src/raft/membership.ts';
import { Checkers } from './checkers.ts';
import { createCollection } from './commands.ts';
import type { SimMachine } from './sim-machine.ts';
import { nodeOf, plain, Stage } from './stage.ts';

const nop = (token: string) => ({ kind: 'nop', token }) as const;

async function propose(stage: Stage, machine: SimMachine, token: string): Promise<void> {
  const result = await stage.wait(nodeOf(machine).propose(nop(token), 10_000));
  assert.equal(result.kind, 'done', stage.trace.join('\n'));
}

function peersOf(machine: SimMachine): readonly bigint[] {
  return [...nodeOf(machine).state().peers.keys()].toSorted((a, b) => Number(a - b));
}

test('a first peer must say where it is, and leads at once', async () => {
  const stage = new Stage();
  const machine = stage.machine();
  machine.start({ ...plain, saysUri: false });
  await stage.run(100);
  assert.match(machine.startError ?? '', /First peer should specify its uri\.$/);
  machine.start(plain);
  await stage.run(100);
  const status = nodeOf(machine).status();
  assert.equal(status.leader, machine.peerId);
  assert.deepEqual([...status.peers.values()], [{ uri: machine.uri, version: '0.1.0' }]);
  assert.equal(nodeOf(machine).isNew, true);
  machine.crash('power');
  machine.start({ ...plain, bootstrap: 'http://nobody:6335/' });
  await stage.run(100);
  assert.equal(nodeOf(machine).status().leader, machine.peerId);
  assert.equal(nodeOf(machine).isNew, false);
});

test('six peers join at once through one, all become voters, and nobody holds an election', async () => {
  const stage = new Stage(2);
  const machines = await stage.cluster(7);
  assert.equal(stage.checkers.electionCount, 1);
  await stage.run(2000);
  for (const machine of machines) {
    assert.equal(peersOf(machine).length, 7);
    assert.equal(nodeOf(machine).status().leader, machines[0]?.peerId);
    for (const peer of nodeOf(machine).state().peers.values()) assert.equal(peer.version, '0.1.0');
  }
});

test('a follower lets others in, also without the founder, who was removed', async () => {
  const stage = new Stage(3);
  const [first, second, third] = await stage.cluster(3, 1);
  assert(first !== undefined && second !== undefined && third !== undefined);
  const removed = stage.wait(nodeOf(third).removePeer(first.peerId, 10_000));
  assert.equal((await removed).kind, 'done');
  await stage.until(() => nodeOf(first).status().thread.kind === 'stopped', 5000);
  assert.deepEqual([...nodeOf(first).status().peers.keys()], [first.peerId]);
  const fourth = stage.machine(1);
  fourth.start({ ...plain, bootstrap: third.uri, saysUri: false });
  await stage.until(() => fourth.node?.status().isVoter === true, 20_000);
  const ids = [second.peerId, third.peerId, fourth.peerId].toSorted((a, b) => Number(a - b));
  assert.deepEqual(peersOf(fourth), ids);
  await propose(stage, fourth, 'after all');
  first.crash('kill');
  first.start(plain);
  await stage.run(1000);
  assert.equal(nodeOf(first).status().thread.kind, 'stopped');
});

test('a peer removes itself; the last voter stays; unknown peers are gone already', async () => {
  const stage = new Stage(4);
  const [first, second] = await stage.cluster(2);
  assert(first !== undefined && second !== undefined);
  assert.equal((await stage.wait(nodeOf(second).removePeer(123n, 5000))).kind, 'done');
  const result = await stage.wait(nodeOf(first).removePeer(first.peerId, 10_000));
  assert(['done', 'stopped'].includes(result.kind), result.kind);
  await stage.until(() => nodeOf(first).status().thread.kind === 'stopped', 10_000);
  await propose(stage, second, 'alone');
  const refused = await stage.wait(nodeOf(second).removePeer(second.peerId, 5000));
  assert.equal(refused.kind, 'refused');
});

test('who was removed is gone for good, so whoever is left needs nobody to know of it', async () => {
  for (let seed = 11; seed < 19; seed += 1) {
    const stage = new Stage(seed);
    const [first, second] = await stage.cluster(2);
    assert(first !== undefined && second !== undefined);
    // The leader writes slowly, and dies as soon as the other one believes that it was removed.
    first.diskMs = 1000;
    void nodeOf(first).removePeer(second.peerId, 10_000);
    await stage.until(() => nodeOf(second).status().thread.kind === 'stopped', 20_000);
    first.crash('power');
    first.diskMs = 0.5;
    first.start(plain);
    await stage.until(() => first.node?.status().leader === first.peerId, 5000);
    await propose(stage, first, 'alone');
  }
});

test('an empty disk at a known address: refused while the old peer has shards, else it is replaced', async () => {
  const stage = new Stage(5);
  const [first, second, third] = await stage.cluster(3);
  assert(first !== undefined && second !== undefined && third !== undefined);
  const oldId = third.peerId;
  const create = createCollection('c', 'uuid', new Prng(1), [oldId]);
  assert.equal((await stage.wait(nodeOf(first).propose(create, 5000))).kind, 'done');
  third.crash('power');
  third.wipe();
  third.start({ ...plain, bootstrap: second.uri });
  await stage.until(() => third.startError !== null, 20_000);
  assert.match(third.startError ?? '', /already used by peer \d+ which still has shards/);
  assert.equal(peersOf(first).includes(oldId), true);
  const gone = nodeOf(first).propose({ kind: 'delete_collection', name: 'c' }, 5000);
  assert.equal((await stage.wait(gone)).kind, 'done');
  third.start({ ...plain, bootstrap: second.uri });
  await stage.until(() => third.node?.status().isVoter === true, 20_000);
  assert.equal(peersOf(first).includes(oldId), false);
  assert.equal(peersOf(first).length, 3);
});

test('a peer whose disk lost everything but its name is told so, and does no harm', async () => {
  const stage = new Stage(6);
  const [first, , third] = await stage.cluster(3);
  assert(first !== undefined && third !== undefined);
  third.crash('kill');
  await stage.wait(third.disk.removeTree('/storage/raft'));
  third.start({ ...plain, bootstrap: first.uri });
  await stage.until(() => third.startError !== null, 20_000);
  assert.match(third.startError ?? '', /is a voter of this cluster already/);
});

test('nobody to join through: tried again for a while, then an error that says why', async () => {
  const stage = new Stage(7);
  const machine = stage.machine();
  machine.start({ ...plain, bootstrap: 'http://nobody:6335/' });
  await stage.until(() => machine.startError !== null, 20_000);
  assert.match(machine.startError ?? '', /Failed to join the cluster through http:\/\/nobody/);
  assert.equal(
    stage.trace.some((line) => line.includes('Cannot join the cluster yet')),
    true,
  );
});

test('killed after it was let in and before it heard anything: it joins again under its id', async () => {
  const stage = new Stage(8);
  const [first] = await stage.cluster(1);
  const second = stage.machine();
  assert(first !== undefined);
  second.start({ ...plain, bootstrap: first.uri });
  await stage.until(() => second.identity.clusterId !== null, 5000);
  second.crash('power');
  await stage.run(3000);
  // The address that it was told is enough.
  second.start(plain);
  await stage.until(() => second.node?.status().isVoter === true, 20_000);
  assert.equal(peersOf(first).length, 2);
});

test('a peer that moved says so before it takes part', async () => {
  const stage = new Stage(9);
  const [first, second, third] = await stage.cluster(3);
  assert(first !== undefined && second !== undefined && third !== undefined);
  third.crash('kill');
  third.start({ ...plain, uri: 'http://elsewhere:6335/' });
  await stage.until(() => third.node !== null, 20_000);
  await propose(stage, third, 'from elsewhere');
  assert.equal(nodeOf(first).state().peers.get(third.peerId)?.uri, 'http://elsewhere:6335/');
  assert.equal(nodeOf(second).status().leader, first.peerId);
  third.crash('kill');
  third.start({ ...plain, uri: second.uri });
  await stage.until(() => third.startError !== null, 30_000);
  assert.match(third.startError ?? '', /belongs to peer/);
});

test('reinit: one peer goes on alone with all that was agreed, others come back empty', async () => {
  const stage = new Stage(10);
  const [first, second, third] = await stage.cluster(3);
  assert(first !== undefined && second !== undefined && third !== undefined);
  const create = createCollection('c', 'uuid', new Prng(1), [first.peerId]);
  assert.equal((await stage.wait(nodeOf(second).propose(create, 5000))).kind, 'done');
  await stage.run(1000);
  const before = nodeOf(first).status().clusterId;
  for (const machine of [first, second, third]) machine.crash('kill');
  stage.checkers = new Checkers();
  first.start({ ...plain, isReinit: true });
  await stage.until(() => first.node?.status().leader === first.peerId, 5000);
  assert.notEqual(nodeOf(first).status().clusterId, before);
  assert.equal(nodeOf(first).state().collections.has('c'), true);
  assert.equal(peersOf(first).length, 3);
  await propose(stage, first, 'alone');
  const id = second.peerId;
  second.start({ ...plain, bootstrap: first.uri, isReinit: true, uri: 'http://m1-new:6335/' });
  await stage.until(() => second.node?.status().isVoter === true, 20_000);
  assert.equal(second.peerId, id);
  assert.equal(nodeOf(second).state().collections.has('c'), true);
  // The old cluster is another one.
  stage.machines.splice(2);
  third.start(plain);
  await stage.run(5000);
  assert.equal(nodeOf(third).status().leader ?? 0n, 0n);
  assert.equal(memberIds(nodeOf(first).inspect().driver.raftStatus.membership).length, 2);
});
