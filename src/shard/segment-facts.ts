// What the optimizer's plan and the shard's info need to know of each segment, as plain data.

import type { ShardConfig } from '../model/collection-config.ts';
import { indexCountOf } from './index-count.ts';
import type { SegmentFacts } from './optimizer-plan.ts';
import { buildSettings } from './segment-metadata.ts';
import type { SegmentSet } from './segment-set.ts';
import type { SegmentReport } from './shard-info.ts';
import type { MemorySlot, PublishedSlot, SealedSlot } from './slots.ts';

export function allFacts(set: SegmentSet): readonly SegmentFacts[] {
  const inMemory = [...set.sealed, set.memory].map((slot) => memoryFacts(slot));
  return [...publishedFacts(set), ...inMemory];
}

export function publishedFacts(set: SegmentSet): readonly SegmentFacts[] {
  const settings = settingsOf(set.config);
  return set.published.map(({ segment, metadata }) => {
    const pointCount = segment.pointCount();
    const liveShare = pointCount / segment.offsetCount();
    return {
      id: segment.id,
      stage: 'published',
      pointCount,
      deletedCount: segment.deletedCount,
      vectorBytes: segment.shared.stats.vectorBytes * liveShare,
      indexed: metadata.indexed,
      fits: metadata.settings === (metadata.indexed ? settings.indexed : settings.plain),
    };
  });
}

/** Asked for after every update: made once per config. */
const settingsByConfig = new WeakMap<ShardConfig, { plain: string; indexed: string }>();

function settingsOf(config: ShardConfig): { readonly plain: string; readonly indexed: string } {
  const known = settingsByConfig.get(config);
  if (known !== undefined) return known;
  const made = { plain: buildSettings(config, false), indexed: buildSettings(config, true) };
  settingsByConfig.set(config, made);
  return made;
}

function memoryFacts({ segment, stage }: MemorySlot | SealedSlot): SegmentFacts {
  const pointCount = segment.pointCount();
  const offsetCount = segment.offsetCount();
  return {
    id: segment.id,
    stage,
    pointCount,
    deletedCount: offsetCount - pointCount,
    vectorBytes: offsetCount === 0 ? 0 : segment.vectorBytes * (pointCount / offsetCount),
    indexed: false,
    fits: true,
  };
}

export function segmentReports(set: SegmentSet): readonly SegmentReport[] {
  const inMemory = [...set.sealed, set.memory].map((slot) => memoryReport(slot));
  return [...set.published.map(publishedReport), ...inMemory];
}

function publishedReport({ segment, metadata }: PublishedSlot): SegmentReport {
  const { stats } = segment.shared;
  return {
    uuid: segment.id,
    kind: metadata.indexed ? 'indexed' : 'plain',
    pointCount: segment.pointCount(),
    deletedCount: segment.deletedCount,
    indexedVectorCount: liveOf(segment, stats.indexedVectorCount),
    vectorBytes: stats.vectorBytes,
    payloadBytes: stats.payloadBytes,
    memoryBytes: stats.memoryBytes,
    diskBytes: stats.diskBytes,
    appendable: false,
  };
}

function memoryReport({ segment, stage }: MemorySlot | SealedSlot): SegmentReport {
  return {
    uuid: segment.id,
    kind: 'plain',
    pointCount: segment.pointCount(),
    deletedCount: segment.offsetCount() - segment.pointCount(),
    indexedVectorCount: 0,
    vectorBytes: segment.vectorBytes,
    payloadBytes: segment.payloadBytes,
    memoryBytes: segment.memoryBytes,
    diskBytes: 0,
    appendable: stage === 'memory',
  };
}

/** The part of `count` that belongs to live points, exact when every point has the vector. */
function liveOf(segment: PublishedSlot['segment'], count: number): number {
  return Math.round((count * segment.pointCount()) / segment.offsetCount());
}

/** Points with a value in the index of each field. */
export function indexedPointCounts(set: SegmentSet): ReadonlyMap<string, number> {
  const segments = [...set.published, ...set.sealed, set.memory].map((slot) => slot.segment);
  const counts = new Map<string, number>();
  for (const field of set.schema.keys()) {
    const total = segments.reduce((sum, segment) => sum + indexCountOf(segment, field), 0);
    counts.set(field, total);
  }
  return counts;
}

/** Live points with a vector, by name. */
export function vectorCounts(set: SegmentSet): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { name } of set.config.vectors) {
    let total = 0;
    for (const { segment } of [...set.sealed, set.memory]) total += segment.vectorCount(name);
    for (const { segment } of set.published) {
      const vectors = segment.shared.vectors.find(({ config }) => config.name === name);
      total += liveOf(segment, vectors?.presentCount ?? 0);
    }
    counts.set(name, total);
  }
  return counts;
}
