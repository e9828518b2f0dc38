// Random frames that are well-formed outside and nonsense inside, to a node and from one it calls:
// neither ends, and an honest peer is served all the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Prng } from '../../src/base/prng.ts';
import { PeerUnreachable } from '../../src/cluster/peer-network.ts';
import { encodeFrame, frameKinds } from '../../src/rpc/codec/frame.ts';
import { RawListener, RawPeer } from './raw-peer.ts';
import { TestNodes, until } from './wire-harness.ts';

const connectionsCount = 60;

function randomBytes(prng: Prng, countMax: number): Uint8Array {
  return Uint8Array.from({ length: prng.int(countMax + 1) }, () => prng.int(256));
}

/** A kind of a body that exists is met more often than by chance. */
function randomBody(prng: Prng): Uint8Array {
  const body = randomBytes(prng, prng.chance(0.1) ? 6_000 : 60);
  if (body.length > 0) body[0] = prng.int(10);
  if (body.length > 1) body[1] = prng.int(13);
  return body;
}

function randomChunk(prng: Prng): Uint8Array {
  if (prng.chance(0.05)) return randomBytes(prng, 50);
  const bytes = encodeFrame(
    {
      kind: prng.pick(frameKinds.filter((kind) => kind !== 'refusal' || prng.chance(0.1))),
      id: prng.int(4),
      more: prng.chance(0.1),
      abandoned: prng.chance(0.05),
    },
    randomBody(prng),
  );
  if (prng.chance(0.05)) bytes[prng.int(bytes.length)] = prng.int(256);
  return bytes;
}

test('nonsense from those who call, and from those who are called', async () => {
  const [seed] = fc.sample(fc.nat(), 1);
  assert.ok(seed !== undefined);
  const prng = new Prng(seed);
  await using nodes = new TestNodes();
  const node = await nodes.start({ peerId: 1n });
  using mad = await RawListener.listen(77n);
  mad.onFrame = (socket) => {
    for (let count = prng.int(4); count > 0; count -= 1) socket.write(randomChunk(prng));
  };
  node.wire.useAddresses(new Map([[77n, mad.uri]]));
  const story = (async () => {
    for (let round = 0; round < connectionsCount; round += 1) {
      using raw = await RawPeer.connect(node.port, false);
      if (prng.chance(0.8)) raw.sayHello({ instanceId: 'raw', peerId: 78n });
      for (let count = prng.int(30); count > 0 && !raw.isClosed; count -= 1) {
        raw.write(randomChunk(prng));
      }
      const call = node.wire.call({ peerId: 77n }, { kind: 'health' }, 100);
      await call.catch((error: unknown) => assert.ok(error instanceof PeerUnreachable));
      raw.socket.end();
    }
    const honest = await nodes.start({ peerId: 2n });
    honest.knows(node);
    const answer = await honest.wire.call({ peerId: 1n }, { kind: 'health' }, 5_000);
    assert.equal(answer.kind, 'done');
    await until(() => node.wire.metrics().incomingConnections === 1, 'all others to be gone');
  })();
  await story.catch((error: unknown) => {
    throw new Error(`seed ${seed}`, { cause: error });
  });
});
