// The points of one segment as filters see them. A segment implements this; offsets are its own.

import type { PointId } from '../../model/point-id.ts';
import type { FieldIndex } from '../payload/field-index.ts';

/** Awaited by long scans between slices, so that a thread goes on serving others. May throw. */
export type Pause = () => Promise<void>;

export interface PointSource {
  /** One past the highest offset, deleted ones included. */
  offsetCount(): number;
  /** −1 when the id is not here or deleted. */
  findOffset(id: PointId): number;
  idAt(offset: number): PointId;
  /** Canonical JSON text of an object. */
  payloadAt(offset: number): Uint8Array;
  hasVectorAt(name: string, offset: number): boolean;
  /** `null` when the field has no index here yet: the payload is then read as the index would. */
  fieldIndex(key: string): FieldIndex | null;
}
