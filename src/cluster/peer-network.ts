// Port: what the control plane asks of the wire between peers. `rpc` implements it with sockets,
// the simulator with a queue on virtual time. What comes in goes to `PeerEndpoint`, which a node
// offers.
//
// Messages may be lost, doubled, delayed and reordered. A call is answered once, or fails; a failed
// call may have been carried out all the same.

import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { Message, Proposal } from '../raft/messages.ts';

/** One way, best effort. */
export type PeerMessage =
  /** Never a snapshot: that one is a call, because its sender must learn whether it arrived. */
  | { readonly kind: 'raft'; readonly message: Message }
  /** To the leader of `term`: append these, unless their ids were appended in this term already. */
  | { readonly kind: 'forward'; readonly term: Term; readonly proposals: readonly Proposal[] }
  /** The sender's agreed state after `index` has this hash. */
  | { readonly kind: 'state_hash'; readonly index: LogIndex; readonly hash: string };

/** How each looks as bytes: docs/formats.md, "Between peers". */
export type PeerRequest =
  | {
      readonly kind: 'join';
      readonly peerId: PeerId;
      /** `null`: the receiver makes one from the caller's address and `port`. */
      readonly uri: string | null;
      readonly port: number;
      readonly version: string;
    }
  | { readonly kind: 'announce_uri'; readonly peerId: PeerId; readonly uri: string }
  | { readonly kind: 'who_is'; readonly peerId: PeerId }
  | { readonly kind: 'consensus_commit' }
  | {
      readonly kind: 'wait_on_commit';
      readonly index: LogIndex;
      readonly term: Term;
      readonly timeoutMs: number;
    }
  /** The whole agreed state as of the newest applied entry. */
  | { readonly kind: 'fetch_state' }
  | { readonly kind: 'install_snapshot'; readonly message: Message }
  /** JSON text of what `GET /telemetry` of that peer would say. */
  | { readonly kind: 'telemetry'; readonly detailsLevel: number; readonly timeoutMs: number }
  | { readonly kind: 'health' }
  /** To the replica of a shard; only who reads and changes shards knows what `data` says. */
  | {
      readonly kind: 'shard_call';
      /** Its uuid. */
      readonly collection: string;
      readonly shardId: number;
      readonly effect: 'read' | 'update';
      readonly data: Uint8Array;
    };

export type PeerAnswer =
  | {
      readonly kind: 'joined';
      readonly clusterId: string;
      /** Peer id → address, the new peer included. */
      readonly peers: ReadonlyMap<PeerId, string>;
    }
  | { readonly kind: 'address'; readonly uri: string | null }
  | { readonly kind: 'commit'; readonly index: LogIndex; readonly term: Term }
  | { readonly kind: 'done'; readonly ok: boolean }
  | { readonly kind: 'state'; readonly index: LogIndex; readonly data: Uint8Array }
  | { readonly kind: 'text'; readonly text: string }
  /** The other side understood and says no; `message` is for people. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'shard_answer'; readonly data: Uint8Array };

/** The call has no answer: not connected, refused at the handshake, past its deadline, cut off. */
export class PeerUnreachable extends Error {
  override readonly name = 'PeerUnreachable';
}

export interface SendFailure {
  readonly count: number;
  readonly latestError: string;
  readonly latestAtMs: number;
}

export interface PeerNetwork {
  /** Drops the message when the peer is not connected or its queue is full. */
  send(to: PeerId, message: PeerMessage): void;
  /** To a peer of the address book, or to an address whose peer id is not known yet. */
  call(
    to: { readonly peerId: PeerId } | { readonly uri: string },
    request: PeerRequest,
    timeoutMs: number,
  ): Promise<PeerAnswer>;
  /** Why nobody could be reached at this address from here, whoever is there; `null`: perhaps. */
  addressFault(uri: string): Promise<string | null>;
  /** Whom this peer talks to from now on; connections to others are closed once they are idle. */
  useAddresses(addresses: ReadonlyMap<PeerId, string>): void;
  /** `null` until this node knows its cluster. Connections of another cluster are refused. */
  useCluster(clusterId: string | null): void;
  /** By address; an entry goes with the first success. */
  failures(): ReadonlyMap<string, SendFailure>;
}

/** What a node offers to others. */
export interface PeerEndpoint {
  receive(from: PeerId, message: PeerMessage): void;
  /** `from` is `null` for who is no member yet; then only `join`, `who_is`, `health` are served. */
  serve(from: PeerId | null, request: PeerRequest, callerAddress: string): Promise<PeerAnswer>;
  /** Messages to this peer do not arrive at present. */
  unreachable(peerId: PeerId): void;
}
