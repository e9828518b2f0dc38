// The one table from a request error's code to what a client sees: the HTTP status and the words
// its message begins with. A new code without a row does not compile.

import type { RequestError, RequestErrorCode } from '../model/request-error.ts';

export interface ErrorStatus {
  readonly http: number;
  readonly prefix: string;
}

const statuses = {
  wrong_input: { http: 400, prefix: 'Wrong input: ' },
  bad_request: { http: 400, prefix: 'Bad request: ' },
  format: { http: 400, prefix: '' },
  validation: { http: 422, prefix: '' },
  not_found: { http: 404, prefix: 'Not found: ' },
  already_exists: { http: 409, prefix: 'Wrong input: ' },
  forbidden: { http: 403, prefix: 'Forbidden: ' },
  timeout: { http: 408, prefix: 'Timeout: ' },
  internal: { http: 500, prefix: 'Service internal error: ' },
  not_implemented: { http: 501, prefix: 'Not implemented: ' },
  unavailable: { http: 503, prefix: 'Shard temporarily unavailable: ' },
} as const satisfies Record<RequestErrorCode, ErrorStatus>;

export function errorStatus(code: RequestErrorCode): ErrorStatus {
  return statuses[code];
}

/** The message as a client reads it. */
export function errorText(error: RequestError): string {
  return statuses[error.code].prefix + error.message;
}
