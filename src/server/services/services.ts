// The services of one worker thread, one per area of the API.

import type { Logger } from '../../io/ports.ts';
import type { Engine } from '../engine.ts';
import { ClusterService } from './cluster.ts';
import { CollectionService } from './collections.ts';
import { PlacementService } from './placement.ts';
import { PointService } from './points.ts';
import { ReadService } from './reads.ts';

export interface Services {
  readonly engine: Engine;
  readonly logger: Logger;
  readonly cluster: ClusterService;
  readonly collections: CollectionService;
  readonly placement: PlacementService;
  readonly points: PointService;
  readonly reads: ReadService;
}

export function createServices(engine: Engine, logger: Logger): Services {
  const reads = new ReadService(engine);
  return {
    engine,
    logger,
    cluster: new ClusterService(engine, (text) => logger.warn(text)),
    collections: new CollectionService(engine),
    placement: new PlacementService(engine),
    points: new PointService(engine),
    reads,
  };
}
