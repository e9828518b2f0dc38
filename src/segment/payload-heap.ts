// Payload texts of a segment in memory, in shared chunks that a builder reads without copying.
// A text is written once and never changed in place: a replaced one becomes garbage, and when
// garbage outweighs what lives, the texts move to fresh chunks. Views handed out earlier stay
// valid.

import { assert } from '../base/assert.ts';
import { GrowableColumn } from './growable-column.ts';

const chunkBytesMin = 64 * 1024;
const chunkBytesMax = 4 * 1024 * 1024;
/** Below this much garbage, moving texts is not worth it. */
const garbageBytesMin = 1024 * 1024;
/** Up to here a loop is faster than making a view. */
const shortBytesMax = 128;
const emptyObject = new TextEncoder().encode('{}');

/** Structured-cloneable; three columns say where the text of an offset lies. */
export interface SealedPayloads {
  readonly chunks: readonly SharedArrayBuffer[];
  /** u32 per offset. A length of 0 stands for `{}`. */
  readonly chunkOf: SharedArrayBuffer;
  readonly startOf: SharedArrayBuffer;
  readonly lengthOf: SharedArrayBuffer;
}

export class PayloadHeap {
  #chunks: SharedArrayBuffer[] = [];
  #current = new Uint8Array(new SharedArrayBuffer(0));
  #used = 0;
  #liveBytes = 0;
  #garbageBytes = 0;
  readonly #cleared = new Set<number>();
  readonly #chunkOf = new GrowableColumn<Uint32Array<SharedArrayBuffer>>(Uint32Array);
  readonly #startOf = new GrowableColumn<Uint32Array<SharedArrayBuffer>>(Uint32Array);
  readonly #lengthOf = new GrowableColumn<Uint32Array<SharedArrayBuffer>>(Uint32Array);
  #count = 0;

  /** Bytes of the texts that live. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes of memory in use. */
  get memoryBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0) + this.#count * 12;
  }

  at(offset: number): Uint8Array {
    const length = this.#lengthOf.values[offset] as number;
    if (length === 0) return emptyObject;
    const chunk = this.#chunks[this.#chunkOf.values[offset] as number] as SharedArrayBuffer;
    return new Uint8Array(chunk, this.#startOf.values[offset], length);
  }

  /** Stores a text for a new offset (the next one) or in place of an earlier one. */
  set(offset: number, text: Uint8Array): void {
    this.setSpan(offset, text, 0, text.length);
  }

  /** As `set`, with the text in `source[start, end)`. */
  setSpan(offset: number, source: Uint8Array, start: number, end: number): void {
    assert(offset <= this.#count, () => `payload at ${offset}, ${this.#count} known`);
    if (offset === this.#count) this.#count += 1;
    else this.#drop(offset);
    this.#store(offset, source, start, end);
    if (this.#garbageBytes > Math.max(garbageBytesMin, this.#liveBytes)) this.#compact();
  }

  /** The point is removed: its text goes with the next move, and is readable until then. */
  clear(offset: number): void {
    this.#drop(offset);
    this.#cleared.add(offset);
  }

  seal(): SealedPayloads {
    return {
      chunks: this.#chunks,
      chunkOf: this.#chunkOf.buffer,
      startOf: this.#startOf.buffer,
      lengthOf: this.#lengthOf.buffer,
    };
  }

  #drop(offset: number): void {
    const length = this.#lengthOf.values[offset] as number;
    this.#liveBytes -= length;
    this.#garbageBytes += length;
  }

  #store(offset: number, source: Uint8Array, start: number, end: number): void {
    // No other object is as short as the empty one.
    const length = end - start === emptyObject.length ? 0 : end - start;
    if (this.#used + length > this.#current.length) this.#addChunk(length);
    if (length > shortBytesMax) this.#current.set(source.subarray(start, end), this.#used);
    else {
      const [target, to] = [this.#current, this.#used];
      for (let i = 0; i < length; i += 1) target[to + i] = source[start + i] as number;
    }
    this.#chunkOf.set(offset, Math.max(0, this.#chunks.length - 1));
    this.#startOf.set(offset, this.#used);
    this.#lengthOf.set(offset, length);
    this.#used += length;
    this.#liveBytes += length;
  }

  #addChunk(bytesMin: number): void {
    const doubled = Math.min(chunkBytesMax, Math.max(chunkBytesMin, this.#current.length * 2));
    const chunk = new SharedArrayBuffer(Math.max(doubled, bytesMin));
    this.#chunks.push(chunk);
    this.#current = new Uint8Array(chunk);
    this.#used = 0;
  }

  #compact(): void {
    const texts = new SealedPayloadReader(this.seal());
    this.#chunks = [];
    this.#current = new Uint8Array(new SharedArrayBuffer(0));
    this.#used = 0;
    this.#liveBytes = 0;
    this.#garbageBytes = 0;
    for (let offset = 0; offset < this.#count; offset += 1) {
      const text = this.#cleared.has(offset) ? emptyObject : texts.at(offset);
      this.#store(offset, text, 0, text.length);
    }
    this.#cleared.clear();
  }
}

/** Reads sealed payloads, in the builder's thread or the owner's. */
export class SealedPayloadReader {
  readonly #chunks: readonly Uint8Array[];
  readonly #chunkOf: Uint32Array;
  readonly #startOf: Uint32Array;
  readonly #lengthOf: Uint32Array;

  constructor(sealed: SealedPayloads) {
    this.#chunks = sealed.chunks.map((chunk) => new Uint8Array(chunk));
    this.#chunkOf = new Uint32Array(sealed.chunkOf);
    this.#startOf = new Uint32Array(sealed.startOf);
    this.#lengthOf = new Uint32Array(sealed.lengthOf);
  }

  at(offset: number): Uint8Array {
    const length = this.#lengthOf[offset] as number;
    if (length === 0) return emptyObject;
    const chunk = this.#chunks[this.#chunkOf[offset] as number] as Uint8Array;
    const start = this.#startOf[offset] as number;
    return chunk.subarray(start, start + length);
  }
}
