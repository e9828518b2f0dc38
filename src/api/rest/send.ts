// Writes one answer to the socket: one buffer with its length, packed by gzip where the client can
// read it and the saving pays for the work.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);

/**
 * Packing costs about 20 ms of CPU per MB even at the lowest level; below this size an answer is
 * sent faster than it is packed on any network that a database is reached by.
 */
const gzipBytesMin = 32 * 1024;

/** Node writes text up to this long, its head included, without allocating. */
const textBytesMax = 15 * 1024;

export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: Buffer;
}

export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  extraHeaders: Readonly<Record<string, string>>,
): Promise<void> {
  let body = answer.body;
  let packed = false;
  if (body.length >= gzipBytesMin && takesGzip(request)) {
    body = await gzip(body, { level: 1 });
    packed = true;
  }
  if (response.destroyed || response.headersSent) return;
  const headers: Record<string, string | number> = { 'content-length': body.length };
  if (answer.contentType !== null) headers['content-type'] = answer.contentType;
  if (packed) {
    headers['content-encoding'] = 'gzip';
    headers['vary'] = 'accept-encoding';
  }
  Object.assign(headers, extraHeaders);
  response.writeHead(answer.status, headers);
  // A short body as text goes out with the head in one plain write; a buffer would need two chunks
  // and a gathering write, which costs several times as much. Latin-1 is one byte per character, so
  // the bytes of UTF-8 pass through it unchanged.
  if (body.length <= textBytesMax) response.end(body.toString('latin1'), 'latin1');
  else response.end(body);
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
export function corsHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  const origin = request.headers.origin;
  if (origin === undefined) return {};
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
