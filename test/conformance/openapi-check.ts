// Checks answers against the API's published schema. The document is not part of this repository:
// it is looked for at `OCTANT_OPENAPI`, then beside the working tree; without it nothing is checked
// and `schemaIsAvailable` says so.

import { existsSync, readFileSync } from 'node:fs';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly minimum?: number;
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: { readonly 'application/json'?: { schema: Schema } } }>
  >;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const documentPath =
  process.env['OCTANT_OPENAPI'] ??
  new URL('../../../shared/spec/openapi.json', import.meta.url).pathname;

export const schemaIsAvailable = existsSync(documentPath);

const document: Document | null = schemaIsAvailable
  ? (JSON.parse(readFileSync(documentPath, 'utf8')) as Document)
  : null;

interface Answer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly json: unknown;
}

/** What in a successful answer is not as documented; nothing for endpoints that are not. */
export function schemaFaults({ method, path, status, json }: Answer): readonly string[] {
  if (document === null || status !== 200) return [];
  const schema = operationOf(document, method, path)?.responses['200']?.content?.[
    'application/json'
  ]?.schema;
  if (schema === undefined) return [];
  return faultsOf(json, schema, '$');
}

function operationOf(doc: Document, method: string, url: string): Operation | null {
  const segments = url.split('?')[0]?.split('/') ?? [];
  const fits = (pattern: string) => {
    const wanted = pattern.split('/');
    return (
      wanted.length === segments.length &&
      wanted.every((part, index) => part.startsWith('{') || part === segments[index])
    );
  };
  const found = Object.keys(doc.paths)
    .filter(fits)
    .toSorted((a, b) => a.split('{').length - b.split('{').length);
  const operations = found.map((pattern) => doc.paths[pattern]?.[method.toLowerCase()]);
  return operations.find((operation) => operation !== undefined) ?? null;
}

function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const name = schema.$ref.split('/').at(-1) ?? '';
  return document?.components.schemas[name] ?? {};
}

function faultsOf(value: unknown, given: Schema, path: string): readonly string[] {
  const schema = resolve(given);
  if (value === null && (given.nullable === true || schema.nullable === true)) return [];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    const tried = choices.map((choice) => faultsOf(value, choice, path));
    if (tried.some((faults) => faults.length === 0)) return [];
    return [`${path} fits none of ${choices.length}: ${(tried[0] ?? []).join(', ')}`];
  }
  const all = (schema.allOf ?? []).flatMap((part) => faultsOf(value, part, path));
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    return [...all, `${path} is ${JSON.stringify(value)}`];
  }
  return [...all, ...typeFaults(value, schema, path)];
}

function typeFaults(value: unknown, schema: Schema, path: string): readonly string[] {
  switch (schema.type) {
    case 'object':
      return objectFaults(value, schema, path);
    case 'array':
      if (!Array.isArray(value)) return [`${path} is no array`];
      return value.flatMap((item, index) =>
        faultsOf(item, schema.items ?? {}, `${path}[${index}]`),
      );
    case 'integer':
      return Number.isInteger(value) ? [] : [`${path} is no integer`];
    case 'number':
    case 'string':
    case 'boolean':
      return typeof value === schema.type ? [] : [`${path} is no ${schema.type}`];
    default:
      return [];
  }
}

function objectFaults(value: unknown, schema: Schema, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`${path} is no object`];
  }
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name));
  const faults = missing.map((name) => `${path}.${name} is missing`);
  for (const [name, member] of Object.entries(value)) {
    const own = schema.properties?.[name];
    const other = schema.additionalProperties;
    if (own !== undefined) faults.push(...faultsOf(member, own, `${path}.${name}`));
    else if (typeof other === 'object') faults.push(...faultsOf(member, other, `${path}.${name}`));
    else if (schema.properties !== undefined && other !== true) {
      faults.push(`${path}.${name} is not documented`);
    }
  }
  return faults;
}
