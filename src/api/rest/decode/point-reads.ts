// The bodies of scroll, count and retrieve.

import { JsonScanner } from '../../../base/json-scanner.ts';
import { RequestError } from '../../../model/request-error.ts';
import type {
  CountRequest,
  RetrieveRequest,
  ScrollRequest,
} from '../../../server/services/query-request.ts';
import type { PayloadSelection, VectorSelection } from '../../../server/services/selections.ts';
import { readOrderBy } from './order-by.ts';
import { readPointId, readPointIds } from './point-id.ts';
import {
  readFilter,
  readPayloadSelection,
  readVectorSelection,
  refuseShardKey,
} from './shared-fields.ts';
import { nullable, readCount, readStruct, Violations } from './struct.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export function decodeScroll(body: Uint8Array): ScrollRequest {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  const given: Mutable<ScrollRequest> = {
    filter: null,
    from: null,
    limit: 10,
    order: null,
    withPayload: 'all',
    withVectors: false,
  };
  const withVectors = () => {
    given.withVectors = readVectorSelection(scanner);
  };
  readStruct(scanner, 'struct ScrollRequest', {
    offset: () => {
      given.from = nullable(scanner, () => readPointId(scanner));
    },
    limit: () => {
      given.limit = nullable(scanner, () => readCount(scanner)) ?? 10;
    },
    filter: () => {
      given.filter = readFilter(scanner, 'scroll_request.filter', violations);
    },
    with_payload: () => {
      given.withPayload = readPayloadSelection(scanner) ?? 'all';
    },
    with_vector: withVectors,
    with_vectors: withVectors,
    order_by: () => {
      given.order = nullable(scanner, () => readOrderBy(scanner));
    },
    shard_key: () => refuseShardKey(scanner),
  });
  scanner.finish();
  violations.min('scroll_request.limit', given.limit, 1);
  violations.throwIfAny();
  if (given.order !== null && given.from !== null) {
    throw new RequestError(
      'bad_request',
      'Cannot use an `offset` when using `order_by`. The alternative for paging is to use ' +
        "`order_by.start_from` and a filter to exclude the IDs that you've already seen for the " +
        '`order_by.start_from` value',
    );
  }
  return given;
}

export function decodeCount(body: Uint8Array): CountRequest {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  const given: Mutable<CountRequest> = { filter: null, exact: true };
  readStruct(scanner, 'struct CountRequest', {
    filter: () => {
      given.filter = readFilter(scanner, 'count_request.filter', violations);
    },
    exact: () => {
      given.exact = scanner.readBoolean();
    },
    shard_key: () => refuseShardKey(scanner),
  });
  scanner.finish();
  violations.throwIfAny();
  return given;
}

export function decodeRetrieve(body: Uint8Array): RetrieveRequest {
  const scanner = new JsonScanner(body);
  let ids: RetrieveRequest['ids'] = [];
  let withPayload: PayloadSelection = 'none';
  let withVectors: VectorSelection = false;
  const readVectors = () => {
    withVectors = readVectorSelection(scanner);
  };
  readStruct(
    scanner,
    'struct PointRequest',
    {
      ids: () => {
        ids = readPointIds(scanner);
      },
      with_payload: () => {
        withPayload = readPayloadSelection(scanner) ?? 'none';
      },
      with_vector: readVectors,
      with_vectors: readVectors,
      shard_key: () => refuseShardKey(scanner),
    },
    ['ids'],
  );
  scanner.finish();
  return { ids, withPayload, withVectors };
}
