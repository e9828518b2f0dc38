// The changes a shard can be asked to make, decoded. An update is encoded once, where the request
// enters (`model/update-codec.ts`); those bytes go to the log and to every replica, and applying
// them again gives the same state. Filters travel as their JSON text.

import type { PayloadFieldSchema } from './payload-schema.ts';
import type { PointId } from './point-id.ts';

/** The values of one vector name for a batch of points. */
export interface VectorColumn {
  readonly name: string;
  readonly dimension: number;
  /** Per point of the batch: row in `data`, or −1 for a point without this vector. */
  readonly rows: Int32Array;
  /** rowCount × dimension, ready to store (a Cosine vector is already normalised). */
  readonly data: Float32Array;
}

/** Points as columns. `payloads[i]` is canonical JSON text of an object (`{}` when empty). */
export interface PointBatch {
  readonly ids: readonly PointId[];
  readonly vectors: readonly VectorColumn[];
  readonly payloadOffsets: Uint32Array;
  readonly payloadBytes: Uint8Array;
}

/** Which points a change is for: ids win over a filter when both are given. */
export interface PointSelector {
  readonly ids: readonly PointId[] | null;
  /** JSON text of a filter. */
  readonly filter: string | null;
}

export type UpdateMode = 'upsert' | 'insert_only' | 'update_only';

export type UpdateOperation =
  | {
      readonly kind: 'upsert';
      readonly points: PointBatch;
      readonly mode: UpdateMode;
      /** JSON text: existing points change only if they match. */
      readonly filter: string | null;
    }
  | { readonly kind: 'delete_points'; readonly selector: PointSelector }
  | {
      readonly kind: 'set_payload';
      readonly selector: PointSelector;
      /** Canonical JSON text of an object. */
      readonly payload: Uint8Array;
      readonly key: string | null;
    }
  | {
      readonly kind: 'overwrite_payload';
      readonly selector: PointSelector;
      readonly payload: Uint8Array;
    }
  | {
      readonly kind: 'delete_payload';
      readonly selector: PointSelector;
      readonly keys: readonly string[];
    }
  | { readonly kind: 'clear_payload'; readonly selector: PointSelector }
  | {
      readonly kind: 'update_vectors';
      /** Payload columns are empty. The same id may come several times: later rows win per name. */
      readonly points: PointBatch;
      readonly filter: string | null;
    }
  | {
      readonly kind: 'delete_vectors';
      readonly names: readonly string[];
      /** Both parts apply when both are given. */
      readonly selector: PointSelector;
    }
  | { readonly kind: 'create_index'; readonly field: string; readonly schema: PayloadFieldSchema }
  | { readonly kind: 'delete_index'; readonly field: string };
