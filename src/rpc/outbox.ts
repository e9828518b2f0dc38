// What waits to be written to one connection, in order. Bounded in count and bytes: when there is
// too much, the oldest message gives way; what somebody waits for (a call, an answer) never does.
// A message that makes an older one pointless replaces it while both wait.
//
// Invariant: of a body that was begun the next frame is the next chunk, or says that it is given
// up.

import { assert } from '../base/assert.ts';
import { encodeFrameHead, type FrameHead } from './codec/frame.ts';
import type { BodyPieces } from './codec/peer-codec.ts';

export interface OutboxItem {
  readonly kind: 'message' | 'request' | 'answer';
  readonly id: number;
  readonly body: BodyPieces;
  /** A waiting message with the same text is replaced; `null` replaces nothing. */
  readonly replaces: string | null;
  /** Called when the last of it goes to the socket; never when it was lost. */
  readonly written: (() => void) | null;
}

export interface OutboxLimits {
  readonly messagesCountMax: number;
  readonly bytesMax: number;
  readonly chunkBytes: number;
}

interface Waiting {
  readonly item: OutboxItem;
  readonly bytes: number;
  /** Bytes of the body that are written. */
  sent: number;
  begun: boolean;
  abandoned: boolean;
}

export class Outbox {
  readonly #limits: OutboxLimits;
  #waiting: Waiting[] = [];
  #messagesCount = 0;
  #bytes = 0;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get count(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Returns how many messages were lost for it; its own loss counts, too. */
  push(item: OutboxItem): number {
    const bytes = item.body.reduce((sum, piece) => sum + piece.length, 0);
    if (item.replaces !== null) this.#dropWhere((other) => other.item.replaces === item.replaces);
    let lostCount = 0;
    if (item.kind === 'message') {
      while (this.#isFullFor(bytes) && this.#dropOldestMessage()) lostCount += 1;
      if (this.#isFullFor(bytes) && this.#waiting.length > 0) return lostCount + 1;
      this.#messagesCount += 1;
    }
    this.#waiting.push({ item, bytes, sent: 0, begun: false, abandoned: false });
    this.#bytes += bytes;
    return lostCount;
  }

  #isFullFor(bytes: number): boolean {
    const { messagesCountMax, bytesMax } = this.#limits;
    return this.#messagesCount >= messagesCountMax || this.#bytes + bytes > bytesMax;
  }

  #dropOldestMessage(): boolean {
    const at = this.#waiting.findIndex(({ item, begun }) => item.kind === 'message' && !begun);
    if (at < 0) return false;
    this.#forget(at);
    return true;
  }

  #dropWhere(matches: (waiting: Waiting) => boolean): void {
    const at = this.#waiting.findIndex((waiting) => !waiting.begun && matches(waiting));
    if (at >= 0) this.#forget(at);
  }

  #forget(at: number): void {
    const [dropped] = this.#waiting.splice(at, 1);
    assert(dropped !== undefined, () => `nothing waits at ${at}`);
    this.#bytes -= dropped.bytes;
    if (dropped.item.kind === 'message') this.#messagesCount -= 1;
  }

  /** Nobody waits for this call any more. */
  abandon(id: number): void {
    const at = this.#waiting.findIndex(({ item }) => item.kind === 'request' && item.id === id);
    const waiting = this.#waiting[at];
    if (waiting === undefined) return;
    if (waiting.begun) waiting.abandoned = true;
    else this.#forget(at);
  }

  /** The next frame, in pieces; `null` when nothing waits. */
  nextFrame(): readonly Uint8Array[] | null {
    const waiting = this.#waiting[0];
    if (waiting === undefined) return null;
    const { item, bytes, sent } = waiting;
    const count = waiting.abandoned ? 0 : Math.min(this.#limits.chunkBytes, bytes - sent);
    const body = slicePieces(item.body, sent, sent + count);
    waiting.sent += count;
    waiting.begun = true;
    const more = !waiting.abandoned && waiting.sent < bytes;
    if (!more) {
      this.#forget(0);
      if (!waiting.abandoned) item.written?.();
    }
    const { kind, id } = item;
    const head: FrameHead = { kind, id, more, abandoned: waiting.abandoned };
    return [encodeFrameHead(head, body), ...body];
  }

  /** Empties it; returns what was lost. */
  clear(): readonly OutboxItem[] {
    const lost = this.#waiting.map(({ item }) => item);
    this.#waiting = [];
    this.#messagesCount = 0;
    this.#bytes = 0;
    return lost;
  }
}

/** Bytes `from` to `to` of pieces that lie one after the other, without copying. */
function slicePieces(pieces: BodyPieces, from: number, to: number): readonly Uint8Array[] {
  const slices: Uint8Array[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.length;
    if (end > from && start < to) {
      slices.push(piece.subarray(Math.max(0, from - start), Math.min(piece.length, to - start)));
    }
    start = end;
  }
  return slices;
}
