// Carries out one update on the segments, as spec/rest §2.10 says. What it does depends only on the
// update, its number and the points that are there, so replaying the log gives the same state.
//
// An update is not atomic: what was changed before a fault stays. A user's mistake throws
// `RequestError`; the update counts as carried out then, and a replay meets the same mistake.
// Long updates rest between points; nothing else changes points meanwhile.

import { unreachable } from '../base/assert.ts';
import { compileFilter } from '../index/filter/compile.ts';
import type { CompiledFilter } from '../index/filter/compiled-filter.ts';
import { matchesFilter } from '../index/filter/evaluate.ts';
import { filterFromText } from '../model/filter-json.ts';
import { deletePayloadKeys, mergePayload } from '../model/payload-ops.ts';
import { emptyPayload } from '../model/payload-text.ts';
import type { PointId } from '../model/point-id.ts';
import { RequestError } from '../model/request-error.ts';
import type { PointSelector, UpdateOperation, VectorColumn } from '../model/update.ts';
import type { Pace } from './pace.ts';
import { type Location, payloadAt, type SegmentSet } from './segment-set.ts';

type Update<Kind extends UpdateOperation['kind']> = Extract<UpdateOperation, { kind: Kind }>;
type Change = (id: PointId, location: Location) => void;

export class UpdateApplier {
  readonly #set: SegmentSet;
  readonly #holdReaders: () => () => void;
  readonly #pace: Pace;

  /** `holdReaders` keeps the readers of now open until the function it returns is called. */
  constructor(set: SegmentSet, holdReaders: () => () => void, pace: Pace) {
    this.#set = set;
    this.#holdReaders = holdReaders;
    this.#pace = pace;
  }

  /** Updates of payload indexes are carried out by `payload-indexes.ts`, not here. */
  async apply(operation: UpdateOperation, lsn: number): Promise<void> {
    this.#pace.start();
    const set = this.#set;
    switch (operation.kind) {
      case 'upsert':
        return this.#upsert(operation, lsn);
      case 'update_vectors':
        return this.#updateVectors(operation, lsn);
      case 'delete_points':
        return this.#deletePoints(operation.selector, lsn);
      case 'set_payload': {
        const { payload, key } = operation;
        return this.#change(operation.selector, (id, old) => {
          set.setPayload(id, lsn, mergePayload(payloadAt(old), payload, key), old);
        });
      }
      case 'overwrite_payload':
        return this.#change(operation.selector, (id, old) => {
          set.setPayload(id, lsn, operation.payload, old);
        });
      case 'delete_payload':
        return this.#change(operation.selector, (id, old) => {
          set.setPayload(id, lsn, deletePayloadKeys(payloadAt(old), operation.keys), old);
        });
      case 'clear_payload':
        return this.#change(operation.selector, (id, old) => {
          set.setPayload(id, lsn, emptyPayload, old);
        });
      case 'delete_vectors':
        return this.#deleteVectors(operation, lsn);
      case 'create_index':
      case 'delete_index':
        return;
      default:
        return unreachable(operation);
    }
  }

  async #upsert({ points, mode, filter }: Update<'upsert'>, lsn: number): Promise<void> {
    const condition = this.#compile(filter);
    // Mode and filter judge what was there before the update: not the first of two points of one
    // id.
    const conditional = condition !== null || mode !== 'upsert';
    const lastRows = conditional ? lastRowsOf(points.ids) : null;
    const doubtful = this.#doubtful(points.vectors);
    for (let row = 0; row < points.ids.length; row += 1) {
      if (this.#pace.step()) await this.#pace.rest();
      const id = points.ids[row] as PointId;
      this.#checkVectors(doubtful, row);
      if (lastRows !== null && lastRows.get(id) !== row) continue;
      const old = this.#set.find(id);
      if (old === null ? mode === 'update_only' : mode === 'insert_only') continue;
      if (old !== null && !matches(condition, old)) continue;
      this.#set.putRow(lsn, points, row, old);
    }
  }

  async #updateVectors({ points, filter }: Update<'update_vectors'>, lsn: number): Promise<void> {
    const condition = this.#compile(filter);
    const missing: PointId[] = [];
    const doubtful = this.#doubtful(points.vectors);
    for (let row = 0; row < points.ids.length; row += 1) {
      if (this.#pace.step()) await this.#pace.rest();
      const id = points.ids[row] as PointId;
      this.#checkVectors(doubtful, row);
      const old = this.#set.find(id);
      if (old === null) missing.push(id);
      else if (matches(condition, old)) {
        this.#set.setVectors(id, lsn, vectorsOf(points.vectors, row), old);
      }
    }
    refuseMissing(missing);
  }

  async #deletePoints(selector: PointSelector, lsn: number): Promise<void> {
    const ids = selector.ids ?? (await this.#selectByFilter(selector.filter));
    for (const id of ids) {
      if (this.#pace.step()) await this.#pace.rest();
      const old = this.#set.find(id);
      if (old !== null) this.#set.remove(id, lsn, old);
    }
  }

  async #deleteVectors(operation: Update<'delete_vectors'>, lsn: number): Promise<void> {
    const { names, selector } = operation;
    for (const name of names) this.#vectorDimension(name);
    const remove: Change = (id, old) => this.#set.removeVectors(id, lsn, names, old);
    // The one update that takes both parts of a selector. Ids are looked up before anything fails.
    const filtered = selector.filter === null ? [] : await this.#selectByFilter(selector.filter);
    await this.#changeListed([...(selector.ids ?? []), ...filtered], remove);
  }

  async #change(selector: PointSelector, change: Change): Promise<void> {
    const ids = selector.ids ?? (await this.#selectByFilter(selector.filter));
    await this.#changeListed(ids, change);
  }

  /** All that exist are changed; then the first missing one is complained about. */
  async #changeListed(ids: readonly PointId[], change: Change): Promise<void> {
    const missing: PointId[] = [];
    for (const id of ids) {
      if (this.#pace.step()) await this.#pace.rest();
      const old = this.#set.find(id);
      if (old === null) missing.push(id);
      else change(id, old);
    }
    refuseMissing(missing);
  }

  /** Ids first, changes later: a change must not move points under the walk. */
  async #selectByFilter(text: string | null): Promise<readonly PointId[]> {
    if (text === null) return [];
    const filter = filterFromText(text);
    const ids: PointId[] = [];
    const release = this.#holdReaders();
    try {
      for (const reader of this.#set.readers()) {
        const offsets = await reader.offsetsById(filter, null, Infinity, this.#pace.pause);
        for (const offset of offsets) ids.push(reader.idAt(offset));
      }
    } finally {
      release();
    }
    return ids;
  }

  #compile(text: string | null): CompiledFilter | null {
    return text === null ? null : compileFilter(filterFromText(text), this.#set.schema);
  }

  /** The columns that no point may have: usually none, so that points need no check. */
  #doubtful(columns: readonly VectorColumn[]): readonly VectorColumn[] {
    const { vectors } = this.#set.config;
    return columns.filter(({ name, dimension }) => {
      return !vectors.some((known) => known.name === name && known.dimension === dimension);
    });
  }

  #checkVectors(columns: readonly VectorColumn[], row: number): void {
    for (const column of columns) {
      if ((column.rows[row] ?? -1) < 0) continue;
      const expected = this.#vectorDimension(column.name);
      if (expected === column.dimension) continue;
      throw new RequestError(
        'wrong_input',
        `Vector dimension error: expected dim: ${expected}, got ${column.dimension}`,
      );
    }
  }

  #vectorDimension(name: string): number {
    const config = this.#set.config.vectors.find((vector) => vector.name === name);
    if (config !== undefined) return config.dimension;
    throw new RequestError('wrong_input', `Not existing vector name error: ${name}`);
  }
}

/** The last row of each id: of several points of one id the last wins. */
function lastRowsOf(ids: readonly PointId[]): ReadonlyMap<PointId, number> {
  return new Map(ids.map((id, row) => [id, row]));
}

function matches(condition: CompiledFilter | null, { slot, offset }: Location): boolean {
  return condition === null || matchesFilter(condition, slot.segment, offset);
}

function vectorsOf(columns: readonly VectorColumn[], row: number): Map<string, Float32Array> {
  const vectors = new Map<string, Float32Array>();
  for (const { name, dimension, rows, data } of columns) {
    const at = rows[row] ?? -1;
    if (at >= 0) vectors.set(name, data.subarray(at * dimension, (at + 1) * dimension));
  }
  return vectors;
}

function refuseMissing(missing: readonly PointId[]): void {
  const [first] = missing;
  if (first === undefined) return;
  throw new RequestError('not_found', `No point with id ${first} found`);
}
