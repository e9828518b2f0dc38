// How to search a segment that has a graph: score a list of points one by one, or walk the graph.
// The number of matches is known when this is asked (a bitmap has been made), so the choice is one of
// cost alone; small lists are scored, so that few matches are never missed.

/** What the choice depends on; counts are of live points that have the vector. */
export interface SearchPlanInput {
  readonly exact: boolean;
  /** Points the graph holds. */
  readonly pointCount: number;
  /** Points that pass the filter; `pointCount` without one. */
  readonly matchCount: number;
  readonly limit: number;
  readonly ef: number;
  /** Links per node of the graph, `m`; 0 = there is no graph. */
  readonly linkCount: number;
  /** At or below this many matches the list is scored, whatever it costs. */
  readonly fullScanCount: number;
}

export type SearchPlan =
  /** Nothing matches. */
  | { readonly kind: 'none' }
  | { readonly kind: 'scan' }
  | { readonly kind: 'graph'; readonly ef: number };

/** Points scored per candidate that a walk expands, as a share of its 2m links: most were seen. */
const freshLinkShare = 0.5;
/** A random read and a heap step for each point of a walk, against a list read in order. */
const walkCostFactor = 2;

export function planSearch(input: SearchPlanInput): SearchPlan {
  const { pointCount, matchCount, limit } = input;
  if (matchCount === 0 || limit === 0) return { kind: 'none' };
  const ef = Math.max(input.ef, limit);
  if (input.exact || input.linkCount === 0) return { kind: 'scan' };
  if (matchCount <= Math.max(input.fullScanCount, ef)) return { kind: 'scan' };
  // A walk must expand ef matching nodes; between them lie pointCount / matchCount others.
  const scoredPerNode = 1 + 2 * input.linkCount * freshLinkShare;
  const scored = Math.min(pointCount, ef * scoredPerNode * (pointCount / matchCount));
  return matchCount <= scored * walkCostFactor ? { kind: 'scan' } : { kind: 'graph', ef };
}
