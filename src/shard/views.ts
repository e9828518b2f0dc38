// Numbers the views of a shard, hands them to the other threads, and says when nobody uses an older
// one any more, so that what it needed can be let go.
//
//   advance() ──► publish(view n+1) ──► all threads have it ──► reads on this thread that began
//   before have ended ──► resolves: what only views ≤ n showed is free

import { assert } from '../base/assert.ts';
import type { SegmentSet } from './segment-set.ts';
import type { ShardView, ViewPublisher } from './view.ts';

export class Views {
  readonly #set: SegmentSet;
  readonly #publisher: ViewPublisher;
  #current: ShardView;
  /** Views below this may lack points that nobody keeps for them any more. */
  #oldestServed = 1;
  #publishing: Promise<void> = Promise.resolve();
  /** Reads on this thread by the view they began with. */
  readonly #readCounts = new Map<number, number>();
  #waiting: { readonly below: number; readonly resolve: () => void }[] = [];

  constructor(set: SegmentSet, publisher: ViewPublisher) {
    this.#set = set;
    this.#publisher = publisher;
    this.#current = this.#describe(1, 1);
  }

  get current(): ShardView {
    return this.#current;
  }

  get oldestServed(): number {
    return this.#oldestServed;
  }

  /** Publishes the segments of now as the first view. */
  begin(): Promise<void> {
    this.#current = this.#describe(1, 1);
    this.#publishing = this.#publisher.publish(this.#current);
    return this.#publishing;
  }

  /**
   * The segments of now become the current view at once. Resolves when no thread reads an older
   * one; `release` runs right then, before anybody can ask for what it frees.
   */
  advance(change: { readonly revised: boolean }, release: () => void): Promise<void> {
    const { number, revision } = this.#current;
    const view = this.#describe(number + 1, revision + (change.revised ? 1 : 0));
    this.#current = view;
    this.#publishing = this.#publishing.then(async () => {
      await this.#publisher.publish(view);
      await this.#readsBelowEnded(view.number);
      this.#oldestServed = view.number;
      release();
    });
    return this.#publishing;
  }

  /** The number that the next `advance` will give. */
  get nextNumber(): number {
    return this.#current.number + 1;
  }

  /** Keeps open what is readable now; call the function returned when the read has ended. */
  hold(): () => void {
    const { number } = this.#current;
    this.#readCounts.set(number, (this.#readCounts.get(number) ?? 0) + 1);
    return () => {
      const count = this.#readCounts.get(number) ?? 0;
      assert(count > 0, () => `a read of view ${number} ended twice`);
      if (count > 1) this.#readCounts.set(number, count - 1);
      else this.#readCounts.delete(number);
      this.#settle();
    };
  }

  #readsBelowEnded(below: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ below, resolve });
    this.#settle();
    return promise;
  }

  #settle(): void {
    const oldest = Math.min(Infinity, ...this.#readCounts.keys());
    const ready = this.#waiting.filter(({ below }) => below <= oldest);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter(({ below }) => below > oldest);
    for (const { resolve } of ready) resolve();
  }

  #describe(number: number, revision: number): ShardView {
    return {
      number,
      segments: this.#set.published.map((slot) => slot.segment.shared),
      schema: this.#set.schema,
      indexingThresholdKb: this.#set.indexingThresholdKb,
      revision,
      moveCount: this.#set.counters,
    };
  }
}
