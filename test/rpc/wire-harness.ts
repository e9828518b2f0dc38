// Wires on real sockets of this machine for tests: endpoints that remember, logs that are kept, and
// waiting for conditions with a bound instead of sleeping.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { PeerId } from '../../src/base/ids.ts';
import type {
  PeerAnswer,
  PeerEndpoint,
  PeerMessage,
  PeerRequest,
} from '../../src/cluster/peer-network.ts';
import { NativeClock, NativeRandom, NativeTimers } from '../../src/io/native/native-clock.ts';
import type { Logger } from '../../src/io/ports.ts';
import type { WireLimits } from '../../src/rpc/limits.ts';
import { PeerWire } from '../../src/rpc/peer-wire.ts';
import type { TlsPaths } from '../../src/rpc/tls-material.ts';

const waitMs = 10_000;

/** Resolves once `condition` holds; looks again whenever the event loop has turned. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + waitMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited ${waitMs} ms for: ${what}`);
    await delay(1);
  }
}

export class KeptLog implements Logger {
  readonly lines: string[] = [];

  debug(message: string): void {
    this.lines.push(message);
  }

  info(message: string): void {
    this.lines.push(message);
  }

  warn(message: string): void {
    this.lines.push(message);
  }

  error(message: string): void {
    this.lines.push(message);
  }

  async says(pattern: RegExp): Promise<void> {
    await until(
      () => this.lines.some((line) => pattern.test(line)),
      `${pattern} in the log; it says: ${this.lines.join(' | ')}`,
    );
  }
}

type Serve = (request: PeerRequest, from: PeerId | null) => Promise<PeerAnswer> | PeerAnswer;

export class KeepingEndpoint implements PeerEndpoint {
  readonly received: { readonly from: PeerId; readonly message: PeerMessage }[] = [];
  readonly served: {
    readonly from: PeerId | null;
    readonly request: PeerRequest;
    readonly callerAddress: string;
  }[] = [];
  readonly unreachablePeers: PeerId[] = [];
  answer: Serve = () => ({ kind: 'done', ok: true });

  receive(from: PeerId, message: PeerMessage): void {
    this.received.push({ from, message });
  }

  async serve(
    from: PeerId | null,
    request: PeerRequest,
    callerAddress: string,
  ): Promise<PeerAnswer> {
    this.served.push({ from, request, callerAddress });
    return await this.answer(request, from);
  }

  unreachable(peerId: PeerId): void {
    this.unreachablePeers.push(peerId);
  }
}

export interface NodeOptions {
  readonly peerId: PeerId;
  readonly clusterId?: string | null;
  readonly port?: number;
  readonly tls?: TlsPaths | null;
  readonly limits?: Partial<WireLimits>;
  readonly host?: string;
}

/** Short enough for tests, long enough for a busy machine. */
const testLimits: Partial<WireLimits> = { backoffMinMs: 5, backoffMaxMs: 40 };

export class TestNode {
  readonly peerId: PeerId;
  readonly wire: PeerWire;
  readonly endpoint = new KeepingEndpoint();
  readonly log = new KeptLog();
  readonly #scheme: 'http' | 'https';
  port = 0;

  constructor(options: NodeOptions) {
    this.peerId = options.peerId;
    const tls = options.tls ?? null;
    this.#scheme = tls === null ? 'http' : 'https';
    this.wire = new PeerWire(
      {
        peerId: options.peerId,
        instanceId: randomUUID(),
        uri: null,
        version: '1.0.0',
        host: options.host ?? '127.0.0.1',
        port: options.port ?? 0,
        tls,
        limits: { ...testLimits, ...options.limits },
      },
      {
        clock: new NativeClock(),
        timers: new NativeTimers(),
        random: new NativeRandom(),
        log: this.log,
      },
    );
    this.wire.useCluster(options.clusterId === undefined ? 'cluster-a' : options.clusterId);
  }

  get uri(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/`;
  }

  async listen(): Promise<void> {
    const { port } = await this.wire.listen(this.endpoint);
    this.port = port;
  }

  knows(...others: readonly TestNode[]): void {
    this.wire.useAddresses(new Map(others.map(({ peerId, uri }) => [peerId, uri])));
  }
}

/** Starts nodes, and ends them with the test. */
export class TestNodes implements AsyncDisposable {
  readonly #nodes: TestNode[] = [];
  /** The event loop must not run dry while a test waits for a socket of its own. */
  readonly #alive = setInterval(() => {}, 1_000);

  async start(options: NodeOptions): Promise<TestNode> {
    const node = new TestNode(options);
    this.#nodes.push(node);
    await node.listen();
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#alive);
    await Promise.all(this.#nodes.map(({ wire }) => wire.close()));
  }
}

export function heartbeat(from: PeerId, to: PeerId, commitIndex: number): PeerMessage {
  const message = { kind: 'heartbeat', from, to, term: 3, commitIndex, readSequence: 0 } as const;
  return { kind: 'raft', message };
}

/** Unlike heartbeats these never replace each other. */
export function vote(from: PeerId, to: PeerId, lastIndex: number): PeerMessage {
  const body = { kind: 'vote_request', vote: 'vote', lastTerm: 2, isTransfer: false } as const;
  return { kind: 'raft', message: { ...body, from, to, term: 3, lastIndex } };
}
