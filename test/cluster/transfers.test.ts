// Shards that go from one real process to another by `stream_records`, under writes: what was
// acknowledged is at the end on every replica, once.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';
import {
  aPoint,
  idOf,
  type Load,
  localPoints,
  placementOf,
  startLoad,
  untilNoTransfers,
} from './shard-placement.ts';

let cluster: OctantCluster;

before(async () => {
  cluster = await OctantCluster.start(3);
});

after(() => cluster.dispose());

async function create(name: string, points: number, body: object = {}): Promise<void> {
  const config = { vectors: { size: 4, distance: 'Dot' }, shard_number: 1, ...body };
  await cluster.peer(0).result('PUT', `/collections/${name}`, config);
  for (let from = 0; from < points; from += 1_000) {
    const count = Math.min(1_000, points - from);
    const batch = Array.from({ length: count }, (_, index) => aPoint(from + index, 0));
    await cluster.peer(0).result('PUT', `/collections/${name}/points?wait=true`, { points: batch });
  }
}

/** The peer that has the only replica, and one of the others. */
async function ends(name: string): Promise<{ readonly source: Peer; readonly target: Peer }> {
  for (const source of cluster.peers) {
    if ((await placementOf(source, name)).local_shards.length === 0) continue;
    const target = cluster.peers.find((peer) => peer !== source);
    assert.ok(target !== undefined);
    return { source, target };
  }
  throw new Error('nobody has the shard');
}

async function transfer(
  kind: string,
  name: string,
  { source, target }: { readonly source: Peer; readonly target: Peer },
): Promise<void> {
  await cluster.peer(0).result('POST', `/collections/${name}/cluster`, {
    [kind]: { shard_id: 0, from_peer_id: await idOf(source), to_peer_id: await idOf(target) },
  });
}

async function endLoad(load: Load, name: string, holders: readonly Peer[]): Promise<void> {
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.ok(load.writeCount > 20, `only ${load.writeCount} writes`);
  for (const peer of holders) load.check(await localPoints(peer, name, 0));
}

test('a shard is replicated under writes', async () => {
  await create('replicated', 3_000);
  const { source, target } = await ends('replicated');
  const load = startLoad(cluster.peers, 'replicated', 3_000);
  await until(() => Promise.resolve(load.writeCount > 50 ? null : 'no writes'));
  await transfer('replicate_shard', 'replicated', { source, target });
  await untilNoTransfers(cluster.peers, 'replicated');
  const count = load.writeCount;
  await until(() => Promise.resolve(load.writeCount > count + 50 ? null : 'no writes'));
  await endLoad(load, 'replicated', [source, target]);
  const { local_shards } = await placementOf(target, 'replicated');
  assert.deepEqual(
    local_shards.map(({ state }) => state),
    ['Active'],
  );
});
