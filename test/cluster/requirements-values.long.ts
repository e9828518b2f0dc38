// Requirements on what is agreed: metadata of any form, collections created and deleted from
// everywhere, snapshots for newcomers, copies that are obsolete, waits that end.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RestClient } from '../process/rest.ts';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };
const json = { 'content-type': 'application/json' };
const keysPath = '/cluster/metadata/keys';
let cluster: OctantCluster;

before(async () => {
  cluster = await OctantCluster.start(3, {
    environment: { QDRANT__CLUSTER__CONSENSUS__COMPACT_WAL_ENTRIES: '1' },
  });
});

after(() => cluster.dispose());

interface Put {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
}

async function put(peer: Peer, key: string, given: string | Put) {
  const {
    body,
    headers = json,
    query = '?wait=true',
  } = typeof given === 'string' ? { body: given } : given;
  const client = new RestClient(peer.process.port);
  try {
    return await client.send({ method: 'PUT', path: `${keysPath}/${key}${query}`, body, headers });
  } finally {
    client.close();
  }
}

/** The value as text, digit by digit. */
async function raw(peer: Peer, key: string): Promise<string | undefined> {
  const { text } = await peer.call('GET', `${keysPath}/${key}`);
  return /^\{"result":(.*),"status":"ok"/s.exec(text)?.[1];
}

async function everywhere(key: string, expected: string): Promise<void> {
  for (const peer of cluster.peers) {
    await until(async () => {
      const found = await raw(peer, key);
      return found === expected ? null : `${key}: ${found?.slice(0, 200)}`;
    });
  }
}

const values: readonly (readonly [string, string])[] = [
  ['u64', '18446744073709551615'],
  ['i64', '-9223372036854775808'],
  ['beyond', '9007199254740993'],
  ['float', '1.5'],
  ['small', '5e-324'],
  ['nulls', '{"a":null,"b":[null,[null,{"c":null}]],"d":{}}'],
  ['unicode', '{"ключ":"\u{1F600} ü\u2028","\\u0000":"\\u00e9"}'],
  ['proto', '{"__proto__":{"constructor":1},"toString":[]}'],
  ['text', '""'],
  ['yes', 'true'],
  ['empty', '[]'],
];

test('R49 any JSON value is kept exactly, and seen on all peers', async () => {
  for (const [index, [key, value]] of values.entries()) {
    const { status, text } = await put(cluster.peer(index % 3), key, value);
    assert.equal(status, 200, text);
    await everywhere(key, value);
  }
  const names = values.map(([key]) => key).toSorted();
  assert.deepEqual(await cluster.peer(1).result('GET', keysPath), names);
});

test('R49 without wait it answers at once, and is seen on all peers; deleted is null', async () => {
  const started = performance.now();
  const { status } = await put(cluster.peer(1), 'later', { body: '[1]', query: '' });
  assert.equal(status, 200);
  assert.ok(performance.now() - started < 1_000);
  await everywhere('later', '[1]');
  assert.equal(await cluster.peer(2).result('DELETE', `${keysPath}/later`), true);
  await everywhere('later', 'null');
  assert.equal(await cluster.peer(2).result('DELETE', `${keysPath}/later?wait=true`), true);
  assert.equal((await put(cluster.peer(0), 'later', '2')).status, 200);
  assert.equal((await put(cluster.peer(0), 'later', 'null')).status, 200);
  await everywhere('later', 'null');
});

test('metadata of bad form is refused, and nothing has changed', async () => {
  const peer = cluster.peer(0);
  const commit = (await peer.info()).raft_info.commit;
  const cases: readonly (readonly [string, string, Record<string, string>, number])[] = [
    ['k', '{', json, 400],
    ['k', '', json, 400],
    ['k', '1 1', json, 400],
    ['k', 'NaN', json, 400],
    ['k', '\u{FEFF}1', json, 400],
    ['k', '"\\ud83d"', json, 400],
    ['k', '1', { 'content-type': 'text/plain' }, 400],
    ['k', `"${'x'.repeat(2 * 1024 * 1024)}"`, json, 413],
    ['k', '['.repeat(100_000), json, 400],
    ['k'.repeat(5_000), '1', json, 422],
    ['%', '1', json, 400],
    ['%ff', '1', json, 400],
  ];
  for (const [key, body, headers, expected] of cases) {
    const { status, text } = await put(peer, key, { body, headers });
    const shown = `${key.slice(0, 20)} ${body.slice(0, 20)}: ${status} ${text.slice(0, 200)}`;
    if (key.startsWith('%')) assert.ok(status >= 400 && status < 500, shown);
    else assert.equal(status, expected, shown);
  }
  assert.match(await peer.failure('PUT', `${keysPath}/a?wait=maybe`), /^400 /);
  assert.equal((await peer.info()).raft_info.commit, commit);
});

test('keys of any form are data', async () => {
  const names = ['a/b', '.', '..', '__proto__', 'ü \u{1F600}', '\u0000', '"', '?x=1', ' '];
  for (const name of names) {
    const key = name.replace(/[^a-z_]/gu, (letter) =>
      letter === '.' ? '%2E' : encodeURIComponent(letter),
    );
    const { status, text } = await put(cluster.peer(1), key, '"v"');
    assert.equal(status, 200, `${name}: ${text}`);
    await everywhere(key, '"v"');
    assert.equal(await cluster.peer(2).result('DELETE', `${keysPath}/${key}?wait=true`), true);
    await everywhere(key, 'null');
  }
});

test('R41 R50 a collection can be used through every peer as soon as it is created', async () => {
  for (let round = 0; round < 6; round += 1) {
    const path = `/collections/now${round}`;
    await cluster.peer(round % 3).result('PUT', path, { vectors, shard_number: 2 });
    const point = { points: [{ id: round, vector: [1, round] }] };
    const writer = cluster.peer((round + 1) % 3);
    await writer.result('PUT', `${path}/points?wait=true`, point);
    const reader = cluster.peer((round + 2) % 3);
    const found = await reader.result<{ readonly count: number }>('POST', `${path}/points/count`, {
      exact: true,
    });
    assert.equal(found.count, 1);
  }
  for (let round = 0; round < 6; round += 1) {
    await cluster.peer(0).result('DELETE', `/collections/now${round}`);
  }
});

test('R42 deleted again and again from two clients: never an error', async () => {
  const statuses = new Map<number, number>();
  const rounds = async (peer: Peer): Promise<void> => {
    for (let round = 0; round < 40; round += 1) {
      const { status } = await peer.call('DELETE', '/collections/fought-over');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const create = async (): Promise<void> => {
    for (let round = 0; round < 10; round += 1) {
      const body = { vectors, shard_number: 1 };
      await cluster.peer(2).call('PUT', '/collections/fought-over', body);
    }
  };
  const [first, second] = [cluster.peer(0), cluster.peer(0)];
  await Promise.all([rounds(first), rounds(second), rounds(cluster.peer(1)), create()]);
  assert.deepEqual([...statuses], [[200, 120]]);
  await cluster.peer(0).call('DELETE', '/collections/fought-over');
});

test('R29 who missed drops and creations of one name has the newest, not its own', async () => {
  const away = cluster.peer(2);
  const path = '/collections/again';
  const create = (size: number) =>
    cluster.peer(0).result('PUT', `${path}?timeout=2`, {
      vectors: { size, distance: 'Dot' },
      shard_number: 3,
      replication_factor: 1,
    });
  await create(2);
  const old = { points: [1, 2, 3, 4, 5, 6].map((id) => ({ id, vector: [id, 1] })) };
  await cluster.peer(0).result('PUT', `${path}/points?wait=true`, old);
  await away.process.kill();
  for (const size of [3, 4, 5]) {
    await cluster.peer(1).result('DELETE', `${path}?timeout=2`);
    await create(size);
  }
  await away.process.start();
  await cluster.untilFormed();
  for (const peer of cluster.peers) {
    await until(async () => {
      const info = await peer.result<{
        readonly config: { readonly params: { readonly vectors: { readonly size: number } } };
      }>('GET', path);
      const { size } = info.config.params.vectors;
      if (size !== 5) return `size ${size}`;
      const answer = await peer.call('POST', `${path}/points/count`, { exact: true });
      const { result } = answer.body as { readonly result?: { readonly count: number } };
      return answer.status === 200 && result?.count === 0 ? null : answer.text;
    });
  }
  const fresh = { points: [7, 8, 9].map((id) => ({ id, vector: [id, 1, 1, 1, 1] })) };
  await away.result('PUT', `${path}/points?wait=true`, fresh);
});

test('all killed at once, three times in a row: everything is there', async () => {
  for (let round = 0; round < 3; round += 1) {
    const name = `kept${round}`;
    await cluster.peer(round).result('PUT', `/collections/${name}`, { vectors });
    const known = await cluster.peer(0).collections();
    await Promise.all(cluster.peers.map((peer) => peer.process.kill()));
    await Promise.all(cluster.peers.map((peer) => peer.process.start()));
    await cluster.untilFormed();
    for (const peer of cluster.peers) {
      await until(async () => {
        const names = await peer.collections();
        return names.join() === known.join() ? null : names.join();
      });
      assert.equal(await raw(peer, 'u64'), '18446744073709551615');
    }
  }
});

test('R26 R27 who joins by snapshot sees collections, aliases and metadata as they are', async () => {
  const actions = [{ create_alias: { alias_name: 'other', collection_name: 'again' } }];
  await cluster.peer(0).result('POST', '/collections/aliases', { actions });
  const megabytes = `"${'x'.repeat(2 * 1024 * 1024 - 2)}"`;
  for (let count = 0; count < 8; count += 1) {
    assert.equal((await put(cluster.peer(count % 3), `large${count}`, megabytes)).status, 200);
  }
  const fresh = await cluster.addPeer();
  await fresh.process.start();
  await cluster.untilFormed();
  assert.deepEqual(await fresh.collections(), await cluster.peer(0).collections());
  const { aliases } = await fresh.result<{ readonly aliases: object }>('GET', '/aliases');
  assert.deepEqual(aliases, [{ alias_name: 'other', collection_name: 'again' }]);
  for (const [key, value] of values) assert.equal(await raw(fresh, key), value);
  assert.equal(await raw(fresh, 'large7'), megabytes);
});
