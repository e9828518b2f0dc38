// Two threads against one without a network: each opens the same published segments in shared
// memory, as the workers of a server do, and searches them as fast as it can. Shows what sharing
// itself costs (locks, caches, memory bandwidth), apart from HTTP and from the sender.

import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { NativeDisk } from '../../src/io/native/native-disk.ts';
import { loadSegment } from '../../src/segment/segment-files.ts';
import type { SharedSegment } from '../../src/segment/shared-segment.ts';
import { collectionName } from '../collection.ts';
import type { BenchContext } from '../context.ts';
import type { BenchData } from '../data.ts';
import { median } from '../measure/report.ts';
import type { ThreadResult, ThreadStart } from './search-thread.ts';

const threadCount = 2;

/** Returns the CPU of one search on one thread, µs. The server may run: its files never change. */
export async function measureThreads(
  { report, plan }: BenchContext,
  directory: string,
  data: BenchData,
): Promise<number> {
  const segments = await loadSegments(`${directory}/storage/collections/${collectionName}/0`);
  const threads = Array.from({ length: threadCount }, (_, slot) => {
    const queries = data.queries.slice();
    const start: ThreadStart = { slot, segments, queries, dimension: data.dimension };
    return new Worker(new URL('./search-thread.ts', import.meta.url), { workerData: start });
  });
  const rounds: { readonly one: Total; readonly two: Total }[] = [];
  const { roundCount, roundMs } = plan.rounds;
  await runThreads(threads, roundMs);
  while (rounds.length < roundCount) {
    const one = await runThreads(threads.slice(0, 1), roundMs);
    rounds.push({ one, two: await runThreads(threads, roundMs) });
  }
  await Promise.all(threads.map((thread) => thread.terminate()));
  const of = (figure: (round: { one: Total; two: Total }) => number) => median(rounds.map(figure));
  const part = report.part('threads, no network');
  const bareUs = of(({ one }) => one.cpuUs);
  part.add('CPU of a bare search, ef 64', bareUs, 'µs');
  part.add(
    'one thread',
    of(({ one }) => one.perSecond),
    '/s',
  );
  part.add(
    'two threads',
    of(({ two }) => two.perSecond),
    '/s',
  );
  part.add(
    'two ÷ one',
    of(({ one, two }) => two.perSecond / one.perSecond),
    '×',
  );
  const byCpu = of(({ one, two }) => (2 * one.cpuUs) / two.cpuUs);
  part.add('two ÷ one by CPU per search', byCpu, '×', { atLeast: 1.7 });
  return bareUs;
}

interface Total {
  readonly perSecond: number;
  readonly cpuUs: number;
}

async function runThreads(threads: readonly Worker[], durationMs: number): Promise<Total> {
  const results = threads.map((thread) => {
    const answer = new Promise<ThreadResult>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
    });
    thread.postMessage(durationMs);
    return answer;
  });
  const done = await Promise.all(results);
  const count = done.reduce((sum, result) => sum + result.searchCount, 0);
  const cpuUs = done.reduce((sum, result) => sum + result.cpuUs, 0);
  const perSecond = done.reduce((sum, { searchCount, seconds }) => sum + searchCount / seconds, 0);
  for (const thread of threads) thread.removeAllListeners('error');
  return { perSecond, cpuUs: cpuUs / count };
}

async function loadSegments(shardDirectory: string): Promise<SharedSegment[]> {
  const disk = new NativeDisk();
  const root = `${shardDirectory}/segments`;
  const segments: SharedSegment[] = [];
  for (const name of readdirSync(root)) {
    const shared = await loadSegment(disk, `${root}/${name}`, {
      slotCount: threadCount,
      onDiskPayload: true,
      onDiskVectors: () => false,
      verifyAll: false,
    });
    if (shared !== null) segments.push(shared);
  }
  if (segments.length === 0) throw new Error(`no segments in ${root}`);
  return segments;
}
