// What a client asks when it reads points, decoded and checked for its form; the service checks
// what needs the collection.

import type { JsonFloat } from '../../base/json-value.ts';
import type { Filter } from '../../model/filter.ts';
import type { PointId } from '../../model/point-id.ts';
import type { OrderBy, OrderValue, PointRecord, SearchParams } from '../../model/read.ts';
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

/** A value that points were ordered by; a float is shown with its fraction even if that is 0. */
export type ShownOrderValue = OrderValue | JsonFloat;

export interface FoundPoint extends PointRecord {
  /** As the client sees it. */
  readonly score: number;
  readonly orderValue?: ShownOrderValue;
}

export interface ScrolledRecord extends PointRecord {
  readonly orderValue?: ShownOrderValue;
}

export interface ScrollPage {
  readonly records: readonly ScrolledRecord[];
  readonly nextPageOffset: PointId | null;
}
