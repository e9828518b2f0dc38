// One vector name of a published segment in one thread: rows in memory or on disk, and the graph.
// The kernel is instantiated when first needed. Rows on disk are read where a search needs them:
// candidates of a graph walk one by one, scans in blocks through a bounded buffer.

import { TopK } from '../base/top-k.ts';
import type { Disk } from '../io/ports.ts';
import type { Hits, ScanRequest } from '../kernels/exact-scorer.ts';
import { type GraphRequest, VectorKernel } from '../kernels/kernel.ts';
import type { VectorMemory } from '../kernels/vector-memory.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import { RowsFile } from './rows-file.ts';
import {
  type GraphSearcher,
  indexedOnlyBytesMax,
  type RowScanner,
  type SearchableVectors,
} from './search.ts';
import type { SharedVectors } from './shared-segment.ts';

export interface PublishedVectorsOptions {
  readonly slot: number;
  readonly disk: Disk;
  readonly indexingThresholdKb: number;
  /** Whether the segment was built with graphs. */
  readonly indexed: boolean;
}

export class PublishedVectors implements SearchableVectors {
  readonly config: VectorConfig;
  readonly rowCount: number;
  readonly presentCount: number;
  readonly rows: RowScanner;
  readonly graph: GraphSearcher | null;
  readonly indexedOnlyBytesMax: number | null;
  readonly #memory: VectorMemory;
  readonly #slot: number;
  readonly #file: RowsFile | null;
  #kernel: VectorKernel | null = null;

  constructor(shared: SharedVectors, memory: VectorMemory, options: PublishedVectorsOptions) {
    const { layout } = memory;
    this.config = shared.config;
    this.rowCount = layout.spec.pointCapacity;
    this.presentCount = shared.presentCount;
    this.#memory = memory;
    this.#slot = options.slot;
    this.#file =
      shared.rowsFile === null ? null : new RowsFile(options.disk, shared.rowsFile, layout);
    this.indexedOnlyBytesMax = options.indexed
      ? null
      : indexedOnlyBytesMax(shared.config, options.indexingThresholdKb);
    this.rows = {
      rowBytes: layout.rowBytes,
      scan: (request) =>
        this.#file === null
          ? this.#open().scanAllowed(request)
          : scanFile(this.#file, this.#open(), request),
    };
    this.graph =
      layout.graph === null
        ? null
        : {
            efMax: layout.heapLength,
            search: (request) => this.#searchGraph(request),
          };
  }

  has(offset: number): boolean {
    return this.#open().has(offset);
  }

  read(offset: number): Float32Array | null {
    const kernel = this.#open();
    if (!kernel.has(offset)) return null;
    return this.#file === null ? kernel.readVector(offset) : this.#file.vector(offset);
  }

  hide(offset: number): void {
    this.#open().remove(offset);
  }

  close(): void {
    this.#file?.close();
  }

  #open(): VectorKernel {
    this.#kernel ??= VectorKernel.open(this.#memory, this.#slot);
    return this.#kernel;
  }

  #searchGraph(request: GraphRequest): Hits {
    const kernel = this.#open();
    const hits = kernel.searchGraph(request);
    if (hits.exact || this.#file === null) return hits;
    const best = new TopK(request.k);
    const sims = kernel.scoreBlock(request.query, this.#file.gather(hits.offsets));
    for (let at = 0; at < sims.length; at += 1) {
      best.offer(sims[at] as number, hits.offsets[at] as number);
    }
    return drained(best);
  }
}

async function scanFile(file: RowsFile, kernel: VectorKernel, request: ScanRequest): Promise<Hits> {
  const best = new TopK(Math.min(request.k, request.to - request.from));
  for (let from = request.from; from < request.to; from += file.blockRows) {
    const to = Math.min(request.to, from + file.blockRows);
    const admitted = admittedOffsets(kernel, request.allowed, from, to);
    if (admitted.length === 0) continue;
    const rows = await file.gatherBlock(admitted, from, to);
    const sims = kernel.scoreBlock(request.query, rows);
    for (let at = 0; at < sims.length; at += 1) {
      best.offer(sims[at] as number, admitted[at] as number);
    }
  }
  return drained(best);
}

function admittedOffsets(
  kernel: VectorKernel,
  allowed: Uint32Array | null,
  from: number,
  to: number,
): Uint32Array {
  const found = new Uint32Array(to - from);
  let count = 0;
  for (let offset = from; offset < to; offset += 1) {
    if (allowed !== null && (((allowed[offset >>> 5] ?? 0) >>> (offset & 31)) & 1) === 0) continue;
    if (kernel.isHidden(offset)) continue;
    found[count] = offset;
    count += 1;
  }
  return found.subarray(0, count);
}

function drained(best: TopK): Hits {
  const { scores, indexes } = best.drain();
  return { offsets: indexes, sims: scores };
}
