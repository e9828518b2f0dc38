// The wire between peers: implements `PeerNetwork` with sockets and serves a `PeerEndpoint`. Owns
// the listener, the connections that came in, and the links to others; decides who is let in.
// Read codec/frame.ts for the bytes, connection.ts and lane.ts for the life of a connection.

import { assert } from '../base/assert.ts';
import type { PeerId } from '../base/ids.ts';
import type {
  PeerAnswer,
  PeerEndpoint,
  PeerMessage,
  PeerNetwork,
  PeerRequest,
  SendFailure,
} from '../cluster/peer-network.ts';
import { PeerUnreachable } from '../cluster/peer-network.ts';
import type { TimerHandle } from '../io/ports.ts';
import { nameFault, parseAddress } from './address.ts';
import type { Hello, Introduction, Purpose } from './codec/handshake.ts';
import { decodePeerAnswer, encodePeerMessage, encodePeerRequest } from './codec/peer-codec.ts';
import type { Connection } from './connection.ts';
import { newCounters, type WireCounters } from './counters.ts';
import { DialError, type Dialed, dial } from './dial.ts';
import { Incoming } from './incoming.ts';
import { Instances, identityInUse } from './instances.ts';
import { defaultLimits, type WireLimits } from './limits.ts';
import { Links } from './links.ts';
import { type Caller, PeerListener } from './listener.ts';
import { QuietLog } from './quiet-log.ts';
import { TlsMaterial, type TlsPaths } from './tls-material.ts';
import type { WireContext, WirePorts } from './wire-context.ts';

export interface WireOptions {
  readonly peerId: PeerId;
  /** Random for each life of the process. */
  readonly instanceId: string;
  /** Its own address, as others know it; `null` while it has none. */
  readonly uri: string | null;
  readonly version: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** `null`: `cluster.p2p.enable_tls` is off. */
  readonly tls: TlsPaths | null;
  readonly limits?: Partial<WireLimits>;
}

export class PeerWire implements PeerNetwork {
  readonly #options: WireOptions;
  readonly #context: WireContext;
  readonly #tls: TlsMaterial | null;
  readonly #instances: Instances;
  readonly #links: Links;
  readonly #incoming = new Set<Incoming>();
  readonly #unreachable = new Set<PeerId>();
  #listener: PeerListener | null = null;
  #endpoint: PeerEndpoint | null = null;
  #port: number;
  #clusterId: string | null = null;
  #ticker: TimerHandle;
  #tickedMs: number;
  #isClosed = false;

  /** Throws when the TLS files cannot be read or used. */
  constructor(options: WireOptions, ports: WirePorts) {
    const limits: WireLimits = { ...defaultLimits, ...options.limits };
    const log = new QuietLog(ports.log, ports.clock, limits.logEveryMs);
    this.#options = options;
    this.#context = { ...ports, log, limits, counters: newCounters() };
    this.#tls = options.tls === null ? null : new TlsMaterial(options.tls, this.#context);
    this.#instances = new Instances(limits.fenceMs);
    this.#port = options.port;
    this.#links = new Links(
      {
        dial: (uri, purpose, expected) => this.#dial(uri, purpose, expected),
        opened: (connection) => this.#opened(connection),
        closed: (connection) => this.#forgetOutgoing(connection),
        unreachable: (peerId) => this.#tellUnreachable(peerId),
      },
      this.#context,
    );
    this.#tickedMs = ports.clock.monotonicMs();
    this.#ticker = this.#tickLater();
  }

  /** Rejects with a reason for people when the port cannot be had. */
  async listen(endpoint: PeerEndpoint): Promise<{ readonly port: number }> {
    assert(this.#listener === null, 'the wire listens once');
    this.#endpoint = endpoint;
    const { host, port } = this.#options;
    this.#listener = new PeerListener(
      { host, port, tls: this.#tls },
      {
        introduction: () => this.#introduction(),
        admit: (hello) => this.#admit(hello),
        accepted: (caller) => this.#accepted(caller, endpoint),
      },
      this.#context,
    );
    this.#port = await this.#listener.listen();
    return { port: this.#port };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#context.timers.clear(this.#ticker);
    const reason = 'this node stops';
    this.#links.close(reason);
    for (const incoming of this.#incoming) incoming.connection.close(reason);
    await this.#listener?.close();
  }

  metrics(): Readonly<WireCounters> {
    return { ...this.#context.counters };
  }

  send(to: PeerId, message: PeerMessage): void {
    if (this.#isClosed) return;
    if (this.#links.send(to, encodePeerMessage(message), replacedBy(message))) return;
    this.#context.counters.messagesDropped += 1;
    this.#tellUnreachable(to);
  }

  async call(
    to: { readonly peerId: PeerId } | { readonly uri: string },
    request: PeerRequest,
    timeoutMs: number,
  ): Promise<PeerAnswer> {
    if (this.#isClosed) throw new PeerUnreachable('this node stops');
    const body = encodePeerRequest(request);
    const answer = await this.#links.call(to, request.kind, body, timeoutMs);
    try {
      return decodePeerAnswer(answer);
    } catch (cause) {
      throw new PeerUnreachable('the answer cannot be read', { cause });
    }
  }

  async addressFault(uri: string): Promise<string | null> {
    const address = parseAddress(uri);
    if (address === null) return `${uri} is not an address of a peer`;
    if (address.isTls && this.#tls === null) {
      return `${uri} asks for TLS, which is not enabled on this node`;
    }
    return nameFault(address, this.#context.limits.connectMs);
  }

  useAddresses(addresses: ReadonlyMap<PeerId, string>): void {
    this.#links.useAddresses(addresses);
  }

  useCluster(clusterId: string | null): void {
    if (clusterId === this.#clusterId) return;
    this.#clusterId = clusterId;
    this.#links.renew();
    for (const incoming of this.#incoming) {
      if (incoming.clusterId === null) continue;
      const fault = this.#clusterFault(incoming.clusterId);
      if (fault !== null) incoming.connection.refuse(fault);
    }
  }

  failures(): ReadonlyMap<string, SendFailure> {
    return this.#links.failures();
  }

  #introduction(): Introduction {
    const { peerId, instanceId, uri, version } = this.#options;
    return { clusterId: this.#clusterId, peerId, instanceId, uri, version, port: this.#port };
  }

  async #dial(uri: string, purpose: Purpose, expected: PeerId | null): Promise<Dialed> {
    const address = parseAddress(uri);
    if (address === null) throw new DialError(`not an address of a peer: ${uri}`);
    const hello: Hello = { ...this.#introduction(), purpose, expectedPeerId: expected };
    const check = async (remote: Introduction): Promise<string | null> => {
      if (expected !== null && remote.peerId !== expected) {
        return `peer ${remote.peerId} lives at ${uri}, not peer ${expected}`;
      }
      if (remote.peerId === this.#options.peerId) return this.#ownIdentityFault(remote);
      if (hello.clusterId !== this.#clusterId) return 'this node introduces itself anew';
      const isFirst = await this.#instances.admits(remote.peerId, remote.instanceId);
      return isFirst ? null : identityInUse(remote.peerId);
    };
    return dial({ address, hello, tls: this.#tls, check }, this.#context);
  }

  #opened(connection: Connection): string | null {
    if (!this.#instances.add(connection)) return identityInUse(connection.remote.peerId);
    this.#context.counters.outgoingConnections += 1;
    return null;
  }

  #forgetOutgoing(connection: Connection): void {
    this.#instances.remove(connection);
    this.#context.counters.outgoingConnections -= 1;
  }

  /** Why a caller is not welcome. */
  async #admit(hello: Hello): Promise<string | null> {
    const { peerId } = this.#options;
    if (hello.peerId === peerId) return this.#ownIdentityFault(hello);
    if (hello.expectedPeerId !== null && hello.expectedPeerId !== peerId) {
      return `this is peer ${peerId}, not peer ${hello.expectedPeerId}`;
    }
    const fault = hello.clusterId === null ? null : this.#clusterFault(hello.clusterId);
    if (fault !== null) return fault;
    if (this.#incoming.size >= this.#context.limits.connectionsCountMax) {
      return 'too many connections';
    }
    const isFirst = await this.#instances.admits(hello.peerId, hello.instanceId);
    return isFirst ? null : identityInUse(hello.peerId);
  }

  #ownIdentityFault(other: Introduction): string {
    const { peerId, instanceId } = this.#options;
    if (other.instanceId === instanceId) return 'this address is the node’s own';
    return identityInUse(peerId);
  }

  #clusterFault(theirs: string): string | null {
    const own = this.#clusterId;
    if (own === theirs) return null;
    if (own === null) return `the node belongs to no cluster yet, the caller to ${theirs}`;
    return `the caller belongs to another cluster: ${theirs}, not ${own}`;
  }

  #accepted(caller: Caller, endpoint: PeerEndpoint): void {
    const owner = {
      ownPeerId: this.#options.peerId,
      endpoint,
      closed: (ended: Incoming) => this.#forgetIncoming(ended),
    };
    const incoming = new Incoming(caller, owner, this.#context);
    const { peerId } = caller.hello;
    this.#incoming.add(incoming);
    this.#context.counters.incomingConnections += 1;
    if (!this.#instances.add(incoming.connection)) {
      incoming.connection.refuse(identityInUse(peerId));
      return;
    }
    this.#closeLeftOvers(peerId);
    incoming.connection.start();
    this.#links.rouse(peerId);
  }

  #closeLeftOvers(peerId: PeerId): void {
    const ofPeer = [...this.#incoming].filter(
      ({ connection }) => connection.remote.peerId === peerId,
    );
    const surplusCount = ofPeer.length - this.#context.limits.connectionsPerPeerMax;
    for (const { connection } of ofPeer.slice(0, Math.max(0, surplusCount))) {
      connection.refuse('too many connections of one peer');
    }
  }

  #forgetIncoming(incoming: Incoming): void {
    if (!this.#incoming.delete(incoming)) return;
    this.#instances.remove(incoming.connection);
    this.#context.counters.incomingConnections -= 1;
    this.#context.counters.connectionsLost += 1;
  }

  /** Not at once: the endpoint may be in the middle of sending. Several at once are one. */
  #tellUnreachable(peerId: PeerId): void {
    if (this.#unreachable.has(peerId) || this.#endpoint === null) return;
    this.#unreachable.add(peerId);
    queueMicrotask(() => {
      this.#unreachable.delete(peerId);
      if (!this.#isClosed) this.#endpoint?.unreachable(peerId);
    });
  }

  #tickLater(): TimerHandle {
    const { pingIdleMs } = this.#context.limits;
    return this.#context.timers.setTimeout(() => this.#tick(), pingIdleMs / 4);
  }

  #tick(): void {
    const nowMs = this.#context.clock.monotonicMs();
    const { pingIdleMs } = this.#context.limits;
    // After a stop of the whole process, what the others said lies unread in the sockets.
    const stoodStill = nowMs - this.#tickedMs > pingIdleMs;
    this.#tickedMs = nowMs;
    if (stoodStill) this.#links.excuseSilence(nowMs);
    this.#links.tick(nowMs);
    for (const { connection } of this.#incoming) {
      if (stoodStill) connection.excuseSilence(nowMs);
      connection.tick(nowMs);
    }
    this.#ticker = this.#tickLater();
  }
}

/** Of these only the newest counts: the older ones that wait to be sent make room. */
function replacedBy(message: PeerMessage): string | null {
  if (message.kind === 'state_hash') return message.kind;
  if (message.kind === 'raft' && message.message.kind === 'heartbeat') return 'heartbeat';
  return null;
}
