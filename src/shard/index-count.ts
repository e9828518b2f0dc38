// How many live points have a value in the payload index of one field of one segment. An index
// knows nothing of deletions, so where there are any its bitmap is compared with the live points.

import { emptyBitset } from '../base/bitset.ts';
import type { MemorySegment } from '../segment/memory-segment.ts';
import type { PublishedSegment } from '../segment/published-segment.ts';

const anyValue = { kind: 'except', values: new Set<string>() } as const;

export function indexCountOf(segment: MemorySegment | PublishedSegment, field: string): number {
  const index = segment.fieldIndex(field);
  if (index === null) return 0;
  if (segment.pointCount() === segment.offsetCount()) return index.pointCount();
  if (index.dataType === 'geo' || index.dataType === 'text') return index.pointCount();
  const bits = emptyBitset(segment.offsetCount());
  index.collect(anyValue, bits);
  return segment.countLive(bits);
}
