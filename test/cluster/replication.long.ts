// A peer that stops in the middle of everything and comes back, under load: reads go on without a
// failure, writes wait until the others know it is gone, and nothing acknowledged is missing
// anywhere, also not through the peer that came back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pauseMs } from 'node:timers/promises';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';

const path = '/collections/points/points';

class Load {
  readonly acknowledged: number[] = [];
  readonly failures: string[] = [];
  #slowestReadMs = 0;
  #slowestWriteMs = 0;
  #isOver = false;
  readonly #running: Promise<void>[] = [];

  begin(peer: Peer, firstId: number): void {
    this.#running.push(this.#write(peer, firstId), this.#read(peer));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  /** Of reads and of writes, since the last call. */
  slowestMs(): readonly [number, number] {
    const slowest = [this.#slowestReadMs, this.#slowestWriteMs] as const;
    this.#slowestReadMs = 0;
    this.#slowestWriteMs = 0;
    return slowest;
  }

  async #write(peer: Peer, firstId: number): Promise<void> {
    for (let id = firstId; !this.#isOver; id += 1) {
      const points = [{ id, vector: [id % 7, 1] }];
      const startedMs = performance.now();
      const { status, text } = await peer.call('PUT', `${path}?wait=true`, { points });
      this.#slowestWriteMs = Math.max(this.#slowestWriteMs, performance.now() - startedMs);
      if (status === 200) this.acknowledged.push(id);
      else this.failures.push(`write: ${text}`);
    }
  }

  async #read(peer: Peer): Promise<void> {
    while (!this.#isOver) {
      const startedMs = performance.now();
      const body = { vector: [1, 1], limit: 3 };
      const { status, text } = await peer.call('POST', `${path}/search`, body);
      this.#slowestReadMs = Math.max(this.#slowestReadMs, performance.now() - startedMs);
      if (status !== 200) this.failures.push(`read: ${text}`);
    }
  }
}

test('a peer that is stopped for a while', async () => {
  const cluster = await OctantCluster.start(3);
  const load = new Load();
  try {
    const vectors = { size: 2, distance: 'Dot' };
    const config = { vectors, shard_number: 3, replication_factor: 2 };
    await cluster.peer(0).result('PUT', '/collections/points', config);
    const victim = cluster.peer(2);
    for (const [index, peer] of cluster.peers.slice(0, 2).entries()) {
      load.begin(peer, 1_000_000 * (index + 1));
    }
    await until(() => Promise.resolve(load.acknowledged.length > 100 ? null : 'few writes'));
    load.slowestMs();
    process.kill(victim.process.pid, 'SIGSTOP');
    const before = load.acknowledged.length;
    await until(() =>
      Promise.resolve(load.acknowledged.length > before + 200 ? null : 'no writes'),
    );
    const [readMs, writeMs] = load.slowestMs();
    assert.ok(readMs < 2_000, `a read took ${readMs} ms`);
    assert.ok(writeMs < 8_000, `a write took ${writeMs} ms`);
    process.kill(victim.process.pid, 'SIGCONT');
    await pauseMs(2_000);
    await load.end();
    assert.deepEqual(load.failures, []);
    for (const peer of cluster.peers) await holdsAll(peer, load.acknowledged);
  } finally {
    await load.end();
    await cluster.dispose();
  }
});

async function holdsAll(peer: Peer, ids: readonly number[]): Promise<void> {
  const found = await peer.result<readonly { readonly id: number }[]>('POST', path, { ids });
  const known = new Set(found.map(({ id }) => id));
  assert.deepEqual(
    ids.filter((id) => !known.has(id)),
    [],
  );
}
