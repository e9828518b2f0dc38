// Which shard of a collection holds a point. The answer for an id and a number of shards must never
// change, because it decides where stored points are looked for.

import type { PointId } from '../model/point-id.ts';

/** Position in the collection's list of shards, 0 … `shardCount` − 1. */
export function shardIndexOf(id: PointId, shardCount: number): number {
  if (shardCount === 1) return 0;
  return pointIdHash(id) % shardCount;
}

/** 32 bits that depend on every bit of the id; equal ids give equal hashes on every machine. */
export function pointIdHash(id: PointId): number {
  if (typeof id === 'string') {
    let hash = 0;
    for (const start of [0, 9, 14, 19, 24, 28]) {
      hash = mix(hash ^ Number.parseInt(id.slice(start, start + 8).replaceAll('-', ''), 16));
    }
    return hash;
  }
  const wide = BigInt(id);
  return mix(mix(Number(wide & 0xffffffffn)) ^ Number(wide >> 32n));
}

/** MurmurHash3's finalizer: each input bit changes about half of the output bits. */
function mix(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The positions in `ids` that belong to each shard: index of shard → positions. */
export function splitByShard(
  ids: readonly PointId[],
  shardCount: number,
): readonly (readonly number[])[] {
  const positions: number[][] = Array.from({ length: shardCount }, () => []);
  for (const [position, id] of ids.entries()) {
    positions[shardIndexOf(id, shardCount)]?.push(position);
  }
  return positions;
}
