// What replication costs, on three real peers and one node alone on this machine, run by hand: a
// search where all replicas are at hand, one with a hop to another peer, writes to three replicas.
// Usage: tools/with-node bench/replication.ts [--quick]

import { OctantCluster, type Peer, until } from '../test/cluster/octant-cluster.ts';
import { RestClient } from '../test/process/rest.ts';
import { collectionName, searchRequests, upsertRequests } from './collection.ts';
import { loadData } from './data.ts';
import { Load } from './load/load.ts';
import { cpuSeconds } from './measure/process-stats.ts';
import { Report } from './measure/report.ts';
import { measureRates, type Target } from './measure/rounds.ts';
import { createOctant } from './servers.ts';

const isQuick = process.argv.includes('--quick');
const data = loadData(
  isQuick
    ? { count: 20_000, dimension: 128, queryCount: 200, seed: 1 }
    : { count: 50_000, dimension: 128, queryCount: 500, seed: 1 },
);
const warmUpMs = isQuick ? 3_000 : 12_000;
const rounds = isQuick ? { roundCount: 3, roundMs: 700 } : { roundCount: 7, roundMs: 1_200 };
const path = `/collections/${collectionName}`;
const settleMs = 120_000;

interface Caller {
  result<Result>(method: string, path: string, body?: unknown): Promise<Result>;
}

const load = new Load();
const report = new Report();
const upserts = load.prepare(upsertRequests(data));
const searches = load.prepare(searchRequests(data, { ef: 64, filterName: '' }));

async function create(caller: Caller, replicationFactor: number): Promise<void> {
  await caller.result('PUT', path, {
    vectors: { size: data.dimension, distance: 'Cosine' },
    shard_number: 1,
    replication_factor: replicationFactor,
    write_consistency_factor: Math.min(2, replicationFactor),
  });
}

/** CPU of these processes and seconds for all points. */
async function fill(port: number, pids: readonly number[]): Promise<readonly [number, number]> {
  const before = cpuOf(pids);
  const run = { port, connectionCount: 8, requestsPath: upserts, durationMs: null };
  const { seconds, failureCount, failureText } = await load.run(run);
  if (failureCount > 0) throw new Error(failureText ?? 'a write failed');
  return [cpuOf(pids) - before, seconds];
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

/** All graphs are built, on every replica. */
async function settled(callers: readonly Caller[]): Promise<void> {
  let greenCount = 0;
  await until(async () => {
    const infos = await Promise.all(
      callers.map((caller) => caller.result<{ readonly status: string }>('GET', path)),
    );
    greenCount = infos.every(({ status }) => status === 'green') ? greenCount + 1 : 0;
    return greenCount > 20 ? null : JSON.stringify(infos);
  }, settleMs);
}

async function compare(
  name: string,
  targets: readonly [Target, Target],
  atMost: number,
): Promise<void> {
  const part = report.part(name);
  for (const { port } of targets) {
    const run = { port, connectionCount: 8, requestsPath: searches, durationMs: warmUpMs };
    await load.run(run);
  }
  for (const connectionCount of [1, 8]) {
    const [alone, peers] = await measureRates(load, targets, { ...rounds, connectionCount });
    if (alone === undefined || peers === undefined) throw new Error('nothing was measured');
    const with_ = `${connectionCount} connection${connectionCount === 1 ? '' : 's'}`;
    part.add(`${with_}: CPU of one node alone`, alone.cpuUs, 'µs');
    part.add(`${with_}: CPU of all peers`, peers.cpuUs, 'µs');
    part.add(`${with_}: CPU ÷ alone`, peers.cpuUs / alone.cpuUs, '×', { atMost });
    part.add(`${with_}: median ÷ alone`, peers.p50Ms / alone.p50Ms, '×');
    part.add(`${with_}: rate ÷ alone`, peers.perSecond / alone.perSecond, '×');
  }
}

const alone = await createOctant();
const cluster = await OctantCluster.start(3);
try {
  await alone.start();
  const client = new RestClient(alone.port);
  const pids = cluster.peers.map(({ process }) => process.pid);
  const single: Target = {
    name: 'alone',
    pid: alone.pid,
    port: alone.port,
    requestsPath: searches,
  };
  const targetAt = (peer: Peer): Target => ({
    ...single,
    name: 'peers',
    pids,
    port: peer.process.port,
  });
  const first = cluster.peer(0);

  await create(client, 1);
  await create(first, 3);
  const [cpuAlone, secondsAlone] = await fill(alone.port, [alone.pid]);
  const [cpuPeers, secondsPeers] = await fill(first.process.port, pids);
  const writes = report.part('writes, 3 replicas');
  writes.add('CPU of one node alone', (cpuAlone / data.count) * 1e6, 'µs/point');
  writes.add('CPU ÷ alone', cpuPeers / cpuAlone, '×', { atMost: 3.3 });
  writes.add('rate ÷ alone', secondsAlone / secondsPeers, '×', { atLeast: 0.3 });
  await settled([client, ...cluster.peers]);
  await compare('search, replica at hand', [single, targetAt(first)], 1.1);

  await first.result('DELETE', path);
  await create(first, 1);
  await fill(first.process.port, pids);
  await settled(cluster.peers);
  const placements = await Promise.all(
    cluster.peers.map((peer) =>
      peer.result<{ readonly local_shards: readonly object[] }>('GET', `${path}/cluster`),
    ),
  );
  const without = cluster.peers.find((_, at) => placements[at]?.local_shards.length === 0);
  if (without === undefined) throw new Error('every peer has a replica');
  await compare('search, replica one hop away', [single, targetAt(without)], 1.6);
  client.close();
} finally {
  await load.close();
  await Promise.all([cluster.dispose(), alone.dispose()]);
  process.stdout.write(`\n${report.text()}\n`);
}
