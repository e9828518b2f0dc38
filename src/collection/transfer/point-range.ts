// Ranges of points in the order of their ids, for a transfer: read at the source, compared at the
// receiver.

import { type PointId } from '../../model/point-id.ts';
import type { PointRecord, ShardReadAnswer, ShardReadRequest } from '../../model/read.ts';
import type { PointBatch, VectorColumn } from '../../model/update.ts';

export interface ReadableShard {
  read(request: ShardReadRequest, timeoutMs: number): Promise<ShardReadAnswer>;
}

export interface RangeLimits {
  readonly countMax: number;
  /** The first point is taken in any case. */
  readonly bytesMax: number;
}

export interface PointRange {
  readonly records: readonly PointRecord[];
  /** The first id after them; `null`: there is none. */
  readonly next: PointId | null;
  readonly bytes: number;
}

const readMs = 60_000;

export async function scroll(
  shard: ReadableShard,
  from: PointId | null,
  limit: number,
): Promise<readonly PointRecord[]> {
  const parts = { payload: true, vectors: true };
  const answer = await shard.read({ kind: 'scroll', filter: null, from, limit, parts }, readMs);
  return answer.kind === 'scroll' ? answer.records : [];
}

export async function readRange(
  shard: ReadableShard,
  from: PointId | null,
  { countMax, bytesMax }: RangeLimits,
): Promise<PointRange> {
  const records = await scroll(shard, from, countMax + 1);
  let bytes = 0;
  let count = 0;
  for (const record of records) {
    bytes += bytesOf(record);
    if (count > 0 && (bytes > bytesMax || count === countMax)) break;
    count += 1;
  }
  return { records: records.slice(0, count), next: records[count]?.id ?? null, bytes };
}

function bytesOf({ payload, vectors }: PointRecord): number {
  let bytes = 24 + (payload?.length ?? 0);
  for (const values of vectors?.values() ?? []) bytes += 4 + values.byteLength;
  return bytes;
}

export function batchOf(records: readonly PointRecord[]): PointBatch {
  const names = new Set(records.flatMap(({ vectors }) => [...(vectors?.keys() ?? [])]));
  const payloadOffsets = new Uint32Array(records.length + 1);
  for (const [index, { payload }] of records.entries()) {
    payloadOffsets[index + 1] = (payloadOffsets[index] ?? 0) + (payload?.length ?? 0);
  }
  const payloadBytes = new Uint8Array(payloadOffsets[records.length] ?? 0);
  for (const [index, { payload }] of records.entries()) {
    if (payload !== null) payloadBytes.set(payload, payloadOffsets[index]);
  }
  return {
    ids: records.map(({ id }) => id),
    vectors: [...names].map((name) => columnOf(name, records)),
    payloadOffsets,
    payloadBytes,
  };
}

function columnOf(name: string, records: readonly PointRecord[]): VectorColumn {
  const present = records.flatMap(({ vectors }) => vectors?.get(name) ?? []);
  const dimension = present[0]?.length ?? 0;
  const data = new Float32Array(present.length * dimension);
  const rows = new Int32Array(records.length);
  let row = 0;
  for (const [index, { vectors }] of records.entries()) {
    const values = vectors?.get(name);
    rows[index] = values === undefined ? -1 : row;
    if (values === undefined) continue;
    data.set(values, row * dimension);
    row += 1;
  }
  return { name, dimension, rows, data };
}

/** Is this point of the batch stored just like that already? */
export function isStored(record: PointRecord, batch: PointBatch, index: number): boolean {
  const start = batch.payloadOffsets[index] ?? 0;
  const payload = batch.payloadBytes.subarray(start, batch.payloadOffsets[index + 1] ?? start);
  if (!isEqual(record.payload ?? new Uint8Array(0), payload)) return false;
  let count = 0;
  for (const { name, dimension, rows, data } of batch.vectors) {
    const row = rows[index] ?? -1;
    const stored = record.vectors?.get(name);
    if (row < 0 !== (stored === undefined)) return false;
    if (stored === undefined) continue;
    count += 1;
    if (!isEqual(stored, data.subarray(row * dimension, (row + 1) * dimension))) return false;
  }
  return count === (record.vectors?.size ?? 0);
}

function isEqual(one: Uint8Array | Float32Array, other: Uint8Array | Float32Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index += 1) {
    // Bits that are no number are never equal, and so are written again.
    if (one[index] !== other[index]) return false;
  }
  return true;
}
