// One collection of a server under measurement: made with the settings of the benchmark, filled,
// waited for, asked.

import { RestClient } from '../test/process/rest.ts';
import { type BenchData, bucketOf, topCount } from './data.ts';
import { encodeRequest } from './load/wire.ts';

export const collectionName = 'bench';
export const batchCount = 500;
const path = `/collections/${collectionName}`;
const pollMs = 50;
/** Between two optimizations a collection is green for a moment. */
const greenCountMin = 8;

interface CollectionInfo {
  readonly status: string;
  readonly indexed_vectors_count: number;
  readonly points_count: number;
}

interface FoundPoint {
  readonly id: number;
}

export class BenchCollection {
  readonly #client: RestClient;

  constructor(port: number) {
    this.#client = new RestClient(port);
  }

  async create(dimension: number): Promise<void> {
    await this.#client.result('PUT', path, {
      vectors: { size: dimension, distance: 'Cosine' },
      hnsw_config: { m: 16, ef_construct: 100 },
    });
    for (const field of ['bucket', 'centre']) {
      const index = { field_name: field, field_schema: 'integer' };
      await this.#client.result('PUT', `${path}/index?wait=true`, index);
    }
  }

  /** After a restart optimizations wait for the next change; this is one that changes nothing. */
  async wakeOptimizers(): Promise<void> {
    await this.#client.result('PATCH', path, { optimizers_config: {} });
  }

  async info(): Promise<CollectionInfo> {
    return await this.#client.result('GET', path);
  }

  /**
   * Waits until nothing is left to optimise and returns how long that took, in seconds. A tail
   * below the indexing threshold stays without a graph, as in the reference: it is scanned.
   */
  async waitOptimized(secondsMax: number): Promise<number> {
    const startedAt = performance.now();
    let greenCount = 0;
    let greenAt = 0;
    while (greenCount < greenCountMin) {
      const { status } = await this.info();
      const now = performance.now();
      if (status !== 'green') greenCount = 0;
      else if (greenCount === 0) greenAt = now;
      if (status === 'green') greenCount += 1;
      if (now - startedAt > secondsMax * 1000) throw new Error(`${status} after ${secondsMax} s`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return (greenAt - startedAt) / 1000;
  }

  /** Share of the true nearest points among those found, over all queries. */
  async recall(data: BenchData, ef: number, filterName: string): Promise<number> {
    const truth = data.truth.get(filterName);
    if (truth === undefined) throw new Error(`no truth for ${filterName}`);
    let hitCount = 0;
    for (let query = 0; query < data.queryCount; query += 1) {
      const body = searchBody(data, query, { ef, filterName });
      const found = await this.#client.result<FoundPoint[]>('POST', `${path}/points/search`, body);
      const expected = new Set(truth.subarray(query * topCount, (query + 1) * topCount));
      for (const { id } of found) if (expected.has(id)) hitCount += 1;
    }
    return hitCount / (data.queryCount * topCount);
  }

  async pointCount(): Promise<number> {
    const body = { exact: true };
    const { count } = await this.#client.result<{ count: number }>(
      'POST',
      `${path}/points/count`,
      body,
    );
    return count;
  }

  close(): void {
    this.#client.close();
  }
}

interface SearchOptions {
  readonly ef: number;
  /** '' for none. */
  readonly filterName: string;
}

function searchBody(data: BenchData, query: number, { ef, filterName }: SearchOptions): unknown {
  const vector = rowOf(data.queries, query, data.dimension);
  const filter = data.filters.find(({ name }) => name === filterName)?.body;
  return {
    vector,
    limit: topCount,
    params: { hnsw_ef: ef },
    ...(filter === undefined ? {} : { filter }),
  };
}

export function searchRequests(data: BenchData, options: SearchOptions): Buffer[] {
  return Array.from({ length: data.queryCount }, (_, query) =>
    encodeRequest(
      'POST',
      `${path}/points/search`,
      JSON.stringify(searchBody(data, query, options)),
    ),
  );
}

/** Batches of points with a small payload, numbers printed as the official clients print f32. */
export function upsertRequests(data: BenchData): Buffer[] {
  const requests: Buffer[] = [];
  for (let from = 0; from < data.count; from += batchCount) {
    const length = Math.min(batchCount, data.count - from);
    const points = Array.from({ length }, (_, at) => pointBody(data, from + at));
    requests.push(encodeRequest('PUT', `${path}/points?wait=true`, JSON.stringify({ points })));
  }
  return requests;
}

function pointBody(data: BenchData, point: number): unknown {
  return {
    id: point,
    vector: rowOf(data.points, point, data.dimension),
    payload: payloadOf(data, point),
  };
}

function payloadOf({ centres }: BenchData, point: number): unknown {
  const title = `Paragraph ${point} of the collected documents`;
  return { bucket: bucketOf(point), centre: centres[point], title };
}

/** Bytes of the payload text of all points as it is stored. */
export function payloadBytes(data: BenchData): number {
  let sum = 0;
  for (let point = 0; point < data.count; point += 1) {
    sum += JSON.stringify(payloadOf(data, point)).length;
  }
  return sum;
}

function rowOf(values: Float32Array, row: number, dimension: number): number[] {
  return [...values.subarray(row * dimension, (row + 1) * dimension)];
}
