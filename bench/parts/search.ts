// Searching over REST: recall, the rate against the empty handler, rates under filters, and two
// workers against one.

import { cpSync, rmSync } from 'node:fs';
import type { OctantProcess } from '../../test/process/octant-process.ts';
import { BenchCollection, searchRequests } from '../collection.ts';
import type { BenchContext } from '../context.ts';
import type { BenchData } from '../data.ts';
import type { LoadResult } from '../load/load-run.ts';
import { measureRates, type Rate, type Target } from '../measure/rounds.ts';
import { createOctant, startEmptyServer } from '../servers.ts';

const connectionCount = 8;
/** Enough that the kernel spreads them evenly: a worker with fewer has less to do. */
const manyConnectionCount = 32;
const ef = 64;

export async function measureRecall(
  { report }: BenchContext,
  port: number,
  data: BenchData,
): Promise<void> {
  const part = report.part(`recall@10, ${data.count.toLocaleString('en-US')} × ${data.dimension}`);
  const collection = new BenchCollection(port);
  part.add('ef 64', await collection.recall(data, 64, ''), '');
  part.add('ef 128', await collection.recall(data, 128, ''), '', { atLeast: 0.98 });
  for (const { name } of data.filters) {
    const recall = await collection.recall(data, 128, name);
    part.add(`ef 128, filter keeps ${name}`, recall, '', { atLeast: 0.95 });
  }
  collection.close();
}

function warmUp(
  { load, plan }: BenchContext,
  port: number,
  requestsPath: string,
): Promise<LoadResult> {
  const run = { port, requestsPath, connectionCount: manyConnectionCount };
  return load.run({ ...run, durationMs: plan.warmUpMs });
}

/** `bareUs` is the CPU of one search without a server around it. */
export async function measureAgainstEmpty(
  context: BenchContext,
  node: OctantProcess,
  data: BenchData,
  bareUs: number,
): Promise<void> {
  const { load, report, plan, workerCount: threadCount } = context;
  const requestsPath = load.prepare(searchRequests(data, { ef, filterName: '' }));
  const { answerBytes } = await warmUp(context, node.port, requestsPath);
  report.part('search, REST').add('body of an answer', answerBytes, 'bytes');
  const empty = await startEmptyServer({ threadCount, answerBytes, burnUs: 0 });
  const burning = await startEmptyServer({ threadCount, answerBytes, burnUs: bareUs });
  try {
    const targets: Target[] = [
      { name: 'search', port: node.port, pid: node.pid, requestsPath },
      { name: 'empty', port: empty.port, pid: empty.pid, requestsPath },
      { name: 'burning', port: burning.port, pid: burning.pid, requestsPath },
    ];
    for (const connections of [connectionCount, 1]) {
      const rounds = { ...plan.rounds, connectionCount: connections };
      const rates = await measureRates(load, targets, rounds);
      reportAgainstEmpty(context, connections, rates);
    }
  } finally {
    empty.stop();
    burning.stop();
  }
}

function reportAgainstEmpty(
  { report }: BenchContext,
  connections: number,
  [search, nothing, burning]: readonly Rate[],
): void {
  if (search === undefined || nothing === undefined || burning === undefined) {
    throw new Error('three targets, three rates');
  }
  const part = report.part(
    `search, REST, ${connections} connection${connections === 1 ? '' : 's'}`,
  );
  const goal = connections === connectionCount ? { atLeast: 0.5 } : {};
  part.add('ef 64', search.perSecond, '/s');
  part.add('p50', search.p50Ms, 'ms');
  part.add('p99', search.p99Ms, 'ms');
  part.add('CPU of the server', search.cpuUs, 'µs each');
  part.add('CPU of the empty handler', nothing.cpuUs, 'µs each');
  part.add('CPU of a handler that burns a bare search', burning.cpuUs, 'µs each');
  part.add('CPU of the sender', search.loadCpuUs, 'µs each');
  part.add('rate ÷ empty handler', search.perSecond / nothing.perSecond, '×', goal);
  part.add('rate ÷ handler that burns', search.perSecond / burning.perSecond, '×');
  part.add('CPU: handler that burns ÷ search', burning.cpuUs / search.cpuUs, '×');
}

export async function measureFilteredRates(
  { load, report, plan }: BenchContext,
  node: OctantProcess,
  data: BenchData,
): Promise<void> {
  const names = ['', ...data.filters.map(({ name }) => name)];
  const targets = names.map(
    (filterName): Target => ({
      name: filterName,
      port: node.port,
      pid: node.pid,
      requestsPath: load.prepare(searchRequests(data, { ef, filterName })),
    }),
  );
  const rates = await measureRates(load, targets, { ...plan.rounds, connectionCount });
  const plain = rates[0]?.perSecond ?? Number.NaN;
  for (const [at, { perSecond, cpuUs }] of rates.entries()) {
    if (at === 0) continue;
    const part = report.part(`filter keeps ${names[at]}`);
    part.add('searches', perSecond, '/s');
    part.add('CPU of the server', cpuUs, 'µs each');
    part.add('rate ÷ without filter', perSecond / plain, '×');
  }
}

/** `node` has stopped; both servers get a copy of what it stored. */
export async function measureWorkers(
  context: BenchContext,
  directory: string,
  data: BenchData,
): Promise<void> {
  const { load, report, plan } = context;
  const requestsPath = load.prepare(searchRequests(data, { ef, filterName: '' }));
  const copy = `${directory}-copy`;
  cpSync(directory, copy, { recursive: true });
  const nodes = [
    await createOctant({ workerCount: 1, directory: copy }),
    await createOctant({ workerCount: 2, directory }),
  ];
  try {
    for (const node of nodes) {
      await node.start();
      await warmUp(context, node.port, requestsPath);
    }
    const targets = nodes.map(
      ({ port, pid }, at): Target => ({
        name: `${at + 1}`,
        port,
        pid,
        requestsPath,
      }),
    );
    const rounds = { ...plan.rounds, connectionCount: manyConnectionCount };
    const [one, two] = await measureRates(load, targets, rounds);
    if (one === undefined || two === undefined) throw new Error('two targets, two rates');
    const part = report.part('workers, REST');
    part.add('one worker', one.perSecond, '/s');
    part.add('two workers', two.perSecond, '/s');
    part.add('rate: two ÷ one, sender on the same cores', two.perSecond / one.perSecond, '×');
    const cpuRatio = (2 * one.cpuUs) / two.cpuUs;
    part.add('two ÷ one by CPU per search', cpuRatio, '×', { atLeast: 1.7 });
  } finally {
    for (const node of nodes) await node.kill();
    rmSync(copy, { recursive: true, force: true });
  }
}
