// Requirements on what outlives a process: kills, stops, damaged and left-over files, colours after
// a restart, and the bounds of what is kept on disk.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { idsOf, RealServer, vectorOf } from './real-server.ts';

let server: RealServer;
before(async () => {
  server = await RealServer.start();
});
after(() => server.dispose());

const dimension = 256;
const pointOf = (id: number) => ({
  id,
  vector: vectorOf(id, dimension),
  payload: { n: id, t: `text ${id}` },
});
const pointsOf = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => pointOf(first + index));
const idsFrom = (first: number, count: number) => pointsOf(first, count).map((point) => point.id);
const created = (optimizers_config: object, more: object = {}) =>
  server.collection({ vectors: { size: dimension, distance: 'Dot' }, optimizers_config, ...more });

async function restart(how: 'kill' | 'stop' | 'interrupt', whileDown?: () => void) {
  const code = await server.process[how]();
  if (how !== 'kill') assert.equal(code, 0, server.process.output);
  whileDown?.();
  await server.process.start();
}

/** The directory of the collection's only shard. */
function shardDirectory(path: string): string {
  const name = path.slice('/collections/'.length);
  return join(server.process.directory, 'storage', 'collections', name, '0');
}

test('R1 R10 acknowledged writes outlive a kill and a stop', async () => {
  const path = await created({ indexing_threshold: 20 });
  await server.index(path, 'n', 'integer');
  let expected = 0;
  for (const how of ['kill', 'stop', 'interrupt', 'kill'] as const) {
    for (let batch = 0; batch < 10; batch += 1) {
      const result = await server.ok<{ status: string }>('PUT', `${path}/points`, {
        points: pointsOf(expected + 1, 20),
      });
      assert.equal(result.status, 'acknowledged');
      expected += 20;
    }
    await restart(how);
    await server.until(path, (info) => info.update_queue.length === 0);
    assert.equal(await server.count(path), expected, how);
    const { payload_schema, points_count } = await server.info(path);
    assert.equal(points_count, expected);
    assert.equal(payload_schema['n']?.points, expected, 'R5 index counts');
    const filter = { must: [{ key: 'n', range: { gt: expected - 20 } }] };
    assert.deepEqual(idsOf(await server.scrollAll(path, { filter })), idsFrom(expected - 19, 20));
  }
});

test('R3 operations that failed at first are replayed without harm', async () => {
  const path = await created({});
  await server.upsert(path, pointsOf(1, 3));
  const vectors = { points: [{ id: 99, vector: vectorOf(1, dimension) }] };
  await server.ok('PUT', `${path}/points/vectors`, vectors);
  assert.match(await server.fails('PUT', `${path}/points/vectors?wait=true`, vectors), /^404 /);
  await server.call('POST', `${path}/points/payload`, { payload: { a: 1 }, points: [98] });
  await server.call('POST', `${path}/points/vectors/delete`, { vector: ['zz'], points: [1] });
  await server.call('PUT', `${path}/points`, { points: [{ id: 5, vector: { zz: [1, 2] } }] });
  await server.upsert(path, pointsOf(4, 1));
  await restart('kill');
  assert.deepEqual(idsOf(await server.scrollAll(path)), [1, 2, 3, 4]);
  assert.equal((await server.info(path)).status, 'green');
});

test('R4 a torn end of the log is cut', async () => {
  const path = await created({ flush_interval_sec: 3600 });
  await server.upsert(path, pointsOf(1, 5));
  const wal = join(shardDirectory(path), 'wal');
  await restart('kill', () => {
    const files = readdirSync(wal).toSorted();
    const last = files.filter((file) => statSync(join(wal, file)).isFile()).at(-1);
    assert.ok(last !== undefined, `no file in ${wal}`);
    appendFileSync(join(wal, last), Buffer.from('torn record'));
  });
  assert.deepEqual(idsOf(await server.scrollAll(path)), [1, 2, 3, 4, 5]);
  await server.upsert(path, pointsOf(6, 1));
  await restart('kill');
  assert.deepEqual(idsOf(await server.scrollAll(path)), [1, 2, 3, 4, 5, 6]);
});

test('R6 a second process on the same directories does not start', async () => {
  const path = await created({});
  await server.upsert(path, pointsOf(1, 3));
  const launcher = new URL('../../octant', import.meta.url).pathname;
  const second = spawn(launcher, [], {
    cwd: server.process.directory,
    env: {
      ...process.env,
      QDRANT__SERVICE__HTTP_PORT: '0',
      QDRANT__SERVICE__HOST: '127.0.0.1',
    },
    stdio: 'ignore',
  });
  const timer = setTimeout(() => second.kill('SIGKILL'), 20_000);
  const code = await new Promise((resolve) => second.once('exit', resolve));
  clearTimeout(timer);
  assert.ok(typeof code === 'number' && code !== 0, `ended with ${String(code)}`);
  assert.equal(await server.count(path), 3);
});

test('R7 leftovers of an earlier life do no harm and go away', async () => {
  const path = await created({ indexing_threshold: 20 });
  await server.upsert(path, pointsOf(1, 100));
  await server.untilIndexed(path);
  const segments = join(shardDirectory(path), 'segments');
  const leftovers = [
    join(segments, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'),
    join(server.process.directory, 'storage', 'tmp', 'x'),
    join(server.process.directory, 'snapshots', 'tmp', 'x'),
    join(server.process.directory, 'storage', '.deleted', 'old'),
  ];
  await restart('kill', () => {
    for (const directory of leftovers) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'part'), 'half');
    }
    mkdirSync(segments, { recursive: true });
    writeFileSync(join(segments, '.hidden'), 'x');
    writeFileSync(join(segments, 'stray'), 'x');
    // A directory without a configuration is passed over.
    mkdirSync(join(server.process.directory, 'storage', 'collections', 'nothing'));
  });
  assert.equal(await server.count(path), 100);
  assert.ok((await server.info(path)).indexed_vectors_count > 0);
  const { collections } = await server.ok<{ collections: readonly { name: string }[] }>(
    'GET',
    '/collections',
  );
  assert.ok(!collections.some(({ name }) => name === 'nothing'));
  assert.deepEqual(
    leftovers.filter((directory) => existsSync(directory)),
    [],
  );
});

test('R22 pending work waits grey after a restart until something happens', async () => {
  for (const trigger of ['update', 'patch'] as const) {
    const path = await created({ indexing_threshold: 10, max_optimization_threads: 0 });
    await server.upsert(path, pointsOf(1, 200));
    await server.ok('PATCH', path, { optimizers_config: { indexing_threshold: 0 } });
    await server.ok('PATCH', path, { optimizers_config: { max_optimization_threads: 'auto' } });
    await server.untilGreen(path);
    // The new threshold is stored just before the process dies.
    const build = server.ok('PATCH', path, { optimizers_config: { indexing_threshold: 10 } });
    await build;
    await restart('kill');
    const first = await server.info(path);
    if (first.indexed_vectors_count > 0) continue;
    assert.equal(first.status, 'grey', JSON.stringify(first));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal((await server.info(path)).status, 'grey');
    assert.equal(await server.count(path), 200);
    if (trigger === 'update') await server.upsert(path, pointsOf(201, 1));
    else await server.ok('PATCH', path, { optimizers_config: {} });
    await server.untilIndexed(path);
  }
});

test('R22 threads 0 keeps work pending over a restart: grey until an update', async () => {
  const path = await created({ indexing_threshold: 10, max_optimization_threads: 0 });
  await server.upsert(path, pointsOf(1, 200));
  assert.equal((await server.info(path)).status, 'yellow');
  await restart('stop');
  assert.equal((await server.info(path)).status, 'grey');
  await server.ok('PATCH', path, { optimizers_config: { max_optimization_threads: 'auto' } });
  await server.untilIndexed(path);
});

test('R25 a stop in the middle of a build leaves nothing behind', async () => {
  const path = await created({ indexing_threshold: 0 });
  for (let first = 1; first <= 3000; first += 500) await server.upsert(path, pointsOf(first, 500));
  await server.ok('PATCH', path, {
    optimizers_config: { indexing_threshold: 10 },
    hnsw_config: { m: 48, ef_construct: 300 },
  });
  await server.until(path, (info) => info.status === 'yellow');
  const startedAt = performance.now();
  await restart('stop');
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < 8000, `R10 ${tookMs} ms`);
  const info = await server.info(path);
  assert.notEqual(info.status, 'red');
  assert.equal(await server.count(path), 3000);
  // A collection that is dropped in the middle of a build leaves nothing either.
  await server.ok('PATCH', path, { optimizers_config: {} });
  await server.ok('DELETE', path);
  assert.ok(!existsSync(join(shardDirectory(path), '..')));
  const deleted = join(server.process.directory, 'storage', '.deleted');
  const deadlineMs = Date.now() + 5000;
  while (existsSync(deleted) && readdirSync(deleted).length > 0) {
    assert.ok(Date.now() < deadlineMs, 'the files are not erased');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.match(
    await server.fails('GET', path),
    /^404 Not found: Collection `r\d+` doesn't exist!$/,
  );
});

/** Bytes of all files below. */
function bytesBelow(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => {
      // A file may be removed while this looks.
      const found = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
      return sum + (found?.size ?? 0);
    }, 0);
}

test('R9 the log stays bounded', async () => {
  const path = await created(
    { flush_interval_sec: 1, indexing_threshold: 1000 },
    { wal_config: { wal_capacity_mb: 1 } },
  );
  const wal = join(shardDirectory(path), 'wal');
  // About 16 MB of log, written over the same points; half of the operations match nothing.
  const large = { payload: 'x'.repeat(20_000) };
  for (let round = 0; round < 40; round += 1) {
    const points = pointsOf(1, 10).map((point) => ({ ...point, payload: large }));
    await server.upsert(path, points);
    await server.ok('POST', `${path}/points/payload?wait=true`, {
      payload: large,
      filter: { must: [{ key: 'nothing', match: { value: round } }] },
    });
  }
  await server.until(path, () => bytesBelow(wal) <= 3 * 1024 * 1024 + 4096);
  assert.equal(await server.count(path), 10);
});

test('R84 everything that was told outlives a restart', async () => {
  const path = await server.collection({
    vectors: {
      a: { size: 4, distance: 'Cosine', on_disk: true, hnsw_config: { m: 4 } },
      b: { size: 2, distance: 'Euclid', datatype: 'float16' },
    },
    metadata: { owner: 'me', list: [1, 2.5] },
    optimizers_config: { indexing_threshold: 123, deleted_threshold: 0.5 },
    hnsw_config: { ef_construct: 77 },
    on_disk_payload: false,
  });
  await server.index(path, 'k', 'keyword');
  await server.index(path, 'i', { type: 'integer', lookup: true, range: false });
  await server.upsert(path, [
    { id: 1, vector: { a: [1, 0, 0, 0], b: [1, 2] }, payload: { k: 'x' } },
  ]);
  await server.ok('POST', '/collections/aliases', {
    actions: [{ create_alias: { collection_name: path.slice(13), alias_name: 'nick' } }],
  });
  await server.ok('PATCH', path, { metadata: { owner: null, more: { x: 1 } } });
  const infoBefore = await server.info(path);
  const points = await server.scrollAll(path, { with_vector: true });
  const operation = async () =>
    (
      await server.ok<{ operation_id: number }>('POST', `${path}/points/delete?wait=true`, {
        points: [77],
      })
    ).operation_id;
  const last = await operation();
  for (const how of ['kill', 'stop'] as const) {
    await restart(how);
    assert.deepEqual(await server.info(path), infoBefore, how);
    assert.deepEqual(await server.scrollAll(path, { with_vector: true }), points);
    assert.equal((await server.info('/collections/nick')).points_count, 1);
  }
  assert.equal(await operation(), last + 1, 'operation numbers go on');
});

test('R54 a damaged segment stops the start, or only its collection', async () => {
  const path = await created({ indexing_threshold: 20, flush_interval_sec: 1 });
  await server.upsert(path, pointsOf(1, 100));
  await server.untilIndexed(path);
  const healthy = await created({});
  await server.upsert(healthy, pointsOf(1, 5));
  await server.process.kill();
  const segments = join(shardDirectory(path), 'segments');
  const [file] = readdirSync(segments, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'segment.json')
    .map((entry) => join(entry.parentPath, entry.name));
  assert.ok(file !== undefined, 'a published segment has a segment.json');
  appendFileSync(file, 'garbage');
  const ended = await server.process.runToEnd();
  assert.notEqual(ended.code, 0, ended.output);
  const directory = server.process.directory;
  const tolerant = await RealServer.start({
    directory,
    environment: { QDRANT__STORAGE__HANDLE_COLLECTION_LOAD_ERRORS: 'true' },
  });
  try {
    assert.equal(await tolerant.count(healthy), 5);
    for (const [method, rest, body] of [
      ['GET', '', undefined],
      ['POST', '/points/count', {}],
      ['POST', '/points/scroll', {}],
      ['POST', '/points', { ids: [1] }],
      ['POST', '/points/search', { vector: vectorOf(1, dimension), limit: 1 }],
      ['PUT', '/points?wait=true', { points: pointsOf(1, 1) }],
    ] as const) {
      assert.match(
        await tolerant.fails(method, `${path}${rest}`, body),
        /^500 Service internal error: /,
      );
    }
    for (const rest of ['/telemetry?details_level=10', '/metrics', '/readyz', '/collections']) {
      assert.equal((await tolerant.call('GET', rest)).status, 200, rest);
    }
    assert.equal(await tolerant.ok('PATCH', path, { metadata: { a: 1 } }), true);
    assert.equal(await tolerant.ok('DELETE', path), true);
  } finally {
    await tolerant.process.kill();
  }
  await server.process.start();
  assert.equal(await server.count(healthy), 5);
});
