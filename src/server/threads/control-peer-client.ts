// How a worker thread reaches replicas on other peers: control owns the connections.

import { PeerCallError, type PeerClient, type ShardAddress } from '../../collection/peer-client.ts';
import type { ControlCalls, WorkerCalls } from './messages.ts';
import type { ThreadPort } from './thread-port.ts';

export class ControlPeerClient implements PeerClient {
  readonly #control: ThreadPort<ControlCalls, WorkerCalls>;

  constructor(control: ThreadPort<ControlCalls, WorkerCalls>) {
    this.#control = control;
  }

  async call(
    to: ShardAddress,
    effect: 'read' | 'update',
    data: Uint8Array<ArrayBuffer>,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const request = { ...to, effect, data, timeoutMs };
    const answer = await this.#control.call('peer_call', request, [data.buffer]);
    if (typeof answer === 'string') throw new PeerCallError(answer);
    return answer;
  }
}
