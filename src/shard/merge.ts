// Joins answers to the same read: the published half and the memory half of one shard, and the
// shards of a collection. Pure. A point in several answers (it moved while the read ran) is kept
// once, in its highest version.

import { assert, unreachable } from '../base/assert.ts';
import type { PointId } from '../model/point-id.ts';
import { comparePointIds } from '../model/point-id.ts';
import type { OrderBy, OrderValue, ShardReadAnswer, ShardReadRequest } from '../model/read.ts';

/** The kind of every answer must be the request's. */
export function mergeAnswers(
  request: ShardReadRequest,
  answers: readonly ShardReadAnswer[],
): ShardReadAnswer {
  const [only] = answers;
  if (only !== undefined && answers.length === 1) return only;
  switch (request.kind) {
    case 'search': {
      const lists = answersOf(answers, 'search').map((answer) => answer.hits);
      const hits = request.tasks.map((task, index) => {
        const all = lists.flatMap((list) => list[index] ?? []);
        return newestOnly(all).sort(compareHits).slice(0, task.limit);
      });
      return { kind: 'search', hits };
    }
    case 'scroll': {
      const all = answersOf(answers, 'scroll').flatMap((answer) => answer.records);
      const records = newestOnly(all).sort(compareRecords).slice(0, request.limit);
      return { kind: 'scroll', records };
    }
    case 'ordered_scroll': {
      const all = answersOf(answers, 'ordered_scroll').flatMap((answer) => answer.records);
      const order = compareOrdered(request.order);
      const records = newestOnly(all).sort(order).slice(0, request.limit);
      return { kind: 'ordered_scroll', records };
    }
    case 'retrieve': {
      const all = answersOf(answers, 'retrieve').flatMap((answer) => answer.records);
      return { kind: 'retrieve', records: newestOnly(all) };
    }
    case 'count': {
      const counts = answersOf(answers, 'count').map((answer) => answer.count);
      return { kind: 'count', count: counts.reduce((sum, count) => sum + count, 0) };
    }
    default:
      return unreachable(request);
  }
}

/** All answers as of this kind. */
export function answersOf<Kind extends ShardReadAnswer['kind']>(
  answers: readonly ShardReadAnswer[],
  kind: Kind,
): Extract<ShardReadAnswer, { kind: Kind }>[] {
  return answers.map((answer) => {
    assert(answer.kind === kind, () => `an answer to ${answer.kind}, not to ${kind}`);
    return answer as Extract<ShardReadAnswer, { kind: Kind }>;
  });
}

interface Versioned {
  readonly id: PointId;
  readonly version: number;
}

/**
 * Drops every entry whose point also comes in a higher version. Entries of one point and one
 * version all stay when they carry different order values, otherwise the first stays.
 */
export function newestOnly<Entry extends Versioned & { readonly orderValue?: OrderValue }>(
  entries: readonly Entry[],
): Entry[] {
  const newest = new Map<PointId, number>();
  let repeated = false;
  for (const { id, version } of entries) {
    const known = newest.get(id);
    if (known !== undefined) repeated = true;
    if (known === undefined || version > known) newest.set(id, version);
  }
  if (!repeated) return [...entries];
  const kept = entries.filter(({ id, version }) => newest.get(id) === version);
  return withoutTwins(kept);
}

function withoutTwins<Entry extends Versioned & { readonly orderValue?: OrderValue }>(
  entries: readonly Entry[],
): Entry[] {
  const seen = new Map<PointId, (OrderValue | undefined)[]>();
  return entries.filter(({ id, orderValue }) => {
    const values = seen.get(id);
    if (values === undefined) {
      seen.set(id, [orderValue]);
      return true;
    }
    if (values.includes(orderValue)) return false;
    values.push(orderValue);
    return true;
  });
}

/** Best first; equal ones in id order, so that an answer does not depend on the segments. */
export function compareHits(
  a: { readonly sim: number; readonly id: PointId },
  b: { readonly sim: number; readonly id: PointId },
): number {
  return b.sim - a.sim || comparePointIds(a.id, b.id);
}

export function compareRecords(a: { readonly id: PointId }, b: { readonly id: PointId }): number {
  return comparePointIds(a.id, b.id);
}

export function compareOrdered(
  order: OrderBy,
): (
  a: { readonly orderValue: OrderValue; readonly id: PointId },
  b: { readonly orderValue: OrderValue; readonly id: PointId },
) => number {
  const sign = order.direction === 'asc' ? 1 : -1;
  return (a, b) => {
    if (a.orderValue < b.orderValue) return -sign;
    if (a.orderValue > b.orderValue) return sign;
    return comparePointIds(a.id, b.id);
  };
}
