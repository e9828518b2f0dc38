// `kill -9`, start again, ready: with everything in segment files, and with everything just
// acknowledged, when most of it is only in the log.

import { readFileSync } from 'node:fs';
import type { OctantProcess } from '../../test/process/octant-process.ts';
import { BenchCollection } from '../collection.ts';
import type { BenchContext } from '../context.ts';
import { cpuSeconds, filesBelow } from '../measure/process-stats.ts';
import { median } from '../measure/report.ts';

export async function measureRestart(
  { report, plan }: BenchContext,
  node: OctantProcess,
  what: { readonly name: string; readonly count: number; readonly repeat: boolean },
): Promise<void> {
  const readyMs: number[] = [];
  const readMs: number[] = [];
  const cpuMs: number[] = [];
  const times = what.repeat ? plan.restartCount : 1;
  while (readyMs.length < times) {
    await node.kill();
    readMs.push(timeOfReading(`${node.directory}/storage`));
    const startedAt = performance.now();
    await node.start();
    readyMs.push(performance.now() - startedAt);
    cpuMs.push(cpuSeconds(node.pid) * 1000);
  }
  const collection = new BenchCollection(node.port);
  const found = await collection.pointCount();
  collection.close();
  if (found !== what.count) throw new Error(`${found} points after kill -9, not ${what.count}`);
  const part = report.part(`restart, ${what.name}`);
  const ready = median(readyMs);
  const read = median(readMs);
  part.add('kill -9 until ready', ready, 'ms');
  part.add('CPU until ready', median(cpuMs), 'ms');
  part.add('reading the files alone', read, 'ms');
  part.add('difference', ready - read, 'ms', { atMost: 1000 });
}

function timeOfReading(directory: string): number {
  const startedAt = performance.now();
  for (const path of filesBelow(directory)) readFileSync(path);
  return performance.now() - startedAt;
}
