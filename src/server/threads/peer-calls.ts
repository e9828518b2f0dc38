// Calls of other peers for the shards here, on the control thread: only handed through. What comes
// from the wire goes to a worker, and back; the bytes are never looked at.

import type { PeerAnswer, PeerEndpoint, PeerRequest } from '../../cluster/peer-network.ts';
import { RequestError } from '../../model/request-error.ts';
import type { ThreadHost } from './thread-host.ts';

type ShardCallRequest = Extract<PeerRequest, { readonly kind: 'shard_call' }>;

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
