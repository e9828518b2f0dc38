// Counts answered requests of one thread by method, endpoint, status and collection, and adds such
// counts of several threads up. The number of series is bounded, because the collection's name
// comes from the client.

import type { RequestSeries } from './engine.ts';

/** Upper bounds in seconds; the last bucket, +Inf, is the count itself. */
export const durationBounds = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10, 50] as const;

export interface AnsweredRequest {
  readonly method: string;
  readonly endpoint: string;
  readonly status: number;
  readonly collection: string;
  readonly seconds: number;
  readonly atMs: number;
}

export interface RequestRecorder {
  record(request: AnsweredRequest): void;
  series(): readonly RequestSeries[];
}

const seriesCountMax = 10_000;

type Counted = { -readonly [Key in keyof RequestSeries]: RequestSeries[Key] } & {
  bucketCounts: number[];
};

export function createRequestRecorder(): RequestRecorder {
  const byKey = new Map<string, Counted>();
  /** Requests often come in runs of one kind: its series need not be looked up by text. */
  let last: Counted | null = null;
  const seriesOf = (request: AnsweredRequest): Counted => {
    if (last !== null && isCountedIn(last, request)) return last;
    const { method, endpoint, status } = request;
    let collection = request.collection;
    let counted = byKey.get(keyOf(request));
    if (counted === undefined && byKey.size >= seriesCountMax) {
      // Names beyond the bound share one series.
      collection = '';
      counted = byKey.get(keyOf({ method, endpoint, status, collection }));
    }
    if (counted === undefined) {
      counted = emptySeries({ method, endpoint, status, collection });
      byKey.set(keyOf(counted), counted);
    }
    last = counted;
    return counted;
  };
  return {
    record(request) {
      const { seconds } = request;
      const counted = seriesOf(request);
      counted.count += 1;
      counted.durationSum += seconds;
      counted.durationMin = Math.min(counted.durationMin, seconds);
      counted.durationMax = Math.max(counted.durationMax, seconds);
      counted.lastRespondedAtMs = Math.max(counted.lastRespondedAtMs, request.atMs);
      for (let index = durationBounds.length - 1; index >= 0; index -= 1) {
        if (seconds > (durationBounds[index] as number)) break;
        counted.bucketCounts[index] = (counted.bucketCounts[index] as number) + 1;
      }
    },
    series: () =>
      [...byKey.values()].map((one) => ({ ...one, bucketCounts: [...one.bucketCounts] })),
  };
}

type SeriesKey = Pick<RequestSeries, 'method' | 'endpoint' | 'status' | 'collection'>;

function isCountedIn(
  series: Counted,
  { method, endpoint, status, collection }: SeriesKey,
): boolean {
  if (series.collection !== collection || series.endpoint !== endpoint) return false;
  return series.status === status && series.method === method;
}

function keyOf(key: SeriesKey): string {
  return `${key.method} ${key.endpoint} ${key.status} ${key.collection}`;
}

function emptySeries(key: SeriesKey): Counted {
  return {
    ...key,
    count: 0,
    durationSum: 0,
    durationMin: Number.POSITIVE_INFINITY,
    durationMax: 0,
    bucketCounts: durationBounds.map(() => 0),
    lastRespondedAtMs: 0,
  };
}

/** One series per method, endpoint, status and, with `perCollection`, collection. */
export function sumRequestSeries(
  series: Iterable<RequestSeries>,
  perCollection: boolean,
): readonly RequestSeries[] {
  const sums = new Map<string, Counted>();
  for (const one of series) {
    const { method, endpoint, status } = one;
    const key = { method, endpoint, status, collection: perCollection ? one.collection : '' };
    const sum = sums.get(keyOf(key)) ?? emptySeries(key);
    sums.set(keyOf(key), sum);
    sum.count += one.count;
    sum.durationSum += one.durationSum;
    sum.durationMin = Math.min(sum.durationMin, one.durationMin);
    sum.durationMax = Math.max(sum.durationMax, one.durationMax);
    sum.lastRespondedAtMs = Math.max(sum.lastRespondedAtMs, one.lastRespondedAtMs);
    one.bucketCounts.forEach((count, index) => {
      sum.bucketCounts[index] = (sum.bucketCounts[index] ?? 0) + count;
    });
  }
  return [...sums.values()].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
