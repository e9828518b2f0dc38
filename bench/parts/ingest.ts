// Filling an empty collection: batches with `wait=true`, until the last is acknowledged and until
// nothing is left to index. The CPU profile of the same, from a second run, says where time goes.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchCollection, upsertRequests } from '../collection.ts';
import { type BenchContext, patienceSeconds } from '../context.ts';
import { type BenchData, loadData } from '../data.ts';
import { cpuSeconds } from '../measure/process-stats.ts';
import { momentNow, summarizeProfiles, summaryText } from '../profile.ts';
import { createOctant } from '../servers.ts';
import { decodeOnly } from './decode-only.ts';

const partName = 'ingest';
const connectionCount = 4;
const profileIntervalUs = 200;

export async function measureIngest(context: BenchContext): Promise<void> {
  const data = loadData(context.plan.ingest);
  const requests = upsertRequests(data);
  const requestsPath = context.load.prepare(requests);
  const node = await createOctant();
  try {
    await node.start();
    const collection = new BenchCollection(node.port);
    await collection.create(data.dimension);
    const cpuBefore = cpuSeconds(node.pid);
    const run = { port: node.port, connectionCount, requestsPath, durationMs: null };
    const { seconds } = await context.load.run(run);
    const ackedCpu = cpuSeconds(node.pid) - cpuBefore;
    const waited = await collection.waitOptimized(patienceSeconds);
    const indexedCpu = cpuSeconds(node.pid) - cpuBefore;
    const { indexed_vectors_count: indexedCount } = await collection.info();
    collection.close();
    reportIngest(context, data, { seconds, ackedCpu, waited, indexedCpu, indexedCount });
    reportDecoding(context, requests, { seconds, ackedCpu });
  } finally {
    await node.dispose();
  }
  await profileIngest(context, data, requestsPath);
}

interface Figures {
  readonly seconds: number;
  readonly ackedCpu: number;
  readonly waited: number;
  readonly indexedCpu: number;
  readonly indexedCount: number;
}

function reportIngest({ report }: BenchContext, { count }: BenchData, figures: Figures): void {
  const { seconds, ackedCpu, waited, indexedCpu, indexedCount } = figures;
  const part = report.part(partName);
  part.add('all batches acknowledged', seconds, 's');
  part.add('points acknowledged', count / seconds, '/s');
  part.add('CPU until acknowledged', ackedCpu, 's');
  part.add('all indexed, from the first byte', seconds + waited, 's');
  part.add('CPU until all indexed', indexedCpu, 's');
  part.add('vectors in a graph then', (indexedCount / count) * 100, '%');
}

/** The floor: what decoding alone costs on one thread of this machine. */
function reportDecoding(
  { report }: BenchContext,
  requests: readonly Buffer[],
  { seconds, ackedCpu }: Pick<Figures, 'seconds' | 'ackedCpu'>,
): void {
  const decoding = decodeOnly(requests);
  const part = report.part(partName);
  part.add('decoding the bodies alone, one thread', decoding, 's');
  part.add('share of decoding in the CPU', (decoding / ackedCpu) * 100, '%');
  part.add('acknowledged ÷ decoding alone', seconds / decoding, '×');
}

async function profileIngest(
  context: BenchContext,
  data: BenchData,
  requestsPath: string,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'octant-profile-'));
  const flags = ['--cpu-prof', `--cpu-prof-dir=${directory}`];
  flags.push(`--cpu-prof-interval=${profileIntervalUs}`);
  const node = await createOctant({ environment: { NODE_OPTIONS: flags.join(' ') } });
  try {
    await node.start();
    const collection = new BenchCollection(node.port);
    await collection.create(data.dimension);
    const from = momentNow();
    const run = { port: node.port, connectionCount, requestsPath, durationMs: null };
    await context.load.run(run);
    const to = momentNow();
    collection.close();
    await node.stop();
    const summary = summarizeProfiles({ directory, entry: /bin\/worker\.ts$/, from, to });
    context.notes.push(`CPU profile of the workers while points come in\n${summaryText(summary)}`);
  } finally {
    await node.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
}
