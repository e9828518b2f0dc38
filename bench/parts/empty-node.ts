// A node without data: how fast it starts, what it holds, and that it does nothing.

import type { BenchContext } from '../context.ts';
import { cpuSeconds, rssBytes } from '../measure/process-stats.ts';
import { createOctant } from '../servers.ts';

const settleMs = 2000;
const idleMs = 4000;

/** Returns the memory of the empty node in bytes. */
export async function measureEmptyNode({ report }: BenchContext): Promise<number> {
  const node = await createOctant();
  try {
    const startedAt = performance.now();
    await node.start();
    report.part('empty node').add('start until ready', performance.now() - startedAt, 'ms');
    report.part('empty node').add('CPU until ready', cpuSeconds(node.pid) * 1000, 'ms');
    await pause(settleMs);
    const bytes = rssBytes(node.pid);
    report.part('empty node').add('memory (RSS)', bytes / 2 ** 20, 'MiB', { atMost: 150 });
    const cpuBefore = cpuSeconds(node.pid);
    await pause(idleMs);
    const share = ((cpuSeconds(node.pid) - cpuBefore) / (idleMs / 1000)) * 100;
    report.part('empty node').add('CPU when idle', share, '% of a core', { atMost: 1 });
    return bytes;
  } finally {
    await node.dispose();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
