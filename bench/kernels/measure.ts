// What is measured of every engine: build time, and recall and search rate for a list of beam
// widths.

import { type BenchData, readFloats, readTruth } from './data.ts';

export interface Point {
  readonly ef: number;
  readonly recall: number;
  readonly microseconds: number;
}

export interface Measurement {
  readonly engine: string;
  readonly buildSeconds: number;
  /** Of all threads together: what to compare when the machine has other work. */
  readonly buildCpuSeconds: number;
  readonly buildThreadCount: number;
  readonly points: readonly Point[];
}

export const efs = [32, 48, 64, 96, 128, 192, 256];
const roundCount = 5;

/** Processor time of this process, all its threads, in milliseconds. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/**
 * Processor time per search, the best of several rounds over all queries, so that other work on the
 * machine counts little.
 */
export function measureSearch(
  data: BenchData,
  search: (query: Float32Array, row: number) => ArrayLike<number | bigint>,
): Omit<Point, 'ef'> {
  const queries = readFloats(data.queriesPath);
  const truth = readTruth(data);
  const { dimension, queryCount, k } = data;
  const rows = Array.from({ length: queryCount }, (_, i) =>
    queries.subarray(i * dimension, (i + 1) * dimension),
  );
  let hitCount = 0;
  rows.forEach((query, i) => {
    const wanted = new Set(truth.subarray(i * k, (i + 1) * k));
    for (const offset of Array.from(search(query, i)))
      if (wanted.has(Number(offset))) hitCount += 1;
  });
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < roundCount; round += 1) {
    const start = cpuMilliseconds();
    rows.forEach((query, i) => {
      search(query, i);
    });
    best = Math.min(best, cpuMilliseconds() - start);
  }
  return { recall: hitCount / (queryCount * k), microseconds: (best * 1_000) / queryCount };
}

/** Time per search at a recall, between the two measured beam widths around it. */
export function microsecondsAt(points: readonly Point[], recall: number): number | null {
  for (let i = 0; i < points.length; i += 1) {
    const above = points[i];
    if (above === undefined || above.recall < recall) continue;
    const below = points[i - 1];
    if (below === undefined || above.recall === below.recall) return above.microseconds;
    const share = (recall - below.recall) / (above.recall - below.recall);
    return below.microseconds + share * (above.microseconds - below.microseconds);
  }
  return null;
}
