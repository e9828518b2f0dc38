// Which points a build takes, and from where: all live points of the sources in ascending order of
// ids, each id once, from the source where its version is highest (the later source if equal).

import { comparePointIds, type PointId } from '../model/point-id.ts';
import type { SourceReader } from './build-source.ts';
import type { Pause } from './segment-reader.ts';

/** Point i of the new segment is the point at `offsets[i]` of `readers[sources[i]]`. */
export interface MergePlan {
  readonly pointCount: number;
  readonly integerCount: number;
  readonly sources: Uint16Array;
  readonly offsets: Uint32Array;
}

const slicePoints = 16_384;

/** A source and how far the merge has come in it. */
interface Head {
  readonly reader: SourceReader;
  readonly source: number;
  at: number;
  id: PointId;
}

export async function planMerge(
  readers: readonly SourceReader[],
  pause: Pause,
): Promise<MergePlan> {
  const heads = readers.flatMap((reader, source) => headOf(reader, source));
  const total = readers.reduce((sum, reader) => sum + reader.liveOffsets.length, 0);
  const sources = new Uint16Array(total);
  const offsets = new Uint32Array(total);
  let count = 0;
  let integerCount = 0;
  while (heads.length > 0) {
    const winner = takeNext(heads);
    sources[count] = winner.source;
    offsets[count] = winner.offset;
    count += 1;
    if (typeof winner.id !== 'string') integerCount += 1;
    if (count % slicePoints === 0) await pause();
  }
  return {
    pointCount: count,
    integerCount,
    sources: sources.subarray(0, count),
    offsets: offsets.subarray(0, count),
  };
}

function headOf(reader: SourceReader, source: number): Head[] {
  const first = reader.liveOffsets[0];
  return first === undefined ? [] : [{ reader, source, at: 0, id: reader.idAt(first) }];
}

/** Takes the smallest id off every head that has it. */
function takeNext(heads: Head[]): { source: number; offset: number; id: PointId } {
  let smallest = (heads[0] as Head).id;
  for (let at = 1; at < heads.length; at += 1) {
    const { id } = heads[at] as Head;
    if (comparePointIds(id, smallest) < 0) smallest = id;
  }
  let source = -1;
  let offset = -1;
  let version = -1;
  for (let at = heads.length - 1; at >= 0; at -= 1) {
    const head = heads[at] as Head;
    if (head.id !== smallest) continue;
    const candidate = head.reader.liveOffsets[head.at] as number;
    const candidateVersion = head.reader.versionAt(candidate);
    if (candidateVersion > version) {
      source = head.source;
      offset = candidate;
      version = candidateVersion;
    }
    advance(heads, at);
  }
  return { source, offset, id: smallest };
}

function advance(heads: Head[], at: number): void {
  const head = heads[at] as Head;
  head.at += 1;
  const next = head.reader.liveOffsets[head.at];
  if (next === undefined) heads.splice(at, 1);
  else head.id = head.reader.idAt(next);
}
