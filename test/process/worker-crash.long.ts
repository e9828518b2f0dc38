// Threads that end without being told to, with the real control and the real entries of the
// threads: a worker comes back with its shards and loses nothing, a builder fails its job and the
// next one starts another.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { NativeDisk } from '../../src/io/native/native-disk.ts';
import { CatalogStore } from '../../src/server/catalog-store.ts';
import { defaultSettings, type Settings } from '../../src/server/config/settings.ts';
import { StandaloneChanges } from '../../src/server/standalone-changes.ts';
import { BuilderPool } from '../../src/server/threads/builder-pool.ts';
import { Control } from '../../src/server/threads/control.ts';
import type { WorkerStart } from '../../src/server/threads/messages.ts';
import { ThreadHost } from '../../src/server/threads/thread-host.ts';
import { createKnown, expectKnown } from './known-collection.ts';
import { freePort } from './octant-process.ts';
import { RestClient } from './rest.ts';

const workerCount = 2;
const builderCount = 1;
const bin = new URL('../../src/bin/', import.meta.url);

class Node {
  readonly port: number;
  readonly workers: Worker[] = [];
  readonly builders: Worker[] = [];
  readonly fatal: string[] = [];
  readonly log: string[] = [];
  readonly control: Control;
  readonly #directory = mkdtempSync(join(tmpdir(), 'octant-threads-'));

  private constructor(port: number) {
    this.port = port;
    const settings = this.#settings();
    const note = (message: string, fields?: object): void => {
      this.log.push(`${message} ${JSON.stringify(fields ?? {})}`);
    };
    const logger = { debug: note, info: note, warn: note, error: note };
    const slotCount = workerCount + builderCount;
    const builders = new BuilderPool(
      {
        builderCount,
        spawnBuilder: (index) => {
          const workerData = { slot: workerCount + index };
          const thread = new Worker(new URL('builder.ts', bin), { workerData });
          this.builders.push(thread);
          return thread;
        },
      },
      logger,
    );
    const store = new CatalogStore(
      { storagePath: settings.storage.storage_path, ownPeerId: 1n },
      { disk: new NativeDisk(), log: logger },
    );
    const host = new ThreadHost(
      {
        workerCount,
        spawnWorker: (workerIndex) => {
          const workerData: WorkerStart = {
            workerIndex,
            ownPeerId: 1n,
            instanceId: 'one',
            slotCount,
            cpuCount: 2,
            settings,
          };
          const thread = new Worker(new URL('worker.ts', bin), { workerData });
          this.workers[workerIndex] = thread;
          return thread;
        },
        toleratesLoadErrors: false,
        recoveryMode: null,
        optimizerOverwrites: {},
        shardPath: (name, shardId) => store.shardPath(name, shardId),
        onFatal: (error) => void this.fatal.push(error.message),
      },
      { builders, log: logger },
    );
    const changes = new StandaloneChanges(1n, { host, store, log: logger });
    this.control = new Control(host, { kind: 'standalone', changes });
  }

  static async start(): Promise<Node> {
    const node = new Node(await freePort());
    await node.control.start();
    return node;
  }

  async dispose(): Promise<void> {
    await this.control.stop(false);
    rmSync(this.#directory, { recursive: true });
  }

  #settings(): Settings {
    return {
      ...defaultSettings,
      log_level: 'off',
      storage: {
        ...defaultSettings.storage,
        storage_path: join(this.#directory, 'storage'),
        snapshots_path: join(this.#directory, 'snapshots'),
      },
      service: { ...defaultSettings.service, host: '127.0.0.1', http_port: this.port },
    };
  }
}

/** Calls until it works, within a bound; connections to a thread that died are refused or reset. */
async function eventually<Result>(action: () => Promise<Result>): Promise<Result> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await action();
    } catch (error) {
      if (tries === 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Through every thread that listens: new connections are spread over them. */
async function expectEverywhere(port: number, count: number): Promise<void> {
  for (let connection = 0; connection < 8; connection += 1) {
    const client = new RestClient(port);
    for (const name of ['one', 'two']) await expectKnown(client, name, count);
    client.close();
  }
}

test('a worker that dies comes back with its shards', async (t) => {
  const node = await Node.start();
  t.after(() => node.dispose());
  const client = new RestClient(node.port);
  // The workers take turns: each owns one of the two.
  await createKnown(client, 'one', 40);
  await createKnown(client, 'two', 40);
  client.close();
  for (const workerIndex of [0, 1]) {
    const dead = node.workers[workerIndex] ?? assert.fail();
    await dead.terminate();
    await eventually(() => {
      assert.notEqual(node.workers[workerIndex], dead);
      return expectEverywhere(node.port, 40);
    });
  }
  const again = new RestClient(node.port);
  await again.result('PUT', '/collections/three', { vectors: { size: 2, distance: 'Dot' } });
  const point = { id: 1, vector: [1, 2] };
  await again.result('PUT', '/collections/three/points?wait=true', { points: [point] });
  await again.result('DELETE', '/collections/three');
  again.close();
  assert.deepEqual(node.fatal, []);
});

test('both workers die at once, and one dies again while it is restored', async (t) => {
  const node = await Node.start();
  t.after(() => node.dispose());
  const client = new RestClient(node.port);
  await createKnown(client, 'one', 40);
  await createKnown(client, 'two', 40);
  client.close();
  const [first, second] = node.workers;
  await Promise.all([first?.terminate(), second?.terminate()]);
  const reborn = await eventually(() => {
    const thread = node.workers[0];
    assert.ok(thread !== undefined);
    assert.notEqual(thread, first);
    return Promise.resolve(thread);
  });
  await reborn.terminate();
  await eventually(() => expectEverywhere(node.port, 40));
  assert.deepEqual(node.fatal, []);
});

test('a builder that dies fails its job, and the optimizer tries again', async (t) => {
  const node = await Node.start();
  t.after(() => node.dispose());
  const client = new RestClient(node.port);
  await client.result('PUT', '/collections/graphs', {
    vectors: { size: 64, distance: 'Dot' },
    optimizers_config: { indexing_threshold: 10 },
  });
  const points = Array.from({ length: 4_000 }, (_, id) => ({
    id,
    vector: Array.from({ length: 64 }, (_unused, index) => Math.sin(id * 64 + index)),
  }));
  await client.result('PUT', '/collections/graphs/points?wait=true', { points });
  const builder = await eventually(() => {
    const thread = node.builders.at(-1);
    assert.ok(thread !== undefined);
    return Promise.resolve(thread);
  });
  await builder.terminate();
  await eventually(async () => {
    const info = await client.result<{ status: string; indexed_vectors_count: number }>(
      'GET',
      '/collections/graphs',
    );
    assert.equal(info.status, 'green');
    assert.equal(info.indexed_vectors_count, 4_000);
  });
  assert.ok(node.builders.length > 1, 'another builder was started');
  assert.ok(node.log.some((line) => line.startsWith('a builder thread stopped')));
  client.close();
  assert.deepEqual(node.fatal, []);
});
