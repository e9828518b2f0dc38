// Calls of shards between peers: on a lane of their own, many at once, and without waiting for a
// peer that was just found gone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PeerRequest, PeerUnreachable } from '../../src/cluster/peer-network.ts';
import { TestNodes } from './wire-harness.ts';

function callOf(text: string): PeerRequest {
  const data = new TextEncoder().encode(text);
  return { kind: 'shard_call', collection: 'c', shardId: 3, effect: 'read', data };
}

test('many calls at once, each with its answer, beside control', async () => {
  await using nodes = new TestNodes();
  const one = await nodes.start({ peerId: 1n });
  const two = await nodes.start({ peerId: 2n });
  one.knows(two);
  two.endpoint.answer = (request) =>
    request.kind === 'shard_call'
      ? { kind: 'shard_answer', data: request.data }
      : { kind: 'done', ok: true };
  const texts = Array.from({ length: 500 }, (_, index) => `${index}`.repeat(index));
  const answers = await Promise.all(
    texts.map((text) => one.wire.call({ peerId: 2n }, callOf(text), 5_000)),
  );
  const said = answers.map((answer) =>
    answer.kind === 'shard_answer' ? new TextDecoder().decode(answer.data) : answer.kind,
  );
  assert.deepEqual(said, texts);
  assert.equal(one.wire.metrics().outgoingConnections, 1);
  await one.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000);
  assert.equal(one.wire.metrics().outgoingConnections, 2);
});

test('who is gone is not waited for', async () => {
  await using nodes = new TestNodes();
  const limits = { backoffMinMs: 60_000, backoffMaxMs: 60_000 };
  const one = await nodes.start({ peerId: 1n, limits });
  const two = await nodes.start({ peerId: 2n });
  one.knows(two);
  await two.wire.close();
  const gone = (error: unknown): boolean => error instanceof PeerUnreachable;
  await assert.rejects(one.wire.call({ peerId: 2n }, callOf('first'), 30_000), gone);
  // The lane rests for half a minute at least; a call that waited would outlive this test.
  await assert.rejects(one.wire.call({ peerId: 2n }, callOf('second'), 30_000), gone);
  assert.equal(one.wire.metrics().callsFailed, 2);
});
