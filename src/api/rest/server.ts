// The REST listener of one thread: accepts connections, finds the route of each request, has it
// answered, counts it. Nothing a client does ends the thread; a client that goes away in the middle
// is forgotten.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import type { Logger } from '../../io/ports.ts';
import type { Settings } from '../../server/config/settings.ts';
import type { Engine, RequestSeries } from '../../server/engine.ts';
import { createRequestRecorder } from '../../server/metrics-requests.ts';
import { createServices } from '../../server/services/services.ts';
import { notFoundAnswer, RequestAnswerer } from './answer-request.ts';
import { ConnectionTurns } from './connection-turns.ts';
import { discardRest } from './request-body.ts';
import { createRouter, type RouteMatch } from './router.ts';
import { allRoutes } from './routes/all-routes.ts';
import { type Answer, AnswerSender, corsHeaders, preflightHeaders } from './send.ts';

export interface RestServerOptions {
  readonly logger: Logger;
  /** One line per request at INFO; costs several µs each. */
  readonly accessLog: boolean;
  /** Connections beyond this are closed at once. */
  readonly connectionCountMax?: number;
  /** Hears of errors that are bugs, after the request was answered with 500. */
  readonly onBug?: (error: unknown) => void;
}

export interface RestServer {
  listen(options: ListenOptions): Promise<AddressInfo>;
  /** Stops accepting, lets running requests finish for `drainMs`, then cuts what is left. */
  close(drainMs: number): Promise<void>;
  /** Requests answered by this thread; see `ProcessReport`. */
  requestSeries(): readonly RequestSeries[];
}

/** Clients keep idle connections up to 10 s; the server must never be the first to close. */
const keepAliveSecMin = 65;
const requestHeadBytesMax = 64 * 1024;
const defaultConnectionCountMax = 16_384;

export function createRestServer(engine: Engine, options: RestServerOptions): RestServer {
  return new RestListener(engine, options);
}

class RestListener implements RestServer {
  readonly #options: RestServerOptions;
  readonly #cors: boolean;
  readonly #server: Server;
  readonly #answerer: RequestAnswerer;
  readonly #findRoute = createRouter(allRoutes);
  readonly #recorder = createRequestRecorder();
  readonly #turns = new ConnectionTurns();
  readonly #sender = new AnswerSender();
  #closing = false;

  constructor(engine: Engine, options: RestServerOptions) {
    const { service } = engine.settings;
    this.#options = options;
    this.#cors = service.enable_cors;
    this.#answerer = new RequestAnswerer(createServices(engine, options.logger), (error) =>
      this.#reportBug(error),
    );
    this.#server = createServer(serverOptions(service), (request, response) => {
      void this.#takeTurn(request, response);
    });
    this.#server.maxConnections = options.connectionCountMax ?? defaultConnectionCountMax;
    this.#server.on('clientError', (_error, socket) => {
      // Not HTTP, or too slow: there is no request to answer properly.
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
      else socket.destroy();
    });
    for (const warning of ignoredSettings(service)) options.logger.warn(warning);
  }

  async #takeTurn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A reset connection shows as an error of either stream; the request has nobody to answer then.
    request.on('error', ignore);
    response.on('error', ignore);
    const { socket } = request;
    const turn = this.#turns.begin(socket);
    if (turn !== null) await turn;
    try {
      if (turn === null || !socket.destroyed) await this.#handle(request, response);
    } finally {
      this.#turns.end(socket);
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const preflight = this.#cors ? preflightHeaders(request) : null;
    if (preflight !== null) {
      await this.#finish(request, response, { ...notFoundAnswer, status: 200 }, preflight);
      return;
    }
    const match = this.#findRoute(request.method ?? '', request.url ?? '/');
    const answer = await this.#answerer.answer(request, match, startedAt);
    if (answer === null) return;
    this.#record(match, answer.status, startedAt);
    const finished = this.#finish(
      request,
      response,
      answer,
      this.#cors ? corsHeaders(request) : null,
    );
    if (finished !== null) await finished;
    if (this.#options.accessLog && !quietPaths.has(match?.route.path ?? '')) {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(6);
      this.#options.logger.info(`"${request.method} ${request.url}" ${answer.status} ${seconds}`);
    }
  }

  /** At once for all but long answers: then `null`. */
  #finish(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
    headers: Readonly<Record<string, string>> | null,
  ): Promise<void> | null {
    const last = this.#closing || leavesMuch(request);
    try {
      const shown = last ? { ...headers, connection: 'close' } : headers;
      const sent = this.#sender.send(request, response, answer, shown);
      if (sent !== null) return this.#sentLater(request, response, sent);
      if (leavesMuch(request)) discardRest(request, response);
    } catch (error) {
      this.#failed(response, error);
    }
    return null;
  }

  async #sentLater(
    request: IncomingMessage,
    response: ServerResponse,
    sent: Promise<void>,
  ): Promise<void> {
    try {
      await sent;
      if (leavesMuch(request)) discardRest(request, response);
    } catch (error) {
      this.#failed(response, error);
    }
  }

  #failed(response: ServerResponse, error: unknown): void {
    this.#reportBug(error);
    response.destroy();
  }

  #reportBug(error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    this.#options.logger.error('a request failed because of a bug', { stack });
    this.#options.onBug?.(error);
  }

  #record(match: RouteMatch | null, status: number, startedAt: number): void {
    if (match === null || !match.route.measured) return;
    this.#recorder.record({
      method: match.route.method,
      endpoint: match.route.path,
      status,
      collection: match.params['collection_name'] ?? '',
      seconds: (performance.now() - startedAt) / 1000,
      atMs: Date.now(),
    });
  }

  listen(options: ListenOptions): Promise<AddressInfo> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(options, () => {
        server.off('error', reject);
        resolve(server.address() as AddressInfo);
      });
    });
  }

  close(drainMs: number): Promise<void> {
    this.#closing = true;
    const server = this.#server;
    return new Promise((resolve) => {
      const timer = setTimeout(() => server.closeAllConnections(), drainMs);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      server.closeIdleConnections();
    });
  }

  requestSeries(): readonly RequestSeries[] {
    return this.#recorder.series();
  }
}

/** What is asked for and not built, where going on without it promises nothing. */
function ignoredSettings(service: Settings['service']): readonly string[] {
  const asked: readonly (readonly [boolean | null, string])[] = [
    [service.jwt_rbac, 'jwt_rbac is set, but tokens are not built yet: each is refused with 401'],
    [service.hardware_reporting, 'hardware_reporting is set, but answers carry no usage yet'],
  ];
  return asked.filter(([wanted]) => wanted === true).map(([, warning]) => warning);
}

function serverOptions(service: Settings['service']) {
  return {
    keepAliveTimeout: Math.max(keepAliveSecMin, service.http_keep_alive_timeout_sec) * 1000,
    headersTimeout: service.http_client_request_timeout_sec * 1000,
    requestTimeout: 300_000,
    connectionsCheckingInterval: 2_000,
    maxHeaderSize: requestHeadBytesMax,
    noDelay: true,
  };
}

/**
 * A small body that no route asked for is read to its end by Node itself, and the connection goes
 * on.
 */
const smallRestBytes = 64 * 1024;

function leavesMuch(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || Number(length ?? 0) > smallRestBytes;
}

function ignore(): void {}

/** Requests that monitoring repeats all day. */
const quietPaths = new Set(['/', '/metrics', '/telemetry', '/healthz', '/readyz', '/livez']);
