// What an index is asked beside filters: ordered values, distinct values, counts; in memory and as
// published columns alike.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pointsArbitrary } from '../../../test/filters/arbitraries.ts';
import { publish } from '../../../test/filters/points.ts';
import { bitsToArray, emptyBitset, testBit } from '../../base/bitset.ts';
import type { PayloadFieldSchema, PayloadFieldType } from '../../model/payload-schema.ts';
import type { OrderValue } from '../../model/read.ts';
import {
  type FieldIndex,
  holdsAnyValue,
  type IndexedValue,
  type IndexTest,
  type OrderedValues,
} from './field-index.ts';
import { MemoryFieldIndex } from './memory-field-index.ts';
import { compareIndexedValues } from './ordered-values.ts';
import { buildFieldIndex, openFieldIndex } from './published-field-index.ts';

const encoder = new TextEncoder();

function memoryIndex(
  payloads: readonly string[],
  key: string,
  schema: PayloadFieldSchema,
): MemoryFieldIndex {
  const index = new MemoryFieldIndex(key, schema);
  for (const [offset, payload] of payloads.entries()) index.set(offset, encoder.encode(payload));
  return index;
}

function bothIndexes(
  payloads: readonly string[],
  key: string,
  schema: PayloadFieldSchema,
): readonly FieldIndex[] {
  const memory = memoryIndex(payloads, key, schema);
  return [memory, publish(schema, memory, payloads.length)];
}

const plain = (dataType: PayloadFieldType): PayloadFieldSchema => ({ dataType, params: null });

function pairs(values: OrderedValues): readonly (readonly [OrderValue, number])[] {
  return Array.from({ length: values.length }, (_, at) => [
    values.valueAt(at),
    values.offsetAt(at),
  ]);
}

function offsetsOf(values: OrderedValues): string {
  return Array.from({ length: values.length }, (_, at) => values.offsetAt(at) + 1).join();
}

test('E50 ordered values: a point once per value, ties by offset, reversed for desc', () => {
  const payloads = ['{"n":5}', '{"n":[1,9]}', '{"n":5.5}', '{}', '{"n":5}', '{"n":null}'];
  for (const index of bothIndexes(payloads, 'n', plain('float'))) {
    const asc = (startFrom: number | null) =>
      offsetsOf(index.ordered({ direction: 'asc', startFrom }));
    const desc = (startFrom: number | null) =>
      offsetsOf(index.ordered({ direction: 'desc', startFrom }));
    assert.equal(asc(null), '2,1,5,3,2');
    assert.equal(desc(null), '2,3,5,1,2');
    assert.equal(asc(5), '1,5,3,2');
    assert.equal(asc(5.1), '3,2');
    assert.equal(desc(5), '5,1,2');
    assert.equal(asc(10), '');
    assert.equal(index.pointCount(), 4);
  }
  for (const index of bothIndexes(payloads, 'n', plain('integer'))) {
    assert.equal(offsetsOf(index.ordered({ direction: 'asc', startFrom: null })), '2,1,5,2');
    assert.equal(offsetsOf(index.ordered({ direction: 'asc', startFrom: 4.5 })), '1,5,2');
    assert.equal(index.pointCount(), 3);
  }
  const lookupOnly: PayloadFieldSchema = {
    dataType: 'integer',
    params: { type: 'integer', range: false },
  };
  for (const index of bothIndexes(payloads, 'n', lookupOnly)) {
    assert.equal(index.ordered({ direction: 'asc', startFrom: null }).length, 0);
  }
});

test('order values are exact, numbers where they can be', () => {
  const payloads = ['{"n":9007199254740993}', '{"n":-9223372036854775808}', '{"n":7.0}'];
  for (const index of bothIndexes(payloads, 'n', plain('integer'))) {
    const ordered = pairs(index.ordered({ direction: 'asc', startFrom: null }));
    assert.deepEqual(ordered, [
      [-(2n ** 63n), 1],
      [7, 2],
      [9007199254740993n, 0],
    ]);
  }
  for (const index of bothIndexes(['{"d":"2024-01-01"}'], 'd', plain('datetime'))) {
    const ordered = pairs(index.ordered({ direction: 'desc', startFrom: null }));
    assert.deepEqual(ordered, [[1_704_067_200_000_000, 0]]);
  }
});

test('distinct values come sorted, each with its points', () => {
  const payloads = ['{"k":["b","a","a"]}', '{"k":"b"}', '{"k":[null,"\u{1f600}","\ue000"]}', '{}'];
  for (const index of bothIndexes(payloads, 'k', plain('keyword'))) {
    const seen: [IndexedValue, number[]][] = [];
    index.forEachValue((value, offsets) => seen.push([value, [...offsets]]));
    assert.deepEqual(seen, [
      ['a', [0]],
      ['b', [0, 1]],
      ['\ue000', [2]],
      ['\u{1f600}', [2]],
    ]);
    assert.equal(index.pointCount(), 3);
  }
});

test('published and memory indexes hold the same', () =>
  fc.assert(
    fc.property(
      pointsArbitrary,
      fc.constantFrom<PayloadFieldType>(
        'keyword',
        'integer',
        'float',
        'bool',
        'datetime',
        'uuid',
        'text',
      ),
      fc.constantFrom('a', 'a[]', 'list[].a'),
      fc.array(fc.nat(30), { maxLength: 3 }),
      (points, dataType, key, holes) => {
        const payloads = points.map((point) => point.payload);
        const memory = memoryIndex(payloads, key, plain(dataType));
        for (const hole of holes) memory.clear(hole);
        const published = publish(plain(dataType), memory, payloads.length);
        assert.deepEqual(contentOf(published), contentOf(memory));
      },
    ),
    { numRuns: 300 },
  ));

const presenceTests = [
  'all_empty',
  'some_empty',
  'some_filled',
  'some_null',
  'some_not_null',
] as const;

function collected(index: FieldIndex, indexTest: IndexTest): string {
  const into = emptyBitset(128);
  index.collect(indexTest, into);
  const { min, expected, max } = index.estimate(indexTest);
  const count = bitsToArray(into).length;
  assert.ok(min <= count && count <= max && expected >= min && expected <= max, indexTest.kind);
  return bitsToArray(into).join();
}

/** Counts over every third point, checked against the lists of points. */
function facetOf(index: FieldIndex): readonly string[] {
  const among = Uint32Array.of(0x49249249, 0x92492492, 0x24924924, 0x49249249);
  const facet: string[] = [];
  index.countValues(among, (value, count) => facet.push(`${String(value)}: ${count}`));
  const expected: string[] = [];
  index.forEachValue((value, offsets) => {
    const count = offsets.filter((offset) => testBit(among, offset)).length;
    if (count > 0) expected.push(`${String(value)}: ${count}`);
  });
  assert.deepEqual(facet, expected);
  return facet;
}

function contentOf(index: FieldIndex): unknown {
  const values: [IndexedValue, number[]][] = [];
  index.forEachValue((value, offsets) => values.push([value, [...offsets]]));
  return {
    points: index.pointCount(),
    values,
    ascending: pairs(index.ordered({ direction: 'asc', startFrom: null })),
    descending: pairs(index.ordered({ direction: 'desc', startFrom: null })),
    tests: presenceTests.map((kind) => collected(index, { kind })),
    holders: collected(index, holdsAnyValue),
    facet: facetOf(index),
    from: pairs(index.ordered({ direction: 'asc', startFrom: 0.5 })),
    until: pairs(index.ordered({ direction: 'desc', startFrom: 9007199254740993n })),
  };
}

test('a memory index follows changes', () => {
  const index = memoryIndex(['{"n":1}', '{"n":[2,3]}', '{}'], 'n', plain('integer'));
  const test2 = { kind: 'any', values: new Set([2]) } as const;
  assert.equal(index.matchesAt(test2, 1), true);
  index.set(1, encoder.encode('{"n":"x"}'));
  assert.equal(index.matchesAt(test2, 1), false);
  assert.equal(index.pointCount(), 1);
  index.set(5, encoder.encode('{"n":2}'));
  assert.equal(index.matchesAt(test2, 5), true);
  assert.equal(index.matchesAt({ kind: 'all_empty' }, 2), true);
  assert.equal(index.matchesAt({ kind: 'all_empty' }, 4), false);
  index.clear(0);
  assert.equal(index.pointCount(), 1);
  assert.equal(index.matchesAt({ kind: 'some_not_null' }, 0), false);
  assert.equal(offsetsOf(index.ordered({ direction: 'asc', startFrom: null })), '6');
});

test('columns work in place, and as copies where they are not aligned', () => {
  const payloads = Array.from({ length: 100 }, (_, n) => `{"n":${n},"k":"w${n % 2}"}`);
  for (const [key, dataType] of [
    ['n', 'integer'],
    ['k', 'keyword'],
  ] as const) {
    const memory = memoryIndex(payloads, key, plain(dataType));
    const columns = buildFieldIndex(plain(dataType), payloads.length, memory);
    for (const { name, bytes } of columns) {
      assert.ok(bytes.buffer instanceof SharedArrayBuffer, name);
    }
    const shifted = columns.map(({ name, bytes }) => {
      const moved = new Uint8Array(bytes.length + 1);
      moved.set(bytes, 1);
      return { name, bytes: moved.subarray(1) };
    });
    const opened = openFieldIndex(plain(dataType), shifted);
    assert.deepEqual(contentOf(opened), contentOf(memory));
  }
});

test('strings are ordered by their bytes', () => {
  const texts = fc.array(
    fc.constantFrom('', 'a', 'z', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '𐀀'),
  );
  fc.assert(
    fc.property(texts, texts, (partsA, partsB) => {
      const [a, b] = [partsA.join(''), partsB.join('')];
      const order = Buffer.compare(Buffer.from(a), Buffer.from(b));
      assert.equal(Math.sign(compareIndexedValues(a, b)), order);
    }),
    { numRuns: 1000 },
  );
});
