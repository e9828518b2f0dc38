// Port: how this thread reaches replicas on other peers. The server implements it with the wire,
// tests with a queue. Bytes go in and come out: codec/shard-call.ts says what they mean.

import type { PeerId } from '../base/ids.ts';

export interface ShardAddress {
  readonly peerId: PeerId;
  /** Uuid of the collection. */
  readonly collection: string;
  readonly shardId: number;
}

/** The call has no answer; it may have been carried out all the same. `message` is for people. */
export class PeerCallError extends Error {
  override readonly name = 'PeerCallError';
}

export interface PeerClient {
  /** `data` and its buffer belong to the client afterwards. Rejects with `PeerCallError`. */
  call(
    to: ShardAddress,
    effect: 'read' | 'update',
    data: Uint8Array<ArrayBuffer>,
    timeoutMs: number,
  ): Promise<Uint8Array>;
}
