// Endpoints on collections, aliases and payload indexes.

import { decodeAliasActions } from '../decode/aliases.ts';
import { decodeCreateCollection } from '../decode/create-collection.ts';
import { decodeCreateIndex } from '../decode/payload-index.ts';
import { decodeUpdateCollection } from '../decode/update-collection.ts';
import { optimizationsDocument, writeCollectionInfo } from '../encode/collection-info.ts';
import { updateResult } from '../encode/update-result.ts';
import { collectionName } from '../path-params.ts';
import { operationTimeoutMs, type QueryString, queryFault, writeOptions } from '../query-string.ts';
import { plainResult, type Route } from '../route.ts';

const c = '/collections/{collection_name}';
const read = { method: 'GET', access: 'read', takesBody: false, measured: false } as const;
const change = { access: 'manage', takesBody: true, measured: false } as const;

export const collectionRoutes: readonly Route[] = [
  {
    ...read,
    path: '/collections',
    prepare:
      (_input, { collections }) =>
      () =>
        plainResult({ collections: collections.names().map((name) => ({ name })) }),
  },
  {
    ...read,
    path: c,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      return async () => {
        const info = await collections.info(name);
        return { kind: 'result', write: (writer) => writeCollectionInfo(writer, info) };
      };
    },
  },
  {
    ...read,
    path: `${c}/exists`,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      return () => plainResult({ exists: collections.exists(name) });
    },
  },
  {
    ...change,
    method: 'PUT',
    path: c,
    prepare: (input, { collections }) => {
      const name = collectionName(input, true);
      const request = decodeCreateCollection(input.body);
      const timeoutMs = operationTimeoutMs(input.query);
      return async () => plainResult(await collections.create(name, request, timeoutMs));
    },
  },
  {
    ...change,
    method: 'PATCH',
    path: c,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      const patch = decodeUpdateCollection(input.body);
      const timeoutMs = operationTimeoutMs(input.query);
      return async () => plainResult(await collections.update(name, patch, timeoutMs));
    },
  },
  {
    ...change,
    method: 'DELETE',
    path: c,
    takesBody: false,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      const timeoutMs = operationTimeoutMs(input.query);
      return async () => plainResult(await collections.delete(name, timeoutMs));
    },
  },
  {
    ...read,
    path: `${c}/optimizations`,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      const parts = optimizationParts(input.query);
      return async () => {
        const { shards } = await collections.info(name);
        return plainResult(optimizationsDocument(shards, parts));
      };
    },
  },
  {
    ...read,
    path: `${c}/shards`,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      return () => {
        collections.require(name);
        return plainResult({});
      };
    },
  },
  {
    ...change,
    method: 'POST',
    path: '/collections/aliases',
    prepare: (input, { collections }) => {
      const actions = decodeAliasActions(input.body);
      const timeoutMs = operationTimeoutMs(input.query);
      return async () => plainResult(await collections.changeAliases(actions, timeoutMs));
    },
  },
  {
    ...read,
    path: '/aliases',
    prepare:
      (_input, { collections }) =>
      () =>
        plainResult({ aliases: collections.aliases(null) }),
  },
  {
    ...read,
    path: `${c}/aliases`,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      return () => plainResult({ aliases: collections.aliases(name) });
    },
  },
  {
    ...change,
    method: 'PUT',
    path: `${c}/index`,
    measured: true,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      const index = decodeCreateIndex(input.body);
      const options = writeOptions(input.query);
      return async () => updateResult(await collections.createIndex(name, index, options));
    },
  },
  {
    ...change,
    method: 'DELETE',
    path: `${c}/index/{field_name}`,
    measured: true,
    takesBody: false,
    prepare: (input, { collections }) => {
      const name = collectionName(input);
      const field = input.params['field_name'] ?? '';
      const options = writeOptions(input.query);
      return async () => updateResult(await collections.deleteIndex(name, field, options));
    },
  },
];

const partNames = ['queued', 'completed', 'idle_segments'];

function optimizationParts(query: QueryString) {
  const wanted = (query.get('with') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  for (const name of wanted) {
    if (!partNames.includes(name)) throw queryFault(`unknown optimizations part \`${name}\``);
  }
  return {
    queued: wanted.includes('queued'),
    completed: wanted.includes('completed'),
    idleSegments: wanted.includes('idle_segments'),
    completedCountMax: query.unsigned('completed_limit') ?? 16,
  };
}
