// Changes of single replicas: their states, and their removal. Both end the transfers that they
// make pointless.

import type { PeerId } from '../base/ids.ts';
import type { ClusterState, CollectionState, ReplicaState } from '../model/cluster-state.ts';
import { isActive, isLastSourceOfTruth, isReshardingState } from '../model/replica-rules.ts';
import { abortResharding, abortTransfersOfReplica } from './apply-abort.ts';
import type { Command, ReplicaRef } from './commands.ts';
import { badRequest, isMember, type Refusal, refusal } from './reduction.ts';
import { replicaState, withoutReplica, withReplica } from './replica-edits.ts';

type SetReplicaState = Extract<Command, { readonly kind: 'set_replica_state' }>;

export function setReplicaState(
  state: ClusterState,
  collection: CollectionState,
  command: SetReplicaState,
): CollectionState | Refusal {
  const { shardId, peerId, state: wanted } = command;
  const fault = stateFault(state, collection, command);
  if (fault !== null) return fault;
  const current = collection.shards.get(shardId)?.replicas.get(peerId);
  // A late report of a replica that is gone must not bring it back, to be filled again by itself.
  if (wanted === 'Dead' && current === undefined) return collection;
  // First the resharding: a crash between the two must not leave one with a dead replica.
  const settled =
    wanted === 'Dead' && current !== undefined && isReshardingState(current)
      ? abortResharding(collection)
      : collection;
  // The shard that was to be added is gone with its resharding, and the replica with it.
  if (settled.shards.get(shardId)?.replicas.has(peerId) !== true && settled !== collection) {
    return settled;
  }
  const next = withReplica(settled, { shardId, peerId }, wanted);
  return wanted === 'Dead' ? abortTransfersOfReplica(next, { shardId, peerId }) : next;
}

function stateFault(
  state: ClusterState,
  collection: CollectionState,
  command: SetReplicaState,
): Refusal | null {
  const { shardId, peerId, state: wanted, fromState } = command;
  const shard = collection.shards.get(shardId);
  if (shard === undefined) return refusal('not_found', `Shard ${shardId} not found`);
  const current = shard.replicas.get(peerId);
  if (current === undefined && !isMember(state, peerId)) {
    return refusal('wrong_input', `Peer ${peerId} does not exist`);
  }
  if (fromState !== null && current !== fromState) {
    return refusal('wrong_input', staleReport(shardId, peerId, { current, fromState }));
  }
  if (current === wanted || isActive(wanted) || !isLastSourceOfTruth(shard, peerId)) return null;
  const text = `Cannot deactivate the last active replica ${peerId} of shard ${shardId}`;
  return refusal('wrong_input', text);
}

function staleReport(
  shardId: number,
  peerId: PeerId,
  states: { readonly current: ReplicaState | undefined; readonly fromState: ReplicaState },
): string {
  const { current, fromState } = states;
  return (
    `Replica ${peerId} of shard ${shardId} has state ${current ?? 'None'}, ` +
    `but expected ${fromState}`
  );
}

/** What a user asks for: never the last copy. */
export function removeReplica(
  collection: CollectionState,
  replica: ReplicaRef,
): CollectionState | Refusal {
  const { shardId, peerId } = replica;
  if (!collection.shards.has(shardId)) {
    return badRequest(`Shard ${shardId} of ${collection.name} does not exist`);
  }
  if (replicaState(collection, replica) === null) {
    return badRequest(`Peer ${peerId} has no replica of shard ${shardId}`);
  }
  const rest = abortTransfersOfReplica(collection, replica);
  // The end of its transfers may take other copies away, too.
  const fault = lastCopyFault(collection, replica) ?? lastCopyFault(rest, replica);
  return fault ?? withoutReplica(rest, replica);
}

function lastCopyFault(collection: CollectionState, replica: ReplicaRef): Refusal | null {
  const { shardId, peerId } = replica;
  const shard = collection.shards.get(shardId);
  const state = shard?.replicas.get(peerId);
  if (shard === undefined || state === undefined) return null;
  const activeCount = [...shard.replicas.values()].filter(isActive).length;
  if (shard.replicas.size > 1 && (!isActive(state) || activeCount > 1)) return null;
  return badRequest(
    `Shard ${shardId} must have at least one active replica after removing ${peerId}`,
  );
}
