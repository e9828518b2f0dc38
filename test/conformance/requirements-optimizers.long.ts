// Requirements on segments and optimizers: when they run, what the colours say meanwhile, and that
// nothing changes for readers and writers while they do.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Hit, type Info, idsOf, RealServer, vectorOf } from './real-server.ts';

let server: RealServer;
before(async () => {
  server = await RealServer.start();
});
after(() => server.dispose());

const dimension = 256;

interface Point {
  readonly id: number;
  readonly vector: readonly number[];
  readonly payload: Readonly<Record<string, unknown>>;
}

function pointOf(id: number): Point {
  return { id, vector: vectorOf(id, dimension), payload: { n: id, g: id % 10 } };
}

const pointsOf = (first: number, count: number): Point[] =>
  Array.from({ length: count }, (_, index) => pointOf(first + index));

/** In batches, so that no request is large. */
async function fill(path: string, first: number, count: number): Promise<void> {
  for (let done = 0; done < count; done += 250) {
    await server.upsert(path, pointsOf(first + done, Math.min(250, count - done)));
  }
}

const created = (optimizers_config: object, more: object = {}) =>
  server.collection({
    vectors: { size: dimension, distance: 'Cosine' },
    optimizers_config,
    ...more,
  });

const patch = (path: string, body: object) => server.ok('PATCH', path, body);

/** The ten nearest by full scan. */
async function exactNearest(path: string, query: readonly number[], filter?: object) {
  return await server.query(path, {
    query,
    params: { exact: true },
    ...(filter === undefined ? {} : { filter }),
  });
}

test('R18 segment counts', async () => {
  const path = await created({
    default_segment_number: 2,
    max_segment_size: 1,
    indexing_threshold: 0,
  });
  assert.equal((await server.info(path)).segments_count, 2);
  await server.index(path, 'n', 'integer');
  for (let id = 1; id <= 20; id += 1) await server.upsert(path, [pointOf(id)]);
  await server.until(path, (info) => info.segments_count > 2);
  await server.until(path, (info) => info.payload_schema['n']?.points === 20);
  assert.equal(await server.count(path), 20);
});

test('R19 R20 a low threshold indexes, with payload indexes of 100 points', async () => {
  const path = await created({ indexing_threshold: 1 });
  await server.index(path, 'u', 'uuid');
  await server.index(path, 'k', 'keyword');
  const points = pointsOf(1, 100).map((point) => ({
    ...point,
    payload: { u: `f81d4fae-7dec-11d0-a765-00a0c91e${String(point.id).padStart(4, '0')}`, k: 'x' },
  }));
  for (const point of points) await server.upsert(path, [point]);
  await server.untilIndexed(path);
  const info = await server.info(path);
  assert.equal(info.points_count, 100);
  assert.equal(info.payload_schema['u']?.points, 100);
  assert.equal(info.payload_schema['k']?.points, 100);
});

test('R19 threshold 0 never indexes; R21 lowering it shows yellow, then green', async () => {
  const path = await created({ indexing_threshold: 0 });
  await fill(path, 1, 3000);
  const unindexed = await server.info(path);
  assert.equal(unindexed.indexed_vectors_count, 0);
  assert.equal(unindexed.status, 'green');
  const wanted = await exactNearest(path, vectorOf(7, dimension));
  await patch(path, { optimizers_config: { indexing_threshold: 100 } });
  const seen = new Set<string>();
  const deadlineMs = Date.now() + 30_000;
  for (;;) {
    const info = await server.info(path);
    seen.add(info.status);
    assert.deepEqual(idsOf(await exactNearest(path, vectorOf(7, dimension))), idsOf(wanted));
    assert.equal(await server.count(path), 3000);
    if (info.status === 'green' && info.indexed_vectors_count > 0) break;
    assert.ok(Date.now() < deadlineMs, JSON.stringify(info));
  }
  assert.ok(seen.has('yellow'), [...seen].join(' '));
});

test('R27 the optimizations endpoint', async () => {
  const path = await created({});
  const ask = (query: string) => server.ok<object>('GET', `${path}/optimizations${query}`);
  const plain = (await ask('')) as Record<string, unknown>;
  assert.deepEqual(plain['running'], []);
  for (const part of ['queued', 'completed', 'idle_segments']) assert.equal(plain[part], undefined);
  const rest = '?with=queued%20,%20completed,%20idle_segments';
  const full = (await ask(rest)) as Record<string, readonly unknown[]>;
  assert.deepEqual(full['queued'], []);
  assert.deepEqual(full['completed'], []);
  assert.ok((full['idle_segments']?.length ?? 0) > 0);
  assert.match(await server.fails('GET', `${path}/optimizations?with=all`), /^400 /);
  await patch(path, { optimizers_config: { indexing_threshold: 10 } });
  await fill(path, 1, 100);
  await server.untilIndexed(path);
  const indexed = (await ask('?with=completed')) as {
    completed: readonly Record<string, unknown>[];
  };
  const [last] = indexed.completed;
  assert.deepEqual(Object.keys(last ?? {}).toSorted(), [
    'optimizer',
    'progress',
    'segments',
    'status',
    'uuid',
  ]);
  assert.equal(last?.['status'], 'done');
  assert.ok(['merge', 'indexing'].includes(String(last?.['optimizer'])), JSON.stringify(last));
});

/** The optimizers that have finished, newest first. */
async function completedRuns(path: string): Promise<readonly string[]> {
  const { completed } = await server.ok<{ completed: readonly { uuid: string }[] }>(
    'GET',
    `${path}/optimizations?with=completed`,
  );
  return completed.map((run) => run.uuid);
}

test('R28 a changed configuration rebuilds, a changed number of threads does not', async () => {
  const path = await created({ indexing_threshold: 10 });
  await server.index(path, 'g', 'integer');
  await fill(path, 1, 500);
  await server.untilIndexed(path);
  const filter = { must: [{ key: 'g', match: { value: 3 } }] };
  const query = vectorOf(9, dimension);
  const open = await exactNearest(path, query);
  const filtered = await exactNearest(path, query, filter);
  const runs = async () => (await completedRuns(path))[0];
  let last = await runs();
  await patch(path, { hnsw_config: { max_indexing_threads: 1 } });
  await server.untilGreen(path);
  assert.equal(await runs(), last, 'max_indexing_threads');
  const rebuilt = async (name: string, body: object) => {
    await patch(path, body);
    const isNew = async () => {
      await server.untilGreen(path);
      return (await runs()) !== last;
    };
    const deadlineMs = Date.now() + 20_000;
    while (!(await isNew())) assert.ok(Date.now() < deadlineMs, `${name} rebuilds nothing`);
    last = await runs();
    const info = await server.info(path);
    assert.equal(info.points_count, 500, name);
    assert.ok(info.indexed_vectors_count >= 490, `${name} ${info.indexed_vectors_count}`);
    assert.equal(info.payload_schema['g']?.points, 500, name);
    assert.deepEqual(await exactNearest(path, query), open, name);
    assert.deepEqual(await exactNearest(path, query, filter), filtered, name);
    const graph = await server.query(path, { query });
    assert.equal(graph.length, 10, name);
    assert.equal(await server.count(path, filter), 50, name);
    const [hit] = await server.scrollAll(path, { filter: { must: [{ has_id: [13] }] } });
    assert.deepEqual(hit?.payload, { n: 13, g: 3 }, name);
  };
  await rebuilt('m', { hnsw_config: { m: 24 } });
  await rebuilt('ef_construct', { hnsw_config: { ef_construct: 50 } });
  await rebuilt('on_disk', { vectors: { '': { on_disk: true } } });
  await rebuilt('on_disk back', { vectors: { '': { on_disk: false } } });
  await rebuilt('vector m', { vectors: { '': { hnsw_config: { m: 8 } } } });
  await rebuilt('on_disk_payload', { params: { on_disk_payload: false } });
  await rebuilt('on_disk_payload back', { params: { on_disk_payload: true } });
  const { config } = await server.info(path);
  assert.equal(config.hnsw_config['m'], 24);
  assert.deepEqual(config.params['vectors'], {
    size: dimension,
    distance: 'Cosine',
    hnsw_config: { m: 8 },
    on_disk: false,
  });
});

test('R29 vacuum', async () => {
  const path = await created({
    indexing_threshold: 10,
    vacuum_min_vector_number: 100,
    default_segment_number: 1,
  });
  await fill(path, 1, 600);
  await server.untilIndexed(path);
  const body = { filter: { must: [{ key: 'n', range: { lte: 300 } }] } };
  await server.ok('POST', `${path}/points/delete?wait=true`, body);
  assert.equal(await server.count(path), 300);
  await server.until(path, (info) => info.status === 'green' && info.indexed_vectors_count === 300);
  const { completed } = await server.ok<{ completed: readonly { optimizer: string }[] }>(
    'GET',
    `${path}/optimizations?with=completed`,
  );
  assert.equal(completed[0]?.optimizer, 'vacuum');
  const hits = await server.query(path, { query: vectorOf(5, dimension), limit: 300 });
  assert.deepEqual(
    idsOf(hits).toSorted((a, b) => Number(a) - Number(b)),
    pointsOf(301, 300).map((point) => point.id),
    'R43',
  );
});

test('R30 max_optimization_threads 0 stops, "auto" starts', async () => {
  const path = await created({ indexing_threshold: 10, max_optimization_threads: 0 });
  await fill(path, 1, 200);
  const pending = await server.info(path);
  assert.equal(pending.indexed_vectors_count, 0);
  assert.equal(pending.status, 'yellow', 'pending work is visible');
  assert.equal(pending.config.optimizer_config['max_optimization_threads'], 0);
  await patch(path, { optimizers_config: { max_optimization_threads: 'auto' } });
  assert.equal((await server.info(path)).config.optimizer_config['max_optimization_threads'], null);
  await server.upsert(path, [pointOf(201)]);
  await server.untilIndexed(path);
  assert.equal(await server.count(path), 201);
});

test('R11 R12 upsert and delete replace the whole point wherever it is', async () => {
  for (const indexing_threshold of [0, 1]) {
    const path = await server.collection({
      vectors: {
        a: { size: dimension, distance: 'Dot' },
        b: { size: 2, distance: 'Dot' },
      },
      optimizers_config: { indexing_threshold },
    });
    const both = (id: number) => ({
      id,
      vector: { a: vectorOf(id, dimension), b: [1, 2] },
      payload: { n: id },
    });
    await server.upsert(path, [1, 2, 3, 4, 5].map(both));
    if (indexing_threshold === 1) await server.untilIndexed(path);
    await server.upsert(path, [{ id: 1, vector: { b: [3, 4] } }]);
    const whole = await server.ok<Hit>('GET', `${path}/points/1`);
    assert.deepEqual(whole.payload, {});
    assert.deepEqual(whole.vector, { b: [3, 4] });
    const vector = { points: [{ id: 2, vector: { b: [7, 7] } }] };
    await server.ok('PUT', `${path}/points/vectors?wait=true`, vector);
    const merged = await server.ok<{ vector: { a: unknown; b: unknown } } & Hit>(
      'GET',
      `${path}/points/2`,
    );
    assert.deepEqual(merged.vector.b, [7, 7]);
    assert.equal((merged.vector.a as number[]).length, dimension);
    assert.deepEqual(merged.payload, { n: 2 });
    await server.ok('POST', `${path}/points/vectors/delete?wait=true`, {
      vector: ['a'],
      points: [3],
    });
    const hits = await server.query(path, { query: vectorOf(3, dimension), using: 'a' });
    assert.deepEqual(
      idsOf(hits).toSorted((x, y) => Number(x) - Number(y)),
      [2, 4, 5],
    );
    assert.equal(await server.count(path, { must: [{ has_vector: 'a' }] }), 3);
    await server.ok('POST', `${path}/points/delete?wait=true`, { points: [1, 2] });
    assert.deepEqual(idsOf(await server.scrollAll(path)), [3, 4, 5]);
  }
});

test('R14 operation numbers', async () => {
  const path = await created({});
  const opNum = async () => {
    const { collections } = await server.ok<{
      collections: {
        collections: readonly {
          id: string;
          shards: readonly { local: { update_queue: { op_num: number; length: number } } }[];
        }[];
      };
    }>('GET', '/telemetry?details_level=4');
    const name = path.slice('/collections/'.length);
    const mine = collections.collections.find((collection) => collection.id === name);
    return mine?.shards[0]?.local.update_queue.op_num;
  };
  assert.equal(await opNum(), 0);
  for (const wanted of [1, 2]) {
    const result = await server.ok<{ operation_id: number; status: string }>(
      'PUT',
      `${path}/points?wait=true`,
      { points: [pointOf(wanted)] },
    );
    assert.deepEqual(result, { operation_id: wanted, status: 'completed' });
    assert.equal(await opNum(), wanted);
    assert.equal((await server.info(path)).update_queue.length, 0);
  }
  const result = await server.ok<{ status: string }>('PUT', `${path}/points`, {
    points: [pointOf(3)],
  });
  assert.equal(result.status, 'acknowledged');
});

/** Reads everything over and over until told to stop; remembers what was wrong. */
class Watcher {
  readonly faults: string[] = [];
  reads = 0;
  readonly statuses = new Set<string>();
  #isStopped = false;
  readonly #running: Promise<void>;
  readonly #path: string;

  /** `stable`: ids that are there all the time. */
  constructor(path: string, stable: readonly number[], query: readonly number[]) {
    this.#path = path;
    this.#running = this.#run(new Set(stable), query);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    assert.deepEqual(this.faults.slice(0, 5), []);
  }

  async #run(stable: ReadonlySet<number>, query: readonly number[]): Promise<void> {
    const limit = 5000;
    while (!this.#isStopped) {
      this.reads += 1;
      const info: Info = await server.info(this.#path);
      this.statuses.add(info.status);
      const exact = await server.query(this.#path, { query, limit, params: { exact: true } });
      const scrolled = await server.ok<{ points: readonly Hit[] }>(
        'POST',
        `${this.#path}/points/scroll`,
        { limit, with_payload: false },
      );
      const near = await server.query(this.#path, { query, limit: 10 });
      for (const [name, hits] of [
        ['exact', exact],
        ['scroll', scrolled.points],
        ['near', near],
      ] as const) {
        const ids = new Set(idsOf(hits));
        if (ids.size !== hits.length) this.faults.push(`${name}: a point twice`);
        if (name === 'near') continue;
        const missing = [...stable].filter((id) => !ids.has(id));
        if (missing.length > 0)
          this.faults.push(`${name}: missing ${missing.slice(0, 5).join(', ')}`);
      }
      for (let index = 1; index < exact.length; index += 1) {
        if ((exact[index]?.score ?? 0) > (exact[index - 1]?.score ?? 0)) {
          this.faults.push('exact: not in order');
        }
      }
    }
  }
}

test('R23 R24 reads are exact and changes hold while segments are built', async () => {
  const path = await created({ indexing_threshold: 100, default_segment_number: 1 });
  await fill(path, 1, 2000);
  const stable = pointsOf(1001, 1000).map((point) => point.id);
  const watcher = new Watcher(path, stable, vectorOf(3, dimension));
  const model = new Map(pointsOf(1, 2000).map((point) => [point.id, point.payload]));
  const rounds = 12;
  for (let round = 0; round < rounds; round += 1) {
    // Each round changes points that lie in the segments that are being built.
    const first = round * 40 + 1;
    await server.ok('POST', `${path}/points/payload?wait=true`, {
      payload: { round },
      points: pointsOf(first, 20).map((point) => point.id),
    });
    for (const { id, payload } of pointsOf(first, 20)) model.set(id, { ...payload, round });
    await server.ok('POST', `${path}/points/delete?wait=true`, {
      points: pointsOf(first + 20, 10).map((point) => point.id),
    });
    for (const { id } of pointsOf(first + 20, 10)) model.delete(id);
    await fill(path, 3000 + round * 50, 50);
    for (const { id, payload } of pointsOf(3000 + round * 50, 50)) model.set(id, payload);
    if (round === 3) await server.index(path, 'g', 'integer');
    if (round === 5) await server.index(path, 'n', 'integer');
    if (round === 8) await server.ok('DELETE', `${path}/index/n?wait=true`);
    if (round % 3 === 1) await patch(path, { hnsw_config: { m: 8 + round } });
    assert.equal(await server.count(path), model.size, `round ${round}`);
    const filter = { must: [{ key: 'round', match: { value: round } }] };
    assert.equal(await server.count(path, filter), 20);
    const tens = [...model.values()].filter((payload) => payload['g'] === 4).length;
    assert.equal(await server.count(path, { must: [{ key: 'g', match: { value: 4 } }] }), tens);
  }
  await server.until(path, (info) => info.status === 'green' && info.indexed_vectors_count > 0);
  await watcher.stop();
  const found = await server.scrollAll(path);
  const wanted = [...model].toSorted(([a], [b]) => a - b);
  assert.deepEqual(
    found.map((hit) => [hit.id, hit.payload]),
    wanted,
  );
  const info = await server.info(path);
  assert.deepEqual(Object.keys(info.payload_schema), ['g']);
  assert.equal(info.payload_schema['g']?.points, model.size);
  assert.equal(info.points_count, model.size);
  assert.ok(watcher.reads > 5);
});

test('R17 counts are exact and waited writes visible at once, on every worker', async () => {
  const path = await created({ indexing_threshold: 50 });
  await server.index(path, 'g', 'integer');
  const writers = 4;
  const perWriter = 150;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let turn = 0; turn < perWriter; turn += 1) {
        const id = writer * 1000 + turn + 1;
        const point = { ...pointOf(id), payload: { writer, g: 1 } };
        await server.upsert(path, [point]);
        const mine = { must: [{ key: 'writer', match: { value: writer } }] };
        // Fresh connections: some of them reach the thread that did not take the write.
        const [count, again, retrieved] = await Promise.all([
          server.count(path, mine),
          server.count(path, mine),
          server.ok<readonly Hit[]>('POST', `${path}/points`, { ids: [id] }),
        ]);
        assert.equal(count, turn + 1);
        assert.equal(again, turn + 1);
        assert.equal(retrieved.length, 1);
        if (turn % 10 !== 9) continue;
        const set = { payload: { g: 2 }, points: [id] };
        await server.ok('POST', `${path}/points/payload?wait=true`, set);
        const twos = { must: [{ key: 'g', match: { value: 2 } }, ...mine.must] };
        assert.equal(await server.count(path, twos), (turn + 1) / 10);
      }
    }),
  );
  assert.equal(await server.count(path), writers * perWriter);
  await server.untilIndexed(path);
  const { payload_schema, points_count } = await server.info(path);
  assert.equal(points_count, writers * perWriter);
  assert.equal(payload_schema['g']?.points, writers * perWriter);
});

test('an update without wait is visible soon, in order', async () => {
  const path = await created({ indexing_threshold: 20 });
  for (let round = 0; round < 30; round += 1) {
    await server.ok('PUT', `${path}/points`, { points: pointsOf(1, 20) });
    await server.ok('POST', `${path}/points/payload`, { payload: { round }, points: [5] });
    await server.ok('PUT', `${path}/index`, { field_name: 'round', field_schema: 'integer' });
    if (round % 2 === 1) await server.ok('DELETE', `${path}/index/round`);
    // A waited operation comes after all earlier ones.
    await server.ok('POST', `${path}/points/delete?wait=true`, { points: [20] });
    const filter = { must: [{ key: 'round', match: { value: round } }] };
    assert.deepEqual(idsOf(await server.scrollAll(path, { filter })), [5], `round ${round}`);
    assert.equal(await server.count(path), 19);
  }
});

test('R89 information is fast while a graph is built', async () => {
  const path = await created({ indexing_threshold: 0 });
  await fill(path, 1, 3000);
  await patch(path, { optimizers_config: { indexing_threshold: 10 }, hnsw_config: { m: 32 } });
  let slowestMs = 0;
  let isDone = false;
  while (!isDone) {
    for (const rest of [path, '/telemetry?details_level=10', '/metrics', `${path}/optimizations`]) {
      const startedAt = performance.now();
      const answer = await server.call('GET', rest);
      assert.equal(answer.status, 200, rest);
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    }
    const info = await server.info(path);
    isDone = info.status === 'green' && info.indexed_vectors_count > 0;
  }
  assert.ok(slowestMs < 1500, `${slowestMs} ms`);
});
