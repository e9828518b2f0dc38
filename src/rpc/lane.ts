// One outgoing connection, opened when somebody wants something, with what waits for it.
//
//   idle ──wanted──▶ connecting ──welcome──▶ open ──lost──▶ resting ──wanted, rested──▶ connecting
//    ▲                   └───────failed──────────────────────▶ │
//    └──unused, retired──────────────────┘   (open)            └─ woken: the peer called us ─▶ idle
//
// Messages that cannot go are dropped and counted. A call waits for a connection up to its deadline
// and fails with the next failure; one for a shard does not wait for a rest to end. Rests grow with
// each failure, and are random in part, so that the peers of a node that returns do not come all at
// once.

import { PeerUnreachable } from '../cluster/peer-network.ts';
import type { TimerHandle } from '../io/ports.ts';
import type { Purpose } from './codec/handshake.ts';
import type { BodyPieces } from './codec/peer-codec.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { type Dialed } from './dial.ts';
import { Outbox } from './outbox.ts';
import type { WireContext } from './wire-context.ts';

export interface LaneOptions {
  readonly uri: string;
  readonly purpose: Purpose;
}

export interface LaneOwner {
  /** Rejects with a reason for people. */
  dial(purpose: Purpose): Promise<Dialed>;
  /** `null`: the connection may live; otherwise why not. */
  opened(connection: Connection): string | null;
  closed(connection: Connection): void;
  succeeded(): void;
  failed(reason: string, count: number): void;
  /** Messages were lost. */
  unreachable(): void;
}

interface PendingCall {
  readonly id: number;
  readonly body: BodyPieces;
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: PeerUnreachable) => void;
  readonly timer: TimerHandle;
  isSent: boolean;
}

/** Timers take no more; it is 24 days. */
const timerMsMax = 2 ** 31 - 1;

export class Lane implements ConnectionOwner {
  readonly #options: LaneOptions;
  readonly #owner: LaneOwner;
  readonly #context: WireContext;
  readonly #outbox: Outbox;
  readonly #calls = new Map<number, PendingCall>();
  /** Calls that the other side has not got yet, oldest first. */
  #waitingIds: number[] = [];
  #sentCallsCount = 0;
  #state: 'idle' | 'connecting' | 'open' | 'resting' | 'closed' = 'idle';
  #connection: Connection | null = null;
  #nextId = 1;
  #failuresCount = 0;
  #lastFault = 'not connected yet';
  #restUntilMs = 0;
  #restTimer: TimerHandle | null = null;
  #openedMs = 0;
  #usedMs: number;
  #isRetired = false;

  constructor(options: LaneOptions, owner: LaneOwner, context: WireContext) {
    this.#options = options;
    this.#owner = owner;
    this.#context = context;
    this.#usedMs = context.clock.monotonicMs();
    const { queueCountMax, queueBytesMax, chunkBytes } = context.limits;
    this.#outbox = new Outbox({
      messagesCountMax: queueCountMax,
      bytesMax: queueBytesMax,
      chunkBytes,
    });
  }

  get isIdle(): boolean {
    return this.#calls.size === 0 && this.#outbox.isEmpty && this.#state !== 'connecting';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get usedMs(): number {
    return this.#usedMs;
  }

  send(body: BodyPieces, replaces: string | null): void {
    this.#usedMs = this.#context.clock.monotonicMs();
    if (!this.#wantConnection()) {
      this.#lose(1);
      return;
    }
    const { counters } = this.#context;
    const written = (): void => {
      counters.messagesSent += 1;
    };
    const id = this.#takeId();
    const lostCount = this.#outbox.push({ kind: 'message', id, body, replaces, written });
    if (lostCount > 0) {
      counters.messagesDropped += lostCount;
      this.#owner.unreachable();
    }
    this.#connection?.wake();
  }

  /** The body of the answer, or `PeerUnreachable`. */
  call(body: BodyPieces, timeoutMs: number): Promise<Uint8Array> {
    const { clock, counters, limits, timers } = this.#context;
    this.#usedMs = clock.monotonicMs();
    counters.callsStarted += 1;
    if (this.#waitingIds.length >= limits.callsWaitingMax) {
      counters.callsFailed += 1;
      const waiting = `${limits.callsWaitingMax} calls wait for ${this.#options.uri} already`;
      return Promise.reject(new PeerUnreachable(waiting));
    }
    // Who asks for a shard has other replicas to turn to: it is better told at once.
    if (this.#options.purpose === 'data' && !this.#wantConnection()) {
      counters.callsFailed += 1;
      return Promise.reject(new PeerUnreachable(this.#lastFault));
    }
    return new Promise((resolve, reject) => {
      const id = this.#takeId();
      const waitMs = Math.min(timeoutMs, timerMsMax);
      const timer = timers.setTimeout(() => this.#expire(id, waitMs), waitMs);
      this.#calls.set(id, { id, body, resolve, reject, timer, isSent: false });
      this.#waitingIds.push(id);
      if (!this.#wantConnection()) this.#wantAfterRest();
      this.#admitCalls();
    });
  }

  /** The peer lives: it has called us. Rests end. */
  rouse(): void {
    this.#failuresCount = 0;
    if (this.#state !== 'resting') return;
    this.#stopResting();
    if (this.#calls.size > 0) this.#wantConnection();
  }

  tick(nowMs: number): void {
    this.#connection?.tick(nowMs);
    const isUnused = nowMs - this.#usedMs > this.#context.limits.unusedMs;
    if ((isUnused || this.#isRetired) && this.isIdle) this.#hangUp();
  }

  excuseSilence(nowMs: number): void {
    this.#connection?.excuseSilence(nowMs);
  }

  /** No longer wanted: the connection goes once nobody waits for it. */
  retire(): void {
    this.#isRetired = true;
    if (this.isIdle) this.#hangUp();
  }

  /** The introduction has changed: the next message or call goes by a new connection. */
  renew(): void {
    if (this.isIdle) this.#hangUp();
    else this.#connection?.close('this node introduces itself anew');
  }

  close(reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stopTimer();
    const connection = this.#connection;
    this.#connection = null;
    if (connection !== null) {
      this.#owner.closed(connection);
      connection.close(reason);
    }
    this.#outbox.clear();
    this.#failCalls(reason);
  }

  // What the connection reports.

  received(kind: 'message' | 'request' | 'answer', id: number, body: Uint8Array): void {
    if (kind !== 'answer') {
      this.#connection?.refuse(`a ${kind} from who was called`);
      return;
    }
    const call = this.#settle(id);
    // Late answers find nobody.
    if (call === null) return;
    this.#owner.succeeded();
    call.resolve(body);
  }

  closed(reason: string): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    this.#owner.closed(connection);
    this.#context.counters.connectionsLost += 1;
    const { clock, limits } = this.#context;
    if (clock.monotonicMs() - this.#openedMs > limits.backoffMaxMs) this.#failuresCount = 0;
    this.#fail(`the connection to ${this.#options.uri} is lost: ${reason}`);
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    return id;
  }

  /** True when there is a connection, or will be shortly. */
  #wantConnection(): boolean {
    if (this.#state === 'resting' && this.#context.clock.monotonicMs() >= this.#restUntilMs) {
      this.#stopResting();
    }
    if (this.#state === 'idle') void this.#connect();
    return this.#state === 'connecting' || this.#state === 'open';
  }

  #wantAfterRest(): void {
    if (this.#state !== 'resting' || this.#restTimer !== null) return;
    const { clock, timers } = this.#context;
    const restMs = Math.max(1, this.#restUntilMs - clock.monotonicMs());
    this.#restTimer = timers.setTimeout(() => {
      this.#stopResting();
      if (this.#calls.size > 0) this.#wantConnection();
    }, restMs);
  }

  /** Never rejects. */
  async #connect(): Promise<void> {
    this.#state = 'connecting';
    try {
      const { socket, reader, remote } = await this.#owner.dial(this.#options.purpose);
      if (this.isClosed) {
        socket.destroy();
        return;
      }
      const { purpose } = this.#options;
      const bodyBytesMax = this.#context.limits.bodyBytesMax[purpose];
      const setup = { socket, reader, outbox: this.#outbox, purpose, remote, bodyBytesMax };
      this.#open(new Connection(setup, this.#context, this));
    } catch (error) {
      if (!this.isClosed) this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #open(connection: Connection): void {
    const fault = this.#owner.opened(connection);
    if (fault !== null) {
      // Not ours yet, so that its end is not taken for a loss.
      connection.refuse(fault);
      this.#fail(fault);
      return;
    }
    this.#connection = connection;
    this.#state = 'open';
    this.#openedMs = this.#context.clock.monotonicMs();
    this.#owner.succeeded();
    connection.start();
  }

  #fail(reason: string): void {
    const { clock, limits, random } = this.#context;
    this.#lastFault = reason;
    const longestMs = Math.min(limits.backoffMaxMs, limits.backoffMinMs * 2 ** this.#failuresCount);
    this.#failuresCount = Math.min(this.#failuresCount + 1, 30);
    const restMs = (longestMs / 2) * (1 + random.uint32() / 2 ** 32);
    this.#restUntilMs = clock.monotonicMs() + restMs;
    this.#state = 'resting';
    const lostCount = this.#outbox.clear().filter(({ kind }) => kind === 'message').length;
    this.#context.counters.messagesDropped += lostCount;
    const failedCount = lostCount + this.#calls.size;
    this.#failCalls(reason);
    this.#owner.failed(reason, Math.max(1, failedCount));
    this.#owner.unreachable();
  }

  #lose(count: number): void {
    this.#context.counters.messagesDropped += count;
    this.#owner.failed(this.#lastFault, count);
    this.#owner.unreachable();
  }

  #failCalls(reason: string): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#waitingIds = [];
    this.#sentCallsCount = 0;
    for (const { timer, reject } of calls) {
      this.#context.timers.clear(timer);
      this.#context.counters.callsFailed += 1;
      reject(new PeerUnreachable(reason));
    }
  }

  /** As many calls as the other side works on at once. */
  #admitCalls(): void {
    const { limits } = this.#context;
    const countMax = limits.callsCountMax[this.#options.purpose];
    while (this.#sentCallsCount < countMax) {
      const id = this.#waitingIds.shift();
      if (id === undefined) break;
      const call = this.#calls.get(id);
      if (call === undefined) continue;
      call.isSent = true;
      this.#sentCallsCount += 1;
      const { body } = call;
      this.#outbox.push({ kind: 'request', id, body, replaces: null, written: null });
    }
    this.#connection?.wake();
  }

  #settle(id: number): PendingCall | null {
    const call = this.#calls.get(id);
    if (call === undefined) return null;
    this.#calls.delete(id);
    this.#context.timers.clear(call.timer);
    if (call.isSent) this.#sentCallsCount -= 1;
    else this.#waitingIds = this.#waitingIds.filter((waiting) => waiting !== id);
    this.#admitCalls();
    return call;
  }

  /** The other side may be carrying it out all the same. */
  #expire(id: number, timeoutMs: number): void {
    const call = this.#settle(id);
    if (call === null) return;
    this.#outbox.abandon(id);
    this.#connection?.wake();
    this.#context.counters.callsFailed += 1;
    const { uri } = this.#options;
    const reason =
      this.#state === 'open'
        ? `no answer from ${uri} within ${timeoutMs} ms`
        : `no connection to ${uri} within ${timeoutMs} ms: ${this.#lastFault}`;
    this.#owner.failed(reason, 1);
    call.reject(new PeerUnreachable(reason));
  }

  #stopTimer(): void {
    if (this.#restTimer !== null) this.#context.timers.clear(this.#restTimer);
    this.#restTimer = null;
  }

  #stopResting(): void {
    this.#stopTimer();
    if (this.#state === 'resting') this.#state = 'idle';
  }

  #hangUp(): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    this.#state = 'idle';
    this.#owner.closed(connection);
    connection.close('not used any more');
  }
}
