// The ids of a published segment as two flat columns in ascending order: integers as 64-bit words,
// then UUIDs as 16 bytes. An offset is a rank, so finding an id is a binary search, a scroll is a
// walk, and no id needs an object. Ids are unique.

import { assert } from '../base/assert.ts';
import { integerPointId, type PointId } from '../model/point-id.ts';

const twoPow32 = 2 ** 32;

/** Structured-cloneable; shared by all threads. */
export interface IdColumns {
  readonly integerCount: number;
  readonly uuidCount: number;
  /** `integerCount` × u64, little endian, ascending. */
  readonly integers: SharedArrayBuffer;
  /** `uuidCount` × four u32 words, the most significant word first. */
  readonly uuids: SharedArrayBuffer;
}

/** Empty columns to fill by `IdReader.put`, or by reading files into the buffers. */
export function allocateIdColumns(integerCount: number, uuidCount: number): IdColumns {
  return {
    integerCount,
    uuidCount,
    integers: new SharedArrayBuffer(integerCount * 8),
    uuids: new SharedArrayBuffer(uuidCount * 16),
  };
}

/** Writes ids that come in ascending order. */
export function encodeIds(ids: Iterable<PointId>, columns: IdColumns): void {
  const integerWords = new Uint32Array(columns.integers);
  const uuidWords = new Uint32Array(columns.uuids);
  let integerAt = 0;
  let uuidAt = 0;
  for (const id of ids) {
    if (typeof id === 'string') {
      writeUuid(id, uuidWords, uuidAt * 4);
      uuidAt += 1;
    } else {
      writeInteger(id, integerWords, integerAt * 2);
      integerAt += 1;
    }
  }
  assert(integerAt === columns.integerCount, `${integerAt} of ${columns.integerCount} integers`);
  assert(uuidAt === columns.uuidCount, `${uuidAt} of ${columns.uuidCount} UUIDs`);
}

/** Reads id columns in place; one per thread. */
export class IdReader {
  readonly count: number;
  readonly #integerCount: number;
  readonly #integerWords: Uint32Array;
  readonly #uuidWords: Uint32Array;

  constructor(columns: IdColumns) {
    this.count = columns.integerCount + columns.uuidCount;
    this.#integerCount = columns.integerCount;
    this.#integerWords = new Uint32Array(columns.integers);
    this.#uuidWords = new Uint32Array(columns.uuids);
  }

  at(offset: number): PointId {
    if (offset >= this.#integerCount) {
      return readUuid(this.#uuidWords, (offset - this.#integerCount) * 4);
    }
    return readInteger(this.#integerWords, offset * 2);
  }

  /** The offset of an id, or −1. */
  find(id: PointId): number {
    const offset = this.lowerBound(id);
    return offset < this.count && this.at(offset) === id ? offset : -1;
  }

  /** The first offset whose id is ≥ `id`; `count` when there is none. */
  lowerBound(id: PointId): number {
    if (typeof id === 'string') return this.#integerCount + this.#uuidLowerBound(id);
    return typeof id === 'number' ? this.#numberLowerBound(id) : this.#bigintLowerBound(id);
  }

  /** As doubles: exact below 2^53, and a larger id never rounds to below 2^53. */
  #numberLowerBound(id: number): number {
    const words = this.#integerWords;
    let low = 0;
    let high = this.#integerCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = middle * 2;
      const value = (words[at + 1] as number) * twoPow32 + (words[at] as number);
      if (value < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #bigintLowerBound(id: bigint): number {
    let low = 0;
    let high = this.#integerCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (readInteger(this.#integerWords, middle * 2) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #uuidLowerBound(id: string): number {
    const wanted = new Uint32Array(4);
    writeUuid(id, wanted, 0);
    let low = 0;
    let high = this.count - this.#integerCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUuidWords(this.#uuidWords, middle * 4, wanted) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compareUuidWords(words: Uint32Array, at: number, wanted: Uint32Array): number {
  for (let index = 0; index < 4; index += 1) {
    const difference = (words[at + index] as number) - (wanted[index] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function readInteger(words: Uint32Array, at: number): number | bigint {
  const low = words[at] as number;
  const high = words[at + 1] as number;
  if (high < 2 ** 21) return high * twoPow32 + low;
  const id = integerPointId((BigInt(high) << 32n) | BigInt(low));
  assert(typeof id === 'bigint', 'an integer from 2^53 on is a bigint');
  return id;
}

function writeInteger(id: number | bigint, words: Uint32Array, at: number): void {
  if (typeof id === 'number') {
    words[at] = id % twoPow32;
    words[at + 1] = Math.floor(id / twoPow32);
    return;
  }
  words[at] = Number(id & 0xffffffffn);
  words[at + 1] = Number(id >> 32n);
}

function readUuid(words: Uint32Array, at: number): string {
  const first = hex32(words[at] as number);
  const second = hex32(words[at + 1] as number);
  const third = hex32(words[at + 2] as number);
  const fourth = hex32(words[at + 3] as number);
  return `${first}-${second.slice(0, 4)}-${second.slice(4)}-${third.slice(0, 4)}-${third.slice(4)}${fourth}`;
}

function writeUuid(id: string, words: Uint32Array, at: number): void {
  assert(id.length === 36, () => `not a canonical UUID: ${id}`);
  words[at] = Number.parseInt(id.slice(0, 8), 16);
  words[at + 1] = Number.parseInt(id.slice(9, 13) + id.slice(14, 18), 16);
  words[at + 2] = Number.parseInt(id.slice(19, 23) + id.slice(24, 28), 16);
  words[at + 3] = Number.parseInt(id.slice(28, 36), 16);
}

function hex32(word: number): string {
  return word.toString(16).padStart(8, '0');
}
