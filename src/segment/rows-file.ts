// The exact rows of one vector name in a column file: row i at i × rowBytes. One thread reads it.

import type { Disk } from '../io/ports.ts';
import type { VectorLayout } from '../kernels/layout.ts';
import { readRow } from '../kernels/rows.ts';
import { type ColumnFile, openColumn } from '../storage/column-file.ts';
import { vectorColumnKinds } from './column-names.ts';

const blockBytes = 1024 * 1024;
/** Fewer wanted rows than this share of a block are read one by one. */
const singleReadShare = 1 / 16;

export class RowsFile {
  /** Rows that `gatherBlock` takes at most. */
  readonly blockRows: number;
  readonly #file: ColumnFile;
  readonly #layout: VectorLayout;
  #window = new Uint8Array(0);
  #windowFrom = 0;

  constructor(disk: Disk, path: string, layout: VectorLayout) {
    this.#file = openColumn(disk, path, vectorColumnKinds.rows);
    this.#layout = layout;
    this.blockRows = Math.max(1, Math.floor(blockBytes / layout.rowBytes));
  }

  vector(offset: number): Float32Array {
    const { dimension, element } = this.#layout.spec;
    const row = this.gather(new Uint32Array([offset]));
    return readRow(row.buffer, row.byteOffset, element, dimension);
  }

  /** The listed rows one after the other. */
  gather(offsets: Uint32Array): Uint8Array {
    const { rowBytes } = this.#layout;
    const rows = new Uint8Array(offsets.length * rowBytes);
    for (let at = 0; at < offsets.length; at += 1) {
      const row = rows.subarray(at * rowBytes, (at + 1) * rowBytes);
      this.#file.readNow((offsets[at] as number) * rowBytes, row);
    }
    return rows;
  }

  /** As `gather`, for many ascending offsets from … to - 1, without holding up the thread. */
  async gatherBlock(offsets: Uint32Array, from: number, to: number): Promise<Uint8Array> {
    if (offsets.length < (to - from) * singleReadShare) return this.gather(offsets);
    const { rowBytes } = this.#layout;
    const block = new Uint8Array((to - from) * rowBytes);
    await this.#file.read(from * rowBytes, block);
    for (let at = 0; at < offsets.length; at += 1) {
      const source = ((offsets[at] as number) - from) * rowBytes;
      // Rows move towards the front only, over rows that have moved already or are not wanted.
      block.copyWithin(at * rowBytes, source, source + rowBytes);
    }
    return block.subarray(0, offsets.length * rowBytes);
  }

  /** Rows from … to - 1 as they lie in the file; valid until the next call. */
  rowsNow(from: number, to: number): Uint8Array {
    const { rowBytes, spec } = this.#layout;
    const known = (from - this.#windowFrom) * rowBytes;
    const bytes = (to - from) * rowBytes;
    if (known >= 0 && known + bytes <= this.#window.length) {
      return this.#window.subarray(known, known + bytes);
    }
    const end = Math.min(spec.pointCapacity, Math.max(to, from + this.blockRows));
    this.#window = new Uint8Array((end - from) * rowBytes);
    this.#windowFrom = from;
    this.#file.readNow(from * rowBytes, this.#window);
    return this.#window.subarray(0, bytes);
  }

  close(): void {
    this.#file.close();
  }
}
