// Memory and disk per point, against what the data itself needs: vectors, codes, links, payload
// text.

import type { OctantProcess } from '../../test/process/octant-process.ts';
import { payloadBytes } from '../collection.ts';
import type { BenchContext } from '../context.ts';
import type { BenchData } from '../data.ts';
import { filesBelow, rssBytes, treeBytes } from '../measure/process-stats.ts';

const linksLevel0 = 32;
const linksAbove = 16;

/** Bytes that a point cannot do without: f32 and int8 per component, links, payload. */
export function neededBytes(data: BenchData): number {
  const links = 4 * (linksLevel0 + linksAbove / (linksAbove - 1));
  return data.dimension * 5 + links + payloadBytes(data) / data.count;
}

export function reportMemory(
  { report }: BenchContext,
  when: string,
  figures: { readonly node: OctantProcess; readonly data: BenchData; readonly emptyBytes: number },
): void {
  const { node, data, emptyBytes } = figures;
  const total = rssBytes(node.pid);
  const perPoint = (total - emptyBytes) / data.count;
  const part = report.part(`memory ${when}`);
  part.add('RSS', total / 2 ** 20, 'MiB');
  part.add('per point, above the empty node', perPoint, 'bytes');
  part.add('÷ vectors + codes + links + payload', perPoint / neededBytes(data), '×', {
    atMost: 1.3,
  });
}

export function reportDisk({ report }: BenchContext, node: OctantProcess, data: BenchData): void {
  const bytes = treeBytes(filesBelow(`${node.directory}/storage`));
  report.part('disk').add('per point', bytes / data.count, 'bytes');
  report
    .part('disk')
    .add('÷ vectors + codes + links + payload', bytes / data.count / neededBytes(data), '×');
}
