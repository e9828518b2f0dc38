// From one request to its answer, apart from the socket: key, body, route, encoding, faults.
// Order of checks: key → path → body → query string → rights → execution.

import type { IncomingMessage } from 'node:http';
import { JsonError } from '../../base/json-error.ts';
import { RequestError } from '../../model/request-error.ts';
import type { Services } from '../../server/services/services.ts';
import { createKeyCheck } from '../auth/api-keys.ts';
import { errorStatus, errorText } from '../status.ts';
import { JsonWriter } from './json-writer.ts';
import { QueryString } from './query-string.ts';
import { RawBodyFault, readRawJson } from './raw-body.ts';
import { AbortedRequest, BodyBudget, type BodyLimits, readBody } from './request-body.ts';
import type { Reply, Route } from './route.ts';
import type { RouteMatch } from './router.ts';
import { type Answer, textBytesMax } from './send.ts';

const noBody = new Uint8Array(0);
const mebibyte = 1024 * 1024;
const heldBytesMax = 512 * mebibyte;

export const notFoundAnswer: Answer = { status: 404, contentType: null, body: Buffer.alloc(0) };

export class RequestAnswerer {
  readonly #services: Services;
  readonly #reportBug: (error: unknown) => void;
  readonly #keyCheck: ReturnType<typeof createKeyCheck>;
  readonly #bodyLimits: BodyLimits;
  readonly #writer = new JsonWriter();

  constructor(services: Services, reportBug: (error: unknown) => void) {
    const { service } = services.engine.settings;
    this.#services = services;
    this.#reportBug = reportBug;
    const bytesMax = service.max_request_size_mb * mebibyte;
    this.#bodyLimits = { bytesMax, budget: new BodyBudget(Math.max(heldBytesMax, bytesMax)) };
    this.#keyCheck = createKeyCheck({
      apiKey: service.api_key,
      altApiKey: service.alt_api_key,
      readOnlyApiKey: service.read_only_api_key,
    });
  }

  /** `null` when the client has gone away; never rejects. `startedAt` is of `performance.now()`. */
  async answer(
    request: IncomingMessage,
    match: RouteMatch | null,
    startedAt: number,
  ): Promise<Answer | null> {
    try {
      return await this.#answer(request, match, startedAt);
    } catch (error) {
      return error instanceof AbortedRequest ? null : this.#failure(error, startedAt);
    }
  }

  async #answer(
    request: IncomingMessage,
    match: RouteMatch | null,
    startedAt: number,
  ): Promise<Answer> {
    const open = match !== null && match.route.access === 'open';
    const caller = open ? null : this.#keyCheck(request.headers);
    if (caller?.kind === 'refused') return plainText(401, caller.text);
    if (match === null) return notFoundAnswer;
    const { route, params } = match;
    const body = await this.#body(request, route);
    const input = { params, query: new QueryString(match.query), body };
    const run = route.prepare(input, this.#services);
    if (route.access === 'manage' && caller?.kind === 'allowed' && caller.access === 'read') {
      throw new RequestError('forbidden', 'Global manage access is required');
    }
    return this.#encode(await run(), startedAt);
  }

  #body(request: IncomingMessage, route: Route): Promise<Uint8Array> | Uint8Array {
    if (route.takesRawJson) return readRawJson(request, this.#bodyLimits.budget);
    return route.takesBody ? readBody(request, this.#bodyLimits) : noBody;
  }

  #encode(reply: Reply, startedAt: number): Answer {
    if (reply.kind === 'text') return plainText(reply.status, reply.text, reply.contentType);
    const writer = this.#writer;
    writer.reset();
    if (reply.kind === 'json') {
      reply.write(writer);
    } else {
      writer.raw('{"result":');
      reply.write(writer);
      writer.raw(`,"status":"ok","time":${secondsSince(startedAt)}}`);
    }
    const body = writer.length <= textBytesMax ? writer.finishLatin1() : writer.finish();
    return { status: 200, contentType: 'application/json', body };
  }

  #failure(error: unknown, startedAt: number): Answer {
    if (error instanceof RawBodyFault) return plainText(error.status, error.message);
    const known = requestError(error);
    if (known === null) this.#reportBug(error);
    const shown = known ?? new RequestError('internal', 'unexpected failure, see the log');
    const status = { error: errorText(shown) };
    const text = JSON.stringify({ status, time: Number(secondsSince(startedAt)) });
    return {
      status: errorStatus(shown.code).http,
      contentType: 'application/json',
      body: Buffer.from(text),
    };
  }
}

function requestError(error: unknown): RequestError | null {
  if (error instanceof RequestError) return error;
  if (!(error instanceof JsonError)) return null;
  return new RequestError('format', `Format error in JSON body: ${error.message}`);
}

function plainText(status: number, text: string, contentType = 'text/plain'): Answer {
  return { status, contentType, body: Buffer.from(text) };
}

function secondsSince(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(9);
}
