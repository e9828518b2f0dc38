// One worker thread: listens for clients, searches every published segment in place, owns some of
// the shards. It is the `Engine` of the API on its thread, and does what control tells it.

import type { MessagePort } from 'node:worker_threads';
import type { PeerId } from '../../base/ids.ts';
import type { Command } from '../../cluster/commands.ts';
import type { ShardAccess } from '../../collection/shard-access.ts';
import { DiskError } from '../../io/ports.ts';
import {
  type ClusterState,
  type CollectionState,
  emptyClusterState,
} from '../../model/cluster-state.ts';
import { RequestError } from '../../model/request-error.ts';
import type { LocalShardOptions, LocalShardPorts } from '../../shard/ports.ts';
import { CorruptFileError } from '../../storage/corrupt-file.ts';
import type { ClusterAccess } from '../cluster-access.ts';
import type { Settings } from '../config/settings.ts';
import type { Engine, ProcessReport, ProposalOutcome, RequestSeries } from '../engine.ts';
import { telemetryReport } from '../telemetry.ts';
import { BrokenShard } from './broken-shard.ts';
import { ControlCluster } from './control-cluster.ts';
import { ForeignShard, type OpenReader } from './foreign-shard.ts';
import { returnMemorySoon } from './memory-return.ts';
import {
  type ControlCalls,
  type OpenShardRequest,
  type PeerCalls,
  type PublishedView,
  type ShardKey,
  type StateChange,
  shardKey,
  type WorkerCalls,
} from './messages.ts';
import { OutgoingTransfers } from './outgoing-transfers.ts';
import { OwnedShard } from './owned-shard.ts';
import { PeerShards } from './peer-shards.ts';
import { Handover, type PortLike, ThreadPort } from './thread-port.ts';
import type { WirePeerClient } from './wire-peer-client.ts';

/** What accepts clients on this thread; the API layer provides it. */
export interface ClientListener {
  listen(): Promise<{ readonly port: number }>;
  /** Stops accepting and finishes running requests. */
  close(): Promise<void>;
  requestSeries(): readonly RequestSeries[];
}

export interface WorkerRuntimeOptions {
  readonly workerIndex: number;
  readonly ownPeerId: PeerId;
  readonly settings: Settings;
  readonly shardLimits: Omit<LocalShardOptions, 'directory' | 'config' | 'schema'>;
  readonly createListener: (engine: Engine) => ClientListener;
  readonly openReader: OpenReader;
  readonly shardPorts: Omit<LocalShardPorts, 'views' | 'builder'>;
  /** `null`: the node stands alone. */
  readonly peers: WirePeerClient | null;
}

/** A change that all peers agreed on is handed to the shard within this time, or again. */
const agreedUpdateMs = 10_000;

type Link = ThreadPort<PeerCalls, PeerCalls>;

export class WorkerRuntime implements Engine {
  readonly settings: Settings;
  readonly ownPeerId: PeerId;
  readonly cluster: ClusterAccess | null;
  readonly #peerShards: PeerShards | null;
  readonly #outgoing: OutgoingTransfers | null;
  readonly #options: WorkerRuntimeOptions;
  readonly #control: ThreadPort<ControlCalls, WorkerCalls>;
  readonly #listener: ClientListener;
  readonly #links = new Map<number, Link>();
  readonly #owned = new Map<ShardKey, OwnedShard>();
  readonly #foreign = new Map<ShardKey, { readonly owner: number; readonly shard: ForeignShard }>();
  readonly #broken = new Map<ShardKey, BrokenShard>();
  #state: ClusterState = emptyClusterState;
  /** Those of the state, by uuid. */
  #collections: ReadonlyMap<string, CollectionState> = new Map();
  #nextJob = 1;

  constructor(port: PortLike, options: WorkerRuntimeOptions) {
    this.settings = options.settings;
    this.ownPeerId = options.ownPeerId;
    this.#options = options;
    this.#listener = options.createListener(this);
    this.#control = new ThreadPort<ControlCalls, WorkerCalls>(
      port,
      {
        open_shard: (request) => this.#openShard(request),
        update_shard_config: ({ key, config }) => {
          this.#ownedShard(key).local.updateConfig(config);
          return null;
        },
        update_shard: async ({ key, record }) => {
          const waiting = { wait: false, timeoutMs: agreedUpdateMs };
          // Every peer hears of it by itself: it is not forwarded.
          await this.#ownedShard(key).local.update(record, waiting);
          return null;
        },
        close_shard: ({ key }) => this.#closeShard(key),
        break_shard: ({ key, reason }) => {
          this.#broken.set(key, new BrokenShard(reason));
          return null;
        },
        change_state: (change) => this.#changeState(change),
        serve_shard: async ({ collection, shardId, data }) => {
          const answer = await this.#servingShards().serve(collection, shardId, data);
          return new Handover(answer, [answer.buffer]);
        },
        start_transfer: (transfer) => {
          const { collection, shardId } = transfer;
          const shard = this.#ownedShard(shardKey(collection, shardId));
          return this.#outgoingTransfers().start(transfer, shard);
        },
        stop_transfer: ({ transfer, isFinished }) => {
          this.#outgoingTransfers().stop(transfer, isFinished);
          return null;
        },
        connect: ({ workerIndex, port: link }) => this.#connect(workerIndex, link),
        disconnect: ({ workerIndex }) => this.#disconnect(workerIndex),
        listen: () => this.#listener.listen(),
        report: () => this.#listener.requestSeries(),
        telemetry: ({ detailsLevel }) => this.#telemetry(detailsLevel),
        drain: async () => {
          await this.#listener.close();
          return null;
        },
        close: () => this.#close(),
      },
      reportFault,
    );
    const { peers } = options;
    this.cluster = peers === null ? null : new ControlCluster(this.#control);
    this.#peerShards = peers === null ? null : this.#createPeerShards(peers);
    this.#outgoing = peers === null ? null : this.#createOutgoing(peers);
  }

  #createPeerShards(client: WirePeerClient): PeerShards {
    const { clock, timers, random } = this.#options.shardPorts;
    return new PeerShards(this.ownPeerId, {
      clock,
      timers,
      random,
      client,
      collection: (uuid) => this.#collections.get(uuid),
      local: (uuid, shardId) => this.#openShardOf(shardKey(uuid, shardId)),
      propose: (command, timeoutMs) => this.propose(command, timeoutMs),
      leadElsewhere: (uuid, shardId) => {
        const link = this.#links.get(this.#foreign.get(shardKey(uuid, shardId))?.owner ?? -1);
        if (link === undefined) return null;
        return (record, options) => link.call('lead_update', { uuid, shardId, record, options });
      },
    });
  }

  #createOutgoing(client: WirePeerClient): OutgoingTransfers {
    const { timers, random } = this.#options.shardPorts;
    return new OutgoingTransfers({
      client,
      timers,
      random,
      giveUpReceiver: ({ collection, shardId, to: peerId }) =>
        this.#servingShards().giveUpReceiver({ collection, shardId, peerId }),
      tell: (transfer, progress) => {
        // Who stops meanwhile wants to know nothing.
        this.#control.call('transfer_progress', { transfer, progress }).catch(() => undefined);
      },
    });
  }

  // --- Engine ---

  state(): ClusterState {
    return this.#state;
  }

  shard(collectionUuid: string, shardId: number): ShardAccess {
    if (this.#peerShards !== null) return this.#peerShards.access(collectionUuid, shardId);
    return this.localShard(collectionUuid, shardId);
  }

  localShard(collectionUuid: string, shardId: number): ShardAccess {
    const shard = this.#openShardOf(shardKey(collectionUuid, shardId));
    if (shard !== undefined) return shard;
    throw new RequestError('unavailable', `shard ${shardId} is being opened or closed`);
  }

  #openShardOf(key: ShardKey): ShardAccess | undefined {
    return this.#owned.get(key) ?? this.#foreign.get(key)?.shard ?? this.#broken.get(key);
  }

  propose(command: Command, timeoutMs: number): Promise<ProposalOutcome> {
    return this.#control.call('propose', { command, timeoutMs });
  }

  processReport(): Promise<ProcessReport> {
    return this.#control.call('process_report', null);
  }

  // --- told by control ---

  async #openShard(request: OpenShardRequest): Promise<null> {
    const { key, directory, config, schema } = request;
    try {
      const shard = await OwnedShard.open(
        key,
        { directory, config, schema, ...this.#options.shardLimits },
        { ...this.#options.shardPorts, builder: { build: this.#build } },
        this.#links,
      );
      this.#owned.set(key, shard);
      return null;
    } catch (error) {
      // Damaged or unreadable files are no bug of this thread: control decides what follows.
      if (!(error instanceof CorruptFileError) && !(error instanceof DiskError)) throw error;
      throw new RequestError('internal', error.message, { cause: error });
    }
  }

  readonly #build: LocalShardPorts['builder']['build'] = async (job, signal) => {
    const jobId = `${this.#options.workerIndex}-${this.#nextJob}`;
    this.#nextJob += 1;
    signal.throwIfAborted();
    const cancel = () => void this.#control.call('cancel_build', { jobId });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await this.#control.call('build', { jobId, job });
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };

  async #closeShard(key: ShardKey): Promise<null> {
    this.#broken.delete(key);
    const foreign = this.#foreign.get(key);
    this.#foreign.delete(key);
    await foreign?.shard.close();
    const owned = this.#owned.get(key);
    this.#owned.delete(key);
    await owned?.local.close();
    returnMemorySoon();
    return null;
  }

  #changeState(change: StateChange): null {
    const collections = new Map(this.#state.collections);
    for (const [name, collection] of change.collections) {
      if (collection === null) collections.delete(name);
      else collections.set(name, collection);
    }
    this.#state = {
      ...(change.cluster ?? this.#state),
      collections,
      aliases: change.aliases ?? this.#state.aliases,
    };
    this.#collections = new Map(
      [...collections.values()].map((collection) => [collection.uuid, collection]),
    );
    this.#options.peers?.useState(this.#state);
    return null;
  }

  async #telemetry(detailsLevel: number): Promise<string> {
    const options = { detailsLevel, anonymize: false, perCollection: false };
    return JSON.stringify(await telemetryReport(this, options));
  }

  async #close(): Promise<null> {
    const shards = [...this.#owned.values()];
    this.#owned.clear();
    await Promise.all(shards.map((shard) => shard.local.close()));
    return null;
  }

  // --- other workers ---

  async #connect(workerIndex: number, port: MessagePort): Promise<null> {
    const link: Link = new ThreadPort<PeerCalls, PeerCalls>(
      port,
      {
        view: (published) => this.#adopt(workerIndex, published),
        update: ({ key, record, wait, timeoutMs }) =>
          this.#ownedShard(key).update(record, { wait, timeoutMs }),
        read_memory: (request) => this.#ownedShard(request.key).readMemory(request),
        info: ({ key }) => this.#ownedShard(key).info(),
        lead_update: ({ uuid, shardId, record, options }) =>
          this.#servingShards().lead({ uuid, shardId }, record, options),
      },
      reportFault,
    );
    this.#links.set(workerIndex, link);
    const introductions = [...this.#owned.values()].map((shard) => shard.introduce(link));
    await Promise.all(introductions);
    return null;
  }

  #disconnect(workerIndex: number): null {
    this.#links.get(workerIndex)?.fail('the thread that owns this shard stopped');
    this.#links.delete(workerIndex);
    for (const [key, { owner, shard }] of this.#foreign) {
      if (owner !== workerIndex) continue;
      this.#foreign.delete(key);
      // Its files are let go of when the last read of it has ended.
      void shard.close();
    }
    return null;
  }

  /**
   * Synchronous up to the first await, so that a reader that drains its port has the view at once.
   */
  #adopt(owner: number, published: PublishedView): Promise<null> | null {
    const known = this.#foreign.get(published.key);
    if (known !== undefined) {
      return known.shard.adopt(published).then(() => {
        returnMemorySoon();
        return null;
      });
    }
    const link = this.#links.get(owner);
    if (link === undefined) throw new RequestError('unavailable', 'the owner is disconnected');
    const shard = new ForeignShard(link, published, this.#options.openReader);
    this.#foreign.set(published.key, { owner, shard });
    return null;
  }

  #servingShards(): PeerShards {
    if (this.#peerShards !== null) return this.#peerShards;
    throw new RequestError('internal', 'Qdrant is running in standalone mode');
  }

  #outgoingTransfers(): OutgoingTransfers {
    if (this.#outgoing !== null) return this.#outgoing;
    throw new RequestError('internal', 'Qdrant is running in standalone mode');
  }

  #ownedShard(key: ShardKey): OwnedShard {
    const shard = this.#owned.get(key);
    if (shard !== undefined) return shard;
    throw new RequestError('unavailable', 'the shard is being opened or closed');
  }
}

/** A bug must end the thread, so that control restarts it from what is on disk. */
function reportFault(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
