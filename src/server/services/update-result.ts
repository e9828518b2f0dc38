// What became of a change to points, as every interface of the API reports it.

export interface UpdateResult {
  /** `null` when no shard took the operation. */
  readonly operationId: number | null;
  readonly status: 'acknowledged' | 'completed' | 'wait_timeout';
}
