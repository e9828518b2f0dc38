// Decisions about the replicas of one shard, as pure functions: which of them a write and a read go
// to, what their answers come to, and which of them can no longer count as equal to the others.
// What follows from a decision is done by `ReplicatedShard` and who uses it.

import { comparePeerIds, type PeerId } from '../base/ids.ts';
import type { ReplicaState } from '../model/cluster-state.ts';
import {
  isActive,
  isReadable,
  isReshardingState,
  isSourceOfTruth,
  takesUpdates,
} from '../model/replica-rules.ts';
import { errorPrefixes, type RequestErrorCode } from '../model/request-error.ts';
import type { UpdateOutcome } from '../shard/update-outcome.ts';
import type { ReadConsistency, WriteOrdering } from './shard-access.ts';

/** One shard as this peer sees it at the moment. */
export interface ReplicaSetView {
  readonly shardId: number;
  readonly ownPeerId: PeerId;
  readonly replicas: ReadonlyMap<PeerId, ReplicaState>;
  /** Replicas that failed here: not used until the cluster has agreed on their state. */
  readonly disabled: ReadonlySet<PeerId>;
}

// --- reads

export type ReadPlan =
  | {
      readonly kind: 'ask';
      /** In the order in which they are to be asked. */
      readonly peers: readonly PeerId[];
      /** So many answers make the result. */
      readonly required: number;
      /** What so many of the answers have in common is kept. */
      readonly kept: number;
    }
  /** Only replicas that were just created: there is nothing to read yet. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'refused'; readonly message: string };

/** `shuffle` gives the readable peers, this one left out, in the order in which to ask them. */
export function planRead(
  view: ReplicaSetView,
  consistency: ReadConsistency,
  shuffle: (peers: PeerId[]) => readonly PeerId[],
): ReadPlan {
  const { replicas, disabled, ownPeerId, shardId } = view;
  const readable: PeerId[] = [];
  let newCount = 0;
  for (const [peerId, state] of replicas) {
    if (state === 'Initializing') newCount += 1;
    if (isReadable(state) && !disabled.has(peerId)) readable.push(peerId);
  }
  const { required, kept } = wanted(consistency, replicas.size);
  if (readable.length + newCount < required || replicas.size === 0) {
    const message =
      `The replica set for shard ${shardId} on peer ${ownPeerId} ` +
      'does not have enough active replicas';
    return { kind: 'refused', message };
  }
  if (readable.length === 0) return { kind: 'empty' };
  const others = shuffle(readable.filter((peerId) => peerId !== ownPeerId));
  const peers = readable.includes(ownPeerId) ? [ownPeerId, ...others] : others;
  const possible = Math.min(required, peers.length);
  return { kind: 'ask', peers, required: possible, kept: Math.min(kept, possible) };
}

function wanted(
  consistency: ReadConsistency,
  count: number,
): { readonly required: number; readonly kept: number } {
  const most = Math.floor(count / 2) + 1;
  if (consistency === 'majority') return { required: count, kept: most };
  if (consistency === 'all') return { required: count, kept: count };
  const required =
    consistency === 'quorum' ? most : Math.max(1, Math.min(consistency, Math.max(1, count)));
  return { required, kept: required };
}

/** Another replica, or the same one later, may answer differently. */
export function isTransient(code: RequestErrorCode): boolean {
  switch (code) {
    case 'internal':
    case 'timeout':
    case 'precondition_failed':
    case 'unavailable':
      return true;
    default:
      return false;
  }
}

export function readFailure(
  failures: readonly { readonly code: RequestErrorCode; readonly message: string }[],
  required: number,
): string {
  const lines = failures.map(({ code, message }) => `\n  ${errorPrefixes[code]}${message}`);
  return `${failures.length} of ${required} read operations failed:${lines.join('')}`;
}

// --- writes

/** `null`: no replica may lead. */
export function leaderOf(
  view: ReplicaSetView,
  ordering: Exclude<WriteOrdering, 'weak'>,
): PeerId | null {
  const { replicas, disabled } = view;
  let leader: PeerId | null = null;
  for (const [peerId, state] of replicas) {
    if (ordering === 'medium' && (!isSourceOfTruth(state) || disabled.has(peerId))) continue;
    if (leader === null || comparePeerIds(peerId, leader) > 0) leader = peerId;
  }
  return leader;
}

/** Who gets the update; empty when nobody can. */
export function updateTargets({ replicas, disabled }: ReplicaSetView): readonly PeerId[] {
  return [...replicas].flatMap(([peerId, state]) =>
    takesUpdates(state) && !disabled.has(peerId) ? [peerId] : [],
  );
}

export interface ReplicaOutcome {
  readonly peerId: PeerId;
  readonly outcome: UpdateOutcome;
}

type Failed = Extract<UpdateOutcome, { readonly status: 'failed' }>;

export interface WriteDecision {
  readonly outcome: UpdateOutcome;
  /** Must not be used any more: they lack what others have. */
  readonly deactivated: readonly PeerId[];
  /** The answer has to wait until the cluster has agreed on that. */
  readonly mustAgree: boolean;
}

export interface WriteRules {
  readonly writeConsistencyFactor: number;
  /** A point that is missing is a replica's fault only where it must exist. */
  readonly isUpdateOnly: boolean;
}

/** What the answers of all replicas that were asked, at least one, come to. */
export function decideWrite(
  view: ReplicaSetView,
  outcomes: readonly ReplicaOutcome[],
  rules: WriteRules,
): WriteDecision {
  const { replicas } = view;
  const failed = outcomes.filter(isFailure);
  const succeeded = outcomes.filter((one) => one.outcome.status !== 'failed');
  const need = Math.min(rules.writeConsistencyFactor, replicas.size);
  const [first] = failed;
  if (first !== undefined && succeeded.length < Math.max(1, need)) {
    const resharding = failed.filter(({ peerId }) => {
      const state = replicas.get(peerId);
      return state !== undefined && isReshardingState(state);
    });
    const deactivated = succeeded.length === 0 ? [] : resharding.map(({ peerId }) => peerId);
    return { outcome: first.outcome, deactivated, mustAgree: false };
  }
  const isCompleted = succeeded.some(({ outcome }) => outcome.status === 'completed');
  const blamed = failed.filter(
    ({ peerId, outcome }) =>
      (isCompleted || isTransient(outcome.code)) &&
      isBlamed(replicas.get(peerId), outcome, rules.isUpdateOnly),
  );
  const deactivated = blamed.map(({ peerId }) => peerId);
  const mustAgree = deactivated.length > 0;
  const isSafe = succeeded.some(({ peerId }) => {
    const state = replicas.get(peerId);
    return state !== undefined && isSourceOfTruth(state);
  });
  if (isSafe) return { outcome: mergedOutcome(succeeded), deactivated, mustAgree };
  const reason =
    first === undefined ? '' : `${errorPrefixes[first.outcome.code]}${first.outcome.message}`;
  return {
    outcome: {
      status: 'failed',
      operationId: null,
      code: 'internal',
      message:
        'Failed to apply operation to at least one `Active` replica. ' +
        `Consistency of this update is not guaranteed. Please retry. ${reason}`.trimEnd(),
    },
    deactivated,
    mustAgree,
  };
}

function isFailure(
  one: ReplicaOutcome,
): one is { readonly peerId: PeerId; readonly outcome: Failed } {
  return one.outcome.status === 'failed';
}

/** Does this failure make the replica differ from the others for good? */
function isBlamed(
  state: ReplicaState | undefined,
  failure: Failed,
  isUpdateOnly: boolean,
): boolean {
  const isMissingPoint = failure.code === 'not_found';
  if (isMissingPoint && isUpdateOnly) return false;
  switch (state) {
    case undefined:
    case 'Dead':
    case 'Listener':
    case 'ManualRecovery':
      return false;
    case 'Active':
    case 'Initializing':
      return true;
    default:
      // It may not know its state yet, and what it lacks may still come with the transfer.
      return failure.code !== 'precondition_failed' && !isMissingPoint;
  }
}

const statusRanks = { acknowledged: 0, completed: 1, wait_timeout: 2, failed: 3 } as const;

/** The highest status, and everything else from the highest peer. */
function mergedOutcome(succeeded: readonly ReplicaOutcome[]): UpdateOutcome {
  let status: UpdateOutcome['status'] = 'acknowledged';
  let source: ReplicaOutcome | null = null;
  for (const one of succeeded) {
    if (statusRanks[one.outcome.status] > statusRanks[status]) status = one.outcome.status;
    if (source === null || comparePeerIds(one.peerId, source.peerId) > 0) source = one;
  }
  return { ...source?.outcome, status } as UpdateOutcome;
}

/**
 * Which of these replicas this peer may stop using at once: never the last that is active, without
 * which nobody could be asked.
 */
export function mayDisable(view: ReplicaSetView, peerId: PeerId): boolean {
  const state = view.replicas.get(peerId);
  if (state === undefined || !(isActive(state) || state === 'Resharding')) return true;
  for (const [other, otherState] of view.replicas) {
    if (other === peerId || view.disabled.has(other)) continue;
    if (isActive(otherState) || otherState === 'Resharding') return true;
  }
  return false;
}

/** What a proposal to deactivate a replica of this state names as its state. */
export function observedState(state: ReplicaState): ReplicaState | null {
  switch (state) {
    case 'Active':
    case 'Initializing':
    case 'Resharding':
    case 'ReshardingScaleDown':
      return state;
    default:
      return null;
  }
}
