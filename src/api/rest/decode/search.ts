// The bodies of `points/search` and its batch: always the nearest points to one vector. Numbers of
// the vector go straight into a `Float32Array`.

import { JsonScanner } from '../../../base/json-scanner.ts';
import { Float32Buffer } from '../../../base/number-buffer.ts';
import type { QueryRequest, VectorInput } from '../../../server/services/query-request.ts';
import { QueryFields } from './query-fields.ts';
import { readList, readStruct, Violations } from './struct.ts';

/** One per thread: it is emptied before anything else runs. */
const floats = new Float32Buffer(2048);

/** The array that comes next, as numbers of its own. */
export function readDense(scanner: JsonScanner): Float32Array {
  floats.clear();
  scanner.readFloat32Array(floats);
  return floats.slice();
}

export function decodeSearch(body: Uint8Array): QueryRequest {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  const request = readSearch(scanner, 'search_request', violations);
  scanner.finish();
  violations.throwIfAny();
  return request;
}

export function decodeSearchBatch(body: Uint8Array): readonly QueryRequest[] {
  return decodeBatch(body, (scanner, index, violations) =>
    readSearch(scanner, `searches[${index}].search_request`, violations),
  );
}

/** `{"searches":[…]}` */
export function decodeBatch(
  body: Uint8Array,
  read: (scanner: JsonScanner, index: number, violations: Violations) => QueryRequest,
): readonly QueryRequest[] {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  let requests: readonly QueryRequest[] = [];
  readStruct(
    scanner,
    'struct SearchRequestBatch',
    {
      searches: () => {
        requests = readList(scanner, (index) => read(scanner, index, violations));
      },
    },
    ['searches'],
  );
  scanner.finish();
  violations.throwIfAny();
  return requests;
}

function readSearch(scanner: JsonScanner, path: string, violations: Violations): QueryRequest {
  const common = new QueryFields(scanner, path, violations);
  let using = '';
  let input: VectorInput | null = null;
  const limit = () => common.readLimit();
  readStruct(
    scanner,
    'struct SearchRequest',
    common.readers({
      limit,
      top: limit,
      vector: () => {
        ({ using, input } = readNamedVector(scanner));
      },
    }),
    ['vector', 'limit'],
  );
  const query = input === null ? null : ({ kind: 'nearest', input } as const);
  return common.finish(query, using, null);
}

interface NamedVector {
  readonly using: string;
  readonly input: VectorInput;
}

/** `[…]`, `{name, vector: […]}` or `{name, vector: {indices, values}}`. */
function readNamedVector(scanner: JsonScanner): NamedVector {
  const noVariant = 'data did not match any variant of untagged enum NamedVectorStruct';
  if (scanner.peekKind() === 'array') {
    if (scanner.peekElementKind() === 'array') scanner.fail(noVariant);
    return { using: '', input: { kind: 'dense', values: readDense(scanner) } };
  }
  let using = '';
  let input: VectorInput = { kind: 'sparse' };
  readStruct(
    scanner,
    'a vector or a named vector',
    {
      name: () => {
        using = scanner.readString();
      },
      vector: () => {
        if (scanner.peekKind() === 'object') input = readSparse(scanner);
        else if (scanner.peekElementKind() === 'array') scanner.fail(noVariant);
        else input = { kind: 'dense', values: readDense(scanner) };
      },
    },
    ['name', 'vector'],
  );
  return { using, input };
}

/** Checks the shape of a sparse vector, which no collection can hold yet. */
export function readSparse(scanner: JsonScanner): VectorInput {
  const numbers = () => void readDense(scanner);
  readStruct(scanner, 'struct SparseVector', { indices: numbers, values: () => numbers() }, [
    'indices',
    'values',
  ]);
  return { kind: 'sparse' };
}
