// Numbers for what this peer proposes. None is used twice, not even after a restart, although
// nothing is saved: the upper 32 bits are drawn anew at every start, the lower 20 count.

import type { Random } from '../io/ports.ts';

const countMax = 2 ** 20;

export class ProposalNumbers {
  readonly #random: Random;
  #epoch: number;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#epoch = random.uint32();
  }

  next(): number {
    if (this.#count === countMax) {
      this.#epoch = this.#random.uint32();
      this.#count = 0;
    }
    this.#count += 1;
    return this.#epoch * countMax + this.#count - 1;
  }
}
