// Vectors of many points, pulled straight from the text into one `Float32Array` per vector name. A
// column remembers the length of every row, because only the service knows which length is right.
// Kinds of vectors that are not built are checked for their shape and remembered by name, so that
// the answer is the same as for a collection whose vectors are of another kind.

import type { JsonScanner } from '../../../base/json-scanner.ts';
import { Float32Buffer } from '../../../base/number-buffer.ts';
import { RequestError } from '../../../model/request-error.ts';
import type { GivenColumn, GivenVectors } from '../../../server/services/given-points.ts';
import { notBuilt, readStruct, type Violations } from './struct.ts';

/** No collection has more: a new one with more is refused. */
export const vectorNamesMax = 1024;

/** One value of one point that is not a dense vector. */
export type OtherVectorKind = 'sparse' | 'multi';

class ColumnBuilder {
  readonly name: string;
  readonly floats: Float32Buffer;
  /** Point → row; a point beyond the end has none. */
  readonly rows: number[] = [];
  readonly rowEnds: number[] = [];
  otherKind: OtherVectorKind | null = null;

  constructor(name: string, capacity: number) {
    this.name = name;
    this.floats = new Float32Buffer(capacity);
  }
}

export class VectorColumns {
  readonly #byName = new Map<string, ColumnBuilder>();
  readonly #violations: Violations;
  readonly #bodyBytes: number;
  readonly #multi = new Float32Buffer(64);

  /** `bodyBytes` bounds the numbers to come; faults of shape go to `violations`. */
  constructor(bodyBytes: number, violations: Violations) {
    this.#bodyBytes = bodyBytes;
    this.#violations = violations;
  }

  #column(name: string): ColumnBuilder {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (this.#byName.size >= vectorNamesMax) {
      const text = `more than ${vectorNamesMax} vector names in one request`;
      throw new RequestError('bad_request', text);
    }
    // A component takes about a dozen bytes of text; a guess too low only costs copies. Only the
    // first name may claim much, because every name of a hostile body claims again.
    const capacity = this.#byName.size === 0 ? Math.ceil(this.#bodyBytes / 12) : 64;
    const column = new ColumnBuilder(name, capacity);
    this.#byName.set(name, column);
    return column;
  }

  /**
   * The value of `vector` of one point: a list, a list of lists, or a map of names. Returns how
   * many vectors it holds. `path` is where the value stands.
   */
  readPoint(scanner: JsonScanner, point: number, path: string): number {
    if (scanner.peekKind() === 'object') return this.#readMap(scanner, point, path);
    this.readOne(scanner, { name: '', point, path });
    return 1;
  }

  #readMap(scanner: JsonScanner, point: number, path: string): number {
    let count = 0;
    scanner.beginObject();
    for (let name = scanner.nextKey(); name !== null; name = scanner.nextKey()) {
      // `{text, model}` is a document to embed, not a map of names.
      if (scanner.peekKind() === 'string') notBuilt('inference');
      this.readOne(scanner, { name, point, path: `${path}.?` });
      count += 1;
    }
    return count;
  }

  /** One vector of one point. */
  readOne(
    scanner: JsonScanner,
    { name, point, path }: { readonly name: string; readonly point: number; readonly path: string },
  ): void {
    const column = this.#column(name);
    if (column.rows[point] !== undefined && column.rows[point] !== -1) {
      // The same name twice in one map: as in any map, the later value counts.
      column.rows[point] = -1;
    }
    while (column.rows.length <= point) column.rows.push(-1);
    if (scanner.peekKind() === 'object') {
      this.#readSparse(scanner, path);
      column.otherKind = 'sparse';
      return;
    }
    if (scanner.peekElementKind() === 'array') {
      this.#readMulti(scanner, path);
      column.otherKind = 'multi';
      return;
    }
    const count = scanner.readFloat32Array(column.floats);
    if (count === 0) this.#violations.add(`${path}.vector`, 'dense vector must not be empty');
    column.rows[point] = column.rowEnds.length;
    column.rowEnds.push(column.floats.length);
  }

  #readMulti(scanner: JsonScanner, path: string): void {
    const at = `${path}.data`;
    let dimension = -1;
    let empty = false;
    let ragged = -1;
    scanner.beginArray();
    while (scanner.nextElement()) {
      this.#multi.clear();
      const count = scanner.readFloat32Array(this.#multi);
      if (count === 0) empty = true;
      if (dimension >= 0 && count !== dimension && ragged < 0) ragged = count;
      if (dimension < 0) dimension = count;
    }
    const sameRule = 'all vectors must have the same dimension, found vector with dimension';
    if (empty) this.#violations.add(at, 'all vectors must be non-empty');
    else if (ragged >= 0) this.#violations.add(at, `${sameRule} ${ragged}`);
  }

  #readSparse(scanner: JsonScanner, path: string): void {
    const indices: number[] = [];
    const values: number[] = [];
    readStruct(
      scanner,
      'struct SparseVector',
      {
        indices: () => {
          scanner.beginArray();
          while (scanner.nextElement()) indices.push(scanner.readInteger(0, 2 ** 32 - 1, 'u32'));
        },
        values: () => {
          scanner.beginArray();
          while (scanner.nextElement()) values.push(scanner.readFloat64('f32'));
        },
        text: () => notBuilt('inference'),
        image: () => notBuilt('inference'),
        object: () => notBuilt('inference'),
      },
      ['indices', 'values'],
    );
    if (indices.length !== values.length) {
      const reason = 'Validation error: must be the same length as indices [{}]';
      this.#violations.add(`${path}.values`, reason);
    } else if (new Set(indices).size !== indices.length) {
      this.#violations.add(`${path}.indices`, 'Validation error: must be unique [{}]');
    }
  }

  /** The columns of all points read; points without a value of a name have row −1. */
  finish(pointCount: number): GivenVectors {
    return [...this.#byName.values()].map((column): GivenColumn => {
      const rows = new Int32Array(pointCount).fill(-1);
      rows.set(column.rows);
      return {
        name: column.name,
        rows,
        rowEnds: Uint32Array.from(column.rowEnds),
        data: column.floats.data.subarray(0, column.floats.length),
        otherKind: column.otherKind,
      };
    });
  }
}
