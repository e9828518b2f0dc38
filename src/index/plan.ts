// How to search a segment that has a graph: score the matching points one by one, exactly, or let
// the graph find candidates. The number of matches is known when this is asked (a bitmap has been
// made). Few matches are scored, so that none is missed. Whether the graph is then walked or the
// codes of the matches are scanned is a question of cost alone, and the kernels' own
// (`kernels/plan.ts`).

/** What the choice depends on; counts are of live points that have the vector. */
export interface SearchPlanInput {
  readonly exact: boolean;
  /** Points that pass the filter; all points without one. */
  readonly matchCount: number;
  readonly limit: number;
  readonly ef: number;
  readonly hasGraph: boolean;
  /** At or below this many matches all of them are scored exactly. */
  readonly fullScanCount: number;
}

export type SearchPlan =
  /** Nothing matches. */
  | { readonly kind: 'none' }
  | { readonly kind: 'scan' }
  | { readonly kind: 'graph'; readonly ef: number };

export function planSearch(input: SearchPlanInput): SearchPlan {
  const { matchCount, limit } = input;
  if (matchCount === 0 || limit === 0) return { kind: 'none' };
  if (input.exact || !input.hasGraph) return { kind: 'scan' };
  const ef = Math.max(input.ef, limit);
  if (matchCount <= Math.max(input.fullScanCount, ef)) return { kind: 'scan' };
  return { kind: 'graph', ef };
}
