// A real node against the naive engine: the same seeded stream of changes and reads over REST to
// both, restarts by `kill -9` in between, and every answer must be the same. Numbers are small
// integers, so that scores are exact whatever the order of summation; limits take in all points,
// because which of several equal ones is cut off is free.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import { type Called, startRig } from '../conformance/harness.ts';
import { OctantProcess } from './octant-process.ts';
import { RestClient } from './rest.ts';

const seed = Number(process.env['OCTANT_SEED'] ?? 1);
const stepCount = Number(process.env['OCTANT_STEPS'] ?? 3_000);
const restartEvery = 500;
const idCount = 400;
const everything = 100_000;

interface Step {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

const collections = {
  single: { vectors: { size: 3, distance: 'Dot' }, optimizers_config: { indexing_threshold: 1 } },
  named: {
    vectors: {
      e: { size: 2, distance: 'Euclid' },
      m: { size: 3, distance: 'Manhattan', datatype: 'uint8' },
      c: { size: 2, distance: 'Cosine', datatype: 'float16' },
    },
    shard_number: 3,
    optimizers_config: { indexing_threshold: 1, vacuum_min_vector_number: 100 },
  },
} as const;

type Name = keyof typeof collections;

/**
 * Draws the next step. Fields: `k` word or words, `n` integer, `f` never whole, `t` time, `o`
 * object.
 */
class Steps {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  #below(bound: number): number {
    return this.#prng.int(bound);
  }

  #one<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T;
  }

  #many<T>(countMax: number, make: () => T): T[] {
    return Array.from({ length: 1 + this.#below(countMax) }, make);
  }

  #id(): number | string {
    const number = this.#below(idCount);
    if (number % 5 > 0) return number;
    return `936da01f-9abd-4d9d-80c7-02af85c8${(0x1000 + number).toString(16)}`;
  }

  #numbers(count: number): number[] {
    return Array.from({ length: count }, () => this.#below(9) - 4);
  }

  #vector(name: Name): number[] | Record<string, number[]> {
    if (name === 'single') return this.#numbers(3);
    const all = { e: this.#numbers(2), m: this.#numbers(3), c: this.#numbers(2) };
    const kept = Object.entries(all).filter(() => this.#below(5) > 0);
    return Object.fromEntries(kept);
  }

  #word(): string {
    return this.#one(['red', 'green', 'blue', 'Red ', 'grün', '']);
  }

  #payload(): Record<string, unknown> {
    const draws: Record<string, () => unknown> = {
      k: () => (this.#below(2) > 0 ? this.#word() : this.#many(3, () => this.#word())),
      n: () => (this.#below(3) > 0 ? this.#below(20) : this.#many(3, () => this.#below(20))),
      f: () => this.#below(10) + 0.5,
      b: () => this.#below(2) > 0,
      t: () => `2024-01-${10 + this.#below(20)}T0${this.#below(9)}:00:00Z`,
      o: () => ({
        in: this.#below(4),
        list: this.#many(3, () => ({ x: this.#below(3), y: this.#below(3) })),
      }),
      z: () => this.#one([null, [], {}, 'text']),
    };
    const kept = Object.entries(draws).filter(() => this.#below(3) > 0);
    return Object.fromEntries(kept.map(([field, draw]) => [field, draw()]));
  }

  #condition(depth: number): object {
    const at = this.#below(depth > 0 ? 14 : 12);
    switch (at) {
      case 0:
        return { key: 'k', match: { value: this.#word() } };
      case 1:
        return { key: 'k', match: { any: this.#many(2, () => this.#word()) } };
      case 2:
        return { key: 'n', match: { value: this.#below(20) } };
      case 3:
        return { key: 'n', range: { gte: this.#below(20), lt: this.#below(25) } };
      case 4:
        return { key: 'f', range: { gt: this.#below(10), lte: this.#below(12) } };
      case 5:
        return { key: 'b', match: { value: this.#below(2) > 0 } };
      case 6:
        return { key: 't', range: { gte: `2024-01-${10 + this.#below(20)}` } };
      case 7:
        return {
          [this.#one(['is_empty', 'is_null'])]: { key: this.#one(['k', 'n', 'z', 'o.in']) },
        };
      case 8:
        return { has_id: this.#many(40, () => this.#id()) };
      case 9:
        return { key: this.#one(['k', 'n', 'o.list']), values_count: { gte: this.#below(3) } };
      case 10: {
        const must = [{ key: 'x', match: { value: this.#below(3) } }];
        return {
          nested: {
            key: 'o.list',
            filter: { must, must_not: [{ key: 'y', match: { value: 1 } }] },
          },
        };
      }
      case 11:
        return { has_vector: this.#one(['', 'e', 'c', 'nothing']) };
      default:
        return this.#filter(depth - 1);
    }
  }

  #filter(depth = 2): object {
    const filter: Record<string, unknown> = {};
    const conditions = () => this.#many(2, () => this.#condition(depth));
    if (this.#below(2) > 0) filter['must'] = conditions();
    if (this.#below(3) === 0) filter['should'] = conditions();
    if (this.#below(3) === 0) filter['must_not'] = conditions();
    if (this.#below(6) === 0) filter['min_should'] = { conditions: conditions(), min_count: 1 };
    return filter;
  }

  #selector(): object {
    // One id, because how much is done before an unknown one is met is free.
    if (this.#below(3) > 0) return { points: [this.#id()] };
    return { filter: { must: [{ has_id: this.#many(60, () => this.#id()) }, this.#filter(1)] } };
  }

  next(): Step {
    const name = this.#one<Name>(['single', 'named']);
    const points = `/collections/${name}/points`;
    if (this.#below(5) < 2) return this.#read(name, points);
    return this.#change(name, points);
  }

  #change(name: Name, points: string): Step {
    const batch = () =>
      this.#many(40, () => ({
        id: this.#id(),
        vector: this.#vector(name),
        payload: this.#payload(),
      }));
    const vectors = () => ({
      id: this.#id(),
      vector: name === 'single' ? this.#numbers(3) : { e: this.#numbers(2) },
    });
    const names = name === 'single' ? [''] : ['e', 'c'];
    const index = this.#one([
      ['k', 'keyword'],
      ['n', 'integer'],
      ['f', 'float'],
      ['b', 'bool'],
      ['t', 'datetime'],
    ]);
    const [field_name = '', field_schema = ''] = index;
    const steps: readonly (() => Step)[] = [
      ...Array.from({ length: 5 }, () => () => {
        const update_mode = this.#one(['upsert', 'upsert', 'insert_only', 'update_only']);
        return { method: 'PUT', path: points, body: { points: batch(), update_mode } };
      }),
      () => ({
        method: 'PUT',
        path: points,
        body: { points: batch(), update_filter: this.#filter(1) },
      }),
      () => ({ method: 'POST', path: `${points}/delete`, body: this.#selector() }),
      () => ({
        method: 'POST',
        path: `${points}/payload`,
        body: { payload: this.#payload(), ...this.#selector() },
      }),
      () => ({
        method: 'POST',
        path: `${points}/payload`,
        body: { payload: { in: 9 }, key: 'o', ...this.#selector() },
      }),
      () => ({
        method: 'PUT',
        path: `${points}/payload`,
        body: { payload: this.#payload(), ...this.#selector() },
      }),
      () => ({
        method: 'POST',
        path: `${points}/payload/delete`,
        body: { keys: ['k', 'o.list[].x'], ...this.#selector() },
      }),
      () => ({ method: 'POST', path: `${points}/payload/clear`, body: this.#selector() }),
      () => ({ method: 'PUT', path: `${points}/vectors`, body: { points: [vectors()] } }),
      () => ({
        method: 'POST',
        path: `${points}/vectors/delete`,
        body: { vector: names, ...this.#selector() },
      }),
      () => ({
        method: 'PUT',
        path: `/collections/${name}/index`,
        body: { field_name, field_schema },
      }),
      () => ({ method: 'DELETE', path: `/collections/${name}/index/${field_name}` }),
    ];
    const step = this.#one(steps)();
    return { ...step, path: `${step.path}?wait=true` };
  }

  #read(name: Name, points: string): Step {
    const filter = this.#below(4) > 0 ? this.#filter() : null;
    const shown = { with_payload: this.#below(3) > 0, with_vector: this.#below(3) > 0 };
    const using = name === 'single' ? '' : this.#one(['e', 'm', 'c']);
    const query = this.#numbers(name === 'single' || using === 'm' ? 3 : 2);
    const steps: readonly (() => Step)[] = [
      () => ({ method: 'POST', path: `${points}/count`, body: { filter } }),
      () => ({
        method: 'POST',
        path: `${points}/scroll`,
        body: { filter, limit: everything, ...shown },
      }),
      () => ({
        method: 'POST',
        path: `${points}/scroll`,
        body: { filter, limit: 7, offset: this.#id() },
      }),
      () => ({
        method: 'POST',
        path: points,
        body: { ids: this.#many(9, () => this.#id()), ...shown },
      }),
      () => ({
        method: 'POST',
        path: `${points}/query`,
        body: {
          query,
          using,
          filter,
          limit: everything,
          params: { exact: this.#below(2) > 0 },
          ...shown,
        },
      }),
      () => ({
        method: 'POST',
        path: `${points}/query`,
        body: { query: this.#id(), using, filter, limit: everything, params: { exact: true } },
      }),
      () => ({ method: 'GET', path: `${points}/${this.#id()}` }),
    ];
    return this.#one(steps)();
  }
}

/** What must be equal: not the time, not the numbers of operations. */
function comparable(text: string): string {
  return (
    text
      .replaceAll(/"version":\d+/g, '"version":0')
      .replaceAll(/"operation_id":\d+/g, '"operation_id":0')
      .replace(/"time":[\d.e-]+/, '"time":0')
      // Cosine is the only measure here whose last digits are free.
      .replaceAll(/("score":-?\d+\.\d{4})\d+/g, '$1')
  );
}

/** Of equal scores the order is free once rounding has made them equal. */
function sortedHits(text: string): string {
  const answer = JSON.parse(text) as { result?: { points?: { id: unknown; score?: number }[] } };
  const points = answer.result?.points;
  if (points?.[0]?.score === undefined) return text;
  points.sort((a, b) =>
    JSON.stringify([a.score, a.id]).localeCompare(JSON.stringify([b.score, b.id])),
  );
  return JSON.stringify(answer);
}

/** The place where the texts part. */
function difference(got: string, expected: string): string {
  let at = 0;
  while (got[at] === expected[at]) at += 1;
  const around = (text: string) => text.slice(Math.max(0, at - 150), at + 250);
  return `got      …${around(got)}…\nexpected …${around(expected)}…`;
}

test(`a node answers as the naive engine does, seed ${seed}`, async (t) => {
  const rig = await startRig();
  const node = await OctantProcess.create();
  t.after(async () => {
    await rig.close();
    await node.dispose();
  });
  await node.start();
  let client = new RestClient(node.port);
  for (const [name, body] of Object.entries(collections)) {
    await rig.ok('PUT', `/collections/${name}`, body);
    await client.result('PUT', `/collections/${name}`, body);
  }
  const steps = new Steps(new Prng(seed));
  for (let at = 0; at < stepCount; at += 1) {
    if (at % restartEvery === restartEvery - 1) {
      client.close();
      await node.kill();
      await node.start();
      client = new RestClient(node.port);
    }
    const { method, path, body } = steps.next();
    const [real, naive]: readonly [{ text: string }, Called] = [
      await client.call(method, path, body),
      await rig.call(method, path, body),
    ];
    const got = sortedHits(comparable(real.text));
    const expected = sortedHits(comparable(naive.text));
    if (got === expected) continue;
    const request = `${method} ${path} ${JSON.stringify(body)}`;
    assert.fail(`seed ${seed}, step ${at}: ${request}\n${difference(got, expected)}`);
  }
  client.close();
});
