// What a replica may do in each of its states. Every layer asks these questions here, so that no
// two of them have different opinions of a state.

import type { ReplicaState, ShardState } from './cluster-state.ts';

interface Abilities {
  /** Updates are sent to it, and it accepts them. */
  readonly takesUpdates: boolean;
  /** It accepts updates that a transfer replays. */
  readonly takesForcedUpdates: boolean;
  /** It answers reads of the cluster. */
  readonly isReadable: boolean;
  /** Source of transfers; the last such copy of a shard is protected. */
  readonly isActive: boolean;
  /** It may lead ordered writes; at least one success must be in such a state. */
  readonly isSourceOfTruth: boolean;
  /** It does not hold back `/readyz`. */
  readonly isHealthy: boolean;
}

function abilities(letters: string): Abilities {
  return {
    takesUpdates: letters.includes('U'),
    takesForcedUpdates: letters.includes('F'),
    isReadable: letters.includes('R'),
    isActive: letters.includes('A'),
    isSourceOfTruth: letters.includes('T'),
    isHealthy: letters.includes('H'),
  };
}

const abilitiesOf: Readonly<Record<ReplicaState, Abilities>> = {
  Active: abilities('UFRATH'),
  ReshardingScaleDown: abilities('UFRATH'),
  ActiveRead: abilities('UFRT'),
  Resharding: abilities('UFTH'),
  Partial: abilities('UF'),
  Initializing: abilities('UF'),
  Listener: abilities('UFH'),
  Recovery: abilities('F'),
  PartialSnapshot: abilities('F'),
  Dead: abilities(''),
  ManualRecovery: abilities('H'),
};

export function takesUpdates(state: ReplicaState): boolean {
  return abilitiesOf[state].takesUpdates;
}

export function takesForcedUpdates(state: ReplicaState): boolean {
  return abilitiesOf[state].takesForcedUpdates;
}

export function isReadable(state: ReplicaState): boolean {
  return abilitiesOf[state].isReadable;
}

export function isActive(state: ReplicaState): boolean {
  return abilitiesOf[state].isActive;
}

export function isSourceOfTruth(state: ReplicaState): boolean {
  return abilitiesOf[state].isSourceOfTruth;
}

export function isHealthy(state: ReplicaState): boolean {
  return abilitiesOf[state].isHealthy;
}

export function isReshardingState(state: ReplicaState): boolean {
  return state === 'Resharding' || state === 'ReshardingScaleDown';
}

/** The only active copy or, where none is active, one that will be or could be. */
export function isLastSourceOfTruth(shard: ShardState, peerId: bigint): boolean {
  const own = shard.replicas.get(peerId);
  if (own === undefined) return false;
  const activeCount = [...shard.replicas.values()].filter(isActive).length;
  if (activeCount === 0) return own === 'Initializing' || own === 'Listener';
  return activeCount === 1 && isActive(own);
}
