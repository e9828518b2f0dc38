import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { comparePointIds, type PointId } from '../model/point-id.ts';
import type { PointBatch, UpdateOperation } from '../model/update.ts';
import type { UpdateOutcome } from '../shard/update-outcome.ts';
import { ringOf } from './routing.ts';
import { mergeUpdateAnswers, splitUpdate } from './write-path.ts';

interface PlainPoint {
  readonly id: PointId;
  readonly vector: readonly number[] | null;
  readonly payload: string;
}

const dimension = 2;

function batchOf(points: readonly PlainPoint[]): PointBatch {
  const rows = new Int32Array(points.length).fill(-1);
  const data: number[] = [];
  const offsets = [0];
  let text = '';
  for (const [index, { vector, payload }] of points.entries()) {
    if (vector !== null) {
      rows[index] = data.length / dimension;
      data.push(...vector);
    }
    text += payload;
    offsets.push(text.length);
  }
  return {
    ids: points.map(({ id }) => id),
    vectors: [{ name: 'v', dimension, rows, data: Float32Array.from(data) }],
    payloadOffsets: Uint32Array.from(offsets),
    payloadBytes: new TextEncoder().encode(text),
  };
}

function pointsOf(batch: PointBatch): readonly PlainPoint[] {
  const [column] = batch.vectors;
  return batch.ids.map((id, index) => {
    const row = column?.rows[index] ?? -1;
    const values = column?.data.slice(row * dimension, (row + 1) * dimension) ?? [];
    const [start, end] = batch.payloadOffsets.slice(index, index + 2);
    return {
      id,
      vector: row < 0 ? null : [...values],
      payload: new TextDecoder().decode(batch.payloadBytes.subarray(start, end)),
    };
  });
}

const point = fc.record(
  {
    id: fc.nat(30),
    vector: fc.option(fc.tuple(fc.nat(9), fc.nat(9))),
    payload: fc.constantFrom('{}', '{"a":1}', '{"long":"text"}'),
  },
  { noNullPrototype: true },
);

test('an upsert is split without loss, each point to its shard, in order', () => {
  fc.assert(
    fc.property(fc.array(point), fc.integer({ min: 1, max: 5 }), (points, shardCount) => {
      const whole = {
        kind: 'upsert',
        points: batchOf(points),
        mode: 'upsert',
        filter: '{}',
      } as const;
      const ring = ringOf(Array.from({ length: shardCount }, (_, shardId) => shardId));
      const parts = splitUpdate(whole, ring);
      for (const [shard, part] of parts.entries()) {
        const mine = points.filter(({ id }) => ring.shardIndexOf(id) === shard);
        if (mine.length === 0) {
          assert.equal(part, null);
          continue;
        }
        assert.ok(part?.kind === 'upsert');
        assert.deepEqual(pointsOf(part.points), mine);
        assert.equal(part.filter, '{}');
      }
    }),
  );
});

test('ids go to their shards, filters and indexes to all', () => {
  const byIds: UpdateOperation = {
    kind: 'delete_vectors',
    names: ['a'],
    selector: { ids: [1, 2, 3], filter: null },
  };
  const ids = splitUpdate(byIds, ringOf([0, 1, 2])).flatMap((part) =>
    part?.kind === 'delete_vectors' ? (part.selector.ids ?? []) : [],
  );
  assert.deepEqual(ids.toSorted(comparePointIds), [1, 2, 3]);
  const both = { ...byIds, selector: { ids: [1], filter: '{}' } };
  const parts = splitUpdate(both, ringOf([0, 1, 2]));
  assert.ok(
    parts.every((part) => part?.kind === 'delete_vectors' && part.selector.filter === '{}'),
  );
  const index: UpdateOperation = { kind: 'delete_index', field: 'x' };
  assert.deepEqual(splitUpdate(index, ringOf([0, 1])), [index, index]);
});

test('the worst answer stands for all', () => {
  const completed: UpdateOutcome = { status: 'completed', operationId: 7 };
  const late: UpdateOutcome = { status: 'wait_timeout', operationId: 3 };
  const failed: UpdateOutcome = {
    status: 'failed',
    operationId: null,
    code: 'internal',
    message: 'no space',
  };
  assert.equal(mergeUpdateAnswers([]), null);
  assert.deepEqual(mergeUpdateAnswers([completed, { ...completed, operationId: 9 }]), {
    status: 'completed',
    operationId: 9,
  });
  assert.equal(mergeUpdateAnswers([completed, late])?.status, 'wait_timeout');
  assert.equal(mergeUpdateAnswers([late, failed, completed])?.status, 'failed');
});
