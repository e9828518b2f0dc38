// One shared memory for the vectors, codes and graph of one (segment, vector name), as a plain
// object that can be posted to any thread. Making it touches nothing: pages are backed when
// written.

import { assert } from '../base/assert.ts';
import { countBits } from '../base/bitset.ts';
import { headerWord, layVectors, type VectorLayout, type VectorSpec } from './layout.ts';

/** Structured-cloneable. Open it with `VectorKernel.open(vectorMemory, slot)`. */
export interface VectorMemory {
  readonly memory: WebAssembly.Memory;
  readonly layout: VectorLayout;
}

/** The bytes of the persistent parts, as views on the shared memory; empty when there is none. */
export interface VectorSections {
  /** Rows of `layout.rowBytes`. */
  readonly vectors: Uint8Array;
  /** Quantizer parameters and code rows. */
  readonly codes: Uint8Array;
  readonly graph: Uint8Array;
  /** A bit per point that lacks this vector. */
  readonly absent: Uint8Array;
}

const pageBytes = 65_536;

export type CreatedMemory =
  | { readonly kind: 'created'; readonly vectorMemory: VectorMemory }
  /** More than 4 GiB: split the points into several segments. */
  | { readonly kind: 'too_large' }
  /** The system refused the address space. */
  | { readonly kind: 'out_of_memory'; readonly bytes: number };

export function createVectorMemory(spec: VectorSpec): CreatedMemory {
  const layout = layVectors(spec);
  if (layout === null) return { kind: 'too_large' };
  const pages = Math.ceil(layout.bytes / pageBytes);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return { kind: 'created', vectorMemory: { memory, layout } };
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'out_of_memory', bytes: layout.bytes };
    throw error;
  }
}

function view({ memory }: VectorMemory, from: number, to: number): Uint8Array {
  return new Uint8Array(memory.buffer, from, to - from);
}

/** The sections at full capacity, to read files into. A file may be shorter than its section. */
export function sections(vectorMemory: VectorMemory): VectorSections {
  const { layout } = vectorMemory;
  const { spec, graph } = layout;
  const rowsEnd = layout.rows === 0 ? 0 : layout.rows + spec.pointCapacity * layout.rowBytes;
  return {
    vectors: view(vectorMemory, layout.rows, rowsEnd),
    codes: view(vectorMemory, layout.codeParameters, layout.codeEnd),
    graph:
      graph === null
        ? view(vectorMemory, 0, 0)
        : view(vectorMemory, graph.head, graph.pool + graph.poolWords * 4),
    absent: view(vectorMemory, layout.absent, layout.absent + layout.bitmapBytes),
  };
}

/** The sections as far as they are used, to write into files: the graph's unused end is cut off. */
export function usedSections(vectorMemory: VectorMemory): VectorSections {
  const all = sections(vectorMemory);
  const { graph } = vectorMemory.layout;
  if (graph === null) return all;
  const head = new Uint32Array(vectorMemory.memory.buffer, graph.head, 16);
  const used = graph.pool - graph.head + (head[graphHeadWord.poolUsed] ?? 0) * 4;
  assert(used <= all.graph.length, `graph uses ${used} of ${all.graph.length} bytes`);
  return { ...all, graph: all.graph.subarray(0, used) };
}

/** Words of the graph's head, agreed with assembly/state.ts. */
export const graphHeadWord = {
  /** Offset plus 1 of the entry point; 0 for an empty graph. */
  entry: 0,
  levelMax: 1,
  poolUsed: 2,
  linkedCount: 3,
} as const;

/** After `absent` was read from a file: absent points become hidden from searches. */
export function applyAbsent({ memory, layout }: VectorMemory): void {
  const words = layout.bitmapBytes / 4;
  const absent = new Uint32Array(memory.buffer, layout.absent, words);
  const hidden = new Uint32Array(memory.buffer, layout.hidden, words);
  const header = new Uint32Array(memory.buffer, layout.header, 16);
  for (let i = 0; i < words; i += 1) Atomics.or(hidden, i, absent[i] ?? 0);
  Atomics.store(header, headerWord.hiddenCount, countBits(hidden));
  Atomics.store(header, headerWord.absentCount, countBits(absent));
}
