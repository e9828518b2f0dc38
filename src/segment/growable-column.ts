// One number per offset, in shared memory that grows: the owner appends, a builder reads the same
// buffer after the segment is sealed. Growing replaces the buffer, so never keep `values` across a
// call that may grow it.

type NumberArray = Uint32Array<SharedArrayBuffer> | Float64Array<SharedArrayBuffer>;
type ArrayMaker<Values extends NumberArray> = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: SharedArrayBuffer): Values;
};

const lengthMin = 64;

export class GrowableColumn<Values extends NumberArray> {
  readonly #make: ArrayMaker<Values>;
  values: Values;

  constructor(make: ArrayMaker<Values>) {
    this.#make = make;
    this.values = new make(new SharedArrayBuffer(lengthMin * make.BYTES_PER_ELEMENT));
  }

  get buffer(): SharedArrayBuffer {
    return this.values.buffer;
  }

  set(offset: number, value: number): void {
    if (offset >= this.values.length) this.ensure(offset + 1);
    this.values[offset] = value;
  }

  /** Makes room for `count` values; new ones are 0. */
  ensure(count: number): void {
    if (count <= this.values.length) return;
    const length = Math.max(count, this.values.length * 2);
    const grown = new this.#make(new SharedArrayBuffer(length * this.#make.BYTES_PER_ELEMENT));
    grown.set(this.values as never);
    this.values = grown;
  }
}
