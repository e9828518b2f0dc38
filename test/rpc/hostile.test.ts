// Whatever strangers send to the port for peers: a clear refusal, no crash, and honest peers go on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PeerRequest } from '../../src/cluster/peer-network.ts';
import { decodeRefusal, encodeHello } from '../../src/rpc/codec/handshake.ts';
import { decodePeerAnswer, encodePeerMessage } from '../../src/rpc/codec/peer-codec.ts';
import { frameOf, RawPeer } from './raw-peer.ts';
import { heartbeat, type TestNode, TestNodes, until, vote } from './wire-harness.ts';

function refusalOf(raw: RawPeer): string {
  const frame = raw.frames.find(({ kind }) => kind === 'refusal');
  assert.ok(frame !== undefined, 'a refusal');
  return decodeRefusal(frame.body);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

async function stillServes(nodes: TestNodes, node: TestNode): Promise<void> {
  const honest = await nodes.start({ peerId: 500n });
  honest.knows(node);
  const answer = await honest.wire.call({ peerId: node.peerId }, { kind: 'health' }, 5_000);
  assert.equal(answer.kind, 'done');
}

describe('who does not speak the protocol', () => {
  test('an HTTP request gets an HTTP answer', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.connect(node.port, false);
    raw.write(Buffer.from('GET /cluster HTTP/1.1\r\nhost: x\r\n\r\n'));
    await raw.closes();
    assert.match(raw.text, /^HTTP\/1.1 400 Bad Request\r\n/);
    assert.match(raw.text, /the protocol between Octant peers, not HTTP/);
    await node.log.says(/Connection from 127.0.0.1 refused: an HTTP request on the port for peers/);
    await stillServes(nodes, node);
  });

  test('random bytes', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.connect(node.port, false);
    raw.write(Uint8Array.from({ length: 10_000 }, (_, at) => (at * 97 + 31) & 0xff));
    await raw.closes();
    await node.log.says(/refused: it does not speak the protocol between peers/);
    await stillServes(nodes, node);
  });

  test('who talks too slowly is closed', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n, limits: { handshakeMs: 40 } });
    using silent = await RawPeer.connect(node.port);
    using slow = await RawPeer.connect(node.port);
    slow.write(frameOf('hello', 0, new Uint8Array(10)).subarray(0, 12));
    await silent.closes();
    await slow.closes();
    await node.log.says(/has not introduced itself within 40 ms/);
    await stillServes(nodes, node);
  });

  test('a port that was looked at is nothing to write about', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.connect(node.port);
    raw.socket.end();
    await raw.closes();
    await stillServes(nodes, node);
    assert.deepEqual(node.log.lines, []);
  });

  test('thousands that say nothing: the oldest go, a peer gets through', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n, limits: { strangersCountMax: 50 } });
    const strangers: RawPeer[] = [];
    for (let round = 0; round < 20; round += 1) {
      const batch = Array.from({ length: 100 }, () => RawPeer.connect(node.port));
      strangers.push(...(await Promise.all(batch)));
    }
    await until(() => node.wire.metrics().strangersClosed === 1_950, 'all but 50 to be closed');
    await stillServes(nodes, node);
    assert.equal(strangers.filter(({ isClosed }) => !isClosed).length <= 51, true);
    for (const stranger of strangers) stranger[Symbol.dispose]();
  });
});

describe('who speaks it badly', () => {
  test('a hello that is too large', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.connect(node.port);
    raw.write(frameOf('hello', 0, new Uint8Array(5_000)));
    await raw.closes();
    assert.match(refusalOf(raw), /a frame of 5000 bytes, at most 4096 are allowed/);
    await node.log.says(/a frame of 5000 bytes/);
  });

  test('a frame that is too large, by its head alone', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.welcomed(node.port);
    const head = Uint8Array.from(frameOf('message', 1, new Uint8Array(8)).subarray(0, 20));
    new DataView(head.buffer).setUint32(8, 0xffff_ffff, true);
    raw.write(head);
    await raw.closes();
    assert.match(refusalOf(raw), /a frame of 4294967295 bytes/);
    await stillServes(nodes, node);
  });

  test('a body that is too large in sum', async () => {
    await using nodes = new TestNodes();
    const bodyBytesMax = { control: 20_000, bulk: 20_000, data: 1024, stranger: 5_000 };
    const node = await nodes.start({ peerId: 1n, limits: { bodyBytesMax } });
    using raw = await RawPeer.welcomed(node.port);
    for (let part = 0; part < 5; part += 1) {
      raw.write(frameOf('request', 1, new Uint8Array(5_000), true));
    }
    await raw.closes();
    assert.match(refusalOf(raw), /a request of more than 20000 bytes/);
    using stranger = await RawPeer.welcomed(node.port, { clusterId: null, instanceId: 'other' });
    stranger.write(frameOf('request', 1, new Uint8Array(5_001)));
    await stranger.closes();
    assert.match(refusalOf(stranger), /a frame of 5001 bytes, at most 5000/);
  });

  test('a bad checksum, before and after the handshake', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    const broken = (bytes: Uint8Array): Uint8Array => {
      const changed = Uint8Array.from(bytes);
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
      return changed;
    };
    using early = await RawPeer.connect(node.port);
    early.write(broken(frameOf('hello', 0, new Uint8Array(20))));
    await early.closes();
    assert.match(refusalOf(early), /bad checksum/);
    using late = await RawPeer.welcomed(node.port);
    late.write(broken(frameOf('message', 1, joined(encodePeerMessage(heartbeat(77n, 1n, 1))))));
    await late.closes();
    assert.match(refusalOf(late), /bad checksum/);
    assert.equal(node.endpoint.received.length, 0);
  });

  test('parts that are mixed up or tiny, frames that belong elsewhere', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    const part = new Uint8Array(5_000);
    const cases: readonly (readonly [RegExp, readonly Uint8Array[]])[] = [
      [/inside of/, [frameOf('message', 1, part, true), frameOf('message', 2, part)]],
      [/a part of 3 bytes/, [frameOf('message', 1, part.subarray(0, 3), true)]],
      [/hello after the handshake/, [frameOf('hello', 0)]],
      [/an answer from who called/, [frameOf('answer', 1)]],
    ];
    for (const [reason, frames] of cases) {
      using raw = await RawPeer.welcomed(node.port);
      for (const frame of frames) raw.write(frame);
      await raw.closes();
      assert.match(refusalOf(raw), reason);
    }
    await stillServes(nodes, node);
  });

  test('messages and requests without sense leave the connection as it is', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.welcomed(node.port);
    raw.write(frameOf('message', 1, Uint8Array.of(99, 1, 2)));
    raw.write(frameOf('request', 2, Uint8Array.of(99, 1, 2)));
    await until(() => raw.hasFrame('answer'), 'the answer');
    const answer = raw.frames.find(({ kind }) => kind === 'answer');
    assert.deepEqual(answer && decodePeerAnswer(answer.body), {
      kind: 'refused',
      message: 'the request cannot be read: unknown kind 99 at byte 0',
    });
    assert.equal(raw.isClosed, false);
    assert.equal(node.wire.metrics().messagesIgnored, 1);
  });

  test('old messages again, and messages of and for others', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.welcomed(node.port);
    const say = (from: bigint, to: bigint): void =>
      raw.write(frameOf('message', 1, joined(encodePeerMessage(vote(from, to, 4)))));
    say(77n, 1n);
    say(77n, 1n);
    say(78n, 1n);
    say(77n, 2n);
    say(77n, 1n);
    await until(() => node.endpoint.received.length === 3, 'three messages');
    assert.equal(node.wire.metrics().messagesIgnored, 2);
    for (const { from, message } of node.endpoint.received) {
      assert.equal(from, 77n);
      assert.deepEqual(message, vote(77n, 1n, 4));
    }
  });
});

describe('who is somebody else', () => {
  test('another cluster: both sides say so', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n, clusterId: 'cluster-a' });
    const two = await nodes.start({ peerId: 2n, clusterId: 'cluster-b' });
    one.knows(two);
    await assert.rejects(
      one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000),
      /refused by http.*the caller belongs to another cluster: cluster-a, not cluster-b/,
    );
    await two.log.says(/Connection from 127.0.0.1 refused: the caller belongs to another cluster/);
    await one.log.says(/refused by .* another cluster: cluster-a, not cluster-b/);
    assert.equal(two.endpoint.served.length, 0);
  });

  test('another version of the protocol', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.connect(node.port);
    raw.write(frameOf('hello', 0, Uint8Array.of(2, 0, 1, 2, 3)));
    await raw.closes();
    assert.match(refusalOf(raw), /speaks version 2 of the protocol.*this node speaks 1/);
    await node.log.says(/speaks version 2 of the protocol between peers/);
  });

  test('another peer lives at the address', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 2n });
    one.wire.useAddresses(new Map([[3n, two.uri]]));
    await assert.rejects(
      one.wire.call({ peerId: 3n }, { kind: 'health' }, 5_000),
      /this is peer 2, not peer 3/,
    );
    await two.log.says(/refused: this is peer 2, not peer 3/);
  });

  test('the address is the own one', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    await assert.rejects(
      one.wire.call({ uri: one.uri }, { kind: 'health' }, 5_000),
      /this address is the node’s own/,
    );
  });

  test('who names no cluster may ask for little, and sends no messages', async () => {
    await using nodes = new TestNodes();
    const member = await nodes.start({ peerId: 1n });
    const newcomer = await nodes.start({ peerId: 2n, clusterId: null });
    const ask = (request: PeerRequest): ReturnType<typeof newcomer.wire.call> =>
      newcomer.wire.call({ uri: member.uri }, request, 5_000);
    const join = { kind: 'join', peerId: 2n, uri: null, port: 1, version: '1.0.0' } as const;
    assert.equal((await ask(join)).kind, 'done');
    assert.equal((await ask({ kind: 'who_is', peerId: 1n })).kind, 'done');
    assert.equal((await ask({ kind: 'health' })).kind, 'done');
    assert.deepEqual(await ask({ kind: 'fetch_state' }), {
      kind: 'refused',
      message: 'fetch_state is for members of the cluster',
    });
    assert.deepEqual(
      member.endpoint.served.map(({ from }) => from),
      [null, null, null],
    );
    newcomer.knows(member);
    newcomer.wire.send(1n, vote(2n, 1n, 1));
    await until(() => member.wire.metrics().messagesIgnored === 1, 'the message to be ignored');

    // Once it belongs to the cluster it is heard.
    newcomer.wire.useCluster('cluster-a');
    newcomer.wire.send(1n, vote(2n, 1n, 1));
    await until(() => member.endpoint.received.length === 1, 'the message');
    assert.equal(newcomer.log.lines.length, 0);
  });

  test('connections end when the cluster turns out to be another', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.welcomed(node.port);
    node.wire.useCluster('cluster-b');
    await raw.closes();
    assert.match(refusalOf(raw), /another cluster: cluster-a, not cluster-b/);
  });
});

describe('two processes with one identity', () => {
  test('while the first one lives, the second is refused', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    const first = await nodes.start({ peerId: 2n });
    const second = await nodes.start({ peerId: 2n });
    first.knows(node);
    second.knows(node);
    await first.wire.call({ peerId: 1n }, { kind: 'health' }, 5_000);
    await assert.rejects(
      second.wire.call({ peerId: 1n }, { kind: 'health' }, 5_000),
      /refused by .*peer 2: this identity is in use by another live instance/,
    );
    await node.log.says(/refused: peer 2: this identity is in use by another live instance/);
    await first.wire.call({ peerId: 1n }, { kind: 'health' }, 5_000);

    // It ends, and its successor is let in.
    await first.wire.close();
    await until(() => node.wire.metrics().incomingConnections === 0, 'the first to be gone');
    await until(() => {
      second.wire.send(1n, heartbeat(2n, 1n, 1));
      return node.endpoint.received.length > 0;
    }, 'the second to be heard');
  });

  test('a first one that gives no sign of life loses its connections', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n, limits: { fenceMs: 30 } });
    using hung = await RawPeer.welcomed(node.port, { peerId: 2n, instanceId: 'hung' });
    const second = await nodes.start({ peerId: 2n });
    second.knows(node);
    await second.wire.call({ peerId: 1n }, { kind: 'health' }, 5_000);
    await hung.closes();
    assert.match(refusalOf(hung), /gave no sign of life/);
  });

  test('a caller with the identity of the node itself', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using raw = await RawPeer.connect(node.port);
    raw.write(frameOf('hello', 0, encodeHello(twin)));
    await raw.closes();
    assert.match(refusalOf(raw), /peer 1: this identity is in use/);
  });

  const twin = {
    clusterId: 'cluster-a',
    peerId: 1n,
    instanceId: 'twin',
    uri: null,
    version: '1.0.0',
    port: 1,
    purpose: 'control',
    expectedPeerId: null,
  } as const;

  test('the callee has the identity of somebody who lives', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    const first = await nodes.start({ peerId: 2n });
    const second = await nodes.start({ peerId: 2n });
    first.knows(node);
    await first.wire.call({ peerId: 1n }, { kind: 'health' }, 5_000);
    node.knows(second);
    await assert.rejects(
      node.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000),
      /peer 2: this identity is in use by another live instance/,
    );
    await second.log.says(/the other side refuses: peer 2: this identity is in use/);
  });
});
