// Messages and calls between peers that get on with each other, and what happens when one goes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PeerUnreachable } from '../../src/cluster/peer-network.ts';
import { heartbeat, TestNodes, until, vote } from './wire-harness.ts';

describe('messages and calls', () => {
  test('messages arrive in both directions, in order, with their sender', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 2n ** 64n - 1n });
    one.knows(two);
    two.knows(one);
    for (let index = 0; index < 50; index += 1) {
      one.wire.send(two.peerId, vote(one.peerId, two.peerId, index));
      two.wire.send(one.peerId, vote(two.peerId, one.peerId, index));
    }
    await until(() => two.endpoint.received.length === 50, 'messages at two');
    await until(() => one.endpoint.received.length === 50, 'messages at one');
    for (const [index, { from, message }] of two.endpoint.received.entries()) {
      assert.equal(from, one.peerId);
      assert.deepEqual(message, vote(one.peerId, two.peerId, index));
    }
    assert.deepEqual(one.log.lines, []);
    assert.equal(one.wire.failures().size, 0);
  });

  test('a call gets its answer, by peer id and by address', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 2n });
    one.knows(two);
    two.endpoint.answer = (request) =>
      request.kind === 'who_is'
        ? { kind: 'address', uri: `http://peer-${request.peerId}:6335/` }
        : { kind: 'commit', index: 7, term: 3 };
    const byId = await one.wire.call({ peerId: 2n }, { kind: 'consensus_commit' }, 5_000);
    assert.deepEqual(byId, { kind: 'commit', index: 7, term: 3 });
    const byUri = await one.wire.call({ uri: two.uri }, { kind: 'who_is', peerId: 9n }, 5_000);
    assert.deepEqual(byUri, { kind: 'address', uri: 'http://peer-9:6335/' });
    assert.equal(two.endpoint.served[0]?.from, 1n);
    assert.equal(two.endpoint.served[0]?.callerAddress, '127.0.0.1');
  });

  test('a call fails at its deadline, and later ones still work', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 2n });
    one.knows(two);
    const answered: (() => void)[] = [];
    two.endpoint.answer = () =>
      new Promise((resolve) => {
        answered.push(() => resolve({ kind: 'done', ok: false }));
      });
    await assert.rejects(
      one.wire.call({ peerId: 2n }, { kind: 'health' }, 50),
      (error) =>
        error instanceof PeerUnreachable && /no answer from .* within 50 ms/.test(error.message),
    );
    assert.equal(one.wire.failures().get(two.uri)?.count, 1);
    const later = one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000);
    await until(() => answered.length === 2, 'the second request');
    for (const answer of answered) answer();
    assert.deepEqual(await later, { kind: 'done', ok: false });
    assert.equal(one.wire.failures().size, 0);
  });

  test('a call to nobody fails with the reason, and success ends the failures', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    await assert.rejects(
      one.wire.call({ peerId: 2n }, { kind: 'health' }, 1_000),
      /the address of peer 2 is not known/,
    );
    const gone = await nodes.start({ peerId: 2n });
    await gone.wire.close();
    one.knows(gone);
    await assert.rejects(
      one.wire.call({ peerId: 2n }, { kind: 'health' }, 1_000),
      (error) => error instanceof PeerUnreachable && /ECONNREFUSED/.test(error.message),
    );
    const failure = one.wire.failures().get(gone.uri);
    assert.equal(failure?.count, 1);
    assert.match(failure?.latestError ?? '', /cannot be reached/);
    await until(() => one.endpoint.unreachablePeers.includes(2n), 'the endpoint is told');

    const back = await nodes.start({ peerId: 2n, port: gone.port });
    assert.deepEqual(await one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000), {
      kind: 'done',
      ok: true,
    });
    assert.equal(back.endpoint.served.length, 1);
    assert.equal(one.wire.failures().size, 0);
  });

  test('connections come back after the other side restarts', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    const two = await nodes.start({ peerId: 2n });
    one.knows(two);
    one.wire.send(2n, heartbeat(1n, 2n, 1));
    await until(() => two.endpoint.received.length === 1, 'the first message');
    await two.wire.close();
    await until(() => one.endpoint.unreachablePeers.length > 0, 'one is told');
    const again = await nodes.start({ peerId: 2n, port: two.port });
    let commitIndex = 2;
    await until(() => {
      commitIndex += 1;
      one.wire.send(2n, heartbeat(1n, 2n, commitIndex));
      return again.endpoint.received.length > 0;
    }, 'a message after the restart');
    assert.equal(one.wire.failures().size, 0);
  });

  test('the port that is taken is named', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n });
    await assert.rejects(
      nodes.start({ peerId: 2n, port: one.port }),
      /Cannot listen for peers on 127.0.0.1:\d+: another process listens on this port/,
    );
  });
});
