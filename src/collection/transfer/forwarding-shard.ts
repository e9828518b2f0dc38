// The local replica at the source of a transfer: every update is carried out here and then handed
// on to the receiver, in the order of the local log. A read of a range for the receiver happens
// while no update is under way, and takes its place in the same stream.
//
// Why the receiver has everything at the end. Let U be the updates in the order of the local log.
//
//   1. The stream carries an update after it was carried out here, in the order of U, and a range
//      at the point of U at which it was read: at that moment every update before that point is
//      carried out and in the stream, and none after it has begun (`hold`).
//   2. What came before the forwarding began is carried out before the first range is read
//      (`drain`), so that every update is in a range or behind it.
//   3. So, by induction over the stream, a range that the receiver has taken over is equal to the
//      source's at that point of U, whatever was there before, deletions included; and after the
//      last range the whole replica is, for every later point of U.
//   4. An update is acknowledged when the receiver has it, as long as the stream holds. If it breaks
//      before the last range is delivered, a new session copies everything again. If it breaks
//      after that (`seal`), an update is acknowledged only once the cluster has agreed that the
//      receiver is dead.
//   5. The receiver also gets what coordinators send to all replicas. Each such update is in U, too,
//      or the source has failed it and is taken for dead, which ends the transfer; it is
//      acknowledged when both have it. Coming twice it repeats what it did: upserts, deletions and
//      changes of payload by id leave the same point. Only updates of one point that are under way
//      at the same time may end in another order, as with any two replicas (weak ordering).

import type { Timers } from '../../io/ports.ts';
import { within } from '../../io/waiting.ts';
import type { UpdateOperation } from '../../model/update.ts';
import { encodeUpdate } from '../../model/update-codec.ts';
import type { UpdateOptions, UpdateOutcome } from '../../shard/update-outcome.ts';
import type { TransferStream } from './transfer-stream.ts';

export interface UpdatableShard {
  update(record: Uint8Array, options: UpdateOptions): Promise<UpdateOutcome>;
}

export interface ForwardingPorts {
  readonly timers: Timers;
  /** The receiver lacks an update: true once the cluster has agreed that it is dead or gone. */
  readonly giveUpReceiver: () => Promise<boolean>;
}

/** Changes nothing, and is done when all that came before is done. */
const nothing: UpdateOperation = { kind: 'delete_points', selector: { ids: [], filter: null } };

export class ForwardingShard implements UpdatableShard {
  readonly #shard: UpdatableShard;
  readonly #ports: ForwardingPorts;
  #stream: TransferStream | null = null;
  #isSealed = false;
  /** Updates that came while the others are held back. */
  #line: (() => void)[] | null = null;
  /** Resolves when every update so far is carried out and in the stream. */
  #tail: Promise<void> = Promise.resolve();

  constructor(shard: UpdatableShard, ports: ForwardingPorts) {
    this.#shard = shard;
    this.#ports = ports;
  }

  /** Every update from now on goes into this stream; `null`: into none. */
  use(stream: TransferStream | null): void {
    this.#stream = stream;
    this.#isSealed = false;
  }

  /** False: the stream is broken. From now on the receiver may become active at any moment. */
  seal(): boolean {
    if (this.#stream === null || this.#stream.failure !== null) return false;
    this.#isSealed = true;
    return true;
  }

  /** What was accepted before the forwarding began is carried out when this resolves. */
  async drain(): Promise<boolean> {
    const options = { wait: true, timeoutMs: Infinity };
    const { status } = await this.#shard.update(encodeUpdate(nothing), options);
    return status === 'completed';
  }

  /** Runs `action` while no update is under way; later ones wait in line. One at a time. */
  async hold<Result>(action: () => Promise<Result>): Promise<Result> {
    this.#line = [];
    try {
      await this.#tail;
      return await action();
    } finally {
      const line = this.#line;
      this.#line = null;
      for (const begin of line) begin();
    }
  }

  update(record: Uint8Array, options: UpdateOptions): Promise<UpdateOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<UpdateOutcome>();
    const begin = (): void => {
      this.#carryOut(record, options.wait).then(resolve, reject);
    };
    if (this.#line === null) begin();
    else this.#line.push(begin);
    // Its number is not known by then.
    const late = { status: 'wait_timeout', operationId: 0 } as const;
    return within(this.#ports.timers, options.timeoutMs, promise, late);
  }

  async #carryOut(record: Uint8Array, wait: boolean): Promise<UpdateOutcome> {
    const before = this.#tail;
    const local = this.#shard.update(record, { wait: true, timeoutMs: Infinity });
    const handedOn = this.#handOn(record, local, before);
    this.#tail = handedOn.then(
      () => undefined,
      () => undefined,
    );
    const { outcome, delivered, isSealed } = await handedOn;
    if (!(await delivered) && isSealed() && !(await this.#ports.giveUpReceiver())) {
      const message = 'the update did not reach the peer that this shard is transferred to';
      return { status: 'failed', operationId: outcome.operationId, code: 'internal', message };
    }
    if (wait || outcome.operationId === null) return outcome;
    return { status: 'acknowledged', operationId: outcome.operationId };
  }

  /** Resolves when the update is in the stream. */
  async #handOn(
    record: Uint8Array,
    local: Promise<UpdateOutcome>,
    before: Promise<void>,
  ): Promise<{
    readonly outcome: UpdateOutcome;
    readonly delivered: Promise<boolean> | true;
    readonly isSealed: () => boolean;
  }> {
    const outcome = await local;
    await before;
    const stream = this.#stream;
    const isSealed = () => this.#isSealed && this.#stream === stream;
    // Not in the log: nothing has happened.
    if (outcome.operationId === null || stream === null) {
      return { outcome, delivered: true, isSealed };
    }
    // In the log and not carried out: it will be, and nobody can say when.
    const isOpen = outcome.status === 'failed' && outcome.code === 'internal';
    if (isOpen || outcome.status === 'wait_timeout') {
      stream.break('an update cannot be carried out at the source');
    }
    return { outcome, delivered: stream.forward(record), isSealed };
  }
}
