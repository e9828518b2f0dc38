// A published index that holds no values: it answers emptiness and nullness of its field only.

import type { PayloadFieldType } from '../../model/payload-schema.ts';
import type { Cardinality, FieldIndex, IndexTest, OrderedValues } from './field-index.ts';
import { type IndexColumn, PresenceBitmaps } from './index-columns.ts';
import { exactly, noOrderedValues } from './index-estimates.ts';

export class PresenceIndex implements FieldIndex {
  readonly dataType: PayloadFieldType;
  readonly #presence: PresenceBitmaps;

  constructor(dataType: PayloadFieldType, columns: readonly IndexColumn[]) {
    this.dataType = dataType;
    this.#presence = new PresenceBitmaps(columns);
  }

  pointCount(): number {
    return 0;
  }

  matchesAt(test: IndexTest, offset: number): boolean {
    if (test.kind === 'any' || test.kind === 'except' || test.kind === 'between') return false;
    return this.#presence.testAt(test.kind, offset);
  }

  collect(test: IndexTest, into: Uint32Array): void {
    if (test.kind === 'any' || test.kind === 'except' || test.kind === 'between') return;
    this.#presence.collect(test.kind, into);
  }

  estimate(test: IndexTest): Cardinality {
    if (test.kind === 'any' || test.kind === 'except' || test.kind === 'between') return exactly(0);
    return exactly(this.#presence.count(test.kind));
  }

  ordered(): OrderedValues {
    return noOrderedValues;
  }

  forEachValue(): void {}

  countValues(): void {}
}
