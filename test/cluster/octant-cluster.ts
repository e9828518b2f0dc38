// A cluster of real processes on this machine: for tests, and for people who want to try one. Peers
// keep their directories and ports over restarts. Waiting is for a condition with a bound.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, OctantProcess } from '../process/octant-process.ts';
import { type RestAnswer, RestClient } from '../process/rest.ts';

export interface ClusterInfo {
  readonly status: 'enabled' | 'disabled';
  readonly peer_id: number;
  readonly peers: Readonly<Record<string, { readonly uri: string }>>;
  readonly raft_info: {
    readonly term: number;
    readonly commit: number;
    readonly pending_operations: number;
    readonly leader: number | null;
    readonly role: string | null;
    readonly is_voter: boolean;
  };
  readonly consensus_thread_status: { readonly consensus_thread_status: string };
  readonly message_send_failures: Readonly<Record<string, unknown>>;
}

export interface ClusterOptions {
  /** Made if missing; a temporary one when absent. `dispose` removes a temporary one. */
  readonly directory?: string;
  /** `QDRANT__…` variables of every peer. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Peers speak TLS with each other: the variables of each that name its certificate. */
  readonly peerEnvironment?: (index: number) => Readonly<Record<string, string>>;
  /** REST port of the first peer, the next ones follow; free ones when absent. */
  readonly firstPort?: number;
  /**
   * Where each peer lives, if not all on 127.0.0.1: its address, and the command that starts it.
   */
  readonly place?: (index: number) => PeerPlace;
}

export interface PeerPlace {
  readonly host: string;
  readonly wrapper: readonly string[];
}

const pollMs = 25;
/** From a peer's REST port to its port for other peers, where they are not left to chance. */
const peerPortOffset = 100;
const waitMsMax = 30_000;

/** One process, and calls to it. */
export class Peer {
  readonly process: OctantProcess;
  readonly uri: string;
  readonly #client: RestClient;

  constructor(process: OctantProcess, uri: string) {
    this.process = process;
    this.uri = uri;
    this.#client = new RestClient(process.port, process.host);
  }

  call(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    return this.#client.call(method, path, body);
  }

  /** The `result` of a call that must succeed. */
  result<Result>(method: string, path: string, body?: unknown): Promise<Result> {
    return this.#client.result(method, path, body);
  }

  /** `<status> <text of the error>` of a call that must fail. */
  async failure(method: string, path: string, body?: unknown): Promise<string> {
    const answer = await this.call(method, path, body);
    if (answer.status === 200) throw new Error(`${method} ${path} succeeded: ${answer.text}`);
    const { status } = answer.body as { readonly status?: { readonly error?: string } };
    return `${answer.status} ${status?.error ?? answer.text}`;
  }

  /** A metadata value is exact JSON and needs its content type. */
  async putMetadata(key: string, value: unknown, wait = true): Promise<RestAnswer> {
    return this.#client.send({
      method: 'PUT',
      path: `/cluster/metadata/keys/${key}?wait=${wait}`,
      body: JSON.stringify(value),
      headers: { 'content-type': 'application/json' },
    });
  }

  info(): Promise<ClusterInfo> {
    return this.result<ClusterInfo>('GET', '/cluster');
  }

  async collections(): Promise<readonly string[]> {
    const { collections } = await this.result<{
      readonly collections: readonly { readonly name: string }[];
    }>('GET', '/collections');
    return collections.map(({ name }) => name).toSorted();
  }

  closeConnections(): void {
    this.#client.close();
  }
}

export class OctantCluster {
  readonly directory: string;
  readonly peers: Peer[] = [];
  readonly #options: ClusterOptions;
  /** Each has a directory of its own, also after others were taken out of `peers`. */
  #createdCount = 0;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), 'octant-cluster-'));
    mkdirSync(this.directory, { recursive: true });
  }

  /** All of them are voters and ready when this resolves. */
  static async start(count: number, options: ClusterOptions = {}): Promise<OctantCluster> {
    const cluster = new OctantCluster(options);
    try {
      await (await cluster.addPeer()).process.start();
      const joining: Peer[] = [];
      while (cluster.peers.length < count) joining.push(await cluster.addPeer());
      await Promise.all(joining.map((peer) => peer.process.start()));
      await cluster.untilFormed();
      return cluster;
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
  }

  /** A further peer, not started yet; the first one founds the cluster. */
  async addPeer(given: { readonly uri?: string; readonly bootstrap?: Peer } = {}): Promise<Peer> {
    const index = this.#createdCount;
    this.#createdCount += 1;
    const bootstrap = given.bootstrap ?? this.peers[0];
    const { firstPort } = this.#options;
    const p2pPort = firstPort === undefined ? await freePort() : firstPort + peerPortOffset + index;
    const scheme = this.#options.peerEnvironment === undefined ? 'http' : 'https';
    const place = this.#options.place?.(index) ?? { host: '127.0.0.1', wrapper: [] };
    const uri = given.uri ?? `${scheme}://${place.host}:${p2pPort}/`;
    const process = await OctantProcess.create({
      ...place,
      directory: join(this.directory, `peer-${index + 1}`),
      ...(firstPort === undefined ? {} : { port: firstPort + index }),
      environment: {
        QDRANT__CLUSTER__ENABLED: 'true',
        QDRANT__CLUSTER__P2P__PORT: new URL(uri).port,
        QDRANT_URI: uri,
        QDRANT_BOOTSTRAP: bootstrap?.uri ?? '',
        ...this.#options.environment,
        ...this.#options.peerEnvironment?.(index),
      },
    });
    const peer = new Peer(process, uri);
    this.peers.push(peer);
    return peer;
  }

  peer(index: number): Peer {
    const peer = this.peers[index];
    if (peer === undefined) throw new Error(`there is no peer ${index}`);
    return peer;
  }

  running(): readonly Peer[] {
    return this.peers.filter(({ process }) => process.isRunning);
  }

  /** Every running peer knows the same leader and as many peers, and is a voter. */
  async untilFormed(peerCount = this.peers.length): Promise<void> {
    await until(async () => {
      const infos = await Promise.all(this.running().map((peer) => peer.info()));
      const [first] = infos;
      if (first === undefined) return 'no peer is running';
      const { leader } = first.raft_info;
      const isFormed = infos.every(
        (info) =>
          info.raft_info.is_voter &&
          (leader ?? 0) > 0 &&
          info.raft_info.leader === leader &&
          Object.keys(info.peers).length === peerCount,
      );
      return isFormed ? null : JSON.stringify(infos);
    }).catch((cause: unknown) => {
      const printed = this.peers.map(
        ({ uri, process }) => `${uri}\n${process.output.slice(-4000)}`,
      );
      throw new Error(`the cluster is not formed\n${printed.join('\n')}`, { cause });
    });
  }

  /** Waits for one. */
  async leader(): Promise<Peer> {
    let found: Peer | null = null;
    await until(async () => {
      for (const peer of this.running()) {
        const { raft_info } = await peer.info();
        if (raft_info.role === 'Leader') found = peer;
      }
      return found === null ? 'nobody leads' : null;
    });
    if (found === null) throw new Error('nobody leads');
    return found;
  }

  async stop(): Promise<void> {
    await Promise.all(this.peers.map(({ process }) => process.interrupt()));
  }

  async dispose(): Promise<void> {
    for (const peer of this.peers) peer.closeConnections();
    await Promise.all(this.peers.map(({ process }) => process.kill()));
    if (this.#options.directory === undefined) {
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}

/** A cluster for `body` alone. */
export async function withCluster(
  peerCount: number,
  body: (cluster: OctantCluster) => Promise<void>,
): Promise<void> {
  const cluster = await OctantCluster.start(peerCount);
  try {
    await body(cluster);
  } finally {
    await cluster.dispose();
  }
}

export async function idOf(peer: Peer): Promise<number> {
  return (await peer.info()).peer_id;
}

/** Of all points, exactly. */
export async function countPoints(peer: Peer, collection: string): Promise<number> {
  const path = `/collections/${collection}/points/count`;
  return (await peer.result<{ readonly count: number }>('POST', path, { exact: true })).count;
}

/** Until `look` gives `null`; what it gives else is told when the time is over. */
export async function until(
  look: () => Promise<string | null>,
  timeoutMs = waitMsMax,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const missing = await look().catch((error: unknown) => String(error));
    if (missing === null) return;
    if (performance.now() > deadlineMs) throw new Error(`not so within the time: ${missing}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
