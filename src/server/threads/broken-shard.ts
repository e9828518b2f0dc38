// A shard whose files cannot be loaded: every request to it fails with the reason. Index changes are
// acknowledged, because they are agreed on apart from it and it takes them up once it is repaired.

import type { ShardAccess, ShardInfo, ShardUpdateAnswer } from '../../collection/shard-access.ts';
import type { ShardReadAnswer } from '../../model/read.ts';
import { RequestError } from '../../model/request-error.ts';
import { decodeUpdate } from '../../model/update-codec.ts';

export class BrokenShard implements ShardAccess {
  readonly #reason: string;

  constructor(reason: string) {
    this.#reason = reason;
  }

  update(record: Uint8Array): Promise<ShardUpdateAnswer> {
    const { kind } = decodeUpdate(record);
    if (kind === 'create_index' || kind === 'delete_index') {
      return Promise.resolve({ status: 'acknowledged', operationId: 0 });
    }
    const message = this.#reason;
    return Promise.resolve({ status: 'failed', operationId: null, code: 'internal', message });
  }

  read(): Promise<ShardReadAnswer> {
    return Promise.reject(new RequestError('internal', this.#reason));
  }

  info(): Promise<ShardInfo> {
    return Promise.reject(new RequestError('internal', this.#reason));
  }
}
