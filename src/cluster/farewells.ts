// What a leader still says to a peer that it has removed: the entries up to its removal and that
// they are committed. Raft itself speaks to members only, so without this a removed peer would have
// to find out by itself (it does, in the end: `silence.ts`).

import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { Entry, Message } from '../raft/messages.ts';

interface Farewell {
  /** What it was known to have when it was removed. */
  readonly matchIndex: LogIndex;
  /** Its removal is committed at or before this index. */
  readonly removedIndex: LogIndex;
  left: number;
}

const repeatCount = 5;

export class Farewells {
  readonly #open = new Map<PeerId, Farewell>();

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  add(peerId: PeerId, matchIndex: LogIndex, removedIndex: LogIndex): void {
    this.#open.set(peerId, { matchIndex, removedIndex, left: repeatCount });
  }

  clear(): void {
    this.#open.clear();
  }

  /** One message for each, a few times: nobody answers, and one may be lost. */
  take(from: PeerId, term: Term, entries: readonly Entry[]): readonly Message[] {
    const messages: Message[] = [];
    for (const [to, farewell] of this.#open) {
      farewell.left -= 1;
      if (farewell.left === 0) this.#open.delete(to);
      const { matchIndex, removedIndex } = farewell;
      const prev = entries.find((entry) => entry.index === matchIndex);
      // Compacted: it is so far behind that it has to ask.
      if (prev === undefined) continue;
      messages.push({
        kind: 'append',
        from,
        to,
        term,
        prevIndex: prev.index,
        prevTerm: prev.term,
        entries: entries.filter(({ index }) => index > matchIndex && index <= removedIndex),
        commitIndex: removedIndex,
      });
    }
    return messages;
  }
}
