// A thread of `threads.ts`: told for how long, it searches its segments and answers how often.

import { parentPort, workerData } from 'node:worker_threads';
import { NativeDisk } from '../../src/io/native/native-disk.ts';
import type { SearchTask } from '../../src/model/read.ts';
import { PublishedSegment } from '../../src/segment/published-segment.ts';
import type { SharedSegment } from '../../src/segment/shared-segment.ts';
import { executeRead } from '../../src/shard/read.ts';
import { topCount } from '../data.ts';

export interface ThreadStart {
  readonly slot: number;
  readonly segments: readonly SharedSegment[];
  readonly queries: Float32Array;
  readonly dimension: number;
}

export interface ThreadResult {
  readonly searchCount: number;
  readonly seconds: number;
  readonly cpuUs: number;
}

const ef = 64;
const { slot, segments, queries, dimension } = workerData as ThreadStart;
const readers = segments.map((segment) =>
  PublishedSegment.open(segment, {
    slot,
    disk: new NativeDisk(),
    schema: new Map(),
    indexingThresholdKb: 10_000,
  }),
);
const queryCount = queries.length / dimension;
const pause = () => Promise.resolve();

function task(query: number): SearchTask {
  return {
    vectorName: '',
    vector: queries.subarray(query * dimension, (query + 1) * dimension),
    limit: topCount,
    filter: null,
    params: { hnswEf: ef, exact: false, indexedOnly: false },
    parts: { payload: false, vectors: false },
  };
}

async function run(durationMs: number): Promise<void> {
  const startedAt = performance.now();
  const cpuBefore = process.threadCpuUsage();
  let searchCount = 0;
  while (performance.now() - startedAt < durationMs) {
    const tasks = [task(searchCount % queryCount)];
    await executeRead({ kind: 'search', tasks }, readers, pause);
    searchCount += 1;
  }
  const cpu = process.threadCpuUsage(cpuBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  const result: ThreadResult = { searchCount, seconds, cpuUs: cpu.user + cpu.system };
  parentPort?.postMessage(result);
}

parentPort?.on('message', (durationMs: number) => void run(durationMs));
