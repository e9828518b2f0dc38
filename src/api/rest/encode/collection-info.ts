// Writes descriptions of collections: configuration with exactly the members the API shows, states,
// optimizations. Maps are written member by member, because a plain object would mistake
// `__proto__` and would move names that look like numbers to the front.

import type { CollectionState } from '../../../model/cluster-state.ts';
import type {
  CollectionConfig,
  CollectionParams,
  VectorParams,
} from '../../../model/collection-config.ts';
import { vectorParamsByName } from '../../../model/collection-config.ts';
import {
  type CollectionInfo,
  collectionStatus,
  optimizerError,
  sumOf,
} from '../../../server/services/collections.ts';
import type { OptimizationReport, ShardInfo } from '../../../shard/shard-info.ts';
import type { JsonWriter } from '../json-writer.ts';

export function writeCollectionInfo(writer: JsonWriter, info: CollectionInfo): void {
  const { collection, shards } = info;
  const error = optimizerError(shards);
  const counts = {
    indexed_vectors_count: sumOf(shards, (shard) => shard.indexedVectorCount),
    points_count: sumOf(shards, (shard) => shard.pointCount),
    segments_count: sumOf(shards, (shard) => shard.segmentCount),
  };
  const warnings = configWarnings(collection.config);
  writer.raw('{"status":');
  writer.plain(collectionStatus(shards));
  writer.raw(',"optimizer_status":');
  writer.plain(error === null ? 'ok' : { error });
  if (warnings.length > 0) {
    writer.raw(',"warnings":');
    writer.plain(warnings);
  }
  writer.raw(',');
  writer.raw(JSON.stringify(counts).slice(1, -1));
  writer.raw(',"config":');
  writeConfig(writer, collection.config);
  writer.raw(',"payload_schema":');
  writePayloadSchema(writer, collection, shards);
  writer.raw(',"update_queue":');
  writer.plain({ length: sumOf(shards, (shard) => shard.updateQueueLength) });
  writer.raw('}');
}

export function writeConfig(writer: JsonWriter, config: CollectionConfig): void {
  writer.raw('{"params":');
  writeParams(writer, config.params);
  writer.raw(',"hnsw_config":');
  writer.plain(config.hnsw_config);
  writer.raw(',"optimizer_config":');
  writer.plain(config.optimizer_config);
  writer.raw(',"wal_config":');
  writer.plain(config.wal_config);
  writer.raw(',"quantization_config":');
  writer.plain(config.quantization_config);
  if (config.strict_mode_config !== undefined) {
    writer.raw(',"strict_mode_config":');
    writer.json(config.strict_mode_config);
  }
  if (config.metadata !== undefined) {
    writer.raw(',"metadata":');
    writer.json(config.metadata);
  }
  writer.raw('}');
}

export function writeParams(writer: JsonWriter, params: CollectionParams): void {
  const { vectors, ...others } = params;
  writer.raw('{"vectors":');
  if ('single' in vectors) writer.plain(vectorEcho(vectors.single));
  else writeMap(writer, vectors.named, (one) => writer.plain(vectorEcho(one)));
  writer.raw(',');
  writer.raw(JSON.stringify(others).slice(1));
}

/** The members in the API's order; absent ones stay absent. */
function vectorEcho(params: VectorParams): object {
  const { size, distance, hnsw_config, quantization_config, on_disk, datatype } = params;
  return { size, distance, hnsw_config, quantization_config, on_disk, datatype };
}

function writeMap<Value>(
  writer: JsonWriter,
  map: ReadonlyMap<string, Value>,
  write: (value: Value) => void,
): void {
  writer.raw('{');
  let first = true;
  for (const [name, value] of map) {
    if (!first) writer.raw(',');
    first = false;
    writer.string(name);
    writer.raw(':');
    write(value);
  }
  writer.raw('}');
}

function writePayloadSchema(
  writer: JsonWriter,
  collection: CollectionState,
  shards: readonly ShardInfo[],
): void {
  const entries = [...collection.schema].map(([field, schema]) => {
    const points = sumOf(shards, (shard) => shard.indexedPointCounts.get(field) ?? 0);
    const params = schema.params === null ? {} : { params: schema.params };
    return [field, { data_type: schema.dataType, ...params, points }] as const;
  });
  writeMap(writer, new Map(entries), (entry) => writer.plain(entry));
}

function configWarnings(config: CollectionConfig): readonly { readonly message: string }[] {
  return [...vectorParamsByName(config.params)].flatMap(([name, vector]) => {
    const inline = vector.hnsw_config?.inline_storage ?? config.hnsw_config.inline_storage ?? false;
    const quantization = vector.quantization_config ?? config.quantization_config;
    if (!inline || quantization !== null) return [];
    const of = name === '' ? '' : ` of vector '${name}'`;
    const message = `inline_storage${of} has no effect without quantization`;
    return [{ message }];
  });
}

export interface OptimizationParts {
  readonly queued: boolean;
  readonly completed: boolean;
  readonly idleSegments: boolean;
  readonly completedCountMax: number;
}

export function optimizationsDocument(
  shards: readonly ShardInfo[],
  parts: OptimizationParts,
): object {
  const running = shards.flatMap((shard) => shard.runningOptimizations);
  const queued = shards.flatMap((shard) => shard.queuedOptimizations);
  const busy = new Set(
    [...running, ...queued].flatMap((one) => one.segments.map((segment) => segment.uuid)),
  );
  const idle = shards.flatMap((shard) =>
    shard.segments.filter((segment) => !busy.has(segment.uuid)),
  );
  const queuedSegments = queued.flatMap((one) => one.segments);
  const completed = shards.flatMap((shard) => shard.finishedOptimizations);
  return {
    summary: {
      queued_optimizations: queued.length,
      queued_segments: queuedSegments.length,
      queued_points: queuedSegments.reduce((sum, segment) => sum + segment.points_count, 0),
      idle_segments: idle.length,
    },
    running: running.map(optimizationDocument),
    ...(parts.queued ? { queued } : {}),
    ...(parts.completed
      ? { completed: completed.slice(0, parts.completedCountMax).map(optimizationDocument) }
      : {}),
    ...(parts.idleSegments
      ? { idle_segments: idle.map(({ uuid, pointCount }) => ({ uuid, points_count: pointCount })) }
      : {}),
  };
}

function optimizationDocument(report: OptimizationReport): object {
  const { uuid, optimizer, status, segments, startedAtMs, finishedAtMs } = report;
  const startedAt = new Date(startedAtMs).toISOString();
  const ended =
    finishedAtMs === null
      ? {}
      : {
          finished_at: new Date(finishedAtMs).toISOString(),
          duration_sec: (finishedAtMs - startedAtMs) / 1000,
        };
  const progress = { name: 'Segment Optimizing', started_at: startedAt, ...ended };
  return { uuid, optimizer, status, segments, progress };
}
