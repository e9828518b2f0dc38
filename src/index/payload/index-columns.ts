// Columns of a published index as bytes, and what every type has in common: its counts and one
// bitmap per question of presence. Little endian, as the machine is.
//
//   meta      u32: format version, offset count, point count, pair count, width of values
//   presence  u32 words of five bitmaps, one after the other: holds a value, all empty, some empty,
//             some null, some not null

import { assert } from '../../base/assert.ts';
import {
  andNotInto,
  bitsetWordCount,
  countBits,
  orInto,
  setBit,
  testBit,
} from '../../base/bitset.ts';
import type { IndexedValue, PresenceTestKind } from './field-index.ts';
import { presence } from './field-values.ts';

/** One flat array by name; its bytes should start at a multiple of 8 of their buffer. */
export interface IndexColumn {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What is indexed at each offset. `flagsAt` is 0 for an offset that passes no test at all. */
export interface FieldValuesSource {
  valuesAt(offset: number): readonly IndexedValue[];
  flagsAt(offset: number): number;
}

export const formatVersion = 1;

interface NumberArrayType<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
}

/** Zeroed memory that threads can share. */
export function sharedBytes(byteLength: number): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(byteLength));
}

/** A column filled with `numbers`, in shared memory. */
export function columnOf(
  name: string,
  numbers: Uint8Array | Uint32Array | Int32Array | Float64Array | BigInt64Array,
): IndexColumn {
  const bytes = sharedBytes(numbers.byteLength);
  bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  return { name, bytes };
}

/** The column seen as numbers: in place if its bytes are aligned, else a copy. */
export function numbersOf<T>(
  columns: readonly IndexColumn[],
  name: string,
  type: NumberArrayType<T>,
): T {
  const column = columns.find((candidate) => candidate.name === name);
  assert(column !== undefined, () => `index column ${name} is missing`);
  const { bytes } = column;
  const size = type.BYTES_PER_ELEMENT;
  assert(bytes.byteLength % size === 0, () => `index column ${name} is cut: ${bytes.byteLength}`);
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new type(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

export interface IndexCounts {
  readonly offsetCount: number;
  /** Points that hold a value. */
  readonly pointCount: number;
  /** (value, point) pairs: more than `pointCount` when some point holds several. */
  readonly pairCount: number;
  /** How values are stored; its meaning is that of the index type. */
  readonly width: number;
}

export function buildPresence(
  offsetCount: number,
  source: FieldValuesSource,
  width: number,
): readonly IndexColumn[] {
  const wordCount = bitsetWordCount(offsetCount);
  const words = new Uint32Array(wordCount * bitmapFlags.length);
  let pointCount = 0;
  let pairCount = 0;
  for (let offset = 0; offset < offsetCount; offset += 1) {
    const valueCount = source.valuesAt(offset).length;
    if (valueCount > 0) pointCount += 1;
    pairCount += valueCount;
    const flags = source.flagsAt(offset) | (valueCount > 0 ? holdsValue : 0);
    for (const [at, flag] of bitmapFlags.entries()) {
      if ((flags & flag) !== 0) setBit(words, at * wordCount * 32 + offset);
    }
  }
  const meta = Uint32Array.of(formatVersion, offsetCount, pointCount, pairCount, width);
  return [columnOf('meta', meta), columnOf('presence', words)];
}

/** A flag of its own beside those of `presence`. */
const holdsValue = 16;
const bitmapFlags = [
  holdsValue,
  presence.allEmpty,
  presence.someEmpty,
  presence.someNull,
  presence.someNotNull,
] as const;

export class PresenceBitmaps {
  readonly counts: IndexCounts;
  readonly #words: Uint32Array;
  readonly #wordCount: number;

  constructor(columns: readonly IndexColumn[]) {
    const meta = numbersOf(columns, 'meta', Uint32Array);
    const [version, offsetCount = 0, pointCount = 0, pairCount = 0, width = 0] = meta;
    assert(version === formatVersion, () => `index format ${version} is not ${formatVersion}`);
    this.counts = { offsetCount, pointCount, pairCount, width };
    this.#words = numbersOf(columns, 'presence', Uint32Array);
    this.#wordCount = bitsetWordCount(offsetCount);
    assert(
      this.#words.length === this.#wordCount * bitmapFlags.length,
      () => `presence has ${this.#words.length} words for ${offsetCount} offsets`,
    );
  }

  /** Points that hold at least one indexed value. */
  holders(): Uint32Array {
    return this.#bitmap(holdsValue);
  }

  testAt(kind: PresenceTestKind, offset: number): boolean {
    if (kind !== 'some_filled') return testBit(this.#bitmap(flagOf[kind]), offset);
    return this.#isKnown(offset) && !testBit(this.#bitmap(presence.allEmpty), offset);
  }

  collect(kind: PresenceTestKind, into: Uint32Array): void {
    if (kind === 'some_filled') orInto(into, this.#filled());
    else orInto(into, this.#bitmap(flagOf[kind]));
  }

  count(kind: PresenceTestKind): number {
    return countBits(kind === 'some_filled' ? this.#filled() : this.#bitmap(flagOf[kind]));
  }

  /**
   * A point has a value with a null in it or one without, or counts as without: one is always set.
   */
  #isKnown(offset: number): boolean {
    return (
      testBit(this.#bitmap(presence.someNull), offset) ||
      testBit(this.#bitmap(presence.someNotNull), offset)
    );
  }

  #filled(): Uint32Array {
    const filled = this.#bitmap(presence.someNull).slice();
    orInto(filled, this.#bitmap(presence.someNotNull));
    andNotInto(filled, this.#bitmap(presence.allEmpty));
    return filled;
  }

  #bitmap(flag: (typeof bitmapFlags)[number]): Uint32Array {
    const start = bitmapFlags.indexOf(flag) * this.#wordCount;
    return this.#words.subarray(start, start + this.#wordCount);
  }
}

const flagOf = {
  all_empty: presence.allEmpty,
  some_empty: presence.someEmpty,
  some_null: presence.someNull,
  some_not_null: presence.someNotNull,
} as const satisfies Record<Exclude<PresenceTestKind, 'some_filled'>, number>;
