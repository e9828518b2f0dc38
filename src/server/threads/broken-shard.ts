// Stands for a shard whose files are not loaded: they are damaged, or the node is in recovery mode.
// Every request to it fails with the reason. Index changes are acknowledged, because they are
// agreed on apart from it and it takes them up once it is repaired.

import type { ShardAccess } from '../../collection/shard-access.ts';
import type { ShardReadRequest } from '../../model/read.ts';
import { RequestError } from '../../model/request-error.ts';
import { decodeUpdate } from '../../model/update-codec.ts';
import { refusedUpdate, type UpdateOutcome } from '../../shard/update-outcome.ts';

const readNames: Readonly<Record<ShardReadRequest['kind'], string>> = {
  search: 'search',
  scroll: 'Scroll',
  ordered_scroll: 'Scroll',
  retrieve: 'retrieve',
  count: 'count',
};

export class BrokenShard implements ShardAccess {
  readonly #reason: string;

  constructor(reason: string) {
    this.#reason = reason;
  }

  update(record: Uint8Array): Promise<UpdateOutcome> {
    const { kind } = decodeUpdate(record);
    if (kind === 'create_index' || kind === 'delete_index') {
      return Promise.resolve({ status: 'acknowledged', operationId: 0 });
    }
    // Two blanks, as clients know it.
    const message = `Failed to Update Points,  ${this.#reason}`;
    return Promise.resolve(refusedUpdate('internal', message));
  }

  read(request: ShardReadRequest): Promise<never> {
    return Promise.reject(this.#readError(readNames[request.kind]));
  }

  info(): Promise<never> {
    return Promise.reject(this.#readError('Get Info'));
  }

  #readError(name: string): RequestError {
    const cause = `Service internal error: Failed to ${name},  ${this.#reason}`;
    return new RequestError('internal', `1 of 1 read operations failed:\n  ${cause}`);
  }
}
