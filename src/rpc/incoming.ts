// One connection that came in: messages are handed on, requests are served, answers go back. While
// too many requests are in the works, which they are until their answer went to the socket, it is
// not read. Who named no cluster may only ask what a newcomer must ask.

import { CorruptBytesError } from '../base/bytes.ts';
import type { PeerId } from '../base/ids.ts';
import type {
  PeerAnswer,
  PeerEndpoint,
  PeerMessage,
  PeerRequest,
} from '../cluster/peer-network.ts';
import type { Message } from '../raft/messages.ts';
import { decodePeerMessage, decodePeerRequest, encodePeerAnswer } from './codec/peer-codec.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { Caller } from './listener.ts';
import { Outbox } from './outbox.ts';
import type { WireContext } from './wire-context.ts';

export interface IncomingOwner {
  readonly ownPeerId: PeerId;
  readonly endpoint: PeerEndpoint;
  closed(incoming: Incoming): void;
}

const newcomersMayAsk: ReadonlySet<PeerRequest['kind']> = new Set(['join', 'who_is', 'health']);

export class Incoming implements ConnectionOwner {
  readonly connection: Connection;
  readonly clusterId: string | null;
  readonly address: string;
  readonly #from: PeerId | null;
  readonly #outbox: Outbox;
  readonly #owner: IncomingOwner;
  readonly #context: WireContext;
  readonly #servedCountMax: number;
  #servedCount = 0;

  constructor(caller: Caller, owner: IncomingOwner, context: WireContext) {
    const { socket, reader, hello } = caller;
    const { limits } = context;
    this.clusterId = hello.clusterId;
    this.address = caller.address;
    this.#from = hello.clusterId === null ? null : hello.peerId;
    this.#owner = owner;
    this.#context = context;
    this.#servedCountMax = limits.servedCountMax[hello.purpose];
    this.#outbox = new Outbox({
      messagesCountMax: limits.queueCountMax,
      bytesMax: limits.queueBytesMax,
      chunkBytes: limits.chunkBytes,
    });
    const kind = this.#from === null ? 'stranger' : hello.purpose;
    const setup = {
      socket,
      reader,
      outbox: this.#outbox,
      purpose: hello.purpose,
      remote: hello,
      bodyBytesMax: limits.bodyBytesMax[kind],
    };
    this.connection = new Connection(setup, context, this);
  }

  received(kind: 'message' | 'request' | 'answer', id: number, body: Uint8Array): void {
    switch (kind) {
      case 'message':
        this.#receive(body);
        return;
      case 'request':
        this.#begin(id, body);
        return;
      default:
        this.connection.refuse('an answer from who called');
    }
  }

  closed(reason: string, isRefusal: boolean): void {
    if (isRefusal) {
      const { peerId } = this.connection.remote;
      this.#context.log.warn(`Connection of peer ${peerId} from ${this.address} closed: ${reason}`);
    }
    this.#owner.closed(this);
  }

  #receive(body: Uint8Array): void {
    const from = this.#from;
    const message = from === null ? null : this.#decodeMessage(body);
    const isForMe = message !== null && (message.kind !== 'raft' || this.#isForMe(message.message));
    if (from === null || !isForMe) {
      this.#context.counters.messagesIgnored += 1;
      return;
    }
    this.#context.counters.messagesReceived += 1;
    this.#owner.endpoint.receive(from, message);
  }

  /** The core takes its own name in a message for granted, and whom it is from. */
  #isForMe({ from, to }: Message): boolean {
    return from === this.#from && to === this.#owner.ownPeerId;
  }

  #decodeMessage(body: Uint8Array): PeerMessage | null {
    try {
      return decodePeerMessage(body);
    } catch (error) {
      // Perhaps a message of a later version: its sender can live without it.
      const reason = reasonOf(error);
      this.#context.log.warn(`Message from ${this.address} cannot be read: ${reason}`);
      return null;
    }
  }

  #begin(id: number, body: Uint8Array): void {
    this.#servedCount += 1;
    if (this.#servedCount >= this.#servedCountMax) this.connection.hold();
    // It turns every failure into an answer.
    void this.#serve(body).then((answer) => this.#answer(id, answer));
  }

  async #serve(body: Uint8Array): Promise<PeerAnswer> {
    let request: PeerRequest;
    try {
      request = decodePeerRequest(body);
    } catch (error) {
      return { kind: 'refused', message: `the request cannot be read: ${reasonOf(error)}` };
    }
    if (this.#from === null && !newcomersMayAsk.has(request.kind)) {
      return { kind: 'refused', message: `${request.kind} is for members of the cluster` };
    }
    if (request.kind === 'install_snapshot' && !this.#isForMe(request.message)) {
      return {
        kind: 'refused',
        message: 'the snapshot is not for this peer, or not of the caller',
      };
    }
    try {
      return await this.#owner.endpoint.serve(this.#from, request, this.address);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.log.warn(`Request ${request.kind} from ${this.address} failed: ${reason}`);
      return { kind: 'refused', message: `${request.kind} failed: ${reason}` };
    }
  }

  #answer(id: number, answer: PeerAnswer): void {
    if (this.connection.isClosed) return;
    const written = (): void => {
      this.#servedCount -= 1;
      this.#context.counters.requestsServed += 1;
      this.connection.release();
    };
    this.#outbox.push({
      kind: 'answer',
      id,
      body: encodePeerAnswer(answer),
      replaces: null,
      written,
    });
    this.connection.wake();
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof CorruptBytesError) return error.message;
  throw error;
}
