// What `/metrics` tells: the process, the collections, and the requests of all threads.

import type { CollectionState } from '../model/cluster-state.ts';
import type { ShardInfo } from '../shard/shard-info.ts';
import type { Engine, RequestSeries } from './engine.ts';
import { clusterFamilies, replicaFamilies } from './metrics-cluster.ts';
import { memoryNumbers, processNumbers } from './metrics-process.ts';
import { durationBounds, sumRequestSeries } from './metrics-requests.ts';
import { type Labels, type MetricFamily, type MetricType, metricsText } from './metrics-text.ts';
import { sumOf } from './services/collections.ts';
import { reachableCollections } from './services/reachable-collections.ts';
import { apiVersion } from './services/version.ts';

export interface MetricsOptions {
  /** Request series carry the collection's name. */
  readonly perCollection: boolean;
}

export async function formatMetrics(engine: Engine, options: MetricsOptions): Promise<string> {
  const [report, collections, process, status] = await Promise.all([
    engine.processReport(),
    reachableCollections(engine),
    processNumbers(),
    engine.cluster?.status() ?? null,
  ]);
  const families = [
    ...appFamilies(engine),
    ...collectionFamilies(collections),
    ...replicaFamilies(engine),
    ...clusterFamilies(engine, status),
    ...requestFamilies(sumRequestSeries(report.requests, options.perCollection), options),
    ...Object.entries<number>({ ...memoryNumbers() }).map(([name, value]) =>
      gauge(`memory_${name}`, `Memory of the process: ${name.replace('_bytes', '')}`, value),
    ),
    ...[...process].map(([name, value]) => {
      const type: MetricType = name.endsWith('_total') ? 'counter' : 'gauge';
      return family(name, name.replaceAll('_', ' '), type, [{ value }]);
    }),
  ];
  return metricsText(families, engine.settings.service.metrics_prefix ?? '');
}

function family(
  name: string,
  help: string,
  type: MetricType,
  samples: MetricFamily['samples'],
): MetricFamily {
  return { name, help, type, samples };
}

function gauge(name: string, help: string, value: number, labels: Labels = {}): MetricFamily {
  return family(name, help, 'gauge', [{ value, labels }]);
}

function appFamilies(engine: Engine): readonly MetricFamily[] {
  const info = { name: 'qdrant', version: apiVersion };
  const recovering = engine.settings.storage.recovery_mode === null ? 0 : 1;
  return [
    gauge('app_info', 'information about qdrant server', 1, info),
    gauge('app_status_recovery_mode', 'is recovery mode enabled', recovering),
  ];
}

type Described = readonly {
  readonly collection: CollectionState;
  readonly shards: readonly ShardInfo[];
}[];

function collectionFamilies(collections: Described): readonly MetricFamily[] {
  const vectorCount = (shards: readonly ShardInfo[]) =>
    sumOf(shards, (shard) => [...shard.vectorCounts.values()].reduce((sum, one) => sum + one, 0));
  const perCollection = (
    name: string,
    help: string,
    count: (shards: readonly ShardInfo[]) => number,
  ) => {
    const samples = collections.map(({ collection, shards }) => ({
      labels: { id: collection.name },
      value: count(shards),
    }));
    return family(name, help, 'gauge', samples);
  };
  const vectors = collections.reduce((sum, { shards }) => sum + vectorCount(shards), 0);
  return [
    gauge('collections_total', 'number of collections', collections.length),
    gauge('collections_vector_total', 'total number of vectors in all collections', vectors),
    perCollection('collection_points', 'approximate amount of points per collection', (shards) =>
      sumOf(shards, (shard) => shard.pointCount),
    ),
    family(
      'collection_vectors',
      'amount of vectors grouped by vector name',
      'gauge',
      collections.flatMap(vectorSamples),
    ),
    perCollection(
      'collection_running_optimizations',
      'number of currently running optimization tasks per collection',
      (shards) => sumOf(shards, (shard) => shard.runningOptimizations.length),
    ),
    perCollection(
      'collection_update_queue_length',
      'number of pending operations in the update queues per collection',
      (shards) => sumOf(shards, (shard) => shard.updateQueueLength),
    ),
  ];
}

function vectorSamples({ collection, shards }: Described[number]) {
  const names = new Set(shards.flatMap((shard) => [...shard.vectorCounts.keys()]));
  return [...names].map((vector) => ({
    labels: { collection: collection.name, vector },
    value: sumOf(shards, (shard) => shard.vectorCounts.get(vector) ?? 0),
  }));
}

function requestFamilies(
  series: readonly RequestSeries[],
  options: MetricsOptions,
): readonly MetricFamily[] {
  const labelsOf = (one: RequestSeries): Labels => ({
    method: one.method,
    endpoint: one.endpoint,
    status: String(one.status),
    ...(options.perCollection ? { collection: one.collection } : {}),
  });
  const each = (from: readonly RequestSeries[], value: (one: RequestSeries) => number) =>
    from.map((one) => ({ labels: labelsOf(one), value: value(one) }));
  const timed = series.filter((one) => one.status === 200);
  const name = 'rest_responses';
  return [
    family(
      `${name}_total`,
      'total number of responses',
      'counter',
      each(series, (s) => s.count),
    ),
    family(
      `${name}_avg_duration_seconds`,
      'average response duration',
      'gauge',
      each(timed, (one) => one.durationSum / one.count),
    ),
    family(
      `${name}_min_duration_seconds`,
      'minimum response duration',
      'gauge',
      each(timed, (one) => one.durationMin),
    ),
    family(
      `${name}_max_duration_seconds`,
      'maximum response duration',
      'gauge',
      each(timed, (one) => one.durationMax),
    ),
    family(
      `${name}_duration_seconds`,
      'response duration histogram',
      'histogram',
      timed.flatMap((one) => histogramSamples(one, labelsOf(one))),
    ),
  ];
}

function histogramSamples(one: RequestSeries, labels: Labels): MetricFamily['samples'] {
  const buckets = durationBounds.map((bound, index) => ({
    suffix: '_bucket',
    labels: { ...labels, le: String(bound) },
    value: one.bucketCounts[index] ?? 0,
  }));
  return [
    ...buckets,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: one.count },
    { suffix: '_sum', labels, value: one.durationSum },
    { suffix: '_count', labels, value: one.count },
  ];
}
