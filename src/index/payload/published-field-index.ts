// The index of one field of a published segment: built once from the values of every offset into
// flat columns, then opened in place by any thread. `storage` keeps each column as bytes.

import { indexCapabilities, type PayloadFieldSchema } from '../../model/payload-schema.ts';
import { buildDictionaryIndex, DictionaryIndex } from './dictionary-index.ts';
import type { FieldIndex } from './field-index.ts';
import { buildPresence, type FieldValuesSource, type IndexColumn } from './index-columns.ts';
import { PresenceIndex } from './presence-index.ts';
import { buildSortedIndex, SortedIndex } from './sorted-index.ts';

/** The columns lie in shared memory. `MemoryFieldIndex` is a source. */
export function buildFieldIndex(
  schema: PayloadFieldSchema,
  offsetCount: number,
  source: FieldValuesSource,
): readonly IndexColumn[] {
  switch (schema.dataType) {
    case 'keyword':
    case 'uuid':
    case 'bool':
      return buildDictionaryIndex(schema.dataType, offsetCount, source);
    case 'integer':
    case 'float':
    case 'datetime':
      return buildSortedIndex(schema.dataType, offsetCount, source);
    case 'geo':
    case 'text':
      return buildPresence(offsetCount, source, 0);
  }
}

/** Without a copy if every column starts at a multiple of 8 bytes. */
export function openFieldIndex(
  schema: PayloadFieldSchema,
  columns: readonly IndexColumn[],
): FieldIndex {
  switch (schema.dataType) {
    case 'keyword':
    case 'uuid':
    case 'bool':
      return new DictionaryIndex(schema.dataType, columns);
    case 'integer':
    case 'float':
    case 'datetime':
      return new SortedIndex(schema.dataType, indexCapabilities(schema).range, columns);
    case 'geo':
    case 'text':
      return new PresenceIndex(schema.dataType, columns);
  }
}
