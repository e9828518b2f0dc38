// One vector name of a new segment: rows copied in the new order, then, where asked for, codes and
// graph. Rows that will live on disk never lie in memory as a whole. The graph may be built by
// several threads at once: each calls `helpBuildGraph` on the same memory with its own slot.

import { assert } from '../base/assert.ts';
import { type BuildPlan, VectorKernel } from '../kernels/kernel.ts';
import { rowBytesOf } from '../kernels/layout.ts';
import { readRow } from '../kernels/rows.ts';
import { createVectorMemory, type VectorMemory } from '../kernels/vector-memory.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import type { RowSource, SourceReader } from './build-source.ts';
import { transferGraph } from './graph-transfer.ts';
import type { MergePlan } from './merge-plan.ts';
import type { Pause } from './segment-reader.ts';
import type { SegmentWriter } from './segment-writer.ts';
import type { SharedVectors } from './shared-segment.ts';
import { growableSpec, publishedSpec } from './vector-spec.ts';

/** The vectors of one name need more than one memory can hold: give the build fewer points. */
export class SegmentTooLargeError extends Error {
  override readonly name = 'SegmentTooLargeError';
}

/** Rows copied, or encoded, between two pauses. */
const slicePoints = 4096;
/** Points inserted into the graph between two pauses. */
const insertCount = 32;
/** Vectors that a quantizer learns from when rows are on disk. */
const sampleCountMax = 10_000;

export interface VectorBuild {
  readonly config: VectorConfig;
  readonly plan: MergePlan;
  readonly readers: readonly SourceReader[];
  readonly indexed: boolean;
  readonly slot: number;
  readonly slotCount: number;
  readonly pause: Pause;
  /** Told when the graph can be helped with. */
  readonly onGraphOpen: (graph: OpenGraph) => void;
}

/** A graph that is being built. Structured-cloneable: post it to threads that can help. */
export interface OpenGraph extends VectorMemory {
  readonly plan: BuildPlan;
}

export async function buildVectors(
  build: VectorBuild,
  writer: SegmentWriter,
): Promise<SharedVectors> {
  const rows = new MergedRows(build);
  try {
    const presentCount = rows.countPresent();
    const { config } = build;
    if (presentCount === 0) {
      writer.noVectors(config);
      return { config, presentCount, memory: null, rowsFile: null };
    }
    const memory = allocate(build);
    const { keepVectors } = memory.layout.spec;
    const kernel = VectorKernel.open(memory, build.slot);
    let rowsFile: string | null = null;
    if (keepVectors) await fillMemory(rows, kernel, build);
    else rowsFile = await writer.rows(config, rows.chunks());
    await markAbsent(rows, kernel, build);
    if (memory.layout.graph !== null) {
      await encodeAll(rows, kernel, build);
      await takeOverGraph(memory, build);
      const plan = kernel.planBuild(build.plan.pointCount);
      build.onGraphOpen({ ...memory, plan });
      await insertAll(kernel, plan, build.pause);
    }
    await writer.memory(config, memory, presentCount);
    return { config, presentCount, memory, rowsFile };
  } finally {
    rows.close();
  }
}

/** Inserts points until all are in the graph, together with all other threads that do the same. */
export async function helpBuildGraph(graph: OpenGraph, slot: number, pause: Pause): Promise<void> {
  await insertAll(VectorKernel.open(graph, slot), graph.plan, pause);
}

async function insertAll(kernel: VectorKernel, plan: BuildPlan, pause: Pause): Promise<void> {
  while (!kernel.buildLoop(plan, insertCount).done) await pause();
}

function allocate(build: VectorBuild): VectorMemory {
  const { config, plan, slotCount } = build;
  const request = { config, pointCount: plan.pointCount, slotCount };
  const withGraph = build.indexed && config.hnsw.m > 0;
  // What does not fit with its rows may fit without: they then stay on disk.
  for (const keepVectors of config.onDisk ? [false] : [true, false]) {
    const made = createVectorMemory(publishedSpec({ ...request, withGraph, keepVectors }));
    if (made.kind === 'created') return made.vectorMemory;
  }
  throw new SegmentTooLargeError(
    `${plan.pointCount} vectors of ${config.dimension} × ${config.datatype} with m ` +
      `${config.hnsw.m} do not fit into the memory of one segment`,
  );
}

async function fillMemory(
  rows: MergedRows,
  kernel: VectorKernel,
  { plan, pause }: VectorBuild,
): Promise<void> {
  for (let from = 0; from < plan.pointCount; from += slicePoints) {
    const to = Math.min(plan.pointCount, from + slicePoints);
    for (const run of rows.runs(from, to)) {
      if (run.rows !== null) kernel.writeRows(run.at, run.rows);
    }
    await pause();
  }
}

async function markAbsent(
  rows: MergedRows,
  kernel: VectorKernel,
  { plan, pause }: VectorBuild,
): Promise<void> {
  for (let at = 0; at < plan.pointCount; at += 1) {
    if (at % slicePoints === slicePoints - 1) await pause();
    if (!rows.has(at)) kernel.markAbsent(at);
  }
}

/** Begins with the links of the largest old graph of the same kind, if there is one. */
async function takeOverGraph(
  target: VectorMemory,
  { config, plan, readers, pause }: VectorBuild,
): Promise<void> {
  const candidates = readers.map((reader) => reader.graphOf(config));
  const counts = new Uint32Array(readers.length);
  for (const source of plan.sources) counts[source] = (counts[source] as number) + 1;
  let best = -1;
  for (const [at, candidate] of candidates.entries()) {
    if (candidate === null || !sameGraph(candidate, target)) continue;
    if (best < 0 || (counts[at] as number) > (counts[best] as number)) best = at;
  }
  const source = candidates[best] ?? null;
  if (source === null) return;
  const targetOf = new Int32Array(source.layout.spec.pointCapacity).fill(-1);
  for (let at = 0; at < plan.pointCount; at += 1) {
    if (plan.sources[at] === best) targetOf[plan.offsets[at] as number] = at;
  }
  await transferGraph({ source, target, targetOf }, pause);
}

function sameGraph(a: VectorMemory, b: VectorMemory): boolean {
  const [one, other] = [a.layout.graph, b.layout.graph];
  if (one === null || other === null || one.m !== other.m || one.m0 !== other.m0) return false;
  return one.efConstruct === other.efConstruct;
}

async function encodeAll(
  rows: MergedRows,
  kernel: VectorKernel,
  { plan, pause }: VectorBuild,
): Promise<void> {
  const { keepVectors } = kernel.layout.spec;
  if (keepVectors) kernel.train(plan.pointCount);
  else kernel.train(plan.pointCount, rows.sample());
  for (let from = 0; from < plan.pointCount; from += slicePoints) {
    const to = Math.min(plan.pointCount, from + slicePoints);
    if (keepVectors) kernel.encode(from, to);
    else encodeRows(rows, kernel, from, to);
    await pause();
  }
}

function encodeRows(rows: MergedRows, kernel: VectorKernel, from: number, to: number): void {
  for (let at = from; at < to; at += 1) {
    if (rows.has(at)) kernel.encodeVector(at, rows.vector(at));
  }
}

/** Rows one after the other; `rows` is null where the points lack the vector. */
interface Run {
  readonly at: number;
  readonly count: number;
  readonly rows: Uint8Array | null;
}

/** The rows of the sources in the order of the new segment. */
class MergedRows {
  readonly #plan: MergePlan;
  readonly #config: VectorConfig;
  readonly #rowBytes: number;
  readonly #sources: readonly (RowSource | null)[];

  constructor({ plan, config, readers }: VectorBuild) {
    const { dimension, element } = growableSpec(config);
    this.#plan = plan;
    this.#config = config;
    this.#rowBytes = rowBytesOf(dimension, element);
    this.#sources = readers.map((reader) => reader.openRows(config));
  }

  close(): void {
    for (const source of this.#sources) source?.close();
  }

  has(at: number): boolean {
    const source = this.#sources[this.#plan.sources[at] as number];
    return source?.has(this.#plan.offsets[at] as number) ?? false;
  }

  countPresent(): number {
    let count = 0;
    for (let at = 0; at < this.#plan.pointCount; at += 1) if (this.has(at)) count += 1;
    return count;
  }

  vector(at: number): Float32Array {
    const { dimension, element } = growableSpec(this.#config);
    const row = this.#rows(at, 1);
    return readRow(row.buffer, row.byteOffset, element, dimension);
  }

  /** Evenly spread vectors to learn from. */
  sample(): Float32Array[] {
    const step = Math.max(1, Math.floor(this.countPresent() / sampleCountMax));
    const sample: Float32Array[] = [];
    let seen = 0;
    for (let at = 0; at < this.#plan.pointCount; at += 1) {
      if (!this.has(at)) continue;
      if (seen % step === 0) sample.push(this.vector(at));
      seen += 1;
    }
    return sample;
  }

  /** Points from … to - 1 in runs that lie together in one source. */
  *runs(from: number, to: number): Generator<Run> {
    const { sources, offsets } = this.#plan;
    let at = from;
    while (at < to) {
      const has = this.has(at);
      let end = at + 1;
      while (
        end < to &&
        sources[end] === sources[at] &&
        offsets[end] === (offsets[end - 1] as number) + 1 &&
        this.has(end) === has
      ) {
        end += 1;
      }
      yield { at, count: end - at, rows: has ? this.#rows(at, end - at) : null };
      at = end;
    }
  }

  /** All rows in order, zeros for those that are absent; each valid until the next. */
  *chunks(): Generator<Uint8Array> {
    const zeros = new Uint8Array(slicePoints * this.#rowBytes);
    for (let from = 0; from < this.#plan.pointCount; from += slicePoints) {
      const to = Math.min(this.#plan.pointCount, from + slicePoints);
      for (const { rows, count } of this.runs(from, to)) {
        yield rows ?? zeros.subarray(0, count * this.#rowBytes);
      }
    }
  }

  #rows(at: number, count: number): Uint8Array {
    const source = this.#sources[this.#plan.sources[at] as number] ?? null;
    assert(source !== null, () => `no rows for point ${at}`);
    const offset = this.#plan.offsets[at] as number;
    return source.rows(offset, offset + count);
  }
}
