// A shard as a `Map`: every update applied at once, every read a walk over all points. It keeps
// nothing on disk and forgets nothing, so it serves tests of the layers above, and as the truth
// that a real shard is compared with.

import { JsonFloat, type JsonValue } from '../../src/base/json-value.ts';
import type { ShardAccess } from '../../src/collection/shard-access.ts';
import type { Distance, VectorConfig } from '../../src/model/collection-config.ts';
import { parseDatetimeMicros } from '../../src/model/datetime.ts';
import type { Filter } from '../../src/model/filter.ts';
import { filterFromText } from '../../src/model/filter-json.ts';
import { deletePayloadKeys, mergePayload, payloadTree } from '../../src/model/payload-ops.ts';
import { payloadPath, valuesAtPath } from '../../src/model/payload-path.ts';
import type { PayloadSchema } from '../../src/model/payload-schema.ts';
import { emptyPayload } from '../../src/model/payload-text.ts';
import { comparePointIds, type PointId } from '../../src/model/point-id.ts';
import type {
  OrderBy,
  OrderedRecord,
  OrderValue,
  PointRecord,
  SearchHit,
  SearchTask,
  ShardReadAnswer,
  ShardReadRequest,
  WithParts,
} from '../../src/model/read.ts';
import { RequestError } from '../../src/model/request-error.ts';
import type { PointBatch, PointSelector, UpdateOperation } from '../../src/model/update.ts';
import { decodeUpdate } from '../../src/model/update-codec.ts';
import type { ShardInfo } from '../../src/shard/shard-info.ts';
import type { UpdateOutcome } from '../../src/shard/update-outcome.ts';
import { matches, type NaivePoint } from './naive-filter.ts';

type Operation<Kind extends UpdateOperation['kind']> = Extract<UpdateOperation, { kind: Kind }>;

interface StoredPoint {
  readonly id: PointId;
  readonly version: number;
  readonly payload: Uint8Array;
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

export interface NaiveShardSources {
  readonly vectors: () => readonly VectorConfig[];
  readonly schema: () => PayloadSchema;
}

export class NaiveShard implements ShardAccess {
  readonly #sources: NaiveShardSources;
  readonly #points = new Map<PointId, StoredPoint>();
  #operationId = 0;

  constructor(sources: NaiveShardSources) {
    this.#sources = sources;
  }

  update(record: Uint8Array, options: { readonly wait: boolean }): Promise<UpdateOutcome> {
    this.#operationId += 1;
    const operationId = this.#operationId;
    try {
      this.#apply(decodeUpdate(record), operationId);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { code, message } = error;
      if (options.wait) {
        return Promise.resolve({ status: 'failed', operationId, code, message });
      }
    }
    return Promise.resolve({ status: options.wait ? 'completed' : 'acknowledged', operationId });
  }

  #apply(operation: UpdateOperation, version: number): void {
    switch (operation.kind) {
      case 'upsert':
        return this.#upsert(operation, version);
      case 'update_vectors':
        return this.#updateVectors(operation, version);
      case 'delete_vectors':
        return this.#deleteVectors(operation, version);
      case 'delete_points':
        for (const id of this.#selected(operation.selector)) this.#points.delete(id);
        return;
      case 'create_index':
      case 'delete_index':
        return;
      default:
        return this.#change(operation.selector, version, (old) => ({
          payload: changedPayload(operation, old.payload),
        }));
    }
  }

  #upsert(operation: Operation<'upsert'>, version: number): void {
    const filter = operation.filter === null ? null : filterFromText(operation.filter);
    // What exists is decided before the first point is stored; of equal ids the last one stays.
    const points = this.#batchPoints(operation.points, version).filter(({ id }) => {
      const old = this.#points.get(id);
      if (old === undefined) return operation.mode !== 'update_only';
      return operation.mode !== 'insert_only' && (filter === null || isMatch(filter, old));
    });
    for (const point of points) this.#store(point);
  }

  /** Vectors lie in the order of the configuration, whatever order they came in. */
  #store(point: StoredPoint): void {
    const vectors = new Map<string, Float32Array>();
    for (const { name } of this.#sources.vectors()) {
      const values = point.vectors.get(name);
      if (values !== undefined) vectors.set(name, values);
    }
    this.#points.set(point.id, { ...point, vectors });
  }

  #updateVectors(operation: Operation<'update_vectors'>, version: number): void {
    const filter = operation.filter === null ? null : filterFromText(operation.filter);
    for (const point of this.#batchPoints(operation.points, version)) {
      const old = this.#existing(point.id);
      if (filter !== null && !isMatch(filter, old)) continue;
      const vectors = new Map([...old.vectors, ...point.vectors]);
      this.#store({ ...old, version, vectors });
    }
  }

  #deleteVectors(operation: Operation<'delete_vectors'>, version: number): void {
    const { names, selector } = operation;
    const remove = (old: StoredPoint) => ({
      vectors: new Map([...old.vectors].filter(([name]) => !names.includes(name))),
    });
    const { ids, filter } = selector;
    if (ids !== null) this.#change({ ids, filter: null }, version, remove);
    if (filter !== null) this.#change({ ids: null, filter }, version, remove);
  }

  #batchPoints(batch: PointBatch, version: number): readonly StoredPoint[] {
    return batch.ids.map((id, index) => {
      const vectors = new Map<string, Float32Array>();
      for (const { name, dimension, rows, data } of batch.vectors) {
        const row = rows[index] ?? -1;
        if (row < 0) continue;
        const values = data.slice(row * dimension, (row + 1) * dimension);
        vectors.set(name, rounded(values, this.#config(name)));
      }
      const start = batch.payloadOffsets[index] ?? 0;
      const payload = batch.payloadBytes.slice(start, batch.payloadOffsets[index + 1]);
      return { id, version, payload, vectors };
    });
  }

  #config(name: string): VectorConfig {
    const config = this.#sources.vectors().find((candidate) => candidate.name === name);
    if (config !== undefined) return config;
    throw new RequestError('wrong_input', `Not existing vector name error: ${name}`);
  }

  #existing(id: PointId): StoredPoint {
    const point = this.#points.get(id);
    if (point !== undefined) return point;
    throw new RequestError('not_found', `No point with id ${id} found`);
  }

  /** Ids as given, known or not; or those that match. */
  #selected(selector: PointSelector): readonly PointId[] {
    if (selector.ids !== null) return selector.ids;
    const filter = filterFromText(selector.filter ?? '{}');
    return [...this.#points.values()].filter((point) => isMatch(filter, point)).map(({ id }) => id);
  }

  #change(
    selector: PointSelector,
    version: number,
    change: (old: StoredPoint) => Partial<StoredPoint>,
  ): void {
    for (const id of this.#selected(selector)) {
      const old = this.#existing(id);
      this.#points.set(id, { ...old, ...change(old), version });
    }
  }

  read(request: ShardReadRequest): Promise<ShardReadAnswer> {
    return Promise.resolve(this.#answer(request));
  }

  #answer(request: ShardReadRequest): ShardReadAnswer {
    switch (request.kind) {
      case 'search':
        return { kind: 'search', hits: request.tasks.map((task) => this.#search(task)) };
      case 'scroll': {
        const { from, limit, parts } = request;
        const records = this.#matching(request.filter)
          .filter((point) => from === null || comparePointIds(point.id, from) >= 0)
          .toSorted((a, b) => comparePointIds(a.id, b.id))
          .slice(0, limit);
        return { kind: 'scroll', records: records.map((point) => recordOf(point, parts)) };
      }
      case 'ordered_scroll':
        return { kind: 'ordered_scroll', records: this.#ordered(request) };
      case 'retrieve': {
        const found = request.ids.flatMap((id) => this.#points.get(id) ?? []);
        const records = found.map((point) => recordOf(point, request.parts));
        return { kind: 'retrieve', records };
      }
      case 'count':
        return { kind: 'count', count: this.#matching(request.filter).length };
    }
  }

  #matching(filter: Filter | null): readonly StoredPoint[] {
    const all = [...this.#points.values()];
    return filter === null ? all : all.filter((point) => isMatch(filter, point));
  }

  #search(task: SearchTask): readonly SearchHit[] {
    const config = this.#config(task.vectorName);
    const query = rounded(task.vector, config);
    return this.#matching(task.filter)
      .flatMap((point) => {
        const vector = point.vectors.get(task.vectorName);
        if (vector === undefined) return [];
        return [{ ...recordOf(point, task.parts), sim: similarity(query, vector, config) }];
      })
      .toSorted((a, b) => b.sim - a.sim || comparePointIds(a.id, b.id))
      .slice(0, task.limit);
  }

  #ordered(request: Extract<ShardReadRequest, { kind: 'ordered_scroll' }>): OrderedRecord[] {
    const { order, limit, parts } = request;
    const type = this.#sources.schema().get(order.key)?.dataType ?? 'integer';
    const sign = order.direction === 'asc' ? 1 : -1;
    return this.#matching(request.filter)
      .flatMap((point) =>
        orderValues(point, order, type).map((value) => ({
          ...recordOf(point, parts),
          orderValue: value,
        })),
      )
      .toSorted((a, b) => {
        if (a.orderValue !== b.orderValue) return a.orderValue < b.orderValue ? -sign : sign;
        return comparePointIds(a.id, b.id);
      })
      .slice(0, limit);
  }

  info(): Promise<ShardInfo> {
    const points = [...this.#points.values()];
    const vectorCounts = this.#sources.vectors().map(({ name }): [string, number] => {
      return [name, points.filter((point) => point.vectors.has(name)).length];
    });
    const indexed = [...this.#sources.schema().keys()].map((field): [string, number] => {
      const holds = (point: StoredPoint) =>
        valuesAtPath(payloadTree(point.payload), payloadPath(field)).length > 0;
      return [field, points.filter(holds).length];
    });
    return Promise.resolve({
      status: 'green',
      optimizerError: null,
      pointCount: points.length,
      indexedVectorCount: 0,
      segmentCount: 1,
      indexedPointCounts: new Map(indexed),
      updateQueueLength: 0,
      operationId: this.#operationId,
      vectorCounts: new Map(vectorCounts),
      segments: [
        {
          uuid: '00000000-0000-4000-8000-000000000000',
          kind: 'plain',
          pointCount: points.length,
          deletedCount: 0,
          indexedVectorCount: 0,
          vectorBytes: 0,
          payloadBytes: 0,
          memoryBytes: 0,
          diskBytes: 0,
          appendable: true,
        },
      ],
      runningOptimizations: [],
      finishedOptimizations: [],
      queuedOptimizations: [],
    });
  }
}

function changedPayload(
  operation: Operation<'set_payload' | 'overwrite_payload' | 'delete_payload' | 'clear_payload'>,
  old: Uint8Array,
): Uint8Array {
  switch (operation.kind) {
    case 'set_payload':
      return mergePayload(old, operation.payload, operation.key);
    case 'overwrite_payload':
      return operation.payload;
    case 'delete_payload':
      return deletePayloadKeys(old, operation.keys);
    case 'clear_payload':
      return emptyPayload;
  }
}

function isMatch(filter: Filter, point: StoredPoint): boolean {
  const naive: NaivePoint = {
    id: point.id,
    payload: payloadTree(point.payload),
    vectorNames: new Set(point.vectors.keys()),
  };
  return matches(filter, naive);
}

function recordOf(point: StoredPoint, parts: WithParts): PointRecord {
  const { id, version, payload } = point;
  const wanted = parts.vectors;
  const vectors =
    wanted === false
      ? null
      : new Map([...point.vectors].filter(([name]) => wanted === true || wanted.includes(name)));
  return { id, version, payload: parts.payload ? payload : null, vectors };
}

function orderValues(point: StoredPoint, order: OrderBy, type: string): readonly OrderValue[] {
  const values = valuesAtPath(payloadTree(point.payload), payloadPath(order.key));
  const flat = values.flatMap((value) => (Array.isArray(value) ? (value as JsonValue[]) : [value]));
  const found = flat.flatMap((value) => orderValue(value, type) ?? []);
  const { startFrom, direction } = order;
  if (startFrom === null) return found;
  return found.filter((value) => (direction === 'asc' ? value >= startFrom : value <= startFrom));
}

function orderValue(value: JsonValue, type: string): OrderValue | null {
  if (type === 'datetime') return typeof value === 'string' ? parseDatetimeMicros(value) : null;
  if (typeof value === 'number' || typeof value === 'bigint') {
    return type === 'float' ? Number(value) : value;
  }
  if (!(value instanceof JsonFloat)) return null;
  return type === 'float' || Number.isInteger(value.value) ? value.value : null;
}

/** As the datatype stores it. */
function rounded(values: Float32Array, config: VectorConfig): Float32Array {
  switch (config.datatype) {
    case 'float16':
      return values.map((value) => Math.f16round(value));
    case 'uint8':
      return values.map((value) => Math.min(255, Math.max(0, Math.trunc(value) || 0)));
    case 'float32':
      return values;
  }
}

function similarity(a: Float32Array, b: Float32Array, config: VectorConfig): number {
  const sum = (term: (x: number, y: number) => number) =>
    a.reduce((total, x, index) => total + term(x, b[index] ?? 0), 0);
  const dot = () => sum((x, y) => x * y);
  const measures: Record<Distance, () => number> = {
    Cosine: () => {
      if (config.datatype !== 'uint8') return dot();
      const norms = sum((x) => x * x) * sum((_x, y) => y * y);
      return norms === 0 ? 0 : dot() / Math.sqrt(norms);
    },
    Dot: dot,
    Euclid: () => -sum((x, y) => (x - y) ** 2),
    Manhattan: () => -sum((x, y) => Math.abs(x - y)),
  };
  return Math.fround(measures[config.distance]());
}
