// Reads of points.

import type { Engine } from '../engine.ts';

export class ReadService {
  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }
}
