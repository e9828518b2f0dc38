// The one place where the agreed state changes: (state, command) → next state, or a refusal. Pure
// and total: equal input gives an equal result on every peer, and a command that cannot apply
// changes nothing. Values were validated where the request entered; here only what depends on the
// state is checked. Changes of the membership come through `membership-data`.

import { unreachable } from '../base/assert.ts';
import type { ClusterState, CollectionState } from '../model/cluster-state.ts';
import { changeAliases } from './apply-aliases.ts';
import { createCollection, deleteCollection, updateCollection } from './apply-collection.ts';
import { setReplicaState } from './apply-replica.ts';
import {
  abortNamedResharding,
  commitReadRing,
  commitWriteRing,
  finishResharding,
  startResharding,
} from './apply-resharding.ts';
import {
  createNamedVector,
  createPayloadIndex,
  deleteNamedVector,
  deletePayloadIndex,
} from './apply-schema.ts';
import { createShardKey, dropShardKey } from './apply-shard-key.ts';
import {
  abortNamedTransfer,
  finishTransfer,
  recoveryToPartial,
  restartTransfer,
  startTransfer,
} from './apply-transfer.ts';
import type { CollectionCommand, Command, ReplicaCommand, ShardingCommand } from './commands.ts';
import { applied, changeCollection, type Reduction, type Refusal } from './reduction.ts';

/** Applies one command. A refusal of `change_aliases` keeps the actions before the failing one. */
export function reduce(state: ClusterState, command: Command): Reduction {
  switch (command.kind) {
    case 'create_collection':
      return createCollection(state, command);
    case 'update_collection':
      return changeCollection(state, command.name, (one) => updateCollection(one, command));
    case 'delete_collection':
      return deleteCollection(state, command.name);
    case 'change_aliases':
      return changeAliases(state, command.actions);
    case 'create_payload_index':
      return changeCollection(state, command.collection, (one) =>
        createPayloadIndex(one, command.field, command.schema),
      );
    case 'delete_payload_index':
      return changeCollection(state, command.collection, (one) =>
        deletePayloadIndex(one, command.field),
      );
    case 'create_named_vector':
      return changeCollection(state, command.collection, (one) =>
        createNamedVector(one, command.vector, command.params),
      );
    case 'delete_named_vector':
      return changeCollection(state, command.collection, (one) =>
        deleteNamedVector(one, command.vector),
      );
    default:
      return reduceCluster(state, command);
  }
}

function reduceCluster(
  state: ClusterState,
  command: Exclude<Command, CollectionCommand>,
): Reduction {
  switch (command.kind) {
    case 'update_peer_metadata': {
      const peer = state.peers.get(command.peerId);
      // A peer that was removed meanwhile stays forgotten.
      if (peer === undefined || peer.version === command.version) return applied(state, state);
      const updated = { ...peer, version: command.version };
      return applied({ ...state, peers: new Map(state.peers).set(command.peerId, updated) }, state);
    }
    case 'update_cluster_metadata':
      return updateClusterMetadata(state, command.key, command.value);
    case 'nop':
      return applied(state, state);
    default:
      return changeCollection(state, command.collection, (collection) =>
        reducePlacement(state, collection, command),
      );
  }
}

/** Where the points of a collection are: replicas, transfers, shards. */
function reducePlacement(
  state: ClusterState,
  collection: CollectionState,
  command: ReplicaCommand | ShardingCommand,
): CollectionState | Refusal {
  switch (command.kind) {
    case 'set_replica_state':
      return setReplicaState(state, collection, command);
    case 'start_transfer':
      return startTransfer(state, collection, command.transfer);
    case 'restart_transfer':
      return restartTransfer(state, collection, command);
    case 'finish_transfer':
      return finishTransfer(collection, command);
    case 'recovery_to_partial':
      return recoveryToPartial(collection, command);
    case 'abort_transfer':
      return abortNamedTransfer(collection, command);
    default:
      return reduceSharding(state, collection, command);
  }
}

function reduceSharding(
  state: ClusterState,
  collection: CollectionState,
  command: ShardingCommand,
): CollectionState | Refusal {
  switch (command.kind) {
    case 'start_resharding':
      return startResharding(state, collection, command.key);
    case 'commit_read_hash_ring':
      return commitReadRing(collection, command.key);
    case 'commit_write_hash_ring':
      return commitWriteRing(collection, command.key);
    case 'finish_resharding':
      return finishResharding(collection, command.key);
    case 'abort_resharding':
      return abortNamedResharding(collection, command.key);
    case 'create_shard_key':
      return createShardKey(state, collection, command);
    case 'drop_shard_key':
      return dropShardKey(collection, command.shardKey);
    default:
      return unreachable(command);
  }
}

function updateClusterMetadata(state: ClusterState, key: string, value: string | null): Reduction {
  if ((state.metadata.get(key) ?? null) === value) return applied(state, state);
  const metadata = new Map(state.metadata);
  if (value === null) metadata.delete(key);
  else metadata.set(key, value);
  return applied({ ...state, metadata }, state);
}
