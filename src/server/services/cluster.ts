// The cluster as the API sees it: its status, its peers, the users' metadata in it, and where the
// shards of a collection are. A node that stands alone answers most of this with a refusal.

import type { PeerId } from '../../base/ids.ts';
import { type CollectionState, hasReplicas, type ReplicaState } from '../../model/cluster-state.ts';
import { RequestError } from '../../model/request-error.ts';
import type { ClusterAccess, ClusterStatus } from '../cluster-access.ts';
import type { Engine } from '../engine.ts';
import { requireCollection } from './collections.ts';

export interface LocalReplica {
  readonly shardId: number;
  readonly pointCount: number;
  readonly state: ReplicaState;
}

export interface CollectionPlacement {
  readonly collection: CollectionState;
  readonly local: readonly LocalReplica[];
  /** How far the transfers are whose source is here, by serial. */
  readonly comments: ReadonlyMap<number, string>;
}

export class ClusterService {
  readonly #engine: Engine;
  readonly #logProblem: (text: string) => void;

  /** `logProblem` hears of changes that nobody waits for. */
  constructor(engine: Engine, logProblem: (text: string) => void) {
    this.#engine = engine;
    this.#logProblem = logProblem;
  }

  /** `null` for a node that stands alone. */
  async status(): Promise<ClusterStatus | null> {
    return (await this.#engine.cluster?.status()) ?? null;
  }

  recover(): Promise<void> {
    return this.#cluster().recover();
  }

  async isReady(): Promise<boolean> {
    return (await this.#engine.cluster?.isReady(readyWaitMs)) ?? true;
  }

  async removePeer(peerId: PeerId, isForced: boolean, timeoutMs: number): Promise<void> {
    if (!isForced && hasReplicas(this.#engine.state(), peerId)) {
      const text = `Cannot remove peer ${peerId} as there are shards on it`;
      throw new RequestError('bad_request', text);
    }
    const { cluster } = this.#engine;
    if (cluster === null) throw new RequestError('bad_request', 'Distributed mode disabled.');
    await cluster.removePeer(peerId, timeoutMs);
  }

  metadataKeys(): readonly string[] {
    this.#cluster();
    return [...this.#engine.state().metadata.keys()].toSorted();
  }

  /** JSON text; `null` for a key that is not set. */
  metadataValue(key: string): string {
    this.#cluster();
    return this.#engine.state().metadata.get(key) ?? 'null';
  }

  /** `value` is JSON text, `null` deletes. Without `wait` nobody learns what came of it. */
  async setMetadata(key: string, value: string | null, wait: boolean): Promise<void> {
    this.#cluster();
    const change = this.#engine
      .propose({ kind: 'update_cluster_metadata', key, value }, metadataTimeoutMs)
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new RequestError(
          'internal',
          'Failed to propose and confirm metadata update operation through consensus: ' + reason,
          { cause: error },
        );
      });
    if (wait) await change;
    else change.catch((error: unknown) => this.#logProblem(String(error)));
  }

  async placement(nameOrAlias: string): Promise<CollectionPlacement> {
    const collection = requireCollection(this.#engine, nameOrAlias);
    const local = [...collection.shards].flatMap(([shardId, { replicas }]) => {
      const state = replicas.get(this.#engine.ownPeerId);
      return state === undefined ? [] : [{ shardId, state }];
    });
    const replicas = local.map(async ({ shardId, state }) => {
      return { shardId, state, pointCount: await this.#pointCount(collection, shardId) };
    });
    const comments = await this.#comments(collection);
    return { collection, local: await Promise.all(replicas), comments };
  }

  async #comments({ uuid, transfers }: CollectionState): Promise<ReadonlyMap<number, string>> {
    const { cluster } = this.#engine;
    if (cluster === null || transfers.length === 0) return new Map();
    const all = await cluster.transferComments();
    return new Map(
      transfers.flatMap(({ serial }) => {
        const comment = all.get(`${uuid}/${serial}`);
        return comment === undefined ? [] : [[serial, comment]];
      }),
    );
  }

  /** Of every peer that answers; at least one does. */
  async peerTelemetry(
    detailsLevel: number,
    timeoutMs: number,
  ): Promise<ReadonlyMap<PeerId, string>> {
    const answers = await this.#engine.cluster?.peerTelemetry(detailsLevel, timeoutMs);
    if (answers !== undefined && answers.size > 0) return answers;
    throw new RequestError('internal', 'Could not get telemetry from cluster');
  }

  /** A shard that cannot answer now has no points to show. */
  async #pointCount(collection: CollectionState, shardId: number): Promise<number> {
    try {
      return (await this.#engine.localShard(collection.uuid, shardId).info()).pointCount;
    } catch (error) {
      if (error instanceof RequestError) return 0;
      throw error;
    }
  }

  #cluster(): ClusterAccess {
    const { cluster } = this.#engine;
    if (cluster !== null) return cluster;
    throw new RequestError('internal', 'Qdrant is running in standalone mode');
  }
}

const readyWaitMs = 500;
const metadataTimeoutMs = 10_000;
