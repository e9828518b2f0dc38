// Requirements on waiting: who waits how long behind slow operations, what is told meanwhile, full
// queues, and collections of several shards.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Hit, idsOf, RealServer, vectorOf } from './real-server.ts';

const queueCountMax = 20;
let server: RealServer;
before(async () => {
  server = await RealServer.start({
    environment: { QDRANT__STORAGE__UPDATE_QUEUE_SIZE: String(queueCountMax) },
  });
});
after(() => server.dispose());

interface UpdateResult {
  readonly status: string;
  readonly operation_id: number;
}

const small = (id: number) => ({ id, vector: vectorOf(id, 4), payload: { n: id, g: id % 3 } });

async function filled(body: object, count: number): Promise<string> {
  const path = await server.collection({ vectors: { size: 4, distance: 'Dot' }, ...body });
  for (let first = 1; first <= count; first += 2000) {
    const length = Math.min(2000, count - first + 1);
    await server.upsert(
      path,
      Array.from({ length }, (_, index) => small(first + index)),
    );
  }
  return path;
}

test('R13 R15 callers behind slow operations wait as long as they said', async () => {
  const count = 20_000;
  const path = await filled({ optimizers_config: { indexing_threshold: 0 } }, count);
  const slow = (round: number) =>
    server.ok<UpdateResult>('POST', `${path}/points/payload`, {
      payload: { round },
      filter: { must: [{ key: 'n', range: { gte: 0 } }] },
    });
  const startedAt = performance.now();
  await server.ok('POST', `${path}/points/payload?wait=true`, {
    payload: { round: -1 },
    filter: { must: [{ key: 'n', range: { gte: 0 } }] },
  });
  const oneMs = performance.now() - startedAt;
  // About four seconds of work, never more operations than the queue takes.
  const rounds = Math.min(queueCountMax - 3, Math.ceil(4000 / oneMs));
  const acknowledged = await Promise.all(Array.from({ length: rounds }, (_, round) => slow(round)));
  assert.ok(acknowledged.every((result) => result.status === 'acknowledged'));
  const waiting = async (id: number, timeout: number) => {
    const since = performance.now();
    const result = await server.ok<UpdateResult>(
      'PUT',
      `${path}/points?wait=true&timeout=${timeout}`,
      { points: [small(id)] },
    );
    return { status: result.status, tookMs: performance.now() - since };
  };
  const both = Promise.all([waiting(count + 1, 1), waiting(count + 2, 40)]);
  const patchedAt = performance.now();
  await server.ok('PATCH', path, { optimizers_config: { deleted_threshold: 0.3 } });
  const patchMs = performance.now() - patchedAt;
  const { update_queue } = await server.info(path);
  const [short, long] = await both;
  if (oneMs * rounds > 2500) {
    assert.equal(short.status, 'wait_timeout', `${rounds} × ${oneMs} ms, ${short.tookMs} ms`);
    assert.ok(short.tookMs < 2500, `${short.tookMs} ms`);
    assert.ok(update_queue.length > 0);
  }
  assert.ok(patchMs < 3000, `PATCH took ${patchMs} ms`);
  assert.equal(long.status, 'completed');
  assert.equal(await server.count(path), count + 2, 'the point of the impatient is there');
  assert.equal((await server.info(path)).update_queue.length, 0);
});

test('R16 a full queue delays and refuses nothing', async () => {
  const path = await filled({}, 5000);
  const callers = 60;
  const results = await Promise.all(
    Array.from({ length: callers }, (_, caller) =>
      server.ok<UpdateResult>('POST', `${path}/points/payload`, {
        payload: { caller },
        filter: { must: [{ key: 'g', match: { value: caller % 3 } }] },
      }),
    ),
  );
  const numbers = results.map((result) => result.operation_id).toSorted((a, b) => a - b);
  const first = numbers[0] ?? 0;
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => first + index),
  );
  await server.ok('POST', `${path}/points/delete?wait=true`, { points: [1] });
  const last = new Map<number, number>();
  for (const [caller, result] of results.entries()) {
    const earlier = last.get(caller % 3);
    if (earlier === undefined || (results[earlier]?.operation_id ?? 0) < result.operation_id) {
      last.set(caller % 3, caller);
    }
  }
  for (const [g, caller] of last) {
    const filter = { must: [{ key: 'g', match: { value: g } }] };
    const hits = await server.scrollAll(path, { filter });
    assert.ok(
      hits.every((hit) => hit.payload?.['caller'] === caller),
      'the last one wins',
    );
  }
});

test('several shards answer as one', async () => {
  const size = 256;
  const point = (id: number) => ({ id, vector: vectorOf(id, size), payload: { n: id, g: id % 3 } });
  const uuid = (id: number) => `f81d4fae-7dec-11d0-a765-${String(id).padStart(12, '0')}`;
  for (const indexing_threshold of [0, 10]) {
    const of = (shard_number: number) =>
      server.collection({
        vectors: { size, distance: 'Cosine' },
        shard_number,
        optimizers_config: { indexing_threshold },
      });
    const [one, many] = [await of(1), await of(3)];
    for (const path of [one, many]) {
      await server.index(path, 'n', 'integer');
      await server.upsert(
        path,
        Array.from({ length: 300 }, (_, id) => point(id)),
      );
      await server.upsert(
        path,
        Array.from({ length: 30 }, (_, id) => ({ ...point(id + 1000), id: uuid(id) })),
      );
      if (indexing_threshold > 0) await server.untilIndexed(path);
      const g1 = { must: [{ key: 'g', match: { value: 1 } }] };
      await server.ok('POST', `${path}/points/payload?wait=true`, {
        payload: { s: 1 },
        filter: g1,
      });
      await server.ok('POST', `${path}/points/delete?wait=true`, {
        filter: { must: [{ key: 'n', range: { lt: 50 } }] },
      });
      await server.ok('POST', `${path}/points/delete?wait=true`, { points: [100, 101, uuid(3)] });
    }
    assert.equal((await server.info(many)).config.params['shard_number'], 3);
    for (const ask of [
      (path: string) => server.scrollAll(path, { limit: 7, with_vector: true }),
      (path: string) => server.count(path),
      (path: string) => server.count(path, { must: [{ key: 's', match: { value: 1 } }] }),
      (path: string) =>
        server.query(path, {
          query: vectorOf(5000, size),
          limit: 40,
          offset: 5,
          params: { exact: true },
          with_payload: true,
        }),
      (path: string) =>
        server.ok('POST', `${path}/points/scroll`, {
          order_by: { key: 'n', direction: 'desc', start_from: 200 },
          limit: 20,
        }),
      (path: string) => server.ok('POST', `${path}/points`, { ids: [299, uuid(1), 5, 60, 61] }),
      (path: string) => server.query(path, { query: 60, params: { exact: true }, limit: 3 }),
    ]) {
      // Versions count operations of a shard, and so differ.
      const shorn = (value: unknown): unknown =>
        JSON.parse(JSON.stringify(value), (key, inner: unknown) =>
          key === 'version' ? undefined : inner,
        );
      assert.deepEqual(shorn(await ask(many)), shorn(await ask(one)), ask.toString());
    }
    const near = await server.query(many, { query: vectorOf(7000, size), limit: 10 });
    assert.equal(new Set(idsOf(near)).size, 10);
    const infos = [await server.info(one), await server.info(many)];
    assert.equal(infos[0]?.points_count, infos[1]?.points_count);
    assert.equal(infos[0]?.payload_schema['n']?.points, infos[1]?.payload_schema['n']?.points);
    const missing = await server.fails('POST', `${many}/points/payload?wait=true`, {
      payload: { q: 1 },
      points: [60, 999_999],
    });
    assert.match(missing, /^404 Not found: No point with id 999999 found$/);
    const equal: readonly Hit[] = await server.query(many, { query: vectorOf(60, size), limit: 1 });
    assert.equal(equal[0]?.id, 60);
  }
});

test('writers to several shards at once lose nothing', async () => {
  const path = await server.collection({
    vectors: { size: 64, distance: 'Dot' },
    shard_number: 4,
    optimizers_config: { indexing_threshold: 20 },
  });
  const writers = 6;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let turn = 0; turn < 40; turn += 1) {
        const ids = Array.from(
          { length: 10 },
          (_point, index) => writer * 1000 + turn * 10 + index,
        );
        await server.upsert(
          path,
          ids.map((id) => ({ id, vector: vectorOf(id, 64), payload: { writer } })),
        );
        const mine = { must: [{ key: 'writer', match: { value: writer } }] };
        assert.equal(await server.count(path, mine), (turn + 1) * 10 - Math.floor(turn / 2));
        if (turn % 2 === 1) {
          await server.ok('POST', `${path}/points/delete?wait=true`, { points: [ids[0]] });
          assert.equal(await server.count(path, mine), (turn + 1) * 10 - (turn + 1) / 2);
        }
      }
    }),
  );
  assert.equal(await server.count(path), writers * 380);
  await server.untilGreen(path);
  assert.equal((await server.scrollAll(path)).length, writers * 380);
});
