// Too much, too slow, too silent: what is bounded stays bounded, and control goes on beside bulk.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PeerAnswer, PeerMessage } from '../../src/cluster/peer-network.ts';
import { decodePeerMessage, encodePeerRequest } from '../../src/rpc/codec/peer-codec.ts';
import { frameOf, RawListener, RawPeer } from './raw-peer.ts';
import { heartbeat, TestNodes, until, vote } from './wire-harness.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

function append(bytes: number): PeerMessage {
  const entries = [{ kind: 'command', term: 3, index: 2, data: new Uint8Array(bytes) }] as const;
  const body = { kind: 'append', prevIndex: 1, prevTerm: 3, entries, commitIndex: 1 } as const;
  return { kind: 'raft', message: { ...body, from: 1n, to: 77n, term: 3 } };
}

const done: PeerAnswer = { kind: 'done', ok: true };

/** Answers that are held back until the test lets them go. */
class HeldAnswers {
  readonly #waiting: ((answer: PeerAnswer) => void)[] = [];
  busyCount = 0;
  busyCountMax = 0;

  hold(): Promise<PeerAnswer> {
    this.busyCount += 1;
    this.busyCountMax = Math.max(this.busyCountMax, this.busyCount);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  letOneGo(): void {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) return;
    this.busyCount -= 1;
    resolve(done);
  }
}

describe('receivers that do not keep up', () => {
  test('a stalled one costs its sender no more than the queue', async () => {
    await using nodes = new TestNodes();
    using stalled = await RawListener.listen(77n);
    const node = await nodes.start({ peerId: 1n, limits: { queueBytesMax: 4 * MiB } });
    node.wire.useAddresses(new Map([[77n, stalled.uri]]));
    node.wire.send(77n, append(10));
    await until(() => stalled.countOf('message') === 1, 'the first message');
    for (const socket of stalled.callers) socket.pause();
    const message = append(512 * KiB);
    const sentCount = 400;
    for (let count = 0; count < sentCount; count += 1) {
      node.wire.send(77n, message);
      if (count % 10 === 9) await new Promise(setImmediate);
    }
    const { bytesSent, messagesDropped, messagesSent } = node.wire.metrics();
    // The queue holds 8 of them; the rest of what was not dropped is in the sockets' buffers.
    assert.equal(sentCount - messagesDropped - (messagesSent - 1) <= 8, true);
    assert.ok(bytesSent < 40 * MiB, `${bytesSent} bytes in the buffers of the system`);
    assert.ok(messagesDropped > sentCount / 2);
    assert.ok(node.endpoint.unreachablePeers.includes(77n));
  });

  test('while one waits for its welcome, only the newest heartbeat waits', async () => {
    await using nodes = new TestNodes();
    using slow = await RawListener.listen(77n);
    slow.keepWaiting();
    const node = await nodes.start({ peerId: 1n });
    node.wire.useAddresses(new Map([[77n, slow.uri]]));
    node.wire.send(77n, vote(1n, 77n, 5));
    for (let index = 1; index <= 1_000; index += 1) {
      node.wire.send(77n, heartbeat(1n, 77n, index));
    }
    await until(() => slow.countOf('hello') === 1, 'the hello');
    slow.welcomeAll();
    await until(() => slow.countOf('message') === 2, 'two messages');
    const messages = slow.frames.filter(({ kind }) => kind === 'message');
    assert.deepEqual(
      messages.map(({ body }) => decodePeerMessage(body)),
      [vote(1n, 77n, 5), heartbeat(1n, 77n, 1_000)],
    );
    assert.equal(node.wire.metrics().messagesDropped, 0);
  });

  test('while one waits for its welcome, the oldest messages give way', async () => {
    await using nodes = new TestNodes();
    using slow = await RawListener.listen(77n);
    slow.keepWaiting();
    const node = await nodes.start({ peerId: 1n, limits: { queueCountMax: 10 } });
    node.wire.useAddresses(new Map([[77n, slow.uri]]));
    const call = node.wire.call({ peerId: 77n }, { kind: 'health' }, 60_000);
    call.catch(() => {});
    for (let index = 1; index <= 30; index += 1) node.wire.send(77n, vote(1n, 77n, index));
    await until(() => slow.countOf('hello') === 1, 'the hello');
    slow.welcomeAll();
    await until(() => slow.countOf('message') === 10, 'ten messages');
    assert.equal(slow.countOf('request'), 1);
    const [first] = slow.frames.filter(({ kind }) => kind === 'message');
    assert.deepEqual(first && decodePeerMessage(first.body), vote(1n, 77n, 21));
    assert.equal(node.wire.metrics().messagesDropped, 20);
  });

  test('too many requests of one connection: it is not read until one is answered', async () => {
    await using nodes = new TestNodes();
    const servedCountMax = { control: 5, bulk: 5, data: 8 };
    const node = await nodes.start({ peerId: 1n, limits: { servedCountMax } });
    const held = new HeldAnswers();
    node.endpoint.answer = () => held.hold();
    using raw = await RawPeer.welcomed(node.port);
    const request = new Uint8Array(Buffer.concat(encodePeerRequest({ kind: 'health' })));
    for (let id = 1; id <= 200; id += 1) raw.write(frameOf('request', id, request));
    await until(() => node.endpoint.served.length === 5, 'five requests');
    await until(() => {
      held.letOneGo();
      return raw.frames.filter(({ kind }) => kind === 'answer').length === 200;
    }, 'all answers');
    assert.equal(held.busyCountMax, 5);
  });

  test('many calls at once wait here, not there', async () => {
    await using nodes = new TestNodes();
    const limits = { callsCountMax: { control: 8, bulk: 2, data: 8 } };
    const one = await nodes.start({ peerId: 1n, limits });
    const two = await nodes.start({ peerId: 2n });
    one.knows(two);
    const held = new HeldAnswers();
    two.endpoint.answer = () => held.hold();
    const calls = Array.from({ length: 500 }, () =>
      one.wire.call({ peerId: 2n }, { kind: 'health' }, 20_000),
    );
    await until(() => two.endpoint.served.length === 8, 'the first eight');
    // Messages do not wait behind the calls.
    one.wire.send(2n, heartbeat(1n, 2n, 1));
    await until(() => two.endpoint.received.length === 1, 'the message');
    await until(() => {
      held.letOneGo();
      return two.endpoint.served.length === 500 && held.busyCount === 0;
    }, 'all calls');
    await Promise.all(calls);
    assert.equal(held.busyCountMax, 8);
  });
});

describe('silence', () => {
  const limits = { pingIdleMs: 20, pingPatienceMs: 150 };

  test('a connection without a sign of life is closed', async () => {
    await using nodes = new TestNodes();
    using silent = await RawListener.listen(77n);
    const node = await nodes.start({ peerId: 1n, limits });
    node.wire.useAddresses(new Map([[77n, silent.uri]]));
    await assert.rejects(
      node.wire.call({ peerId: 77n }, { kind: 'health' }, 20_000),
      /is lost: no sign of life for \d+ ms/,
    );
    assert.ok(silent.countOf('ping') > 0);
    using raw = await RawPeer.welcomed(node.port, { instanceId: 'caller' });
    await raw.closes();
    assert.ok(raw.hasFrame('ping'));
  });

  test('one that is idle lives on, also under a request that takes long', async () => {
    await using nodes = new TestNodes();
    const servedCountMax = { control: 1, bulk: 1, data: 8 };
    const one = await nodes.start({ peerId: 1n, limits });
    const two = await nodes.start({ peerId: 2n, limits: { ...limits, servedCountMax } });
    one.knows(two);
    const held = new HeldAnswers();
    two.endpoint.answer = () => held.hold();
    const call = one.wire.call({ peerId: 2n }, { kind: 'health' }, 20_000);
    await until(() => held.busyCount === 1, 'the request');
    const before = one.wire.metrics().bytesReceived;
    // Twenty pings take longer than the patience of both sides.
    await until(() => one.wire.metrics().bytesReceived > before + 400, 'twenty pings');
    held.letOneGo();
    assert.deepEqual(await call, done);
    assert.equal(one.wire.metrics().connectionsLost, 0);
  });

  test('a connection that nobody uses is closed, and opened again when wanted', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n, limits: { pingIdleMs: 20, unusedMs: 30 } });
    const two = await nodes.start({ peerId: 2n });
    one.knows(two);
    await one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000);
    await until(() => one.wire.metrics().outgoingConnections === 0, 'the end');
    await until(() => two.wire.metrics().incomingConnections === 0, 'the end there');
    assert.deepEqual(await one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000), done);
    assert.deepEqual(one.endpoint.unreachablePeers, []);
    assert.deepEqual(one.log.lines, []);
  });
});

describe('coming and going', () => {
  test('a peer that calls is called back at once, however long the rest', async () => {
    await using nodes = new TestNodes();
    const limits = { backoffMinMs: 100_000, backoffMaxMs: 200_000 };
    const one = await nodes.start({ peerId: 1n, limits });
    const gone = await nodes.start({ peerId: 2n });
    await gone.wire.close();
    one.knows(gone);
    await assert.rejects(one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000));
    const waiting = one.wire.call({ peerId: 2n }, { kind: 'health' }, 20_000);
    const back = await nodes.start({ peerId: 2n, port: gone.port });
    back.knows(one);
    back.wire.send(1n, heartbeat(2n, 1n, 1));
    assert.deepEqual(await waiting, done);
  });

  test('who leaves the address book is hung up on, once nobody waits', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 2n });
    one.knows(two);
    const held = new HeldAnswers();
    two.endpoint.answer = () => held.hold();
    const call = one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000);
    await until(() => held.busyCount === 1, 'the request');
    one.wire.useAddresses(new Map());
    one.wire.send(2n, heartbeat(1n, 2n, 1));
    held.letOneGo();
    assert.deepEqual(await call, done);
    await until(() => two.wire.metrics().incomingConnections === 0, 'the end');
    assert.equal(two.endpoint.received.length, 0);
    await until(() => one.endpoint.unreachablePeers.includes(2n), 'one is told');
  });

  test('calls that wait when the node stops are told', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 2n });
    one.knows(two);
    two.endpoint.answer = () => new Promise(() => {});
    const call = one.wire.call({ peerId: 2n }, { kind: 'health' }, 20_000);
    const told = assert.rejects(call, /this node stops/);
    await until(() => two.endpoint.served.length === 1, 'the request');
    await one.wire.close();
    await told;
    await assert.rejects(
      one.wire.call({ peerId: 2n }, { kind: 'health' }, 20_000),
      /this node stops/,
    );
  });
});

describe('control beside bulk', () => {
  test('256 MiB go by, and short calls and heartbeats are not delayed', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 2n });
    one.knows(two);
    const data = new Uint8Array(256 * MiB);
    for (let at = 0; at < data.length; at += 4_099) data[at] = at & 0xff;
    two.endpoint.answer = (request) =>
      request.kind === 'fetch_state' ? { kind: 'state', index: 9, data } : done;
    // Both connections exist before the clock of this test starts to run.
    await one.wire.call(
      { peerId: 2n },
      { kind: 'telemetry', detailsLevel: 0, timeoutMs: 1 },
      5_000,
    );
    let isArrived = false;
    const state = one.wire.call({ peerId: 2n }, { kind: 'fetch_state' }, 60_000).then((answer) => {
      isArrived = true;
      return answer;
    });
    let callsCount = 0;
    while (!isArrived) {
      await one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000);
      one.wire.send(2n, heartbeat(1n, 2n, callsCount));
      callsCount += 1;
    }
    const answer = await state;
    assert.ok(answer.kind === 'state');
    assert.equal(Buffer.compare(answer.data, data), 0);
    // A call that waited for the bulk would make this 1 or 2.
    assert.ok(callsCount >= 30, `${callsCount} calls while 256 MiB went by`);
    await until(() => two.endpoint.received.length === callsCount, 'all heartbeats');
  });

  test('a raft message that is large goes by bulk and arrives', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 77n });
    one.knows(two);
    const message = append(3 * MiB);
    one.wire.send(77n, message);
    await until(() => two.endpoint.received.length === 1, 'the message');
    assert.deepEqual(two.endpoint.received[0]?.message, message);
    assert.equal(two.wire.metrics().incomingConnections, 1);
    one.wire.send(77n, append(3));
    await until(() => two.wire.metrics().incomingConnections === 2, 'the control connection');
  });
});
