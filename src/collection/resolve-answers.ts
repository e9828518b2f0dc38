// Makes one answer of those that several replicas of one shard gave to the same read: only what
// enough of them say alike is kept. Versions are left out of it: every replica counts for itself.

import { assert, unreachable } from '../base/assert.ts';
import { ByteWriter } from '../base/bytes.ts';
import type { PointRecord, ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import { answersOf } from '../shard/merge.ts';
import { writeIdentity } from './codec/read-codec.ts';

/** At least one answer, all of the request's kind; `kept`: so many must say the same. */
export function resolveAnswers(
  request: ShardReadRequest,
  answers: readonly ShardReadAnswer[],
  kept: number,
): ShardReadAnswer {
  const [only] = answers;
  assert(only !== undefined, 'nobody answered');
  if (answers.length === 1) return only;
  switch (request.kind) {
    case 'search': {
      const lists = answersOf(answers, 'search').map(({ hits }) => hits);
      const hits = request.tasks.map((_, task) =>
        resolveLists(
          lists.map((list) => list[task] ?? []),
          kept,
        ),
      );
      return { kind: 'search', hits };
    }
    case 'scroll': {
      const lists = answersOf(answers, 'scroll').map(({ records }) => records);
      return { kind: 'scroll', records: resolveLists(lists, kept) };
    }
    case 'ordered_scroll': {
      const lists = answersOf(answers, 'ordered_scroll').map(({ records }) => records);
      return { kind: 'ordered_scroll', records: resolveLists(lists, kept) };
    }
    case 'retrieve': {
      const lists = answersOf(answers, 'retrieve').map(({ records }) => records);
      return { kind: 'retrieve', records: resolveLists(lists, kept) };
    }
    case 'count': {
      const counts = answersOf(answers, 'count').map(({ count }) => count);
      counts.sort((a, b) => a - b);
      const at = kept === counts.length ? 0 : Math.floor(counts.length / 2);
      return { kind: 'count', count: counts[at] ?? 0 };
    }
    default:
      return unreachable(request);
  }
}

/** A list that keeps the order of all lists as far as they agree on it. */
function resolveLists<Point extends PointRecord>(
  lists: readonly (readonly Point[])[],
  kept: number,
): readonly Point[] {
  const keyed = lists.map((list) => list.map((point) => ({ point, key: identity(point) })));
  const counts = new Map<string, number>();
  for (const list of keyed) {
    for (const key of new Set(list.map((entry) => entry.key))) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const rest = keyed.map((list) => list.filter(({ key }) => (counts.get(key) ?? 0) >= kept));
  const merged: Point[] = [];
  const taken = new Set<string>();
  const at = rest.map(() => 0);
  for (;;) {
    const heads = rest.flatMap((list, index) => {
      while (taken.has(list[at[index] ?? 0]?.key ?? '')) at[index] = (at[index] ?? 0) + 1;
      return list[at[index] ?? 0] ?? [];
    });
    const [first] = heads;
    if (first === undefined) return merged;
    let best = first;
    let bestCount = 0;
    for (const head of heads) {
      const count = heads.filter(({ key }) => key === head.key).length;
      if (count > bestCount) [best, bestCount] = [head, count];
    }
    taken.add(best.key);
    merged.push(best.point);
  }
}

/** Equal for equal points. */
function identity(point: PointRecord): string {
  const writer = new ByteWriter();
  writeIdentity(writer, point);
  let text = '';
  for (const byte of writer.view()) text += String.fromCharCode(byte);
  return text;
}
