// The one ordered way from the source of a transfer to its receiver: ranges of points and forwarded
// updates leave in the order in which they were put in, one step at a time, and none overtakes
// another. Updates that come while a step is on its way go together in the next one.
//
// A step whose answer is lost is sent again with its number, which the receiver carries out once. A
// step that is refused, or has no answer after some tries, breaks the stream for good: whoever
// waits is told, and only a new session can go on.

import type { Timers } from '../../io/ports.ts';
import { pause } from '../../io/waiting.ts';
import type { PointId } from '../../model/point-id.ts';
import type { TransferStep } from '../codec/transfer-codec.ts';

export interface CopiedRange {
  readonly from: PointId | null;
  readonly until: PointId | null;
  readonly record: Uint8Array;
}

export type SendOutcome =
  | { readonly kind: 'done' }
  /** The receiver will not do it, now or later. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The receiver does not know of the transfer yet. */
  | { readonly kind: 'not_ready'; readonly reason: string }
  /** No answer: it may have been carried out. */
  | { readonly kind: 'lost'; readonly reason: string };

export type SendStep = (step: TransferStep) => Promise<SendOutcome>;

type Item = { readonly settle: (isDelivered: boolean) => void } & (
  | { readonly kind: 'change'; readonly record: Uint8Array }
  | { readonly kind: 'range'; readonly range: CopiedRange }
);

const changesBytesMax = 1024 * 1024;
const resendsMs = [50, 200, 500, 1_000];

export class TransferStream {
  readonly #session: number;
  readonly #send: SendStep;
  readonly #timers: Timers;
  #items: Item[] = [];
  #sequence = 0;
  #isSending = false;
  #failure: string | null = null;

  constructor(session: number, send: SendStep, timers: Timers) {
    this.#session = session;
    this.#send = send;
    this.#timers = timers;
  }

  /** Why the stream is broken; `null`: it is not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** True once the receiver has it, false when the stream breaks before that. */
  forward(record: Uint8Array): Promise<boolean> {
    return this.#put((settle) => ({ kind: 'change', record, settle }));
  }

  copy(range: CopiedRange): Promise<boolean> {
    return this.#put((settle) => ({ kind: 'range', range, settle }));
  }

  break(reason: string): void {
    this.#failure ??= reason;
    const items = this.#items;
    this.#items = [];
    for (const { settle } of items) settle(false);
  }

  #put(make: (settle: (isDelivered: boolean) => void) => Item): Promise<boolean> {
    if (this.#failure !== null) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#items.push(make(resolve));
    if (!this.#isSending) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#isSending = true;
    while (this.#items.length > 0) {
      const items = this.#takeNext();
      const reason = await this.#sent(this.#step(items));
      if (reason !== null) this.break(reason);
      for (const { settle } of items) settle(reason === null);
    }
    this.#isSending = false;
  }

  /** One range, or as many updates as come before the next range and fit. */
  #takeNext(): readonly Item[] {
    let count = 0;
    let bytes = 0;
    for (const item of this.#items) {
      if (item.kind === 'range') break;
      bytes += item.record.length;
      if (count > 0 && bytes > changesBytesMax) break;
      count += 1;
    }
    return this.#items.splice(0, Math.max(1, count));
  }

  #step(items: readonly Item[]): TransferStep {
    const session = this.#session;
    const sequence = this.#sequence;
    this.#sequence += 1;
    const [first] = items;
    if (first?.kind === 'range') return { kind: 'range', session, sequence, ...first.range };
    const records = items.flatMap((item) => (item.kind === 'change' ? [item.record] : []));
    return { kind: 'changes', session, sequence, records };
  }

  /** `null`: the receiver has it; otherwise why not. */
  async #sent(step: TransferStep): Promise<string | null> {
    for (let tries = 0; ; tries += 1) {
      if (this.#failure !== null) return this.#failure;
      const outcome = await this.#send(step);
      if (outcome.kind === 'done') return null;
      const restMs = resendsMs[tries];
      if (outcome.kind !== 'lost' || restMs === undefined) return outcome.reason;
      await pause(this.#timers, restMs);
    }
  }
}
