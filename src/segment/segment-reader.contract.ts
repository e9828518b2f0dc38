// What every `SegmentReader` promises, checked against a naive model: a Map of points, filters as
// plain functions, and distances in double precision.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { similarity } from '../kernels/scalar.ts';
import type { Distance, VectorConfig } from '../model/collection-config.ts';
import type { Filter } from '../model/filter.ts';
import { filterFromText } from '../model/filter-json.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import { comparePointIds, type PointId } from '../model/point-id.ts';
import type { SearchTask } from '../model/read.ts';
import type { SegmentReader } from './segment-reader.ts';
import { growableSpec } from './vector-spec.ts';

export const noPause = () => Promise.resolve();

export function vectorConfig(
  name: string,
  dimension: number,
  more: Partial<VectorConfig> = {},
): VectorConfig {
  const hnsw = { m: 4, efConstruct: 32, fullScanThresholdKb: 0, payloadM: 4 };
  const rest = { distance: 'Dot' as Distance, datatype: 'float32' as const, onDisk: false, hnsw };
  return { name, dimension, ...rest, ...more };
}

/** Two names: points may lack either. */
export const contractVectors: readonly VectorConfig[] = [
  vectorConfig('', 5, { distance: 'Euclid' }),
  vectorConfig('other', 3, { datatype: 'float16' }),
];

/** `n` is indexed, `tag` too; `free` is not. */
export const contractSchema: PayloadSchema = new Map([
  ['n', { dataType: 'integer', params: null }],
  ['tag', { dataType: 'keyword', params: null }],
]);

export interface ModelPayload {
  readonly n?: number | readonly number[];
  readonly tag?: string;
  readonly free?: number;
}

export interface ModelPoint {
  readonly version: number;
  readonly payload: ModelPayload;
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

export type Model = Map<PointId, ModelPoint>;

export const contractIds: readonly PointId[] = [
  ...Array.from({ length: 24 }, (_, index) => index * 3),
  Number.MAX_SAFE_INTEGER,
  9007199254740992n,
  9007199254740993n,
  18446744073709551615n,
  '00000000-0000-0000-0000-000000000001',
  '7f000000-0000-4000-8000-00000000000a',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
];

const componentArbitrary = fc.integer({ min: -8, max: 8 }).map((n) => n / 4);

function vectorArbitrary(dimension: number): fc.Arbitrary<Float32Array> {
  return fc
    .array(componentArbitrary, { minLength: dimension, maxLength: dimension })
    .map((values) => Float32Array.from(values));
}

export const idArbitrary: fc.Arbitrary<PointId> = fc.constantFrom(...contractIds);

export const payloadArbitrary: fc.Arbitrary<ModelPayload> = fc.record(
  {
    n: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.array(fc.integer({ min: 0, max: 9 }))),
    tag: fc.constantFrom('a', 'b', 'c'),
    free: fc.integer({ min: 0, max: 3 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

export const vectorsArbitrary: fc.Arbitrary<ReadonlyMap<string, Float32Array>> = fc
  .record({ '': vectorArbitrary(5), other: vectorArbitrary(3) }, { requiredKeys: [] })
  .map((record) => new Map(Object.entries(record)));

export function payloadBytes(payload: ModelPayload): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(payload));
}

type Predicate = (payload: ModelPayload, id: PointId, point: ModelPoint) => boolean;

const valuesOf = ({ n }: ModelPayload) => (n === undefined ? [] : [n].flat());

const filters: readonly (readonly [string, Predicate])[] = [
  ['{"must":[{"key":"tag","match":{"value":"a"}}]}', ({ tag }) => tag === 'a'],
  [
    '{"must_not":[{"key":"tag","match":{"any":["a","b"]}}]}',
    ({ tag }) => tag !== 'a' && tag !== 'b',
  ],
  [
    '{"must":[{"key":"n","range":{"gte":3,"lt":6}}]}',
    (p) => valuesOf(p).some((n) => n >= 3 && n < 6),
  ],
  ['{"must":[{"key":"free","match":{"value":2}}]}', ({ free }) => free === 2],
  [
    '{"should":[{"key":"free","match":{"value":1}},{"key":"n","match":{"value":4}}]}',
    (p) => p.free === 1 || valuesOf(p).includes(4),
  ],
  ['{"must":[{"has_id":[0,3,6,9]}]}', (_, id) => typeof id === 'number' && id <= 9],
  ['{"must":[{"has_vector":"other"}]}', (_, _id, { vectors }) => vectors.has('other')],
  ['{"must":[{"is_empty":{"key":"free"}}]}', ({ free }) => free === undefined],
  ['{"must":[{"key":"tag","match":{"value":"nowhere"}}]}', () => false],
];

export const contractFilters: readonly { filter: Filter; matches: Predicate; text: string }[] =
  filters.map(([text, matches]) => ({ filter: filterFromText(text), matches, text }));

/** Compares everything a reader can be asked with the model. */
export async function checkReader(reader: SegmentReader, model: Model): Promise<void> {
  checkPoints(reader, model);
  await checkScrolls(reader, model);
  await checkOrders(reader, model);
  for (const config of contractVectors) await checkSearches(reader, model, config);
}

function checkPoints(reader: SegmentReader, model: Model): void {
  assert.equal(reader.pointCount(), model.size);
  assert.deepEqual(
    reader.vectorNames(),
    contractVectors.map(({ name }) => name),
  );
  for (const id of [...contractIds, 1, 7, '00000000-0000-0000-0000-000000000002']) {
    const offset = reader.findOffset(id);
    const expected = model.get(id);
    assert.equal(offset >= 0, expected !== undefined, `id ${id}`);
    if (expected === undefined) continue;
    assert.ok(offset < reader.offsetCount());
    assert.ok(reader.isLive(offset));
    assert.equal(reader.idAt(offset), id);
    assert.equal(reader.versionAt(offset), expected.version);
    const text = new TextDecoder().decode(reader.payloadAt(offset).slice());
    assert.deepEqual(JSON.parse(text), expected.payload);
    for (const { name } of contractVectors) {
      assert.deepEqual(reader.vectorAt(name, offset), expected.vectors.get(name) ?? null);
    }
    assert.equal(reader.vectorAt('unknown', offset), null);
  }
}

async function checkScrolls(reader: SegmentReader, model: Model): Promise<void> {
  const sorted = [...model.keys()].sort(comparePointIds);
  const expect = (
    from: PointId | null,
    limit: number,
    keep: (id: PointId, point: ModelPoint) => boolean,
  ) =>
    sorted
      .filter((id) => from === null || comparePointIds(id, from) >= 0)
      .filter((id) => keep(id, model.get(id) as ModelPoint))
      .slice(0, limit);
  const found = async (filter: Filter | null, from: PointId | null, limit: number) =>
    Array.from(await reader.offsetsById(filter, from, limit, noPause), (at) => reader.idAt(at));
  assert.equal(await reader.count(null, noPause), model.size);
  for (const from of [null, 0, 10, 9007199254740993n, '7f000000-0000-4000-8000-00000000000a']) {
    assert.deepEqual(
      await found(null, from, 4),
      expect(from, 4, () => true),
    );
  }
  for (const { filter, matches, text } of contractFilters) {
    const keep = (id: PointId, point: ModelPoint) => matches(point.payload, id, point);
    assert.deepEqual(await found(filter, 6, 5), expect(6, 5, keep), text);
    assert.equal(await reader.count(filter, noPause), expect(null, 1e9, keep).length, text);
    const estimate = reader.estimate(filter);
    assert.ok(estimate >= 0 && estimate <= model.size, `${text}: estimate ${estimate}`);
  }
}

async function checkOrders(reader: SegmentReader, model: Model): Promise<void> {
  const pairs = [...model].flatMap(([id, { payload }]) =>
    [...new Set(valuesOf(payload))].map((value) => ({ id, value })),
  );
  for (const direction of ['asc', 'desc'] as const) {
    for (const startFrom of [null, 4]) {
      const order = { key: 'n', direction, startFrom };
      const sign = direction === 'asc' ? 1 : -1;
      const expected = pairs
        .filter(({ value }) => startFrom === null || sign * (value - startFrom) >= 0)
        .sort((a, b) => sign * (a.value - b.value));
      const found = await reader.offsetsByValue(null, order, 1000, noPause);
      assert.deepEqual(
        found.map(({ value }) => value),
        expected.map(({ value }) => value),
      );
      const names = (list: readonly { id: PointId; value: unknown }[]) =>
        list.map(({ id, value }) => `${id} ${String(value)}`).sort();
      const named = found.map(({ offset, value }) => ({ id: reader.idAt(offset), value }));
      assert.deepEqual(names(named), names(expected));
      const { filter, matches } = contractFilters[0] as (typeof contractFilters)[0];
      const filtered = await reader.offsetsByValue(filter, order, 3, noPause);
      const kept = expected.filter(({ id }) => {
        const point = model.get(id) as ModelPoint;
        return matches(point.payload, id, point);
      });
      assert.deepEqual(
        filtered.map(({ value }) => value),
        kept.slice(0, 3).map(({ value }) => value),
      );
    }
  }
}

export function searchTask(more: Partial<SearchTask>): SearchTask {
  return {
    vectorName: '',
    vector: new Float32Array(5),
    limit: 10,
    filter: null,
    params: { hnswEf: null, exact: false, indexedOnly: false },
    parts: { payload: false, vectors: false },
    ...more,
  };
}

async function checkSearches(
  reader: SegmentReader,
  model: Model,
  config: VectorConfig,
): Promise<void> {
  const vector = Float32Array.from({ length: config.dimension }, (_, at) => (at - 2) / 2 + 0.25);
  const simOf = (stored: Float32Array) => similarity(vector, stored, growableSpec(config));
  const all = { filter: null, matches: () => true, text: 'all' };
  for (const { filter, matches, text } of [all, ...contractFilters]) {
    const expected = [...model]
      .filter(([id, point]) => matches(point.payload, id, point))
      .flatMap(([, { vectors }]) => vectors.get(config.name) ?? [])
      .map(simOf)
      .sort((a, b) => b - a);
    for (const limit of [1, 4, 100]) {
      for (const exact of [true, false]) {
        const params = { hnswEf: null, exact, indexedOnly: false };
        const task = searchTask({ vectorName: config.name, vector, limit, filter, params });
        const { offsets, sims } = await reader.search(task, noPause);
        const about = `${text} ${config.name} limit ${limit} exact ${exact}`;
        assert.equal(offsets.length, Math.min(limit, expected.length), about);
        assert.equal(new Set(offsets).size, offsets.length, about);
        offsets.forEach((offset, at) => {
          const id = reader.idAt(offset);
          const point = model.get(id) as ModelPoint;
          assert.ok(point !== undefined && matches(point.payload, id, point), about);
          const own = simOf(point.vectors.get(config.name) as Float32Array);
          assert.ok(Math.abs((sims[at] as number) - own) < 1e-4, about);
          assert.ok(Math.abs((sims[at] as number) - (expected[at] as number)) < 1e-4, about);
        });
      }
    }
  }
  const nowhere = searchTask({ vectorName: 'unknown', vector });
  assert.equal((await reader.search(nowhere, noPause)).offsets.length, 0);
}
