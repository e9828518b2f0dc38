// Every change to what all peers agree on, as one tagged union. A command is data: it is checked
// and applied by `cluster/reducer`, the same way on every peer. Names in commands are as the user
// gave them; the reducer resolves aliases where the API allows them.

import type { PeerId } from '../base/ids.ts';
import type {
  ReplicaState,
  ReshardingKey,
  ShardKeyValue,
  ShardTransfer,
  ShardTransferKey,
  TransferMethod,
} from '../model/cluster-state.ts';
import type {
  CollectionConfig,
  HnswConfigDiff,
  OptimizerConfig,
  QuantizationConfig,
  VectorParams,
} from '../model/collection-config.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';

export type AliasAction =
  | { readonly kind: 'create'; readonly alias: string; readonly collection: string }
  | { readonly kind: 'delete'; readonly alias: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string };

/** Changes to one vector's own settings; absent members stay as they are. */
export interface VectorParamsPatch {
  readonly hnsw_config?: HnswConfigDiff;
  readonly quantization_config?: QuantizationConfig | 'Disabled';
  readonly on_disk?: boolean;
}

/** What `PATCH /collections/{c}` may change; absent members stay as they are. */
export interface CollectionPatch {
  readonly vectors?: ReadonlyMap<string, VectorParamsPatch>;
  readonly optimizers?: Partial<OptimizerConfig>;
  readonly params?: {
    readonly replication_factor?: number;
    readonly write_consistency_factor?: number;
    readonly read_fan_out_factor?: number;
    readonly read_fan_out_delay_ms?: number;
    readonly on_disk_payload?: boolean;
  };
  readonly hnsw?: HnswConfigDiff;
  readonly quantization?: QuantizationConfig | 'Disabled';
  /** JSON text of an object: its members replace those stored. */
  readonly strictMode?: string;
  /** JSON text of an object, merged at the top level; a member `null` removes that key. */
  readonly metadata?: string;
}

/** Which peers hold which shard. The peer that takes a request decides; nobody decides again. */
export type ShardDistribution = readonly (readonly [number, readonly PeerId[]])[];

export interface ReplicaRef {
  readonly shardId: number;
  readonly peerId: PeerId;
}

/** Collections, their aliases and what they consist of. */
export type CollectionCommand =
  | {
      readonly kind: 'create_collection';
      readonly name: string;
      readonly uuid: string;
      readonly config: CollectionConfig;
      /** Ascending shard ids; empty with custom sharding. */
      readonly distribution: ShardDistribution;
      /** A node that stands alone has nobody to wait for: `Active`. */
      readonly initialState: ReplicaState;
      /** `null` = no bound on the number of collections. */
      readonly collectionCountMax: number | null;
    }
  | {
      readonly kind: 'update_collection';
      readonly name: string;
      readonly patch: CollectionPatch;
      readonly replicaRemovals?: readonly ReplicaRef[];
    }
  | { readonly kind: 'delete_collection'; readonly name: string }
  | { readonly kind: 'change_aliases'; readonly actions: readonly AliasAction[] }
  | {
      readonly kind: 'create_payload_index';
      readonly collection: string;
      readonly field: string;
      readonly schema: PayloadFieldSchema;
    }
  | {
      readonly kind: 'delete_payload_index';
      readonly collection: string;
      readonly field: string;
    }
  | {
      readonly kind: 'create_named_vector';
      readonly collection: string;
      readonly vector: string;
      readonly params: VectorParams;
    }
  | {
      readonly kind: 'delete_named_vector';
      readonly collection: string;
      readonly vector: string;
    };

/**
 * Copies of shards: their states, and the transfers between peers. A `serial` that is not the
 * running transfer's makes a refusal; `null` means whichever runs.
 */
export type ReplicaCommand =
  | {
      readonly kind: 'set_replica_state';
      readonly collection: string;
      readonly shardId: number;
      readonly peerId: PeerId;
      readonly state: ReplicaState;
      /** Not `null`: refused unless this is the state now. */
      readonly fromState: ReplicaState | null;
    }
  | {
      readonly kind: 'start_transfer';
      readonly collection: string;
      readonly transfer: Omit<ShardTransfer, 'serial'>;
    }
  | {
      /** Abort and start in one; keeps `sync`. */
      readonly kind: 'restart_transfer';
      readonly collection: string;
      readonly key: ShardTransferKey;
      readonly serial: number | null;
      readonly method: TransferMethod;
    }
  | {
      readonly kind: 'finish_transfer';
      readonly collection: string;
      readonly key: ShardTransferKey;
      readonly serial: number | null;
    }
  | {
      readonly kind: 'recovery_to_partial';
      readonly collection: string;
      readonly key: ShardTransferKey;
      readonly serial: number | null;
    }
  | {
      readonly kind: 'abort_transfer';
      readonly collection: string;
      readonly key: ShardTransferKey;
      readonly serial: number | null;
      /** For people. */
      readonly reason: string;
    };

/** The number of shards and their keys. */
export type ShardingCommand =
  | {
      readonly kind:
        | 'start_resharding'
        | 'commit_read_hash_ring'
        | 'commit_write_hash_ring'
        | 'finish_resharding'
        | 'abort_resharding';
      readonly collection: string;
      readonly key: ReshardingKey;
    }
  | {
      readonly kind: 'create_shard_key';
      readonly collection: string;
      readonly shardKey: ShardKeyValue;
      /** One list of peers for each shard of the key. */
      readonly placement: readonly (readonly PeerId[])[];
      /** `null` = `Initializing`. */
      readonly initialState: ReplicaState | null;
    }
  | {
      readonly kind: 'drop_shard_key';
      readonly collection: string;
      readonly shardKey: ShardKeyValue;
    };

type ClusterCommand =
  | {
      readonly kind: 'update_peer_metadata';
      readonly peerId: PeerId;
      readonly version: string;
    }
  | {
      readonly kind: 'update_cluster_metadata';
      readonly key: string;
      /** JSON text; `null` deletes the key. */
      readonly value: string | null;
    }
  /** Changes nothing; what it is answered with says that the log moves on. */
  | { readonly kind: 'nop'; readonly token: string };

export type Command = CollectionCommand | ReplicaCommand | ShardingCommand | ClusterCommand;
