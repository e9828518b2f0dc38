// Requirements on `raft_state.json`: what tools read there after a kill, and what they may change
// while the peer is down.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, OctantProcess } from '../process/octant-process.ts';
import { OctantCluster, Peer, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };

interface StateFile {
  readonly state: {
    readonly hard_state: { readonly term: number; readonly vote: number; readonly commit: number };
    readonly conf_state: { readonly voters: readonly number[] };
  };
  readonly latest_snapshot_meta: { readonly term: number; readonly index: number };
  readonly apply_progress_queue: readonly [number, number] | null;
  readonly first_voter?: number;
  readonly peer_address_by_id: Readonly<Record<string, string>>;
  readonly peer_metadata_by_id: Readonly<Record<string, object>>;
  readonly cluster_metadata?: Readonly<Record<string, unknown>>;
  readonly this_peer_id: number;
}

function pathOf(peer: Peer): string {
  return join(peer.process.directory, 'storage/raft_state.json');
}

function read(peer: Peer): StateFile {
  return JSON.parse(readFileSync(pathOf(peer), 'utf8')) as StateFile;
}

function edit(peer: Peer, change: (file: Record<string, unknown>) => void): void {
  const file = { ...read(peer) } as Record<string, unknown>;
  change(file);
  writeFileSync(pathOf(peer), JSON.stringify(file));
}

test('R15 valid after SIGKILL at any moment, with all that tools look for', async () => {
  const cluster = await OctantCluster.start(3);
  try {
    const ids = await Promise.all(cluster.peers.map(async (peer) => (await peer.info()).peer_id));
    await cluster.peer(0).putMetadata('k', { a: [null, 1.5] });
    for (let round = 0; round < 12; round += 1) {
      const at = round % 3;
      const victim = cluster.peer(at);
      const other = cluster.peer((at + 1) % 3);
      const name = `c${round}`;
      const path = `/collections/${name}?timeout=4`;
      const change = other.call('PUT', path, { vectors, shard_number: 1 });
      await new Promise((resolve) => {
        setTimeout(resolve, round * 25);
      });
      await victim.process.kill();
      const file = read(victim);
      assert.equal(file.this_peer_id, ids[at]);
      assert.ok(Number.isInteger(file.state.hard_state.commit));
      assert.ok(file.state.hard_state.term >= 1);
      assert.equal(file.apply_progress_queue?.length, 2);
      assert.deepEqual(new Set(Object.keys(file.peer_address_by_id).map(Number)), new Set(ids));
      await change;
      await victim.process.start();
    }
    await cluster.untilFormed();
    // What is at rest is told as it is.
    for (const [index, peer] of cluster.peers.entries()) {
      await until(async () => {
        const file = read(peer);
        const { term, commit } = (await peer.info()).raft_info;
        const [next, last] = file.apply_progress_queue ?? [];
        const isSame =
          file.state.hard_state.commit === commit &&
          file.state.hard_state.term === term &&
          next === commit + 1 &&
          last === commit &&
          ids.every((id) => file.state.conf_state.voters.includes(id)) &&
          Object.keys(file.peer_metadata_by_id).length === 3;
        return isSame ? null : JSON.stringify(file);
      });
      const file = read(peer);
      assert.equal(file.first_voter, ids[0], `peer ${index}`);
      assert.deepEqual(file.cluster_metadata, { k: { a: [null, 1.5] } });
      assert.deepEqual(
        Object.values(file.peer_address_by_id).toSorted(),
        cluster.peers.map(({ uri }) => uri).toSorted(),
      );
    }
    // Without any key there is no such member.
    await cluster.peer(1).result('DELETE', '/cluster/metadata/keys/k?wait=true');
    for (const peer of cluster.peers) {
      await until(() => {
        const { cluster_metadata: keys } = read(peer);
        return Promise.resolve(keys === undefined ? null : JSON.stringify(keys));
      });
    }
  } finally {
    await cluster.dispose();
  }
});

test('R10 R16 what was deleted or set back is right again after a start', async () => {
  const cluster = await OctantCluster.start(2);
  try {
    await cluster.peer(0).result('PUT', '/collections/a', { vectors });
    await cluster.peer(1).putMetadata('k', 7);
    const first = (await cluster.peer(0).info()).peer_id;
    for (const peer of cluster.peers) await peer.process.kill();
    for (const peer of cluster.peers) {
      edit(peer, (file) => {
        delete file['first_voter'];
        delete file['latest_snapshot_meta'];
        delete file['peer_metadata_by_id'];
        file['apply_progress_queue'] = [2, 3];
      });
    }
    for (const peer of cluster.peers) await peer.process.start();
    await cluster.untilFormed();
    for (const peer of cluster.peers) {
      assert.deepEqual(await peer.collections(), ['a']);
      assert.equal(await peer.result('GET', '/cluster/metadata/keys/k'), 7);
      await until(async () => {
        const { first_voter: voter, apply_progress_queue: queue, ...file } = read(peer);
        const { commit } = (await peer.info()).raft_info;
        const isRight = voter === first && queue?.[1] === commit;
        return isRight ? null : JSON.stringify({ voter, queue, file });
      });
    }
  } finally {
    await cluster.dispose();
  }
});

test('a file that is no state ends the start with 1, and one without id 0', async () => {
  const cluster = await OctantCluster.start(1);
  try {
    const peer = cluster.peer(0);
    const { peer_id: id } = await peer.info();
    await peer.process.kill();
    const good = readFileSync(pathOf(peer), 'utf8');
    for (const bad of ['', '{', '[]', good.slice(0, good.length / 2), '{"this_peer_id":0}']) {
      writeFileSync(pathOf(peer), bad);
      const ended = await peer.process.runToEnd();
      assert.equal(ended.code, 1, `${bad}\n${ended.output}`);
      assert.match(ended.output, /raft_state\.json/);
    }
    writeFileSync(pathOf(peer), good);
    await peer.process.start();
    assert.equal((await peer.info()).peer_id, id);
  } finally {
    await cluster.dispose();
  }
});

test('ids beyond 2^53 are told exactly; a preset id counts for new storage only', async () => {
  const p2p = await freePort();
  const uri = `http://127.0.0.1:${p2p}/`;
  const environment = {
    QDRANT__CLUSTER__ENABLED: 'true',
    QDRANT__CLUSTER__P2P__PORT: String(p2p),
    QDRANT_URI: uri,
  };
  const process = await OctantProcess.create({
    environment: { ...environment, QDRANT__CLUSTER__PEER_ID: '77' },
  });
  try {
    await process.start();
    const peer = new Peer(process, uri);
    assert.equal((await peer.info()).peer_id, 77);
    await process.kill();
    const other = await OctantProcess.create({
      directory: process.directory,
      port: process.port,
      environment: { ...environment, QDRANT__CLUSTER__PEER_ID: '78' },
    });
    await other.start();
    assert.equal((await peer.info()).peer_id, 77);
    await other.kill();
    // Storage of an old version: an id that no double holds.
    rmSync(join(process.directory, 'storage'), { recursive: true });
    const plain = await OctantProcess.create({
      directory: process.directory,
      port: process.port,
      environment: { QDRANT__CLUSTER__ENABLED: 'false' },
    });
    await plain.start();
    await plain.kill();
    const huge = '18446744073709551557';
    const text = readFileSync(pathOf(peer), 'utf8').replace(
      /"this_peer_id":\s*[0-9]+/,
      `"this_peer_id":${huge}`,
    );
    writeFileSync(pathOf(peer), text);
    const last = await OctantProcess.create({
      directory: process.directory,
      port: process.port,
      environment,
    });
    try {
      await last.start();
      const answer = await peer.call('GET', '/cluster');
      assert.match(answer.text, new RegExp(`"peer_id":${huge},`));
      assert.match(answer.text, new RegExp(`"peers":\\{"${huge}":`));
      assert.match(answer.text, new RegExp(`"leader":${huge},`));
      await until(() => {
        const file = readFileSync(pathOf(peer), 'utf8');
        const isExact = file.includes(`"first_voter":${huge}`) && file.includes(`"${huge}":`);
        return Promise.resolve(isExact ? null : file);
      });
    } finally {
      await last.kill();
    }
    peer.closeConnections();
  } finally {
    await process.dispose();
  }
});
