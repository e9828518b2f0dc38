// `UpdateResult`: what became of a change to points.

import type { UpdateResult } from '../../../server/services/update-result.ts';
import { plainResult, type Reply } from '../route.ts';

export function updateResult(result: UpdateResult): Reply {
  return plainResult(updateDocument(result));
}

export function updateDocument(result: UpdateResult): object {
  const { operationId, status } = result;
  return operationId === null ? { status } : { operation_id: operationId, status };
}
