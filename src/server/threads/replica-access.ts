// What a peer of a cluster may do with one shard by itself. Until requests are handed on to other
// peers, whatever would need another replica is refused: an incomplete answer, or a point that only
// one of several replicas has, would be wrong.

import type { PeerId } from '../../base/ids.ts';
import type { ShardAccess } from '../../collection/shard-access.ts';
import type { CollectionState } from '../../model/cluster-state.ts';
import { isReadable, takesUpdates } from '../../model/replica-rules.ts';
import { RequestError } from '../../model/request-error.ts';

export interface ReplicaPlace {
  /** `undefined`: not agreed on any more, or not yet. */
  readonly collection: CollectionState | undefined;
  readonly shardId: number;
  readonly ownPeerId: PeerId;
}

/** `shard` is the own replica, if it is open. */
export function replicaAccess(shard: ShardAccess | undefined, place: ReplicaPlace): ShardAccess {
  const { collection, shardId, ownPeerId } = place;
  const replicas = collection?.shards.get(shardId)?.replicas;
  if (replicas === undefined) throw notThere(shardId);
  const own = replicas.get(ownPeerId);
  if (own === undefined) {
    const text = `shard ${shardId} has no replica on this peer`;
    return new RefusingReplica(shard, { reads: elsewhere(text), updates: elsewhere(text) });
  }
  if (shard === undefined) throw notThere(shardId);
  const reads = isReadable(own) ? null : notReady(shardId, own);
  if (!takesUpdates(own)) return new RefusingReplica(shard, { reads, updates: reads });
  const updates =
    replicas.size > 1 ? elsewhere(`shard ${shardId} has replicas on other peers`) : reads;
  if (reads === null && updates === null) return shard;
  return new RefusingReplica(shard, { reads, updates });
}

function notThere(shardId: number): RequestError {
  return new RequestError('unavailable', `shard ${shardId} is being opened or closed`);
}

function notReady(shardId: number, state: string): RequestError {
  return new RequestError('unavailable', `the replica of shard ${shardId} is ${state}`);
}

function elsewhere(reason: string): RequestError {
  const text = `${reason}: requests are not handed on to other peers yet`;
  return new RequestError('not_implemented', text);
}

class RefusingReplica implements ShardAccess {
  readonly #shard: ShardAccess | undefined;
  readonly #refusals: {
    readonly reads: RequestError | null;
    readonly updates: RequestError | null;
  };

  constructor(
    shard: ShardAccess | undefined,
    refusals: { readonly reads: RequestError | null; readonly updates: RequestError | null },
  ) {
    this.#shard = shard;
    this.#refusals = refusals;
  }

  update(...request: Parameters<ShardAccess['update']>): ReturnType<ShardAccess['update']> {
    return this.#allowed(this.#refusals.updates, (shard) => shard.update(...request));
  }

  read(...request: Parameters<ShardAccess['read']>): ReturnType<ShardAccess['read']> {
    return this.#allowed(this.#refusals.reads, (shard) => shard.read(...request));
  }

  info(): ReturnType<ShardAccess['info']> {
    return this.#allowed(null, (shard) => shard.info());
  }

  #allowed<Answer>(
    refusal: RequestError | null,
    action: (shard: ShardAccess) => Promise<Answer>,
  ): Promise<Answer> {
    if (refusal !== null) return Promise.reject(refusal);
    if (this.#shard === undefined) return Promise.reject(new RequestError('unavailable', 'closed'));
    return action(this.#shard);
  }
}
