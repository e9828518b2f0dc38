// The body of an upsert, read in one pass: numbers straight into a column per vector name, payloads
// as canonical text one behind the other in one buffer. Points come as a list or as columns; the
// key `batch` is looked at first. This is the hot path of writing: no object is made per number,
// and none per point but its id.

import { ByteWriter } from '../../../base/bytes.ts';
import type { JsonScanner } from '../../../base/json-scanner.ts';
import { Uint32Buffer } from '../../../base/number-buffer.ts';
import { emptyPayload, readPayload } from '../../../model/payload-text.ts';
import type { PointId } from '../../../model/point-id.ts';
import { RequestError } from '../../../model/request-error.ts';
import type { UpdateMode } from '../../../model/update.ts';
import type { GivenPoints } from '../../../server/services/given-points.ts';
import type { PointChange } from '../../../server/services/points.ts';
import { readPointId, readPointIds } from './point-id.ts';
import { readFilterText, refuseShardKey } from './shared-fields.ts';
import { nullable, readChoice, readStruct, type Violations } from './struct.ts';
import { VectorColumns } from './vector-columns.ts';

export function readUpsert(scanner: JsonScanner, violations: Violations): PointChange {
  let list: GivenPoints | null = null;
  let batch: GivenPoints | null = null;
  let filter: string | null = null;
  let mode: UpdateMode = 'upsert';
  readStruct(scanner, 'a list or a batch of points', {
    batch: () => {
      batch = readBatch(scanner, violations);
    },
    points: () => {
      list = readPointList(scanner, violations);
    },
    shard_key: () => refuseShardKey(scanner),
    update_filter: () => {
      filter = readFilterText(scanner);
    },
    update_mode: () => {
      mode = readUpdateMode(scanner);
    },
  });
  const points = (batch ?? list) as GivenPoints | null;
  if (points === null) {
    const text = 'Format error in JSON body: Invalid PointInsertOperations format';
    throw new RequestError('format', text);
  }
  return { kind: 'upsert', points, mode, filter };
}

const updateModes = [
  'upsert',
  'insert_only',
  'update_only',
] as const satisfies readonly UpdateMode[];

function readUpdateMode(scanner: JsonScanner): UpdateMode {
  return nullable(scanner, () => readChoice(scanner, updateModes)) ?? 'upsert';
}

/** Payloads of one batch, in order, `{}` where there is none. */
class PayloadColumn {
  readonly #bytes: ByteWriter;
  readonly #ends = new Uint32Buffer(512);

  constructor(capacityBytes: number) {
    this.#bytes = new ByteWriter(capacityBytes);
    this.#ends.push(0);
  }

  get count(): number {
    return this.#ends.length - 1;
  }

  /** An object or null. */
  read(scanner: JsonScanner): void {
    if (scanner.tryNull()) this.#bytes.bytes(emptyPayload);
    else readPayload(scanner, this.#bytes);
    this.#ends.push(this.#bytes.length);
  }

  addEmpty(): void {
    this.#bytes.bytes(emptyPayload);
    this.#ends.push(this.#bytes.length);
  }

  finish(): Pick<GivenPoints, 'payloadOffsets' | 'payloadBytes'> {
    return { payloadOffsets: this.#ends.slice(), payloadBytes: this.#bytes.view() };
  }
}

function readPointList(scanner: JsonScanner, violations: Violations): GivenPoints {
  const bodyBytes = scanner.end - scanner.at;
  const columns = new VectorColumns(bodyBytes, violations);
  const payloads = new PayloadColumn(Math.min(bodyBytes, 1 << 16));
  const ids: PointId[] = [];
  scanner.beginArray('a list of points');
  while (scanner.nextElement()) readPoint(scanner, ids, columns, payloads);
  return { ids, vectors: columns.finish(ids.length), ...payloads.finish() };
}

function readPoint(
  scanner: JsonScanner,
  ids: PointId[],
  columns: VectorColumns,
  payloads: PayloadColumn,
): void {
  const index = ids.length;
  let id: PointId | null = null;
  let hasVector = false;
  scanner.beginObject('struct PointStruct');
  for (let key = scanner.nextKey(); key !== null; key = scanner.nextKey()) {
    switch (key) {
      case 'id':
        if (id !== null) scanner.fail('duplicate field `id`');
        id = readPointId(scanner);
        break;
      case 'vector':
      case 'vectors':
        if (hasVector) scanner.fail('duplicate field `vector`');
        hasVector = true;
        columns.readPoint(scanner, index, `points[${index}].vector`);
        break;
      case 'payload':
        if (payloads.count > index) scanner.fail('duplicate field `payload`');
        payloads.read(scanner);
        break;
      default:
        scanner.skipValue();
    }
  }
  if (id === null) scanner.fail('missing field `id`');
  if (!hasVector) scanner.fail('missing field `vector`');
  if (payloads.count === index) payloads.addEmpty();
  ids.push(id);
}

function readBatch(scanner: JsonScanner, violations: Violations): GivenPoints {
  const bodyBytes = scanner.end - scanner.at;
  const columns = new VectorColumns(bodyBytes, violations);
  const payloads = new PayloadColumn(Math.min(bodyBytes, 1 << 16));
  let ids: readonly PointId[] = [];
  let hasPayloads = false;
  let counts: readonly number[] = [];
  readStruct(
    scanner,
    'struct Batch',
    {
      ids: () => {
        ids = readPointIds(scanner);
      },
      vectors: () => {
        counts = readBatchVectors(scanner, columns);
      },
      payloads: () => {
        if (scanner.tryNull()) return;
        hasPayloads = true;
        scanner.beginArray();
        while (scanner.nextElement()) payloads.read(scanner);
      },
    },
    ['ids', 'vectors'],
  );
  for (const count of counts) requireEqual(violations, 'vectors', ids.length, count);
  if (hasPayloads) requireEqual(violations, 'payloads', ids.length, payloads.count);
  violations.throwIfAny();
  while (payloads.count < ids.length) payloads.addEmpty();
  return { ids, vectors: columns.finish(ids.length), ...payloads.finish() };
}

function requireEqual(violations: Violations, what: string, ids: number, others: number): void {
  if (ids === others) return;
  const reason = `number of ids and ${what} must be equal (${ids} != ${others})`;
  violations.add('batch.batch', reason);
}

/** A list of vectors, or a map of such lists; returns the length of each list. */
function readBatchVectors(scanner: JsonScanner, columns: VectorColumns): readonly number[] {
  if (scanner.peekKind() !== 'object') return [readColumn(scanner, '', columns)];
  const counts: number[] = [];
  scanner.beginObject();
  for (let name = scanner.nextKey(); name !== null; name = scanner.nextKey()) {
    counts.push(readColumn(scanner, name, columns));
  }
  return counts;
}

function readColumn(scanner: JsonScanner, name: string, columns: VectorColumns): number {
  let point = 0;
  scanner.beginArray('a list of vectors');
  while (scanner.nextElement()) {
    columns.readOne(scanner, { name, point, path: `batch.vectors[${point}]` });
    point += 1;
  }
  return point;
}
