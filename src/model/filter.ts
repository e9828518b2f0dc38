// A filter, decoded: what `spec/query §4` calls clauses and conditions, as plain data. It crosses
// threads by structured clone, so it holds no class instances. `model/filter-json.ts` decodes it
// from exact JSON; `index/filter` evaluates it.

import type { PointId } from './point-id.ts';

/**
 * All clauses must hold. An absent clause (`null`) is true; see `spec/query` R25 for empty lists.
 */
export interface Filter {
  readonly must: readonly Condition[] | null;
  readonly should: readonly Condition[] | null;
  readonly mustNot: readonly Condition[] | null;
  readonly minShould: MinShould | null;
}

export interface MinShould {
  readonly conditions: readonly Condition[];
  readonly minCount: number;
}

export type Condition =
  | FieldCondition
  | { readonly kind: 'is_empty'; readonly key: string }
  | { readonly kind: 'is_null'; readonly key: string }
  | { readonly kind: 'has_id'; readonly ids: readonly PointId[] }
  | { readonly kind: 'has_vector'; readonly name: string }
  | { readonly kind: 'nested'; readonly key: string; readonly filter: Filter }
  | { readonly kind: 'filter'; readonly filter: Filter };

/** Tests on the values at one payload path; several tests combine as `spec/query` R26 says. */
export interface FieldCondition {
  readonly kind: 'field';
  readonly key: string;
  readonly match: Match | null;
  readonly range: NumberRange | null;
  readonly datetimeRange: DatetimeRange | null;
  readonly valuesCount: CountRange | null;
  readonly isEmpty: boolean | null;
  readonly isNull: boolean | null;
}

/** Integers: `number` when safe, else `bigint` (as in `JsonValue`). */
export type MatchInteger = number | bigint;

export type Match =
  | { readonly kind: 'value'; readonly value: string | boolean | MatchInteger }
  | { readonly kind: 'any'; readonly values: readonly string[] | readonly MatchInteger[] }
  | { readonly kind: 'except'; readonly values: readonly string[] | readonly MatchInteger[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'text_any'; readonly text: string }
  | { readonly kind: 'phrase'; readonly text: string };

/** Bounds on a number; `null` = no bound. */
export interface NumberRange {
  readonly lt: number | null;
  readonly gt: number | null;
  readonly lte: number | null;
  readonly gte: number | null;
}

/** Bounds in nanoseconds since the epoch, UTC. */
export interface DatetimeRange {
  readonly lt: bigint | null;
  readonly gt: bigint | null;
  readonly lte: bigint | null;
  readonly gte: bigint | null;
}

export type CountRange = NumberRange;
