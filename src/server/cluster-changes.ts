// A peer of a cluster, on the control thread: changes go through consensus, and this peer follows
// what is agreed. It answers when a change is carried out here, and waits where the API promises
// that others see it, too (`spec` of consensus: how requests wait).

import { assert } from '../base/assert.ts';
import type { LogIndex, PeerId } from '../base/ids.ts';
import type { ClusterNode, ClusterStatus as NodeStatus } from '../cluster/cluster-node.ts';
import type { Command } from '../cluster/commands.ts';
import type {
  PeerAnswer,
  PeerEndpoint,
  PeerNetwork,
  PeerRequest,
} from '../cluster/peer-network.ts';
import { Waiters } from '../cluster/waiters.ts';
import type { TransferProgress } from '../collection/transfer/driver.ts';
import type { Clock, Logger, Timers } from '../io/ports.ts';
import { within } from '../io/waiting.ts';
import type { ClusterState, CollectionState } from '../model/cluster-state.ts';
import { RequestError } from '../model/request-error.ts';
import type { Catalog, CatalogStore } from './catalog-store.ts';
import type { ClusterStatus, ConsensusLoop } from './cluster-access.ts';
import { ClusterReadiness } from './cluster-readiness.ts';
import { ClusterTransfers } from './cluster-transfers.ts';
import type { ProposalOutcome } from './engine.ts';
import { isLoadFault, type PassOutcome, Reconciler } from './reconciler.ts';
import type { TransferLimits } from './recovery-plan.ts';
import type { ClusterChanges } from './threads/control.ts';
import type { ThreadHost } from './threads/thread-host.ts';

export interface ClusterChangesParts {
  readonly node: ClusterNode;
  readonly network: PeerNetwork;
  /** Others reach this peer from now on. */
  readonly listen: (endpoint: PeerEndpoint) => Promise<unknown>;
  readonly close: () => Promise<void>;
  readonly host: ThreadHost;
  readonly store: CatalogStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** Of automatic recovery; `null`: there is none. */
  readonly transferLimits: TransferLimits | null;
  /** Told after every pass, for those who look from outside. */
  readonly show: (node: ClusterNode) => void;
}

const retryMs = 1_000;
const handOverMs = 1_000;
const ownProposalMs = 10_000;
/** A peer that joins has the state within this time, or goes on without. */
const firstStateMs = 15_000;

export class PeerChanges implements ClusterChanges {
  readonly #parts: ClusterChangesParts;
  readonly #node: ClusterNode;
  readonly #reconciler: Reconciler;
  readonly #readiness: ClusterReadiness;
  readonly #transfers: ClusterTransfers;
  /**
   * Everything up to here is carried out on this peer, or was tried: whoever waits has waited for
   * its best.
   */
  #passedIndex: LogIndex = 0;
  /** `null`: look again. */
  #passedState: ClusterState | null = null;
  readonly #installedWaiters: Waiters;
  #looping: Promise<void> = Promise.resolve();
  #isStopped = false;
  #wake: (() => void) | null = null;

  constructor(parts: ClusterChangesParts) {
    const { node, host, store, log } = parts;
    this.#parts = parts;
    this.#node = node;
    this.#installedWaiters = new Waiters(parts.timers);
    this.#reconciler = new Reconciler(node.peerId, {
      host,
      store,
      timers: parts.timers,
      log,
      propose: (command) => this.#proposeOwn(command),
    });
    this.#transfers = new ClusterTransfers(parts.transferLimits, {
      ...parts,
      propose: (command) => this.#proposeTransfer(command),
      seenEverywhere: (timeoutMs) => this.#seenEverywhere(timeoutMs),
      settledState: () => (this.#isBehind() ? null : this.#passedState),
    });
    this.#readiness = new ClusterReadiness({
      node,
      network: parts.network,
      timers: parts.timers,
      installed: (index, timeoutMs) => this.#installed(index, timeoutMs),
      isStopped: () => this.#isStopped,
    });
  }

  // --- start and end ---

  async listen(): Promise<void> {
    await this.#parts.listen(this.#endpoint());
  }

  async load(): Promise<void> {
    const { store } = this.#parts;
    const catalog = await store.load();
    await store.sweepDeleted();
    await this.#firstState();
    this.#transfers.begin(this.#node.state());
    const { clusterId } = this.#node.state();
    if (clusterId !== null) {
      this.#reconciler.adopt(catalog, clusterId);
      const outcome = await this.#pass();
      const fault = outcome.kind === 'done' ? undefined : outcome.errors.find(isLoadFault);
      if (fault !== undefined) throw fault;
    }
    this.#looping = this.#follow(clusterId === null ? catalog : null);
    await this.#registerAll(catalog.state.aliases);
    this.#readiness.begin();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#transfers.stop();
    this.#wake?.();
    // While the others can still be told: they need not wait for silence then.
    await this.#node.handOver(handOverMs);
    await this.#parts.close();
    await this.#node.stop();
    await this.#looping;
    await this.#reconciler.saveAll();
  }

  /** What is committed is applied, and there is a state at all. */
  async #firstState(): Promise<void> {
    const deadline = performance.now() + firstStateMs;
    for (;;) {
      const { pendingOperations } = this.#node.status();
      if (this.#node.state().clusterId !== null && pendingOperations === 0) return;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || !this.#node.isWorking) return;
      await this.#changedOrAfter(this.#node.changed(this.#node.appliedIndex), leftMs);
    }
  }

  /**
   * What this node had while it stood alone becomes the cluster's: its shards are on this peer.
   */
  async #registerAll(aliases: ReadonlyMap<string, string>): Promise<void> {
    for (const collection of this.#reconciler.unknownCollections()) {
      for (const command of registration(collection, this.#node.peerId, aliases)) {
        await this.#registered(command);
      }
      this.#parts.log.info('A collection of this node is part of the cluster now', {
        collection: collection.name,
      });
    }
  }

  async #registered(command: Command): Promise<void> {
    while (!this.#isStopped && this.#node.isWorking) {
      const result = await this.#node.propose(command, ownProposalMs);
      if (result.kind === 'done') {
        if (result.outcome.kind === 'refused') {
          this.#parts.log.warn('The cluster refuses what this node had', { ...result.outcome });
        }
        await this.#installed(result.index, ownProposalMs);
        return;
      }
    }
  }

  // --- following what is agreed ---

  /** `waiting`: what is on disk, as long as this peer has no state to compare it with. */
  async #follow(waiting: Catalog | null): Promise<void> {
    let catalog = waiting;
    while (!this.#isStopped) {
      // Asked for before the state is looked at, so that no change is missed.
      const changed = this.#node.changed(this.#node.appliedIndex);
      const { clusterId } = this.#node.state();
      if (catalog !== null && clusterId !== null) {
        this.#reconciler.adopt(catalog, clusterId);
        catalog = null;
      }
      let retryAfterMs = Infinity;
      if (catalog === null && this.#isBehind()) {
        const outcome = await this.#pass();
        if (outcome.kind === 'done') continue;
        retryAfterMs = retryMs;
      }
      await this.#changedOrAfter(changed, retryAfterMs);
      if (Number.isFinite(retryAfterMs)) this.#passedState = null;
    }
  }

  #isBehind(): boolean {
    return this.#node.state() !== this.#passedState || this.#node.appliedIndex > this.#passedIndex;
  }

  async #pass(): Promise<PassOutcome> {
    const state = this.#node.state();
    const index = this.#node.appliedIndex;
    let outcome: PassOutcome;
    try {
      outcome = await this.#reconciler.pass(state);
    } catch (error) {
      outcome = { kind: 'incomplete', errors: [error] };
    }
    this.#passedIndex = index;
    this.#passedState = state;
    if (outcome.kind === 'incomplete') {
      const reasons = outcome.errors.map((error) => String(error));
      this.#parts.log.error('Not everything that was agreed could be carried out', { reasons });
    }
    this.#installedWaiters.poke();
    if (outcome.kind === 'done') this.#transfers.look(state);
    this.#parts.show(this.#node);
    return outcome;
  }

  /** False after `timeoutMs`. */
  async #installed(index: LogIndex, timeoutMs: number): Promise<boolean> {
    const look = () => (this.#passedIndex >= index ? true : null);
    return (await this.#installedWaiters.until(look, timeoutMs)) ?? false;
  }

  /** Ends early when this peer stops. */
  async #changedOrAfter(changed: Promise<void>, timeoutMs: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const either = Promise.race([changed, woken]);
    await within(this.#parts.timers, timeoutMs, either, undefined);
    this.#wake = null;
  }

  async #proposeOwn(command: Command): Promise<void> {
    const result = await this.#node.propose(command, ownProposalMs);
    if (result.kind === 'done' && result.outcome.kind === 'applied') return;
    // The state will show a refusal to be right, or there is another try.
    if (result.kind === 'done') return;
    this.#parts.timers.setTimeout(() => {
      this.#passedState = null;
      this.#wake?.();
    }, retryMs);
    throw new Error(`the proposal came to nothing: ${result.kind}`);
  }

  async #proposeTransfer(command: Command): Promise<void> {
    const result = await this.#node.propose(command, ownProposalMs);
    // A refusal is an end, too: the transfer is not what it was any more.
    if (result.kind !== 'done') throw new Error(`the proposal came to nothing: ${result.kind}`);
  }

  // --- requests of this peer's clients ---

  async propose(command: Command, timeoutMs: number): Promise<ProposalOutcome> {
    const startedMs = performance.now();
    const result = await this.#node.propose(command, timeoutMs);
    if (result.kind !== 'done') throw notProposed(result.kind, timeoutMs);
    const { outcome, index } = result;
    await this.#installed(index, timeoutMs);
    if (outcome.kind === 'refused') throw new RequestError(outcome.code, outcome.message);
    if (command.kind === 'create_collection') await this.#allActive(command, timeoutMs);
    if (mustBeSeenEverywhere(command)) {
      await this.#seenEverywhere(Math.max(1_000, timeoutMs - (performance.now() - startedMs)));
    }
    return { changed: outcome.changed };
  }

  /** Not reaching it is logged, no more. */
  async #allActive(
    { name, uuid }: Extract<Command, { kind: 'create_collection' }>,
    timeoutMs: number,
  ): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const index = this.#node.appliedIndex;
      const collection = this.#node.state().collections.get(name);
      // Deleted meanwhile.
      if (collection?.uuid !== uuid) return;
      // Nobody gains from waiting for a peer that is down: it takes up its replicas when it is
      // back.
      if (isAllActive(collection, this.#lostPeers())) {
        await this.#installed(index, deadline - performance.now());
        return;
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || this.#isStopped || !this.#node.isWorking) {
        this.#parts.log.warn('Not all replicas of a new collection are active yet', { name });
        return;
      }
      await within(this.#parts.timers, leftMs, this.#node.changed(index), undefined);
    }
  }

  /** Peers that cannot be reached from here at present. */
  #lostPeers(): ReadonlySet<PeerId> {
    const failures = this.#parts.network.failures();
    const lost = [...this.#node.state().peers].filter(([, { uri }]) => failures.has(uri));
    return new Set(lost.map(([peerId]) => peerId));
  }

  async #seenEverywhere(timeoutMs: number): Promise<void> {
    const { commitIndex: index, term } = this.#node.status();
    const request: PeerRequest = { kind: 'wait_on_commit', index, term, timeoutMs };
    const lost = this.#lostPeers();
    const others = [...this.#node.state().peers.keys()].filter(
      (id) => id !== this.#node.peerId && !lost.has(id),
    );
    const answers = await Promise.allSettled(
      others.map((peerId) => this.#parts.network.call({ peerId }, request, timeoutMs)),
    );
    const late = others.filter((_, at) => {
      const answer = answers[at];
      return answer?.status !== 'fulfilled' || answer.value.kind !== 'done' || !answer.value.ok;
    });
    if (late.length === 0) return;
    this.#parts.log.warn('Not all peers have carried out a change yet', { late: late.map(String) });
  }

  // --- ClusterAccess ---

  status(): Promise<ClusterStatus> {
    const status = this.#node.status();
    return Promise.resolve({
      peers: status.peers,
      term: status.term,
      commit: status.commitIndex,
      pendingCount: status.pendingOperations,
      leader: status.leader,
      role: roleNames[status.role ?? 'none'],
      isVoter: status.isVoter,
      loop: loopOf(status),
      stateMismatchCount: status.stateMismatchCount,
      sendFailures: this.#parts.network.failures(),
    });
  }

  recover(): Promise<void> {
    this.#node.refreshState();
    // A collection whose files are gone comes back, too.
    this.#passedState = null;
    this.#wake?.();
    return Promise.resolve();
  }

  async removePeer(peerId: PeerId, timeoutMs: number): Promise<void> {
    const result = await this.#node.removePeer(peerId, timeoutMs);
    if (result.kind === 'refused') throw new RequestError('bad_request', result.message);
    if (result.kind !== 'done') throw notProposed(result.kind, timeoutMs);
    await this.#installed(result.index, timeoutMs);
  }

  isReady(timeoutMs: number): Promise<boolean> {
    return this.#readiness.within(timeoutMs);
  }

  tellProgress(transfer: string, progress: TransferProgress): void {
    this.#transfers.tell(transfer, progress);
  }

  transferComments(): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(this.#transfers.comments());
  }

  async peerTelemetry(
    detailsLevel: number,
    timeoutMs: number,
  ): Promise<ReadonlyMap<PeerId, string>> {
    const request: PeerRequest = { kind: 'telemetry', detailsLevel, timeoutMs };
    const texts = new Map<PeerId, string>();
    const ask = async (peerId: PeerId): Promise<void> => {
      if (peerId === this.#node.peerId) {
        texts.set(peerId, await this.#parts.host.telemetry(detailsLevel));
        return;
      }
      const answer = await this.#parts.network.call({ peerId }, request, timeoutMs);
      if (answer.kind === 'text') texts.set(peerId, answer.text);
    };
    await Promise.allSettled([...this.#node.status().peers.keys()].map(ask));
    return texts;
  }

  // --- requests of other peers ---

  #endpoint(): PeerEndpoint {
    const node = this.#node;
    return {
      receive: (from, message) => node.receive(from, message),
      unreachable: (peerId) => node.unreachable(peerId),
      serve: (from, request, callerAddress) => this.#serve(from, request, callerAddress),
    };
  }

  async #serve(
    from: PeerId | null,
    request: PeerRequest,
    callerAddress: string,
  ): Promise<PeerAnswer> {
    if (request.kind === 'telemetry' && from !== null) {
      return { kind: 'text', text: await this.#parts.host.telemetry(request.detailsLevel) };
    }
    const answer = await this.#node.serve(from, request, callerAddress);
    if (request.kind !== 'wait_on_commit' || answer.kind !== 'done' || !answer.ok) return answer;
    // Applied is not enough: who asks wants to see it work.
    return { kind: 'done', ok: await this.#installed(request.index, request.timeoutMs) };
  }
}

const roleNames = {
  none: null,
  follower: 'Follower',
  candidate: 'Candidate',
  pre_candidate: 'PreCandidate',
  leader: 'Leader',
} as const;

function loopOf({ thread, lastUpdateMs }: NodeStatus): ConsensusLoop {
  if (thread.kind === 'working') return { kind: 'working', lastUpdateMs };
  return thread.kind === 'stopped' ? { kind: 'stopped' } : { kind: 'failed', error: thread.error };
}

function isAllActive(collection: CollectionState, lost: ReadonlySet<PeerId>): boolean {
  return [...collection.shards.values()].every(({ replicas }) =>
    [...replicas].every(([peerId, state]) => state === 'Active' || lost.has(peerId)),
  );
}

function mustBeSeenEverywhere(command: Command): boolean {
  switch (command.kind) {
    case 'create_collection':
    case 'create_shard_key':
    case 'create_named_vector':
    case 'delete_named_vector':
      return true;
    case 'change_aliases':
      return command.actions.some(({ kind }) => kind !== 'delete');
    default:
      return false;
  }
}

function notProposed(kind: 'no_leader' | 'timed_out' | 'stopped', timeoutMs: number): RequestError {
  const seconds = Math.round(timeoutMs / 1000);
  const texts = {
    no_leader: `Failed to propose operation: leader is not established within ${seconds}s`,
    timed_out:
      'Waiting for consensus operation commit failed. ' + `Timeout set at: ${seconds} seconds`,
    stopped: 'Channel closed: consensus has stopped on this peer',
  };
  return new RequestError('internal', texts[kind]);
}

/** The same collection with all its shards on this peer, its indexes and its aliases. */
function registration(
  collection: CollectionState,
  ownPeerId: PeerId,
  aliases: ReadonlyMap<string, string>,
): readonly Command[] {
  const { name, uuid, config, schema, shards } = collection;
  const keys = [...shards.values()].filter(({ key }) => key !== null);
  assert(keys.length === 0, () => `${name} has shard keys`);
  return [
    {
      kind: 'create_collection',
      name,
      uuid,
      config,
      distribution: [...shards.keys()].map((shardId) => [shardId, [ownPeerId]]),
      initialState: 'Initializing',
      collectionCountMax: null,
    },
    ...[...schema].map(([field, fieldSchema]): Command => {
      return { kind: 'create_payload_index', collection: name, field, schema: fieldSchema };
    }),
    ...[...aliases].flatMap(([alias, target]): Command[] =>
      target === name
        ? [{ kind: 'change_aliases', actions: [{ kind: 'create', alias, collection: name }] }]
        : [],
    ),
  ];
}
