// Endpoints that read points.

import type { ReadOptions } from '../../../collection/read-path.ts';
import { RequestError } from '../../../model/request-error.ts';
import type { QueryRequest } from '../../../server/services/query-request.ts';
import type { Services } from '../../../server/services/services.ts';
import { decodeCount, decodeRetrieve, decodeScroll } from '../decode/point-reads.ts';
import { decodeQuery, decodeQueryBatch } from '../decode/query.ts';
import { decodeSearch, decodeSearchBatch } from '../decode/search.ts';
import { writeFoundPoint, writeRecord } from '../encode/points.ts';
import type { JsonWriter } from '../json-writer.ts';
import { collectionName, pathPointId } from '../path-params.ts';
import { readOptions } from '../query-string.ts';
import { plainResult, type Reply, type RequestInput, type Route } from '../route.ts';

const points = '/collections/{collection_name}/points';
const read = { method: 'POST', access: 'read', takesBody: true, measured: true } as const;

function optionsOf(input: RequestInput, { engine }: Services): ReadOptions {
  const { search_timeout_sec: defaultSec } = engine.settings.storage.performance;
  const options = readOptions(input.query, defaultSec);
  const localShardId = localShardOf(input);
  return localShardId === null ? options : { ...options, localShardId };
}

/** `null`: the path names no shard. A number that is no shard id is the id of no shard. */
function localShardOf(input: RequestInput): number | null {
  const text = input.params['shard_id'];
  if (text === undefined) return null;
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
}

/** Runs queries and lets `write` put their answers into the reply. */
function queryRoute(
  path: string,
  decode: (body: Uint8Array) => readonly QueryRequest[],
  write: (writer: JsonWriter, answers: readonly ((writer: JsonWriter) => void)[]) => void,
): Route {
  return {
    ...read,
    path: `${points}/${path}`,
    prepare: (input, services) => {
      const name = collectionName(input);
      const requests = decode(input.body);
      const options = optionsOf(input, services);
      return async (): Promise<Reply> => {
        const answers = await services.reads.query(name, requests, options);
        const lists = answers.map((found, index) => (writer: JsonWriter) => {
          const selection = requests[index]?.withPayload ?? 'none';
          writer.list(found, (point) => writeFoundPoint(writer, point, selection));
        });
        return { kind: 'result', write: (writer) => write(writer, lists) };
      };
    },
  };
}

type Lists = readonly ((writer: JsonWriter) => void)[];

const single = (writer: JsonWriter, [list]: Lists) => list?.(writer);

const many = (writer: JsonWriter, lists: Lists) => writer.list(lists, (list) => list(writer));

function wrapped(writer: JsonWriter, list: (writer: JsonWriter) => void): void {
  writer.raw('{"points":');
  list(writer);
  writer.raw('}');
}

/** Points by their ids or in order, and how many there are. */
function listingRoutes(path: string): readonly Route[] {
  return [
    {
      ...read,
      path,
      prepare: (input, services) => {
        const name = collectionName(input);
        const request = decodeRetrieve(input.body);
        const options = optionsOf(input, services);
        return async () => {
          const records = await services.reads.retrieve(name, request, options);
          return {
            kind: 'result',
            write: (writer) =>
              writer.list(records, (record) => writeRecord(writer, record, request.withPayload)),
          };
        };
      },
    },
    {
      ...read,
      path: `${path}/scroll`,
      prepare: (input, services) => {
        const name = collectionName(input);
        const request = decodeScroll(input.body);
        const options = optionsOf(input, services);
        return async () => {
          const page = await services.reads.scroll(name, request, options);
          return {
            kind: 'result',
            write: (writer) => {
              writer.raw('{"points":');
              writer.list(page.records, (one) => writeRecord(writer, one, request.withPayload));
              writer.raw(',"next_page_offset":');
              if (page.nextPageOffset === null) writer.raw('null');
              else writer.id(page.nextPageOffset);
              writer.raw('}');
            },
          };
        };
      },
    },
    {
      ...read,
      path: `${path}/count`,
      prepare: (input, services) => {
        const name = collectionName(input);
        const request = decodeCount(input.body);
        const options = optionsOf(input, services);
        return async () =>
          plainResult({ count: await services.reads.count(name, request, options) });
      },
    },
  ];
}

export const pointReadRoutes: readonly Route[] = [
  {
    ...read,
    method: 'GET',
    path: `${points}/{id}`,
    takesBody: false,
    prepare: (input, services) => {
      const name = collectionName(input);
      const id = pathPointId(input);
      const options = optionsOf(input, services);
      return async () => {
        const request = { ids: [id], withPayload: 'all', withVectors: true } as const;
        const [record] = await services.reads.retrieve(name, request, options);
        if (record === undefined) {
          throw new RequestError('not_found', `Point with id ${id} does not exists!`);
        }
        return { kind: 'result', write: (writer) => writeRecord(writer, record, 'all') };
      };
    },
  },
  ...listingRoutes(points),
  // Of the own replica only, whatever its state.
  ...listingRoutes('/collections/{collection_name}/shards/{shard_id}/points'),
  queryRoute('search', (body) => [decodeSearch(body)], single),
  queryRoute('search/batch', decodeSearchBatch, many),
  queryRoute(
    'query',
    (body) => [decodeQuery(body)],
    (writer, [list]) => {
      if (list !== undefined) wrapped(writer, list);
    },
  ),
  queryRoute('query/batch', decodeQueryBatch, (writer, lists) =>
    writer.list(lists, (list) => wrapped(writer, list)),
  ),
];
