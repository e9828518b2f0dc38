// When the points of one frozen segment were deleted: offsets with the numbers of the operations.
//
// Why numbers: the manifest holds the exact state after one operation, `appliedLsn`, and a restart
// replays the log from there. A later deletion must not be in that state, because the operation
// that replaced the point will want to find the old copy when it is replayed. So tombstones are
// written "as of" an operation, and a segment is rebuilt with the points that lived as of it.

import { assert } from '../base/assert.ts';
import { clearBit } from '../base/bitset.ts';

export class DeletionLog {
  #offsets: number[] = [];
  #lsns: number[] = [];

  get count(): number {
    return this.#offsets.length;
  }

  /** Operations come in order; replaying one may delete at the same number again. */
  add(offset: number, lsn: number): void {
    const last = this.#lsns.at(-1) ?? 0;
    assert(lsn >= last, () => `deletion of operation ${lsn} after one of ${last}`);
    this.#offsets.push(offset);
    this.#lsns.push(lsn);
  }

  /** Everything is in the manifest up to this operation: forget it. */
  forgetUpTo(lsn: number): void {
    const from = this.#firstAfter(lsn);
    this.#offsets = this.#offsets.slice(from);
    this.#lsns = this.#lsns.slice(from);
  }

  /** Whether something was deleted up to this operation and not forgotten yet. */
  hasUpTo(lsn: number): boolean {
    return (this.#lsns[0] ?? Infinity) <= lsn;
  }

  /** Turns the tombstones of now into those as of an operation that is not forgotten. */
  rewind(tombstones: Uint32Array, lsn: number): void {
    for (let at = this.#firstAfter(lsn); at < this.#offsets.length; at += 1) {
      clearBit(tombstones, this.#offsets[at] ?? 0);
    }
  }

  /** In the order of the operations. */
  forEach(visit: (offset: number, lsn: number) => void): void {
    for (let at = 0; at < this.#offsets.length; at += 1) {
      visit(this.#offsets[at] ?? 0, this.#lsns[at] ?? 0);
    }
  }

  #firstAfter(lsn: number): number {
    let low = 0;
    let high = this.#lsns.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lsns[middle] ?? 0) <= lsn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
