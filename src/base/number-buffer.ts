// Growing arrays of f32 and u32, for numbers whose count is known only when the last one is read.

export class Float32Buffer {
  /** The first `length` numbers count; replaced when it grows. */
  data: Float32Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 256) {
    this.data = new Float32Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.data.length) {
      const grown = new Float32Array(Math.max(this.length * 2, 16));
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length] = value;
    this.length += 1;
  }

  /** A copy of the numbers from `start` on. */
  slice(start = 0): Float32Array<ArrayBuffer> {
    return this.data.slice(start, this.length);
  }

  clear(): void {
    this.length = 0;
  }
}

export class Uint32Buffer {
  /** The first `length` numbers count; replaced when it grows. */
  data: Uint32Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 256) {
    this.data = new Uint32Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.data.length) {
      const grown = new Uint32Array(Math.max(this.length * 2, 16));
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length] = value;
    this.length += 1;
  }

  /** A copy of the numbers from `start` on. */
  slice(start = 0): Uint32Array<ArrayBuffer> {
    return this.data.slice(start, this.length);
  }

  clear(): void {
    this.length = 0;
  }
}
