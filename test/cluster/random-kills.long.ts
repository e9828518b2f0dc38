// Peers killed at random while collections come and go; at the end all agree. A failure names the
// seed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';

const seed = Number(process.env['OCTANT_SEED'] ?? Date.now() % 1_000_000);
const roundCount = Number(process.env['OCTANT_KILL_ROUNDS'] ?? 100);
const vectors = { size: 2, distance: 'Dot' };

/** Small and good enough for choosing whom to kill. */
function randomNumbers(start: number): (below: number) => number {
  let state = (start >>> 0) + 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test(`after ${roundCount} rounds of kills all peers agree (seed ${seed})`, async () => {
  const random = randomNumbers(seed);
  const cluster = await OctantCluster.start(3);
  /** What must be there, or must not; what was answered with a failure may be either. */
  const known = new Map<string, boolean>();
  const change = async (peer: Peer, name: string, isCreation: boolean): Promise<void> => {
    const method = isCreation ? 'PUT' : 'DELETE';
    const body = isCreation ? { vectors, shard_number: 1 } : undefined;
    const path = `/collections/${name}?timeout=2`;
    const answer = await peer.call(method, path, body).catch(() => null);
    if (answer?.status === 200) known.set(name, isCreation);
    else known.delete(name);
  };
  try {
    for (let round = 0; round < roundCount; round += 1) {
      const victim = cluster.peer(random(3));
      const others = cluster.peers.filter((peer) => peer !== victim);
      const changes = [0, 1, 2].map((at) => {
        const peer = at === 0 ? victim : (others[at - 1] as Peer);
        const name = `c${at}-${random(4)}`;
        return change(peer, name, known.get(name) !== true);
      });
      await victim.process.kill();
      await Promise.all(changes);
      await victim.process.start();
    }
    await cluster.untilFormed();
    await until(async () => {
      const lists = await Promise.all(cluster.peers.map((peer) => peer.collections()));
      const texts = new Set(lists.map((names) => names.join()));
      return texts.size === 1 ? null : [...texts].join(' / ');
    });
    const names = await cluster.peer(0).collections();
    for (const [name, isThere] of known) {
      assert.equal(names.includes(name), isThere, `${name} of ${names.join()}`);
    }
  } finally {
    await cluster.dispose();
  }
});
