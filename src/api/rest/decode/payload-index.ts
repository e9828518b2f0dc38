// The body of `PUT /collections/{c}/index`: a field and its type, as a word or with parameters.

import { JsonScanner } from '../../../base/json-scanner.ts';
import type {
  PayloadFieldParams,
  PayloadFieldSchema,
  PayloadFieldType,
} from '../../../model/payload-schema.ts';
import { RequestError } from '../../../model/request-error.ts';
import { readPayloadPath } from './shared-fields.ts';
import { type FieldReaders, notBuilt, nullable, readChoice, readStruct } from './struct.ts';

const fieldTypes = [
  'keyword',
  'integer',
  'float',
  'geo',
  'text',
  'bool',
  'datetime',
  'uuid',
] as const satisfies readonly PayloadFieldType[];

export interface CreateIndexRequest {
  readonly field: string;
  readonly schema: PayloadFieldSchema;
}

export function decodeCreateIndex(body: Uint8Array): CreateIndexRequest {
  const scanner = new JsonScanner(body);
  let field = '';
  let schema: PayloadFieldSchema | null = null;
  const readSchema = () => {
    schema = nullable(scanner, () => readFieldSchema(scanner));
  };
  readStruct(
    scanner,
    'struct CreateFieldIndex',
    {
      field_name: () => {
        field = readPayloadPath(scanner);
      },
      field_schema: readSchema,
      field_type: readSchema,
    },
    ['field_name'],
  );
  scanner.finish();
  return { field, schema: usableSchema(schema) };
}

function usableSchema(schema: PayloadFieldSchema | null): PayloadFieldSchema {
  if (schema === null) {
    const text = "Can't auto-detect field type, please specify `field_schema` in the request";
    throw new RequestError('bad_request', text);
  }
  if (schema.params?.lookup === false && schema.params.range === false) {
    const reason = "the 'lookup' and 'range' capabilities can't be both disabled";
    const detail = `[field_schema: Validation error: ${reason} [{}]]`;
    throw new RequestError('validation', `Validation error in JSON body: ${detail}`);
  }
  if (schema.dataType === 'geo' || schema.dataType === 'text') {
    notBuilt(`the payload index type \`${schema.dataType}\``);
  }
  return schema;
}

function readFieldSchema(scanner: JsonScanner): PayloadFieldSchema {
  if (scanner.peekKind() === 'string') {
    return { dataType: readChoice(scanner, fieldTypes), params: null };
  }
  const type = peekType(scanner);
  const given: Record<string, boolean | null> = {};
  readStruct(scanner, `struct ${type}IndexParams`, paramFields(scanner, type, given), ['type']);
  return { dataType: type, params: echoedParams(type, given) };
}

/** The type decides which other members count, and may come last. */
function peekType(scanner: JsonScanner): PayloadFieldType {
  const ahead = new JsonScanner(scanner.bytes, { start: scanner.at, end: scanner.end });
  let type: PayloadFieldType | null = null;
  readStruct(
    ahead,
    'a field type or its parameters',
    {
      type: () => {
        type = readChoice(ahead, fieldTypes);
      },
    },
    ['type'],
  );
  return type ?? 'keyword';
}

const flagsByType: Readonly<Record<PayloadFieldType, readonly (keyof PayloadFieldParams)[]>> = {
  keyword: ['is_tenant'],
  integer: ['lookup', 'range', 'is_principal'],
  float: ['is_principal'],
  datetime: ['is_principal'],
  uuid: ['is_tenant'],
  bool: [],
  geo: [],
  text: [],
};

function paramFields(
  scanner: JsonScanner,
  type: PayloadFieldType,
  given: Record<string, boolean | null>,
): FieldReaders {
  const flags = ['on_disk', 'enable_hnsw', ...flagsByType[type]];
  const readers = flags.map((name) => {
    const read = () => {
      given[name] = nullable(scanner, () => scanner.readBoolean());
    };
    return [name, read] as const;
  });
  return { ...Object.fromEntries(readers), type: () => void scanner.skipValue() };
}

/** What collection info shows: these members as null when unset, the others only when given. */
function echoedParams(
  type: PayloadFieldType,
  given: Readonly<Record<string, boolean | null>>,
): PayloadFieldParams {
  const shownAsNull = type === 'integer' || type === 'float' || type === 'datetime';
  const params: Record<string, boolean | null> = {};
  for (const name of [...flagsByType[type], 'on_disk', 'enable_hnsw']) {
    const value = given[name] ?? null;
    const isOwn = name !== 'on_disk' && name !== 'enable_hnsw';
    if (value !== null || (shownAsNull && isOwn)) params[name] = value;
  }
  return { type, ...params };
}
