// How many points a filter keeps, without looking at them (spec/query §6.3): exact or bounded
// counts from indexes, joined by the usual rules of independent events. Conditions that only a
// payload can decide count as half of the points.

import type { Cardinality } from '../payload/field-index.ts';
import type { CompiledFilter, FilterNode, IndexedNode } from './compiled-filter.ts';
import type { PointSource } from './point-source.ts';

/** Over all `total` points of `source`; deleted ones, if any, are counted as if they were live. */
export function estimateFilter(
  filter: CompiledFilter,
  source: PointSource,
  total: number,
): Cardinality {
  return estimateNode(filter.root, source, total);
}

function estimateNode(node: FilterNode, source: PointSource, total: number): Cardinality {
  switch (node.kind) {
    case 'constant':
      return exactly(node.value ? total : 0);
    case 'and':
      return conjunction(estimates(node.children, source, total), total);
    case 'or':
      return disjunction(estimates(node.children, source, total), total);
    case 'not':
      return complement(estimateNode(node.child, source, total), total);
    case 'at_least':
      return atLeast(node.count, estimates(node.children, source, total), total);
    case 'has_id': {
      const found = [...node.ids].filter((id) => source.findOffset(id) >= 0).length;
      return exactly(Math.min(found, total));
    }
    case 'indexed':
      return estimateIndexed(node, source, total);
    case 'has_vector':
    case 'payload':
    case 'nested':
      return unknown(total);
  }
}

function estimateIndexed(node: IndexedNode, source: PointSource, total: number): Cardinality {
  const index = source.fieldIndex(node.key);
  if (index === null || index.dataType !== node.dataType) return unknown(total);
  const { min, expected, max } = index.estimate(node.test);
  const capped = (count: number) => Math.min(count, total);
  return { min: capped(min), expected: capped(expected), max: capped(max) };
}

function estimates(
  nodes: readonly FilterNode[],
  source: PointSource,
  total: number,
): readonly Cardinality[] {
  return nodes.map((node) => estimateNode(node, source, total));
}

function exactly(count: number): Cardinality {
  return { min: count, expected: count, max: count };
}

function unknown(total: number): Cardinality {
  return { min: 0, expected: total / 2, max: total };
}

export function complement(part: Cardinality, total: number): Cardinality {
  return { min: total - part.max, expected: total - part.expected, max: total - part.min };
}

export function conjunction(parts: readonly Cardinality[], total: number): Cardinality {
  if (total === 0 || parts.length === 0) return exactly(total);
  let [minSum, share, max] = [0, 1, total];
  for (const part of parts) {
    minSum += part.min;
    share *= part.expected / total;
    max = Math.min(max, part.max);
  }
  return bounded(minSum - (parts.length - 1) * total, share * total, max);
}

export function disjunction(parts: readonly Cardinality[], total: number): Cardinality {
  if (total === 0 || parts.length === 0) return exactly(0);
  let [min, shareOfNone, maxSum] = [0, 1, 0];
  for (const part of parts) {
    min = Math.max(min, part.min);
    shareOfNone *= 1 - part.expected / total;
    maxSum += part.max;
  }
  return bounded(min, (1 - shareOfNone) * total, Math.min(maxSum, total));
}

/**
 * At least `count` of the parts hold. The expected value is that of independent events: `ways[k]`
 * is the probability that exactly k of the parts seen so far hold, the last slot gathers the rest.
 */
export function atLeast(count: number, parts: readonly Cardinality[], total: number): Cardinality {
  if (total === 0 || count > parts.length) return exactly(0);
  const ways = new Float64Array(count + 1);
  ways[0] = 1;
  let [minSum, maxSum] = [0, 0];
  for (const part of parts) {
    const share = part.expected / total;
    for (let held = count; held >= 0; held -= 1) {
      const stays = held === count ? 1 : 1 - share;
      const arrives = held === 0 ? 0 : (ways[held - 1] as number) * share;
      ways[held] = (ways[held] as number) * stays + arrives;
    }
    minSum += part.min;
    maxSum += part.max;
  }
  // A point outside of the answer holds at most count − 1 parts, one inside at least count.
  const min = Math.ceil((minSum - (count - 1) * total) / (parts.length - count + 1));
  const max = Math.min(total, Math.floor(maxSum / count));
  return bounded(min, (ways[count] as number) * total, max);
}

function bounded(min: number, expected: number, max: number): Cardinality {
  const low = Math.max(0, min);
  return { min: low, expected: Math.min(Math.max(expected, low), max), max };
}
