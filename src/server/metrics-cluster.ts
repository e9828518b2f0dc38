// Metrics of consensus, and of the replicas that the agreed state knows.

import type { ClusterState, CollectionState, ReplicaState } from '../model/cluster-state.ts';
import type { ClusterStatus } from './cluster-access.ts';
import type { Engine } from './engine.ts';
import type { MetricFamily, MetricType } from './metrics-text.ts';

type Samples = MetricFamily['samples'];

function family(
  name: string,
  type: MetricType,
  help: string,
  samples: Samples | number,
): MetricFamily {
  return {
    name,
    help,
    type,
    samples: typeof samples === 'number' ? [{ value: samples }] : samples,
  };
}

/** `status` is `null` for a node that stands alone. */
export function clusterFamilies(
  engine: Engine,
  status: ClusterStatus | null,
): readonly MetricFamily[] {
  const enabled = (value: number) =>
    family('cluster_enabled', 'gauge', 'is cluster support enabled', value);
  if (status === null) return [enabled(0)];
  const { loop } = status;
  const isWorking = loop.kind === 'working';
  const lastUpdate = isWorking ? [{ value: Math.floor(loop.lastUpdateMs / 1000) }] : [];
  return [
    enabled(1),
    family('cluster_peers_total', 'gauge', 'total number of cluster peers', status.peers.size),
    family('cluster_term', 'counter', 'current cluster term', status.term),
    family('cluster_commit', 'counter', 'index of last committed (finalized) operation', [
      { value: status.commit, labels: { peer_id: String(engine.ownPeerId) } },
    ]),
    family(
      'cluster_pending_operations_total',
      'gauge',
      'total number of pending operations for cluster peer',
      status.pendingCount,
    ),
    family('cluster_voter', 'gauge', 'is cluster peer a voter or learner', status.isVoter ? 1 : 0),
    family(
      'cluster_last_update_timestamp_seconds',
      'counter',
      'unix timestamp of last update',
      lastUpdate,
    ),
    family(
      'cluster_state_mismatches_total',
      'counter',
      'how often the agreed state of this peer differed from that of the leader',
      status.stateMismatchCount,
    ),
    family('cluster_working_state', 'gauge', 'working state of the cluster', [
      { value: isWorking ? 1 : 0, labels: { state: 'working' } },
      { value: isWorking ? 0 : 1, labels: { state: 'stopped' } },
    ]),
  ];
}

/** Of all shards in the cluster, also those that this peer has no replica of. */
export function replicaFamilies(engine: Engine): readonly MetricFamily[] {
  const state = engine.state();
  const shards = [...state.collections.values()].flatMap((one) => [...one.shards.values()]);
  const settled = shards.filter(({ replicas }) => !hasState(replicas, 'Resharding'));
  const counts = settled.map(({ replicas }) => countOf(replicas, 'Active'));
  const bound = (pick: (...values: readonly number[]) => number): Samples =>
    counts.length === 0 ? [] : [{ value: pick(...counts) }];
  const dead = shards.filter(({ replicas }) => countOf(replicas, 'Active') < replicas.size);
  return [
    transferFamily(state, 'incoming', ({ transfers }) =>
      transfers.filter(({ to }) => to === engine.ownPeerId),
    ),
    transferFamily(state, 'outgoing', ({ transfers }) =>
      transfers.filter(({ from }) => from === engine.ownPeerId),
    ),
    family(
      'collection_active_replicas_min',
      'gauge',
      'minimum number of active replicas across all shards',
      bound(Math.min),
    ),
    family(
      'collection_active_replicas_max',
      'gauge',
      'maximum number of active replicas across all shards',
      bound(Math.max),
    ),
    family(
      'collection_dead_replicas',
      'gauge',
      'total amount of dead replicas across all shards',
      dead.length,
    ),
  ];
}

function transferFamily(
  state: ClusterState,
  direction: 'incoming' | 'outgoing',
  transfersOf: (collection: CollectionState) => readonly unknown[],
): MetricFamily {
  const samples = [...state.collections.values()].map((collection) => ({
    labels: { id: collection.name },
    value: transfersOf(collection).length,
  }));
  const name = `collection_shard_transfer_${direction}`;
  return family(name, 'gauge', `${direction} shard transfers`, samples);
}

type Replicas = ReadonlyMap<unknown, ReplicaState>;

function countOf(replicas: Replicas, wanted: ReplicaState): number {
  return [...replicas.values()].filter((state) => state === wanted).length;
}

function hasState(replicas: Replicas, wanted: ReplicaState): boolean {
  return countOf(replicas, wanted) > 0;
}
