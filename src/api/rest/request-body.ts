// Takes a request's body in: bounded in bytes as sent and as unpacked, whole before anything is
// decoded. A body that is too large is refused at once; what the client still sends is thrown away
// by `discardRest`, so that it gets to read the refusal.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { RequestError } from '../../model/request-error.ts';

/** The client went away before its request was complete: there is nobody to answer. */
export class AbortedRequest extends Error {
  override readonly name = 'AbortedRequest';
}

const empty = new Uint8Array(0);

/**
 * Bytes of unfinished bodies that one thread holds at once. Ten thousand connections, each with
 * most of a large body sent, must not take the memory of the process.
 */
export class BodyBudget {
  readonly #bytesMax: number;
  #held = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  take(bytes: number): void {
    if (this.#held + bytes > this.#bytesMax) {
      throw new RequestError('unavailable', 'too many large requests at once, try again later');
    }
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

export interface BodyLimits {
  readonly bytesMax: number;
  readonly budget: BodyBudget;
}

/** A body counts against the budget while it comes in; once complete it is decoded at once. */
export async function readBody(
  request: IncomingMessage,
  { bytesMax, budget }: BodyLimits,
): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > bytesMax) {
    throw new RequestError(
      'format',
      `JSON payload (${announced} bytes) is larger than allowed (limit: ${bytesMax} bytes).`,
    );
  }
  const packed = await collect(request, { bytesMax, budget });
  const encoding = request.headers['content-encoding']?.trim().toLowerCase();
  if (encoding === undefined || encoding === '' || encoding === 'identity') return packed;
  return unpack(packed, encoding, bytesMax);
}

function tooLarge(bytesMax: number): RequestError {
  return new RequestError('format', `JSON payload has exceeded limit (${bytesMax} bytes).`);
}

function collect(request: IncomingMessage, { bytesMax, budget }: BodyLimits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let taken = 0;
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      try {
        if (length > bytesMax) throw tooLarge(bytesMax);
        budget.take(chunk.length);
        taken += chunk.length;
        chunks.push(chunk);
      } catch (error) {
        request.off('data', onData);
        reject(error as RequestError);
      }
    };
    request.on('data', onData);
    request.on('end', () => {
      if (chunks.length === 1) resolve(chunks[0] ?? empty);
      else resolve(chunks.length === 0 ? empty : Buffer.concat(chunks, length));
    });
    request.on('error', () => reject(new AbortedRequest('the request broke off')));
    request.on('close', () => {
      budget.give(taken);
      if (!request.complete) reject(new AbortedRequest('the request broke off'));
    });
  });
}

const unpackers = {
  gzip: promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip),
  'x-gzip': promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip),
  deflate: promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.inflate),
  br: promisify<zlib.InputType, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress),
  zstd: promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress),
};

async function unpack(packed: Uint8Array, encoding: string, bytesMax: number): Promise<Uint8Array> {
  // An unknown encoding is read as it lies, as the reference does: it then fails as JSON.
  if (!Object.hasOwn(unpackers, encoding)) return packed;
  const unpacker = unpackers[encoding as keyof typeof unpackers];
  try {
    return await unpacker(packed, { maxOutputLength: bytesMax });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax);
    const detail = `corrupt ${encoding} stream`;
    throw new RequestError('format', `Format error in JSON body: ${detail}`, { cause });
  }
}

const discardBytesMax = 256 * 1024 * 1024;
const discardMs = 10_000;

/**
 * After an answer that came before the end of the body: reads the rest and forgets it, within
 * bounds of bytes and time, then ends the connection. Closing at once would make the client fail
 * while it still sends, before it has seen the answer.
 */
export function discardRest(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  const socket = request.socket;
  const destroy = () => socket.destroy();
  const timer = setTimeout(destroy, discardMs);
  timer.unref();
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > discardBytesMax) destroy();
  });
  request.resume();
  const stop = () => clearTimeout(timer);
  request.once('close', stop);
  response.once('close', stop);
}
