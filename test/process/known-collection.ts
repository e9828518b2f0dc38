// A collection whose content is known, and somebody who keeps asking for it: what hostile input
// must neither change nor delay.

import assert from 'node:assert/strict';
import type { OctantProcess } from './octant-process.ts';
import { RestClient } from './rest.ts';

export const knownDimension = 4;
const pageCount = 1000;

interface KnownPoint {
  readonly id: number;
  readonly vector: readonly number[];
  readonly payload: { readonly tag: string; readonly number: number };
}

function knownPoint(id: number): KnownPoint {
  const vector = Array.from({ length: knownDimension }, (_, at) => id + at * 0.25);
  return { id, vector, payload: { tag: `tag ${id % 7}`, number: id } };
}

/** Creates `name` with points 1…count. */
export async function createKnown(client: RestClient, name: string, count: number): Promise<void> {
  const path = `/collections/${name}`;
  await client.result('PUT', path, { vectors: { size: knownDimension, distance: 'Euclid' } });
  const index = { field_name: 'tag', field_schema: 'keyword' };
  await client.result('PUT', `${path}/index?wait=true`, index);
  const points = Array.from({ length: count }, (_, at) => knownPoint(at + 1));
  await client.result('PUT', `${path}/points?wait=true`, { points });
}

/** Exactly points 1…count, as they were written. */
export async function expectKnown(client: RestClient, name: string, count: number): Promise<void> {
  const path = `/collections/${name}/points`;
  const counted = await client.result<{ count: number }>('POST', `${path}/count`, { exact: true });
  assert.equal(counted.count, count, `exact count of ${name}`);
  const info = await client.result<{ payload_schema: unknown }>('GET', `/collections/${name}`);
  assert.deepEqual(info.payload_schema, { tag: { data_type: 'keyword', points: count } });
  const found: KnownPoint[] = [];
  let offset: number | null = null;
  do {
    const body: object = {
      limit: pageCount,
      with_vector: true,
      ...(offset === null ? {} : { offset }),
    };
    const page: { points: KnownPoint[]; next_page_offset: number | null } = await client.result(
      'POST',
      `${path}/scroll`,
      body,
    );
    found.push(...page.points);
    offset = page.next_page_offset;
  } while (offset !== null);
  assert.deepEqual(
    found,
    Array.from({ length: count }, (_, at) => knownPoint(at + 1)),
  );
}

/**
 * Asks for a collection over and over on connections of its own, as any other user would. Each
 * answer must be 200 and come within `answerMsMax`.
 */
export class Prober {
  readonly #client: RestClient;
  readonly #path: string;
  readonly #answerMsMax: number;
  readonly #faults: string[] = [];
  #running: Promise<void>;
  #stopped = false;
  #count = 0;
  #slowestMs = 0;

  constructor(octant: OctantProcess, collection: string, answerMsMax: number) {
    this.#client = new RestClient(octant.port);
    this.#path = `/collections/${collection}`;
    this.#answerMsMax = answerMsMax;
    this.#running = this.#run();
  }

  /** Throws if anything went wrong; returns what was seen. */
  async stop(): Promise<string> {
    this.#stopped = true;
    await this.#running;
    this.#client.close();
    assert.deepEqual(this.#faults, []);
    return `${this.#count} probes, the slowest took ${this.#slowestMs.toFixed(0)} ms`;
  }

  async #run(): Promise<void> {
    while (!this.#stopped && this.#faults.length < 5) {
      const startedAt = performance.now();
      const status = await this.#client.call('GET', this.#path).then(
        (answer) => String(answer.status),
        (error: unknown) => String(error),
      );
      const tookMs = performance.now() - startedAt;
      this.#count += 1;
      this.#slowestMs = Math.max(this.#slowestMs, tookMs);
      if (status !== '200') this.#faults.push(`${this.#path}: ${status}`);
      if (tookMs > this.#answerMsMax) this.#faults.push(`an answer took ${tookMs.toFixed(0)} ms`);
      // The pace of the load, not a wait for something.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
