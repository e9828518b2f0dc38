// What a peer of a cluster offers to its API beyond the agreed state: where consensus stands, and
// the few requests that are not changes of the state. Every worker thread has one; control answers.

import type { PeerId } from '../base/ids.ts';
import type { SendFailure } from '../cluster/peer-network.ts';
import type { ClusterState } from '../model/cluster-state.ts';

export type ConsensusRole = 'Follower' | 'Candidate' | 'Leader' | 'PreCandidate';

/** `stopped`: this peer was removed. `failed`: a change could not be carried out; a restart may. */
export type ConsensusLoop =
  | { readonly kind: 'working'; readonly lastUpdateMs: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: string };

export interface ClusterStatus {
  /** A peer that was removed knows itself alone. */
  readonly peers: ClusterState['peers'];
  readonly term: number;
  readonly commit: number;
  /** Committed changes that this peer has not carried out yet. */
  readonly pendingCount: number;
  /** `null` until the first change of role since the start; `0n`: unknown at present. */
  readonly leader: PeerId | null;
  readonly role: ConsensusRole | null;
  readonly isVoter: boolean;
  readonly loop: ConsensusLoop;
  /** How often this peer's state was found to differ from the leader's; it should be never. */
  readonly stateMismatchCount: number;
  /** By address; an entry goes with the first success. */
  readonly sendFailures: ReadonlyMap<string, SendFailure>;
}

export interface ClusterAccess {
  /** From local knowledge only: never waits for another peer. */
  status(): Promise<ClusterStatus>;
  /** Asks the leader for its whole state; what comes of it is not waited for. */
  recover(): Promise<void>;
  /** Throws `RequestError` when it is refused, or not carried out in time. */
  removePeer(peerId: PeerId, timeoutMs: number): Promise<void>;
  /** True once this peer has caught up since its start; waits at most this long for that. */
  isReady(timeoutMs: number): Promise<boolean>;
  /** For people: how far the transfers are whose source is here, by collection uuid and serial. */
  transferComments(): Promise<ReadonlyMap<string, string>>;
  /** What `GET /telemetry` of every peer says, as JSON text; who does not answer is left out. */
  peerTelemetry(detailsLevel: number, timeoutMs: number): Promise<ReadonlyMap<PeerId, string>>;
}
