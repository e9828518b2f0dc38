// The extra listener for monitoring (`service.metrics_port`): `/metrics` and nothing else, without
// a key, so that it may stand on a port of its own behind a firewall.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import type { Logger } from '../../io/ports.ts';
import type { Engine } from '../../server/engine.ts';
import { formatMetrics } from '../../server/metrics.ts';
import { createRouter } from './router.ts';
import { metricsRoute } from './routes/service-routes.ts';

export interface MetricsServer {
  listen(options: ListenOptions): Promise<AddressInfo>;
  close(): Promise<void>;
}

export function createMetricsServer(engine: Engine, logger: Logger): MetricsServer {
  const findRoute = createRouter([metricsRoute]);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const match = findRoute(request.method ?? '', request.url ?? '/');
      if (match === null) {
        response.writeHead(404, { 'content-length': 0 }).end();
        return;
      }
      const perCollection = new URLSearchParams(match.query).get('per_collection') === 'true';
      const text = await formatMetrics(engine, { perCollection });
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    } catch (error) {
      logger.error('metrics could not be told', { stack: String(error) });
      response.destroy();
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  return {
    listen: (options) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options, () => resolve(server.address() as AddressInfo));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
