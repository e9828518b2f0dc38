// Three real processes as one cluster: formed, changed through any of them, killed, restarted.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Ended } from '../process/octant-process.ts';
import { OctantCluster, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };
let cluster: OctantCluster;

before(async () => {
  cluster = await OctantCluster.start(3);
});

after(() => cluster.dispose());

interface Placement {
  readonly peer_id: number;
  readonly shard_count: number;
  readonly local_shards: readonly { readonly shard_id: number; readonly state: string }[];
  readonly remote_shards: readonly { readonly shard_id: number; readonly state: string }[];
}

test('three peers know each other, one leader, and are voters', async () => {
  const infos = await Promise.all(cluster.peers.map((peer) => peer.info()));
  const ids = new Set(infos.map(({ peer_id }) => peer_id));
  assert.equal(ids.size, 3);
  for (const info of infos) {
    assert.equal(info.status, 'enabled');
    assert.deepEqual(new Set(Object.keys(info.peers).map(Number)), ids);
    assert.equal(info.raft_info.leader, infos[0]?.raft_info.leader);
    assert.equal(info.consensus_thread_status.consensus_thread_status, 'working');
  }
  for (const peer of cluster.peers) {
    assert.equal((await peer.call('GET', '/readyz')).status, 200);
  }
});

test('a collection is created through any peer and known to all at once', async () => {
  for (const [index, peer] of cluster.peers.entries()) {
    await peer.result('PUT', `/collections/c${index}`, { vectors });
    for (const other of cluster.peers) {
      const placement = await other.result<Placement>('GET', `/collections/c${index}/cluster`);
      assert.equal(placement.shard_count, 3);
      assert.equal(placement.local_shards.length, 1);
      const all = [...placement.local_shards, ...placement.remote_shards];
      assert.deepEqual(new Set(all.map(({ shard_id }) => shard_id)), new Set([0, 1, 2]));
      assert.ok(all.every(({ state }) => state === 'Active'));
    }
  }
});

test('changes of a collection, its aliases and its indexes reach all peers', async () => {
  await cluster.peer(1).result('PATCH', '/collections/c0', { metadata: { a: 1 } });
  const actions = [{ create_alias: { alias_name: 'alias', collection_name: 'c0' } }];
  await cluster.peer(2).result('POST', '/collections/aliases', { actions });
  for (const peer of cluster.peers) {
    const { aliases } = await peer.result<{ readonly aliases: readonly object[] }>(
      'GET',
      '/aliases',
    );
    assert.deepEqual(aliases, [{ alias_name: 'alias', collection_name: 'c0' }]);
  }
  const index = { field_name: 'city', field_schema: 'keyword' };
  await cluster.peer(0).result('PUT', '/collections/c0/index?wait=true', index);
  for (const peer of cluster.peers) {
    await until(async () => {
      const info = await peer.result<{
        readonly payload_schema: object;
        readonly config: { readonly metadata?: object };
      }>('GET', '/collections/alias');
      const isSame = 'city' in info.payload_schema && info.config.metadata !== undefined;
      return isSame ? null : JSON.stringify(info);
    });
  }
});

test('of two peers that create the same collection at once, one succeeds', async () => {
  for (let round = 0; round < 5; round += 1) {
    const path = `/collections/twice${round}`;
    const answers = await Promise.all(
      cluster.peers.slice(0, 2).map((peer) => peer.call('PUT', path, { vectors })),
    );
    assert.deepEqual(answers.map(({ status }) => String(status)).toSorted(), ['200', '409']);
  }
  const deletions = await Promise.all(
    cluster.peers.map((peer) => peer.call('DELETE', '/collections/twice0')),
  );
  assert.ok(deletions.every(({ status }) => status === 200));
  for (let round = 1; round < 5; round += 1) {
    await cluster.peer(round % 3).result('DELETE', `/collections/twice${round}`);
  }
});

test('metadata written through one peer is read through another', async () => {
  const value = { limits: [1, 2.5, null], region: 'ü' };
  assert.equal((await cluster.peer(0).putMetadata('tier', value)).status, 200);
  await until(async () => {
    const read = await cluster.peer(1).result('GET', '/cluster/metadata/keys/tier');
    return JSON.stringify(read) === JSON.stringify(value) ? null : JSON.stringify(read);
  });
  assert.equal((await cluster.peer(2).putMetadata('later', 1, false)).status, 200);
  await until(async () => {
    const keys = await cluster.peer(0).result<string[]>('GET', '/cluster/metadata/keys');
    return keys.join() === 'later,tier' ? null : keys.join();
  });
});

test('the telemetry of the whole cluster comes from all peers', async () => {
  const { cluster: section } = await cluster.peer(0).result<{
    readonly cluster: {
      readonly number_of_peers: number;
      readonly peers: Readonly<Record<string, { readonly responsive: boolean }>>;
    };
  }>('GET', '/cluster/telemetry?details_level=3');
  assert.equal(section.number_of_peers, 3);
  assert.ok(Object.values(section.peers).every(({ responsive }) => responsive));
});

test('with its leader killed the cluster goes on, and the leader comes back', async () => {
  const leader = await cluster.leader();
  await leader.process.kill();
  const [survivor] = cluster.running();
  assert.ok(survivor !== undefined);
  // Without a given time the answer waits for the dead peer, too.
  const path = '/collections/meanwhile?timeout=5';
  await survivor.result('PUT', path, { vectors, shard_number: 1 });
  await leader.process.start();
  await cluster.untilFormed();
  await until(async () => {
    const names = await leader.collections();
    return names.includes('meanwhile') ? null : names.join();
  });
});

test('all killed at once come back with everything', async () => {
  const known = await cluster.peer(0).collections();
  await Promise.all(cluster.peers.map((peer) => peer.process.kill()));
  const state = readFileSync(
    join(cluster.peer(0).process.directory, 'storage/raft_state.json'),
    'utf8',
  );
  assert.ok(Object.hasOwn(JSON.parse(state) as object, 'this_peer_id'));
  await Promise.all(cluster.peers.map((peer) => peer.process.start()));
  await cluster.untilFormed();
  for (const peer of cluster.peers) {
    await until(async () => {
      const names = await peer.collections();
      return names.join() === known.join() ? null : names.join();
    });
  }
});

test('who lost its disk is refused while its shards are known, and ends with 101', async () => {
  const wiped = cluster.peer(2);
  await wiped.process.kill();
  rmSync(join(wiped.process.directory, 'storage'), { recursive: true });
  const known = Object.keys((await cluster.peer(0).info()).peers);
  const ended: Ended = await wiped.process.runToEnd();
  assert.equal(ended.code, 101, ended.output);
  assert.match(ended.output, /Can't initialize consensus.*still has shards/);
  assert.deepEqual(Object.keys((await cluster.peer(0).info()).peers), known);
});

test('a peer is removed, and the rest stays', async () => {
  const [id] = Object.entries((await cluster.peer(0).info()).peers)
    .filter(([, { uri }]) => uri === cluster.peer(2).uri)
    .map(([peerId]) => peerId);
  const path = `/cluster/peer/${id}`;
  assert.equal(
    await cluster.peer(1).failure('DELETE', path),
    `400 Bad request: Cannot remove peer ${id} as there are shards on it`,
  );
  assert.equal(await cluster.peer(1).result('DELETE', `${path}?force=true`), true);
  await cluster.untilFormed(2);
  assert.equal(await cluster.peer(1).result('DELETE', '/cluster/peer/4711'), true);
});
