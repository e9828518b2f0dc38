// Requirements on peers that change: their address, their cluster, what they find on their disk.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, OctantProcess } from '../process/octant-process.ts';
import { countPoints, Peer, until, withCluster } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };
const points = [1, 2, 3, 4, 5, 6, 7, 8].map((id) => ({ id, vector: [id, 1] }));

/** The peer on its storage, and its REST port, at another address for peers. */
async function moved(peer: Peer, bootstrap = ''): Promise<Peer> {
  const p2p = await freePort();
  const uri = `http://127.0.0.1:${p2p}/`;
  const process = await OctantProcess.create({
    directory: peer.process.directory,
    port: peer.process.port,
    environment: {
      QDRANT__CLUSTER__ENABLED: 'true',
      QDRANT__CLUSTER__P2P__PORT: String(p2p),
      QDRANT_URI: uri,
      QDRANT_BOOTSTRAP: bootstrap,
    },
  });
  peer.closeConnections();
  return new Peer(process, uri);
}

async function untilCount(peer: Peer, collection: string, expected: number): Promise<void> {
  await until(async () => {
    const found = await countPoints(peer, collection);
    return found === expected ? null : `${found} points`;
  });
}

test('R14 a changed address is known to all before the peer serves; alone it is fatal', async () => {
  await withCluster(3, async (cluster) => {
    const old = cluster.peer(1);
    const { peer_id: id } = await old.info();
    await cluster.peer(0).result('PUT', '/collections/c', { vectors, shard_number: 3 });
    await cluster.peer(0).result('PUT', '/collections/c/points?wait=true', { points });
    await old.process.kill();
    const fresh = await moved(old);
    cluster.peers[1] = fresh;
    await fresh.process.start();
    await cluster.untilFormed();
    for (const peer of cluster.peers) {
      const { peers } = await peer.info();
      assert.equal(peers[String(id)]?.uri, fresh.uri);
      await untilCount(peer, 'c', points.length);
    }
    await cluster.peer(2).result('PUT', '/collections/d', { vectors });

    for (const peer of cluster.peers) await peer.process.kill();
    const lonely = await moved(fresh);
    cluster.peers[1] = lonely;
    const startedMs = performance.now();
    const ended = await lonely.process.runToEnd();
    assert.equal(ended.code, 101, ended.output);
    assert.match(ended.output, /Failed to recover from any known peers/);
    assert.ok(performance.now() - startedMs < 30_000);
  });
});

test('R13 started over with --reinit: ids and data stay, at new addresses, and others join', async () => {
  await withCluster(3, async (cluster) => {
    await cluster.peer(0).result('PUT', '/collections/c', { vectors, shard_number: 6 });
    await cluster.peer(0).result('PUT', '/collections/c/points?wait=true', { points });
    const ids = await Promise.all(cluster.peers.map(async (peer) => (await peer.info()).peer_id));
    for (const peer of cluster.peers) await peer.process.kill();
    const first = cluster.peer(0);
    await first.process.start('--reinit');
    await until(async () => {
      const { raft_info, peers } = await first.info();
      const isAlone = raft_info.role === 'Leader' && Object.keys(peers).length === 3;
      return isAlone ? null : JSON.stringify(raft_info);
    });
    for (const index of [1, 2]) {
      const again = await moved(cluster.peer(index), first.uri);
      cluster.peers[index] = again;
      await again.process.start('--reinit');
    }
    await cluster.untilFormed();
    const now = await Promise.all(cluster.peers.map(async (peer) => (await peer.info()).peer_id));
    assert.deepEqual(now, ids);
    for (const peer of cluster.peers) await untilCount(peer, 'c', points.length);
    const fresh = await cluster.addPeer();
    await fresh.process.start();
    await cluster.untilFormed(4);
    await untilCount(fresh, 'c', points.length);
  });
});

test('R24 R28 what vanished or was created meanwhile is there after the return', async () => {
  await withCluster(2, async (cluster) => {
    const [stays, leaves] = [cluster.peer(0), cluster.peer(1)];
    const body = { vectors, shard_number: 2, replication_factor: 2 };
    await stays.result('PUT', '/collections/kept', body);
    await stays.result('PUT', '/collections/kept/points?wait=true', { points });
    await cluster.untilFormed();
    await leaves.process.kill();
    rmSync(join(leaves.process.directory, 'storage/collections/kept'), { recursive: true });
    await leaves.process.start();
    await cluster.untilFormed();
    assert.equal(await leaves.result('POST', '/cluster/recover'), true);
    assert.deepEqual(await leaves.collections(), ['kept']);
    await until(async () => {
      const { local_shards: local } = await leaves.result<{
        readonly local_shards: readonly { readonly state: string; readonly points_count: number }[];
      }>('GET', '/collections/kept/cluster');
      const total = local.reduce((sum, { points_count }) => sum + points_count, 0);
      const isBack = local.length === 2 && local.every(({ state }) => state === 'Active');
      return isBack && total === points.length ? null : JSON.stringify(local);
    });
  });
});
