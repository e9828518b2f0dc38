// Octant's kernels under measurement: builds on two threads, searches on one. Prints a Measurement.
// The file is its own worker.

import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { type BuildPlan, VectorKernel } from '../../src/kernels/kernel.ts';
import { createVectorMemory, type VectorMemory } from '../../src/kernels/vector-memory.ts';
import { type BenchData, readFloats } from './data.ts';
import { cpuMilliseconds, efs, type Measurement, measureSearch } from './measure.ts';

interface Job {
  readonly vectorMemory: VectorMemory;
  readonly plan: BuildPlan;
}

async function run(data: BenchData): Promise<Measurement> {
  const { count, dimension } = data;
  const created = createVectorMemory({
    pointCapacity: count,
    dimension,
    element: 'f32',
    metric: 'cosine',
    keepVectors: true,
    graph: { m: 16, m0: 32, efConstruct: 100 },
    codes: true,
    slotCount: 2,
  });
  if (created.kind !== 'created') throw new Error(created.kind);
  const { vectorMemory } = created;
  const kernel = VectorKernel.open(vectorMemory, 0);
  const points = readFloats(data.pointsPath);
  kernel.writeRows(0, new Uint8Array(points.buffer));
  const start = performance.now();
  const cpuStart = cpuMilliseconds();
  kernel.train(count);
  kernel.encode(0, count);
  const plan = kernel.planBuild(count);
  const job = { vectorMemory, plan };
  const second = new Worker(new URL(import.meta.url), { workerData: job });
  const ended = new Promise((resolve, reject) => {
    second.once('exit', resolve);
    second.once('error', reject);
  });
  while (!kernel.buildLoop(plan, 1_000).done);
  await ended;
  const buildSeconds = (performance.now() - start) / 1_000;
  const buildCpuSeconds = (cpuMilliseconds() - cpuStart) / 1_000;
  const measured = efs.map((ef) => ({
    ef,
    ...measureSearch(
      data,
      (query) => kernel.searchGraph({ query, k: 10, ef, allowed: null }).offsets,
    ),
  }));
  return { engine: 'octant', buildSeconds, buildCpuSeconds, buildThreadCount: 2, points: measured };
}

if (isMainThread) {
  const data = JSON.parse(process.argv[2] ?? '') as BenchData;
  process.stdout.write(`${JSON.stringify(await run(data))}\n`);
} else {
  const { vectorMemory, plan } = workerData as Job;
  const kernel = VectorKernel.open(vectorMemory, 1);
  while (!kernel.buildLoop(plan, 1_000).done);
}
