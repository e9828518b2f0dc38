// What became of a change to points, as every interface of the API reports it.

import type { ShardUpdateAnswer } from '../../collection/shard-access.ts';
import { RequestError } from '../../model/request-error.ts';

export interface UpdateResult {
  /** `null` when no shard took the operation. */
  readonly operationId: number | null;
  readonly status: 'acknowledged' | 'completed' | 'wait_timeout';
}

/** Throws when the shards refused the operation. */
export function resultOf(answer: ShardUpdateAnswer | null): UpdateResult {
  if (answer === null) return { operationId: null, status: 'acknowledged' };
  if (answer.status === 'failed') throw new RequestError(answer.code, answer.message);
  return { operationId: answer.operationId, status: answer.status };
}
