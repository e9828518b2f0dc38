// Every collection with what its shards on this peer tell, for reports that must not fail because
// one collection is being created or deleted, or because the thread of one shard is gone.

import { type CollectionState, localShardIds } from '../../model/cluster-state.ts';
import { RequestError } from '../../model/request-error.ts';
import type { ShardInfo } from '../../shard/shard-info.ts';
import type { Engine } from '../engine.ts';

export interface DescribedCollection {
  readonly collection: CollectionState;
  /** By shard id, ascending; those that do not answer are left out. */
  readonly shardsById: ReadonlyMap<number, ShardInfo>;
  readonly shards: readonly ShardInfo[];
}

export function reachableCollections(engine: Engine): Promise<readonly DescribedCollection[]> {
  const collections = [...engine.state().collections.values()];
  return Promise.all(
    collections.map(async (collection) => {
      const ids = localShardIds(collection, engine.ownPeerId);
      const infos = await Promise.all(ids.map((id) => shardInfo(engine, collection.uuid, id)));
      const shardsById = new Map<number, ShardInfo>();
      for (const [index, id] of ids.entries()) {
        const info = infos[index] ?? null;
        if (info !== null) shardsById.set(id, info);
      }
      return { collection, shardsById, shards: [...shardsById.values()] };
    }),
  );
}

async function shardInfo(engine: Engine, uuid: string, shardId: number): Promise<ShardInfo | null> {
  try {
    return await engine.localShard(uuid, shardId).info();
  } catch (error) {
    if (error instanceof RequestError) return null;
    throw error;
  }
}
