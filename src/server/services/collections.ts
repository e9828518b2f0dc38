// Collections as the API sees them: creation with defaults, changes, aliases, descriptions.

import type { Engine } from '../engine.ts';

export class CollectionService {
  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }
}
