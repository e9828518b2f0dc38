// Calls of shards between the peers, on the control thread: only handed through. What a worker asks
// goes to the wire, what comes from the wire goes to a worker; the bytes are never looked at.

import type {
  PeerAnswer,
  PeerEndpoint,
  PeerNetwork,
  PeerRequest,
} from '../../cluster/peer-network.ts';
import { PeerUnreachable } from '../../cluster/peer-network.ts';
import { RequestError } from '../../model/request-error.ts';
import type { ControlCalls } from './messages.ts';
import type { ThreadHost } from './thread-host.ts';
import { Handover } from './thread-port.ts';

type Call = ControlCalls['peer_call']['request'];
type ShardCallRequest = Extract<PeerRequest, { readonly kind: 'shard_call' }>;

/** The bytes of the answer, or why there is none. */
export async function callPeer(
  network: PeerNetwork,
  { peerId, collection, shardId, effect, data, timeoutMs }: Call,
): Promise<Handover<Uint8Array | string>> {
  const request: PeerRequest = { kind: 'shard_call', collection, shardId, effect, data };
  try {
    const answer = await network.call({ peerId }, request, timeoutMs);
    if (answer.kind === 'shard_answer') return handedOver(answer.data);
    const reason = answer.kind === 'refused' ? answer.message : `it answers ${answer.kind}`;
    return new Handover(reason, []);
  } catch (error) {
    if (!(error instanceof PeerUnreachable)) throw error;
    return new Handover(error.message, []);
  }
}

/** A body from the wire has its buffer for itself. */
function handedOver(bytes: Uint8Array): Handover<Uint8Array> {
  return new Handover(bytes, [bytes.buffer as ArrayBuffer]);
}

/** The endpoint of a peer that serves its shards, too. */
export function servingShards(endpoint: PeerEndpoint, host: ThreadHost): PeerEndpoint {
  return {
    receive: (from, message) => endpoint.receive(from, message),
    unreachable: (peerId) => endpoint.unreachable(peerId),
    serve: (from, request, callerAddress) =>
      request.kind === 'shard_call' && from !== null
        ? serveShard(host, request)
        : endpoint.serve(from, request, callerAddress),
  };
}

async function serveShard(host: ThreadHost, request: ShardCallRequest): Promise<PeerAnswer> {
  try {
    return { kind: 'shard_answer', data: await host.serveShard(request) };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { kind: 'refused', message: error.message };
  }
}
