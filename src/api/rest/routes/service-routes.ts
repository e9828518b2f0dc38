// Endpoints about the process itself: greeting, health, metrics, telemetry, and what a node that
// runs alone says about clusters.

import { RequestError } from '../../../model/request-error.ts';
import { formatMetrics } from '../../../server/metrics.ts';
import { apiTitle, apiVersion } from '../../../server/services/version.ts';
import { telemetryReport } from '../../../server/telemetry.ts';
import { operationTimeoutMs } from '../query-string.ts';
import { plainResult, type Route, textReply } from '../route.ts';

const get = { method: 'GET', takesBody: false, measured: false } as const;

const standalone = 'Qdrant is running in standalone mode';

export const metricsRoute: Route = {
  ...get,
  path: '/metrics',
  access: 'read',
  prepare: ({ query }, { engine }) => {
    query.boolean('anonymize', false);
    const perCollection = query.boolean('per_collection', false);
    operationTimeoutMs(query);
    return async () => textReply(200, await formatMetrics(engine, { perCollection }));
  },
};

export const serviceRoutes: readonly Route[] = [
  {
    ...get,
    path: '/',
    access: 'open',
    prepare: () => () => ({
      kind: 'json',
      write: (writer) => writer.plain({ title: apiTitle, version: apiVersion }),
    }),
  },
  ...['/healthz', '/livez'].map(
    (path): Route => ({
      ...get,
      path,
      access: 'open',
      prepare: () => () => textReply(200, 'healthz check passed'),
    }),
  ),
  {
    ...get,
    path: '/readyz',
    access: 'open',
    prepare: () => () => textReply(200, 'all shards are ready'),
  },
  metricsRoute,
  {
    ...get,
    path: '/telemetry',
    access: 'read',
    prepare: ({ query }, { engine }) => {
      const detailsLevel = query.unsigned('details_level') ?? 0;
      const anonymize = query.boolean('anonymize', false);
      const perCollection = query.boolean('per_collection', false);
      operationTimeoutMs(query);
      return async () =>
        plainResult(await telemetryReport(engine, { detailsLevel, anonymize, perCollection }));
    },
  },
  {
    ...get,
    path: '/cluster',
    access: 'read',
    prepare: () => () => plainResult({ status: 'disabled' }),
  },
  {
    ...get,
    path: '/issues',
    access: 'read',
    prepare: () => () => plainResult({ issues: [] }),
  },
  {
    ...get,
    method: 'DELETE',
    path: '/issues',
    access: 'manage',
    prepare: () => () => plainResult(true),
  },
  standaloneFault('GET', '/cluster/telemetry', 'read'),
  standaloneFault('POST', '/cluster/recover', 'manage'),
  standaloneFault('GET', '/cluster/metadata/keys', 'read'),
  standaloneFault('GET', '/cluster/metadata/keys/{key}', 'read'),
  standaloneFault('PUT', '/cluster/metadata/keys/{key}', 'manage'),
  standaloneFault('DELETE', '/cluster/metadata/keys/{key}', 'manage'),
  {
    ...get,
    method: 'DELETE',
    path: '/cluster/peer/{peer_id}',
    access: 'manage',
    prepare: () => () => {
      throw new RequestError('bad_request', 'Distributed mode disabled');
    },
  },
  {
    ...get,
    method: 'POST',
    path: '/audit/logs',
    access: 'manage',
    takesBody: true,
    prepare: () => () => {
      throw new RequestError('bad_request', 'Audit logging is not configured/enabled');
    },
  },
];

function standaloneFault(method: Route['method'], path: string, access: 'read' | 'manage'): Route {
  const refuse = () => {
    throw new RequestError('internal', standalone);
  };
  return { ...get, method, path, access, takesBody: method === 'PUT', prepare: () => refuse };
}
