// Asks the shards of a collection and joins their answers. A read of known ids goes only to the
// shards that hold them.

import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import { mergeAnswers } from '../shard/merge.ts';
import { splitByShard } from './routing.ts';
import type { ShardAccess } from './shard-access.ts';

/** `shards` are those of the collection in order, at least one. */
export async function readShards(
  shards: readonly ShardAccess[],
  request: ShardReadRequest,
  timeoutMs: number,
): Promise<ShardReadAnswer> {
  const [only] = shards;
  if (only !== undefined && shards.length === 1) return only.read(request, timeoutMs);
  const parts = splitRead(request, shards.length);
  const answers = parts.flatMap((part, index) => {
    const shard = shards[index];
    return part === null || shard === undefined ? [] : [shard.read(part, timeoutMs)];
  });
  return mergeAnswers(request, await Promise.all(answers));
}

function splitRead(
  request: ShardReadRequest,
  shardCount: number,
): readonly (ShardReadRequest | null)[] {
  if (request.kind !== 'retrieve') return Array.from({ length: shardCount }, () => request);
  const { ids } = request;
  const split = splitByShard(ids, shardCount);
  return split.map((positions) => {
    if (positions.length === 0) return null;
    return { ...request, ids: positions.flatMap((position) => ids[position] ?? []) };
  });
}
