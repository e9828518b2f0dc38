// Endpoints of the API that Octant does not offer yet. Each is answered with 501 and its name, so
// that a client learns what is missing instead of meeting a 404.

import { RequestError } from '../../../model/request-error.ts';
import type { Route } from '../route.ts';

const c = '/collections/{collection_name}';
const shard = `${c}/shards/{shard_id}`;

/** `METHOD path`, `!` in front where a read-only key may not call it. */
const unbuilt: readonly string[] = [
  `GET ${c}/memory`,
  `!PUT ${c}/vectors/{vector_name}`,
  `!DELETE ${c}/vectors/{vector_name}`,
  `!POST ${c}/truncate_unapplied_wal`,
  `POST ${c}/facet`,
  `POST ${c}/points/search/groups`,
  `POST ${c}/points/search/matrix/pairs`,
  `POST ${c}/points/search/matrix/offsets`,
  `POST ${c}/points/recommend`,
  `POST ${c}/points/recommend/batch`,
  `POST ${c}/points/recommend/groups`,
  `POST ${c}/points/discover`,
  `POST ${c}/points/discover/batch`,
  `POST ${c}/points/query/groups`,
  `!POST ${shard}/cleanup`,
  `GET ${c}/snapshots`,
  `!POST ${c}/snapshots`,
  `GET ${c}/snapshots/{snapshot_name}`,
  `!DELETE ${c}/snapshots/{snapshot_name}`,
  `!PUT ${c}/snapshots/recover`,
  `!POST ${c}/snapshots/upload`,
  'GET /snapshots',
  '!POST /snapshots',
  'GET /snapshots/{snapshot_name}',
  '!DELETE /snapshots/{snapshot_name}',
  `GET ${shard}/snapshots`,
  `!POST ${shard}/snapshots`,
  `GET ${shard}/snapshots/{snapshot_name}`,
  `!DELETE ${shard}/snapshots/{snapshot_name}`,
  `!PUT ${shard}/snapshots/recover`,
  `!POST ${shard}/snapshots/upload`,
  `GET ${shard}/snapshot`,
  `!POST ${shard}/snapshot/partial/create`,
  `!POST ${shard}/snapshot/partial/recover`,
  `!POST ${shard}/snapshot/partial/recover_from`,
  `GET ${shard}/snapshot/partial/manifest`,
  'GET /logger',
  '!POST /logger',
  '!GET /stacktrace',
  '!GET /profiler/slow_requests',
  '!GET /debugger',
  '!PATCH /debugger',
];

export const unbuiltRoutes: readonly Route[] = unbuilt.map((line): Route => {
  const access = line.startsWith('!') ? 'manage' : 'read';
  const [method, path] = line.replace('!', '').split(' ') as [Route['method'], string];
  const prepare = () => () => {
    throw new RequestError('not_implemented', `${method} ${path} is not built yet`);
  };
  return { method, path, access, takesBody: false, measured: false, prepare };
});
