// Peers that stand still for half a minute, and peers that die: the others go on meanwhile, every
// answer comes, and the paused one catches up without an election.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };
const pauseMs = 30_000;
let cluster: OctantCluster;

before(async () => {
  cluster = await OctantCluster.start(3);
});

after(() => cluster.dispose());

async function termOf(peer: Peer): Promise<number> {
  return (await peer.info()).raft_info.term;
}

/** Creates and deletes until the time is over; the longest of the answers, and how many. */
async function work(peers: readonly Peer[], name: string): Promise<{ count: number; ms: number }> {
  const endMs = performance.now() + pauseMs;
  let [count, ms] = [0, 0];
  while (performance.now() < endMs) {
    const startedMs = performance.now();
    const peer = peers[count % peers.length];
    const body = { vectors, shard_number: 1 };
    const path = `/collections/${name}?timeout=5`;
    if (count % 2 === 0) await peer?.result('PUT', path, body);
    else await peer?.result('DELETE', path);
    ms = Math.max(ms, performance.now() - startedMs);
    count += 1;
  }
  return { count, ms };
}

async function agree(): Promise<void> {
  await cluster.untilFormed();
  await until(async () => {
    const lists = await Promise.all(cluster.peers.map((peer) => peer.collections()));
    const texts = new Set(lists.map((names) => names.join()));
    return texts.size === 1 ? null : [...texts].join(' / ');
  });
}

test('a follower stopped for 30 s: nobody minds, and its return is no election', async (t) => {
  const leader = await cluster.leader();
  const paused = cluster.peers.find((peer) => peer !== leader);
  assert.ok(paused !== undefined);
  const term = await termOf(leader);
  paused.process.pause();
  const others = cluster.peers.filter((peer) => peer !== paused);
  const { count, ms } = await work(others, 'without-follower').finally(() =>
    paused.process.proceed(),
  );
  t.diagnostic(`${count} changes, the longest ${ms.toFixed(0)} ms`);
  assert.ok(count >= 10, `${count} changes`);
  await agree();
  assert.equal(await termOf(leader), term);
  assert.equal(await termOf(paused), term);
});

test('a leader stopped for 30 s: another leads, and its return is no election', async (t) => {
  const paused = await cluster.leader();
  const others = cluster.peers.filter((peer) => peer !== paused);
  const stoppedMs = performance.now();
  paused.process.pause();
  await until(async () => {
    const infos = await Promise.all(others.map((peer) => peer.info()));
    return infos.some(({ raft_info }) => raft_info.role === 'Leader') ? null : 'nobody leads';
  }, 10_000);
  t.diagnostic(`a new leader after ${(performance.now() - stoppedMs).toFixed(0)} ms`);
  const { count, ms } = await work(others, 'without-leader').finally(() =>
    paused.process.proceed(),
  );
  t.diagnostic(`${count} changes, the longest ${ms.toFixed(0)} ms`);
  assert.ok(count >= 10, `${count} changes`);
  const term = await termOf(others[0] as Peer);
  await agree();
  for (const peer of cluster.peers) assert.equal(await termOf(peer), term);
});

test('R35 a killed leader is replaced, three times, each well within 30 s', async (t) => {
  for (let round = 0; round < 3; round += 1) {
    const leader = await cluster.leader();
    await leader.process.kill();
    const startedMs = performance.now();
    await until(async () => {
      const infos = await Promise.all(cluster.running().map((peer) => peer.info()));
      return infos.some(({ raft_info }) => raft_info.role === 'Leader') ? null : 'nobody leads';
    }, 10_000);
    t.diagnostic(`a new leader after ${(performance.now() - startedMs).toFixed(0)} ms`);
    await leader.process.start();
    await cluster.untilFormed();
  }
});
