// What a peer of a cluster, and a node that stands alone, says about clusters over REST.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { CollectionConfig } from '../../src/model/collection-config.ts';
import { telemetryReport } from '../../src/server/telemetry.ts';
import { clusterOfThree, FakeCluster } from '../fakes/cluster.ts';
import { type Rig, startRig } from './harness.ts';

let alone: Rig;
let peer: Rig;
let cluster: FakeCluster;
const keys = { api_key: 'secret', read_only_api_key: 'reader' };
const json = { 'content-type': 'application/json' };

before(async () => {
  alone = await startRig();
  peer = await startRig({}, clusterOfThree);
});

beforeEach(() => {
  cluster = new FakeCluster();
  peer.engine.cluster = cluster;
});

after(() => Promise.all([alone.close(), peer.close()]));

test('a node alone refuses what needs a cluster', async () => {
  const standalone = '500 Service internal error: Qdrant is running in standalone mode';
  assert.deepEqual(await alone.ok('GET', '/cluster'), { status: 'disabled' });
  assert.equal(await alone.fails('POST', '/cluster/recover'), standalone);
  assert.equal(await alone.fails('GET', '/cluster/metadata/keys'), standalone);
  assert.equal(await alone.fails('GET', '/cluster/metadata/keys/a'), standalone);
  assert.equal(await alone.fails('DELETE', '/cluster/metadata/keys/a'), standalone);
  const put = await alone.call('PUT', '/cluster/metadata/keys/a', '1', json);
  assert.equal(put.status, 500);
  assert.equal(
    await alone.fails('GET', '/cluster/telemetry'),
    '500 Service internal error: Could not get telemetry from cluster',
  );
  assert.equal(
    await alone.fails('DELETE', '/cluster/peer/7'),
    '400 Bad request: Distributed mode disabled.',
  );
  await alone.ok('PUT', '/collections/c', {});
  assert.equal(
    await alone.fails('DELETE', '/cluster/peer/1'),
    '400 Bad request: Cannot remove peer 1 as there are shards on it',
  );
  for (const [method, path] of [
    ['POST', '/collections/c/cluster'],
    ['PUT', '/collections/c/shards'],
    ['POST', '/collections/c/shards/delete'],
  ] as const) {
    assert.equal(await alone.fails(method, path, {}), '400 Bad request: Distributed mode disabled');
  }
  assert.equal((await alone.call('GET', '/readyz')).text, 'all shards are ready');
});

test('a peer says who it is, who the others are and how consensus goes', async () => {
  const failure = { count: 12, latestError: 'refused', latestAtMs: 1_700_000_000_000 };
  cluster.failures = new Map([['http://10.1.0.12:6335/', failure]]);
  assert.deepEqual(await peer.ok('GET', '/cluster'), {
    status: 'enabled',
    peer_id: 1,
    peers: {
      1: { uri: 'http://10.1.0.10:6335/' },
      2: { uri: 'http://10.1.0.11:6335/' },
      9007199254740992: { uri: 'http://10.1.0.12:6335/' },
    },
    raft_info: {
      term: 3,
      commit: 41,
      pending_operations: 0,
      leader: 2,
      role: 'Follower',
      is_voter: true,
    },
    consensus_thread_status: {
      consensus_thread_status: 'working',
      last_update: '2023-11-14T22:13:20.123Z',
    },
    message_send_failures: {
      'http://10.1.0.12:6335/': {
        count: 12,
        latest_error: 'refused',
        latest_error_timestamp: '2023-11-14T22:13:20.000Z',
      },
    },
  });
});

test('a consensus that stopped is told as such', async () => {
  const told = async () => {
    const result = (await peer.ok('GET', '/cluster')) as { consensus_thread_status: object };
    return result.consensus_thread_status;
  };
  cluster.loop = { kind: 'stopped' };
  assert.deepEqual(await told(), { consensus_thread_status: 'stopped' });
  cluster.loop = { kind: 'failed', error: 'Failed to handle committed entries' };
  assert.deepEqual(await told(), {
    consensus_thread_status: 'stopped_with_err',
    err: 'Failed to handle committed entries',
  });
  const { text } = await peer.call('GET', '/metrics');
  assert.ok(text.includes('cluster_working_state{state="working"} 0\n'));
  assert.ok(text.includes('cluster_working_state{state="stopped"} 1\n'));
  assert.ok(!text.includes('cluster_last_update_timestamp_seconds'));
});

test('a peer that has not caught up is not ready', async () => {
  assert.equal((await peer.call('GET', '/readyz')).status, 200);
  cluster.isCaughtUp = false;
  const { status, text } = await peer.call('GET', '/readyz');
  assert.deepEqual([status, text], [503, 'some shards are not ready']);
});

test('peers are removed by id, and only without shards unless forced', async () => {
  assert.equal(await peer.ok('DELETE', '/cluster/peer/9007199254740992?timeout=3'), true);
  assert.equal(await peer.ok('POST', '/cluster/recover'), true);
  await peer.ok('PUT', '/collections/held', {});
  assert.equal(
    await peer.fails('DELETE', '/cluster/peer/1'),
    '400 Bad request: Cannot remove peer 1 as there are shards on it',
  );
  assert.equal(await peer.ok('DELETE', '/cluster/peer/1?force=true'), true);
  assert.equal(await peer.ok('DELETE', '/cluster/peer/18446744073709551615'), true);
  assert.deepEqual(cluster.asked, [
    'remove 9007199254740992 within 3000 ms',
    'recover',
    'remove 1 within 10000 ms',
    'remove 18446744073709551615 within 10000 ms',
  ]);
  cluster.hasLeader = false;
  assert.equal(
    await peer.fails('DELETE', '/cluster/peer/5'),
    '500 Service internal error: Failed to propose operation: ' +
      'leader is not established within 10s',
  );
  await peer.ok('DELETE', '/collections/held');
});

test('the parameters of a removal are checked', async () => {
  assert.equal(
    await peer.fails('DELETE', '/cluster/peer/2?timeout=0'),
    '422 Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]',
  );
  assert.match(await peer.fails('DELETE', '/cluster/peer/2?force=yes'), /^400 Deserialize error/);
  for (const id of ['abc', '-1', '1.5', '18446744073709551616']) {
    const { status, text } = await peer.call('DELETE', `/cluster/peer/${id}`);
    assert.deepEqual([status, text], [404, ''], id);
  }
  assert.deepEqual(cluster.asked, []);
});

test('metadata keeps any JSON value as it was given', async () => {
  const path = '/cluster/metadata/keys';
  const raw = async (key: string) => {
    const { text } = await peer.call('GET', `${path}/${key}`);
    return /^\{"result":(.*),"status":"ok"/s.exec(text)?.[1];
  };
  const values: readonly (readonly [string, string])[] = [
    ['tier', '"gold"'],
    ['limits', '{"a":[1,2.50,null],"b":1e3, "ü":"\\u00e9"}'],
    ['big', '18446744073709551616'],
    ['no', 'false'],
  ];
  for (const [key, text] of values) {
    const { status, json: answer } = await peer.call('PUT', `${path}/${key}?wait=true`, text, json);
    assert.deepEqual([status, answer.result], [200, true]);
    assert.equal(await raw(key), text);
  }
  assert.deepEqual(await peer.ok('GET', path), ['big', 'limits', 'no', 'tier']);
  assert.equal(await peer.ok('DELETE', `${path}/tier?wait=true`), true);
  assert.equal(await peer.ok('DELETE', `${path}/tier`), true);
  await peer.call('PUT', `${path}/no?wait=true`, ' null ', json);
  assert.deepEqual(await peer.ok('GET', path), ['big', 'limits']);
  assert.equal(await raw('tier'), 'null');
  const odd = encodeURIComponent('a/b ü"');
  await peer.call('PUT', `${path}/${odd}?wait=true`, '1', json);
  assert.equal(await raw(odd), '1');
  for (const key of [odd, 'big', 'limits']) await peer.ok('DELETE', `${path}/${key}?wait=true`);
});

test('metadata that is no JSON, or too much of it, is refused in plain text', async () => {
  const put = async (body: string, headers: Record<string, string> = json) => {
    const { status, text } = await peer.call('PUT', '/cluster/metadata/keys/k', body, headers);
    return `${status} ${text}`;
  };
  assert.equal(await put('1', {}), '400 Content type error');
  assert.equal(await put('1', { 'content-type': 'text/plain' }), '400 Content type error');
  assert.match(await put('1', { 'content-type': 'application/json; charset=utf-8' }), /^200 /);
  for (const body of ['', '{', '1 2', 'nul', "'a'"]) {
    assert.match(await put(body), /^400 Json deserialize error: /, body);
  }
  assert.match(await put('['.repeat(1000) + ']'.repeat(1000)), /^400 /);
  const mebibytes = `"${'x'.repeat(2 * 1024 * 1024 - 2)}"`;
  assert.match(await put(mebibytes), /^200 /);
  assert.match(await put(`${mebibytes} `), /^413 /);
  const long = await peer.fails('DELETE', `/cluster/metadata/keys/${'k'.repeat(1025)}`);
  assert.match(long, /^422 Validation error in path parameters/);
  await peer.ok('DELETE', '/cluster/metadata/keys/k?wait=true');
});

test('a collection tells where its shards are', async () => {
  await peer.engine.propose(
    {
      kind: 'create_collection',
      name: 'spread',
      uuid: 'u',
      config: await configOf('alone'),
      distribution: [
        [0, [1n, 2n]],
        [1, [2n]],
      ],
      initialState: 'Active',
      collectionCountMax: null,
    },
    1000,
  );
  assert.deepEqual(await peer.ok('GET', '/collections/spread/cluster'), {
    peer_id: 1,
    shard_count: 2,
    local_shards: [{ shard_id: 0, points_count: 0, state: 'Active' }],
    remote_shards: [
      { shard_id: 0, peer_id: 2, state: 'Active' },
      { shard_id: 1, peer_id: 2, state: 'Active' },
    ],
    shard_transfers: [],
  });
  const { text } = await peer.call('GET', '/metrics');
  assert.ok(text.includes('collection_active_replicas_min 1\n'));
  assert.ok(text.includes('collection_active_replicas_max 2\n'));
  assert.match(
    await peer.fails('POST', '/collections/spread/cluster', { start_resharding: {} }),
    /^501 Not implemented: start_resharding/,
  );
  assert.match(await peer.fails('GET', '/collections/none/cluster'), /^404 Not found/);
});

/** Of a collection with two shards. */
async function configOf(name: string): Promise<CollectionConfig> {
  const vectors = { size: 1, distance: 'Dot' };
  await alone.ok('PUT', `/collections/${name}`, { vectors, shard_number: 2 });
  const config = alone.engine.state().collections.get(name)?.config;
  assert.ok(config !== undefined);
  return config;
}

test('metrics and telemetry tell about consensus', async () => {
  const { text } = await peer.call('GET', '/metrics');
  for (const line of [
    'cluster_enabled 1',
    'cluster_peers_total 3',
    '# TYPE cluster_term counter',
    'cluster_term 3',
    'cluster_commit{peer_id="1"} 41',
    'cluster_pending_operations_total 0',
    'cluster_voter 1',
    'cluster_state_mismatches_total 0',
    'cluster_last_update_timestamp_seconds 1700000000',
    'cluster_working_state{state="working"} 1',
    'cluster_working_state{state="stopped"} 0',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  const section = async (rig: Rig, level: number) => {
    const path = `/telemetry?details_level=${level}`;
    return ((await rig.ok('GET', path)) as { readonly cluster: object }).cluster;
  };
  const base = ['enabled', 'resharding_enabled'];
  await peer.call('PUT', '/cluster/metadata/keys/region?wait=true', '{"eu":1}', json);
  assert.deepEqual(Object.keys(await section(peer, 0)), base);
  assert.deepEqual(Object.keys(await section(peer, 1)), [...base, 'status', 'metadata']);
  assert.deepEqual(Object.keys(await section(peer, 2)), [
    ...base,
    'status',
    'config',
    'peers',
    'metadata',
  ]);
  const three = (await section(peer, 3)) as { peer_metadata: object; metadata: object };
  assert.deepEqual(three.peer_metadata, {
    1: { version: '1.19.0' },
    2: { version: '1.19.0' },
    9007199254740992: { version: '1.19.0' },
  });
  assert.deepEqual(three.metadata, { region: { eu: 1 } });
  assert.deepEqual(Object.keys(await section(alone, 3)), [...base, 'config']);
});

test('telemetry of the whole cluster is put together from what its peers say', async () => {
  const text = JSON.stringify(
    await telemetryReport(peer.engine, {
      detailsLevel: 3,
      anonymize: false,
      perCollection: false,
    }),
  );
  cluster.telemetry = new Map([[1n, text]]);
  interface Whole {
    readonly collections: Readonly<Record<string, { readonly shards?: readonly Shard[] }>>;
    readonly cluster: { readonly peers: Readonly<Record<string, object>> };
  }
  interface Shard {
    readonly id: number;
    readonly replicas: readonly { readonly peer_id: number; readonly num_points?: number }[];
  }
  const three = (await peer.ok('GET', '/cluster/telemetry?details_level=3')) as Whole;
  const [first, second] = three.collections['spread']?.shards ?? [];
  assert.deepEqual(
    first?.replicas.map(({ peer_id, num_points }) => [peer_id, num_points]),
    [
      [1, 0],
      [2, undefined],
    ],
  );
  assert.deepEqual(second?.replicas, [{ peer_id: 2, state: 'Active' }]);
  assert.deepEqual(three.cluster.peers['2'], {
    uri: 'http://10.1.0.11:6335/',
    responsive: false,
    details: null,
  });
  const two = (await peer.ok('GET', '/cluster/telemetry?details_level=1')) as Whole;
  assert.deepEqual(two.collections, { spread: { id: 'spread' } });
  assert.match(await peer.fails('GET', '/cluster/telemetry?timeout=0'), /^422 /);
  cluster.telemetry = new Map();
  assert.match(await peer.fails('GET', '/cluster/telemetry'), /^500 .*Could not get telemetry/);
});

test('what changes the cluster needs the key that may manage', async () => {
  const guarded = await startRig(keys, clusterOfThree);
  guarded.engine.cluster = new FakeCluster();
  const bodies: Readonly<Record<string, string>> = {
    '/cluster/metadata/keys/a': '1',
    '/collections/c/cluster': '{"drop_replica":{"shard_id":0,"peer_id":2}}',
  };
  const statusAs = async (key: string | null, method: string, path: string) => {
    const headers = { ...json, ...(key === null ? {} : { 'api-key': key }) };
    const body = method === 'PUT' || method === 'POST' ? bodies[path] : undefined;
    return (await guarded.call(method, path, body, headers)).status;
  };
  try {
    for (const [method, path] of [
      ['POST', '/cluster/recover'],
      ['DELETE', '/cluster/peer/2'],
      ['PUT', '/cluster/metadata/keys/a'],
      ['DELETE', '/cluster/metadata/keys/a'],
      ['POST', '/collections/c/cluster'],
    ] as const) {
      assert.equal(await statusAs(null, method, path), 401, path);
      assert.equal(await statusAs('reader', method, path), 403, path);
      assert.notEqual(await statusAs('secret', method, path), 403, path);
    }
    for (const path of ['/cluster', '/cluster/metadata/keys', '/cluster/metadata/keys/a']) {
      assert.equal(await statusAs('reader', 'GET', path), 200, path);
    }
    assert.equal(await statusAs(null, 'GET', '/readyz'), 200);
  } finally {
    await guarded.close();
  }
});
