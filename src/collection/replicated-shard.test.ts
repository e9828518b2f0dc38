import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeReplicas } from '../../test/fakes/replicas.ts';
import { filterArbitrary } from '../../test/filters/arbitraries.ts';
import type { PointId } from '../model/point-id.ts';
import type { ShardReadRequest } from '../model/read.ts';
import { RequestError } from '../model/request-error.ts';
import type { UpdateOperation } from '../model/update.ts';
import { encodeUpdate } from '../model/update-codec.ts';
import type { ShardAccess } from './shard-access.ts';

const all = { payload: true, vectors: true } as const;
const wait = { wait: true, timeoutMs: 1_000 } as const;

function upsert(ids: readonly PointId[], value: number): UpdateOperation {
  const texts = ids.map((id) => JSON.stringify({ a: value, b: String(id) }));
  const offsets = [0];
  for (const text of texts) offsets.push((offsets.at(-1) ?? 0) + text.length);
  return {
    kind: 'upsert',
    mode: 'upsert',
    filter: null,
    points: {
      ids,
      vectors: [
        {
          name: '',
          dimension: 2,
          rows: Int32Array.from(ids, (_, index) => index),
          data: Float32Array.from(ids.flatMap((_, index) => [value, index])),
        },
      ],
      payloadOffsets: Uint32Array.from(offsets),
      payloadBytes: new TextEncoder().encode(texts.join('')),
    },
  };
}

const params = { hnswEf: null, exact: true, indexedOnly: false };
const filter = fc.option(filterArbitrary.map((one) => structuredClone(one)));
const limit = fc.integer({ min: 1, max: 12 });
const request: fc.Arbitrary<ShardReadRequest> = fc.oneof(
  fc.tuple(filter, limit).map(([given, count]): ShardReadRequest => {
    const vector = Float32Array.of(1, -1);
    const task = { vectorName: '', vector, limit: count, filter: given, params, parts: all };
    return { kind: 'search', tasks: [task] };
  }),
  fc.tuple(filter, limit, fc.option(fc.nat(20))).map(([given, count, from]): ShardReadRequest => {
    return { kind: 'scroll', filter: given, from, limit: count, parts: all };
  }),
  fc.array(fc.nat(20)).map((ids): ShardReadRequest => ({ kind: 'retrieve', ids, parts: all })),
  filter.map((given): ShardReadRequest => ({ kind: 'count', filter: given, exact: true })),
);

test('a replica on another peer answers as it would here', async () => {
  const replicas = new FakeReplicas(['Active', 'Active']);
  const here = replicas.local(1n);
  const there = replicas.remote(1n, 2n);
  for (const value of [1, 2, 3]) {
    const record = () => encodeUpdate(upsert([value, value + 1, value * 5], value));
    const expected = await here.update(record(), wait);
    assert.deepEqual(await there.update(record(), wait), expected);
  }
  const wrong: UpdateOperation = {
    kind: 'delete_vectors',
    names: [''],
    selector: { ids: [999], filter: null },
  };
  const refusal = await here.update(encodeUpdate(wrong), wait);
  assert.equal(refusal.status, 'failed');
  assert.deepEqual(await there.update(encodeUpdate(wrong), wait), refusal);
  assert.deepEqual(await there.info(), await here.info());
  await fc.assert(
    fc.asyncProperty(request, async (read) => {
      assert.deepEqual(await there.read(read, 1_000), await here.read(read, 1_000));
    }),
  );
});

test('a write goes to all replicas, byte by byte the same', async () => {
  const replicas = new FakeReplicas(['Active', 'Active', 'Active']);
  const outcome = await replicas.shard(2n).update(encodeUpdate(upsert([1, 2], 5)), wait);
  assert.deepEqual(outcome, { status: 'completed', operationId: 1 });
  const answers = await Promise.all([1n, 2n, 3n].map((peerId) => points(replicas.local(peerId))));
  assert.equal(answers[0]?.length, 2);
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], answers[0]);
});

test('reads take the own replica first, and another one when it fails', async () => {
  const replicas = new FakeReplicas(['Active', 'Active', 'Active']);
  await replicas.shard(1n).update(encodeUpdate(upsert([1], 5)), wait);
  replicas.calls.length = 0;
  const count: ShardReadRequest = { kind: 'count', filter: null, exact: true };
  assert.deepEqual(await replicas.shard(1n).read(count, 1_000), { kind: 'count', count: 1 });
  assert.deepEqual(replicas.calls, []);
  replicas.closed.add(1n);
  assert.deepEqual(await replicas.shard(1n).read(count, 1_000), { kind: 'count', count: 1 });
  assert.equal(replicas.calls.length, 1);
  for (const peerId of [2n, 3n]) replicas.down.add(peerId);
  await assert.rejects(replicas.shard(1n).read(count, 1_000), (error: unknown) => {
    assert.ok(error instanceof RequestError);
    assert.equal(error.code, 'internal');
    const lines = error.message.split('\n  ');
    assert.equal(lines[0], '3 of 3 read operations failed:');
    assert.equal(lines.length, 4);
    return true;
  });
});

test('what only some replicas say is left out as the consistency asks', async () => {
  const replicas = new FakeReplicas(['Active', 'Active', 'Active']);
  await replicas.shard(1n).update(encodeUpdate(upsert([1, 2], 5)), wait);
  // Behind the backs of the others.
  await replicas.local(1n).update(encodeUpdate(upsert([3], 6)), wait);
  await replicas.local(1n).update(encodeUpdate(upsert([4], 7)), wait);
  await replicas.local(2n).update(encodeUpdate(upsert([4], 7)), wait);
  const scroll: ShardReadRequest = {
    kind: 'scroll',
    filter: null,
    from: null,
    limit: 10,
    parts: all,
  };
  const ids = async (consistency: number | 'majority' | 'all') => {
    const answer = await replicas.shard(1n).read(scroll, 1_000, consistency);
    assert.ok(answer.kind === 'scroll');
    return answer.records.map(({ id }) => id);
  };
  assert.deepEqual(await ids(1), [1, 2, 3, 4]);
  assert.deepEqual(await ids('majority'), [1, 2, 4]);
  assert.deepEqual(await ids('all'), [1, 2]);
  const count: ShardReadRequest = { kind: 'count', filter: null, exact: true };
  const counted = async (consistency: 'majority' | 'all') => {
    const answer = await replicas.shard(1n).read(count, 1_000, consistency);
    return answer.kind === 'count' ? answer.count : -1;
  };
  assert.equal(await counted('majority'), 3);
  assert.equal(await counted('all'), 2);
});

test('a leader is asked for an ordered write; one that is gone is given up', async () => {
  const replicas = new FakeReplicas(['Active', 'Active', 'Active']);
  for (const ordering of ['medium', 'strong'] as const) {
    const write = replicas.shard(1n).update(encodeUpdate(upsert([1], 1)), { ...wait, ordering });
    assert.equal((await write).status, 'completed');
    assert.equal(replicas.calls[0], '1 -> 3');
    replicas.calls.length = 0;
  }
  replicas.down.add(3n);
  const ordered = { ...wait, ordering: 'medium' } as const;
  const outcome = await replicas.shard(1n).update(encodeUpdate(upsert([1], 2)), ordered);
  assert.ok(outcome.status === 'failed');
  assert.match(outcome.message, /^Failed to apply update with Medium ordering via leader peer 3: /);
  const again = await replicas.shard(1n).update(encodeUpdate(upsert([1], 2)), ordered);
  assert.equal(again.status, 'completed');
});

test('a failed replica that the cluster does not agree on makes no success', async () => {
  const replicas = new FakeReplicas(['Active', 'Active']);
  replicas.down.add(2n);
  replicas.hasLeader = false;
  const write = replicas.shard(1n).update(encodeUpdate(upsert([1], 1)), wait);
  await replicas.passTime(write);
  const outcome = await write;
  assert.ok(outcome.status === 'failed');
  assert.match(outcome.message, /^Some replica of shard 0 failed to apply operation and deactiv/);
  // The next write does without it at once; the proposal is repeated until it succeeds.
  const next = await replicas.shard(1n).update(encodeUpdate(upsert([2], 1)), wait);
  assert.equal(next.status, 'completed');
  replicas.hasLeader = true;
  await replicas.passTime(Promise.resolve());
  assert.equal(replicas.states.get(2n), 'Dead');
});

test('peers fall and come back: what was acknowledged is on every active replica', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ write: fc.nat(9), by: fc.integer({ min: 1, max: 3 }) }) },
    fc.record({ down: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ up: fc.integer({ min: 1, max: 3 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const replicas = new FakeReplicas(['Active', 'Active', 'Active']);
      const acknowledged = new Map<PointId, number>();
      for (const [value, one] of steps.entries()) {
        if ('down' in one && replicas.down.size < 2) replicas.down.add(BigInt(one.down));
        if ('up' in one) replicas.down.delete(BigInt(one.up));
        if (!('write' in one) || replicas.down.has(BigInt(one.by))) continue;
        const shard = replicas.shard(BigInt(one.by));
        const outcome = await shard.update(encodeUpdate(upsert([one.write], value)), wait);
        if (outcome.status === 'completed') acknowledged.set(one.write, value);
        else acknowledged.delete(one.write);
        for (const [peerId, state] of replicas.states) {
          if (state !== 'Active' || replicas.down.has(peerId)) continue;
          const found = new Map(await points(replicas.local(peerId)));
          for (const [id, known] of acknowledged) {
            assert.equal(found.get(id), JSON.stringify({ a: known, b: String(id) }));
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});

async function points(shard: ShardAccess): Promise<readonly (readonly [PointId, string])[]> {
  const scroll = { kind: 'scroll', filter: null, from: null, limit: 100, parts: all } as const;
  const answer = await shard.read(scroll, 1_000);
  assert.ok(answer.kind === 'scroll');
  return answer.records.map(({ id, payload }) => [
    id,
    new TextDecoder().decode(payload ?? undefined),
  ]);
}
