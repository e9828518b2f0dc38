// Carries out what `start-plan.ts` decides, until this node has an identity, a log and a place in a
// cluster: found, join, announce, reinit. After each step a crash leaves something from which the
// next start goes on.

import type { PeerId } from '../base/ids.ts';
import { pause } from '../io/waiting.ts';
import { type ClusterState, emptyClusterState } from '../model/cluster-state.ts';
import { emptyMembership, type Membership } from '../raft/membership.ts';
import type { Snapshot } from '../raft/messages.ts';
import type { SavedState } from '../raft/state.ts';
import { RaftLog } from '../storage/raft-log.ts';
import { AppliedState } from './applied-state.ts';
import { decodeState, encodeState } from './encode-state.ts';
import {
  type ClusterNodeOptions,
  type ClusterNodePorts,
  ClusterStartError,
  type Identity,
  type OpenedLog,
} from './node-types.ts';
import { type PeerAnswer, type PeerRequest, PeerUnreachable } from './peer-network.ts';
import { planStart, type StartPlan } from './start-plan.ts';

export interface Started {
  readonly identity: Identity;
  readonly log: OpenedLog['log'];
  readonly saved: SavedState;
  readonly state: ClusterState;
  /** It had never taken part before. */
  readonly isNew: boolean;
}

const joinCallMs = 12_000;
const announceRounds = 3;

export class NodeStart {
  readonly #options: ClusterNodeOptions;
  readonly #ports: ClusterNodePorts;
  #identity: Identity;

  constructor(options: ClusterNodeOptions, ports: ClusterNodePorts, identity: Identity) {
    this.#options = options;
    this.#ports = ports;
    this.#identity = identity;
  }

  async run(): Promise<Started> {
    const { options, plan, opened } = await this.#open();
    try {
      return await this.#carryOut(plan, opened, options);
    } catch (error) {
      await opened.log.close();
      throw error;
    }
  }

  async #open(): Promise<{
    readonly options: ClusterNodeOptions;
    readonly plan: StartPlan;
    readonly opened: OpenedLog;
  }> {
    const { bootstrap, uri, isReinit } = this.#options;
    const { log, disk } = this.#ports;
    if (bootstrap !== null && bootstrap === uri) {
      log.warn('The bootstrap address is the own address: this is the first peer', { uri });
    }
    const joinsAnew = isReinit && bootstrap !== null && bootstrap !== uri;
    if (joinsAnew) {
      const { peerId } = this.#identity;
      await this.#keep({ peerId, clusterId: null, ownUri: uri, addresses: new Map() });
      await disk.removeTree(this.#options.directory);
    }
    let opened = await this.#openLog();
    if (isReinit && !joinsAnew && opened.saved.snapshot !== null) {
      await this.#standAlone(opened);
      await opened.log.close();
      opened = await this.#openLog();
    }
    const { peerId, clusterId, ownUri, addresses } = this.#identity;
    const plan = planStart({
      peerId,
      hasTakenPart: opened.saved.snapshot !== null,
      clusterId,
      ownUri,
      addresses,
      uri,
      bootstrap,
    });
    return { options: this.#options, plan, opened };
  }

  #openLog(): Promise<OpenedLog> {
    const { disk, log, openLog } = this.#ports;
    const { directory } = this.#options;
    return openLog === undefined ? RaftLog.open({ directory }, { disk, log }) : openLog(directory);
  }

  async #keep(identity: Identity): Promise<void> {
    this.#identity = identity;
    await this.#ports.identity.save(identity);
  }

  async #carryOut(
    plan: StartPlan,
    opened: OpenedLog,
    { version }: ClusterNodeOptions,
  ): Promise<Started> {
    switch (plan.kind) {
      case 'fail':
        throw new ClusterStartError(plan.message);
      case 'found':
        return this.#started(await this.#found(opened, plan.uri, version), opened, true);
      case 'join':
        await this.#join(plan.through);
        return this.#started(null, opened, true);
      case 'announce':
        await this.#announce(plan.uri, plan.to);
        return this.#started(opened.saved.snapshot, opened, false);
      default:
        return this.#started(opened.saved.snapshot, opened, false);
    }
  }

  async #started(
    snapshot: Snapshot | null,
    { log, saved }: OpenedLog,
    isNew: boolean,
  ): Promise<Started> {
    const state = snapshot === null ? emptyClusterState : decodeState(snapshot.data);
    const { ownUri, clusterId } = this.#identity;
    if (snapshot !== null && (clusterId === null || clusterId !== state.clusterId)) {
      // A crash came between the first snapshot and the identity; the log decides.
      await this.#keep({ ...this.#identity, clusterId: state.clusterId });
    }
    const index = snapshot?.index ?? 0;
    const { hardState, entries } = saved;
    return {
      identity: { ...this.#identity, ownUri: ownUri ?? this.#options.uri },
      log,
      saved: {
        hardState: isNew && snapshot !== null ? genesisHardState : hardState,
        base: { index, term: snapshot?.term ?? 0 },
        entries,
        appliedIndex: index,
        membership: snapshot?.membership ?? emptyMembership,
      },
      state,
      isNew,
    };
  }

  /** The first snapshot is on disk before the identity says that there is a cluster. */
  async #found({ log }: OpenedLog, uri: string, version: string): Promise<Snapshot> {
    const { peerId } = this.#identity;
    const clusterId = newClusterId(this.#ports);
    const peers = new Map([[peerId, { uri, version }]]);
    const state: ClusterState = { ...emptyClusterState, clusterId, firstPeer: peerId, peers };
    const snapshot: Snapshot = {
      index: 1,
      term: 1,
      membership: aloneMembership(peerId),
      data: encodeState(state),
    };
    await log.installSnapshot(snapshot, genesisHardState);
    await this.#keep({ peerId, clusterId, ownUri: uri, addresses: new Map([[peerId, uri]]) });
    this.#ports.log.info('Founded a new cluster', { clusterId, peerId: String(peerId), uri });
    return snapshot;
  }

  /**
   * The membership becomes this peer alone; what was agreed stays. A new cluster id keeps others
   * off.
   */
  async #standAlone({ log, saved }: OpenedLog): Promise<void> {
    const { snapshot, entries, hardState } = saved;
    if (snapshot === null) return;
    const { index, term, membership } = snapshot;
    const machine = new AppliedState(
      { state: decodeState(snapshot.data), membership, index, term },
      { entryApplied: () => {}, jumped: () => {} },
    );
    for (const entry of entries) machine.apply(entry);
    const { peerId } = this.#identity;
    const clusterId = newClusterId(this.#ports);
    const known = machine.state.peers.get(peerId);
    const uri = this.#options.uri ?? known?.uri ?? this.#identity.ownUri;
    if (uri === null) throw new ClusterStartError('First peer should specify its uri.');
    const peers = new Map(machine.state.peers).set(peerId, { uri, version: this.#options.version });
    const state: ClusterState = { ...machine.state, clusterId, firstPeer: peerId, peers };
    await log.installSnapshot(
      {
        index: machine.index,
        term: machine.term,
        membership: aloneMembership(peerId),
        data: encodeState(state),
      },
      { term: hardState.term + 1, vote: peerId, commitIndex: machine.index },
    );
    const addresses = new Map([...peers].map(([id, peer]) => [id, peer.uri]));
    await this.#keep({ peerId, clusterId, ownUri: uri, addresses });
    this.#ports.log.warn('The membership of the cluster is this peer alone now', { clusterId });
  }

  /** The cluster id is kept before this peer takes part. */
  async #join(through: readonly string[]): Promise<void> {
    const { uri, p2pPort: port, version, joinTimeoutMs } = this.#options;
    const { peerId } = this.#identity;
    const request: PeerRequest = { kind: 'join', peerId, uri, port, version };
    const { clock } = this.#ports;
    const startMs = clock.monotonicMs();
    let latest = 'no answer';
    for (let attempt = 0; ; attempt += 1) {
      for (const address of through) {
        const leftMs = startMs + joinTimeoutMs - clock.monotonicMs();
        if (leftMs <= 0) break;
        const answer = await this.#call(address, request, Math.min(joinCallMs, Math.ceil(leftMs)));
        if (typeof answer === 'string') {
          latest = answer;
        } else if (answer.kind === 'joined') {
          const ownUri = answer.peers.get(peerId) ?? uri;
          const { clusterId, peers } = answer;
          return this.#keep({ peerId, clusterId, ownUri, addresses: peers });
        } else {
          const message = answer.kind === 'refused' ? answer.message : `answer ${answer.kind}`;
          throw new ClusterStartError(`Failed to join the cluster through ${address}: ${message}`);
        }
      }
      const pauseMs = Math.min(2000, 250 * 2 ** attempt) + (this.#ports.random.uint32() % 250);
      if (clock.monotonicMs() - startMs + pauseMs >= joinTimeoutMs) break;
      this.#ports.log.warn('Cannot join the cluster yet', { through, reason: latest });
      await pause(this.#ports.timers, pauseMs);
    }
    const places = through.join(', ');
    throw new ClusterStartError(`Failed to join the cluster through ${places}: ${latest}`);
  }

  async #announce(uri: string, to: readonly string[]): Promise<void> {
    const { peerId, clusterId, addresses } = this.#identity;
    this.#ports.network.useCluster(clusterId);
    const others = new Map([...addresses].filter(([id]) => id !== peerId));
    this.#ports.network.useAddresses(others);
    for (let round = 1; round <= announceRounds; round += 1) {
      for (const address of to) {
        const request: PeerRequest = { kind: 'announce_uri', peerId, uri };
        const answer = await this.#call(address, request, joinCallMs);
        if (typeof answer === 'object' && answer.kind === 'refused') {
          throw new ClusterStartError(answer.message);
        }
        if (typeof answer === 'string' || answer.kind !== 'done' || !answer.ok) continue;
        const known = new Map(addresses).set(peerId, uri);
        return this.#keep({ ...this.#identity, ownUri: uri, addresses: known });
      }
      await pause(this.#ports.timers, round * 1000);
    }
    throw new ClusterStartError('Failed to recover from any known peers');
  }

  /** The answer, or why there is none yet. */
  async #call(uri: string, request: PeerRequest, timeoutMs: number): Promise<PeerAnswer | string> {
    try {
      const answer = await this.#ports.network.call({ uri }, request, timeoutMs);
      return answer.kind === 'text' ? answer.text : answer;
    } catch (error) {
      if (error instanceof PeerUnreachable) return error.message;
      throw error;
    }
  }
}

const genesisHardState = { term: 1, vote: null, commitIndex: 1 } as const;

function aloneMembership(peerId: PeerId): Membership {
  return { ...emptyMembership, voters: [peerId] };
}

function newClusterId({ random }: ClusterNodePorts): string {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
