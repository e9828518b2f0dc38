// The bodies of `points/query` and its batch. Kinds of queries that are not built are recognised,
// so that contradictions are answered as everywhere and the rest is refused by name.

import { JsonScanner } from '../../../base/json-scanner.ts';
import { RequestError } from '../../../model/request-error.ts';
import type {
  LookupFrom,
  Query,
  QueryRequest,
  VectorInput,
} from '../../../server/services/query-request.ts';
import { readOrderBy } from './order-by.ts';
import { readPointId } from './point-id.ts';
import { QueryFields } from './query-fields.ts';
import { decodeBatch, readDense, readSparse } from './search.ts';
import { refuseShardKey } from './shared-fields.ts';
import { notBuilt, nullable, readStruct, Violations } from './struct.ts';

/** Recognised kinds that are not built. */
type UnbuiltQuery =
  | 'recommend'
  | 'discover'
  | 'context'
  | 'fusion'
  | 'rrf'
  | 'formula'
  | 'sample'
  | 'relevance_feedback'
  | 'mmr';

type GivenQuery = Query | { readonly kind: 'unbuilt'; readonly name: UnbuiltQuery };

export function decodeQuery(body: Uint8Array): QueryRequest {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  const request = readQuery(scanner, 'internal', violations);
  scanner.finish();
  violations.throwIfAny();
  return request();
}

export function decodeQueryBatch(body: Uint8Array): readonly QueryRequest[] {
  const finish: (() => QueryRequest)[] = [];
  const requests = decodeBatch(body, (scanner, index, violations) => {
    const request = readQuery(scanner, `searches[${index}].internal`, violations);
    finish.push(request);
    return emptyRequest;
  });
  return requests.map((_request, index) => (finish[index] ?? (() => emptyRequest))());
}

const emptyRequest: QueryRequest = {
  query: null,
  using: '',
  lookupFrom: null,
  filter: null,
  params: { hnswEf: null, exact: false, indexedOnly: false },
  scoreThreshold: null,
  limit: 1,
  offset: 0,
  withPayload: 'none',
  withVectors: false,
};

/** Contradictions are looked for by the returned function, after the rules of the whole body. */
function readQuery(scanner: JsonScanner, path: string, violations: Violations): () => QueryRequest {
  const common = new QueryFields(scanner, path, violations);
  let query: GivenQuery | null = null;
  let using: string | null = null;
  let lookupFrom: LookupFrom | null = null;
  let hasPrefetch = false;
  const readers = common.readers({
    limit: () => {
      if (!scanner.tryNull()) common.readLimit();
    },
    query: () => {
      query = nullable(scanner, () => readQueryInterface(scanner));
    },
    using: () => {
      using = nullable(scanner, () => scanner.readString());
    },
    lookup_from: () => {
      lookupFrom = nullable(scanner, () => readLookupFrom(scanner));
    },
    prefetch: () => {
      hasPrefetch = readPrefetch(scanner);
    },
  });
  readStruct(scanner, 'struct QueryRequest', readers);
  return () => {
    const given = { query, using, hasPrefetch, scoreThreshold: common.scoreThreshold };
    return common.finish(consistentQuery(given), using ?? '', lookupFrom);
  };
}

/** Prefetches are only recognised: whether there are any. */
function readPrefetch(scanner: JsonScanner): boolean {
  const kind = scanner.peekKind();
  if (kind === 'array') {
    const isEmpty = scanner.peekElementKind() === null;
    scanner.skipValue();
    return !isEmpty;
  }
  if (kind !== 'null' && kind !== 'object') scanner.invalidType('a prefetch or a list of them');
  scanner.skipValue();
  return kind === 'object';
}

interface GivenParts {
  readonly query: GivenQuery | null;
  readonly using: string | null;
  readonly hasPrefetch: boolean;
  readonly scoreThreshold: number | null;
}

/** Refuses contradictions with the API's words, then what is not built. */
function consistentQuery(given: GivenParts): Query | null {
  const { query, hasPrefetch } = given;
  refuseContradictions(given);
  if (hasPrefetch) notBuilt('`prefetch`');
  if (query?.kind === 'unbuilt') notBuilt(`the query \`${query.name}\``);
  return query;
}

function refuseContradictions({ query, using, hasPrefetch, scoreThreshold }: GivenParts): void {
  const name = query?.kind === 'unbuilt' ? query.name : null;
  const isFusion = name === 'fusion' || name === 'rrf';
  if (query === null) refuseWithoutQuery(hasPrefetch, scoreThreshold);
  if (query?.kind === 'order_by' && scoreThreshold !== null) {
    throw contradiction("Can't use score_threshold with an order_by query.");
  }
  if (isFusion && using !== null) {
    throw contradiction("Fusion queries cannot be combined with the 'using' field.");
  }
  if ((isFusion || name === 'formula') && !hasPrefetch) {
    const shown = isFusion ? 'Fusion' : 'Formula';
    const text = `Validation failed: cannot apply ${shown} without prefetches`;
    throw new RequestError('wrong_input', text);
  }
}

function refuseWithoutQuery(hasPrefetch: boolean, scoreThreshold: number | null): void {
  if (hasPrefetch) {
    throw contradiction(
      'A query is needed to merge the prefetches. ' +
        "Can't have prefetches without defining a query.",
    );
  }
  if (scoreThreshold !== null) {
    throw contradiction(
      'A query is needed to use the score_threshold. ' +
        "Can't have score_threshold without defining a query.",
    );
  }
}

function contradiction(text: string): RequestError {
  return new RequestError('bad_request', text);
}

function readLookupFrom(scanner: JsonScanner): LookupFrom {
  let collection = '';
  let vector: string | null = null;
  readStruct(
    scanner,
    'struct LookupLocation',
    {
      collection: () => {
        collection = scanner.readString();
      },
      vector: () => {
        vector = nullable(scanner, () => scanner.readString());
      },
      shard_key: () => refuseShardKey(scanner),
    },
    ['collection'],
  );
  return { collection, vector };
}

const noVariant = 'data did not match any variant of untagged enum QueryInterface';

function readQueryInterface(scanner: JsonScanner): GivenQuery {
  if (scanner.peekKind() !== 'object') return { kind: 'nearest', input: readInput(scanner) };
  if (isVectorObject(scanner)) return { kind: 'nearest', input: readInput(scanner) };
  let query: GivenQuery | null = null;
  let hasMmr = false;
  const unbuilt = (name: UnbuiltQuery) => () => {
    scanner.skipValue();
    query = { kind: 'unbuilt', name };
  };
  readStruct(scanner, 'enum Query', {
    nearest: () => {
      query = { kind: 'nearest', input: readInput(scanner) };
    },
    mmr: () => {
      hasMmr = !scanner.tryNull();
      if (hasMmr) scanner.skipValue();
    },
    order_by: () => {
      query = { kind: 'order_by', order: readOrderBy(scanner) };
    },
    recommend: unbuilt('recommend'),
    discover: unbuilt('discover'),
    context: unbuilt('context'),
    fusion: unbuilt('fusion'),
    rrf: unbuilt('rrf'),
    formula: unbuilt('formula'),
    sample: unbuilt('sample'),
    relevance_feedback: unbuilt('relevance_feedback'),
  });
  if (query === null) return scanner.fail(noVariant);
  return hasMmr ? { kind: 'unbuilt', name: 'mmr' } : query;
}

/** Looks ahead: a sparse vector, or something to embed. */
function isVectorObject(scanner: JsonScanner): boolean {
  const ahead = new JsonScanner(scanner.bytes, { start: scanner.at, end: scanner.end });
  const keys = new Set<string>();
  ahead.beginObject();
  for (let key = ahead.nextKey(); key !== null; key = ahead.nextKey()) {
    keys.add(key);
    ahead.skipValue();
  }
  if (keys.has('indices') && keys.has('values')) return true;
  return keys.has('model') && ['text', 'image', 'object'].some((key) => keys.has(key));
}

/** A vector or an id. */
function readInput(scanner: JsonScanner): VectorInput {
  switch (scanner.peekKind()) {
    case 'array': {
      if (scanner.peekElementKind() !== 'array') {
        return { kind: 'dense', values: readDense(scanner) };
      }
      scanner.beginArray();
      while (scanner.nextElement()) readDense(scanner);
      return { kind: 'multi' };
    }
    case 'number':
    case 'string':
      return { kind: 'id', id: readPointId(scanner) };
    case 'object':
      if (!isVectorObject(scanner)) return scanner.fail(noVariant);
      return readObjectInput(scanner);
    default:
      return scanner.fail(noVariant);
  }
}

function readObjectInput(scanner: JsonScanner): VectorInput {
  const ahead = new JsonScanner(scanner.bytes, { start: scanner.at, end: scanner.end });
  let isSparse = false;
  readStruct(ahead, 'a vector', {
    indices: () => {
      ahead.skipValue();
      isSparse = true;
    },
  });
  if (!isSparse) notBuilt('inference');
  return readSparse(scanner);
}
