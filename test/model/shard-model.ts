// What a shard should hold, as a Map, and random updates that are made on both.

import assert from 'node:assert/strict';
import type { Prng } from '../../src/base/prng.ts';
import { filterFromText } from '../../src/model/filter-json.ts';
import { comparePointIds, type PointId } from '../../src/model/point-id.ts';
import type { PointRecord, ShardReadAnswer } from '../../src/model/read.ts';
import type { PointSelector, UpdateOperation, VectorColumn } from '../../src/model/update.ts';
import { type ShardHarness, shardVectors } from './shard-harness.ts';

type Payload = Record<string, string | number>;

interface ModelPoint {
  readonly payload: Payload;
  readonly vectors: ReadonlyMap<string, readonly number[]>;
}

export type Model = Map<PointId, ModelPoint>;

interface FilterCase {
  readonly text: string;
  readonly matches: (point: ModelPoint) => boolean;
}

export const filterCases: readonly FilterCase[] = [
  {
    text: '{"must":[{"key":"tag","match":{"value":"a"}}]}',
    matches: ({ payload }) => payload['tag'] === 'a',
  },
  {
    text: '{"must":[{"key":"n","range":{"gte":3,"lt":7}}]}',
    matches: ({ payload: { n } }) => typeof n === 'number' && n >= 3 && n < 7,
  },
  {
    text: '{"must_not":[{"key":"tag","match":{"any":["a","b"]}}]}',
    matches: ({ payload: { tag } }) => tag !== 'a' && tag !== 'b',
  },
  {
    text: '{"must":[{"has_vector":"other"}]}',
    matches: ({ vectors }) => vectors.has('other'),
  },
];

const idCount = 150;
const uuidIds = Array.from({ length: 10 }, (_, index) => {
  return `00000000-0000-4000-8000-00000000000${index.toString(16)}`;
});

function randomId(prng: Prng): PointId {
  if (prng.chance(0.1)) return prng.pick(uuidIds);
  return prng.chance(0.02) ? 2n ** 63n + BigInt(prng.int(3)) : prng.int(idCount);
}

function randomPayload(prng: Prng): Payload {
  const payload: Payload = {};
  if (prng.chance(0.7)) payload['n'] = prng.int(10);
  if (prng.chance(0.7)) payload['tag'] = prng.pick(['a', 'b', 'c']);
  if (prng.chance(0.3)) payload['text'] = 'x'.repeat(prng.int(60));
  return payload;
}

function randomVector(prng: Prng, dimension: number): number[] {
  return Array.from({ length: dimension }, () => (prng.int(33) - 16) / 8);
}

function randomVectors(prng: Prng): Map<string, number[]> {
  const vectors = new Map<string, number[]>();
  for (const { name, dimension } of shardVectors) {
    if (prng.chance(0.8)) vectors.set(name, randomVector(prng, dimension));
  }
  return vectors;
}

/** One update and what it does to the model; made before the update is sent. */
export interface PlannedUpdate {
  readonly operation: UpdateOperation;
  /** Returns whether the shard answers `completed`, as opposed to `failed`. */
  apply(model: Model): boolean;
}

export function planUpdate(prng: Prng): PlannedUpdate {
  const kinds = [planUpsert, planUpsert, planUpsert, planDelete, planSetPayload, planOverwrite];
  kinds.push(planUpdateVectors, planDeleteVectors, planDeleteKeys, planUpsert, planUpsert);
  return prng.pick(kinds)(prng);
}

function batchOf(points: readonly (readonly [PointId, ModelPoint])[]) {
  const texts = points.map(([, { payload }]) => Buffer.from(JSON.stringify(payload)));
  const payloadOffsets = new Uint32Array(points.length + 1);
  texts.forEach((text, at) => {
    payloadOffsets[at + 1] = (payloadOffsets[at] ?? 0) + text.length;
  });
  const vectors: VectorColumn[] = shardVectors.map(({ name, dimension }) => {
    const rows = new Int32Array(points.length).fill(-1);
    const data: number[] = [];
    points.forEach(([, point], at) => {
      const values = point.vectors.get(name);
      if (values === undefined) return;
      rows[at] = data.length / dimension;
      data.push(...values);
    });
    return { name, dimension, rows, data: Float32Array.from(data) };
  });
  const ids = points.map(([id]) => id);
  return { ids, vectors, payloadOffsets, payloadBytes: new Uint8Array(Buffer.concat(texts)) };
}

export function upsertOf(points: readonly (readonly [PointId, ModelPoint])[]): UpdateOperation {
  return { kind: 'upsert', points: batchOf(points), mode: 'upsert', filter: null };
}

function planUpsert(prng: Prng): PlannedUpdate {
  const points = Array.from({ length: 1 + prng.int(prng.chance(0.1) ? 150 : 20) }, () => {
    const point = { payload: randomPayload(prng), vectors: randomVectors(prng) };
    return [randomId(prng), point] as const;
  });
  const mode = prng.pick(['upsert', 'upsert', 'insert_only', 'update_only'] as const);
  const condition = prng.chance(0.2) ? prng.pick(filterCases) : null;
  return {
    operation: {
      kind: 'upsert',
      points: batchOf(points),
      mode,
      filter: condition?.text ?? null,
    },
    apply: (model) => {
      // Of several points of one id the last counts; mode and filter judge what was there before.
      for (const [id, point] of new Map(points)) {
        const old = model.get(id);
        if (old === undefined ? mode === 'update_only' : mode === 'insert_only') continue;
        if (old !== undefined && condition !== null && !condition.matches(old)) continue;
        model.set(id, point);
      }
      return true;
    },
  };
}

interface PlannedSelector {
  readonly selector: PointSelector;
  /** Those that exist, and whether a listed one is missing. */
  readonly select: (model: Model) => { readonly ids: PointId[]; readonly missing: boolean };
}

function planSelector(prng: Prng): PlannedSelector {
  if (prng.chance(0.3)) {
    const { text, matches } = prng.pick(filterCases);
    return {
      selector: { ids: null, filter: text },
      select: (model) => {
        const ids = [...model].filter(([, point]) => matches(point)).map(([id]) => id);
        return { ids, missing: false };
      },
    };
  }
  const listed = Array.from({ length: 1 + prng.int(8) }, () => randomId(prng));
  return {
    selector: { ids: listed, filter: null },
    select: (model) => {
      const ids = listed.filter((id) => model.has(id));
      return { ids, missing: ids.length < listed.length };
    },
  };
}

function planDelete(prng: Prng): PlannedUpdate {
  const { selector, select } = planSelector(prng);
  return {
    operation: { kind: 'delete_points', selector },
    apply: (model) => {
      for (const id of select(model).ids) model.delete(id);
      return true;
    },
  };
}

function planChange(
  { selector, select }: PlannedSelector,
  operation: (selector: PointSelector) => UpdateOperation,
  change: (point: ModelPoint) => ModelPoint,
): PlannedUpdate {
  return {
    operation: operation(selector),
    apply: (model) => {
      const { ids, missing } = select(model);
      for (const id of ids) model.set(id, change(model.get(id) as ModelPoint));
      return !missing;
    },
  };
}

function planSetPayload(prng: Prng): PlannedUpdate {
  const payload = randomPayload(prng);
  return planChange(
    planSelector(prng),
    (selector) => ({
      kind: 'set_payload',
      selector,
      payload: new Uint8Array(Buffer.from(JSON.stringify(payload))),
      key: null,
    }),
    (point) => ({ ...point, payload: { ...point.payload, ...payload } }),
  );
}

function planOverwrite(prng: Prng): PlannedUpdate {
  const clear = prng.chance(0.3);
  const payload = clear ? {} : randomPayload(prng);
  const bytes = new Uint8Array(Buffer.from(JSON.stringify(payload)));
  return planChange(
    planSelector(prng),
    (selector) =>
      clear
        ? { kind: 'clear_payload', selector }
        : { kind: 'overwrite_payload', selector, payload: bytes },
    (point) => ({ ...point, payload }),
  );
}

function planDeleteKeys(prng: Prng): PlannedUpdate {
  const key = prng.pick(['n', 'tag', 'text']);
  return planChange(
    planSelector(prng),
    (selector) => ({ kind: 'delete_payload', selector, keys: [key] }),
    (point) => {
      const { [key]: _removed, ...payload } = point.payload;
      return { ...point, payload };
    },
  );
}

function planDeleteVectors(prng: Prng): PlannedUpdate {
  const name = prng.pick(shardVectors).name;
  return planChange(
    planSelector(prng),
    (selector) => ({ kind: 'delete_vectors', names: [name], selector }),
    (point) => {
      const vectors = new Map(point.vectors);
      vectors.delete(name);
      return { ...point, vectors };
    },
  );
}

function planUpdateVectors(prng: Prng): PlannedUpdate {
  const points = Array.from({ length: 1 + prng.int(4) }, () => {
    return [randomId(prng), { payload: {}, vectors: randomVectors(prng) }] as const;
  });
  const none = { payloadOffsets: new Uint32Array(0), payloadBytes: new Uint8Array(0) };
  return {
    operation: { kind: 'update_vectors', points: { ...batchOf(points), ...none }, filter: null },
    apply: (model) => {
      let complete = true;
      for (const [id, { vectors }] of points) {
        const old = model.get(id);
        if (old === undefined) complete = false;
        else model.set(id, { ...old, vectors: new Map([...old.vectors, ...vectors]) });
      }
      return complete;
    },
  };
}

// --- comparing

export function describeModel(model: Model): string[] {
  return [...model]
    .sort(([a], [b]) => comparePointIds(a, b))
    .map(([id, { payload, vectors }]) => describe(id, payload, vectors));
}

function describe(
  id: PointId,
  payload: Payload,
  vectors: ReadonlyMap<string, ArrayLike<number>>,
): string {
  const members = Object.entries(payload).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = [...vectors].sort(([a], [b]) => (a < b ? -1 : 1));
  const values = names.map(([name, vector]) => [name, Array.from(vector)]);
  return `${id} ${JSON.stringify(members)} ${JSON.stringify(values)}`;
}

export function describeRecord({ id, payload, vectors }: PointRecord): string {
  const text = Buffer.from(payload ?? new Uint8Array()).toString();
  return describe(id, JSON.parse(text) as Payload, vectors ?? new Map());
}

const all = { payload: true, vectors: true } as const;

/** Everything a shard can be asked, from this thread and from another, against the model. */
export async function compareWithModel(harness: ShardHarness, model: Model): Promise<void> {
  const wanted = describeModel(model);
  const scroll = { kind: 'scroll', filter: null, from: null, limit: 1e6, parts: all } as const;
  const inside = await harness.shard.readAll(scroll, () => Promise.resolve());
  assert.deepEqual(recordsOf(inside).map(describeRecord), wanted);
  const outside = await harness.readFromOutside(scroll);
  assert.deepEqual(recordsOf(outside).map(describeRecord), wanted);
  assert.equal(harness.shard.info().pointCount, model.size);
  for (const { text, matches } of filterCases) {
    const filter = filterFromText(text);
    const expected = [...model.values()].filter(matches).length;
    const request = { kind: 'count', filter, exact: true } as const;
    const own = await harness.shard.readAll(request, () => Promise.resolve());
    assert.deepEqual(own, { kind: 'count', count: expected }, text);
    assert.deepEqual(await harness.readFromOutside(request), own, text);
  }
  await compareSearch(harness, model);
}

async function compareSearch(harness: ShardHarness, model: Model): Promise<void> {
  const vector = Float32Array.of(0.5, -1, 0.25, 2);
  const { text, matches } = filterCases[1] as FilterCase;
  const parts = { payload: false, vectors: false };
  const params = { hnswEf: 256, exact: true, indexedOnly: false };
  const task = { vectorName: '', vector, limit: 7, params, parts };
  const tasks = [
    { ...task, filter: null },
    { ...task, filter: filterFromText(text) },
  ];
  const answer = await harness.readFromOutside({ kind: 'search', tasks });
  assert.ok(answer.kind === 'search');
  const tests = [() => true, matches];
  for (const [at, test] of tests.entries()) {
    const sims = [...model.values()]
      .filter((point) => test(point) && point.vectors.has(''))
      .map((point) => dot(point.vectors.get('') ?? [], vector))
      .sort((a, b) => b - a)
      .slice(0, 7);
    assert.deepEqual(
      answer.hits[at]?.map((hit) => Math.fround(hit.sim)),
      sims.map(Math.fround),
    );
  }
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}

function recordsOf(answer: ShardReadAnswer): readonly PointRecord[] {
  assert.ok(answer.kind === 'scroll');
  return answer.records;
}
