// The port for peers of a cluster that works, under everything that does not belong there: other
// protocols, noise, slowness, frames beyond the bound, introductions that are lies, old messages.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeHello } from '../../src/rpc/codec/handshake.ts';
import { encodePeerMessage, encodePeerRequest } from '../../src/rpc/codec/peer-codec.ts';
import { frameOf, RawPeer } from '../rpc/raw-peer.ts';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };
let cluster: OctantCluster;
let term: number;

before(async () => {
  cluster = await OctantCluster.start(3);
  term = (await cluster.peer(0).info()).raft_info.term;
});

after(() => cluster.dispose());

function portOf(peer: Peer): number {
  return Number(new URL(peer.uri).port);
}

/** Collections come and go while `attack` lasts; nothing has changed in the cluster then. */
async function worksUnder(name: string, attack: () => Promise<void>): Promise<void> {
  let isOver = false;
  const attacking = attack().finally(() => {
    isOver = true;
  });
  const slowestMs = { create: 0 };
  let round = 0;
  do {
    const path = `/collections/${name}`;
    const startedMs = performance.now();
    await cluster.peer(round % 3).result('PUT', path, { vectors, shard_number: 1 });
    await cluster.peer((round + 1) % 3).result('DELETE', path);
    slowestMs.create = Math.max(slowestMs.create, performance.now() - startedMs);
    round += 1;
  } while (!isOver);
  await attacking;
  assert.ok(slowestMs.create < 10_000, `${slowestMs.create} ms`);
  for (const peer of cluster.peers) {
    const info = await peer.info();
    assert.equal(Object.keys(info.peers).length, 3);
    assert.equal(info.raft_info.term, term, 'no election');
    assert.equal(info.consensus_thread_status.consensus_thread_status, 'working');
    // Where it was not asked for, a deletion is heard of a moment later.
    await until(async () => {
      const names = await peer.collections();
      return names.length === 0 ? null : names.join();
    });
  }
}

async function opened(peer: Peer): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: portOf(peer) });
  socket.on('error', () => {});
  await new Promise((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', resolve);
  });
  return socket;
}

test('an HTTP request gets an answer that says what this port is', async () => {
  await worksUnder('http', async () => {
    for (const peer of cluster.peers) {
      const answer = await fetch(peer.uri);
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), /between Octant peers, not HTTP/);
      const post = await fetch(`${peer.uri}cluster`, {
        method: 'POST',
        body: 'x'.repeat(100_000),
      }).catch((error: unknown) => error);
      assert.ok(post instanceof Error || (post instanceof Response && post.status === 400));
    }
  });
});

test('random bytes, from many at once', async () => {
  await worksUnder('noise', async () => {
    let seed = 12_345;
    const byte = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed >>> 24;
    };
    for (let round = 0; round < 300; round += 1) {
      const socket = await opened(cluster.peer(round % 3));
      socket.write(Uint8Array.from({ length: 1 + byte() * 16 }, byte));
      if (round % 3 === 0) socket.destroy();
      else socket.resume();
      socket.setTimeout(2_000, () => socket.destroy());
    }
  });
});

test('slow-loris: hundreds that hardly speak are closed in time', async () => {
  const target = cluster.peer(0);
  const hello = frameOf('hello', 0, new Uint8Array(10));
  const sockets: Socket[] = [];
  let closedCount = 0;
  await worksUnder('slow', async () => {
    for (let count = 0; count < 400; count += 1) {
      const socket = await opened(target);
      socket.once('close', () => {
        closedCount += 1;
      });
      socket.resume();
      socket.write(hello.subarray(0, 1));
      sockets.push(socket);
    }
    // A byte each second, and never enough of them.
    let at = 1;
    let nextMs = performance.now() + 1_000;
    await until(() => {
      if (performance.now() > nextMs) {
        for (const socket of sockets) {
          if (!socket.destroyed) socket.write(hello.subarray(at, at + 1));
        }
        at += 1;
        nextMs += 1_000;
      }
      return Promise.resolve(closedCount === sockets.length ? null : `${closedCount} closed`);
    }, 20_000);
  });
});

test('frames beyond the bound, and introductions that are lies', async () => {
  const { peer_id: ownId } = await cluster.peer(0).info();
  const { peer_id: otherId } = await cluster.peer(1).info();
  await worksUnder('lies', async () => {
    const port = portOf(cluster.peer(0));
    const lies = [
      { clusterId: 'another', peerId: 5n },
      { clusterId: 'another', peerId: BigInt(otherId) },
      { clusterId: null, peerId: BigInt(ownId), instanceId: 'x' },
      { clusterId: null, peerId: 5n, expectedPeerId: BigInt(otherId) },
    ];
    for (const lie of lies) {
      using raw = await RawPeer.connect(port);
      raw.sayHello(lie);
      await until(() => Promise.resolve(raw.isClosed ? null : 'open'));
      assert.ok(raw.hasFrame('refusal'), JSON.stringify(Object.keys(lie)));
      assert.ok(!raw.hasFrame('welcome'));
    }
    // The length of a frame is believed before its bytes come: it must be refused at once.
    using huge = await RawPeer.connect(port);
    const frame = frameOf('hello', 0, encodeHello(helloOf(6n)));
    new DataView(frame.buffer, frame.byteOffset).setUint32(8, 0x7fff_ffff, true);
    huge.write(frame);
    huge.write(new Uint8Array(64 * 1024));
    await until(() => Promise.resolve(huge.isClosed ? null : 'open'));
    assert.ok(!huge.hasFrame('welcome'));
  });
});

test('R34 votes for nobody: of who names no cluster, and of who is no member', async () => {
  const { peer_id: ownId } = await cluster.peer(0).info();
  const path = join(cluster.peer(0).process.directory, 'storage/raft_state.json');
  const { cluster_id: clusterId } = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly cluster_id: string;
  };
  await worksUnder('nobody', async () => {
    for (const named of [null, clusterId]) {
      using raw = await RawPeer.welcomed(portOf(cluster.peer(0)), {
        clusterId: named,
        peerId: 99n,
        port: 1,
      });
      for (let round = 0; round < 50; round += 1) {
        const message = encodePeerMessage({
          kind: 'raft',
          message: {
            kind: 'vote_request',
            vote: round % 2 === 0 ? 'vote' : 'pre_vote',
            from: 99n,
            to: BigInt(ownId),
            term: 1_000 + round,
            lastTerm: 1_000,
            lastIndex: 10_000,
            isTransfer: false,
          },
        });
        raw.write(frameOf('message', 0, new Uint8Array(Buffer.concat(message))));
      }
      const request = encodePeerRequest({ kind: 'consensus_commit' });
      raw.write(frameOf('request', 1, new Uint8Array(Buffer.concat(request))));
      await until(() => {
        const isAnswered = raw.hasFrame('answer') || raw.isClosed;
        return Promise.resolve(isAnswered ? null : 'no answer');
      });
    }
  });
});

function helloOf(peerId: bigint) {
  return {
    clusterId: null,
    peerId,
    instanceId: 'raw',
    uri: null,
    version: '1.0.0',
    port: 6335,
    purpose: 'control',
    expectedPeerId: null,
  } as const;
}
