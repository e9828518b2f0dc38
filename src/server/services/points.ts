// Changes to points.

import type { Engine } from '../engine.ts';

export class PointService {
  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }
}
