// Seeded random numbers: the same seed gives the same sequence on every machine, which the
// simulator, the graph builder and the tests rely on. xoshiro128** 1.1 (Blackman and Vigna,
// "Scrambled linear pseudorandom number generators", 2021), seeded by splitmix32. Not for secrets.

import { assert } from './assert.ts';

export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** Any safe integer; seeds that differ in one bit give unrelated sequences. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), () => `seed ${seed} is not a safe integer`);
    const low = mix32(seed | 0);
    const high = mix32(Math.floor(seed / 2 ** 32) ^ low);
    this.#a = mix32(high + 0x9e3779b9);
    this.#b = mix32(high + 0x3c6ef372);
    this.#c = mix32(high + 0xdaa66d2b);
    // Four zero words would be a fixed point; the last word is forced odd so it cannot happen.
    this.#d = mix32(high + 0x78dde6e4) | 1;
  }

  /** 32 random bits, 0 … 2^32 − 1. */
  u32(): number {
    const b = this.#b;
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9);
    this.#c ^= this.#a;
    this.#d ^= b;
    this.#b = b ^ this.#c;
    this.#a ^= this.#d;
    this.#c ^= b << 9;
    this.#d = rotateLeft(this.#d, 11);
    return scrambled >>> 0;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.u32() >>> 5;
    const low = this.u32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /** Uniform in 0 … `count` − 1, without bias. `count` is at most 2^32. */
  int(count: number): number {
    assert(count >= 1 && count <= 2 ** 32, () => `int below ${count}`);
    const usable = 2 ** 32 - (2 ** 32 % count);
    let drawn = this.u32();
    while (drawn >= usable) drawn = this.u32();
    return drawn % count;
  }

  /** True with probability `chance`. */
  chance(chance: number): boolean {
    return this.uniform() < chance;
  }

  /** Standard normal (Box and Muller, 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** One of `items`, which must not be empty. */
  pick<Item>(items: readonly Item[]): Item {
    assert(items.length > 0, 'nothing to pick from');
    return items[this.int(items.length)] as Item;
  }

  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<Items extends unknown[] | Uint32Array | Float32Array>(items: Items): Items {
    for (let last = items.length - 1; last > 0; last -= 1) {
      const other = this.int(last + 1);
      const kept = items[last];
      items[last] = items[other] as Items[number];
      items[other] = kept as Items[number];
    }
    return items;
  }

  /** An independent generator, so that one part's draws do not shift another's. */
  fork(): Prng {
    return new Prng(this.u32() * 2 ** 21 + (this.u32() >>> 11));
  }
}

function rotateLeft(word: number, count: number): number {
  return (word << count) | (word >>> (32 - count));
}

/** The finaliser of splitmix32. */
function mix32(word: number): number {
  let mixed = (word + 0x9e3779b9) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}
