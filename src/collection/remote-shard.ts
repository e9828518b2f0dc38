// One replica of a shard, on another peer. What cannot be reached is reported as an error of the
// kind that another replica may not have.

import { CorruptBytesError } from '../base/bytes.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import { RequestError } from '../model/request-error.ts';
import type { ShardInfo } from '../shard/shard-info.ts';
import { refusedUpdate, type UpdateOutcome } from '../shard/update-outcome.ts';
import {
  decodeShardAnswer,
  encodeShardCall,
  type ShardCall,
  type ShardCallAnswer,
} from './codec/shard-call.ts';
import { PeerCallError, type PeerClient, type ShardAddress } from './peer-client.ts';
import type { ShardAccess, WriteOptions } from './shard-access.ts';

/**
 * The other side keeps the time limit itself; this is for its answer to come back. Who does not
 * answer an update in time is taken for dead, so a busy peer gets some more, and one that leads may
 * have to wait for the cluster to give up another replica.
 */
const wayBackMs = { read: 1_000, replica: 5_000, leader: 40_000 } as const;
const infoMs = 10_000;

export class RemoteShard implements ShardAccess {
  readonly #address: ShardAddress;
  readonly #client: PeerClient;

  constructor(address: ShardAddress, client: PeerClient) {
    this.#address = address;
    this.#client = client;
  }

  /** With an ordering other than weak the other peer leads. `record` is copied. */
  async update(record: Uint8Array, options: WriteOptions): Promise<UpdateOutcome> {
    const { wait, timeoutMs, ordering } = options;
    const as = ordering === undefined || ordering === 'weak' ? 'replica' : ordering;
    const call: ShardCall = { kind: 'update', as, wait, timeoutMs, record };
    try {
      const answer = await this.#call(call, timeoutMs);
      if (answer.kind === 'updated') return answer.outcome;
      throw this.#unexpected(answer);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return refusedUpdate(error.code, error.message);
    }
  }

  async read(request: ShardReadRequest, timeoutMs: number): Promise<ShardReadAnswer> {
    const answer = await this.#call({ kind: 'read', timeoutMs, request }, timeoutMs);
    if (answer.kind === 'read' && answer.answer.kind === request.kind) return answer.answer;
    throw this.#unexpected(answer);
  }

  async info(): Promise<ShardInfo> {
    const answer = await this.#call({ kind: 'info' }, infoMs);
    if (answer.kind === 'info') return answer.info;
    throw this.#unexpected(answer);
  }

  async #call(call: ShardCall, timeoutMs: number): Promise<ShardCallAnswer> {
    const effect = call.kind === 'update' ? 'update' : 'read';
    const data = encodeShardCall(call);
    try {
      const limitMs = timeoutMs + wayBackMs[roleIn(call)];
      const bytes = await this.#client.call(this.#address, effect, data, limitMs);
      return decodeShardAnswer(bytes);
    } catch (error) {
      if (!(error instanceof PeerCallError) && !(error instanceof CorruptBytesError)) throw error;
      const { peerId, shardId } = this.#address;
      const text = `shard ${shardId} on peer ${peerId} cannot be asked: ${error.message}`;
      throw new RequestError('internal', text, { cause: error });
    }
  }

  #unexpected(answer: ShardCallAnswer): RequestError {
    if (answer.kind === 'failed') return new RequestError(answer.code, answer.message);
    const { peerId } = this.#address;
    return new RequestError('internal', `peer ${peerId} answers something else: ${answer.kind}`);
  }
}

function roleIn(call: ShardCall): keyof typeof wayBackMs {
  if (call.kind !== 'update') return 'read';
  return call.as === 'replica' ? 'replica' : 'leader';
}
