// What a client asks when it reads points, decoded and checked for its form; the service checks
// what needs the collection.

import type { Filter } from '../../model/filter.ts';
import type { PointId } from '../../model/point-id.ts';
import type { OrderBy, PointRecord, SearchParams } from '../../model/read.ts';
import type { PayloadSelection, VectorSelection } from './selections.ts';

export type VectorInput =
  | { readonly kind: 'dense'; readonly values: Float32Array }
  /** Stands for the stored vector of that point. */
  | { readonly kind: 'id'; readonly id: PointId }
  /** Well-formed, but no collection can hold such vectors yet. */
  | { readonly kind: 'sparse' }
  | { readonly kind: 'multi' };

export interface LookupFrom {
  readonly collection: string;
  /** `null` = the name that is searched. */
  readonly vector: string | null;
}

export type Query =
  | { readonly kind: 'nearest'; readonly input: VectorInput }
  | { readonly kind: 'order_by'; readonly order: OrderBy };

export interface QueryRequest {
  /** `null` = points by ascending id. */
  readonly query: Query | null;
  readonly using: string;
  readonly lookupFrom: LookupFrom | null;
  readonly filter: Filter | null;
  readonly params: SearchParams;
  readonly scoreThreshold: number | null;
  readonly limit: number;
  readonly offset: number;
  readonly withPayload: PayloadSelection;
  readonly withVectors: VectorSelection;
}

export interface ScrollRequest {
  readonly filter: Filter | null;
  readonly from: PointId | null;
  readonly limit: number;
  readonly order: OrderBy | null;
  readonly withPayload: PayloadSelection;
  readonly withVectors: VectorSelection;
}

export interface RetrieveRequest {
  readonly ids: readonly PointId[];
  readonly withPayload: PayloadSelection;
  readonly withVectors: VectorSelection;
}

export interface CountRequest {
  readonly filter: Filter | null;
  readonly exact: boolean;
}

export interface FoundPoint extends PointRecord {
  /** As the client sees it. */
  readonly score: number;
  readonly orderValue?: number | bigint;
}

export interface ScrollPage {
  readonly records: readonly (PointRecord & { readonly orderValue?: number | bigint })[];
  readonly nextPageOffset: PointId | null;
}
