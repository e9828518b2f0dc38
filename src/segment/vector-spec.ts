// From a collection's words for a vector (distance, datatype) to the kernels' words, and back.

import type { GrowableSpec } from '../kernels/growable-vectors.ts';
import type { VectorElement, VectorMetric, VectorSpec } from '../kernels/layout.ts';
import type { Datatype, Distance, VectorConfig } from '../model/collection-config.ts';

const elementOf: Record<Datatype, VectorElement> = { float32: 'f32', float16: 'f16', uint8: 'u8' };
const metricOf: Record<Distance, VectorMetric> = {
  Cosine: 'cosine',
  Dot: 'dot',
  Euclid: 'euclid',
  Manhattan: 'manhattan',
};

export function growableSpec(config: VectorConfig): GrowableSpec {
  return {
    dimension: config.dimension,
    element: elementOf[config.datatype],
    metric: metricOf[config.distance],
  };
}

/** Whether stored rows of one config can be copied as they are into the other. */
export function sameRows(a: VectorConfig, b: VectorConfig): boolean {
  if (a.dimension !== b.dimension) return false;
  return a.datatype === b.datatype && a.distance === b.distance;
}

export interface MemoryRequest {
  readonly config: VectorConfig;
  readonly pointCount: number;
  readonly withGraph: boolean;
  readonly keepVectors: boolean;
  readonly slotCount: number;
}

/** The memory of one vector name of a published segment. */
export function publishedSpec(request: MemoryRequest): VectorSpec {
  const { config, withGraph } = request;
  const { m, efConstruct } = config.hnsw;
  return {
    ...growableSpec(config),
    pointCapacity: request.pointCount,
    keepVectors: request.keepVectors,
    graph: withGraph ? { m, m0: 2 * m, efConstruct } : null,
    codes: withGraph,
    slotCount: request.slotCount,
  };
}
