// Every collection with what its shards tell, for reports that must not fail because one collection
// is being created or deleted, or because the thread of one shard is gone.

import { type CollectionState, shardIdsOf } from '../../model/cluster-state.ts';
import { RequestError } from '../../model/request-error.ts';
import type { ShardInfo } from '../../shard/shard-info.ts';
import type { Engine } from '../engine.ts';

export interface DescribedCollection {
  readonly collection: CollectionState;
  /** By shard id, ascending; those that do not answer are left out. */
  readonly shards: readonly ShardInfo[];
}

export function reachableCollections(engine: Engine): Promise<readonly DescribedCollection[]> {
  const collections = [...engine.state().collections.values()];
  return Promise.all(
    collections.map(async (collection) => {
      const infos = shardIdsOf(collection).map((id) => shardInfo(engine, collection.uuid, id));
      const shards = (await Promise.all(infos)).filter((info) => info !== null);
      return { collection, shards };
    }),
  );
}

async function shardInfo(engine: Engine, uuid: string, shardId: number): Promise<ShardInfo | null> {
  try {
    return await engine.shard(uuid, shardId).info();
  } catch (error) {
    if (error instanceof RequestError) return null;
    throw error;
  }
}
