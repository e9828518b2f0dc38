// Bitmaps of filters that were evaluated on one published segment. Bounded in bytes; the one used
// longest ago goes first. A bitmap in here never changes: copy it before writing to it.

import type { CompiledFilter } from './compiled-filter.ts';

/** Bytes that an entry costs beside its words and its key. */
const entryOverheadBytes = 128;

export class FilterCache {
  readonly #bytesMax: number;
  /** In order of use, the most recent last. */
  readonly #entries = new Map<string, Uint32Array>();
  #bytes = 0;

  constructor(options: { readonly bytesMax: number }) {
    this.#bytesMax = options.bytesMax;
  }

  get(filter: CompiledFilter): Uint32Array | null {
    const bitmap = this.#entries.get(filter.key);
    if (bitmap === undefined) return null;
    this.#entries.delete(filter.key);
    this.#entries.set(filter.key, bitmap);
    return bitmap;
  }

  set(filter: CompiledFilter, bitmap: Uint32Array): void {
    this.#remove(filter.key);
    const bytes = entryBytes(filter.key, bitmap);
    if (bytes > this.#bytesMax) return;
    this.#entries.set(filter.key, bitmap);
    this.#bytes += bytes;
    for (const key of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#remove(key);
    }
  }

  bytes(): number {
    return this.#bytes;
  }

  #remove(key: string): void {
    const bitmap = this.#entries.get(key);
    if (bitmap === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entryBytes(key, bitmap);
  }
}

function entryBytes(key: string, bitmap: Uint32Array): number {
  return bitmap.byteLength + key.length * 2 + entryOverheadBytes;
}
