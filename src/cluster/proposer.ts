// Proposals of this peer until they are applied, and the leader's side of it: which were appended.
//
//   waiting ──leader known──▶ sent in term t ──entry applied──▶ answered
//      ▲                          │ every `resendTicks`: sent again to the leader of t
//      └──an entry of a term > t is applied without it: it can never be committed any more
//
// Why nothing is applied twice: the leader of t takes a proposal once, and only from who names t;
// it goes into a later term only after every copy of t is known dead. Why nothing is answered
// wrongly: the answer is the outcome of the very entry. After its deadline a proposal is not sent
// any more, but a copy on its way may still be applied.

import { assert } from '../base/assert.ts';
import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { TimerHandle, Timers } from '../io/ports.ts';
import type { CommandProposal, Proposal } from '../raft/messages.ts';
import type { Command } from './commands.ts';
import { decodeProposal, encodeProposal } from './encode-proposal.ts';
import type { ProposalNumbers } from './proposal-numbers.ts';
import type { CommandOutcome } from './reduction.ts';
import { resendTicks } from './timing.ts';

export type ProposeResult =
  | {
      readonly kind: 'done';
      readonly outcome: CommandOutcome;
      readonly index: LogIndex;
      readonly term: Term;
    }
  /** Consensus has stopped on this peer. */
  | { readonly kind: 'stopped' }
  /** May still be applied later. */
  | { readonly kind: 'timed_out' };

interface Waiting {
  readonly resolve: (result: ProposeResult) => void;
  readonly timer: TimerHandle;
}

interface OpenProposal {
  readonly number: number;
  readonly proposal: CommandProposal;
  /** Equal for equal commands; `null`: never shared. */
  readonly shareKey: string | null;
  readonly waiting: Set<Waiting>;
  sentTerm: Term | null;
  sentTick: number;
  /** A snapshot replaced entries that may have contained it: nobody will ever tell. */
  isUnknown: boolean;
}

/** Who leads, as far as this peer knows. */
export interface LeaderView {
  readonly leaderId: PeerId | null;
  readonly term: Term;
  readonly tick: number;
}

export interface ProposerPorts {
  readonly timers: Timers;
  readonly leader: () => LeaderView;
  /** On the leader itself; false: not taken, ask again. */
  readonly append: (proposals: readonly Proposal[]) => boolean;
  readonly forward: (to: PeerId, term: Term, proposals: readonly Proposal[]) => void;
}

/** More than this many of one term need not be remembered: nothing is sent again for so long. */
const appendedCountMax = 65_536;
const forwardCountMax = 128;

export class Proposer {
  readonly #id: PeerId;
  readonly #numbers: ProposalNumbers;
  readonly #ports: ProposerPorts;
  readonly #open = new Map<number, OpenProposal>();
  readonly #shared = new Map<string, OpenProposal>();
  /** Appended by this leader in `#appendedTerm`, oldest first. */
  readonly #appended = new Set<string>();
  #appendedTerm: Term = 0;
  #isStopped = false;

  constructor(id: PeerId, numbers: ProposalNumbers, ports: ProposerPorts) {
    this.#id = id;
    this.#numbers = numbers;
    this.#ports = ports;
  }

  get openCount(): number {
    return this.#open.size;
  }

  propose(command: Command, timeoutMs: number): Promise<ProposeResult> {
    if (this.#isStopped) return Promise.resolve({ kind: 'stopped' });
    const open = this.#openFor(command);
    return new Promise((resolve) => {
      const timer = this.#ports.timers.setTimeout(() => {
        open.waiting.delete(waiting);
        if (open.waiting.size === 0) this.#close(open);
        resolve({ kind: 'timed_out' });
      }, timeoutMs);
      const waiting = { resolve, timer };
      open.waiting.add(waiting);
      this.flush();
    });
  }

  /** Sends what has to be sent; call it after every change and every tick. */
  flush(): void {
    if (this.#open.size === 0 || this.#isStopped) return;
    const { leaderId, term, tick } = this.#ports.leader();
    if (leaderId === null) return;
    const due: OpenProposal[] = [];
    for (const open of this.#open.values()) {
      if (due.length === forwardCountMax) break;
      const isDue =
        open.sentTerm === null || (open.sentTerm === term && tick - open.sentTick >= resendTicks);
      if (isDue && !open.isUnknown) due.push(open);
    }
    if (due.length === 0) return;
    for (const open of due) {
      open.sentTerm = term;
      open.sentTick = tick;
    }
    const proposals = due.map(({ proposal }) => proposal);
    if (leaderId === this.#id) this.takeForLeader(term, proposals);
    else this.#ports.forward(leaderId, term, proposals);
  }

  /** On the leader of `term`: each is appended once. */
  takeForLeader(term: Term, proposals: readonly Proposal[]): void {
    const { leaderId, term: ownTerm } = this.#ports.leader();
    if (leaderId !== this.#id || ownTerm !== term) return;
    if (this.#appendedTerm !== term) {
      this.#appended.clear();
      this.#appendedTerm = term;
    }
    for (const proposal of proposals) {
      if (proposal.kind !== 'command') continue;
      const { proposer, number } = decodeProposal(proposal.data);
      const key = `${proposer}/${number}`;
      if (this.#appended.has(key) || !this.#ports.append([proposal])) continue;
      this.#appended.add(key);
      if (this.#appended.size <= appendedCountMax) continue;
      for (const oldest of this.#appended) {
        this.#appended.delete(oldest);
        break;
      }
    }
  }

  /** An entry was applied; `proposed` is what it carried. */
  applied(
    position: { readonly index: LogIndex; readonly term: Term },
    proposed: {
      readonly proposer: PeerId;
      readonly number: number;
      readonly outcome: CommandOutcome;
    } | null,
  ): void {
    const { index, term } = position;
    if (proposed !== null && proposed.proposer === this.#id) {
      const open = this.#open.get(proposed.number);
      if (open !== undefined) {
        this.#answer(open, { kind: 'done', outcome: proposed.outcome, index, term });
      }
    }
    for (const open of this.#open.values()) {
      if (open.sentTerm !== null && open.sentTerm < term) open.sentTerm = null;
    }
  }

  /** The state jumped: what was sent up to `term` may or may not be in it. */
  jumped(term: Term): void {
    for (const open of this.#open.values()) {
      if (open.sentTerm === null || open.sentTerm > term) continue;
      open.isUnknown = true;
      // Who asks for the same from now on is not to wait with it.
      if (open.shareKey !== null) this.#shared.delete(open.shareKey);
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const open of this.#open.values()) this.#answer(open, { kind: 'stopped' });
  }

  #openFor(command: Command): OpenProposal {
    const shareKey = shareKeyOf(this.#id, command);
    const known = shareKey === null ? undefined : this.#shared.get(shareKey);
    if (known !== undefined) return known;
    const number = this.#numbers.next();
    const data = encodeProposal({ proposer: this.#id, number, command });
    const open: OpenProposal = {
      number,
      proposal: { kind: 'command', data },
      shareKey,
      waiting: new Set(),
      sentTerm: null,
      sentTick: 0,
      isUnknown: false,
    };
    assert(!this.#open.has(number), () => `proposal ${number} twice`);
    this.#open.set(number, open);
    if (shareKey !== null) this.#shared.set(shareKey, open);
    return open;
  }

  #answer(open: OpenProposal, result: ProposeResult): void {
    this.#close(open);
    for (const { resolve, timer } of open.waiting) {
      this.#ports.timers.clear(timer);
      resolve(result);
    }
  }

  #close(open: OpenProposal): void {
    this.#open.delete(open.number);
    if (open.shareKey !== null && this.#shared.get(open.shareKey) === open) {
      this.#shared.delete(open.shareKey);
    }
  }
}

/** A creation is never shared: it carries its own uuid, and exactly one of two may succeed. */
function shareKeyOf(proposer: PeerId, command: Command): string | null {
  if (command.kind === 'create_collection') return null;
  return new TextDecoder('latin1').decode(encodeProposal({ proposer, number: 0, command }));
}
