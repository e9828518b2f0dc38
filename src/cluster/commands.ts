// Every change to what all peers agree on, as one tagged union. A command is data: it is checked
// and applied by `cluster/reducer`, the same way on every peer. Names in commands are as the user
// gave them; the reducer resolves aliases where the API allows them.

import type {
  CollectionConfig,
  HnswConfigDiff,
  OptimizerConfig,
  QuantizationConfig,
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

export type Command =
  | {
      readonly kind: 'create_collection';
      readonly name: string;
      readonly uuid: string;
      readonly config: CollectionConfig;
      /** `null` = no bound on the number of collections. */
      readonly collectionCountMax: number | null;
    }
  | {
      readonly kind: 'update_collection';
      readonly name: string;
      readonly patch: CollectionPatch;
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
    };
