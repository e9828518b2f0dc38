// Peers that die in the middle of a transfer, on either side, again and again under writes: at the
// end no transfer is left, every replica is active, and nothing that was acknowledged is missing.

import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { idOf, OctantCluster, type Peer, until } from './octant-cluster.ts';
import {
  createPoints,
  localPoints,
  placementOf,
  startLoad,
  untilNoTransfers,
  untilWritten,
} from './shard-placement.ts';

const preloadedCount = 20_000;
let cluster: OctantCluster;

before(async () => {
  const environment = { QDRANT__STORAGE__HANDLE_COLLECTION_LOAD_ERRORS: 'true' };
  cluster = await OctantCluster.start(3, { environment });
});

after(() => cluster.dispose());

async function holders(name: string): Promise<readonly Peer[]> {
  const found: Peer[] = [];
  for (const peer of cluster.peers) {
    if ((await placementOf(peer, name)).local_shards.length > 0) found.push(peer);
  }
  return found;
}

async function untilWhole(name: string, count: number): Promise<void> {
  await until(async () => {
    for (const peer of cluster.peers) {
      const { local_shards, remote_shards, shard_transfers } = await placementOf(peer, name);
      const states = [...local_shards, ...remote_shards].map(({ state }) => state);
      const isWhole = states.length === count && states.every((state) => state === 'Active');
      if (!isWhole || shard_transfers.length > 0) {
        return JSON.stringify({ states, shard_transfers });
      }
    }
    return null;
  }, 60_000);
}

for (const [kind, victim, delayMs] of [
  ['replicate_shard', 'target', 0],
  ['replicate_shard', 'target', 150],
  ['replicate_shard', 'source', 0],
  ['replicate_shard', 'source', 150],
  ['move_shard', 'target', 50],
  ['move_shard', 'source', 50],
  ['move_shard', 'source', 300],
] as const) {
  test(`${kind}: the ${victim} is killed after ${delayMs} ms`, async () => {
    const name = `${kind}-${victim}-${delayMs}`;
    await createPoints(cluster.peer(0), name, preloadedCount, { replication_factor: 2 });
    const holding = await holders(name);
    const [source, kept] = holding as [Peer, Peer];
    const target = cluster.peers.find((peer) => !holding.includes(peer));
    assert.ok(target !== undefined);
    const dying = victim === 'source' ? source : target;
    const writers = cluster.peers.filter((peer) => peer !== dying);
    const load = startLoad(writers, name, preloadedCount);
    await untilWritten(load, 20);
    // Who was just away may have missed the first write.
    await untilWhole(name, 2);
    const ids = { from_peer_id: await idOf(source), to_peer_id: await idOf(target) };
    await kept.result('POST', `/collections/${name}/cluster`, { [kind]: { shard_id: 0, ...ids } });
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await dying.process.kill();
    await untilWritten(load, 30);
    await dying.process.start();
    await cluster.untilFormed();
    await untilNoTransfers(cluster.peers, name, 60_000);
    const now = await holders(name);
    await untilWhole(name, now.length);
    await untilWritten(load, 20);
    await load.end();
    assert.deepEqual(load.failures, []);
    assert.ok(now.length >= 2);
    const [first, ...others] = await Promise.all(now.map((peer) => localPoints(peer, name, 0)));
    assert.ok(first !== undefined);
    load.check(first);
    for (const points of others) assert.deepEqual(points, first);
    await cluster.peer(0).result('DELETE', `/collections/${name}`);
  });
}

test('a damaged shard is filled anew by the others after the first write that it fails', async () => {
  const name = 'damaged';
  const damaged = await cluster.addPeer();
  await damaged.process.start();
  await cluster.untilFormed();
  await createPoints(cluster.peer(0), name, 2_000, { replication_factor: 4 });
  await damaged.process.interrupt();
  const shard = join(cluster.directory, 'peer-4', 'storage', 'collections', name, '0');
  for (const file of readdirSync(join(shard, 'wal'))) {
    const path = join(shard, 'wal', file);
    if (statSync(path).isFile()) writeFileSync(path, 'no log at all, and long enough to be one');
  }
  await damaged.process.start();
  await until(async () => {
    const { local_shards } = await placementOf(damaged, name);
    return local_shards[0]?.points_count === 0 ? null : JSON.stringify(local_shards);
  });
  assert.match(damaged.process.output, /cannot load a shard/);
  const load = startLoad(cluster.peers, name, 2_000);
  await untilWritten(load, 20);
  await untilWhole(name, 4);
  await load.end();
  assert.deepEqual(load.failures, []);
  for (const peer of cluster.peers) load.check(await localPoints(peer, name, 0));
});

test('a peer whose shards were moved away can be removed without force', async () => {
  const leaving = await cluster.addPeer();
  await leaving.process.start();
  await cluster.untilFormed();
  const collection = 'leaving';
  await createPoints(cluster.peer(0), collection, 200, { shard_number: 4 });
  const id = await idOf(leaving);
  const removal = `/cluster/peer/${id}`;
  assert.match(await cluster.peer(0).failure('DELETE', removal), /^400 .*there are shards on it$/);
  const target = await idOf(cluster.peer(0));
  for (const { shard_id } of (await placementOf(leaving, collection)).local_shards) {
    await cluster.peer(1).result('POST', `/collections/${collection}/cluster`, {
      move_shard: { shard_id, from_peer_id: id, to_peer_id: target },
    });
  }
  await untilNoTransfers(cluster.peers, collection);
  assert.equal((await placementOf(leaving, collection)).local_shards.length, 0);
  await cluster.peer(1).result('DELETE', removal);
  const { count } = await cluster
    .peer(0)
    .result<{ readonly count: number }>('POST', `/collections/${collection}/points/count`, {});
  assert.equal(count, 200);
});
