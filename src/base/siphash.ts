// SipHash-2-4 (Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012), the 64-bit keyed hash
// by which points find their shard. JavaScript has no fast 64-bit integers, so every word is two
// halves of 32 bits. The answer for the same bytes and key must never change.

/** The two halves of a 64-bit hash, as unsigned numbers. */
export interface Hash64 {
  high: number;
  low: number;
}

/** Two 64-bit words, each its low half first. */
export type SipKey = readonly [number, number, number, number];

const zeroKey: SipKey = [0, 0, 0, 0];

/**
 * Hashes a padded message: 64-bit words, low half first, the last of which holds the rest of the
 * message and in its highest byte the length in bytes modulo 256. `into` takes the hash.
 */
export function sipHashWords(
  words: Int32Array,
  wordCount: number,
  into: Hash64,
  key: SipKey = zeroKey,
): void {
  let v0l = key[0] ^ 0x70736575;
  let v0h = key[1] ^ 0x736f6d65;
  let v1l = key[2] ^ 0x6e646f6d;
  let v1h = key[3] ^ 0x646f7261;
  let v2l = key[0] ^ 0x6e657261;
  let v2h = key[1] ^ 0x6c796765;
  let v3l = key[2] ^ 0x79746573;
  let v3h = key[3] ^ 0x74656462;
  // After the words comes the end: no word, and four rounds instead of two.
  for (let word = 0; word <= wordCount; word += 1) {
    const isEnd = word === wordCount;
    const low = isEnd ? 0 : (words[word * 2] as number);
    const high = isEnd ? 0 : (words[word * 2 + 1] as number);
    v3l ^= low;
    v3h ^= high;
    if (isEnd) v2l ^= 0xff;
    for (let round = isEnd ? 4 : 2; round > 0; round -= 1) {
      // A half carries over when the sum is smaller than what was added.
      let kept = (v0l + v1l) | 0;
      v0h = (v0h + v1h + (kept >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
      v0l = kept;
      kept = v1h;
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
      v1l = ((v1l << 13) | (kept >>> 19)) ^ v0l;
      kept = v0h;
      v0h = v0l;
      v0l = kept;
      kept = (v2l + v3l) | 0;
      v2h = (v2h + v3h + (kept >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
      v2l = kept;
      kept = v3h;
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = ((v3l << 16) | (kept >>> 16)) ^ v2l;
      kept = (v0l + v3l) | 0;
      v0h = (v0h + v3h + (kept >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
      v0l = kept;
      kept = v3h;
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = ((v3l << 21) | (kept >>> 11)) ^ v0l;
      kept = (v2l + v1l) | 0;
      v2h = (v2h + v1h + (kept >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
      v2l = kept;
      kept = v1h;
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
      v1l = ((v1l << 17) | (kept >>> 15)) ^ v2l;
      kept = v2h;
      v2h = v2l;
      v2l = kept;
    }
    v0l ^= low;
    v0h ^= high;
  }
  into.low = (v0l ^ v1l ^ v2l ^ v3l) >>> 0;
  into.high = (v0h ^ v1h ^ v2h ^ v3h) >>> 0;
}

/** Of any bytes. */
export function sipHash(bytes: Uint8Array, key: SipKey = zeroKey): Hash64 {
  const wordCount = Math.floor(bytes.length / 8) + 1;
  const padded = new Uint8Array(wordCount * 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const hash = { high: 0, low: 0 };
  sipHashWords(new Int32Array(padded.buffer), wordCount, hash, key);
  return hash;
}
