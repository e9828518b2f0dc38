// Payload texts of a published segment: one run of bytes in offset order and where each text
// begins. The bytes are in shared memory, or stay in a column file from which each text is read
// when asked for. A reader belongs to one thread; a walk in offset order reads the file in larger
// pieces.

import type { Disk } from '../io/ports.ts';
import { type ColumnFile, openColumn } from '../storage/column-file.ts';
import { fixedColumns } from './column-names.ts';

const windowBytes = 128 * 1024;
/** A step this small to the next text counts as a walk. */
const walkStepMax = 16;

/** Structured-cloneable; shared by all threads. */
export interface PayloadColumns {
  /** Whether `starts` are f64 instead of u32: from 4 GiB of text on. */
  readonly wide: boolean;
  /** count + 1 positions: text i is `[starts[i], starts[i + 1])`. */
  readonly starts: SharedArrayBuffer;
  readonly byteCount: number;
  /** `null` when the texts stay on disk. */
  readonly bytes: SharedArrayBuffer | null;
  /** Path of the column file; `null` when `bytes` is set. */
  readonly file: string | null;
}

export function payloadStarts(columns: {
  readonly wide: boolean;
  readonly starts: SharedArrayBuffer;
}): Uint32Array<SharedArrayBuffer> | Float64Array<SharedArrayBuffer> {
  return columns.wide ? new Float64Array(columns.starts) : new Uint32Array(columns.starts);
}

export class PayloadReader {
  readonly #starts: Uint32Array | Float64Array;
  readonly #bytes: Uint8Array | null;
  readonly #file: ColumnFile | null;
  readonly #byteCount: number;
  #window = new Uint8Array(0);
  #windowStart = 0;
  #lastOffset = Number.NEGATIVE_INFINITY;

  /** Opens the file at once, so that it stays readable when its directory is removed later. */
  constructor(columns: PayloadColumns, disk: Disk) {
    this.#starts = payloadStarts(columns);
    this.#byteCount = columns.byteCount;
    this.#bytes = columns.bytes === null ? null : new Uint8Array(columns.bytes);
    this.#file =
      columns.file === null ? null : openColumn(disk, columns.file, fixedColumns.payload.kind);
  }

  at(offset: number): Uint8Array {
    const start = this.#starts[offset] as number;
    const end = this.#starts[offset + 1] as number;
    if (this.#bytes !== null) return this.#bytes.subarray(start, end);
    return this.#fromFile(offset, start, end);
  }

  lengthAt(offset: number): number {
    return (this.#starts[offset + 1] as number) - (this.#starts[offset] as number);
  }

  close(): void {
    this.#file?.close();
  }

  #fromFile(offset: number, start: number, end: number): Uint8Array {
    const step = offset - this.#lastOffset;
    this.#lastOffset = offset;
    const from = start - this.#windowStart;
    if (from >= 0 && end <= this.#windowStart + this.#window.length) {
      return this.#window.subarray(from, end - this.#windowStart);
    }
    const isWalk = step >= 1 && step <= walkStepMax;
    const wanted = isWalk ? Math.max(end - start, windowBytes) : end - start;
    // A fresh buffer each time: views of the last one may still be in use.
    const bytes = new Uint8Array(Math.min(wanted, this.#byteCount - start));
    this.#file?.readCheckedNow(start, bytes);
    if (isWalk) {
      this.#window = bytes;
      this.#windowStart = start;
    }
    return bytes.subarray(0, end - start);
  }
}
