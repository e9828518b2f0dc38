// What every part of the wire shares: the outside world, the bounds, the counters.

import type { Clock, Logger, Random, Timers } from '../io/ports.ts';
import type { WireCounters } from './counters.ts';
import type { WireLimits } from './limits.ts';
import type { QuietLog } from './quiet-log.ts';

export interface WirePorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Logger;
}

export interface WireContext {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: QuietLog;
  readonly limits: WireLimits;
  readonly counters: WireCounters;
}
