// The simulator on the command line: one seed with all that happened, or many on all processors.
//
//   npm run sim -- --seed 7 [--steps 100] [--storm]      one life, with its trace
//   npm run sim -- --seeds 1..2000 [--workers 2]         many lives; what failed, and how to repeat it

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Faults, noFaults } from './faults.ts';
import { usualLife } from './life.ts';
import { live } from './world.ts';

interface Job {
  readonly firstSeed: number;
  readonly lastSeed: number;
  readonly stride: number;
  readonly kind: 'mixed' | 'storm';
  readonly stepCount: number;
}

interface Failure {
  readonly seed: number;
  readonly message: string;
}

interface Report {
  readonly faults: Faults;
  readonly failures: readonly Failure[];
  readonly lifeCount: number;
  readonly simulatedMs: number;
}

async function liveMany({ firstSeed, lastSeed, stride, kind, stepCount }: Job): Promise<Report> {
  const faults = noFaults();
  const failures: Failure[] = [];
  let lifeCount = 0;
  let simulatedMs = 0;
  for (let seed = firstSeed; seed <= lastSeed; seed += stride) {
    const life = await live({ ...usualLife, seed, kind, stepCount });
    lifeCount += 1;
    simulatedMs += life.simulatedMs;
    add(faults, life.faults);
    if (life.violation !== null) failures.push({ seed, message: life.violation.message });
  }
  return { faults, failures, lifeCount, simulatedMs };
}

function add(sum: Faults, more: Faults): void {
  for (const name of Object.keys(sum) as (keyof Faults)[]) sum[name] += more[name];
}

async function liveOne(job: Job): Promise<number> {
  const seed = job.firstSeed;
  const { kind, stepCount } = job;
  const life = await live({ ...usualLife, seed, kind, stepCount, onTrace: print });
  print(
    `${life.stepCount} steps in ${(life.simulatedMs / 1000).toFixed(0)} s, ${totals(life.faults)}`,
  );
  print(`trace ${life.traceHash}`);
  if (life.violation === null) return 0;
  print(life.violation.message);
  print(commandFor(seed, job));
  return 1;
}

async function liveInParallel(job: Job, workerCount: number): Promise<number> {
  const startMs = performance.now();
  const reports = await Promise.all(
    Array.from({ length: workerCount }, (_, at) =>
      runWorker({ ...job, firstSeed: job.firstSeed + at, stride: workerCount }),
    ),
  );
  const faults = noFaults();
  for (const report of reports) add(faults, report.faults);
  const lifeCount = reports.reduce((sum, report) => sum + report.lifeCount, 0);
  const hours = reports.reduce((sum, report) => sum + report.simulatedMs, 0) / 3_600_000;
  const failures = reports.flatMap((report) => report.failures);
  const seconds = (performance.now() - startMs) / 1000;
  print(`${lifeCount} lives, ${hours.toFixed(1)} simulated hours in ${seconds.toFixed(0)} s`);
  print(totals(faults));
  for (const { seed, message } of failures.toSorted((a, b) => a.seed - b.seed)) {
    print(`seed ${seed}: ${message}\n    ${commandFor(seed, job)}`);
  }
  print(failures.length === 0 ? 'no checker spoke' : `${failures.length} lives failed`);
  return failures.length === 0 ? 0 : 1;
}

function runWorker(job: Job): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: job });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function commandFor(seed: number, { kind, stepCount }: Job): string {
  const steps = Number.isFinite(stepCount) ? ` --steps ${stepCount}` : '';
  return `npm run sim -- --seed ${seed}${steps}${kind === 'storm' ? ' --storm' : ''}`;
}

function totals(faults: Faults): string {
  return Object.entries(faults)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '1..100' },
      steps: { type: 'string' },
      storm: { type: 'boolean', default: false },
      workers: { type: 'string' },
    },
  });
  const [first = '1', last = first] = (values.seed ?? values.seeds).split('..');
  const job: Job = {
    firstSeed: Number(first),
    lastSeed: Number(last),
    stride: 1,
    kind: values.storm ? 'storm' : 'mixed',
    stepCount: values.steps === undefined ? Number.POSITIVE_INFINITY : Number(values.steps),
  };
  if (values.seed !== undefined) return liveOne(job);
  return liveInParallel(job, Number(values.workers ?? availableParallelism()));
}

if (isMainThread) process.exitCode = await main();
else parentPort?.postMessage(await liveMany(workerData as Job));
