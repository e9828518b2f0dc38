// Endpoints about the process itself: greeting, health, metrics, telemetry.

import { RequestError } from '../../../model/request-error.ts';
import { formatMetrics } from '../../../server/metrics.ts';
import { apiTitle, apiVersion } from '../../../server/services/version.ts';
import { telemetryReport } from '../../../server/telemetry.ts';
import { operationTimeoutMs } from '../query-string.ts';
import { plainResult, type Route, textReply } from '../route.ts';

const get = { method: 'GET', takesBody: false, measured: false } as const;

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
