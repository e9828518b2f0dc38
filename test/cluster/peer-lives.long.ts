// What a peer may go through: alone before and after, refused, paused, removed, wiped, made to
// start over.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, OctantProcess } from '../process/octant-process.ts';
import { countPoints, idOf, OctantCluster, Peer, until, withCluster } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };

test('a start that cannot succeed ends with 101, in time, and says why', async () => {
  const p2p = String(await freePort());
  const cluster = { QDRANT__CLUSTER__ENABLED: 'true', QDRANT__CLUSTER__P2P__PORT: p2p };
  const cases: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [cluster, /First peer should specify its uri/],
    [
      {
        ...cluster,
        QDRANT_URI: `http://127.0.0.1:${p2p}`,
        QDRANT_BOOTSTRAP: `http://127.0.0.1:${await freePort()}`,
        QDRANT__CLUSTER__CONSENSUS__BOOTSTRAP_TIMEOUT_SEC: '2',
      },
      /Failed to join the cluster/,
    ],
  ];
  for (const [environment, reason] of cases) {
    const process = await OctantProcess.create({ environment });
    try {
      const startedMs = performance.now();
      const ended = await process.runToEnd();
      assert.equal(ended.code, 101, ended.output);
      assert.match(ended.output, /Can't initialize consensus/);
      assert.match(ended.output, reason);
      assert.ok(performance.now() - startedMs < 20_000);
    } finally {
      await process.dispose();
    }
  }
});

test('a node alone becomes the first peer of a cluster, and stands alone again', async () => {
  const p2p = await freePort();
  const uri = `http://127.0.0.1:${p2p}/`;
  const alone = await OctantProcess.create();
  const inCluster = (environment: Readonly<Record<string, string>>) =>
    OctantProcess.create({
      directory: alone.directory,
      port: alone.port,
      environment: {
        QDRANT__CLUSTER__P2P__PORT: String(p2p),
        QDRANT__CLUSTER__ENABLED: 'true',
        ...environment,
      },
    });
  const cluster = new OctantCluster();
  const started: OctantProcess[] = [alone];
  try {
    await alone.start();
    const single = new Peer(alone, uri);
    await single.result('PUT', '/collections/old', { vectors, shard_number: 2 });
    const points = [1, 2, 3].map((id) => ({ id, vector: [id, 1], payload: { city: 'Bonn' } }));
    await single.result('PUT', '/collections/old/points?wait=true', { points });
    const index = { field_name: 'city', field_schema: 'keyword' };
    await single.result('PUT', '/collections/old/index?wait=true', index);
    const actions = [{ create_alias: { alias_name: 'o', collection_name: 'old' } }];
    await single.result('POST', '/collections/aliases', { actions });
    await alone.stop();

    const founder = await inCluster({ QDRANT_URI: uri });
    started.push(founder);
    await founder.start();
    const first = new Peer(founder, uri);
    assert.equal(await countPoints(first, 'o'), 3);
    const joined = await cluster.addPeer({ bootstrap: first });
    await joined.process.start();
    await until(async () => {
      const { remote_shards } = await joined.result<{ readonly remote_shards: readonly object[] }>(
        'GET',
        '/collections/o/cluster',
      );
      return remote_shards.length === 2 ? null : JSON.stringify(remote_shards);
    });
    const { payload_schema } = await joined.result<{ readonly payload_schema: object }>(
      'GET',
      '/collections/o',
    );
    assert.deepEqual(Object.keys(payload_schema), ['city']);
    await first.result('PUT', '/collections/new?timeout=5', { vectors, shard_number: 1 });
    await founder.stop();

    const again = await inCluster({ QDRANT__CLUSTER__ENABLED: 'false' });
    started.push(again);
    await again.start();
    const single2 = new Peer(again, uri);
    assert.deepEqual(await single2.result('GET', '/cluster'), { status: 'disabled' });
    assert.equal(await countPoints(single2, 'o'), 3);
    for (const peer of [single, first, single2]) peer.closeConnections();
  } finally {
    await cluster.dispose();
    for (const process of started) await process.dispose();
  }
});

test('a paused leader is replaced, and follows when it goes on', async () => {
  await withCluster(3, async (cluster) => {
    const leader = await cluster.leader();
    const others = cluster.peers.filter((peer) => peer !== leader);
    const oldTerm = (await leader.info()).raft_info.term;
    leader.process.pause();
    await until(async () => {
      const infos = await Promise.all(others.map((peer) => peer.info()));
      const isReplaced = infos.some(({ raft_info }) => raft_info.role === 'Leader');
      return isReplaced ? null : JSON.stringify(infos);
    }, 15_000);
    const path = '/collections/while-paused?timeout=3';
    await others[0]?.result('PUT', path, { vectors, shard_number: 1 });
    leader.process.proceed();
    await cluster.untilFormed();
    assert.ok((await leader.info()).raft_info.term > oldTerm);
    await until(async () => {
      const names = await leader.collections();
      return names.includes('while-paused') ? null : names.join();
    });
  });
});

test('the leader itself is removed, and the others go on; it knows and stays up', async () => {
  await withCluster(3, async (cluster) => {
    const leader = await cluster.leader();
    const others = cluster.peers.filter((peer) => peer !== leader);
    await leader.result('DELETE', `/cluster/peer/${await idOf(leader)}`);
    await until(async () => {
      const infos = await Promise.all(others.map((peer) => peer.info()));
      const isGone = infos.every(
        ({ peers, raft_info }) => Object.keys(peers).length === 2 && (raft_info.leader ?? 0) > 0,
      );
      return isGone ? null : JSON.stringify(infos);
    });
    await others[0]?.result('PUT', '/collections/after', { vectors });
    await until(async () => {
      const info = await leader.info();
      const { consensus_thread_status: status } = info.consensus_thread_status;
      return status === 'stopped' ? null : JSON.stringify(info);
    });
    assert.equal((await leader.call('GET', '/healthz')).status, 200);
    assert.equal(Object.keys((await leader.info()).peers).length, 1);
    assert.match(
      await leader.failure('PUT', '/collections/refused', { vectors }),
      /^500 Service internal error: Channel closed: /,
    );
  });
});

test('the founder is removed, and others still join through any survivor', async () => {
  await withCluster(3, async (cluster) => {
    const founder = cluster.peer(0);
    await cluster.peer(1).result('PUT', '/collections/c', { vectors, shard_number: 2 });
    const path = `/cluster/peer/${await idOf(founder)}?force=true`;
    await cluster.peer(2).result('DELETE', path);
    await founder.process.kill();
    const fresh = await cluster.addPeer({ bootstrap: cluster.peer(2) });
    await fresh.process.start();
    await cluster.untilFormed(3);
    assert.deepEqual(await fresh.collections(), ['c']);
  });
});

test('who lost its disk is let in under a new id once its old one holds nothing', async () => {
  await withCluster(3, async (cluster) => {
    const peer = cluster.peer(2);
    const oldId = await idOf(peer);
    await cluster.peer(0).putMetadata('k', [1]);
    await peer.process.kill();
    rmSync(join(peer.process.directory, 'storage'), { recursive: true });
    await peer.process.start();
    await cluster.untilFormed(3);
    assert.notEqual(await idOf(peer), oldId);
    assert.deepEqual(await peer.result('GET', '/cluster/metadata/keys/k'), [1]);
  });
});

test('many peers join at once through one, and all become voters', async () => {
  await withCluster(1, async (cluster) => {
    const { raft_info } = await cluster.peer(0).info();
    const joining = [await cluster.addPeer(), await cluster.addPeer(), await cluster.addPeer()];
    joining.push(await cluster.addPeer());
    await Promise.all(joining.map((peer) => peer.process.start()));
    await cluster.untilFormed(5);
    for (const peer of cluster.peers) {
      assert.equal((await peer.info()).raft_info.leader, raft_info.leader);
    }
  });
});

test('with --reinit a single survivor leads again, and keeps everything', async () => {
  await withCluster(3, async (cluster) => {
    const survivor = cluster.peer(0);
    await survivor.result('PUT', '/collections/kept', { vectors, shard_number: 1 });
    for (const peer of cluster.peers) await peer.process.kill();
    await survivor.process.start('--reinit');
    await until(async () => {
      const { raft_info } = await survivor.info();
      return raft_info.role === 'Leader' ? null : JSON.stringify(raft_info);
    });
    assert.deepEqual(await survivor.collections(), ['kept']);
    assert.equal(Object.keys((await survivor.info()).peers).length, 3);
    const path = '/collections/new?timeout=3';
    await survivor.result('PUT', path, { vectors, shard_number: 1 });
  });
});

test('with two of three down reads answer, and changes are refused after their time', async () => {
  await withCluster(3, async (cluster) => {
    const [survivor, ...others] = cluster.peers;
    assert.ok(survivor !== undefined);
    for (const peer of others) await peer.process.kill();
    assert.match(
      await survivor.failure('PUT', '/collections/x?timeout=2', { vectors }),
      /^500 Service internal error: (Failed to propose operation: leader is not established within 2s|Waiting for consensus operation commit failed\. Timeout set at: 2 seconds)$/,
    );
    assert.deepEqual(await survivor.collections(), []);
    assert.equal((await survivor.call('GET', '/readyz')).status, 200);
    assert.equal((await survivor.putMetadata('a', 1, false)).status, 200);
    for (const peer of others) await peer.process.start();
    await cluster.untilFormed();
  });
});

test('a collection whose files vanished comes back, empty', async () => {
  await withCluster(1, async (cluster) => {
    const peer = cluster.peer(0);
    await peer.result('PUT', '/collections/lost', { vectors });
    await peer.process.kill();
    const path = join(peer.process.directory, 'storage/collections/lost');
    rmSync(path, { recursive: true });
    await peer.process.start();
    await peer.result('POST', '/cluster/recover');
    assert.deepEqual(await peer.collections(), ['lost']);
  });
});
