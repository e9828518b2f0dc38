// What a node of a cluster is started with, and what its owner keeps for it.

import type { PeerId } from '../base/ids.ts';
import type { Clock, Disk, Logger, Random, Timers } from '../io/ports.ts';
import type { Entry, HardState, Snapshot } from '../raft/messages.ts';
import type { SafetyRules } from '../raft/quorum.ts';
import type { PeerNetwork } from './peer-network.ts';
import type { DurableLog } from './raft-driver.ts';
import type { RaftLimits } from './timing.ts';

/** Who this storage belongs to. Addresses are written in one normal form (`http://host:port/`). */
export interface Identity {
  readonly peerId: PeerId;
  /** Once set it never goes: this node founds no other cluster. */
  readonly clusterId: string | null;
  readonly ownUri: string | null;
  /** All peers that were known last, this one too. */
  readonly addresses: ReadonlyMap<PeerId, string>;
}

/** Durable when `save` resolves. Calls of `save` never overlap. */
export interface IdentityStore {
  load(): Promise<Identity>;
  save(identity: Identity): Promise<void>;
}

export interface OpenedLog {
  readonly log: DurableLog & { close(): void | Promise<void> };
  readonly saved: {
    readonly hardState: HardState;
    readonly snapshot: Snapshot | null;
    readonly entries: readonly Entry[];
  };
}

export interface ClusterNodeOptions {
  /** `--uri`, in normal form. */
  readonly uri: string | null;
  /** `--bootstrap`, in normal form. */
  readonly bootstrap: string | null;
  readonly isReinit: boolean;
  /** Own port between peers, for who joins without `--uri`. */
  readonly p2pPort: number;
  /** What others reach each other by. */
  readonly scheme: 'http' | 'https';
  readonly version: string;
  /** Where the Raft log is. */
  readonly directory: string;
  readonly tickMs: number;
  /** Entries applied between two compactions; 0 = never. */
  readonly compactEntries: number;
  readonly inboxCountMax: number;
  /** Joining must succeed within this time. */
  readonly joinTimeoutMs: number;
  /** Only tests pass others. */
  readonly rules?: SafetyRules;
  readonly limits?: RaftLimits;
}

export interface ClusterNodePorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly disk: Disk;
  readonly log: Logger;
  readonly network: PeerNetwork;
  readonly identity: IdentityStore;
  /** Only tests pass another. */
  readonly openLog?: (directory: string) => Promise<OpenedLog>;
}

/** This node can be no part of a cluster as it was asked to; the process ends with code 101. */
export class ClusterStartError extends Error {
  override readonly name = 'ClusterStartError';
}
