// A shard that another thread of this process owns. Its published segments are searched here, in
// place; updates and the part in memory are asked of the owner.
//
// Views come from the owner's thread. A read first makes sure that it has the newest one; the owner
// keeps what an older view lacks until every thread has let go of it, so `adopt` answers only when
// no read of this thread uses an older view.

import type { Transferable } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import type { ShardAccess } from '../../collection/shard-access.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../../model/read.ts';
import type { Pause, SegmentReader } from '../../segment/segment-reader.ts';
import type { SharedSegment } from '../../segment/shared-segment.ts';
import { mergeAnswers } from '../../shard/merge.ts';
import { executeRead } from '../../shard/read.ts';
import type { ShardInfo } from '../../shard/shard-info.ts';
import type { UpdateOutcome } from '../../shard/update-outcome.ts';
import { memoryCell, moveCell, type ShardView } from '../../shard/view.ts';
import type { PeerCalls, PublishedView, ShardKey } from './messages.ts';
import { createPause } from './pause.ts';
import { tellDamage } from './tell-damage.ts';
import type { ThreadPort } from './thread-port.ts';

const countTriesMax = 3;
/** No view has this number, so the owner answers for the whole shard. */
const noView = 0;

/** A published segment as this thread reads it, with the files it keeps open. */
export interface PublishedReader extends SegmentReader {
  close(): void;
}

/** Opens a published segment on this thread, with the meaning that the view gives to filters. */
export type OpenReader = (segment: SharedSegment, view: ShardView) => PublishedReader;

/** A view with its readers, alive until the last read that began with it has ended. */
class HeldView {
  readonly view: ShardView;
  readonly readers: readonly PublishedReader[];
  readonly #closed = Promise.withResolvers<void>();
  #readCount = 0;
  #superseded = false;

  constructor(view: ShardView, readers: readonly PublishedReader[]) {
    this.view = view;
    this.readers = readers;
  }

  begin(): void {
    this.#readCount += 1;
  }

  end(): void {
    this.#readCount -= 1;
    this.#settle();
  }

  /** Resolves when no read uses this view any more. */
  supersede(): Promise<void> {
    this.#superseded = true;
    this.#settle();
    return this.#closed.promise;
  }

  #settle(): void {
    if (this.#superseded && this.#readCount === 0) this.#closed.resolve();
  }
}

export class ForeignShard implements ShardAccess {
  readonly #key: ShardKey;
  readonly #owner: ThreadPort<PeerCalls, PeerCalls>;
  readonly #openReader: OpenReader;
  #held: HeldView;
  #newest: Int32Array;
  #older: Promise<void> = Promise.resolve();

  constructor(
    owner: ThreadPort<PeerCalls, PeerCalls>,
    published: PublishedView,
    openReader: OpenReader,
  ) {
    this.#key = published.key;
    this.#owner = owner;
    this.#openReader = openReader;
    this.#newest = published.newest;
    this.#held = this.#open(published.view, null);
  }

  /** Reads that begin from now on use this view. Resolves when no read uses an older one. */
  adopt(published: PublishedView): Promise<void> {
    const before = this.#held;
    assert(
      published.newest !== this.#newest || published.view.number > before.view.number,
      `view ${published.view.number} of ${this.#key} after ${before.view.number}`,
    );
    this.#newest = published.newest;
    this.#held = this.#open(published.view, before);
    const kept = new Set(this.#held.readers);
    const released = before.supersede().then(() => {
      for (const reader of before.readers) if (!kept.has(reader)) reader.close();
    });
    this.#older = Promise.all([this.#older, released]).then(() => undefined);
    return this.#older;
  }

  /** No read begins any more; what is open is closed when the running ones have ended. */
  async close(): Promise<void> {
    await this.#held.supersede();
    for (const reader of this.#held.readers) reader.close();
  }

  update(
    record: Uint8Array,
    options: { readonly wait: boolean; readonly timeoutMs: number },
  ): Promise<UpdateOutcome> {
    const owned = ownBuffer(record);
    return this.#owner.call('update', { key: this.#key, record: owned, ...options }, [
      owned.buffer as Transferable,
    ]);
  }

  read(request: ShardReadRequest, timeoutMs: number): Promise<ShardReadAnswer> {
    return tellDamage(this.#read(request, timeoutMs));
  }

  async #read(request: ShardReadRequest, timeoutMs: number): Promise<ShardReadAnswer> {
    const pause = createPause(request.kind, timeoutMs);
    if (request.kind !== 'count' || !request.exact) {
      return (await this.#readOnce(request, pause, timeoutMs)).answer;
    }
    for (let tries = 0; tries < countTriesMax; tries += 1) {
      const { answer, still } = await this.#readOnce(request, pause, timeoutMs);
      if (still) return answer;
    }
    return (await this.#askOwner(request, noView, timeoutMs)).answer;
  }

  info(): Promise<ShardInfo> {
    return this.#owner.call('info', { key: this.#key });
  }

  /** `still`: no point moved between segments meanwhile, so that nothing was counted twice. */
  async #readOnce(
    request: ShardReadRequest,
    pause: Pause,
    timeoutMs: number,
  ): Promise<{ readonly answer: ShardReadAnswer; readonly still: boolean }> {
    const held = this.#newestView();
    const { number, moveCount } = held.view;
    held.begin();
    try {
      const movesBefore = Atomics.load(moveCount, moveCell);
      const published = await executeRead(request, held.readers, pause);
      if (this.#ownerHasNothing(held)) return { answer: published, still: true };
      const memory = await this.#askOwner(request, number, timeoutMs);
      const movesAfter = Atomics.load(moveCount, moveCell);
      return {
        answer: memory.whole ? memory.answer : mergeAnswers(request, [published, memory.answer]),
        still: memory.whole || (movesBefore === movesAfter && movesBefore % 2 === 0),
      };
    } finally {
      held.end();
    }
  }

  /**
   * True when every point is in the segments of this view. The number of the newest view is looked
   * at last: points leave the owner's memory only after a newer view was announced.
   */
  #ownerHasNothing({ view }: HeldView): boolean {
    if (Atomics.load(view.moveCount, memoryCell) !== 0) return false;
    return Atomics.load(this.#newest, 0) === view.number;
  }

  #askOwner(
    request: ShardReadRequest,
    viewNumber: number,
    timeoutMs: number,
  ): Promise<PeerCalls['read_memory']['answer']> {
    return this.#owner.call('read_memory', { key: this.#key, request, viewNumber, timeoutMs });
  }

  #newestView(): HeldView {
    if (Atomics.load(this.#newest, 0) !== this.#held.view.number) this.#owner.drainNow();
    return this.#held;
  }

  #open(view: ShardView, before: HeldView | null): HeldView {
    const usable = before?.view.revision === view.revision ? before.readers : [];
    const known = new Map(usable.map((reader) => [reader.id, reader]));
    const readers = view.segments.map(
      (segment) => known.get(segment.id) ?? this.#openReader(segment, view),
    );
    return new HeldView(view, readers);
  }
}

/** The same bytes in a buffer of their own, so that it can be handed over. */
function ownBuffer(bytes: Uint8Array): Uint8Array {
  const { buffer } = bytes;
  const isWhole = bytes.byteOffset === 0 && bytes.byteLength === buffer.byteLength;
  return isWhole && buffer instanceof ArrayBuffer ? bytes : bytes.slice();
}
