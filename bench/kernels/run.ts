// Compares Octant's kernels with their peers, in one run on one machine, as ratios.
//
//   npm ci --prefix bench
//   python3 -m venv bench/.venv && bench/.venv/bin/pip install qdrant-edge-py==0.9.0 numpy
//   node bench/kernels/run.ts [100000x128 50000x768]
//
// A peer that is not installed is left out and named. Search rates are of processor time, so that a
// busy machine does not distort them much; of builds, both times are given.

import { spawnSync } from 'node:child_process';
import { type BenchData, prepareData } from './data.ts';
import { type Measurement, microsecondsAt } from './measure.ts';

const recallWanted = 0.985;

function here(name: string): string {
  return new URL(name, import.meta.url).pathname;
}

function measure(engine: string, command: string, args: readonly string[]): Measurement | null {
  const { stdout, stderr, status } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  });
  if (status === 0) return JSON.parse(stdout) as Measurement;
  process.stdout.write(
    `${engine} is left out: ${(stderr ?? '').trim().split('\n').at(-1) ?? ''}\n`,
  );
  return null;
}

function measureAll(data: BenchData): Measurement[] {
  const job = JSON.stringify(data);
  const node = process.execPath;
  const python =
    process.env['OCTANT_BENCH_PYTHON'] ?? new URL('../.venv/bin/python', import.meta.url).pathname;
  return [
    measure('octant', node, [here('octant.ts'), job]),
    measure('usearch', node, [here('peers.ts'), 'usearch', job]),
    measure('hnswlib', node, [here('peers.ts'), 'hnswlib', job]),
    measure('qdrant-edge', python, [here('edge_peer.py'), job]),
  ].filter((measurement) => measurement !== null);
}

function show(data: BenchData, measurements: readonly Measurement[]): void {
  const lines = [`${data.count} × ${data.dimension}, m 16, ef_construct 100, recall@${data.k}`];
  const own = measurements.find((measurement) => measurement.engine === 'octant');
  const ownTime = own === undefined ? null : microsecondsAt(own.points, recallWanted);
  for (const measurement of measurements) {
    const { engine, points, buildThreadCount: threads } = measurement;
    const time = microsecondsAt(points, recallWanted);
    const rate = time === null ? 'never' : `${Math.round(1e6 / time)}/s`;
    lines.push(
      `  ${engine.padEnd(12)} search at recall ${recallWanted}: ${rate.padStart(8)}` +
        `   build ${measurement.buildSeconds.toFixed(1)} s on ${threads} threads,` +
        ` ${measurement.buildCpuSeconds.toFixed(1)} s of CPU`,
    );
    if (own !== undefined && own !== measurement && time !== null && ownTime !== null) {
      lines.push(
        `    octant: ${(time / ownTime).toFixed(2)} × the searches,` +
          ` ${(own.buildSeconds / measurement.buildSeconds).toFixed(2)} × the build time,` +
          ` ${(own.buildCpuSeconds / measurement.buildCpuSeconds).toFixed(2)} × its CPU`,
      );
    }
    for (const { ef, recall, microseconds } of points) {
      lines.push(
        `    ef ${String(ef).padStart(3)}  ${recall.toFixed(4)}  ${microseconds.toFixed(1)} µs`,
      );
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

const sizes = process.argv.slice(2);
for (const size of sizes.length > 0 ? sizes : ['100000x128', '50000x768']) {
  const [count, dimension] = size.split('x').map(Number);
  if (count === undefined || dimension === undefined)
    throw new Error(`a size is 100000x128: ${size}`);
  const data = prepareData(count, dimension);
  show(data, measureAll(data));
}
