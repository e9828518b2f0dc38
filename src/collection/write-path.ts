// Brings one update to the shards it is for: splits it by point id, encodes each part once, sends
// them, and reports what became of the whole. Policy (what to do about a failure) is the caller's.

import { errorPrefixes } from '../model/request-error.ts';
import type { PointBatch, PointSelector, UpdateOperation, VectorColumn } from '../model/update.ts';
import { encodeUpdate } from '../model/update-codec.ts';
import type { UpdateOutcome } from '../shard/update-outcome.ts';
import { type HashRing, ringOf, splitByShard } from './routing.ts';
import type { ShardSet, WriteOptions } from './shard-access.ts';

/** Never rejects for a user's mistake. */
export async function writeUpdate(
  { shardIds, shards }: ShardSet,
  operation: UpdateOperation,
  options: WriteOptions,
): Promise<UpdateOutcome | null> {
  const [only] = shards;
  if (only !== undefined && shards.length === 1)
    return only.update(encodeUpdate(operation), options);
  const parts = splitUpdate(operation, ringOf(shardIds));
  const answers = parts.flatMap((part, index) => {
    const shard = shards[index];
    if (part === null || shard === undefined) return [];
    return [shard.update(encodeUpdate(part), options)];
  });
  return mergeUpdateAnswers(await Promise.all(answers));
}

/** The worst answer stands for all; `null` when no shard was asked. */
export function mergeUpdateAnswers(answers: readonly UpdateOutcome[]): UpdateOutcome | null {
  const worstFirst = ['failed', 'wait_timeout', 'acknowledged', 'completed'] as const;
  for (const status of worstFirst) {
    const found = answers.filter((answer) => answer.status === status);
    const [first] = found;
    if (first === undefined) continue;
    if (first.status === 'failed') return mergedFailure(first, found.length, answers.length);
    const operationId = Math.max(...answers.map((answer) => answer.operationId ?? 0));
    return { ...first, operationId };
  }
  return null;
}

type Failure = Extract<UpdateOutcome, { readonly status: 'failed' }>;

/** Where some shards have carried it out, the client should know that. */
function mergedFailure(first: Failure, failedCount: number, count: number): Failure {
  if (failedCount === count) return first;
  const message =
    `${failedCount} out of ${count} shards failed to apply operation. ` +
    `First error captured: ${errorPrefixes[first.code]}${first.message}`;
  return { ...first, message };
}

/** Position in the ring's shards → its part of the update, `null` where there is nothing for it. */
export function splitUpdate(
  operation: UpdateOperation,
  ring: HashRing,
): readonly (UpdateOperation | null)[] {
  switch (operation.kind) {
    case 'create_index':
    case 'delete_index':
      return ring.shardIds.map(() => operation);
    case 'upsert':
    case 'update_vectors':
      return splitByShard(operation.points.ids, ring).map((positions) => {
        if (positions.length === 0) return null;
        return { ...operation, points: selectPoints(operation.points, positions) };
      });
    default:
      return splitSelector(operation.selector, ring).map((selector) =>
        selector === null ? null : { ...operation, selector },
      );
  }
}

function splitSelector(selector: PointSelector, ring: HashRing): readonly (PointSelector | null)[] {
  const { ids, filter } = selector;
  if (ids === null) return ring.shardIds.map(() => selector);
  return splitByShard(ids, ring).map((positions) => {
    if (positions.length === 0) return filter === null ? null : { ids: null, filter };
    return { ids: positions.flatMap((position) => ids[position] ?? []), filter };
  });
}

/** The points at these positions of a batch, in their order. */
export function selectPoints(batch: PointBatch, positions: readonly number[]): PointBatch {
  const ids = positions.flatMap((position) => batch.ids[position] ?? []);
  const vectors = batch.vectors.map((column) => selectRows(column, positions));
  const offsets = new Uint32Array(positions.length + 1);
  const chunks = positions.map((position, index) => {
    const start = batch.payloadOffsets[position] ?? 0;
    const end = batch.payloadOffsets[position + 1] ?? start;
    offsets[index + 1] = (offsets[index] ?? 0) + end - start;
    return batch.payloadBytes.subarray(start, end);
  });
  const payloadBytes = new Uint8Array(offsets[positions.length] ?? 0);
  for (const [index, chunk] of chunks.entries()) payloadBytes.set(chunk, offsets[index]);
  return { ids, vectors, payloadOffsets: offsets, payloadBytes };
}

function selectRows(column: VectorColumn, positions: readonly number[]): VectorColumn {
  const { dimension } = column;
  const rows = new Int32Array(positions.length);
  const taken: number[] = [];
  for (const [index, position] of positions.entries()) {
    const row = column.rows[position] ?? -1;
    rows[index] = row < 0 ? -1 : taken.length;
    if (row >= 0) taken.push(row);
  }
  const data = new Float32Array(taken.length * dimension);
  for (const [index, row] of taken.entries()) {
    data.set(column.data.subarray(row * dimension, (row + 1) * dimension), index * dimension);
  }
  return { name: column.name, dimension, rows, data };
}
