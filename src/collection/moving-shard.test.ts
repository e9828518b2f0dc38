import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerId } from '../base/ids.ts';
import type { TimerHandle, Timers } from '../io/ports.ts';
import type { ReplicaState } from '../model/cluster-state.ts';
import { RequestError, type RequestErrorCode } from '../model/request-error.ts';
import { MovingShard } from './moving-shard.ts';
import type { ReplicatedShard } from './replicated-shard.ts';

type Replicas = ReadonlyMap<PeerId, ReplicaState>;

const before: Replicas = new Map([
  [1n, 'Active'],
  [2n, 'Partial'],
]);
const after: Replicas = new Map([[2n, 'Active']]);
const options = { wait: true, timeoutMs: 1_000 };

class Rig {
  replicas = before;
  /** What each replica set answers. */
  code: RequestErrorCode = 'internal';
  /** News come after so many looks; `null`: never. */
  newsAfter: number | null = 3;
  askCount = 0;
  readonly records: Uint8Array[] = [];
  readonly shard: MovingShard;
  readonly #timers: Timers = {
    setTimeout: (action) => {
      if (this.newsAfter !== null) {
        this.newsAfter -= 1;
        if (this.newsAfter === 0) this.replicas = after;
      }
      queueMicrotask(action);
      const handle: TimerHandle = { timer: true };
      return handle;
    },
    clear: () => undefined,
    yieldToOthers: () => Promise.resolve(),
  };

  constructor() {
    this.shard = new MovingShard({
      timers: this.#timers,
      replicas: () => this.replicas,
      shard: () => this.#shardOf(this.replicas),
    });
  }

  #shardOf(replicas: Replicas): ReplicatedShard {
    const isGood = replicas === after;
    const fault = { code: this.code, message: 'it has gone' };
    const answer = (record: Uint8Array) => {
      this.askCount += 1;
      this.records.push(record.slice());
      // As a thread does that hands its buffer over.
      record.fill(0);
      return Promise.resolve(
        isGood
          ? { status: 'completed', operationId: 7 }
          : { status: 'failed', operationId: null, ...fault },
      );
    };
    const read = () => {
      this.askCount += 1;
      if (!isGood) return Promise.reject(new RequestError(fault.code, fault.message));
      return Promise.resolve({ kind: 'count', count: 3 });
    };
    return { update: answer, lead: answer, read } as unknown as ReplicatedShard;
  }
}

test('who is late asks again when the news has come, with the same record', async () => {
  for (const method of ['update', 'lead'] as const) {
    const rig = new Rig();
    const outcome = await rig.shard[method](Uint8Array.of(1, 2, 3), options);
    assert.equal(outcome.status, 'completed');
    assert.deepEqual(rig.records, [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3)]);
  }
  const rig = new Rig();
  const answer = await rig.shard.read({ kind: 'count', filter: null, exact: true }, 1_000);
  assert.deepEqual(answer, { kind: 'count', count: 3 });
  assert.equal(rig.askCount, 2);
});

test('a fault that everybody would find is an answer at once', async () => {
  const rig = new Rig();
  rig.code = 'wrong_input';
  const outcome = await rig.shard.update(Uint8Array.of(1), options);
  assert.equal(outcome.status, 'failed');
  const read = rig.shard.read({ kind: 'count', filter: null, exact: true }, 1_000);
  await assert.rejects(read, { code: 'wrong_input' });
  assert.equal(rig.askCount, 2);
});

test('without news the failure stands', async () => {
  const rig = new Rig();
  rig.newsAfter = null;
  const outcome = await rig.shard.update(Uint8Array.of(1), options);
  assert.equal(outcome.status, 'failed');
  assert.equal(rig.askCount, 1);
});
