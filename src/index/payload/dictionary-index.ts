// Keyword, uuid and bool of a published segment: a sorted dictionary of values as bytes, and for
// each value the points that hold it, as an ascending list or, where that is smaller, as a bitmap.
//
//   keys            the bytes of all values, one after the other, ascending
//   key_starts      u32: where each begins, and the end
//   posting_counts  u32: points that hold the value
//   posting_starts  u32: first word of its posting, and the end
//   postings        u32: offsets, or words of a bitmap if there are more points than such words

import { assert } from '../../base/assert.ts';
import {
  andNotInto,
  bitsetWordCount,
  bitsToArray,
  countAnd,
  orInto,
  setBit,
} from '../../base/bitset.ts';
import { decodeUtf8 } from '../../base/utf8.ts';
import type { PayloadFieldType } from '../../model/payload-schema.ts';
import type {
  Cardinality,
  FieldIndex,
  IndexedValue,
  IndexTest,
  OrderedValues,
} from './field-index.ts';
import {
  buildPresence,
  columnOf,
  type FieldValuesSource,
  type IndexColumn,
  numbersOf,
  PresenceBitmaps,
} from './index-columns.ts';
import { boundsOfPairs, countListed, exactly, noOrderedValues } from './index-estimates.ts';
import { compareIndexedValues } from './ordered-values.ts';

type DictionaryType = Extract<PayloadFieldType, 'keyword' | 'uuid' | 'bool'>;

const encoder = new TextEncoder();

export function buildDictionaryIndex(
  dataType: DictionaryType,
  offsetCount: number,
  source: FieldValuesSource,
): readonly IndexColumn[] {
  const offsetsByValue = new Map<IndexedValue, number[]>();
  for (let offset = 0; offset < offsetCount; offset += 1) {
    for (const value of source.valuesAt(offset)) {
      const offsets = offsetsByValue.get(value);
      if (offsets === undefined) offsetsByValue.set(value, [offset]);
      else offsets.push(offset);
    }
  }
  // Comparing in place of the engine is slow: only where its order of strings differs from ours.
  const compare = [...offsetsByValue.keys()].some(hasSurrogate)
    ? compareIndexedValues
    : compareNatively;
  const entries = [...offsetsByValue].sort(([a], [b]) => compare(a, b));
  return [
    ...buildPresence(offsetCount, source, 0),
    ...buildKeys(entries.map(([value]) => encodeKey(dataType, value))),
    ...buildPostings(
      entries.map(([, offsets]) => offsets),
      bitsetWordCount(offsetCount),
    ),
  ];
}

function hasSurrogate(value: IndexedValue): boolean {
  return typeof value === 'string' && /[\ud800-\udfff]/.test(value);
}

function compareNatively(a: IndexedValue, b: IndexedValue): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function buildKeys(keys: readonly Uint8Array[]): readonly IndexColumn[] {
  const starts = new Uint32Array(keys.length + 1);
  for (const [at, key] of keys.entries()) starts[at + 1] = (starts[at] as number) + key.length;
  const blob = new Uint8Array(starts[keys.length] as number);
  for (const [at, key] of keys.entries()) blob.set(key, starts[at]);
  return [columnOf('keys', blob), columnOf('key_starts', starts)];
}

function buildPostings(
  lists: readonly (readonly number[])[],
  bitmapWordCount: number,
): readonly IndexColumn[] {
  const counts = Uint32Array.from(lists, (list) => list.length);
  const starts = new Uint32Array(lists.length + 1);
  for (const [at, list] of lists.entries()) {
    starts[at + 1] = (starts[at] as number) + Math.min(list.length, bitmapWordCount);
  }
  const postings = new Uint32Array(starts[lists.length] as number);
  for (const [at, list] of lists.entries()) {
    const posting = postings.subarray(starts[at], starts[at + 1]);
    if (list.length <= bitmapWordCount) posting.set(list);
    else for (const offset of list) setBit(posting, offset);
  }
  return [
    columnOf('posting_counts', counts),
    columnOf('posting_starts', starts),
    columnOf('postings', postings),
  ];
}

/** Such that the order of the bytes is the order of the values. */
function encodeKey(dataType: DictionaryType, value: IndexedValue): Uint8Array {
  switch (dataType) {
    case 'keyword':
      return encoder.encode(value as string);
    case 'bool':
      return Uint8Array.of(value === true ? 1 : 0);
    case 'uuid': {
      const digits = (value as string).replaceAll('-', '');
      const bytes = new Uint8Array(16);
      for (let at = 0; at < 16; at += 1) {
        bytes[at] = Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16);
      }
      return bytes;
    }
  }
}

function decodeKey(dataType: DictionaryType, bytes: Uint8Array): IndexedValue {
  switch (dataType) {
    case 'keyword': {
      const text = decodeUtf8(bytes, 0, bytes.length);
      assert(text !== null, 'a key of a keyword index is not UTF-8');
      return text;
    }
    case 'bool':
      return bytes[0] === 1;
    case 'uuid': {
      const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
      const parts = [0, 8, 12, 16, 20, 32];
      return parts
        .slice(0, 5)
        .map((start, at) => digits.slice(start, parts[at + 1]))
        .join('-');
    }
  }
}

export class DictionaryIndex implements FieldIndex {
  readonly dataType: DictionaryType;
  readonly #presence: PresenceBitmaps;
  readonly #keys: Uint8Array;
  readonly #keyStarts: Uint32Array;
  readonly #postingCounts: Uint32Array;
  readonly #postingStarts: Uint32Array;
  readonly #postings: Uint32Array;
  readonly #bitmapWordCount: number;

  constructor(dataType: DictionaryType, columns: readonly IndexColumn[]) {
    this.dataType = dataType;
    this.#presence = new PresenceBitmaps(columns);
    this.#keys = numbersOf(columns, 'keys', Uint8Array);
    this.#keyStarts = numbersOf(columns, 'key_starts', Uint32Array);
    this.#postingCounts = numbersOf(columns, 'posting_counts', Uint32Array);
    this.#postingStarts = numbersOf(columns, 'posting_starts', Uint32Array);
    this.#postings = numbersOf(columns, 'postings', Uint32Array);
    this.#bitmapWordCount = bitsetWordCount(this.#presence.counts.offsetCount);
    assert(
      this.#keyStarts.length === this.#postingCounts.length + 1,
      () => `${this.#keyStarts.length} key starts, ${this.#postingCounts.length} postings`,
    );
  }

  pointCount(): number {
    return this.#presence.counts.pointCount;
  }

  matchesAt(test: IndexTest, offset: number): boolean | null {
    if (test.kind === 'any' || test.kind === 'except' || test.kind === 'between') return null;
    return this.#presence.testAt(test.kind, offset);
  }

  collect(test: IndexTest, into: Uint32Array): void {
    switch (test.kind) {
      case 'any':
        for (const value of test.values) this.#addPosting(this.#find(value), into);
        return;
      case 'except':
        this.#collectExcept(test.values, into);
        return;
      case 'between':
        return;
      default:
        this.#presence.collect(test.kind, into);
    }
  }

  estimate(test: IndexTest): Cardinality {
    switch (test.kind) {
      case 'any':
        return boundsOfPairs(this.#presence.counts, this.#pairsOf(test.values));
      case 'except': {
        const { counts } = this.#presence;
        return boundsOfPairs(counts, counts.pairCount - this.#pairsOf(test.values));
      }
      case 'between':
        return exactly(0);
      default:
        return exactly(this.#presence.count(test.kind));
    }
  }

  ordered(): OrderedValues {
    return noOrderedValues;
  }

  forEachValue(visit: (value: IndexedValue, offsets: Uint32Array) => void): void {
    for (let key = 0; key < this.#postingCounts.length; key += 1) {
      const posting = this.#postingAt(key);
      const offsets = this.#isBitmap(key) ? bitsToArray(posting) : posting;
      visit(this.#valueAt(key), offsets);
    }
  }

  countValues(among: Uint32Array, visit: (value: IndexedValue, count: number) => void): void {
    for (let key = 0; key < this.#postingCounts.length; key += 1) {
      const posting = this.#postingAt(key);
      const count = this.#isBitmap(key) ? countAnd(posting, among) : countListed(posting, among);
      if (count > 0) visit(this.#valueAt(key), count);
    }
  }

  #valueAt(key: number): IndexedValue {
    const bytes = this.#keys.subarray(this.#keyStarts[key], this.#keyStarts[key + 1]);
    return decodeKey(this.dataType, bytes);
  }

  /** Points with a value outside of the list. */
  #collectExcept(values: ReadonlySet<IndexedValue>, into: Uint32Array): void {
    if (values.size === 0) {
      orInto(into, this.#presence.holders());
      return;
    }
    const listed = new Set<number>();
    for (const value of values) listed.add(this.#find(value));
    const { pointCount, pairCount } = this.#presence.counts;
    if (pointCount !== pairCount) {
      for (let key = 0; key < this.#postingCounts.length; key += 1) {
        if (!listed.has(key)) this.#addPosting(key, into);
      }
      return;
    }
    // Each point holds one value: all that hold one, less those that hold a listed one.
    const matching = this.#presence.holders().slice();
    const excluded = new Uint32Array(matching.length);
    for (const key of listed) this.#addPosting(key, excluded);
    andNotInto(matching, excluded);
    orInto(into, matching);
  }

  #pairsOf(values: ReadonlySet<IndexedValue>): number {
    let count = 0;
    for (const value of values) count += this.#postingCounts[this.#find(value)] ?? 0;
    return count;
  }

  #isBitmap(key: number): boolean {
    return (this.#postingCounts[key] as number) > this.#bitmapWordCount;
  }

  #postingAt(key: number): Uint32Array {
    return this.#postings.subarray(this.#postingStarts[key], this.#postingStarts[key + 1]);
  }

  #addPosting(key: number, into: Uint32Array): void {
    if (key < 0) return;
    const posting = this.#postingAt(key);
    if (this.#isBitmap(key)) {
      orInto(into, posting);
      return;
    }
    for (let at = 0; at < posting.length; at += 1) {
      const offset = posting[at] as number;
      const word = offset >>> 5;
      into[word] = (into[word] as number) | (1 << (offset & 31));
    }
  }

  /** Position of the value in the dictionary; −1 if no point holds it. */
  #find(value: IndexedValue): number {
    const wanted = encodeKey(this.dataType, value);
    let [low, high] = [0, this.#postingCounts.length - 1];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = this.#compareKey(middle, wanted);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #compareKey(key: number, wanted: Uint8Array): number {
    const start = this.#keyStarts[key] as number;
    const length = (this.#keyStarts[key + 1] as number) - start;
    const common = Math.min(length, wanted.length);
    for (let at = 0; at < common; at += 1) {
      const difference = (this.#keys[start + at] as number) - (wanted[at] as number);
      if (difference !== 0) return difference;
    }
    return length - wanted.length;
  }
}
