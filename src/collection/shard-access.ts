// What the rest of a node asks of one shard, wherever its owner runs. The server implements it for
// local shards over the threads; other peers' shards come behind the same port.

import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import type { ShardInfo } from '../shard/shard-info.ts';
import type { UpdateOptions, UpdateOutcome } from '../shard/update-outcome.ts';

export interface ShardAccess {
  /** `record` is an encoded update (`model/update-codec.ts`); ownership passes to the shard. */
  update(record: Uint8Array, options: UpdateOptions): Promise<UpdateOutcome>;
  /** Throws `RequestError('timeout')` past `timeoutMs`. */
  read(request: ShardReadRequest, timeoutMs: number): Promise<ShardReadAnswer>;
  info(): Promise<ShardInfo>;
}
