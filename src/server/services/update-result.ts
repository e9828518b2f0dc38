// What became of a change to points, as every interface of the API reports it.

import { RequestError } from '../../model/request-error.ts';
import type { UpdateOutcome } from '../../shard/update-outcome.ts';

export interface UpdateResult {
  /** `null` when no shard took the operation. */
  readonly operationId: number | null;
  readonly status: 'acknowledged' | 'completed' | 'wait_timeout';
}

/** Throws when the shards refused the operation. */
export function resultOf(answer: UpdateOutcome | null): UpdateResult {
  if (answer === null) return { operationId: null, status: 'acknowledged' };
  if (answer.status === 'failed') throw new RequestError(answer.code, answer.message);
  return { operationId: answer.operationId, status: answer.status };
}
