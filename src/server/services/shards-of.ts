// The shards of a collection as a request finds them: each with whatever replicas it has.

import type { ShardSet } from '../../collection/shard-access.ts';
import { type CollectionState, shardIdsOf } from '../../model/cluster-state.ts';
import { RequestError } from '../../model/request-error.ts';
import type { Engine } from '../engine.ts';

export function shardsOf(engine: Engine, collection: CollectionState): ShardSet {
  const shardIds = shardIdsOf(collection);
  return { shardIds, shards: shardIds.map((id) => engine.shard(collection.uuid, id)) };
}

/** The own replica of one shard, whatever its state. */
export function localShardOf(
  engine: Engine,
  { uuid, shards }: CollectionState,
  shardId: number,
): ShardSet {
  const replicas = shards.get(shardId)?.replicas;
  if (replicas === undefined) throw new RequestError('not_found', `Shard ${shardId} not found`);
  const isOwn = engine.cluster === null || replicas.has(engine.ownPeerId);
  if (!isOwn) throw new RequestError('internal', `Local shard ${shardId} not found`);
  return { shardIds: [shardId], shards: [engine.localShard(uuid, shardId)] };
}
