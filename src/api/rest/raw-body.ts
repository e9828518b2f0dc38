// Bodies of the few endpoints that the reference decodes in its plain way: a content type that says
// JSON, at most 2 MiB, and faults as plain text.

import type { IncomingMessage } from 'node:http';
import { JsonError } from '../../base/json-error.ts';
import { JsonScanner } from '../../base/json-scanner.ts';
import { RequestError } from '../../model/request-error.ts';
import { type BodyBudget, readBody } from './request-body.ts';

const rawBytesMax = 2 * 1024 * 1024;

/** A fault that is answered with this status and nothing but the text. */
export class RawBodyFault extends Error {
  override readonly name = 'RawBodyFault';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** One JSON value of any kind, as it was sent but for white space around it. */
export async function readRawJson(
  request: IncomingMessage,
  budget: BodyBudget,
): Promise<Uint8Array> {
  const contentType = request.headers['content-type'] ?? '';
  const mediaType = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (!/^application\/([^+]+\+)?json$/.test(mediaType)) {
    throw new RawBodyFault(400, 'Content type error');
  }
  try {
    return wholeValue(await readBody(request, { bytesMax: rawBytesMax, budget }));
  } catch (error) {
    if (error instanceof RequestError && error.code === 'format') {
      throw new RawBodyFault(413, error.message, { cause: error });
    }
    if (!(error instanceof JsonError)) throw error;
    throw new RawBodyFault(400, `Json deserialize error: ${error.message}`, { cause: error });
  }
}

function wholeValue(body: Uint8Array): Uint8Array {
  const scanner = new JsonScanner(body);
  scanner.peekKind();
  const start = scanner.at;
  scanner.skipValue();
  const end = scanner.at;
  scanner.finish();
  return body.subarray(start, end);
}
