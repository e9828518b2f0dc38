// What a peer answers when another one asks for its replica of a shard. Everything that goes wrong
// is an answer, too.

import { unreachable } from '../base/assert.ts';
import { CorruptBytesError } from '../base/bytes.ts';
import type { ReplicaState } from '../model/cluster-state.ts';
import { isReadable, takesUpdates } from '../model/replica-rules.ts';
import { RequestError } from '../model/request-error.ts';
import {
  decodeShardCall,
  encodeShardAnswer,
  type ShardCall,
  type ShardCallAnswer,
} from './codec/shard-call.ts';
import type { TransferStep } from './codec/transfer-codec.ts';
import type { ShardAccess, WriteOrdering } from './shard-access.ts';

/** The replica that is asked for, as its peer sees it. */
export interface ServedReplica {
  readonly shardId: number;
  /** `null`: the cluster has agreed on none here, as far as this peer knows. */
  readonly state: ReplicaState | null;
  /** `null`: not open. */
  readonly local: ShardAccess | null;
  /** All replicas, led from here: one ordered update at a time. */
  lead(
    record: Uint8Array,
    options: {
      readonly ordering: Exclude<WriteOrdering, 'weak'>;
      readonly wait: boolean;
      readonly timeoutMs: number;
    },
  ): ReturnType<ShardAccess['update']>;
  /** As the receiver of a transfer. */
  receive(step: TransferStep): Promise<void>;
}

export async function serveShardCall(
  data: Uint8Array,
  replica: ServedReplica,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return encodeShardAnswer(await answerTo(decodeShardCall(data), replica));
  } catch (error) {
    if (error instanceof RequestError) {
      const { code, message } = error;
      return encodeShardAnswer({ kind: 'failed', code, message });
    }
    if (!(error instanceof CorruptBytesError)) throw error;
    const message = `the request cannot be read: ${error.message}`;
    return encodeShardAnswer({ kind: 'failed', code: 'internal', message });
  }
}

async function answerTo(call: ShardCall, replica: ServedReplica): Promise<ShardCallAnswer> {
  const { state, shardId } = replica;
  switch (call.kind) {
    case 'update': {
      const { as, record, wait, timeoutMs } = call;
      if (as !== 'replica') {
        const options = { ordering: as, wait, timeoutMs };
        return { kind: 'updated', outcome: await replica.lead(record, options) };
      }
      if (state === null || !takesUpdates(state)) {
        const text = `No target shard ${shardId} found for update`;
        throw new RequestError('precondition_failed', text);
      }
      const shard = openShard(replica);
      // A listener only takes notes: nobody waits for it.
      const isWaiting = wait && state !== 'Listener';
      const outcome = await shard.update(record, { wait: isWaiting, timeoutMs });
      return { kind: 'updated', outcome };
    }
    case 'read':
      return { kind: 'read', answer: await readable(replica).read(call.request, call.timeoutMs) };
    case 'info':
      return { kind: 'info', info: await readable(replica).info() };
    case 'transfer':
      await replica.receive(call.step);
      return { kind: 'taken' };
    default:
      return unreachable(call);
  }
}

/** Who asks may know of the activation of a replica before the replica itself. */
function readable(replica: ServedReplica): ShardAccess {
  const { state, shardId } = replica;
  if (state !== null && (isReadable(state) || state === 'Initializing')) return openShard(replica);
  const text = `shard ${shardId} is not readable here: ${state ?? 'no replica'}`;
  throw new RequestError('precondition_failed', text);
}

function openShard({ local, shardId }: ServedReplica): ShardAccess {
  if (local !== null) return local;
  throw new RequestError('unavailable', `shard ${shardId} is being opened or closed`);
}
