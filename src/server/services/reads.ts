// Reads of points: resolves ids to vectors, checks names and dimensions, asks the shards, and turns
// internal similarities into the scores that clients see. Thresholds and offsets are applied to the
// merged list, so they mean the same for one shard and for many.

import { assert } from '../../base/assert.ts';
import { JsonFloat } from '../../base/json-value.ts';
import { type ReadOptions, readShards } from '../../collection/read-path.ts';
import { normalizeCosine } from '../../kernels/normalize.ts';
import { type CollectionState, findCollection } from '../../model/cluster-state.ts';
import type { Distance } from '../../model/collection-config.ts';
import type { Filter } from '../../model/filter.ts';
import { indexCapabilities, type PayloadFieldType } from '../../model/payload-schema.ts';
import type { PointId } from '../../model/point-id.ts';
import type {
  OrderBy,
  OrderedRecord,
  PointRecord,
  SearchHit,
  SearchTask,
  ShardReadAnswer,
  ShardReadRequest,
  WithParts,
} from '../../model/read.ts';
import { RequestError } from '../../model/request-error.ts';
import type { Engine } from '../engine.ts';
import { requireCollection } from './collections.ts';
import {
  dimensionMismatch,
  needsNormalizing,
  vectorConfig,
  vectorKindMismatch,
} from './given-points.ts';
import type {
  CountRequest,
  FoundPoint,
  LookupFrom,
  QueryRequest,
  RetrieveRequest,
  ScrolledRecord,
  ScrollPage,
  ScrollRequest,
  VectorInput,
} from './query-request.ts';
import type { PayloadSelection, VectorSelection } from './selections.ts';
import { localShardOf, shardsOf } from './shards-of.ts';

/** Up to this many results are asked for without looking how many points there are. */
const limitUnchecked = 4096;
/** A point comes once for each of its values, so the number of points is no bound here. */
const orderedLimitMax = 2 ** 31 - 1;

type Answer<Kind extends ShardReadAnswer['kind']> = Extract<ShardReadAnswer, { kind: Kind }>;

export class ReadService {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** In the order of `ids`, each once; unknown ids are left out. */
  async retrieve(
    collectionName: string,
    request: RetrieveRequest,
    options: ReadOptions,
  ): Promise<readonly PointRecord[]> {
    const collection = requireCollection(this.#engine, collectionName);
    const parts = partsOf(request, collection);
    const ids = [...new Set(request.ids)];
    const records = await this.#retrieve(collection, { ids, parts }, options);
    const byId = new Map(records.map((record) => [record.id, record]));
    return ids.flatMap((id) => byId.get(id) ?? []);
  }

  async scroll(
    collectionName: string,
    request: ScrollRequest,
    options: ReadOptions,
  ): Promise<ScrollPage> {
    const collection = requireCollection(this.#engine, collectionName);
    const parts = partsOf(request, collection);
    const { filter, order, from } = request;
    if (order !== null) {
      const type = requireOrderIndex(collection, order);
      const limit = Math.min(request.limit, orderedLimitMax);
      const read = { kind: 'ordered_scroll', filter, order, limit, parts } as const;
      const { records } = await this.#read(collection, read, options);
      return { records: records.map((one) => shownOrder(one, type)), nextPageOffset: null };
    }
    const limit = await this.#bounded(collection, request.limit, options);
    // One more than asked for tells where the next page begins.
    const read = { kind: 'scroll', filter, from, limit: limit + 1, parts } as const;
    const { records } = await this.#read(collection, read, options);
    const nextPageOffset = records.length > limit ? (records[limit]?.id ?? null) : null;
    return { records: records.slice(0, limit), nextPageOffset };
  }

  async count(
    collectionName: string,
    request: CountRequest,
    options: ReadOptions,
  ): Promise<number> {
    const collection = requireCollection(this.#engine, collectionName);
    const { filter, exact } = request;
    return (await this.#read(collection, { kind: 'count', filter, exact }, options)).count;
  }

  /** Answers in the order of the requests; any failure fails all. */
  async query(
    collectionName: string,
    requests: readonly QueryRequest[],
    options: ReadOptions,
  ): Promise<readonly (readonly FoundPoint[])[]> {
    const collection = requireCollection(this.#engine, collectionName);
    const remaining = timeLeft(options);
    const nearest: {
      readonly at: number;
      readonly task: SearchTask;
      readonly distance: Distance;
    }[] = [];
    const answers: (readonly FoundPoint[])[] = requests.map(() => []);
    for (const [at, request] of requests.entries()) {
      const { query } = request;
      if (query?.kind === 'nearest') {
        const { input } = query;
        const { task, distance } = await this.#searchTask(collection, request, input, remaining());
        nearest.push({ at, task, distance });
      } else {
        answers[at] = await this.#unscored(collection, request, query?.order ?? null, remaining());
      }
    }
    if (nearest.length === 0) return answers;
    const tasks = nearest.map(({ task }) => task);
    const { hits } = await this.#read(collection, { kind: 'search', tasks }, remaining());
    for (const [index, { at, distance }] of nearest.entries()) {
      const request = requests[at];
      assert(request !== undefined, 'every task belongs to a request');
      answers[at] = foundPoints(hits[index] ?? [], request, distance);
    }
    return answers;
  }

  /** A query without similarity: by id, or by the value of a field. Every score is 1, version 0. */
  async #unscored(
    collection: CollectionState,
    request: QueryRequest,
    order: OrderBy | null,
    options: ReadOptions,
  ): Promise<readonly FoundPoint[]> {
    const parts = partsOf(request, collection);
    const { filter, offset } = request;
    if (order === null) {
      const limit = await this.#bounded(collection, request.limit + offset, options);
      const read = { kind: 'scroll', filter, from: null, limit, parts } as const;
      const { records } = await this.#read(collection, read, options);
      return records.slice(offset).map((record) => ({ ...record, version: 0, score: 1 }));
    }
    const type = requireOrderIndex(collection, order);
    const limit = Math.min(request.limit + offset, orderedLimitMax);
    const read = { kind: 'ordered_scroll', filter, order, limit, parts } as const;
    const { records } = await this.#read(collection, read, options);
    return records
      .filter((record, index) => record.id !== records[index - 1]?.id)
      .slice(offset)
      .map((record) => ({ ...shownOrder(record, type), version: 0, score: 1 }));
  }

  async #searchTask(
    collection: CollectionState,
    request: QueryRequest,
    input: VectorInput,
    options: ReadOptions,
  ): Promise<{ readonly task: SearchTask; readonly distance: Distance }> {
    const { using, lookupFrom } = request;
    let filter = request.filter;
    let given: Float32Array | null = null;
    if (input.kind === 'id') {
      const source = this.#lookupSource(collection, using, lookupFrom);
      given = await this.#storedVector(source, input.id, options);
      if (source.collection === collection) filter = withoutId(filter, input.id);
    } else if (lookupFrom !== null) {
      this.#lookupSource(collection, using, lookupFrom);
    }
    const config = vectorConfig(collection, using);
    if (input.kind === 'sparse' || input.kind === 'multi') throw vectorKindMismatch(input.kind);
    if (input.kind === 'dense') given = input.values;
    assert(given !== null, 'the input was dense or an id');
    if (given.length !== config.dimension) throw dimensionMismatch(config.dimension, given.length);
    const limit = await this.#bounded(collection, request.limit + request.offset, options);
    const task: SearchTask = {
      vectorName: using,
      vector: needsNormalizing(config) ? normalizeCosine(given) : given,
      limit,
      filter,
      params: request.params,
      parts: partsOf(request, collection),
    };
    return { task, distance: config.distance };
  }

  /** Where the vectors of ids come from. */
  #lookupSource(
    collection: CollectionState,
    using: string,
    lookupFrom: LookupFrom | null,
  ): { readonly collection: CollectionState; readonly vectorName: string } {
    if (lookupFrom === null) return { collection, vectorName: using };
    const source = findCollection(this.#engine.state(), lookupFrom.collection);
    if (source === null) {
      throw new RequestError('not_found', `Collection ${lookupFrom.collection} not found`);
    }
    // By reference: the state may have changed since `collection` was taken from it.
    const same = source.uuid === collection.uuid ? collection : source;
    return { collection: same, vectorName: lookupFrom.vector ?? using };
  }

  async #storedVector(
    source: { readonly collection: CollectionState; readonly vectorName: string },
    id: PointId,
    options: ReadOptions,
  ): Promise<Float32Array> {
    const { collection, vectorName } = source;
    const parts = { payload: false, vectors: [vectorName] };
    const [record] = await this.#retrieve(collection, { ids: [id], parts }, options);
    if (record === undefined) {
      throw new RequestError('not_found', `No point with id ${id} found`);
    }
    vectorConfig(collection, vectorName);
    const vector = record.vectors?.get(vectorName);
    if (vector !== undefined) return vector;
    const text = `Vector with name ${JSON.stringify(vectorName)} for point not found`;
    throw new RequestError('not_found', text);
  }

  async #retrieve(
    collection: CollectionState,
    what: { readonly ids: readonly PointId[]; readonly parts: WithParts },
    options: ReadOptions,
  ): Promise<readonly PointRecord[]> {
    return (await this.#read(collection, { kind: 'retrieve', ...what }, options)).records;
  }

  /** `limit`, but not beyond the number of points: a client may ask for 2^64 − 1 results. */
  async #bounded(
    collection: CollectionState,
    limit: number,
    options: ReadOptions,
  ): Promise<number> {
    if (limit <= limitUnchecked) return limit;
    const read = { kind: 'count', filter: null, exact: true } as const;
    const { count } = await this.#read(collection, read, options);
    return Math.max(limitUnchecked, Math.min(limit, count));
  }

  async #read<Request extends ShardReadRequest>(
    collection: CollectionState,
    request: Request,
    options: ReadOptions,
  ): Promise<Answer<Request['kind']>> {
    const { localShardId } = options;
    const shards =
      localShardId === undefined
        ? shardsOf(this.#engine, collection)
        : localShardOf(this.#engine, collection, localShardId);
    const answer = await readShards(shards, request, options);
    assert(answer.kind === request.kind, () => `a ${answer.kind} for a ${request.kind}`);
    return answer as Answer<Request['kind']>;
  }
}

/** One limit for all reads that a request needs, whatever their number. */
function timeLeft(options: ReadOptions): () => ReadOptions {
  const { timeoutMs, consistency } = options;
  const endMs = performance.now() + timeoutMs;
  return () => {
    const leftMs = Math.floor(endMs - performance.now());
    if (leftMs > 0) {
      return consistency === undefined ? { timeoutMs: leftMs } : { timeoutMs: leftMs, consistency };
    }
    const text = `Timeout error: Operation 'Search' timed out after ${timeoutMs / 1000}s`;
    throw new RequestError('timeout', text);
  };
}

/** Names of vectors to show must exist; which part of a payload is shown is decided at the edge. */
function partsOf(
  request: { readonly withPayload: PayloadSelection; readonly withVectors: VectorSelection },
  collection: CollectionState,
): WithParts {
  const vectors = request.withVectors;
  if (typeof vectors !== 'boolean') {
    for (const name of vectors) vectorConfig(collection, name);
  }
  return { payload: request.withPayload !== 'none', vectors };
}

/** The filter, and not this point. */
function withoutId(filter: Filter | null, id: PointId): Filter {
  const base = filter ?? { must: null, should: null, mustNot: null, minShould: null };
  return { ...base, mustNot: [...(base.mustNot ?? []), { kind: 'has_id', ids: [id] }] };
}

/** The type of the index that gives the order; throws if there is none. */
function requireOrderIndex(collection: CollectionState, order: OrderBy): PayloadFieldType {
  const schema = collection.schema.get(order.key);
  const type = schema?.dataType;
  const ordered = type === 'integer' || type === 'float' || type === 'datetime';
  if (ordered && schema !== undefined && indexCapabilities(schema).range) return type;
  throw new RequestError(
    'wrong_input',
    `No range index for \`order_by\` key: \`${order.key}\`. Please create one to use \`order_by\`. ` +
      'Integer, float and datetime payload indexes can be used for it.',
  );
}

function shownOrder(record: OrderedRecord, type: PayloadFieldType): ScrolledRecord {
  if (type !== 'float') return record;
  return { ...record, orderValue: new JsonFloat(Number(record.orderValue)) };
}

function foundPoints(
  hits: readonly SearchHit[],
  request: QueryRequest,
  distance: Distance,
): readonly FoundPoint[] {
  const threshold = request.scoreThreshold;
  const ascending = distance === 'Euclid' || distance === 'Manhattan';
  const points: FoundPoint[] = [];
  const end = request.limit + request.offset;
  for (const hit of hits) {
    if (points.length === end) break;
    const score = scoreOf(hit.sim, distance);
    if (threshold !== null && !(ascending ? score < threshold : score > threshold)) break;
    const { id, version, payload, vectors } = hit;
    points.push({ id, version, score, payload, vectors });
  }
  return request.offset === 0 ? points : points.slice(request.offset);
}

/** From the internal similarity, where more is better, to the number that the API shows. */
function scoreOf(sim: number, distance: Distance): number {
  switch (distance) {
    case 'Euclid':
      return Math.fround(Math.sqrt(Math.abs(sim)));
    case 'Manhattan':
      return Math.abs(sim);
    default:
      return sim;
  }
}
