// Where the shards of a collection are, as `GET /collections/{c}/cluster` says it.

import type { PeerId } from '../../../base/ids.ts';
import {
  peerNumber,
  reshardingDocument,
  shardKeyMember,
  transferDocument,
} from '../../../server/cluster-documents.ts';
import type { CollectionPlacement } from '../../../server/services/cluster.ts';

export function collectionClusterDocument(
  ownPeerId: PeerId,
  { collection, local, comments }: CollectionPlacement,
): object {
  const { shards, transfers, resharding } = collection;
  const remote = [...shards].flatMap(([shardId, { replicas, key }]) =>
    [...replicas]
      .filter(([peerId]) => peerId !== ownPeerId)
      .map(([peerId, state]) => ({
        shard_id: shardId,
        ...shardKeyMember('shard_key', key),
        peer_id: peerNumber(peerId),
        state,
      })),
  );
  return {
    peer_id: peerNumber(ownPeerId),
    shard_count: shards.size,
    local_shards: local.map(({ shardId, pointCount, state }) => ({
      shard_id: shardId,
      ...shardKeyMember('shard_key', shards.get(shardId)?.key ?? null),
      points_count: pointCount,
      state,
    })),
    remote_shards: remote,
    shard_transfers: transfers
      .toSorted((a, b) => a.shardId - b.shardId)
      .map((transfer) => {
        const comment = comments.get(transfer.serial);
        return { ...transferDocument(transfer), ...(comment === undefined ? {} : { comment }) };
      }),
    ...(resharding === null ? {} : { resharding_operations: [reshardingDocument(resharding)] }),
  };
}
