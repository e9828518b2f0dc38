// What became of one update, as data. A user's mistake is `failed` with the code and message of a
// `RequestError`; the layers above turn it back into one.

import type { RequestErrorCode } from '../model/request-error.ts';

export type UpdateOutcome =
  /** Applied and visible; its log record is on stable storage. */
  | { readonly status: 'completed'; readonly operationId: number }
  /** In the log, so it survives the death of the process; will be applied. */
  | { readonly status: 'acknowledged'; readonly operationId: number }
  /** In the log, not applied within the given time; it still will be. */
  | { readonly status: 'wait_timeout'; readonly operationId: number }
  /**
   * Refused. `operationId` is null when nothing was written to the log (a full disk, a closed
   * shard); otherwise the update was tried and parts of it may stay (spec/rest §2.10).
   */
  | {
      readonly status: 'failed';
      readonly operationId: number | null;
      readonly code: RequestErrorCode;
      readonly message: string;
    };

export interface UpdateOptions {
  readonly wait: boolean;
  readonly timeoutMs: number;
}

/** Nothing of it was written to the log. */
export function refusedUpdate(code: RequestErrorCode, message: string): UpdateOutcome {
  return { status: 'failed', operationId: null, code, message };
}
