// What the control plane of three real peers on this machine takes, run by hand: creating a
// collection, losing the leader, a thousand collections, a fourth peer that joins, doing nothing.
// Usage: tools/with-node bench/control-plane.ts [--quick]

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pauseMs } from 'node:timers/promises';
import { OctantCluster, type Peer, until } from '../test/cluster/octant-cluster.ts';
import { cpuSeconds } from './measure/process-stats.ts';
import { median, Report } from './measure/report.ts';

const isQuick = process.argv.includes('--quick');
const creationCount = isQuick ? 10 : 50;
const killCount = isQuick ? 3 : 10;
const collectionCount = isQuick ? 50 : 1000;
const idleMs = isQuick ? 5_000 : 20_000;
const parallelCount = 8;
const collection = { vectors: { size: 4, distance: 'Dot' } };

const report = new Report();

/** Milliseconds. */
async function timed(action: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

/** Appending a few bytes to a file and having them on the disk. */
function syncMs(directory: string): number {
  const file = openSync(join(directory, 'sync-probe'), 'w');
  const bytes = Buffer.alloc(200, 1);
  const times: number[] = [];
  for (let round = 0; round < 200; round += 1) {
    const startMs = performance.now();
    writeSync(file, bytes);
    fdatasyncSync(file);
    times.push(performance.now() - startMs);
  }
  closeSync(file);
  return median(times);
}

async function measureCreations(cluster: OctantCluster): Promise<void> {
  const part = report.part('create a collection');
  const times: number[] = [];
  for (let at = 0; at < creationCount; at += 1) {
    const peer = cluster.peer(at % cluster.peers.length);
    times.push(await timed(() => peer.result('PUT', `/collections/one-${at}`, collection)));
  }
  const sync = syncMs(cluster.directory);
  part.add('median', median(times), 'ms');
  part.add('longest', Math.max(...times), 'ms');
  part.add('one write and fdatasync', sync, 'ms');
  part.add('median ÷ fdatasync', median(times) / sync, '×', { atMost: 3 });
  const changes: number[] = [];
  for (let at = 0; at < creationCount; at += 1) {
    changes.push(await timed(() => cluster.peer(0).putMetadata('bench', at)));
  }
  part.add('a change without files: median', median(changes), 'ms');
  part.add('a change without files ÷ fdatasync', median(changes) / sync, '×');
  for (let at = 0; at < creationCount; at += 1) {
    await cluster.peer(0).result('DELETE', `/collections/one-${at}`);
  }
}

async function measureKills(cluster: OctantCluster): Promise<void> {
  const part = report.part('leader killed');
  const times: number[] = [];
  for (let round = 0; round < killCount; round += 1) {
    const leader = await cluster.leader();
    await leader.process.kill();
    const startMs = performance.now();
    const survivor = cluster.peers.find((peer) => peer !== leader) ?? leader;
    await createUntilTaken(survivor, `kill-${round}`);
    times.push(performance.now() - startMs);
    await leader.process.start();
    await cluster.untilFormed();
  }
  const sorted = times.toSorted((a, b) => a - b);
  part.add('until a collection can be created: least', sorted[0] ?? 0, 'ms');
  part.add('median', median(times), 'ms', { atMost: 5000 });
  part.add('longest', sorted.at(-1) ?? 0, 'ms');
}

/** Its shards on the dead peer must not be waited for: there is one, on the survivor. */
async function createUntilTaken(peer: Peer, name: string): Promise<void> {
  await until(async () => {
    const body = { ...collection, shard_number: 1 };
    const answer = await peer.call('PUT', `/collections/${name}`, body);
    return answer.status === 200 || answer.status === 409 ? null : answer.text;
  });
}

async function inParallel(names: readonly string[], act: (name: string) => Promise<unknown>) {
  const waiting = [...names];
  const lanes = Array.from({ length: parallelCount }, async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) await act(name);
  });
  await Promise.all(lanes);
}

async function measureMany(cluster: OctantCluster): Promise<void> {
  const part = report.part(`${collectionCount} collections`);
  const peer = cluster.peer(0);
  const names = Array.from({ length: collectionCount }, (_, at) => `many-${at}`);
  const body = { ...collection, shard_number: 1 };
  const create = (name: string) => peer.result('PUT', `/collections/${name}`, body);
  part.add('created in', (await timed(() => inParallel(names, create))) / 1000, 's');
  const remove = (name: string) => peer.result('DELETE', `/collections/${name}`);
  part.add('deleted in', (await timed(() => inParallel(names, remove))) / 1000, 's');
  part.add('created again in', (await timed(() => inParallel(names, create))) / 1000, 's');
  const fourth = await cluster.addPeer();
  const joinMs = await timed(async () => {
    await fourth.process.start();
    await until(async () => {
      const known = await fourth.collections();
      return known.length >= collectionCount ? null : `${known.length} collections`;
    });
  });
  part.add('a fourth peer started, joined and equal in', joinMs / 1000, 's', { atMost: 3 });
  await cluster.untilFormed();
}

async function measureIdle(cluster: OctantCluster): Promise<void> {
  const part = report.part('idle');
  await pauseMs(3_000);
  const before = cluster.peers.map((peer) => cpuSeconds(peer.process.pid));
  await pauseMs(idleMs);
  const shares = cluster.peers.map(
    (peer, at) => ((cpuSeconds(peer.process.pid) - (before[at] ?? 0)) / (idleMs / 1000)) * 100,
  );
  part.add('CPU of the busiest peer', Math.max(...shares), '% of a core', { atMost: 1 });
}

const cluster = await OctantCluster.start(3);
try {
  await measureIdle(cluster);
  await measureCreations(cluster);
  await measureKills(cluster);
  await measureMany(cluster);
} finally {
  await cluster.dispose();
  process.stdout.write(`\n${report.text()}\n`);
}
