// Writes answers to their sockets: each whole with its length, packed by gzip where the client can
// read it and the saving pays for the work. Short answers of one turn of the event loop go out
// together (`GatheredAnswers`).

import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { GatheredAnswers } from './gathered-answers.ts';

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);

/**
 * Packing costs about 20 ms of CPU per MB even at the lowest level; below this size an answer is
 * sent faster than it is packed on any network that a database is reached by.
 */
const gzipBytesMin = 32 * 1024;

/**
 * Up to this long a body is sent as text: it then goes out with the head in one plain write, for
 * which Node does not allocate; a buffer would need two chunks and a gathering write, which costs
 * several times as much. Latin-1 is one byte per character, so the bytes of UTF-8 pass through it
 * unchanged.
 */
export const textBytesMax = 15 * 1024;

export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  /** A string holds one byte per character. */
  readonly body: Buffer | string;
}

type ExtraHeaders = Readonly<Record<string, string>> | null;

/** One per thread that listens. */
export class AnswerSender {
  readonly #gathered = new GatheredAnswers();

  /** `null`, unless a long answer has to be packed first. */
  send(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
    extraHeaders: ExtraHeaders,
  ): Promise<void> | null {
    const { body } = answer;
    if (body.length < gzipBytesMin || !takesGzip(request)) {
      this.#write(response, answer, extraHeaders);
      return null;
    }
    return gzip(body, { level: 1 }).then((packed) => {
      const headers = { 'content-encoding': 'gzip', vary: 'accept-encoding', ...extraHeaders };
      this.#write(response, { ...answer, body: packed }, headers);
    });
  }

  #write(
    response: ServerResponse,
    { status, contentType, body }: Answer,
    extraHeaders: ExtraHeaders,
  ): void {
    if (response.destroyed || response.headersSent) return;
    const headers: Record<string, string | number> = { 'content-length': body.length };
    if (contentType !== null) headers['content-type'] = contentType;
    if (extraHeaders !== null) Object.assign(headers, extraHeaders);
    response.writeHead(status, headers);
    if (typeof body === 'string') this.#gathered.end(response, body);
    else if (body.length > textBytesMax) response.end(body);
    else this.#gathered.end(response, body.toString('latin1'));
  }
}

function takesGzip(request: IncomingMessage): boolean {
  const accepted = request.headers['accept-encoding'];
  if (typeof accepted !== 'string') return false;
  return accepted.split(',').some((part) => {
    const [coding, ...parameters] = part.trim().toLowerCase().split(';');
    if (coding?.trim() !== 'gzip' && coding?.trim() !== '*') return false;
    return !parameters.some((parameter) => /^\s*q\s*=\s*0(\.0*)?\s*$/.test(parameter));
  });
}

/** Headers for a browser of another origin; none without an `Origin`. */
export function corsHeaders(request: IncomingMessage): Readonly<Record<string, string>> | null {
  const origin = request.headers.origin;
  if (origin === undefined) return null;
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': '*',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  };
}

/** The answer to a preflight, which is given before any key is asked for; `null` if it is none. */
export function preflightHeaders(
  request: IncomingMessage,
): Readonly<Record<string, string>> | null {
  if (request.method !== 'OPTIONS' || request.headers.origin === undefined) return null;
  const method = request.headers['access-control-request-method'];
  if (method === undefined) return null;
  const wanted = request.headers['access-control-request-headers'];
  return {
    ...corsHeaders(request),
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD',
    ...(wanted === undefined ? {} : { 'access-control-allow-headers': wanted }),
    'access-control-max-age': '3600',
  };
}
