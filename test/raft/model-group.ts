// One random life of a small group: messages are lost, doubled and overtake each other, peers crash
// and lose what was not synced, the network splits, members come and go. After every step the
// checkers look at the peer that acted. The seed decides everything.

import { InvariantError } from '../../src/base/assert.ts';
import type { LogIndex, PeerId } from '../../src/base/ids.ts';
import { Prng } from '../../src/base/prng.ts';
import {
  emptyMembership,
  type MembershipChange,
  memberIds,
  type PeerChange,
} from '../../src/raft/membership.ts';
import type { Message, Snapshot } from '../../src/raft/messages.ts';
import { soundRules } from '../../src/raft/quorum.ts';
import type { Raft } from '../../src/raft/raft.ts';
import type { ConfirmedRead, RaftOptions } from '../../src/raft/state.ts';
import { type Flaws, ModelPeer } from './model-peer.ts';
import { SafetyCheckers, SafetyViolation } from './safety-checkers.ts';

export const noFlaws: Flaws = { forgetsVote: false, skipsSync: false, rules: soundRules };

export interface LifeOptions {
  readonly seed: number;
  /** `storm`: leaders are made and killed all the time, so that logs differ as much as they can. */
  readonly weather: 'mixed' | 'storm';
  readonly stepCount: number;
  readonly flaws: Flaws;
}

/** What was done, so that a test can see that nothing was left out. */
export type LifeCounts = {
  elections: number;
  committed: number;
  lost: number;
  doubled: number;
  crashes: number;
  splits: number;
  memberships: number;
  snapshots: number;
  reads: number;
  transfers: number;
};

interface Life {
  readonly counts: LifeCounts;
  readonly violation: SafetyViolation | null;
  /** Steps until the end, or the violation. */
  readonly stepCount: number;
}

const genesisIndex = 2;
const networkCountMax = 200;

export function live(options: LifeOptions): Life {
  const group = new ModelGroup(options);
  let stepCount = 0;
  try {
    for (; stepCount < options.stepCount; stepCount += 1) group.step();
    group.heal();
  } catch (error) {
    return { counts: group.counts, violation: violationOf(error), stepCount };
  }
  return { counts: group.counts, violation: null, stepCount };
}

interface Found {
  readonly seed: number;
  readonly stepCount: number;
  readonly violation: SafetyViolation;
}

/** The first of `lifeCount` lives, from the seed of `options` on, in which a checker speaks. */
export function findViolation(options: LifeOptions, lifeCount: number): Found | null {
  for (let seed = options.seed; seed < options.seed + lifeCount; seed += 1) {
    const { violation, stepCount } = live({ ...options, seed });
    if (violation !== null) return { seed, stepCount, violation };
  }
  return null;
}

/** An assertion that fails inside the core speaks as clearly as a checker. */
function violationOf(error: unknown): SafetyViolation {
  if (error instanceof SafetyViolation) return error;
  if (error instanceof InvariantError) {
    return new SafetyViolation('assertion in the core', error.stack ?? error.message);
  }
  throw error;
}

class ModelGroup {
  readonly counts: LifeCounts = {
    elections: 0,
    committed: 0,
    lost: 0,
    doubled: 0,
    crashes: 0,
    splits: 0,
    memberships: 0,
    snapshots: 0,
    reads: 0,
    transfers: 0,
  };
  readonly #prng: Prng;
  readonly #peers: ModelPeer[];
  readonly #checkers = new SafetyCheckers(genesisIndex);
  readonly #changesMembers: boolean;
  readonly #isStorm: boolean;
  readonly #largeLossChance: number;
  /** On which side of a split each peer is. */
  readonly #side = new Map<PeerId, number>();
  #network: Message[] = [];
  /** What became of snapshots, which their senders do not know yet. */
  #reports: { readonly from: PeerId; readonly to: PeerId; readonly isDelivered: boolean }[] = [];
  #commandCount = 0;
  #readCount = 0;
  /** What was committed when each open read was asked. */
  readonly #readFloors = new Map<number, LogIndex>();
  readonly #actions: readonly (readonly [number, () => void])[];

  constructor({ seed, flaws, weather }: LifeOptions) {
    this.#prng = new Prng(seed);
    this.#isStorm = weather === 'storm' || this.#prng.chance(0.4);
    const peerCount = this.#prng.pick(this.#isStorm ? [3, 3, 3, 5] : [1, 2, 3, 3, 3, 4, 5]);
    this.#largeLossChance = 0.4 + 0.5 * this.#prng.uniform();
    this.#changesMembers = !this.#isStorm && this.#prng.chance(0.6);
    const voters = Array.from({ length: peerCount }, (_, at) => BigInt(at + 1));
    const membership = { ...emptyMembership, voters };
    const base = { index: genesisIndex, term: 1, membership, data: new Uint8Array(0) };
    this.#peers = this.#makePeers(base, flaws);
    this.#actions = this.#weights();
  }

  #makePeers(base: Snapshot, flaws: Flaws): ModelPeer[] {
    const prng = this.#prng;
    const optionsOfAll = {
      electionTicks: 5,
      heartbeatTicks: prng.pick([1, 2]),
      // Removed peers disturb the others unless both are on, so a group would not come to rest.
      preVote: this.#changesMembers || (!this.#isStorm && prng.chance(0.5)),
      checkQuorum: this.#changesMembers || (!this.#isStorm && prng.chance(0.5)),
      ownRemoval: 'hands_over' as const,
      validatesMembership: true,
      appendBytesMax: this.#isStorm ? 1 : prng.pick([1, 60, 1e6]),
      inflightCountMax: prng.pick([1, 2, 8]),
      committedBytesMax: prng.pick([1, 100, 1e6]),
      uncommittedBytesMax: 1e4,
    };
    const peerCount = this.#changesMembers ? 5 : base.membership.voters.length;
    return Array.from({ length: peerCount }, (_, at) => {
      const id = BigInt(at + 1);
      const seed = prng.u32();
      const optionsOf = (startCount: number): RaftOptions => ({
        ...optionsOfAll,
        id,
        seed: seed + startCount,
      });
      const isMember = base.membership.voters.includes(id);
      return new ModelPeer(id, isMember ? base : null, optionsOf, flaws);
    });
  }

  #weights(): readonly (readonly [number, () => void])[] {
    const rate = (most: number): number => most * this.#prng.uniform();
    return [
      [40, () => this.#deliver()],
      [8 + rate(20), () => this.#tick()],
      [40, () => this.#handleReady()],
      [rate(8), () => this.#propose()],
      [rate(2), () => this.#crash(this.#running())],
      [2, () => this.#restart()],
      [this.#isStorm ? rate(8) : rate(1), () => this.#pickRunning((raft) => raft.campaign())],
      [this.#isStorm ? rate(2) : 0, () => this.#crash(this.#leaders())],
      [this.#isStorm ? 6 : 0, () => this.#restart()],
      [rate(1), () => this.#split()],
      [this.#changesMembers ? rate(3) : 0, () => this.#changeMembership()],
      [rate(1), () => this.#transfer()],
      [rate(3), () => this.#read()],
      [rate(2), () => this.#compact()],
      [rate(1), () => this.#reportUnreachable()],
      [1, () => this.#report()],
    ];
  }

  step(): void {
    const weightSum = this.#actions.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#prng.uniform() * weightSum;
    for (const [weight, act] of this.#actions) {
      at -= weight;
      if (at < 0) return act();
    }
  }

  #running(): readonly ModelPeer[] {
    return this.#peers.filter((peer) => peer.raft !== null);
  }

  /** Lets a peer that runs act, and looks at what it has become. */
  #act(peer: ModelPeer, act: (raft: Raft) => void): void {
    const { raft } = peer;
    if (raft === null) return;
    act(raft);
    raft.takeEvents();
    const others = this.#peers.flatMap(({ id, raft: other }) =>
      id === peer.id || other === null ? [] : [other],
    );
    this.#checkers.check(raft, others);
    this.counts.elections = this.#checkers.electionCount;
    this.counts.committed = this.#checkers.commitIndexMax - genesisIndex;
  }

  #pickRunning(act: (raft: Raft, peer: ModelPeer) => void): void {
    const running = this.#running();
    if (running.length === 0) return;
    const peer = this.#prng.pick(running);
    this.#act(peer, (raft) => act(raft, peer));
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.kind === 'snapshot') this.counts.snapshots += 1;
      this.#network.push(message);
    }
    // A full network loses something, no matter what.
    while (this.#network.length > networkCountMax) {
      const [message] = this.#network.splice(this.#prng.int(this.#network.length), 1);
      if (message !== undefined) this.#lose(message);
    }
  }

  #lose(message: Message): void {
    this.counts.lost += 1;
    this.#reportLater(message, false);
  }

  #reportLater({ kind, from, to }: Message, isDelivered: boolean): void {
    if (kind === 'snapshot') this.#reports.push({ from, to, isDelivered });
  }

  #deliver(): void {
    if (this.#network.length === 0) return;
    // Mostly the oldest: pure disorder hardly ever elects anybody.
    const at = this.#prng.chance(0.7) ? 0 : this.#prng.int(this.#network.length);
    const message = this.#network[at];
    if (message === undefined) return;
    if (this.#prng.chance(0.05)) this.counts.doubled += 1;
    else this.#network.splice(at, 1);
    const isSplit = this.#side.get(message.from) !== this.#side.get(message.to);
    // In a storm what is large gets lost: leaders are made who cannot tell what they know.
    const isLarge = message.kind === 'append' && message.entries.length > 0;
    const lossChance = this.#isStorm && isLarge ? this.#largeLossChance : 0.05;
    if (isSplit || this.#prng.chance(lossChance)) this.#lose(message);
    else this.#receive(message);
  }

  #receive(message: Message): void {
    const peer = this.#peers.find(({ id }) => id === message.to);
    if (peer === undefined || peer.raft === null) return this.#lose(message);
    this.#act(peer, (raft) => raft.step(message));
    this.#reportLater(message, true);
  }

  /** A transport always says in the end what became of a snapshot. */
  #report(): void {
    const [report] = this.#reports.splice(0, 1);
    const sender = this.#peers.find(({ id }) => id === report?.from);
    if (report === undefined || sender === undefined) return;
    this.#act(sender, (raft) => raft.reportSnapshot(report.to, report.isDelivered));
  }

  #tick(): void {
    this.#pickRunning((raft) => raft.tick());
  }

  /** One of the steps of carrying out a Ready, or all at once. */
  #handleReady(): void {
    const busy = this.#peers.filter((peer) => peer.hasOpenReady || peer.raft?.hasReady === true);
    if (busy.length === 0) return;
    const peer = this.#prng.pick(busy);
    const isWhole = this.#prng.chance(0.6);
    this.#act(peer, (raft) => {
      do {
        if (!peer.hasOpenReady) {
          if (!raft.hasReady) return;
          this.#send(peer.takeReady());
        } else if (peer.isReadySaved) {
          this.#answerReads(peer.finishReady(this.#checkers));
        } else {
          this.#send(peer.saveReady());
        }
      } while (isWhole && peer.hasOpenReady);
    });
  }

  #answerReads(reads: readonly ConfirmedRead[]): void {
    for (const { requestId, index } of reads) {
      const floor = this.#readFloors.get(requestId);
      if (floor === undefined) continue;
      this.counts.reads += 1;
      if (index >= floor) continue;
      const message = `read ${requestId} at ${index}, committed before it: ${floor}`;
      throw new SafetyViolation('linearizable reads', message);
    }
  }

  #propose(): void {
    const data = new TextEncoder().encode(`command ${this.#commandCount}`);
    this.#commandCount += 1;
    this.#pickRunning((raft) => raft.propose([{ kind: 'command', data }]));
  }

  #changeMembership(): void {
    const kind = this.#prng.pick<PeerChange['kind']>(['add_voter', 'add_learner', 'remove']);
    const changes = [{ kind, peerId: BigInt(1 + this.#prng.int(5)) }];
    const isJoint = this.#prng.chance(0.1);
    if (isJoint) changes.push({ kind: 'add_voter', peerId: BigInt(1 + this.#prng.int(5)) });
    const change: MembershipChange = { transition: 'auto', changes };
    this.counts.memberships += 1;
    this.#pickRunning((raft) =>
      raft.propose([{ kind: 'membership', change, data: new Uint8Array(0) }]),
    );
  }

  #transfer(): void {
    const target = this.#prng.pick(this.#peers).id;
    this.counts.transfers += 1;
    this.#pickRunning((raft) => raft.transferLeadership(target));
  }

  #read(): void {
    this.#readCount += 1;
    this.#readFloors.set(this.#readCount, this.#checkers.commitIndexMax);
    this.#pickRunning((raft) => raft.readIndex(this.#readCount));
  }

  #compact(): void {
    this.#pickRunning((raft, peer) => {
      const { appliedIndex, firstIndex } = raft.status();
      if (peer.hasOpenReady || appliedIndex < firstIndex) return;
      peer.compact(firstIndex + this.#prng.int(appliedIndex - firstIndex + 1));
    });
  }

  #reportUnreachable(): void {
    const { id } = this.#prng.pick(this.#peers);
    this.#pickRunning((raft) => raft.reportUnreachable(id));
  }

  #leaders(): readonly ModelPeer[] {
    return this.#peers.filter(({ raft }) => raft?.status().role === 'leader');
  }

  #crash(candidates: readonly ModelPeer[]): void {
    if (candidates.length === 0) return;
    const peer = this.#prng.pick(candidates);
    peer.crash(this.#prng.int(peer.disk.unsyncedCount + 1));
    this.#checkers.forget(peer.id);
    this.counts.crashes += 1;
    // Connections break with it, mostly.
    if (this.#prng.chance(0.7)) {
      for (const message of this.#network) if (message.from === peer.id) this.#lose(message);
      this.#network = this.#network.filter(({ from }) => from !== peer.id);
    }
    if (this.#prng.chance(0.5)) this.#start(peer);
  }

  #restart(): void {
    const down = this.#peers.filter((peer) => peer.raft === null);
    if (down.length > 0) this.#start(this.#prng.pick(down));
  }

  #start(peer: ModelPeer): void {
    peer.start();
    this.#act(peer, () => {});
  }

  #split(): void {
    this.counts.splits += 1;
    const isWhole = this.#prng.chance(0.4);
    for (const { id } of this.#peers) this.#side.set(id, isWhole ? 0 : this.#prng.int(2));
  }

  /** With all peers up and a calm network the group must get something done, and agree. */
  heal(): void {
    this.#side.clear();
    for (const peer of this.#peers) if (peer.raft === null) this.#start(peer);
    const data = new TextEncoder().encode('last command');
    for (let round = 0; round < 300; round += 1) {
      this.#calmRound();
      const leader = this.#leader();
      if (leader === null) continue;
      if (this.#hasApplied(leader, data)) return;
      if (round % 20 === 19) {
        this.#act(leader, (raft) => raft.propose([{ kind: 'command', data }]));
      }
    }
    throw new SafetyViolation('liveness', 'the group does not come to an agreement');
  }

  #calmRound(): void {
    for (const peer of this.#peers) this.#act(peer, (raft) => raft.tick());
    while (this.#reports.length > 0) this.#report();
    for (let pass = 0; pass < 3; pass += 1) {
      for (const peer of this.#peers) {
        while (peer.raft?.hasReady === true || peer.hasOpenReady)
          this.#act(peer, () => this.#finish(peer));
      }
      const messages = this.#network;
      this.#network = [];
      for (const message of messages) this.#receive(message);
    }
  }

  #finish(peer: ModelPeer): void {
    if (!peer.hasOpenReady) this.#send(peer.takeReady());
    if (!peer.isReadySaved) this.#send(peer.saveReady());
    this.#answerReads(peer.finishReady(this.#checkers));
  }

  #leader(): ModelPeer | null {
    const term = (peer: ModelPeer): number => peer.raft?.status().hardState.term ?? 0;
    return this.#leaders().toSorted((a, b) => term(b) - term(a))[0] ?? null;
  }

  /** Have all members applied a last command, and nothing different before it? */
  #hasApplied(leader: ModelPeer, data: Uint8Array): boolean {
    const status = leader.raft?.status();
    if (status === undefined || this.#checkers.committedAt(status.appliedIndex)?.data !== data) {
      return false;
    }
    const members = memberIds(status.membership);
    const machines = this.#peers.filter(({ id }) => members.includes(id)).map((p) => p.machine);
    const { index, digest } = leader.machine;
    if (machines.some((machine) => machine.index !== index)) return false;
    if (machines.every((machine) => machine.digest === digest)) return true;
    throw new SafetyViolation('state machine safety', `states differ at ${index}`);
  }
}
