// Which shard of a collection holds a point: a ring of hashes on which every shard has a hundred
// places; a point belongs to the shard of the first place at or after its own hash. So a shard that
// comes takes points only to itself, and one that goes gives up only its own. The answer for an id
// and a set of shard ids must never change: it decides where stored points are looked for.

import { type Hash64, sipHashWords } from '../base/siphash.ts';
import type { PointId } from '../model/point-id.ts';

const placesPerShard = 100;

/** Reused by every hash: routing is synchronous, and no two hashes are in the works at once. */
const words = new Int32Array(10);
const hash: Hash64 = { high: 0, low: 0 };

export class HashRing {
  /** Ascending. */
  readonly shardIds: readonly number[];
  /** Of the places, in the order of their hashes. */
  readonly #highs: Uint32Array;
  readonly #lows: Uint32Array;
  /** Positions in `shardIds`. */
  readonly #owners: Uint32Array;

  constructor(shardIds: readonly number[]) {
    this.shardIds = shardIds.toSorted((a, b) => a - b);
    const places = this.shardIds.flatMap((shardId, owner) => placesOf(shardId, owner));
    // Equal hashes of two shards would still have one order on every peer.
    places.sort((a, b) => a.high - b.high || a.low - b.low || a.owner - b.owner);
    this.#highs = Uint32Array.from(places, ({ high }) => high);
    this.#lows = Uint32Array.from(places, ({ low }) => low);
    this.#owners = Uint32Array.from(places, ({ owner }) => owner);
  }

  /** Position in `shardIds`. */
  shardIndexOf(id: PointId): number {
    if (this.shardIds.length === 1) return 0;
    hashPointId(id);
    const { high, low } = hash;
    const highs = this.#highs;
    const lows = this.#lows;
    let from = 0;
    let to = highs.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const placeHigh = highs[middle] as number;
      const isBefore = placeHigh === high ? (lows[middle] as number) < low : placeHigh < high;
      if (isBefore) from = middle + 1;
      else to = middle;
    }
    return this.#owners[from === highs.length ? 0 : from] as number;
  }
}

interface Place extends Hash64 {
  readonly owner: number;
}

function placesOf(shardId: number, owner: number): readonly Place[] {
  return Array.from({ length: placesPerShard }, (_, index) => {
    words[0] = shardId;
    words[1] = index;
    endWith(2, 8);
    return { high: hash.high, low: hash.low, owner };
  });
}

/** Numbers and UUIDs begin with different tags, so that they cannot be taken for each other. */
function hashPointId(id: PointId): void {
  words[1] = 0;
  if (typeof id === 'string') {
    words[0] = 1;
    words[2] = 16;
    words[3] = 0;
    words[4] = hexWord(id, 0);
    // The second and third word are cut by hyphens in their middle.
    words[5] = (hexHalf(id, 9) & 0xffff) | (hexHalf(id, 14) << 16);
    words[6] = (hexHalf(id, 19) & 0xffff) | (hexHalf(id, 24) << 16);
    words[7] = hexWord(id, 28);
    endWith(8, 32);
    return;
  }
  words[0] = 0;
  if (typeof id === 'number') {
    words[2] = id | 0;
    words[3] = Math.floor(id / 2 ** 32);
  } else {
    words[2] = Number(id & 0xffffffffn);
    words[3] = Number(id >> 32n);
  }
  endWith(4, 16);
}

/** `at`: how many halves the message has before its last word, which holds only its length. */
function endWith(at: number, byteCount: number): void {
  words[at] = 0;
  words[at + 1] = byteCount << 24;
  sipHashWords(words, at / 2 + 1, hash);
}

/** Four bytes in hex as they lie in memory: the first byte is the lowest. */
function hexWord(text: string, at: number): number {
  return (hexHalf(text, at) & 0xffff) | (hexHalf(text, at + 4) << 16);
}

function hexHalf(text: string, at: number): number {
  return hexByte(text, at) | (hexByte(text, at + 2) << 8);
}

function hexByte(text: string, at: number): number {
  return (hexDigit(text.charCodeAt(at)) << 4) | hexDigit(text.charCodeAt(at + 1));
}

/** Ids are lower case. */
function hexDigit(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

/** Rings are asked for with every request, and few sets of shards are in use. */
const rings = new Map<string, HashRing>();
const ringsCountMax = 1024;

export function ringOf(shardIds: readonly number[]): HashRing {
  const key = shardIds.join();
  const known = rings.get(key);
  if (known !== undefined) return known;
  if (rings.size >= ringsCountMax) rings.clear();
  const ring = new HashRing(shardIds);
  rings.set(key, ring);
  return ring;
}

/** The positions in `ids` that belong to each shard: position in the ring's list → positions. */
export function splitByShard(
  ids: readonly PointId[],
  ring: HashRing,
): readonly (readonly number[])[] {
  const positions: number[][] = ring.shardIds.map(() => []);
  for (const [position, id] of ids.entries()) {
    positions[ring.shardIndexOf(id)]?.push(position);
  }
  return positions;
}
