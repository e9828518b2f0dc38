// How a worker thread reaches replicas on other peers: by connections of its own, so that neither
// the control thread nor another worker stands between. Who is a peer, and where, it learns from
// the agreed state.

import { type PeerNetwork, type PeerRequest, PeerUnreachable } from '../../cluster/peer-network.ts';
import { PeerCallError, type PeerClient, type ShardAddress } from '../../collection/peer-client.ts';
import type { ClusterState } from '../../model/cluster-state.ts';

export class WirePeerClient implements PeerClient {
  readonly #network: PeerNetwork;

  constructor(network: PeerNetwork) {
    this.#network = network;
  }

  useState({ clusterId, peers }: ClusterState): void {
    this.#network.useCluster(clusterId);
    this.#network.useAddresses(new Map([...peers].map(([peerId, { uri }]) => [peerId, uri])));
  }

  async call(
    { peerId, collection, shardId }: ShardAddress,
    effect: 'read' | 'update',
    data: Uint8Array<ArrayBuffer>,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const request: PeerRequest = { kind: 'shard_call', collection, shardId, effect, data };
    try {
      const answer = await this.#network.call({ peerId }, request, timeoutMs);
      if (answer.kind === 'shard_answer') return answer.data;
      if (answer.kind === 'refused') throw new PeerCallError(answer.message);
      throw new PeerCallError(`it answers ${answer.kind}`);
    } catch (error) {
      if (!(error instanceof PeerUnreachable)) throw error;
      throw new PeerCallError(error.message, { cause: error });
    }
  }
}
