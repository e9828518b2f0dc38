// Sets of small integers as bits of a `Uint32Array`: bit `i` is bit `i % 32` of word `i / 32`.
// Plain functions, so that they work alike on private and on shared memory, on whole arrays and on
// views. Bits at and beyond the size a caller has in mind must stay 0; `notInto` and `fullBitset`
// see to it.

/** Words needed for `bitCount` bits. */
export function bitsetWordCount(bitCount: number): number {
  return Math.ceil(bitCount / 32);
}

export function emptyBitset(bitCount: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(bitsetWordCount(bitCount));
}

export function fullBitset(bitCount: number): Uint32Array<ArrayBuffer> {
  const words = emptyBitset(bitCount).fill(0xffffffff);
  clearBitsFrom(words, bitCount);
  return words;
}

export function setBit(words: Uint32Array, bit: number): void {
  const word = bit >>> 5;
  words[word] = (words[word] as number) | (1 << (bit & 31));
}

export function clearBit(words: Uint32Array, bit: number): void {
  const word = bit >>> 5;
  words[word] = (words[word] as number) & ~(1 << (bit & 31));
}

/** False for bits beyond the array, too. */
export function testBit(words: Uint32Array, bit: number): boolean {
  return (((words[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1;
}

/** For memory that other threads read or write at the same time. True if the bit was clear. */
export function setBitAtomic(words: Uint32Array, bit: number): boolean {
  const mask = 1 << (bit & 31);
  return (Atomics.or(words, bit >>> 5, mask) & mask) === 0;
}

/** `target` ← `target` ∩ `other`; words that `other` lacks count as 0. */
export function andInto(target: Uint32Array, other: Uint32Array): void {
  const common = Math.min(target.length, other.length);
  for (let at = 0; at < common; at += 1) {
    target[at] = (target[at] as number) & (other[at] as number);
  }
  target.fill(0, common);
}

/** `target` ← `target` ∪ `other`, as far as `target` reaches. */
export function orInto(target: Uint32Array, other: Uint32Array): void {
  const common = Math.min(target.length, other.length);
  for (let at = 0; at < common; at += 1) {
    target[at] = (target[at] as number) | (other[at] as number);
  }
}

/** `target` ← `target` \ `other`. */
export function andNotInto(target: Uint32Array, other: Uint32Array): void {
  const common = Math.min(target.length, other.length);
  for (let at = 0; at < common; at += 1) {
    target[at] = (target[at] as number) & ~(other[at] as number);
  }
}

/** `target` ← all bits below `bitCount` that were not in it. */
export function notInto(target: Uint32Array, bitCount: number): void {
  for (let at = 0; at < target.length; at += 1) target[at] = ~(target[at] as number);
  clearBitsFrom(target, bitCount);
}

/** Clears every bit at and beyond `bitCount`. */
export function clearBitsFrom(words: Uint32Array, bitCount: number): void {
  const word = bitCount >>> 5;
  if (word >= words.length) return;
  words[word] = (words[word] as number) & ((1 << (bitCount & 31)) - 1);
  words.fill(0, word + 1);
}

/** Number of set bits of one word (Warren, "Hacker's Delight", 5-1). */
export function popcount32(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function countBits(words: Uint32Array): number {
  let count = 0;
  for (let at = 0; at < words.length; at += 1) count += popcount32(words[at] as number);
  return count;
}

/** Size of `a` ∩ `b` without building it. */
export function countAnd(a: Uint32Array, b: Uint32Array): number {
  const common = Math.min(a.length, b.length);
  let count = 0;
  for (let at = 0; at < common; at += 1) {
    count += popcount32((a[at] as number) & (b[at] as number));
  }
  return count;
}

/**
 * The first set bit ≥ `from`, or −1. Loops: `for (let b = nextBit(w, 0); b >= 0; b = nextBit(w, b +
 * 1))`.
 */
export function nextBit(words: Uint32Array, from: number): number {
  let word = from >>> 5;
  if (word >= words.length) return -1;
  let bits = ((words[word] as number) >>> (from & 31)) << (from & 31);
  while (bits === 0) {
    word += 1;
    if (word >= words.length) return -1;
    bits = words[word] as number;
  }
  return word * 32 + 31 - Math.clz32(bits & -bits);
}

/** Calls `visit` with every set bit, ascending. */
export function forEachBit(words: Uint32Array, visit: (bit: number) => void): void {
  for (let word = 0; word < words.length; word += 1) {
    let bits = words[word] as number;
    while (bits !== 0) {
      visit(word * 32 + 31 - Math.clz32(bits & -bits));
      bits &= bits - 1;
    }
  }
}

/** The set bits, ascending. */
export function bitsToArray(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const bits = new Uint32Array(countBits(words));
  let at = 0;
  for (let bit = nextBit(words, 0); bit >= 0; bit = nextBit(words, bit + 1)) {
    bits[at] = bit;
    at += 1;
  }
  return bits;
}
