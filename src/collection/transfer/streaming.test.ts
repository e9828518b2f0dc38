// The whole of a transfer in memory: writers, the source, a network that loses and delays, and the
// receiver, in an order that a seed decides. What was acknowledged must be at the receiver.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NaiveShard } from '../../../test/fakes/naive-shard.ts';
import { Prng } from '../../base/prng.ts';
import type { TimerHandle, Timers } from '../../io/ports.ts';
import type { VectorConfig } from '../../model/collection-config.ts';
import type { PointId } from '../../model/point-id.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../../model/read.ts';
import { RequestError } from '../../model/request-error.ts';
import type { UpdateOperation } from '../../model/update.ts';
import { encodeUpdate } from '../../model/update-codec.ts';
import type { UpdateOptions, UpdateOutcome } from '../../shard/update-outcome.ts';
import type { TransferStep } from '../codec/transfer-codec.ts';
import { TransferDriver, type TransferResult } from './driver.ts';
import { ForwardingShard } from './forwarding-shard.ts';
import { batchOf, type ReadableShard, scroll } from './point-range.ts';
import { type ReceivingReplica, TransferReceiver } from './receiver.ts';
import type { SendOutcome } from './transfer-stream.ts';

const vector: VectorConfig = {
  name: '',
  dimension: 2,
  distance: 'Dot',
  datatype: 'float32',
  onDisk: false,
  hnsw: { m: 16, efConstruct: 100, fullScanThresholdKb: 10_000, payloadM: 16 },
};

/** Everything that takes time waits here; the seed says what comes next. */
class World {
  readonly prng: Prng;
  readonly #pending: (() => void)[] = [];
  readonly #cleared = new Set<TimerHandle>();
  readonly timers: Timers = {
    setTimeout: (action) => {
      const handle: TimerHandle = { timer: true };
      const entry = (): void => {
        if (!this.#cleared.has(handle)) action();
      };
      this.#pending.push(entry);
      return handle;
    },
    clear: (handle) => {
      this.#cleared.add(handle);
    },
    yieldToOthers: () => Promise.resolve(),
  };

  constructor(seed: number) {
    this.prng = new Prng(seed);
  }

  chance(percent: number): boolean {
    return this.prng.u32() % 100 < percent;
  }

  pick(count: number): number {
    return this.prng.u32() % count;
  }

  later(): Promise<void> {
    return new Promise((resolve) => {
      this.#pending.push(resolve);
    });
  }

  async while(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) await this.later();
  }

  async run(isOver: () => boolean): Promise<void> {
    for (let steps = 0; !isOver(); steps += 1) {
      assert.ok(steps < 100_000, 'it comes to no end');
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#pending.length === 0) continue;
      const [next] = this.#pending.splice(this.pick(this.#pending.length), 1);
      next?.();
    }
  }
}

/** Takes updates in order, applies them one by one after a while, and tells it later. */
class SlowShard implements ReadableShard {
  readonly truth = new NaiveShard({ vectors: () => [vector], schema: () => new Map() });
  readonly #world: World;
  #last: Promise<unknown> = Promise.resolve();
  #logged = 0;

  constructor(world: World) {
    this.#world = world;
  }

  update(record: Uint8Array, { wait }: UpdateOptions): Promise<UpdateOutcome> {
    this.#logged += 1;
    const operationId = this.#logged;
    const applied = this.#last.then(async () => {
      await this.#world.later();
      return this.truth.update(record, { wait: true });
    });
    this.#last = applied;
    if (!wait) return Promise.resolve({ status: 'acknowledged', operationId });
    return applied.then(async (outcome) => {
      await this.#world.later();
      return outcome;
    });
  }

  /** In two halves, between which things may change. */
  async read(request: ShardReadRequest): Promise<ShardReadAnswer> {
    await this.#world.later();
    const first = await this.truth.read(request);
    if (first.kind !== 'scroll') return first;
    await this.#world.while(8);
    const second = await this.truth.read(request);
    if (second.kind !== 'scroll') return first;
    const half = first.records.slice(0, first.records.length >> 1);
    const last = half.at(-1)?.id ?? null;
    const rest = second.records.filter(({ id }) => last === null || Number(id) > Number(last));
    return { kind: 'scroll', records: [...half, ...rest] };
  }
}

function upsert(id: PointId, round: number): UpdateOperation {
  const payload = new TextEncoder().encode(`{"round":${round}}`);
  const vectors = new Map([['', Float32Array.of(Number(id), round)]]);
  const points = batchOf([{ id, version: 0, payload, vectors }]);
  return { kind: 'upsert', points, mode: 'upsert', filter: null };
}

function change(world: World, id: PointId, round: number): UpdateOperation {
  const selector = { ids: [id], filter: null };
  const kind = world.pick(10);
  if (kind < 2) return { kind: 'delete_points', selector };
  if (kind < 4) {
    const payload = new TextEncoder().encode(`{"more":${round}}`);
    return { kind: 'set_payload', selector, payload, key: null };
  }
  return upsert(id, round);
}

class Transfer {
  readonly world: World;
  readonly source: SlowShard;
  readonly target: SlowShard;
  readonly forwarding: ForwardingShard;
  isReceiverDead = false;
  isKnown = false;
  result: TransferResult | null = null;
  readonly #receiver = new TransferReceiver();
  readonly #driver: TransferDriver;
  readonly #lossPercent: number;

  constructor(seed: number, lossPercent: number) {
    this.world = new World(seed);
    this.#lossPercent = lossPercent;
    this.source = new SlowShard(this.world);
    this.target = new SlowShard(this.world);
    const { timers, prng } = this.world;
    this.forwarding = new ForwardingShard(this.source, {
      timers,
      giveUpReceiver: () => {
        this.isReceiverDead = true;
        return Promise.resolve(true);
      },
    });
    this.#driver = new TransferDriver({
      serial: 7,
      forwarding: this.forwarding,
      source: this.source,
      send: (step) => this.#send(step),
      timers,
      random: { uint32: () => prng.u32(), fill: () => undefined },
      tell: () => undefined,
    });
  }

  start(): void {
    this.#driver.run().then(
      (result) => {
        this.result = result;
      },
      (error: unknown) => {
        throw error;
      },
    );
  }

  /** A step that is lost for its sender may still arrive, at any time. */
  async #send(step: TransferStep): Promise<SendOutcome> {
    const replica: ReceivingReplica = {
      expects: (serial) => this.isKnown && serial === 7,
      takesUpdates: () => true,
      local: () => this.target,
    };
    await this.world.later();
    if (this.world.chance(this.#lossPercent)) {
      if (this.world.chance(50)) {
        const late = this.world.while(60).then(() => this.#receiver.take('shard', step, replica));
        late.catch(() => undefined);
      }
      return { kind: 'lost', reason: 'request' };
    }
    const answer = this.#receiver.take('shard', step, replica).then(
      (): SendOutcome => ({ kind: 'done' }),
      (error: unknown): SendOutcome => {
        if (!(error instanceof RequestError)) throw error;
        const kind = error.code === 'precondition_failed' ? 'not_ready' : 'refused';
        return { kind, reason: error.message };
      },
    );
    if (this.world.chance(this.#lossPercent)) {
      void answer;
      return { kind: 'lost', reason: 'answer' };
    }
    const outcome = await answer;
    await this.world.later();
    return outcome;
  }

  /** As a coordinator does that knows of the receiver, or one that does not yet. */
  async write(operation: UpdateOperation, knowsReceiver: boolean): Promise<UpdateOutcome> {
    const wait = this.world.chance(70);
    const options = { wait, timeoutMs: Infinity };
    const remote = this.world.later().then(() => {
      return knowsReceiver ? this.target.update(encodeUpdate(operation), options) : null;
    });
    await this.world.later();
    const local = await this.forwarding.update(encodeUpdate(operation), options);
    await remote;
    return local;
  }
}

async function contents(shard: SlowShard): Promise<ReadonlyMap<PointId, string>> {
  const records = await scroll(shard.truth, null, 100_000);
  return new Map(
    records.map(({ id, payload, vectors }) => [
      id,
      `${new TextDecoder().decode(payload ?? undefined)} ${[...(vectors?.get('') ?? [])].join()}`,
    ]),
  );
}

/** `whole`, `dead`, or why it failed. */
async function runTransfer(seed: number, lossPercent: number): Promise<string> {
  const transfer = new Transfer(seed, lossPercent);
  const { world, source, target } = transfer;
  const idCount = 260;
  for (let id = 0; id < idCount; id += 1) {
    // Some are queued only, and some are at the receiver from before, as they were or stale.
    if (world.chance(80)) {
      void source.update(encodeUpdate(upsert(id, 0)), { wait: false, timeoutMs: 0 });
    }
    if (world.chance(30)) {
      await target.truth.update(encodeUpdate(upsert(id, world.pick(2))), { wait: true });
    }
  }
  let isOver = false;
  let writing = 0;
  const writer = async (own: number): Promise<void> => {
    writing += 1;
    for (let round = 1; !isOver; round += 1) {
      const id = world.pick(idCount / 4) * 4 + own;
      await transfer.write(change(world, id, round), transfer.isKnown && world.chance(60));
    }
    writing -= 1;
  };
  // Some queues are as they were when the transfer begins.
  let isWriting = world.chance(50);
  const beginWriting = (): void => {
    isWriting = true;
    for (let own = 0; own < 4; own += 1) void writer(own);
  };
  if (isWriting) beginWriting();
  transfer.start();
  let late = 0;
  await world.run(() => {
    late += 1;
    if (late === 20) transfer.isKnown = true;
    if (!isWriting && (transfer.result !== null || late > 1_000)) beginWriting();
    if (transfer.result !== null && late > 1_500) isOver = true;
    return isOver && writing === 0;
  });
  if (transfer.result?.kind !== 'streamed') return transfer.result?.reason ?? 'nothing';
  if (transfer.isReceiverDead) return 'dead';
  assert.deepEqual(await contents(target), await contents(source));
  return 'whole';
}

test('the receiver has what the source has, deletions and late updates included', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      assert.equal(await runTransfer(seed, 0), 'whole');
    }),
    { numRuns: 15 },
  );
});

test('so it is when steps and their answers are lost, or the receiver is given up', async () => {
  const ends: string[] = [];
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      ends.push(await runTransfer(seed, 18));
    }),
    { numRuns: 40 },
  );
  assert.ok(ends.filter((end) => end === 'whole').length > 5, ends.join());
});
