// Every number of ticks that the control plane lives by, and why.
//
// Elections: random 10 … 19 ticks, that is 1 … 2 s. Twice as fast as 20 … 39, so that killing a
// leader costs about two seconds; safe against needless elections because a heartbeat goes out
// every 2 ticks (five may be lost in a row), because who hears a leader refuses to vote (pre-vote
// and check-quorum), because a stall is reported as few ticks, and because a busy disk does not
// silence a peer.

import type { PeerId } from '../base/ids.ts';
import type { RaftOptions } from '../raft/state.ts';

export const heartbeatTicks = 2;
const electionTicks = 10;

/** Between two looks at the clock of a peer in a calm cluster: as often as heartbeats come. */
export const restTicks = 2;

/** A leader that was silent for longer may be lost, and from there on every tick counts. */
export const restSilenceTicksMax = 2 * heartbeatTicks;

/** Of one look at the clock: a stall alone must not look like the silence of a leader. */
export const reportedTicksMax = electionTicks - 5;

/** So long a peer with a busy disk says that it lives; then others should do without it. */
export const silenceWhileBusyTicksMax = 50;

/** A proposal that has not come back is sent again, within its term. */
export const resendTicks = 10;

/** So long without a leader makes a peer ask whether it was removed. */
export const askAfterSilenceTicks = 3 * electionTicks;

/** At most so often a peer says its version. */
export const publishTicks = 600;

/** How often the leader hashes a state that changed. */
export const hashTicks = 10;

const MiB = 1024 * 1024;

/** What the simulator makes as small as can be. */
export interface RaftLimits extends Pick<RaftOptions, 'appendBytesMax' | 'inflightCountMax'> {
  /** Entries that stay in memory after they were compacted on disk. */
  readonly keptEntryCount: number;
}

export const usualLimits: RaftLimits = {
  appendBytesMax: MiB,
  inflightCountMax: 64,
  keptEntryCount: 256,
};

export function raftOptions(id: PeerId, seed: number, limits: RaftLimits): RaftOptions {
  return {
    id,
    electionTicks,
    heartbeatTicks,
    preVote: true,
    checkQuorum: true,
    ownRemoval: 'hands_over',
    validatesMembership: true,
    appendBytesMax: limits.appendBytesMax,
    inflightCountMax: limits.inflightCountMax,
    committedBytesMax: MiB,
    uncommittedBytesMax: 64 * MiB,
    seed,
  };
}
