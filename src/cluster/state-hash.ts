// One short text for the whole agreed state: peers compare it instead of the state. Equal states
// have equal hashes; states that differ have different ones but for chance, 1 in 2^64. The hash of
// a collection is kept with its object, so after a change only what changed is hashed again.

import type { ClusterState, CollectionState } from '../model/cluster-state.ts';
import { collectionText, headText } from './encode-state.ts';

const collectionHashes = new WeakMap<CollectionState, bigint>();
const stateHashes = new WeakMap<ClusterState, string>();
const mask64 = (1n << 64n) - 1n;

/** 16 hexadecimal digits. */
export function stateHash(state: ClusterState): string {
  let known = stateHashes.get(state);
  if (known === undefined) {
    // A sum does not care in which order the collections stand in their map. Each name is in its
    // collection's text.
    let sum = textHash(headText(state));
    for (const collection of state.collections.values()) sum += collectionHash(collection);
    known = (sum & mask64).toString(16).padStart(16, '0');
    stateHashes.set(state, known);
  }
  return known;
}

function collectionHash(collection: CollectionState): bigint {
  let known = collectionHashes.get(collection);
  if (known === undefined) {
    known = textHash(collectionText(collection));
    collectionHashes.set(collection, known);
  }
  return known;
}

/** Two runs of MurmurHash3's mixing (Appleby, 2011) over the code units, from unrelated seeds. */
function textHash(text: string): bigint {
  const low = murmur32(text, 0x9e3779b9);
  const high = murmur32(text, 0x3c6ef372);
  return (BigInt(high) << 32n) | BigInt(low);
}

function murmur32(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) {
    let block = Math.imul(text.charCodeAt(at), 0xcc9e2d51);
    block = (block << 15) | (block >>> 17);
    hash ^= Math.imul(block, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
