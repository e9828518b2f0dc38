// Requirements on who takes part: removal of peers that exist, do not exist, lead or are alone,
// with and without force; what a peer that is gone still answers; recovery on request.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { idOf, OctantCluster, type Peer, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };
let cluster: OctantCluster;

before(async () => {
  cluster = await OctantCluster.start(3);
});

after(() => cluster.dispose());

async function stopped(peer: Peer): Promise<void> {
  await until(async () => {
    const { consensus_thread_status: thread } = await peer.info();
    return thread.consensus_thread_status === 'stopped' ? null : JSON.stringify(thread);
  });
}

/** The peers without the one that was removed. */
function forget(peer: Peer): void {
  peer.closeConnections();
  cluster.peers.splice(cluster.peers.indexOf(peer), 1);
}

test('parameters of a removal that are none change nothing', async () => {
  const peer = cluster.peer(0);
  const id = await idOf(cluster.peer(1));
  const commit = (await peer.info()).raft_info.commit;
  assert.equal(
    await peer.failure('DELETE', `/cluster/peer/${id}?timeout=0`),
    '422 Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]',
  );
  for (const query of ['timeout=-1', 'timeout=x', 'force=yes', 'force=1']) {
    assert.match(await peer.failure('DELETE', `/cluster/peer/${id}?${query}`), /^400 /, query);
  }
  for (const odd of ['abc', '-1', '1.5', '18446744073709551616', '0x1', '1e3', '%00']) {
    const { status, text } = await peer.call('DELETE', `/cluster/peer/${odd}`);
    assert.deepEqual([status, text], [404, ''], odd);
  }
  assert.equal((await peer.info()).raft_info.commit, commit);
});

test('R32 an unknown id is removed already, with and without force, on every peer', async () => {
  for (const peer of cluster.peers) {
    for (const id of ['1', '4711', '18446744073709551615', '0']) {
      assert.equal(await peer.result('DELETE', `/cluster/peer/${id}`), true);
      assert.equal(await peer.result('DELETE', `/cluster/peer/${id}?force=true`), true);
    }
    assert.equal(Object.keys((await peer.info()).peers).length, 3);
  }
});

test('R30 recovery on request always succeeds, on the leader, on followers, after a restart', async () => {
  await cluster.peer(0).result('PUT', '/collections/c', { vectors, shard_number: 3 });
  const { term, leader } = (await cluster.peer(0).info()).raft_info;
  for (let round = 0; round < 10; round += 1) {
    const answers = cluster.peers.map((peer) => peer.result('POST', '/cluster/recover'));
    assert.deepEqual(await Promise.all(answers), [true, true, true]);
  }
  const follower = cluster.peers.find((peer) => peer.process.isRunning && !isLed(peer));
  assert.ok(follower !== undefined);
  const { raft_info } = await cluster.peer(0).info();
  assert.deepEqual([raft_info.term, raft_info.leader], [term, leader]);
  for (const peer of cluster.peers) assert.deepEqual(await peer.collections(), ['c']);

  function isLed(peer: Peer): boolean {
    return peer === cluster.peer(0);
  }
});

test('R31 a peer with replicas stays unless forced; a dead one goes by force', async () => {
  const leader = await cluster.leader();
  const victim = cluster.peers.find((peer) => peer !== leader);
  assert.ok(victim !== undefined);
  const id = await idOf(victim);
  await victim.process.kill();
  const asked = cluster.running()[0];
  assert.ok(asked !== undefined);
  assert.equal(
    await asked.failure('DELETE', `/cluster/peer/${id}`),
    `400 Bad request: Cannot remove peer ${id} as there are shards on it`,
  );
  assert.equal(
    await asked.failure('DELETE', `/cluster/peer/${id}?force=false`),
    `400 Bad request: Cannot remove peer ${id} as there are shards on it`,
  );
  assert.equal(await asked.result('DELETE', `/cluster/peer/${id}?force=true`), true);
  await cluster.untilFormed(2);
  const { remote_shards, local_shards } = await asked.result<{
    readonly remote_shards: readonly { readonly peer_id: number }[];
    readonly local_shards: readonly object[];
  }>('GET', '/collections/c/cluster');
  assert.ok(remote_shards.every(({ peer_id }) => peer_id !== id));
  assert.equal(remote_shards.length + local_shards.length, 2);
  forget(victim);
  await asked.result('DELETE', '/collections/c');
});

test('R33 the leader removes itself: it answers, stopped; the other leads', async () => {
  const leader = await cluster.leader();
  const id = await idOf(leader);
  assert.equal(await leader.result('DELETE', `/cluster/peer/${id}`), true);
  await stopped(leader);
  for (const path of [
    '/',
    '/healthz',
    '/livez',
    '/readyz',
    '/cluster',
    '/collections',
    '/metrics',
  ]) {
    assert.equal((await leader.call('GET', path)).status, 200, path);
  }
  const refused = await leader.failure('PUT', '/collections/x?timeout=3', { vectors });
  assert.match(refused, /^500 Service internal error: Channel closed: /);
  await leader.process.kill();
  forget(leader);
  await cluster.untilFormed(1);
});

test('the last voter stays, with and without force, asked by itself', async () => {
  const last = cluster.peer(0);
  const id = await idOf(last);
  for (const query of ['', '?force=true']) {
    const refused = await last.failure('DELETE', `/cluster/peer/${id}${query}`);
    assert.match(
      refused,
      /^400 Bad request: Cannot remove peer [0-9]+: it is the only voter left$/,
    );
  }
  const { raft_info, consensus_thread_status: thread } = await last.info();
  assert.equal(raft_info.role, 'Leader');
  assert.equal(thread.consensus_thread_status, 'working');
  await last.result('PUT', '/collections/after', { vectors });
  await last.process.kill();
  await last.process.start();
  assert.deepEqual(await last.collections(), ['after']);
});

test('R9 a new peer joins what is left, and has all of it', async () => {
  const fresh = await cluster.addPeer();
  await fresh.process.start();
  await cluster.untilFormed(2);
  assert.deepEqual(await fresh.collections(), ['after']);
});
