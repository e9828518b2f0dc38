// The document of `/telemetry`, in as much detail as asked for. It is only ever given to who asks;
// nothing is sent out. Members appear from the level on that the API documents for them.

import { createHash } from 'node:crypto';
import { availableParallelism, totalmem } from 'node:os';
import type { Engine, ProcessReport, RequestSeries } from './engine.ts';
import { memoryNumbers } from './metrics-process.ts';
import { sumRequestSeries } from './metrics-requests.ts';
import {
  type DescribedCollection,
  reachableCollections,
} from './services/reachable-collections.ts';
import { apiVersion } from './services/version.ts';
import { anonymized, shortHash } from './telemetry-anonymize.ts';
import { clusterTelemetrySection } from './telemetry-cluster.ts';
import { collectionTelemetry } from './telemetry-collections.ts';

export interface TelemetryOptions {
  readonly detailsLevel: number;
  /** Names become hashes, numbers are rounded. */
  readonly anonymize: boolean;
  readonly perCollection: boolean;
}

export async function telemetryReport(engine: Engine, options: TelemetryOptions): Promise<object> {
  const level = options.detailsLevel;
  const [report, described, status] = await Promise.all([
    engine.processReport(),
    level >= 1 ? reachableCollections(engine) : [],
    engine.cluster?.status() ?? null,
  ]);
  const document = {
    id: processId(report),
    app: appTelemetry(engine, report, level),
    collections: collectionsTelemetry(engine, described, options),
    cluster: clusterTelemetrySection(engine, status, level),
    requests: requestsTelemetry(report.requests, options),
    ...(level >= 1
      ? {
          memory: memoryNumbers(),
          hardware: { collection_data: {} },
          search_pool: searchPool(),
        }
      : {}),
  };
  return options.anonymize ? (anonymized(document) as object) : document;
}

/** The same for all threads of a process, another one for the next process. */
function processId(report: ProcessReport): string {
  const bytes = createHash('sha256').update(`${process.pid} ${report.startedAtMs}`).digest();
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

function appTelemetry(engine: Engine, report: ProcessReport, level: number): object {
  const { service, storage, feature_flags } = engine.settings;
  const optional = {
    ...(service.jwt_rbac === null ? {} : { jwt_rbac: service.jwt_rbac }),
    ...(service.hide_jwt_dashboard === null
      ? {}
      : { hide_jwt_dashboard: service.hide_jwt_dashboard }),
  };
  const base = { name: 'qdrant', version: apiVersion };
  const startup = new Date(report.startedAtMs).toISOString();
  if (level < 1) return { ...base, ...optional, startup };
  return {
    ...base,
    features: {
      debug: false,
      service_debug_feature: false,
      recovery_mode: storage.recovery_mode !== null,
      gpu: false,
      rocksdb: false,
      staging: false,
    },
    runtime_features: feature_flags,
    low_memory_mode: storage.low_memory_mode,
    hnsw_global_config: storage.hnsw_global_config,
    system: {
      is_docker: false,
      cores: availableParallelism(),
      ram_size: Math.round(totalmem() / 1024),
      cpu_flags: '',
      cpu_endian: 'little',
    },
    ...optional,
    startup,
  };
}

function searchPool(): object {
  const threads = availableParallelism();
  return { mode: 'shared', high_cpu_threads: threads, high_io_threads: threads };
}

function collectionsTelemetry(
  engine: Engine,
  described: readonly DescribedCollection[],
  options: TelemetryOptions,
): object {
  const { collections } = engine.state();
  const countMax = engine.settings.storage.max_collections;
  const base = {
    number_of_collections: collections.size,
    ...(countMax === null ? {} : { max_collections: countMax }),
  };
  if (options.detailsLevel < 1) return base;
  return {
    ...base,
    collections: described.map((one) =>
      collectionTelemetry(one, engine.ownPeerId, options.detailsLevel),
    ),
    snapshots: described.map(({ collection }) => ({
      id: collection.name,
      running_snapshots: 0,
      running_snapshot_recovery: 0,
      total_snapshot_creations: 0,
    })),
  };
}

function requestsTelemetry(series: readonly RequestSeries[], options: TelemetryOptions): object {
  const { detailsLevel, perCollection } = options;
  const responses = responsesOf(sumRequestSeries(series, false), detailsLevel);
  if (!perCollection) return { rest: { responses }, grpc: { responses: {} } };
  const perName: Record<string, object> = {};
  const names = new Set(series.map((one) => one.collection).filter((name) => name !== ''));
  for (const name of names) {
    const own = series.filter((one) => one.collection === name);
    const shown = options.anonymize ? shortHash(name) : name;
    perName[shown] = responsesOf(sumRequestSeries(own, false), detailsLevel);
  }
  return {
    rest: { responses, per_collection_responses: perName },
    grpc: { responses: {}, per_collection_responses: {} },
  };
}

/** `PUT /collections/{collection_name}/points` → `200` → statistics. */
function responsesOf(series: readonly RequestSeries[], level: number): object {
  const byEndpoint: Record<string, Record<string, object>> = {};
  for (const one of series) {
    const statuses = (byEndpoint[`${one.method} ${one.endpoint}`] ??= {});
    statuses[String(one.status)] = statistics(one, level);
  }
  return byEndpoint;
}

function statistics(one: RequestSeries, level: number): object {
  const micros = (seconds: number) => Math.fround(seconds * 1e6);
  const base = { count: one.count, avg_duration_micros: micros(one.durationSum / one.count) };
  if (level < 1) return base;
  return {
    ...base,
    min_duration_micros: micros(one.durationMin),
    max_duration_micros: micros(one.durationMax),
    total_duration_micros: Math.round(one.durationSum * 1e6),
    last_responded: new Date(one.lastRespondedAtMs).toISOString(),
  };
}
