// Shards that go from one real process to another by `stream_records`, under writes: what was
// acknowledged is at the end on every replica, once.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { idOf, OctantCluster, type Peer, until } from './octant-cluster.ts';
import {
  createPoints,
  type Load,
  localPoints,
  placementOf,
  startLoad,
  startTransfer,
  untilNoTransfers,
  untilWritten,
} from './shard-placement.ts';

let cluster: OctantCluster;

before(async () => {
  cluster = await OctantCluster.start(3);
});

after(() => cluster.dispose());

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

async function endLoad(load: Load, name: string, holders: readonly Peer[]): Promise<void> {
  await load.end();
  assert.deepEqual(load.failures, []);
  for (const peer of holders) load.check(await localPoints(peer, name, 0));
}

test('a shard is replicated under writes', async () => {
  const name = 'replicated';
  await createPoints(cluster.peer(0), name, 3_000);
  const { source, target } = await ends(name);
  const load = startLoad(cluster.peers, name, 3_000);
  await untilWritten(load, 50);
  await startTransfer(cluster.peer(0), 'replicate_shard', name, { source, target });
  await untilNoTransfers(cluster.peers, name);
  await untilWritten(load, 50);
  await endLoad(load, name, [source, target]);
  const { local_shards } = await placementOf(target, name);
  assert.deepEqual(
    local_shards.map(({ state }) => state),
    ['Active'],
  );
});

test('a shard is moved under writes, there and back', async () => {
  const name = 'moved';
  await createPoints(cluster.peer(0), name, 2_000);
  const { source, target } = await ends(name);
  const load = startLoad(cluster.peers, name, 2_000);
  await untilWritten(load, 30);
  for (const route of [
    { source, target },
    { source: target, target: source },
  ]) {
    await startTransfer(cluster.peer(1), 'move_shard', name, route);
    await untilNoTransfers(cluster.peers, name);
    await untilWritten(load, 30);
    assert.equal((await placementOf(route.source, name)).local_shards.length, 0);
    assert.equal((await placementOf(route.target, name)).local_shards[0]?.state, 'Active');
  }
  await endLoad(load, name, [source]);
});

test('what does not fit is refused and changes nothing', async () => {
  const name = 'refusals';
  await createPoints(cluster.peer(0), name, 10, { replication_factor: 2 });
  const ids = await Promise.all(cluster.peers.map((peer) => idOf(peer)));
  const path = `/collections/${name}/cluster`;
  const { peer_id: own, local_shards, remote_shards } = await placementOf(cluster.peer(0), name);
  const holders = remote_shards.map(({ peer_id }) => peer_id);
  if (local_shards.length > 0) holders.push(own);
  const stranger = ids.find((id) => !holders.includes(id)) ?? 0;
  const [holder, other] = holders;
  const move = (from: unknown, to: unknown, more: object = {}) => ({
    move_shard: { shard_id: 0, from_peer_id: from, to_peer_id: to, ...more },
  });
  const named = { shard_id: 0, from_peer_id: holder, to_peer_id: stranger };
  const rows: readonly (readonly [object, RegExp])[] = [
    [
      move(holder, holder),
      /^422 .*move_shard.to_peer_id: cannot transfer shard to itself, "to_peer_id" must be different/,
    ],
    [move(holder, stranger, { shard_id: 7 }), /^400 .*Shard 7 of refusals does not exist$/],
    [move(holder, 5), /^400 .*Peer 5 does not exist$/],
    [move(stranger, holder), /^400 .*Shard 0 is not active on peer/],
    [move(holder, stranger, { method: 'snapshot' }), /^501 .*snapshot/],
    [{ abort_transfer: named }, /^404 .*Shard transfer \d+ -> \d+ for collection refusals:0 does/],
    [{ restart_transfer: { ...named, method: 'wal_delta' } }, /^404 .*does not exist$/],
    [{ restart_transfer: named }, /^400 Format error.*missing field `method`/],
    [{ drop_replica: { shard_id: 0, peer_id: stranger } }, /^400 .*has no replica of shard 0$/],
    [{ finish_resharding: {} }, /^501 /],
    [{ jump: {} }, /^400 Format error/],
  ];
  for (const [body, expected] of rows) {
    assert.match(await cluster.peer(0).failure('POST', path, body), expected);
  }
  await cluster.peer(0).result('POST', path, { drop_replica: { shard_id: 0, peer_id: holder } });
  assert.match(
    await cluster.peer(0).failure('POST', path, { drop_replica: { shard_id: 0, peer_id: other } }),
    /^400 .*Shard 0 must have at least one active replica after removing/,
  );
  const info = await cluster.peer(0).info();
  assert.equal(info.consensus_thread_status.consensus_thread_status, 'working');
});

test('a transfer that is aborted leaves its source as it was', async () => {
  const name = 'aborted';
  await createPoints(cluster.peer(0), name, 20_000);
  const { source, target } = await ends(name);
  const route = { from_peer_id: await idOf(source), to_peer_id: await idOf(target) };
  const load = startLoad(cluster.peers, name, 20_000);
  await untilWritten(load, 20);
  await startTransfer(cluster.peer(0), 'move_shard', name, { source, target });
  const { shard_transfers } = await placementOf(source, name);
  assert.equal(shard_transfers[0]?.method, 'stream_records');
  assert.equal(shard_transfers[0]?.sync, false);
  assert.match(shard_transfers[0]?.comment ?? '', /^[a-z ]+ \(\d+\.\d\ds\)/);
  await cluster.peer(2).result('POST', `/collections/${name}/cluster`, {
    abort_transfer: { shard_id: 0, ...route },
  });
  await untilNoTransfers(cluster.peers, name);
  await until(async () => {
    const { local_shards } = await placementOf(target, name);
    return local_shards.length === 0 ? null : JSON.stringify(local_shards);
  });
  await untilWritten(load, 20);
  await endLoad(load, name, [source]);
});

test('a killed peer has all it missed soon after it is back', async () => {
  const name = 'missed';
  await createPoints(cluster.peer(0), name, 500, { shard_number: 2, replication_factor: 3 });
  const [one, other, victim] = cluster.peers as [Peer, Peer, Peer];
  const load = startLoad([one, other], name, 500);
  await untilWritten(load, 30);
  await victim.process.kill();
  await untilWritten(load, 60);
  await victim.process.start();
  await until(async () => {
    const { local_shards, shard_transfers } = await placementOf(victim, name);
    const isWhole = local_shards.every(({ state }) => state === 'Active');
    return isWhole && local_shards.length === 2 && shard_transfers.length === 0
      ? null
      : JSON.stringify(local_shards);
  });
  await untilWritten(load, 30);
  await load.end();
  assert.deepEqual(load.failures, []);
  for (const peer of cluster.peers) {
    const [first, second] = await Promise.all([0, 1].map((id) => localPoints(peer, name, id)));
    load.check(new Map([...(first ?? []), ...(second ?? [])]));
  }
});
