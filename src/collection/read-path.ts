// Asks the shards of a collection and joins their answers. A read of known ids goes only to the
// shards that hold them.

import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import { mergeAnswers } from '../shard/merge.ts';
import { ringOf, splitByShard } from './routing.ts';
import type { ReadConsistency, ShardSet } from './shard-access.ts';

export interface ReadOptions {
  readonly timeoutMs: number;
  /** Absent: one replica is enough. */
  readonly consistency?: ReadConsistency;
  /** Only the own replica of this shard, whatever its state. */
  readonly localShardId?: number;
}

export async function readShards(
  { shardIds, shards }: ShardSet,
  request: ShardReadRequest,
  { timeoutMs, consistency }: ReadOptions,
): Promise<ShardReadAnswer> {
  const [only] = shards;
  if (only !== undefined && shards.length === 1) {
    return only.read(request, timeoutMs, consistency);
  }
  const parts = splitRead(request, shardIds);
  const answers = parts.flatMap((part, index) => {
    const shard = shards[index];
    return part === null || shard === undefined ? [] : [shard.read(part, timeoutMs, consistency)];
  });
  return mergeAnswers(request, await Promise.all(answers));
}

function splitRead(
  request: ShardReadRequest,
  shardIds: readonly number[],
): readonly (ShardReadRequest | null)[] {
  if (request.kind !== 'retrieve') return shardIds.map(() => request);
  const { ids } = request;
  const split = splitByShard(ids, ringOf(shardIds));
  return split.map((positions) => {
    if (positions.length === 0) return null;
    return { ...request, ids: positions.flatMap((position) => ids[position] ?? []) };
  });
}
