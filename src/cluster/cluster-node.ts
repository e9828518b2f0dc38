// One peer of a cluster: the agreed state, how it is changed and waited for, who takes part. What
// the server and the simulator use; everything behind it is in the files that it puts together.
//
//   raft-driver (the loop) ─ applied-state (the machine) ─ proposer, membership-requests (changes)
//   peer-service (what others may ask) ─ state-watch (are we equal?) ─ node-start (how it began)

import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import { type Membership, memberIds } from '../raft/membership.ts';
import type { Message, Proposal } from '../raft/messages.ts';
import { soundRules } from '../raft/quorum.ts';
import type { Role } from '../raft/state.ts';
import { AddressBook } from './address-book.ts';
import { AppliedState } from './applied-state.ts';
import type { Command } from './commands.ts';
import { decodeState } from './encode-state.ts';
import { isGranted, type MembershipWish, refusalOf } from './leader-duties.ts';
import { applyMembership } from './membership-data.ts';
import { MembershipRequests } from './membership-requests.ts';
import { NodeStart, type Started } from './node-start.ts';
import type { ClusterNodeOptions, ClusterNodePorts } from './node-types.ts';
import {
  type PeerAnswer,
  type PeerEndpoint,
  type PeerMessage,
  type PeerRequest,
  PeerUnreachable,
} from './peer-network.ts';
import { type MembershipResult, type ServingNode, servePeer } from './peer-service.ts';
import { ProposalNumbers } from './proposal-numbers.ts';
import { type LeaderView, type ProposeResult, Proposer } from './proposer.ts';
import {
  type DriverOptions,
  type DriverPorts,
  type DriverStatus,
  type DurableLog,
  RaftDriver,
} from './raft-driver.ts';
import { breakSilence, type Silence, type SilentPeer, sayUri } from './silence.ts';
import { type FetchedState, StateWatch } from './state-watch.ts';
import { askAfterSilenceTicks, publishTicks, usualLimits } from './timing.ts';
import { Waiters } from './waiters.ts';

export interface ClusterStatus {
  readonly peerId: PeerId;
  readonly clusterId: string | null;
  readonly peers: ClusterState['peers'];
  readonly term: Term;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  /** Committed and not yet applied here. */
  readonly pendingOperations: number;
  /** `null` until this peer has heard of one, `0n` while it knows none. */
  readonly leader: PeerId | null;
  /** `null` as long as `leader` is. */
  readonly role: Role | null;
  readonly isVoter: boolean;
  readonly thread: DriverStatus;
  /** Wall time at which consensus last had work to do here. */
  readonly lastUpdateMs: number;
  /** How often this peer's state differed from the leader's. */
  readonly stateMismatchCount: number;
}

/** `no_leader`: nobody led within the time; nothing was proposed. */
export type ProposalResult = ProposeResult | { readonly kind: 'no_leader' };

/** A snapshot may take this long, and longer the larger it is: 1 MB/s is slow. */
const snapshotCallMs = 10_000;
const snapshotBytesPerMs = 1000;
const fetchCallMs = 10_000;

export class ClusterNode implements PeerEndpoint {
  readonly #id: PeerId;
  readonly #options: ClusterNodeOptions;
  readonly #ports: ClusterNodePorts;
  readonly #closeLog: () => void | Promise<void>;
  readonly #machine: AppliedState;
  readonly #driver: RaftDriver;
  readonly #proposer: Proposer;
  readonly #membership: MembershipRequests;
  readonly #addresses: AddressBook;
  readonly #watch = new StateWatch();
  readonly #waiters: Waiters;
  readonly #serving: ServingNode;
  /** It had never been part of a cluster when it started. */
  readonly isNew: boolean;
  #hasSeenLeader = false;
  #isFetching = false;
  #fetched: FetchedState | null = null;
  #refreshCount = 0;
  #publishedTick = Number.NEGATIVE_INFINITY;
  #askedTick = 0;
  #isSayingUri = false;

  static async start(options: ClusterNodeOptions, ports: ClusterNodePorts): Promise<ClusterNode> {
    const identity = await ports.identity.load();
    const started = await new NodeStart(options, ports, identity).run();
    return new ClusterNode(options, ports, started);
  }

  private constructor(options: ClusterNodeOptions, ports: ClusterNodePorts, started: Started) {
    const { identity, saved, state, log } = started;
    this.#id = identity.peerId;
    this.#options = options;
    this.#ports = ports;
    this.#closeLog = () => log.close();
    this.isNew = started.isNew;
    this.#waiters = new Waiters(ports.timers);
    this.#addresses = new AddressBook(identity, ports);
    const { index, term } = saved.base;
    this.#machine = new AppliedState(
      { state, membership: saved.membership, index, term },
      {
        entryApplied: (entry, proposal) => {
          this.#proposer.applied(entry, proposal);
          this.#useFetched();
          this.#watch.remember(this.#machine.index, this.#machine.state);
        },
        jumped: (_index, jumpTerm) => {
          this.#proposer.jumped(jumpTerm);
          this.#watch.forget();
          this.#watch.remember(this.#machine.index, this.#machine.state);
        },
      },
    );
    this.#driver = new RaftDriver(this.#driverOptions(), saved, this.#driverPorts(log));
    const numbers = new ProposalNumbers(ports.random);
    const leader = (): LeaderView => this.#leaderView();
    const forward = (to: PeerId, inTerm: Term, proposals: readonly Proposal[]): void => {
      ports.network.send(to, { kind: 'forward', term: inTerm, proposals });
    };
    this.#proposer = new Proposer(this.#id, numbers, {
      timers: ports.timers,
      leader,
      append: (proposals) => this.#driver.propose(proposals).kind === 'appended',
      forward,
    });
    this.#membership = new MembershipRequests(this.#id, numbers, {
      leader,
      status: () => this.#driver.raftStatus,
      state: () => this.#machine.state,
      appliedTerm: () => this.#machine.term,
      append: (proposal) => this.#driver.propose([proposal]),
      forward,
    });
    this.#serving = this.#servingNode();
    this.#addresses.use(this.#machine.state, 0);
    this.#driver.start();
  }

  get peerId(): PeerId {
    return this.#id;
  }

  state(): ClusterState {
    return this.#machine.state;
  }

  get appliedIndex(): LogIndex {
    return this.#machine.index;
  }

  /** False once this peer was removed, its consensus failed, or it was stopped. */
  get isWorking(): boolean {
    return this.#driver.isWorking;
  }

  /**
   * Resolves once more than `afterIndex` is applied, or the whole state was taken anew, or
   * consensus has ended here. Look at `state()` then, whatever the reason.
   */
  async changed(afterIndex: LogIndex): Promise<void> {
    const { isWorking } = this;
    const refreshCount = this.#refreshCount;
    await this.#waiters.until(
      () =>
        this.#machine.index > afterIndex ||
        this.#refreshCount !== refreshCount ||
        this.isWorking !== isWorking
          ? true
          : null,
      null,
    );
  }

  /** Waits for a leader, then for the outcome, each at most `timeoutMs`. */
  async propose(command: Command, timeoutMs: number): Promise<ProposalResult> {
    const ended = await this.#awaitLeader(timeoutMs);
    return ended ?? this.#proposer.propose(command, timeoutMs);
  }

  addPeer(
    peer: { readonly peerId: PeerId; readonly uri: string; readonly version: string },
    timeoutMs: number,
  ): Promise<MembershipResult> {
    return this.#ask({ kind: 'add', ...peer }, timeoutMs);
  }

  /** Unknown peers are removed already. Replicas go with their peer: whoever minds asks before. */
  removePeer(peerId: PeerId, timeoutMs: number): Promise<MembershipResult> {
    return this.#ask({ kind: 'remove', peerId, uri: null, version: null }, timeoutMs);
  }

  status(): ClusterStatus {
    const { role, leaderId, hardState, membership } = this.#driver.raftStatus;
    const { state } = this.#machine;
    const { thread, peers } = { thread: this.#driver.status, peers: state.peers };
    const isMember = memberIds(membership).includes(this.#id);
    return {
      peerId: this.#id,
      clusterId: state.clusterId ?? this.#addresses.clusterId,
      peers: isMember ? peers : this.#addresses.whoIsKnown(state, this.#options.version),
      term: hardState.term,
      commitIndex: hardState.commitIndex,
      appliedIndex: this.#machine.index,
      pendingOperations: Math.max(0, hardState.commitIndex - this.#machine.index),
      leader: this.#hasSeenLeader ? (leaderId ?? 0n) : null,
      role: this.#hasSeenLeader ? role : null,
      isVoter: membership.voters.includes(this.#id),
      thread,
      lastUpdateMs: this.#driver.lastUpdateMs,
      stateMismatchCount: this.#watch.mismatchCount,
    };
  }

  /** Takes the leader's whole state anew. Best effort: without a leader nothing happens. */
  refreshState(): void {
    const { leaderId } = this.#driver.raftStatus;
    if (leaderId === null || leaderId === this.#id || !this.isWorking) return;
    this.#fetchFrom(leaderId);
  }

  /** True once `index` is applied here in `term`; false if a newer term came, or after the time. */
  async waitOnCommit(index: LogIndex, term: Term, timeoutMs: number): Promise<boolean> {
    const reached = await this.#waiters.until(() => {
      const own = this.#driver.raftStatus.hardState.term;
      if (own > term) return 'newer';
      return own === term && this.#machine.index >= index ? 'reached' : null;
    }, timeoutMs);
    return reached === 'reached';
  }

  receive(from: PeerId, message: PeerMessage): void {
    if (!this.isWorking) return;
    switch (message.kind) {
      case 'raft':
        if (message.message.from === from) this.#driver.receive(message.message);
        return;
      case 'forward':
        return this.#receiveForward(from, message.term, message.proposals);
      case 'state_hash':
        if (from !== this.#driver.raftStatus.leaderId) return;
        this.#watch.heard(message.index, message.hash);
        this.#compareStates();
        return;
      default:
    }
  }

  serve(from: PeerId | null, request: PeerRequest, callerAddress: string): Promise<PeerAnswer> {
    return servePeer(this.#serving, from, request, callerAddress);
  }

  unreachable(peerId: PeerId): void {
    this.#driver.unreachable(peerId);
  }

  /** Before an orderly end, while others are still reached: nobody then has to wait for silence. */
  async handOver(timeoutMs: number): Promise<void> {
    if (!this.#driver.handOver()) return;
    await this.#waiters.until(
      () => (this.#driver.raftStatus.role === 'leader' && this.isWorking ? null : true),
      timeoutMs,
    );
  }

  async stop(): Promise<void> {
    await this.#driver.stop();
    this.#proposer.stop();
    this.#waiters.close();
    await this.#addresses.saved();
    await this.#closeLog();
  }

  /** For tests: what only the simulator looks at. */
  inspect(): { readonly driver: RaftDriver; readonly machine: AppliedState } {
    return { driver: this.#driver, machine: this.#machine };
  }

  #driverOptions(): DriverOptions {
    const { compactEntries, inboxCountMax, tickMs } = this.#options;
    const { rules = soundRules, limits = usualLimits } = this.#options;
    const seed = this.#ports.random.uint32();
    return { id: this.#id, tickMs, compactEntries, inboxCountMax, seed, rules, limits };
  }

  #driverPorts(durable: DurableLog): DriverPorts {
    const { clock, timers, log, network } = this.#ports;
    return {
      clock,
      timers,
      log,
      durable,
      machine: this.#machine,
      send: (message) => network.send(message.to, { kind: 'raft', message }),
      sendSnapshot: (message) => this.#sendSnapshot(message),
      afterRound: () => this.#afterRound(),
    };
  }

  #servingNode(): ServingNode {
    return {
      peerId: this.#id,
      scheme: this.#options.scheme,
      isWorking: () => this.isWorking,
      hasLeader: () => this.#driver.raftStatus.leaderId !== null,
      state: () => this.state(),
      membership: () => this.#driver.raftStatus.membership,
      encodedState: () => ({ index: this.#machine.index, data: this.#machine.encode() }),
      position: () => {
        const { term, commitIndex } = this.#driver.raftStatus.hardState;
        return { commitIndex, appliedIndex: this.#machine.index, term };
      },
      addPeer: (peer, timeoutMs) => this.addPeer(peer, timeoutMs),
      removePeer: (peerId, timeoutMs) => this.removePeer(peerId, timeoutMs),
      changeUri: (peerId, uri, timeoutMs) =>
        this.#ask({ kind: 'update', peerId, uri, version: null }, timeoutMs),
      addressFault: (uri) => this.#ports.network.addressFault(uri),
      addressOf: (peerId) => this.#addresses.of(peerId),
      hearUri: (peerId, uri) => this.#addresses.hear(peerId, uri),
      waitOnCommit: (index, term, timeoutMs) => this.waitOnCommit(index, term, timeoutMs),
      receiveSnapshot: (from, message) => {
        if (message.from === from) this.#driver.receive(message);
      },
    };
  }

  #leaderView(): LeaderView {
    const { leaderId, hardState } = this.#driver.raftStatus;
    return { leaderId, term: hardState.term, tick: this.#driver.tickCount };
  }

  /** `null` once somebody leads. */
  async #awaitLeader(
    timeoutMs: number,
  ): Promise<{ readonly kind: 'no_leader' | 'stopped' } | null> {
    const found = await this.#waiters.until(() => {
      if (!this.isWorking) return 'stopped';
      return this.#driver.raftStatus.leaderId === null ? null : 'leader';
    }, timeoutMs);
    if (found === 'leader') return null;
    return { kind: found === 'stopped' || !this.isWorking ? 'stopped' : 'no_leader' };
  }

  async #ask(wish: MembershipWish, timeoutMs: number): Promise<MembershipResult> {
    const ended = await this.#awaitLeader(timeoutMs);
    if (ended !== null) return ended;
    const look = (): MembershipResult | null => {
      const { membership } = this.#driver.raftStatus;
      const { state, index } = this.#machine;
      if (isGranted(wish, state, membership)) return { kind: 'done', index };
      const message = refusalOf(wish, state, membership);
      if (message !== null) return { kind: 'refused', message };
      return this.isWorking ? null : { kind: 'stopped' };
    };
    const known = look();
    if (known !== null) return known;
    const asked = this.#membership.ask(wish);
    const result = await this.#waiters.until(look, timeoutMs);
    asked.withdraw();
    return result ?? { kind: this.isWorking ? 'timed_out' : 'stopped' };
  }

  #receiveForward(from: PeerId, term: Term, proposals: readonly Proposal[]): void {
    try {
      this.#proposer.takeForLeader(term, proposals);
      this.#membership.takeForLeader(from, term, proposals);
    } catch (error) {
      // Of a newer version, perhaps: what this leader cannot read it must not append.
      this.#ports.log.warn('A proposal cannot be read', { from: String(from), error });
    }
  }

  async #sendSnapshot(message: Message): Promise<boolean> {
    try {
      const request = { kind: 'install_snapshot', message } as const;
      const to = { peerId: message.to };
      const bytes = message.kind === 'snapshot' ? message.snapshot.data.length : 0;
      const timeoutMs = snapshotCallMs + bytes / snapshotBytesPerMs;
      const answer = await this.#ports.network.call(to, request, timeoutMs);
      return answer.kind === 'done' && answer.ok;
    } catch (error) {
      if (error instanceof PeerUnreachable) return false;
      throw error;
    }
  }

  #afterRound(): void {
    if (!this.isWorking) {
      this.#proposer.stop();
      this.#waiters.poke();
      return;
    }
    const { leaderId } = this.#driver.raftStatus;
    if (leaderId !== null) this.#hasSeenLeader = true;
    this.#addresses.use(this.#machine.state, this.#driver.tickCount);
    this.#proposer.flush();
    this.#membership.flush();
    this.#compareStates();
    this.#sayState(leaderId);
    this.#publishVersion(leaderId);
    this.#publishUri();
    this.#breakSilence();
    this.#waiters.poke();
  }

  #sayState(leaderId: PeerId | null): void {
    if (leaderId !== this.#id) return;
    const { index, state } = this.#machine;
    const hash = this.#watch.say(this.#driver.tickCount, index, state);
    if (hash === null) return;
    for (const id of this.#otherIds()) {
      this.#ports.network.send(id, { kind: 'state_hash', index, hash });
    }
  }

  #compareStates(): void {
    const mismatch = this.#watch.compare(this.#machine.index);
    if (mismatch === null) return;
    this.#ports.log.error('The state of this peer differs from the leader: taking its', {
      ...mismatch,
    });
    this.refreshState();
  }

  #fetchFrom(leaderId: PeerId): void {
    if (this.#isFetching) return;
    this.#isFetching = true;
    this.#fetch(leaderId)
      .catch((error: unknown) => this.#ports.log.warn('Cannot take the leader’s state', { error }))
      .finally(() => {
        this.#isFetching = false;
      });
  }

  async #fetch(leaderId: PeerId): Promise<void> {
    const to = { peerId: leaderId };
    const answer = await this.#ports.network.call(to, { kind: 'fetch_state' }, fetchCallMs);
    if (answer.kind !== 'state' || !this.isWorking) return;
    // Behind the leader, it waits until this peer has come as far; ahead of it, it is of no use.
    if (answer.index < this.#machine.index) return;
    this.#fetched = { index: answer.index, state: decodeState(answer.data) };
    this.#useFetched();
    this.#waiters.poke();
  }

  #useFetched(): void {
    const fetched = this.#fetched;
    if (fetched === null || fetched.index > this.#machine.index) return;
    this.#fetched = null;
    if (fetched.index < this.#machine.index) return;
    this.#machine.replace(fetched.state);
    this.#watch.forget();
    this.#refreshCount += 1;
    this.#driver.compactSoon();
  }

  /** Everybody says its own version, and only where it is not known. */
  #publishVersion(leaderId: PeerId | null): void {
    const { version } = this.#options;
    const own = this.#machine.state.peers.get(this.#id);
    if (leaderId === null || own === undefined || own.version === version) return;
    if (this.#driver.tickCount - this.#publishedTick < publishTicks) return;
    this.#publishedTick = this.#driver.tickCount;
    const command: Command = { kind: 'update_peer_metadata', peerId: this.#id, version };
    void this.#proposer.propose(command, publishTicks * this.#options.tickMs);
  }

  /** It may have been heard without being agreed on. */
  #publishUri(): void {
    const uri = this.#addresses.ownUri;
    const own = this.#machine.state.peers.get(this.#id);
    const isAgreed = uri === null || own === undefined || own.uri === uri;
    if (isAgreed || this.#isSayingUri) return;
    this.#isSayingUri = true;
    const wish = { kind: 'update', peerId: this.#id, uri, version: null } as const;
    // At once: they may need this peer to agree on anything at all.
    sayUri(this.#silentPeer(), this.#otherIds(), this.#ports.network);
    void this.#ask(wish, publishTicks * this.#options.tickMs).finally(() => {
      this.#isSayingUri = false;
    });
  }

  /** Where nobody is heard, or somebody does not answer this leader, addresses may be wrong. */
  #breakSilence(): void {
    const { tickCount, silenceTicks } = this.#driver;
    if (tickCount - this.#askedTick < askAfterSilenceTicks) return;
    this.#askedTick = tickCount;
    const { membership, role, progress } = this.#driver.raftStatus;
    const others = this.#otherIds();
    const own = this.#silentPeer();
    if (role === 'leader') {
      const silent = others.filter((id) => progress.get(id)?.isActive === false);
      return sayUri(own, silent, this.#ports.network);
    }
    if (silenceTicks < askAfterSilenceTicks || others.length === 0) return;
    breakSilence(own, others, this.#ports.network)
      .then((silence) => this.#useAnswers(silence, membership))
      .catch((error: unknown) => this.#ports.log.warn('Cannot ask the other peers', { error }));
  }

  #otherIds(): readonly PeerId[] {
    const { membership } = this.#driver.raftStatus;
    return memberIds(membership).filter((id) => id !== this.#id);
  }

  #silentPeer(): SilentPeer {
    const uri = this.#addresses.ownUri;
    return { peerId: this.#id, uri, appliedIndex: this.#machine.index };
  }

  #useAnswers({ wasRemoved, moved }: Silence, before: Membership): void {
    for (const [peerId, uri] of moved) this.#addresses.hear(peerId, uri);
    const { membership } = this.#driver.raftStatus;
    if (!wasRemoved || !this.isWorking || membership !== before) return;
    this.#ports.log.warn('This peer was removed from the cluster and takes no part any more');
    const change = { transition: 'auto', changes: [{ kind: 'remove', peerId: this.#id }] } as const;
    this.#machine.replace(applyMembership(this.#machine.state, change, new Uint8Array(0)));
    this.#refreshCount += 1;
    this.#driver.leave();
  }
}
