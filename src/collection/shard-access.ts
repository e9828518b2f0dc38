// What the rest of a node asks of one shard, wherever its replicas are. The server implements it
// for local replicas over the threads; `RemoteShard` is one replica on another peer,
// `ReplicatedShard` all replicas together.

import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import type { ShardInfo } from '../shard/shard-info.ts';
import type { UpdateOptions, UpdateOutcome } from '../shard/update-outcome.ts';

/** How many replicas must agree on an answer. */
export type ReadConsistency = number | 'majority' | 'quorum' | 'all';

/** Who decides on the order of concurrent writes; absent is `weak`: nobody. */
export type WriteOrdering = 'weak' | 'medium' | 'strong';

export interface WriteOptions extends UpdateOptions {
  readonly ordering?: WriteOrdering;
}

export interface ShardAccess {
  /** `record` is an encoded update (`model/update-codec.ts`); ownership passes to the shard. */
  update(record: Uint8Array, options: WriteOptions): Promise<UpdateOutcome>;
  /** Throws `RequestError('timeout')` past `timeoutMs`. A single replica agrees with itself. */
  read(
    request: ShardReadRequest,
    timeoutMs: number,
    consistency?: ReadConsistency,
  ): Promise<ShardReadAnswer>;
  info(): Promise<ShardInfo>;
}

/** The shards of a collection that a request is for, at least one. */
export interface ShardSet {
  /** Ascending. */
  readonly shardIds: readonly number[];
  /** In the order of `shardIds`. */
  readonly shards: readonly ShardAccess[];
}
