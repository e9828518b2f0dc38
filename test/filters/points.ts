// For tests: points in plain arrays, with the indexes of a schema in memory, as published columns,
// or not built at all (the schema then says what an index would answer, and payloads must give it).

import type { PointSource } from '../../src/index/filter/point-source.ts';
import type { FieldIndex } from '../../src/index/payload/field-index.ts';
import { MemoryFieldIndex } from '../../src/index/payload/memory-field-index.ts';
import { buildFieldIndex, openFieldIndex } from '../../src/index/payload/published-field-index.ts';
import type { PayloadFieldSchema, PayloadSchema } from '../../src/model/payload-schema.ts';
import type { PointId } from '../../src/model/point-id.ts';

export type IndexPlacement = 'none' | 'memory' | 'published';

export interface FixturePoint {
  readonly id: PointId;
  /** JSON text of an object. */
  readonly payload: string;
  readonly vectorNames?: readonly string[];
}

const encoder = new TextEncoder();

export class FixturePoints implements PointSource {
  readonly #points: readonly FixturePoint[];
  readonly #payloads: readonly Uint8Array[];
  readonly #indexes = new Map<string, FieldIndex>();
  payloadReadCount = 0;

  constructor(points: readonly FixturePoint[], schema: PayloadSchema, placement: IndexPlacement) {
    this.#points = points;
    this.#payloads = points.map((point) => encoder.encode(point.payload));
    if (placement === 'none') return;
    for (const [key, field] of schema) {
      const memory = new MemoryFieldIndex(key, field);
      for (const [offset, payload] of this.#payloads.entries()) memory.set(offset, payload);
      this.#indexes.set(
        key,
        placement === 'memory' ? memory : publish(field, memory, points.length),
      );
    }
  }

  offsetCount(): number {
    return this.#points.length;
  }

  findOffset(id: PointId): number {
    return this.#points.findIndex((point) => point.id === id);
  }

  idAt(offset: number): PointId {
    return this.#at(offset).id;
  }

  payloadAt(offset: number): Uint8Array {
    this.payloadReadCount += 1;
    return this.#payloads[offset] ?? new Uint8Array();
  }

  hasVectorAt(name: string, offset: number): boolean {
    return this.#at(offset).vectorNames?.includes(name) ?? name === '';
  }

  fieldIndex(key: string): FieldIndex | null {
    return this.#indexes.get(key) ?? null;
  }

  #at(offset: number): FixturePoint {
    const point = this.#points[offset];
    if (point === undefined) throw new RangeError(`no point at ${offset}`);
    return point;
  }
}

export function publish(
  field: PayloadFieldSchema,
  memory: MemoryFieldIndex,
  offsetCount: number,
): FieldIndex {
  return openFieldIndex(field, buildFieldIndex(field, offsetCount, memory));
}

export function schemaOf(
  fields: Readonly<Record<string, PayloadFieldSchema['dataType'] | PayloadFieldSchema>>,
): PayloadSchema {
  return new Map(
    Object.entries(fields).map(([key, field]) => [
      key,
      typeof field === 'string' ? { dataType: field, params: null } : field,
    ]),
  );
}
