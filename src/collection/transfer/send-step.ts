// How a step of a transfer reaches the receiver: as a call of its replica.

import { CorruptBytesError } from '../../base/bytes.ts';
import { decodeShardAnswer, encodeShardCall } from '../codec/shard-call.ts';
import type { TransferStep } from '../codec/transfer-codec.ts';
import { PeerCallError, type PeerClient, type ShardAddress } from '../peer-client.ts';
import type { SendOutcome, SendStep } from './transfer-stream.ts';

/** A step is at most a few MiB: no progress within this time is none at all. */
const stepMs = 60_000;

export function stepSender(to: ShardAddress, client: PeerClient): SendStep {
  return async (step: TransferStep): Promise<SendOutcome> => {
    const data = encodeShardCall({ kind: 'transfer', step });
    try {
      const answer = decodeShardAnswer(await client.call(to, 'update', data, stepMs));
      if (answer.kind === 'taken') return { kind: 'done' };
      if (answer.kind !== 'failed') {
        return { kind: 'refused', reason: `peer ${to.peerId} answers ${answer.kind}` };
      }
      const { code, message: reason } = answer;
      if (code === 'unavailable') return { kind: 'lost', reason };
      return { kind: code === 'precondition_failed' ? 'not_ready' : 'refused', reason };
    } catch (error) {
      if (!(error instanceof PeerCallError) && !(error instanceof CorruptBytesError)) throw error;
      return { kind: 'lost', reason: `peer ${to.peerId} cannot be asked: ${error.message}` };
    }
  };
}
