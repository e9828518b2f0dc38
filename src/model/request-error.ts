// A request that cannot be served, as data: one code, one message in the API's words. Only
// `api/status.ts` knows which HTTP status a code has. Everything below `api` throws this and
// nothing else for a user's mistake.

export type RequestErrorCode =
  /** 400 `Wrong input: `: bad input found while the request is carried out. */
  | 'wrong_input'
  /** 400 `Bad request: `: a contradictory request. */
  | 'bad_request'
  /** 400, message as it is (body limits, malformed JSON, malformed query string). */
  | 'format'
  /** 422, message as it is (`Validation error in …`). */
  | 'validation'
  /** 404 `Not found: `. */
  | 'not_found'
  /** 409 `Wrong input: `. */
  | 'already_exists'
  /** 403 `Forbidden: `. */
  | 'forbidden'
  /** 408 `Timeout: `. */
  | 'timeout'
  /** 500 `Service internal error: `. */
  | 'internal'
  /** 501 `Not implemented: `: part of the API that this version does not offer yet. */
  | 'not_implemented'
  /** 500 `Pre-condition failure: `: the replica that was asked does not take this now. */
  | 'precondition_failed'
  /** 503 `Shard temporarily unavailable: `. */
  | 'unavailable';

/** What a client reads before the message. */
export const errorPrefixes: Readonly<Record<RequestErrorCode, string>> = {
  wrong_input: 'Wrong input: ',
  bad_request: 'Bad request: ',
  format: '',
  validation: '',
  not_found: 'Not found: ',
  already_exists: 'Wrong input: ',
  forbidden: 'Forbidden: ',
  timeout: 'Timeout: ',
  internal: 'Service internal error: ',
  not_implemented: 'Not implemented: ',
  precondition_failed: 'Pre-condition failure: ',
  unavailable: 'Shard temporarily unavailable: ',
};

/** Thrown for a request that cannot be served; `message` carries no prefix. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;

  constructor(code: RequestErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
