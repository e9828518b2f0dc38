// The index of one field of a published segment: built once from the values of every offset into
// flat columns, then opened in place by any thread. `storage` keeps each column as bytes.

import type { PayloadFieldSchema } from '../../model/payload-schema.ts';
import type { FieldIndex, IndexedValue } from './field-index.ts';

/** One flat array by name; its bytes start at a multiple of 8 of their buffer. */
export interface IndexColumn {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What is indexed at each offset; `MemoryFieldIndex` offers both functions. */
export interface FieldValuesSource {
  valuesAt(offset: number): readonly IndexedValue[];
  flagsAt(offset: number): number;
}

export function buildFieldIndex(
  _schema: PayloadFieldSchema,
  _offsetCount: number,
  _source: FieldValuesSource,
): readonly IndexColumn[] {
  return [];
}

export function openFieldIndex(
  _schema: PayloadFieldSchema,
  _columns: readonly IndexColumn[],
): FieldIndex {
  throw new Error('not built yet');
}
