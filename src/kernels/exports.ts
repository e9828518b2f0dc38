// The compiled module: its exported functions by type, and how an instance is made. Compiling
// happens once per thread; the engine shares the machine code of equal bytes between threads.

import { plainBase64, relaxedBase64 } from './wasm-bytes.generated.ts';

/** All arguments are addresses and counts (u32) unless named otherwise. */
export interface KernelExports {
  setCodes(
    parameters: number,
    rows: number,
    bytes: number,
    queryCode: number,
    widened: number,
  ): void;
  setGraph(
    head: number,
    linked: number,
    upperIndex: number,
    level0: number,
    pool: number,
    poolWords: number,
  ): void;
  setBuild(locks: number, lockCount: number, m: number, m0: number, efConstruct: number): void;
  setScratch(
    visited: number,
    visitedBytes: number,
    trail: number,
    trailLength: number,
    results: number,
    frontier: number,
    frontierLength: number,
    batch: number,
    batchScores: number,
    build: number,
  ): void;
  encodeRows(from: number, to: number): void;
  encodeWidened(code: number): void;
  /** Returns the value of one step of the query's code. */
  encodeDotQuery(): number;
  /** Returns the mean square of what lies outside the codes, in steps. */
  encodeRowQuery(): number;
  normalizeWidened(): void;
  clearPadding(): void;
  centreWidened(): void;
  rotateWidened(): void;
  scoreBatch(mode: number, query: number, ids: number, count: number, scores: number): void;
  nearestCode(id: number, ids: number, count: number, scores: number): number;
  insertPoint(id: number): void;
  searchAll(mode: number, ef: number): number;
  /** -1: gave up after scoring `budget` points. */
  searchFiltered(mode: number, ef: number, bitmap: number, flip: number, budget: number): number;
  scanCodes(mode: number, ef: number, bitmap: number, wordCount: number): number;
  withoutHidden(bitmap: number, hidden: number, byteCount: number): number;
  rescore(count: number, heap: number, k: number, step: number): number;
  takeScores(count: number, ids: number, scores: number): void;
  setRows(
    rows: number,
    stride: number,
    dimension: number,
    element: number,
    metric: number,
    query: number,
  ): void;
  exactRow(row: number): number;
  exactGather(ids: number, count: number, sims: number): void;
  exactBlock(block: number, count: number, sims: number): void;
  scanRows(
    firstRow: number,
    count: number,
    firstId: number,
    bitmap: number,
    firstBit: number,
    flip: number,
    heap: number,
    size: number,
    k: number,
  ): number;
  takeSims(heap: number, size: number, ids: number, sims: number): void;
}

/** Numbers agreed with assembly/state.ts. */
export const elementCode = { f32: 0, f16: 1, u8: 2 } as const;
export const metricCode = { dot: 0, cosine: 0, euclid: 1, manhattan: 2 } as const;
export const metricCodeCosineU8 = 3;
export const walkMode = { dot: 0, cosine: 0, euclid: 1, manhattan: 2 } as const;
export const walkModeExact = 4;

interface Compiled {
  readonly module: WebAssembly.Module;
  readonly relaxedSimd: boolean;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

let compiled: Compiled | null = null;

function compile(): Compiled {
  if (compiled !== null) return compiled;
  const relaxed = bytesOf(relaxedBase64);
  const relaxedSimd = WebAssembly.validate(relaxed);
  const module = new WebAssembly.Module(relaxedSimd ? relaxed : bytesOf(plainBase64));
  compiled = { module, relaxedSimd };
  return compiled;
}

/** For the log: whether this engine runs the faster module, and if not, why. */
export function kernelSupport(): { readonly relaxedSimd: boolean; readonly reason: string } {
  const { relaxedSimd } = compile();
  return {
    relaxedSimd,
    reason: relaxedSimd
      ? 'relaxed SIMD is available'
      : 'this engine refuses relaxed SIMD; plain SIMD is used, graph searches are slower',
  };
}

/** For tests: makes all later instances of this thread use one of the two modules. */
export function forceKernel(kind: 'relaxed' | 'plain'): void {
  const relaxedSimd = kind === 'relaxed';
  const bytes = bytesOf(relaxedSimd ? relaxedBase64 : plainBase64);
  compiled = { module: new WebAssembly.Module(bytes), relaxedSimd };
}

/** One instance on one memory, for one thread. About 15 µs. */
export function instantiate(memory: WebAssembly.Memory): KernelExports {
  const instance = new WebAssembly.Instance(compile().module, { env: { memory } });
  return instance.exports as unknown as KernelExports;
}
