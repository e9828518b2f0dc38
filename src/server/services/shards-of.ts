// The shards of a collection as a request finds them: each with whatever replicas it has.

import type { ShardSet } from '../../collection/shard-access.ts';
import { type CollectionState, shardIdsOf } from '../../model/cluster-state.ts';
import type { Engine } from '../engine.ts';

export function shardsOf(engine: Engine, collection: CollectionState): ShardSet {
  const shardIds = shardIdsOf(collection);
  return { shardIds, shards: shardIds.map((id) => engine.shard(collection.uuid, id)) };
}
