// A bitmap, an estimate and the truth point by point must agree, wherever the indexes lie.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  filterArbitrary,
  pointsArbitrary,
  schemaArbitrary,
} from '../../../test/filters/arbitraries.ts';
import { type FixturePoint, FixturePoints, schemaOf } from '../../../test/filters/points.ts';
import { bitsToArray } from '../../base/bitset.ts';
import type { Filter } from '../../model/filter.ts';
import { filterFromText } from '../../model/filter-json.ts';
import { filterBitmap } from './bitmap.ts';
import { compileFilter } from './compile.ts';
import { estimateFilter } from './estimate.ts';
import { matchesFilter } from './evaluate.ts';

const noPause = async () => {};

test('bitmaps and estimates agree with the truth of single points', () =>
  fc.assert(
    fc.asyncProperty(
      pointsArbitrary,
      filterArbitrary,
      schemaArbitrary,
      async (points, filter, schema) => {
        const compiled = compileFilter(filter, schema);
        const reference = new FixturePoints(points, schema, 'none');
        const truth = points
          .map((_, offset) => offset)
          .filter((offset) => matchesFilter(compiled, reference, offset));
        for (const placement of ['none', 'memory', 'published'] as const) {
          const source = new FixturePoints(points, schema, placement);
          const bitmap = await filterBitmap(compiled, source, noPause);
          assert.deepEqual([...bitsToArray(bitmap)], truth, placement);
          const single = points
            .map((_, offset) => offset)
            .filter((offset) => matchesFilter(compiled, source, offset));
          assert.deepEqual(single, truth, `${placement}, single points`);
          const { min, expected, max } = estimateFilter(compiled, source, points.length);
          assert.ok(min <= truth.length && truth.length <= max, `${min} ${truth.length} ${max}`);
          assert.ok(min <= expected && expected <= max, `${min} ${expected} ${max}`);
        }
      },
    ),
    { numRuns: 2000 },
  ));

test('without an index nothing changes but the meaning that an index has', () =>
  fc.assert(
    fc.property(pointsArbitrary, filterArbitrary, (points, filter) => {
      const [plain, negated] = [filter, negationOf(filter)].map((each) =>
        compileFilter(each, new Map()),
      );
      if (plain === undefined || negated === undefined) return;
      const source = new FixturePoints(points, new Map(), 'none');
      for (const offset of points.keys()) {
        const truths = [plain, negated].map((each) => matchesFilter(each, source, offset));
        assert.notEqual(truths[0], truths[1], `must_not is not the complement at ${offset}`);
      }
    }),
    { numRuns: 200 },
  ));

function negationOf(filter: Filter): Filter {
  return { must: null, should: null, mustNot: [{ kind: 'filter', filter }], minShould: null };
}

const thousand: readonly FixturePoint[] = Array.from({ length: 3000 }, (_, id) => ({
  id,
  payload: `{"n":${id},"word":"w${id % 3}","free":${id % 10}}`,
}));

test('payloads are read only for points that indexes left undecided', async () => {
  const schema = schemaOf({ n: 'integer', word: 'keyword' });
  const text = `{"must":[{"key":"free","match":{"value":5}},
    {"key":"n","range":{"lt":300}},{"key":"word","match":{"value":"w0"}}]}`;
  const source = new FixturePoints(thousand, schema, 'published');
  const bitmap = await filterBitmap(compileFilter(filterFromText(text), schema), source, noPause);
  assert.equal(bitsToArray(bitmap).length, 10);
  assert.equal(source.payloadReadCount, 100);
});

test('a long scan pauses, and the pause may end it', async () => {
  const filter = compileFilter(
    filterFromText('{"must":{"key":"free","match":{"value":5}}}'),
    new Map(),
  );
  const source = new FixturePoints(thousand, new Map(), 'none');
  let pauses = 0;
  await filterBitmap(filter, source, () => {
    pauses += 1;
    return Promise.resolve();
  });
  assert.equal(pauses, 2);
  await assert.rejects(
    filterBitmap(filter, source, () => Promise.reject(new Error('deadline'))),
    /deadline/,
  );
});
