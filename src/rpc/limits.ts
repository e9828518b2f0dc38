// Every bound of the wire between peers, with its reason. Tests make them smaller; a node takes the
// defaults, and from its configuration the deadline of connecting and the length of a queue.

import type { Purpose } from './codec/handshake.ts';

export interface WireLimits {
  /** `cluster.connection_timeout_ms`: name, TCP, TLS and handshake of an outgoing connection. */
  readonly connectMs: number;
  /** How long a caller may take to introduce itself. */
  readonly handshakeMs: number;
  /** Connections that have not introduced themselves; the oldest goes when there are more. */
  readonly strangersCountMax: number;
  /** All others that came in. */
  readonly connectionsCountMax: number;
  /** Of one peer that came in: two of its control and one of each worker, more are left-overs. */
  readonly connectionsPerPeerMax: number;
  /** The largest frame that is read. */
  readonly frameBytesMax: number;
  /** What is sent goes in frames of this size, each written in one piece; at least 4 KiB. */
  readonly chunkBytes: number;
  /** What is larger goes by bulk. */
  readonly controlBytesMax: number;
  /** The largest body that is read. A node that names no cluster has nothing long to say. */
  readonly bodyBytesMax: {
    readonly control: number;
    readonly bulk: number;
    readonly data: number;
    readonly stranger: number;
  };
  /** `cluster.consensus.max_message_queue_size`: messages that wait for one connection. */
  readonly queueCountMax: number;
  /** Bytes that wait for one connection. A single larger body still goes through. */
  readonly queueBytesMax: number;
  /** Calls of one connection that the other side works on; more wait here. */
  readonly callsCountMax: Readonly<Record<Purpose, number>>;
  /** Calls that wait here; more fail at once. */
  readonly callsWaitingMax: number;
  /**
   * Requests of one connection that are served at once; then it is not read until one is done.
   * More than `callsCountMax`, so that a caller of this version never stops its own messages.
   */
  readonly servedCountMax: Readonly<Record<Purpose, number>>;
  /** Silent for so long, a connection says that it lives. */
  readonly pingIdleMs: number;
  /** After the other side should have said something. */
  readonly pingPatienceMs: number;
  /** How long the holder of an identity has to prove that it lives. */
  readonly fenceMs: number;
  /** Nothing asked for so long, an outgoing connection is closed. */
  readonly unusedMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** The same line about the same address, at most once in this time. */
  readonly logEveryMs: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

export const defaultLimits: WireLimits = {
  connectMs: 2_000,
  handshakeMs: 5_000,
  strangersCountMax: 256,
  connectionsCountMax: 16_384,
  connectionsPerPeerMax: 1_024,
  frameBytesMax: 8 * MiB,
  chunkBytes: 256 * KiB,
  controlBytesMax: MiB,
  bodyBytesMax: { control: 64 * MiB, bulk: 1024 * MiB, data: 1024 * MiB, stranger: 64 * KiB },
  queueCountMax: 100,
  queueBytesMax: 64 * MiB,
  callsCountMax: { control: 128, bulk: 4, data: 256 },
  callsWaitingMax: 4_096,
  servedCountMax: { control: 256, bulk: 8, data: 512 },
  pingIdleMs: 1_000,
  pingPatienceMs: 2_000,
  fenceMs: 1_000,
  unusedMs: 60_000,
  backoffMinMs: 100,
  backoffMaxMs: 5_000,
  logEveryMs: 30_000,
};
