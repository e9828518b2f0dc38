// The bodies of every change to points, alone and as members of a batch. Each reader takes the
// scanner at the start of its object and gives back what the service is to do.

import { JsonScanner } from '../../../base/json-scanner.ts';
import type { PointId } from '../../../model/point-id.ts';
import { RequestError } from '../../../model/request-error.ts';
import type { PointSelector } from '../../../model/update.ts';
import type { PointChange } from '../../../server/services/points.ts';
import { canonicalPayload } from './payload.ts';
import { readPointId, readPointIds } from './point-id.ts';
import { readFilterText, readPayloadPath, refuseShardKey } from './shared-fields.ts';
import { type FieldReaders, nullable, readList, readStruct, Violations } from './struct.ts';
import { readUpsert } from './upsert.ts';
import { VectorColumns } from './vector-columns.ts';

export type ChangeReader = (scanner: JsonScanner, violations: Violations) => PointChange;

/** Reads a whole body with one of the readers below. */
export function decodeChange(body: Uint8Array, read: ChangeReader): PointChange {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  const change = read(scanner, violations);
  scanner.finish();
  violations.throwIfAny();
  return change;
}

export const readDelete: ChangeReader = (scanner) => ({
  kind: 'delete_points',
  selector: readRequiredSelector(scanner, 'PointsSelector'),
});

export const readClearPayload: ChangeReader = (scanner) => ({
  kind: 'clear_payload',
  selector: readRequiredSelector(scanner, 'PointsSelector'),
});

/** `{"points":[…]}` or `{"filter":{…}}` and nothing else that counts. */
function readRequiredSelector(scanner: JsonScanner, name: string): PointSelector {
  const given = selectorFields(scanner);
  readStruct(scanner, `struct ${name}`, given.fields);
  const selector = given.selector();
  if (selector !== null) return selector;
  return scanner.fail(`data did not match any variant of untagged enum ${name}`);
}

interface SelectorFields {
  readonly fields: FieldReaders;
  /** Ids win over a filter; `null` when neither was given. */
  readonly selector: () => PointSelector | null;
  readonly both: () => PointSelector;
}

function selectorFields(scanner: JsonScanner): SelectorFields {
  let ids: PointId[] | null = null;
  let filter: string | null = null;
  return {
    fields: {
      points: () => {
        ids = nullable(scanner, () => readPointIds(scanner));
      },
      filter: () => {
        filter = readFilterText(scanner);
      },
      shard_key: () => refuseShardKey(scanner),
    },
    selector: () => {
      if (ids !== null) return { ids, filter: null };
      return filter === null ? null : { ids: null, filter };
    },
    both: () => ({ ids, filter }),
  };
}

const noSelector = 'Either list of point ids or filter must be provided';

function missingSelector(): RequestError {
  return new RequestError('format', `Format error in JSON body: ${noSelector}`);
}

export const readSetPayload: ChangeReader = (scanner) => {
  const { payload, key, selector } = readPayloadChange(scanner);
  return { kind: 'set_payload', selector, payload, key };
};

export const readOverwritePayload: ChangeReader = (scanner) => {
  const { payload, selector } = readPayloadChange(scanner);
  return { kind: 'overwrite_payload', selector, payload };
};

function readPayloadChange(scanner: JsonScanner) {
  const given = selectorFields(scanner);
  let payload: Uint8Array = new Uint8Array(0);
  let key: string | null = null;
  const fields = {
    ...given.fields,
    payload: () => {
      payload = canonicalPayload(scanner);
    },
    key: () => {
      key = nullable(scanner, () => readPayloadPath(scanner));
    },
  };
  readStruct(scanner, 'struct SetPayload', fields, ['payload']);
  const selector = given.selector();
  if (selector === null) throw missingSelector();
  return { payload, key, selector };
}

export const readDeletePayload: ChangeReader = (scanner) => {
  const given = selectorFields(scanner);
  let keys: readonly string[] = [];
  const fields = {
    ...given.fields,
    keys: () => {
      keys = readList(scanner, () => readPayloadPath(scanner));
    },
  };
  readStruct(scanner, 'struct DeletePayload', fields, ['keys']);
  const selector = given.selector();
  if (selector === null) throw missingSelector();
  return { kind: 'delete_payload', selector, keys };
};

export const readUpdateVectors: ChangeReader = (scanner, violations) => {
  const columns = new VectorColumns(scanner.end - scanner.at, violations);
  const ids: PointId[] = [];
  let filter: string | null = null;
  const readPoint = () => {
    const index = ids.length;
    const path = `points[${index}].vector`;
    let id: PointId = 0;
    let count = 0;
    const vector = () => {
      count = columns.readPoint(scanner, index, path);
    };
    const fields = {
      id: () => {
        id = readPointId(scanner);
      },
      vector,
      vectors: vector,
    };
    readStruct(scanner, 'struct PointVectors', fields, ['id', 'vector']);
    ids.push(id);
    if (count === 0) violations.add(path, 'must specify vectors to update for point');
  };
  const fields = {
    points: () => {
      readList(scanner, readPoint);
    },
    update_filter: () => {
      filter = readFilterText(scanner);
    },
    shard_key: () => refuseShardKey(scanner),
  };
  readStruct(scanner, 'struct UpdateVectors', fields, ['points']);
  if (ids.length === 0) violations.add('points', 'must specify points to update');
  const points = {
    ids,
    vectors: columns.finish(ids.length),
    payloadOffsets: new Uint32Array(ids.length + 1),
    payloadBytes: new Uint8Array(0),
  };
  return { kind: 'update_vectors', points, filter };
};

export const readDeleteVectors: ChangeReader = (scanner, violations) => {
  const given = selectorFields(scanner);
  let names: readonly string[] = [];
  const vector = () => {
    names = [...new Set(readList(scanner, () => scanner.readString()))];
  };
  const fields = { ...given.fields, vector, vectors: vector };
  readStruct(scanner, 'struct DeleteVectors', fields, ['vector']);
  if (names.length === 0) violations.add('vector', 'must specify vector names to delete');
  return { kind: 'delete_vectors', names, selector: given.both() };
};

const memberReaders: Readonly<Record<string, ChangeReader>> = {
  upsert: readUpsert,
  delete: readDelete,
  set_payload: readSetPayload,
  overwrite_payload: readOverwritePayload,
  delete_payload: readDeletePayload,
  clear_payload: readClearPayload,
  update_vectors: readUpdateVectors,
  delete_vectors: readDeleteVectors,
};

/** `{"operations":[{"upsert":{…}},…]}` */
export function decodeChangeBatch(body: Uint8Array): readonly PointChange[] {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  let changes: readonly PointChange[] = [];
  const readMember = (index: number): PointChange => {
    let change: PointChange | null = null;
    const own = new Violations();
    const fields: Record<string, () => void> = {};
    for (const [name, read] of Object.entries(memberReaders)) {
      fields[name] = () => {
        change = read(scanner, own);
        violations.addAll(own.under(`operations[${index}].${name}`));
      };
    }
    readStruct(scanner, 'enum UpdateOperation', fields);
    if (change !== null) return change;
    return scanner.fail('data did not match any variant of untagged enum UpdateOperation');
  };
  readStruct(
    scanner,
    'struct UpdateOperations',
    {
      operations: () => {
        changes = readList(scanner, readMember);
      },
    },
    ['operations'],
  );
  scanner.finish();
  violations.throwIfAny();
  return changes;
}
