// The one table from a request error's code to what a client sees: the HTTP status, and the words
// its message begins with. A new code without a row does not compile.

import { errorPrefixes, type RequestError, type RequestErrorCode } from '../model/request-error.ts';

export interface ErrorStatus {
  readonly http: number;
  readonly prefix: string;
}

const statuses = {
  wrong_input: 400,
  bad_request: 400,
  format: 400,
  validation: 422,
  not_found: 404,
  already_exists: 409,
  forbidden: 403,
  timeout: 408,
  internal: 500,
  not_implemented: 501,
  precondition_failed: 500,
  unavailable: 503,
} as const satisfies Record<RequestErrorCode, number>;

export function errorStatus(code: RequestErrorCode): ErrorStatus {
  return { http: statuses[code], prefix: errorPrefixes[code] };
}

/** The message as a client reads it. */
export function errorText(error: RequestError): string {
  return errorPrefixes[error.code] + error.message;
}
