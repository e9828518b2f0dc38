// Changes of the membership that this peer asks for, and the queue of them on the leader.
//
// Asking: a wish goes to the leader of a term, again every `resendTicks`, and anew in each later
// term, until the agreed state shows that it was granted. Queueing: the leader takes each once in
// its term, proposes one at a time, and looks first whether there is still something to do.
// Invariant: a wish names its number, so that a late copy cannot bring back what was undone.

import { readName, writeName } from '../base/byte-fields.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { PeerId, Term } from '../base/ids.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import type { Proposal } from '../raft/messages.ts';
import type { RaftStatus } from '../raft/raft.ts';
import type { ProposeOutcome } from '../raft/replication.ts';
import { changeOf, type MembershipWish, nextChange } from './leader-duties.ts';
import { encodePeerData } from './membership-data.ts';
import type { ProposalNumbers } from './proposal-numbers.ts';
import type { LeaderView } from './proposer.ts';
import { resendTicks } from './timing.ts';

interface OpenWish {
  readonly number: number;
  readonly wish: MembershipWish;
  sentTerm: Term | null;
  sentTick: number;
}

interface QueuedWish {
  readonly key: string;
  readonly wish: MembershipWish;
}

export interface MembershipPorts {
  readonly leader: () => LeaderView;
  readonly status: () => RaftStatus;
  readonly state: () => ClusterState;
  /** Term of the newest applied entry. */
  readonly appliedTerm: () => Term;
  readonly append: (proposal: Proposal) => ProposeOutcome;
  readonly forward: (to: PeerId, term: Term, proposals: readonly Proposal[]) => void;
}

const queueCountMax = 64;
const pauseTicks = 3;

export class MembershipRequests {
  readonly #id: PeerId;
  readonly #numbers: ProposalNumbers;
  readonly #ports: MembershipPorts;
  readonly #open = new Set<OpenWish>();
  #queue: QueuedWish[] = [];
  /** Waiting or appended in `#queueTerm`. */
  readonly #taken = new Set<string>();
  #queueTerm: Term = 0;
  #proposedIndex = 0;
  #notBeforeTick = 0;

  constructor(id: PeerId, numbers: ProposalNumbers, ports: MembershipPorts) {
    this.#id = id;
    this.#numbers = numbers;
    this.#ports = ports;
  }

  /** Until `withdraw` is called. */
  ask(wish: MembershipWish): { readonly withdraw: () => void } {
    const open: OpenWish = { number: this.#numbers.next(), wish, sentTerm: null, sentTick: 0 };
    this.#open.add(open);
    this.flush();
    return { withdraw: () => this.#open.delete(open) };
  }

  /** Call it after every change and every tick. */
  flush(): void {
    this.#send();
    this.#propose();
  }

  /** On the leader of `term`. */
  takeForLeader(from: PeerId, term: Term, proposals: readonly Proposal[]): void {
    const { leaderId, term: ownTerm } = this.#ports.leader();
    if (leaderId !== this.#id || ownTerm !== term) return;
    this.#useTerm(term);
    for (const proposal of proposals) {
      if (proposal.kind !== 'membership') continue;
      const { number, wish } = decodeWish(proposal.data);
      const key = `${from}/${number}`;
      if (this.#taken.has(key) || this.#queue.length >= queueCountMax) continue;
      this.#taken.add(key);
      this.#queue.push({ key, wish });
    }
    this.#propose();
  }

  #send(): void {
    if (this.#open.size === 0) return;
    const { leaderId, term, tick } = this.#ports.leader();
    if (leaderId === null) return;
    for (const open of this.#open) {
      if (open.sentTerm === term && tick - open.sentTick < resendTicks) continue;
      open.sentTerm = term;
      open.sentTick = tick;
      const data = encodeWish(open.number, open.wish);
      const proposal = { kind: 'membership', change: changeOf(open.wish), data } as const;
      if (leaderId === this.#id) this.takeForLeader(this.#id, term, [proposal]);
      else this.#ports.forward(leaderId, term, [proposal]);
    }
  }

  #useTerm(term: Term): void {
    if (this.#queueTerm === term) return;
    this.#queueTerm = term;
    this.#queue = [];
    this.#taken.clear();
    this.#proposedIndex = 0;
    this.#notBeforeTick = 0;
  }

  #propose(): void {
    const { leaderId, term, tick } = this.#ports.leader();
    if (leaderId !== this.#id || tick < this.#notBeforeTick) return;
    this.#useTerm(term);
    const status = this.#ports.status();
    // Before its own first entry is applied, a leader does not know which change is still open.
    if (this.#ports.appliedTerm() !== term || status.appliedIndex < this.#proposedIndex) return;
    if (status.transferTarget !== null) return;
    for (;;) {
      const [first] = this.#queue;
      const next = nextChange(status, this.#ports.state(), first?.wish ?? null);
      if (next.kind === 'nothing') return;
      if (first !== undefined) this.#queue.shift();
      if (next.kind === 'drop') continue;
      const data = first === undefined ? new Uint8Array(0) : encodePeerData(first.wish);
      const outcome = this.#ports.append({ kind: 'membership', change: next.change, data });
      if (outcome.kind === 'appended') {
        this.#proposedIndex = outcome.index;
      } else {
        // Refused for now, e.g. because this leader hands over first: who asks will ask again.
        if (first !== undefined) this.#taken.delete(first.key);
        this.#notBeforeTick = tick + pauseTicks;
      }
      return;
    }
  }
}

const wishKinds = ['add', 'update', 'remove'] as const;

function encodeWish(number: number, wish: MembershipWish): Uint8Array {
  const writer = new ByteWriter();
  writer.u64(number);
  writeName(writer, wishKinds, wish.kind);
  writer.u64(wish.peerId);
  writer.utf8(wish.uri ?? '');
  writer.utf8(wish.version ?? '');
  return writer.toBytes();
}

/** Throws for bytes that are none. */
function decodeWish(data: Uint8Array): { number: number; wish: MembershipWish } {
  const reader = new ByteReader(data);
  const number = Number(reader.u64());
  const kind = readName(reader, wishKinds);
  const peerId = reader.u64();
  const uri = reader.utf8();
  const version = reader.utf8();
  reader.finish();
  const wish = { kind, peerId, uri: uri || null, version: version || null };
  return { number, wish };
}
