// How good or bad the network is for a while.

import type { Prng } from '../../src/base/prng.ts';
import type { Weather } from './sim-network.ts';

export function randomWeather(prng: Prng, isStormy: boolean): Weather {
  return {
    lossChance: prng.pick([0, 0, 0.02, 0.1, 0.3]),
    doubleChance: prng.pick([0, 0.02, 0.2]),
    strayChance: prng.pick([0, 0.02, 0.1]),
    delayMs: prng.pick([0.2, 1, 5, 40, 150]),
    largeLossChance: isStormy ? prng.pick([0, 0.4, 0.7, 0.9]) : prng.pick([0, 0, 0, 0.5]),
  };
}
