// Random histories of a segment for tests: the same changes on a `MemorySegment` and on the model.

import fc from 'fast-check';
import type { PointId } from '../model/point-id.ts';
import type { MemorySegment, PointVectors } from './memory-segment.ts';
import {
  idArbitrary,
  type Model,
  type ModelPayload,
  type ModelPoint,
  payloadArbitrary,
  payloadBytes,
  vectorsArbitrary,
} from './segment-reader.contract.ts';

export type Change =
  | {
      readonly kind: 'upsert';
      readonly id: PointId;
      readonly payload: ModelPayload;
      readonly vectors: PointVectors;
    }
  | { readonly kind: 'payload'; readonly id: PointId; readonly payload: ModelPayload }
  | { readonly kind: 'vectors'; readonly id: PointId; readonly vectors: PointVectors }
  | { readonly kind: 'drop'; readonly id: PointId; readonly name: string }
  | { readonly kind: 'remove'; readonly id: PointId };

const id = idArbitrary;
const upsertArbitrary: fc.Arbitrary<Change> = fc.record({
  kind: fc.constant('upsert'),
  id,
  payload: payloadArbitrary,
  vectors: vectorsArbitrary,
});

export const changeArbitrary: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: upsertArbitrary },
  fc.record({ kind: fc.constant('payload' as const), id, payload: payloadArbitrary }),
  fc.record({ kind: fc.constant('vectors' as const), id, vectors: vectorsArbitrary }),
  fc.record({ kind: fc.constant('drop' as const), id, name: fc.constantFrom('', 'other') }),
  fc.record({ kind: fc.constant('remove' as const), id }),
);

export const storyArbitrary = fc.array(changeArbitrary, { minLength: 1, maxLength: 60 });

/** Versions count from `versionFirst` on. */
export function tell(
  changes: readonly Change[],
  segment: MemorySegment,
  model: Model,
  versionFirst = 1,
): void {
  let version = versionFirst;
  for (const change of changes) {
    tellOne(change, segment, model, version);
    version += 1;
  }
}

function tellOne(change: Change, segment: MemorySegment, model: Model, version: number): void {
  const { id: pointId } = change;
  if (change.kind === 'upsert') {
    const { payload, vectors } = change;
    segment.upsert(pointId, version, vectors, payloadBytes(payload));
    model.set(pointId, { version, payload, vectors });
    return;
  }
  const offset = segment.findOffset(pointId);
  const point = model.get(pointId) as ModelPoint;
  if (offset < 0) return;
  switch (change.kind) {
    case 'payload':
      segment.setPayload(offset, version, payloadBytes(change.payload));
      model.set(pointId, { ...point, version, payload: change.payload });
      return;
    case 'vectors': {
      segment.setVectors(offset, version, change.vectors);
      const vectors = new Map([...point.vectors, ...change.vectors]);
      model.set(pointId, { ...point, version, vectors });
      return;
    }
    case 'drop': {
      segment.removeVectors(offset, version, [change.name]);
      const vectors = new Map([...point.vectors].filter(([name]) => name !== change.name));
      model.set(pointId, { ...point, version, vectors });
      return;
    }
    case 'remove':
      segment.remove(offset);
      model.delete(pointId);
      return;
  }
}
