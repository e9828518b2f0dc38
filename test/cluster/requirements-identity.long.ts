// Who may call itself what: joins that must fail, addresses that are somebody else's, copies of a
// storage directory, members of other clusters, and whoever was removed. The cluster that they
// turn to goes on as if they had never been there.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort, OctantProcess } from '../process/octant-process.ts';
import { OctantCluster, Peer, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };
let cluster: OctantCluster;
const extras: OctantProcess[] = [];
const directories: string[] = [];

before(async () => {
  cluster = await OctantCluster.start(3);
  await cluster.peer(0).result('PUT', '/collections/kept', { vectors, shard_number: 3 });
});

after(async () => {
  for (const process of extras) await process.kill();
  await cluster.dispose();
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'octant-identity-'));
  directories.push(path);
  return path;
}

interface Wanted {
  readonly uri?: string;
  readonly bootstrap?: string;
  readonly directory?: string;
  readonly p2p?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

async function stranger(wanted: Wanted): Promise<OctantProcess> {
  const p2p = wanted.p2p ?? (await freePort());
  const process = await OctantProcess.create({
    directory: wanted.directory ?? temporary(),
    environment: {
      QDRANT__CLUSTER__ENABLED: 'true',
      QDRANT__CLUSTER__P2P__PORT: String(p2p),
      ...(wanted.uri === undefined ? {} : { QDRANT_URI: wanted.uri }),
      ...(wanted.bootstrap === undefined ? {} : { QDRANT_BOOTSTRAP: wanted.bootstrap }),
      ...wanted.environment,
    },
  });
  extras.push(process);
  return process;
}

/** Who is in, who leads, which collections there are; the term must not change either. */
async function picture(peers: readonly Peer[] = cluster.peers): Promise<string> {
  const pictures = await Promise.all(
    peers.map(async (peer) => {
      const { peers: known, raft_info, consensus_thread_status: thread } = await peer.info();
      const { term, leader, is_voter } = raft_info;
      const { consensus_thread_status: status } = thread;
      const names = await peer.collections();
      return JSON.stringify([known, term, leader, is_voter, status, names]);
    }),
  );
  return pictures.join('\n');
}

/** Where it was not asked for, a deletion is heard of a moment later. */
async function unchanged(former: string, peers: readonly Peer[]): Promise<void> {
  await until(async () => {
    const now = await picture(peers);
    return now === former ? null : now;
  });
}

async function ends101(process: OctantProcess, reason: RegExp): Promise<void> {
  const startedMs = performance.now();
  const ended = await process.runToEnd();
  const tookMs = performance.now() - startedMs;
  assert.equal(ended.code, 101, ended.output);
  assert.match(ended.output, /Can't initialize consensus/);
  assert.match(ended.output, reason);
  assert.ok(tookMs < 20_000, `${tookMs} ms`);
}

test('R1 an unreachable, an empty and a wrong bootstrap end with 101 within 20 s', async () => {
  const former = await picture();
  const dead = `http://127.0.0.1:${await freePort()}/`;
  const own = await freePort();
  const ownUri = `http://127.0.0.1:${own}/`;
  const other = `http://localhost:${own}/`;
  // One with the usual patience; the others do not take their time.
  const environment = { QDRANT__CLUSTER__CONSENSUS__BOOTSTRAP_TIMEOUT_SEC: '3' };
  const [usual, nobody, nowhere, rest, spelled] = await Promise.all([
    stranger({ bootstrap: dead }),
    stranger({ bootstrap: dead, environment }),
    stranger({ bootstrap: 'http://octant.invalid:6335/', environment }),
    // A REST port speaks another protocol.
    stranger({ bootstrap: `${cluster.peer(0).process.url}/`, environment }),
    stranger({ p2p: own, uri: ownUri, bootstrap: other, environment }),
  ]);
  await Promise.all([
    ends101(usual, /Failed to join the cluster through .*cannot be reached/),
    ends101(nobody, /Failed to join the cluster through .*cannot be reached/),
    ends101(nowhere, /Failed to join the cluster through .*cannot be resolved/),
    ends101(rest, /Failed to join the cluster through .*(does not speak|closed)/),
    ends101(spelled, /Failed to join the cluster through/),
  ]);
  // Again, on what the first attempt left.
  await ends101(nobody, /Failed to join the cluster/);
  assert.equal(await picture(), former);
});

test('the own address as bootstrap: the first peer of a cluster', async () => {
  const p2p = await freePort();
  const uri = `http://127.0.0.1:${p2p}`;
  const process = await stranger({ p2p, uri, bootstrap: `${uri}/` });
  await process.start();
  const peer = new Peer(process, `${uri}/`);
  const { peers, raft_info } = await peer.info();
  assert.equal(Object.keys(peers).length, 1);
  assert.equal(raft_info.role, 'Leader');
  peer.closeConnections();
  await process.kill();
});

test('R1 R8 the address of a peer that holds shards is refused, each time', async () => {
  const former = await picture();
  const taken = cluster.peer(1).uri;
  const process = await stranger({ uri: taken, bootstrap: cluster.peer(0).uri });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await ends101(process, /already used by peer [0-9]+ which still has shards/);
    assert.equal(await picture(), former);
  }
});

test('an own address that nobody can resolve is refused, and nothing has changed', async () => {
  const former = await picture();
  const process = await stranger({
    uri: 'http://octant.invalid:6335/',
    bootstrap: cluster.peer(0).uri,
    environment: { QDRANT__CLUSTER__CONSENSUS__BOOTSTRAP_TIMEOUT_SEC: '3' },
  });
  await ends101(
    process,
    /cannot be reached by others: http:..octant\.invalid.* cannot be resolved/,
  );
  assert.equal(await picture(), former);
});

test('a member of another cluster that lives at a known address harms nobody', async () => {
  const former = await picture();
  const foreignP2p = await freePort();
  const foreignUri = `http://127.0.0.1:${foreignP2p}/`;
  const foreign = await stranger({ p2p: foreignP2p, uri: foreignUri });
  await foreign.start();
  // It comes back with the address of a peer here as its bootstrap; flags are ignored then.
  await foreign.kill();
  const again = await stranger({
    directory: foreign.directory,
    p2p: foreignP2p,
    bootstrap: cluster.peer(0).uri,
  });
  await again.start();
  const peer = new Peer(again, foreignUri);
  assert.equal(Object.keys((await peer.info()).peers).length, 1);
  peer.closeConnections();
  await again.kill();
  assert.equal(await picture(), former);

  // And on the port of a peer that is down.
  const down = cluster.peer(2);
  const port = Number(new URL(down.uri).port);
  await down.process.kill();
  const squatter = await stranger({ directory: foreign.directory, p2p: port });
  await squatter.start();
  const path = '/collections/with-squatter?timeout=3';
  await cluster.peer(0).result('PUT', path, { vectors, shard_number: 1 });
  await until(async () => {
    const { message_send_failures: failures } = await (await cluster.leader()).info();
    const told = JSON.stringify(failures);
    return /another cluster|this is peer/.test(told) ? null : told;
  });
  await squatter.kill();
  await down.process.start();
  await cluster.untilFormed();
  assert.deepEqual(await down.collections(), ['kept', 'with-squatter']);
  await cluster.peer(1).result('DELETE', '/collections/with-squatter');
});

test('one identity lives once: a copied storage on other ports is kept out', async () => {
  const original = cluster.peer(1);
  const former = await picture();
  const copy = temporary();
  cpSync(join(original.process.directory, 'storage'), join(copy, 'storage'), { recursive: true });
  const p2p = await freePort();
  // With its own address it is told at once.
  const moved = await stranger({ directory: copy, p2p, uri: `http://127.0.0.1:${p2p}/` });
  await ends101(moved, /this identity is in use by another live instance|Failed to recover/);
  assert.equal(await picture(), former);
  // Without one it believes to be the original, and is heard by nobody.
  const silent = await stranger({ directory: copy, p2p });
  const ended = silent.start().then(
    () => 'ready',
    (error: unknown) => String(error),
  );
  await until(() => {
    const log = cluster.peers.map(({ process }) => process.output).join('');
    const isTold = /identity is in use/.test(log + silent.output);
    return Promise.resolve(isTold ? null : silent.output);
  });
  for (let round = 0; round < 20; round += 1) {
    const path = `/collections/copied${round % 2}?timeout=5`;
    const method = round % 4 < 2 ? 'PUT' : 'DELETE';
    const body = method === 'PUT' ? { vectors, shard_number: 1 } : undefined;
    await cluster.peer(round % 3).result(method, path, body);
  }
  await unchanged(former, cluster.peers);
  await silent.kill();
  await ended;
});

test('R33 R34 who was removed comes back on its old storage and disturbs nobody', async () => {
  const removed = await cluster.addPeer();
  await removed.process.start();
  await cluster.untilFormed(4);
  const { peer_id: id } = await removed.info();
  await cluster.peer(0).result('DELETE', `/cluster/peer/${id}`);
  await until(async () => {
    const { consensus_thread_status: thread } = await removed.info();
    return thread.consensus_thread_status === 'stopped' ? null : JSON.stringify(thread);
  });
  const rest = cluster.peers.filter((peer) => peer !== removed);
  await until(async () => {
    const infos = await Promise.all(rest.map((peer) => peer.info()));
    return infos.every(({ peers }) => Object.keys(peers).length === 3) ? null : 'not yet';
  });
  const former = await picture(rest);
  await removed.process.kill();
  const restarted = removed.process.start().catch((error: unknown) => String(error));
  for (let round = 0; round < 32; round += 1) {
    const path = `/collections/quiet${round % 2}?timeout=5`;
    const method = round % 4 < 2 ? 'PUT' : 'DELETE';
    const body = method === 'PUT' ? { vectors, shard_number: 1 } : undefined;
    await rest[round % 3]?.result(method, path, body);
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
  await unchanged(former, rest);
  await removed.process.kill();
  await restarted;
  removed.closeConnections();
  cluster.peers.splice(cluster.peers.indexOf(removed), 1);
});

test('R7 a killed peer binds its ports at once, with any bootstrap or none', async () => {
  const peer = cluster.peer(1);
  const { port } = new URL(peer.uri);
  for (const bootstrap of ['', 'http://127.0.0.1:1/', peer.uri, cluster.peer(2).uri]) {
    await peer.process.kill();
    const again = await OctantProcess.create({
      directory: peer.process.directory,
      port: peer.process.port,
      environment: {
        QDRANT__CLUSTER__ENABLED: 'true',
        QDRANT__CLUSTER__P2P__PORT: port,
        QDRANT_BOOTSTRAP: bootstrap,
      },
    });
    extras.push(again);
    await again.start();
    await cluster.untilFormed();
    await until(async () => {
      const { raft_info } = await peer.info();
      return (raft_info.leader ?? 0) > 0 ? null : JSON.stringify(raft_info);
    });
    await again.kill();
  }
  await peer.process.start();
  await cluster.untilFormed();
});

test('R2 R6 R48 flags say the same as variables, through a follower too', async () => {
  const leader = await cluster.leader();
  const follower = cluster.peers.find((peer) => peer !== leader);
  assert.ok(follower !== undefined);
  const p2p = await freePort();
  const uri = `http://127.0.0.1:${p2p}/`;
  const process = await stranger({
    p2p,
    uri: 'http://127.0.0.1:1/',
    bootstrap: 'http://127.0.0.1:1/',
  });
  // A flag wins over its variable.
  await process.start('--uri', uri, '--bootstrap', follower.uri);
  const peer = new Peer(process, uri);
  await until(async () => {
    const { peers, raft_info } = await peer.info();
    const isIn = Object.keys(peers).length === 4 && raft_info.is_voter;
    return isIn ? null : JSON.stringify(raft_info);
  });
  await until(async () => {
    const told = await cluster.peer(0).result<{
      readonly cluster: {
        readonly peers: Readonly<Record<string, object>>;
        readonly peer_metadata: Readonly<Record<string, object>>;
      };
    }>('GET', '/telemetry?details_level=3');
    const { peers, peer_metadata } = told.cluster;
    const isSame =
      Object.keys(peer_metadata).toSorted().join() === Object.keys(peers).toSorted().join();
    return isSame && Object.keys(peers).length === 4 ? null : JSON.stringify(told.cluster);
  });
  peer.closeConnections();
});
