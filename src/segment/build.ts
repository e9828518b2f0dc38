// Old segments in, one new segment out: merges points by id (the highest version wins), writes
// columns in id order, and, when asked to index, codes and graphs. Runs on a builder thread;
// sources go on serving meanwhile. A cancelled build leaves a directory without `segment.json`,
// which can be deleted. What is removed from the sources meanwhile, the caller removes from the
// result before publishing.

import { assert } from '../base/assert.ts';
import { bitsetWordCount } from '../base/bitset.ts';
import type { Disk } from '../io/ports.ts';
import { elementBytes, type VectorConfig } from '../model/collection-config.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import type { PointId } from '../model/point-id.ts';
import { buildIndexColumns } from './build-field-index.ts';
import { buildPayloads } from './build-payloads.ts';
import { type BuildSource, openSource, type SourceReader } from './build-source.ts';
import { buildVectors, type OpenGraph } from './build-vectors.ts';
import { fixedColumns } from './column-names.ts';
import { allocateIdColumns, encodeIds, type IdColumns } from './id-column.ts';
import { type MergePlan, planMerge } from './merge-plan.ts';
import { type FieldIndexFiles, writeMetadata } from './segment-metadata.ts';
import type { Pause } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';
import type {
  SegmentStats,
  SharedFieldIndex,
  SharedSegment,
  SharedVectors,
} from './shared-segment.ts';

/** Structured-cloneable. */
export interface BuildJob {
  /** Of the new segment; unique in the shard for ever. */
  readonly segmentId: string;
  /** Its directory, where readers will open it; whatever is in it is removed first. */
  readonly directory: string;
  /** Older first: of equal versions the later source's copy is taken. */
  readonly sources: readonly BuildSource[];
  readonly vectors: readonly VectorConfig[];
  readonly schema: PayloadSchema;
  readonly onDiskPayload: boolean;
  /** Whether to train codes and build graphs. */
  readonly indexed: boolean;
  /** Threads that will open the segment, builders included: their slots are below this. */
  readonly slotCount: number;
  /** This builder's slot, in the sources' memories and in the new ones. */
  readonly slot: number;
}

export interface BuildPorts {
  readonly disk: Disk;
  /** Awaited every few milliseconds; throws to cancel the build. */
  readonly pause: Pause;
  /** Told of each graph while it can be helped with: see `helpBuildGraph`. */
  readonly onGraphOpen?: (graph: OpenGraph) => void;
}

export interface BuildResult {
  /** Ready to publish, its files synced; `null` when no point was left. */
  readonly segment: SharedSegment | null;
}

/** Everything the steps of one build share. */
interface Build {
  readonly job: BuildJob;
  readonly ports: BuildPorts;
  readonly readers: readonly SourceReader[];
  readonly plan: MergePlan;
  readonly writer: SegmentWriter;
}

export async function buildSegment(job: BuildJob, ports: BuildPorts): Promise<BuildResult> {
  assert(job.slot < job.slotCount, `slot ${job.slot} of ${job.slotCount}`);
  await ports.disk.removeTree(job.directory);
  const readers = job.sources.map((source) => openSource(source, ports.disk));
  try {
    const plan = await planMerge(readers, ports.pause);
    if (plan.pointCount === 0) return { segment: null };
    ports.disk.makeDir(job.directory);
    const writer = new SegmentWriter(ports.disk, job.directory);
    return { segment: await runBuild({ job, ports, readers, plan, writer }) };
  } finally {
    for (const reader of readers) reader.close();
  }
}

async function runBuild(build: Build): Promise<SharedSegment> {
  const { job, ports, plan, readers, writer } = build;
  const { pause } = ports;
  const ids = await buildIds(build);
  const { versions, versionMax } = await buildVersions(build);
  const onDisk = job.onDiskPayload;
  const payloads = await buildPayloads({ plan, readers, onDisk, pause }, writer);
  const vectors: SharedVectors[] = [];
  for (const config of job.vectors) {
    const { indexed, slot, slotCount } = job;
    const onGraphOpen = ports.onGraphOpen ?? (() => undefined);
    const request = { config, plan, readers, indexed, slot, slotCount, pause, onGraphOpen };
    vectors.push(await buildVectors(request, writer));
  }
  const { fieldIndexes, fieldFiles } = await buildFieldIndexes(build);
  const stats = statsOf(build, { vectors, fieldIndexes, versionMax, payloads });
  await pause();
  await ports.disk.syncDir(job.directory);
  await writeMetadata(ports.disk, job.directory, {
    id: job.segmentId,
    offsetCount: plan.pointCount,
    integerCount: plan.integerCount,
    indexed: job.indexed,
    payload: { wide: payloads.wide, byteCount: payloads.byteCount },
    vectors: writer.vectors,
    fieldIndexes: fieldFiles,
    stats,
    files: writer.files,
  });
  return {
    id: job.segmentId,
    offsetCount: plan.pointCount,
    indexed: job.indexed,
    ids,
    versions,
    payloads,
    vectors,
    tombstones: new SharedArrayBuffer(bitsetWordCount(plan.pointCount) * 4),
    counters: new SharedArrayBuffer(4),
    fieldIndexes,
    stats,
    files: writer.files,
  };
}

async function buildIds({ plan, readers, writer }: Build): Promise<IdColumns> {
  const { pointCount, integerCount } = plan;
  const ids = allocateIdColumns(integerCount, pointCount - integerCount);
  encodeIds(mergedIds(plan, readers), ids);
  await writer.column(fixedColumns.integers, [new Uint8Array(ids.integers)]);
  await writer.column(fixedColumns.uuids, [new Uint8Array(ids.uuids)]);
  return ids;
}

function* mergedIds(plan: MergePlan, readers: readonly SourceReader[]): Generator<PointId> {
  for (let at = 0; at < plan.pointCount; at += 1) {
    const reader = readers[plan.sources[at] as number] as SourceReader;
    yield reader.idAt(plan.offsets[at] as number);
  }
}

async function buildVersions({
  plan,
  readers,
  writer,
}: Build): Promise<{ versions: SharedArrayBuffer; versionMax: number }> {
  const versions = new SharedArrayBuffer(plan.pointCount * 8);
  const values = new Float64Array(versions);
  let versionMax = 0;
  for (let at = 0; at < plan.pointCount; at += 1) {
    const reader = readers[plan.sources[at] as number] as SourceReader;
    const version = reader.versionAt(plan.offsets[at] as number);
    values[at] = version;
    versionMax = Math.max(versionMax, version);
  }
  await writer.column(fixedColumns.versions, [new Uint8Array(versions)]);
  return { versions, versionMax };
}

async function buildFieldIndexes({ job, ports, plan, readers, writer }: Build): Promise<{
  fieldIndexes: readonly SharedFieldIndex[];
  fieldFiles: readonly FieldIndexFiles[];
}> {
  const source = {
    offsetCount: plan.pointCount,
    payloadAt: (at: number) => {
      const reader = readers[plan.sources[at] as number] as SourceReader;
      return reader.payloadAt(plan.offsets[at] as number);
    },
  };
  const fieldIndexes: SharedFieldIndex[] = [];
  const fieldFiles: FieldIndexFiles[] = [];
  for (const [field, schema] of job.schema) {
    const index = await buildIndexColumns(source, field, schema, ports.pause);
    fieldFiles.push(await writer.fieldIndex(index, fieldIndexes.length + 1));
    fieldIndexes.push(index);
  }
  return { fieldIndexes, fieldFiles };
}

function statsOf(
  { plan, writer }: Build,
  parts: {
    readonly vectors: readonly SharedVectors[];
    readonly fieldIndexes: readonly SharedFieldIndex[];
    readonly payloads: SharedSegment['payloads'];
    readonly versionMax: number;
  },
): SegmentStats {
  const { payloads, vectors, fieldIndexes, versionMax } = parts;
  let vectorBytes = 0;
  let indexedVectorCount = 0;
  for (const { config, presentCount, memory } of vectors) {
    const bytes = presentCount * config.dimension * elementBytes(config.datatype);
    vectorBytes = Math.max(vectorBytes, bytes);
    if (memory !== null && memory.layout.graph !== null) indexedVectorCount += presentCount;
  }
  const columnBytes = plan.pointCount * 20 + payloads.starts.byteLength;
  let indexBytes = 0;
  for (const { columns } of fieldIndexes) {
    for (const { bytes } of columns) indexBytes += bytes.length;
  }
  const residentPayload = payloads.bytes === null ? 0 : payloads.byteCount;
  return {
    vectorBytes,
    payloadBytes: payloads.byteCount,
    memoryBytes: columnBytes + indexBytes + residentPayload + writer.vectorMemoryBytes,
    diskBytes: writer.files.reduce((sum, file) => sum + file.bytes, 0),
    indexedVectorCount,
    versionMax,
  };
}
