// A frozen memory segment as a builder thread sees it: shared memory, plus small copies from the
// moment of freezing. Points removed later are still in it; who publishes the result removes them.

import type { PostedVectors } from '../kernels/growable-vectors.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import type { PointId } from '../model/point-id.ts';
import type { SealedPayloads } from './payload-heap.ts';

/** Structured-cloneable. */
export interface SealedSegment {
  readonly kind: 'sealed';
  readonly id: string;
  readonly offsetCount: number;
  readonly ids: readonly PointId[];
  /** Bit i: the point at offset i lived when this was made. */
  readonly live: Uint32Array;
  /** f64 per offset; the buffer may be longer. */
  readonly versions: SharedArrayBuffer;
  readonly payloads: SealedPayloads;
  readonly vectors: readonly { readonly config: VectorConfig; readonly rows: PostedVectors }[];
}
