// `npm run bench`: one server after the other through all parts, then one table with the goals.
// `--quick` takes smaller sizes and fewer rounds; `--only <part>` (ingest, search, wide) runs one.

import { availableParallelism } from 'node:os';
import { setTimeout as pauseMs } from 'node:timers/promises';
import type { OctantProcess } from '../test/process/octant-process.ts';
import { BenchCollection, upsertRequests } from './collection.ts';
import { type BenchContext, patienceSeconds } from './context.ts';
import { type BenchData, loadData } from './data.ts';
import { Load } from './load/load.ts';
import { Report } from './measure/report.ts';
import { measureEmptyNode } from './parts/empty-node.ts';
import { measureIngest } from './parts/ingest.ts';
import { reportDisk, reportMemory } from './parts/memory.ts';
import { measureRestart } from './parts/restart.ts';
import {
  measureAgainstEmpty,
  measureFilteredRates,
  measureRecall,
  measureWorkers,
} from './parts/search.ts';
import { measureThreads } from './parts/threads.ts';
import { fullPlan, quickPlan } from './plan.ts';
import { createOctant } from './servers.ts';

const connectionCount = 8;
/** By then whatever is given back with a delay has been. */
const idleMs = 33_000;

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const plan = args.includes('--quick') ? quickPlan : fullPlan;
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : null;
  const wanted = (part: string) => only === null || only === part;
  const report = new Report();
  const load = new Load();
  const workerCount = availableParallelism();
  const context: BenchContext = { plan, load, report, notes: [], workerCount };
  try {
    const emptyBytes = await measureEmptyNode(context);
    if (wanted('ingest')) await measureIngest(context);
    if (wanted('search')) await measureSearch(context, emptyBytes);
    if (wanted('wide')) await measureWide(context);
  } finally {
    await load.close();
    process.stdout.write(`\n${[report.text(), ...context.notes].join('\n\n')}\n`);
  }
}

async function fill(context: BenchContext, node: OctantProcess, data: BenchData): Promise<void> {
  const collection = new BenchCollection(node.port);
  await collection.create(data.dimension);
  const requestsPath = context.load.prepare(upsertRequests(data));
  await context.load.run({ port: node.port, connectionCount, requestsPath, durationMs: null });
  collection.close();
}

async function waitOptimized(node: OctantProcess): Promise<number> {
  const collection = new BenchCollection(node.port);
  await collection.wakeOptimizers();
  const seconds = await collection.waitOptimized(patienceSeconds);
  collection.close();
  return seconds;
}

async function measureSearch(context: BenchContext, emptyBytes: number): Promise<void> {
  const data = loadData(context.plan.search);
  const { count } = data;
  const node = await createOctant();
  try {
    await node.start();
    await fill(context, node, data);
    await measureRestart(context, node, { name: 'just acknowledged', count, repeat: false });
    await waitOptimized(node);
    reportMemory(context, 'after indexing', { node, data, emptyBytes });
    if (context.plan.waitsForIdle) {
      await pauseMs(idleMs);
      reportMemory(context, 'half a minute later', { node, data, emptyBytes });
    }
    await measureRestart(context, node, { name: 'all indexed', count, repeat: true });
    await waitOptimized(node);
    reportMemory(context, 'after a restart', { node, data, emptyBytes });
    reportDisk(context, node, data);
    await measureRecall(context, node.port, data);
    const bareUs = await measureThreads(context, node.directory, data);
    await measureAgainstEmpty(context, node, data, bareUs);
    await measureFilteredRates(context, node, data);
    await node.stop();
    await measureWorkers(context, node.directory, data);
  } finally {
    await node.dispose();
  }
}

async function measureWide(context: BenchContext): Promise<void> {
  if (context.plan.wide === null) return;
  const data = loadData(context.plan.wide);
  const node = await createOctant();
  try {
    await node.start();
    await fill(context, node, data);
    const seconds = await waitOptimized(node);
    const part = context.report.part(
      `recall@10, ${data.count.toLocaleString('en-US')} × ${data.dimension}`,
    );
    part.add('indexed after the last acknowledgement', seconds, 's');
    await measureRecall(context, node.port, data);
  } finally {
    await node.dispose();
  }
}

await main();
