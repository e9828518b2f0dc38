// Points on three real processes: every peer answers for all shards as one node alone would, and
// with two replicas of each shard the death of a peer loses nothing and stops nobody.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import { OctantProcess } from '../process/octant-process.ts';
import { RestClient } from '../process/rest.ts';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';

const dimension = 8;
const vectors = { size: dimension, distance: 'Dot' };

interface Point {
  readonly id: number | string;
  readonly vector: readonly number[];
  readonly payload: { readonly color: string; readonly rank: number };
}

interface Caller {
  result<Result>(method: string, path: string, body?: unknown): Promise<Result>;
}

interface Placement {
  readonly local_shards: readonly { readonly shard_id: number; readonly state: string }[];
  readonly remote_shards: readonly {
    readonly shard_id: number;
    readonly peer_id: number;
    readonly state: string;
  }[];
}

let cluster: OctantCluster;
let alone: OctantProcess;
let oracle: RestClient;

before(async () => {
  [cluster, alone] = await Promise.all([OctantCluster.start(3), OctantProcess.create()]);
  await alone.start();
  oracle = new RestClient(alone.port);
});

after(async () => {
  oracle.close();
  await Promise.all([cluster.dispose(), alone.dispose()]);
});

function somePoints(seed: number, count: number): readonly Point[] {
  const prng = new Prng(seed);
  return Array.from({ length: count }, (_, index) => {
    // Whole numbers: sums are exact, in whatever order they are made.
    const vector = Array.from({ length: dimension }, () => (prng.u32() % 201) - 100);
    const isUuid = index % 10 === 9;
    const tail = index.toString(16).padStart(12, '0');
    return {
      id: isUuid ? `00000000-0000-4000-8000-${tail}` : index * 7,
      vector,
      payload: { color: ['red', 'green', 'blue'][prng.u32() % 3] ?? '', rank: prng.u32() % 50 },
    };
  });
}

/** The same question to all peers and to the node that stands alone. */
async function sameEverywhere(method: string, path: string, body: unknown): Promise<void> {
  const expected = normal(await oracle.result(method, path, body));
  for (const [index, peer] of cluster.peers.entries()) {
    const answer = normal(await peer.result(method, path, body));
    assert.deepEqual(answer, expected, `peer ${index}: ${path} ${JSON.stringify(body)}`);
  }
}

/** Versions are numbers of operations, which every shard counts for itself. */
function normal(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer), (key, value: unknown) =>
    key === 'version' ? undefined : value,
  );
}

for (const factor of [1, 2]) {
  describe(`replication factor ${factor}`, () => {
    const name = `points${factor}`;
    const path = `/collections/${name}/points`;

    test('points are written through any peer', async () => {
      const config = { vectors, shard_number: 3, replication_factor: factor };
      await cluster.peer(0).result('PUT', `/collections/${name}`, config);
      await oracle.result('PUT', `/collections/${name}`, { vectors });
      const index = { field_name: 'rank', field_schema: 'integer' };
      for (const caller of [cluster.peer(1), oracle]) {
        await caller.result('PUT', `/collections/${name}/index?wait=true`, index);
      }
      const points = somePoints(factor, 300);
      for (let at = 0; at < points.length; at += 50) {
        const body = { points: points.slice(at, at + 50) };
        await writeBoth(cluster.peer((at / 50) % 3), 'PUT', `${path}?wait=true`, body);
      }
    });

    test('every peer answers as one node alone', async () => {
      await ask(path);
    });

    test('so it does after changes by ids and by filters', async () => {
      const red = { must: [{ key: 'color', match: { value: 'red' } }] };
      const kept = somePoints(factor, 300)
        .filter(({ payload }) => payload.rank >= 4)
        .map(({ id }) => id);
      const changes: readonly (readonly [string, unknown])[] = [
        ['delete', { points: [7, 14, 21, '00000000-0000-4000-8000-000000000009'] }],
        ['delete', { filter: { must: [{ key: 'rank', range: { lt: 4 } }] } }],
        ['payload', { payload: { seen: true }, filter: red }],
        ['payload/delete', { keys: ['rank'], points: kept.slice(20, 26) }],
        ['vectors/delete', { vector: [''], points: kept.slice(30, 34) }],
      ];
      for (const [index, [operation, body]] of changes.entries()) {
        const peer = cluster.peer(index % 3);
        await writeBoth(peer, 'POST', `${path}/${operation}?wait=true`, body);
      }
      for (const ordering of ['medium', 'strong']) {
        const points = somePoints(ordering.length, 40);
        const target = `${path}?wait=true&ordering=${ordering}`;
        for (const peer of cluster.peers) await writeBoth(peer, 'PUT', target, { points });
      }
      await ask(path);
    });

    test('the collection is described by all its shards', async () => {
      const count = await oracle.result<{ count: number }>('POST', `${path}/count`, {});
      for (const peer of cluster.peers) {
        await until(async () => {
          const info = await peer.result<{
            readonly status: string;
            readonly points_count: number;
            readonly payload_schema: Readonly<Record<string, { readonly points: number }>>;
          }>('GET', `/collections/${name}`);
          const isWhole = info.points_count === count.count && info.status === 'green';
          return isWhole && 'rank' in info.payload_schema ? null : JSON.stringify(info);
        });
      }
    });
  });
}

async function writeBoth(peer: Caller, method: string, path: string, body: unknown): Promise<void> {
  const answers = await Promise.all(
    [peer, oracle].map((caller) => caller.result<{ readonly status: string }>(method, path, body)),
  );
  for (const { status } of answers) assert.equal(status, 'completed');
}

async function ask(path: string): Promise<void> {
  const filter = {
    must: [{ key: 'rank', range: { gte: 10, lt: 40 } }],
    must_not: [{ key: 'color', match: { any: ['blue'] } }, { has_id: [70, 77] }],
  };
  const [{ vector }] = somePoints(99, 1) as [Point];
  const parts = { with_payload: true, with_vector: true };
  await sameEverywhere('POST', `${path}/count`, { exact: true });
  await sameEverywhere('POST', `${path}/count`, { exact: true, filter });
  const search = { vector, limit: 20, params: { exact: true }, ...parts };
  await sameEverywhere('POST', `${path}/search`, search);
  await sameEverywhere('POST', `${path}/search`, { ...search, offset: 5, filter });
  await sameEverywhere('POST', `${path}/search?consistency=majority`, search);
  await sameEverywhere('POST', `${path}/scroll`, { limit: 40, ...parts });
  await sameEverywhere('POST', `${path}/scroll?consistency=all`, { limit: 9, offset: 77, filter });
  // All of them: which of several points with one value come last is left open.
  const order = { order_by: { key: 'rank', direction: 'desc' }, limit: 1000, filter };
  await sameEverywhere('POST', `${path}/scroll`, order);
  await sameEverywhere('POST', path, { ids: [0, 700, 7, 123456, 70], ...parts });
  await sameEverywhere('POST', `${path}/query`, { query: 0, limit: 7, with_payload: ['color'] });
  await sameEverywhere('POST', `${path}/query`, { limit: 15, offset: 3 });
}

test('what no replica can answer is an error that says so', async () => {
  const missing = await cluster.peer(0).failure('POST', '/collections/points1/points/search', {
    vector: [1, 2],
    limit: 1,
  });
  assert.match(missing, /^400 Wrong input: Vector dimension error/);
});

test('a killed peer under load: nothing acknowledged is lost, reads go on, it becomes dead', async () => {
  const path = '/collections/points2/points';
  const victim = cluster.peer(2);
  const survivors = [cluster.peer(0), cluster.peer(1)];
  const acknowledged: number[] = [];
  const failures: string[] = [];
  let isOver = false;
  let countBefore = Infinity;
  let slowestMs = 0;
  const writer = async (peer: Peer, from: number): Promise<void> => {
    for (let id = from; !isOver; id += 1) {
      const points = [{ id, vector: Array.from({ length: dimension }, () => id % 100) }];
      const startedMs = performance.now();
      const answer = await peer.call('PUT', `${path}?wait=true`, { points });
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      if (answer.status === 200) acknowledged.push(id);
      else failures.push(`write ${answer.text}`);
    }
  };
  const reader = async (peer: Peer): Promise<void> => {
    const vector = Array.from({ length: dimension }, () => 1);
    while (!isOver) {
      const answer = await peer.call('POST', `${path}/search`, { vector, limit: 3 });
      if (answer.status !== 200) failures.push(`read ${answer.text}`);
    }
  };
  const load = survivors.flatMap((peer, index) => [
    writer(peer, 1_000_000 * (index + 1)),
    reader(peer),
  ]);
  await until(() => Promise.resolve(acknowledged.length > 100 ? null : 'too few writes'));
  await victim.process.kill();
  countBefore = acknowledged.length;
  await until(() => Promise.resolve(acknowledged.length > countBefore + 100 ? null : 'no writes'));
  isOver = true;
  await Promise.all(load);
  assert.deepEqual(failures, []);
  assert.ok(slowestMs < 5_000, `a write took ${slowestMs} ms`);
  for (const peer of survivors) {
    const found = await peer.result<readonly { readonly id: number }[]>('POST', path, {
      ids: acknowledged,
    });
    assert.equal(found.length, acknowledged.length);
    const placement = await peer.result<Placement>('GET', '/collections/points2/cluster');
    const states = placement.remote_shards.map(({ state }) => state);
    assert.ok(states.includes('Dead'), states.join());
    assert.ok(placement.local_shards.every(({ state }) => state === 'Active'));
  }
});

test('a shard without a living replica fails reads and its part of writes', async () => {
  const path = '/collections/points1/points';
  const [peer] = cluster.running();
  assert.ok(peer !== undefined);
  const read = await peer.failure('POST', `${path}/count`, {});
  assert.match(read, /^500 Service internal error: 1 of 1 read operations failed:\n {2}Service/);
  const written = await peer.failure('PUT', `${path}?wait=true`, { points: somePoints(5, 60) });
  assert.match(written, /^500 Service internal error: 1 out of 3 shards failed to apply operation/);
});
