// What a filtered search costs, walked or scanned, in code scores. Walking looks at about
// ef / selectivity points' neighbours; scanning scores every admitted point once, in order.

export interface PlanInput {
  /** Points that pass the filter and are not deleted. */
  readonly allowedCount: number;
  /** Points in the graph. */
  readonly pointCount: number;
  readonly ef: number;
}

/** Neighbours scored per point expanded, measured on 100,000 points with m 16. */
const scoredPerExpansion = 14;
/** A score on the walk costs more than one of a scan: it misses the cache, and keeps books. */
const walkPenalty = 2.5;

/** A walk keeps its candidates sorted; the longer the list, the dearer each entry. */
const sortingCost = 0.06;

/** What a walk is expected to cost, in code scores of a scan. */
export function walkCost({ allowedCount, pointCount, ef }: PlanInput): number {
  if (allowedCount === 0) return Number.POSITIVE_INFINITY;
  const expanded = Math.min(pointCount, (ef * pointCount) / allowedCount);
  const scored = Math.min(pointCount, expanded * scoredPerExpansion);
  return scored * walkPenalty + sortingCost * ef * ef;
}

/** Whether scanning the admitted points is cheaper than walking the graph. */
export function preferScan(input: PlanInput): boolean {
  return input.allowedCount <= walkCost(input);
}

/**
 * Scores after which a walk gives up and a scan takes over: the filter then excludes just what is
 * near the query, and walking through all of that takes longer than the scan. Twice what is
 * expected: hardly any other walk needs more.
 */
export function walkBudget({ allowedCount, pointCount, ef }: PlanInput): number {
  return Math.ceil(2 * ((ef * pointCount) / Math.max(1, allowedCount)) * scoredPerExpansion);
}
