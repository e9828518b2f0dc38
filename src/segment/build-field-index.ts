// The immutable index of one payload field over all points of a published segment, built from their
// texts. Used while a segment is made, and later when a field gets an index.

import { MemoryFieldIndex } from '../index/payload/memory-field-index.ts';
import { buildFieldIndex } from '../index/payload/published-field-index.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';
import type { Pause } from './segment-reader.ts';
import type { SharedFieldIndex } from './shared-segment.ts';

/** Texts read between two pauses: about 2 ms. */
const slicePoints = 1024;

export interface TextSource {
  readonly offsetCount: number;
  payloadAt(offset: number): Uint8Array;
}

export async function buildIndexColumns(
  source: TextSource,
  field: string,
  schema: PayloadFieldSchema,
  pause: Pause,
): Promise<SharedFieldIndex> {
  const values = new MemoryFieldIndex(field, schema);
  for (let offset = 0; offset < source.offsetCount; offset += 1) {
    if (offset % slicePoints === slicePoints - 1) await pause();
    values.set(offset, source.payloadAt(offset));
  }
  return { field, schema, columns: buildFieldIndex(schema, source.offsetCount, values) };
}
