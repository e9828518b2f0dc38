// Requirements on scarce resources and switches of the node: a full volume, no room for an
// optimization, recovery mode, a bound on collections, overwritten and default parameters.
// The volume is a small one in memory, in a mount namespace of the process; without the right to
// make one, those checks are skipped.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { idsOf, RealServer, vectorOf } from './real-server.ts';

const dimension = 256;
const pointOf = (id: number, bytes = 0) => ({
  id,
  vector: vectorOf(id, dimension),
  payload: bytes === 0 ? { n: id } : { n: id, fill: `${id}`.padEnd(bytes, 'x') },
});

const canMount =
  spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt']).status === 0;

/** A server whose storage lies on a volume of this size. */
async function onVolume(
  megabytes: number,
  body: (server: RealServer) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'octant-volume-'));
  const script = `mkdir -p storage && mount -t tmpfs -o size=${megabytes}m none storage && exec "$@"`;
  const server = await RealServer.start({
    directory,
    wrapper: ['unshare', '-m', 'sh', '-c', script, 'sh'],
    environment: { QDRANT__STORAGE__WAL__WAL_CAPACITY_MB: '1' },
  });
  try {
    await body(server);
  } finally {
    await server.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function withServer(
  environment: Readonly<Record<string, string>>,
  body: (server: RealServer) => Promise<void>,
): Promise<void> {
  const server = await RealServer.start({ environment });
  try {
    await body(server);
  } finally {
    await server.dispose();
  }
}

test('R53 a full volume refuses writes and serves reads', { skip: !canMount }, async () => {
  await onVolume(20, async (server) => {
    const path = await server.collection({
      vectors: { size: dimension, distance: 'Dot' },
      optimizers_config: { indexing_threshold: 0, flush_interval_sec: 1 },
    });
    let stored = 0;
    let refusal = '';
    while (refusal === '' && stored < 5000) {
      const points = Array.from({ length: 20 }, (_, index) => pointOf(stored + index, 4000));
      const answer = await server.call('PUT', `${path}/points?wait=true`, { points });
      if (answer.status === 200) stored += 20;
      else refusal = `${answer.status} ${answer.text}`;
    }
    assert.match(refusal, /^500 .*No space left on device/);
    assert.ok(stored > 100, `${stored}`);
    const count = await server.count(path);
    assert.ok(count >= stored && count <= stored + 20, `${count} of ${stored}`);
    assert.equal((await server.query(path, { query: vectorOf(3, dimension) })).length, 10);
    assert.match(server.process.output, /No space left on device/);
    assert.ok(server.process.isRunning);
    assert.equal(await server.ok('DELETE', path), true);
    const again = await server.collection({ vectors: { size: dimension, distance: 'Dot' } });
    await server.upsert(again, [pointOf(1)]);
    assert.equal(await server.count(again), 1);
  });
});

test('R26 no room for an optimization: red, then well again', { skip: !canMount }, async () => {
  await onVolume(24, async (server) => {
    const large = await server.collection({ vectors: { size: 4, distance: 'Dot' } });
    const path = await server.collection({
      vectors: { size: dimension, distance: 'Dot' },
      optimizers_config: { indexing_threshold: 0, flush_interval_sec: 1 },
    });
    for (let first = 0; first < 3000; first += 500) {
      await server.upsert(
        path,
        Array.from({ length: 500 }, (_, index) => pointOf(first + index)),
      );
    }
    // What else lies on the volume leaves less than twice the segment.
    for (let id = 0; id < 10; id += 1) {
      const filler = { id, vector: [1, 1, 1, 1], payload: { fill: 'x'.repeat(1_000_000) } };
      const answer = await server.call('PUT', `${large}/points?wait=true`, { points: [filler] });
      if (answer.status !== 200) break;
    }
    await server.ok('PATCH', path, { optimizers_config: { indexing_threshold: 10 } });
    const seen = await server.until(path, (info) => info.status !== 'yellow');
    const info = await server.info(path);
    if (info.status === 'green') return; // There was room after all: the log had been cut.
    assert.equal(info.status, 'red', [...seen].join(' '));
    assert.match(
      JSON.stringify(info.optimizer_status),
      /Not enough space available for optimization, needed: .*, available: /,
    );
    assert.equal(await server.count(path), 3000);
    await server.ok('DELETE', large);
    await server.until(path, () => true);
    await server.ok('PATCH', path, { optimizers_config: {} });
    await server.untilIndexed(path);
    assert.equal((await server.info(path)).optimizer_status, 'ok');
  });
});

test('max_collections', async () => {
  await withServer({ QDRANT__STORAGE__MAX_COLLECTIONS: '2' }, async (server) => {
    const body = { vectors: { size: 2, distance: 'Dot' } };
    const first = await server.collection(body);
    const second = await server.collection(body);
    assert.match(
      await server.fails('PUT', '/collections/third', body),
      /^400 .*Can't create collection with name third\. Max collections limit reached: 2/,
      'R59',
    );
    await server.upsert(first, [{ id: 1, vector: [1, 2] }]);
    await server.ok('DELETE', second);
    await server.ok('PUT', '/collections/third', body);
  });
});

test('defaults and overwrites of the node', async () => {
  const environment = {
    QDRANT__STORAGE__OPTIMIZERS__INDEXING_THRESHOLD_KB: '777',
    QDRANT__STORAGE__OPTIMIZERS_OVERWRITE__INDEXING_THRESHOLD_KB: '10',
    QDRANT__STORAGE__OPTIMIZERS__DEFAULT_SEGMENT_NUMBER: '3',
    QDRANT__STORAGE__HNSW_INDEX__M: '8',
    QDRANT__STORAGE__COLLECTION__VECTORS__ON_DISK: 'true',
    QDRANT__STORAGE__ON_DISK_PAYLOAD: 'false',
    QDRANT__STORAGE__WAL__WAL_CAPACITY_MB: '4',
  };
  await withServer(environment, async (server) => {
    const path = await server.collection({ vectors: { size: dimension, distance: 'Dot' } });
    const { config, segments_count } = await server.info(path);
    assert.equal(segments_count, 3);
    assert.equal(config.optimizer_config['indexing_threshold'], 777, 'the stored value');
    assert.equal(config.optimizer_config['default_segment_number'], 3);
    assert.equal(config.hnsw_config['m'], 8);
    assert.equal(config.params['on_disk_payload'], false);
    assert.deepEqual(config.params['vectors'], { size: dimension, distance: 'Dot', on_disk: true });
    await server.upsert(
      path,
      Array.from({ length: 100 }, (_, id) => pointOf(id)),
    );
    // The overwritten threshold acts.
    await server.untilIndexed(path);
  });
});

test('recovery mode', async () => {
  const server = await RealServer.start();
  try {
    const path = await server.collection({ vectors: { size: 4, distance: 'Dot' } });
    await server.upsert(path, [{ id: 1, vector: [1, 2, 3, 4] }]);
    await server.process.kill();
    const recovering = await RealServer.start({
      directory: server.process.directory,
      environment: { QDRANT__STORAGE__RECOVERY_MODE: 'out of luck' },
    });
    try {
      assert.equal((await recovering.call('GET', '/readyz')).status, 200);
      const { collections } = await recovering.ok<{ collections: readonly { name: string }[] }>(
        'GET',
        '/collections',
      );
      assert.equal(collections.length, 1);
      for (const [method, rest, body] of [
        ['GET', '', undefined],
        ['POST', '/points/count', {}],
        ['POST', '/points/scroll', {}],
        ['POST', '/points/search', { vector: [1, 2, 3, 4], limit: 1 }],
        ['PUT', '/points?wait=true', { points: [{ id: 2, vector: [1, 2, 3, 4] }] }],
      ] as const) {
        const text = await recovering.fails(method, `${path}${rest}`, body);
        assert.match(text, /^500 Service internal error: .*out of luck/s, rest);
      }
      await recovering.ok('PATCH', path, { metadata: { a: 1 } });
      for (const rest of ['/telemetry?details_level=5', '/metrics']) {
        assert.equal((await recovering.call('GET', rest)).status, 200, rest);
      }
    } finally {
      await recovering.process.kill();
    }
    await server.process.start();
    assert.deepEqual(idsOf(await server.scrollAll(path)), [1]);
    assert.deepEqual((await server.info(path)).config.metadata, { a: 1 });
  } finally {
    await server.dispose();
  }
});
