// The REST listener of one thread: takes requests in, finds their route, asks for the key, hands the
// work to the route, and answers. Every failure of one request ends in an answer to that request;
// nothing a client does ends the thread.
// Order of checks: key → path → body → query string → rights → execution.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import { JsonError } from '../../base/json-error.ts';
import type { Logger } from '../../io/ports.ts';
import { RequestError } from '../../model/request-error.ts';
import type { Engine, RequestSeries } from '../../server/engine.ts';
import { createRequestRecorder } from '../../server/metrics-requests.ts';
import { createServices } from '../../server/services/services.ts';
import { createKeyCheck } from '../auth/api-keys.ts';
import { errorStatus, errorText } from '../status.ts';
import { JsonWriter } from './json-writer.ts';
import { QueryString } from './query-string.ts';
import { AbortedRequest, discardRest, readBody } from './request-body.ts';
import type { Reply } from './route.ts';
import { createRouter, type RouteMatch } from './router.ts';
import { allRoutes } from './routes/all-routes.ts';
import { type Answer, corsHeaders, preflightHeaders, send } from './send.ts';

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

const mebibyte = 1024 * 1024;
/** Clients keep idle connections up to 10 s; the server must never be the first to close. */
const keepAliveSecMin = 65;
const requestHeadBytesMax = 64 * 1024;
const defaultConnectionCountMax = 16_384;

const noBody = new Uint8Array(0);
const emptyAnswer = Buffer.alloc(0);
const notFoundAnswer: Answer = { status: 404, contentType: null, body: emptyAnswer };

export function createRestServer(engine: Engine, options: RestServerOptions): RestServer {
  const service = engine.settings.service;
  const bodyBytesMax = service.max_request_size_mb * mebibyte;
  const keyCheck = createKeyCheck({
    apiKey: service.api_key,
    altApiKey: service.alt_api_key,
    readOnlyApiKey: service.read_only_api_key,
  });
  if (service.jwt_rbac === true) {
    options.logger.warn('jwt_rbac is set, but tokens are not built yet: each is refused with 401');
  }
  const services = createServices(engine, options.logger);
  const findRoute = createRouter(allRoutes);
  const recorder = createRequestRecorder();
  const writer = new JsonWriter();
  let closing = false;

  const server = createServer(
    {
      keepAliveTimeout: Math.max(keepAliveSecMin, service.http_keep_alive_timeout_sec) * 1000,
      headersTimeout: Math.max(service.http_client_request_timeout_sec, 1) * 1000,
      requestTimeout: 300_000,
      connectionsCheckingInterval: 2_000,
      maxHeaderSize: requestHeadBytesMax,
      noDelay: true,
    },
    (request, response) => void handle(request, response),
  );
  server.maxConnections = options.connectionCountMax ?? defaultConnectionCountMax;
  server.on('clientError', (_error, socket) => {
    // Not HTTP, or too slow: there is no request to answer properly.
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    else socket.destroy();
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    // A reset connection shows as an error of either stream; the request has nobody to answer then.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const preflight = service.enable_cors ? preflightHeaders(request) : null;
    if (preflight !== null) {
      await send(request, response, { ...notFoundAnswer, status: 200 }, preflight);
      return;
    }
    const match = findRoute(request.method ?? '', request.url ?? '/');
    let answer: Answer;
    try {
      answer = await answerTo(request, match, startedAt);
    } catch (error) {
      if (error instanceof AbortedRequest) return;
      answer = failure(error, startedAt);
    }
    record(match, answer.status, startedAt);
    await finish(request, response, answer);
    if (options.accessLog && !quietPaths.has(match?.route.path ?? '')) {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(6);
      options.logger.info(`"${request.method} ${request.url}" ${answer.status} ${seconds}`);
    }
  }

  async function finish(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
  ): Promise<void> {
    const extra: Record<string, string> = service.enable_cors ? { ...corsHeaders(request) } : {};
    if (closing || !request.complete) extra['connection'] = 'close';
    try {
      await send(request, response, answer, extra);
      discardRest(request, response);
    } catch (error) {
      reportBug(error);
      response.destroy();
    }
  }

  async function answerTo(
    request: IncomingMessage,
    match: RouteMatch | null,
    startedAt: number,
  ): Promise<Answer> {
    const open = match !== null && match.route.access === 'open';
    const caller = open ? null : keyCheck(request.headers);
    if (caller?.kind === 'refused') return plainText(401, caller.text);
    if (match === null) return notFoundAnswer;
    const { route, params } = match;
    const body = route.takesBody ? await readBody(request, bodyBytesMax) : noBody;
    const input = { params, query: new QueryString(match.query), body };
    const run = route.prepare(input, services);
    if (route.access === 'manage' && caller?.kind === 'allowed' && caller.access === 'read') {
      throw new RequestError('forbidden', 'Global manage access is required');
    }
    return encode(await run(), startedAt);
  }

  function encode(reply: Reply, startedAt: number): Answer {
    if (reply.kind === 'text') return plainText(reply.status, reply.text, reply.contentType);
    writer.reset();
    if (reply.kind === 'json') {
      reply.write(writer);
    } else {
      writer.raw('{"result":');
      reply.write(writer);
      writer.raw(`,"status":"ok","time":${secondsSince(startedAt)}}`);
    }
    return { status: 200, contentType: 'application/json', body: writer.finish() };
  }

  function failure(error: unknown, startedAt: number): Answer {
    const known = requestError(error);
    if (known === null) reportBug(error);
    const shown = known ?? new RequestError('internal', 'unexpected failure, see the log');
    const status = { error: errorText(shown) };
    const text = JSON.stringify({ status, time: Number(secondsSince(startedAt)) });
    return {
      status: errorStatus(shown.code).http,
      contentType: 'application/json',
      body: Buffer.from(text),
    };
  }

  function reportBug(error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    options.logger.error('a request failed because of a bug', { stack });
    options.onBug?.(error);
  }

  function record(match: RouteMatch | null, status: number, startedAt: number): void {
    if (match === null || !match.route.measured) return;
    recorder.record({
      method: match.route.method,
      endpoint: match.route.path,
      status,
      collection: match.params['collection_name'] ?? '',
      seconds: (performance.now() - startedAt) / 1000,
      atMs: Date.now(),
    });
  }

  return {
    listen: (listenOptions) => listen(server, listenOptions),
    close: (drainMs) => {
      closing = true;
      return close(server, drainMs);
    },
    requestSeries: () => recorder.series(),
  };
}

/** Requests that monitoring repeats all day. */
const quietPaths = new Set(['/', '/metrics', '/telemetry', '/healthz', '/readyz', '/livez']);

function plainText(status: number, text: string, contentType = 'text/plain'): Answer {
  return { status, contentType, body: Buffer.from(text) };
}

function secondsSince(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(9);
}

function requestError(error: unknown): RequestError | null {
  if (error instanceof RequestError) return error;
  if (!(error instanceof JsonError)) return null;
  return new RequestError('format', `Format error in JSON body: ${error.message}`);
}

function listen(server: Server, options: ListenOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

function close(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
