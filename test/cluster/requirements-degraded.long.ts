// One peer of three: everything that only reads answers, everything that changes something is
// refused in time and with its reason; and all is well when the others come back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { freePort, OctantProcess } from '../process/octant-process.ts';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };
let cluster: OctantCluster;
let survivor: Peer;

before(async () => {
  cluster = await OctantCluster.start(3);
  survivor = cluster.peer(1);
  const body = { vectors, shard_number: 1, replication_factor: 3 };
  await survivor.result('PUT', '/collections/c', body);
  const points = [1, 2, 3].map((id) => ({ id, vector: [id, 1], payload: { city: 'Bonn' } }));
  await survivor.result('PUT', '/collections/c/points?wait=true', { points });
  const actions = [{ create_alias: { alias_name: 'a', collection_name: 'c' } }];
  await survivor.result('POST', '/collections/aliases', { actions });
  await survivor.putMetadata('k', [1]);
  for (const peer of cluster.peers) if (peer !== survivor) await peer.process.kill();
  // Until the leader's heartbeats are missed, changes are waited for instead of a leader.
  await until(async () => {
    const { leader } = (await survivor.info()).raft_info;
    return leader === 0 ? null : `leader ${leader}`;
  });
});

after(() => cluster.dispose());

test('reads answer from what is known here', async () => {
  const reads: readonly (readonly [string, string, object?])[] = [
    ['GET', '/'],
    ['GET', '/collections'],
    ['GET', '/collections/c'],
    ['GET', '/collections/a'],
    ['GET', '/collections/c/cluster'],
    ['GET', '/collections/c/exists'],
    ['GET', '/collections/c/aliases'],
    ['GET', '/aliases'],
    ['GET', '/cluster'],
    ['GET', '/cluster/metadata/keys'],
    ['GET', '/cluster/metadata/keys/k'],
    ['GET', '/cluster/telemetry?timeout=2'],
    ['GET', '/telemetry?details_level=3'],
    ['GET', '/metrics'],
    ['GET', '/healthz'],
    ['GET', '/livez'],
    ['GET', '/readyz'],
    ['POST', '/collections/c/points/scroll', {}],
    ['POST', '/collections/c/points/count', { exact: true }],
    ['POST', '/collections/c/points/query', { query: [1, 1] }],
  ];
  for (const [method, path, body] of reads) {
    const startedMs = performance.now();
    const { status, text } = await survivor.call(method, path, body);
    assert.equal(status, 200, `${method} ${path}: ${text}`);
    assert.ok(performance.now() - startedMs < 5_000, path);
  }
  const { count } = await survivor.result<{ readonly count: number }>(
    'POST',
    '/collections/a/points/count',
    { exact: true },
  );
  assert.equal(count, 3);
});

test('R40 sends that fail are counted; the state of consensus is told', async () => {
  const counts = async () => {
    const { message_send_failures: failures } = await survivor.info();
    const rows = Object.entries(failures) as [string, { count: number; latest_error: string }][];
    return new Map(rows.map(([uri, { count }]) => [uri, count]));
  };
  const first = await counts();
  const others = cluster.peers.filter((peer) => peer !== survivor).map(({ uri }) => uri);
  assert.deepEqual([...first.keys()].toSorted(), others.toSorted());
  await until(async () => {
    const later = await counts();
    return others.every((uri) => (later.get(uri) ?? 0) > (first.get(uri) ?? 0)) ? null : 'the same';
  });
  const { raft_info, consensus_thread_status: thread } = await survivor.info();
  assert.notEqual(raft_info.role, 'Leader');
  assert.equal(thread.consensus_thread_status, 'working');
});

test('R50 changes are refused after their time, with the text of the page', async () => {
  const { peer_id: other } = await cluster.peer(1).info();
  const body = { vectors };
  const alias = { actions: [{ create_alias: { alias_name: 'b', collection_name: 'c' } }] };
  const changes: readonly (readonly [string, string, object?])[] = [
    ['PUT', '/collections/x', body],
    ['PATCH', '/collections/c', { metadata: { a: 1 } }],
    ['DELETE', '/collections/c'],
    ['POST', '/collections/aliases', alias],
    ['DELETE', `/cluster/peer/${other + 1}`],
  ];
  const answers = await Promise.all(
    changes.map(async ([method, path, sent]) => {
      const startedMs = performance.now();
      const text = await survivor.failure(method, `${path}?timeout=2`, sent);
      return { path: `${method} ${path}`, text, tookMs: performance.now() - startedMs };
    }),
  );
  for (const { path, text, tookMs } of answers) {
    assert.equal(
      text,
      '500 Service internal error: Failed to propose operation: ' +
        'leader is not established within 2s',
      path,
    );
    assert.ok(tookMs > 1_900 && tookMs < 6_000, `${path}: ${tookMs} ms`);
  }
  assert.deepEqual(await survivor.collections(), ['c']);
});

test('without a given time it is 10 s; metadata says what it was', async () => {
  const startedMs = performance.now();
  const index = { field_name: 'city', field_schema: 'keyword' };
  const [created, indexed, unindexed, put, removed] = await Promise.all([
    survivor.failure('PUT', '/collections/x', { vectors }),
    // The time that can be given for an index is for what comes after the agreement.
    survivor.failure('PUT', '/collections/c/index?wait=true&timeout=2', index),
    survivor.failure('DELETE', '/collections/c/index/city?wait=true'),
    survivor.putMetadata('late', 1),
    survivor.call('DELETE', '/cluster/metadata/keys/k?wait=true'),
  ]);
  const tookMs = performance.now() - startedMs;
  for (const text of [created, indexed, unindexed]) {
    assert.match(text, /^500 .*leader is not established within 10s$/);
  }
  for (const { status, text } of [put, removed]) {
    assert.equal(status, 500);
    assert.match(text, /Failed to propose and confirm metadata update operation through consensus/);
  }
  assert.ok(tookMs > 9_900 && tookMs < 15_000, `${tookMs} ms`);
});

test('what does not wait is taken, and recovery is', async () => {
  assert.equal((await survivor.putMetadata('soon', 1, false)).status, 200);
  assert.equal((await survivor.call('DELETE', '/cluster/metadata/keys/none')).status, 200);
  assert.equal(await survivor.result('POST', '/cluster/recover'), true);
});

test('nobody can join', async () => {
  const p2p = await freePort();
  const process = await OctantProcess.create({
    environment: {
      QDRANT__CLUSTER__ENABLED: 'true',
      QDRANT__CLUSTER__P2P__PORT: String(p2p),
      QDRANT_BOOTSTRAP: survivor.uri,
    },
  });
  try {
    const startedMs = performance.now();
    const ended = await process.runToEnd();
    assert.equal(ended.code, 101, ended.output);
    assert.match(ended.output, /Can't initialize consensus: .*Failed to add peer: nobody leads/);
    assert.ok(performance.now() - startedMs < 20_000);
  } finally {
    await process.dispose();
  }
});

test('R35 the others come back: there is a leader, and everything can be changed', async () => {
  const back = cluster.peers.filter((peer) => peer !== survivor);
  const started = back.map((peer) => peer.process.start());
  const startedMs = performance.now();
  await until(async () => {
    const { leader } = (await survivor.info()).raft_info;
    return (leader ?? 0) > 0 ? null : `leader ${leader}`;
  });
  assert.ok(performance.now() - startedMs < 15_000);
  await Promise.all(started);
  // Nobody who gave up was let in after all.
  await cluster.untilFormed(3);
  await survivor.result('PUT', '/collections/again', { vectors });
  for (const peer of cluster.peers) {
    assert.deepEqual(await peer.collections(), ['again', 'c']);
    assert.equal((await peer.call('GET', '/readyz')).status, 200);
  }
  await survivor.result('DELETE', '/cluster/metadata/keys/k?wait=true');
});
