// `GET /cluster/telemetry`: one document about the whole cluster, out of the telemetry of every
// peer that answered. Where peers differ, the one that knows most (highest term, then commit) is
// right.

import type { PeerId } from '../base/ids.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import { peerNumber } from './cluster-documents.ts';

/** The members of a peer's telemetry that are looked at. */
interface PeerTelemetry {
  readonly app: { readonly version: string };
  readonly collections: { readonly collections?: readonly PeerCollection[] };
  readonly cluster: {
    readonly status?: {
      readonly role: string | null;
      readonly is_voter: boolean;
      readonly term: number;
      readonly commit: number;
      readonly pending_operations: number;
      readonly consensus_thread_status: object;
    };
  };
}

interface PeerCollection {
  readonly id: string;
  readonly shards?: readonly PeerShard[];
  readonly transfers?: readonly PeerTransfer[];
  readonly resharding?: readonly object[];
}

interface PeerShard {
  readonly id: number;
  readonly key: string | number | null;
  readonly local: Readonly<Record<string, unknown>> | null;
  readonly replicate_states: Readonly<Record<string, string>>;
  readonly partial_snapshot: unknown;
}

interface PeerTransfer {
  readonly from: number;
  readonly comment?: string;
}

type ByPeer = ReadonlyMap<PeerId, PeerTelemetry>;

/** `answers` has at least one entry. */
export function clusterTelemetry(
  state: ClusterState,
  answers: ReadonlyMap<PeerId, string>,
  level: number,
): object {
  const byPeer: ByPeer = new Map(
    [...answers].map(([peerId, text]) => [peerId, JSON.parse(text) as PeerTelemetry]),
  );
  const base = [...byPeer.values()].reduce((best, one) => (knowsMore(one, best) ? one : best));
  const collections = (base.collections.collections ?? []).map((collection) => [
    collection.id,
    collectionDocument(collection, byPeer, level),
  ]);
  return {
    collections: Object.fromEntries(collections) as object,
    cluster: {
      enabled: true,
      number_of_peers: state.peers.size,
      peers: peersSection(state, byPeer),
    },
  };
}

function knowsMore(one: PeerTelemetry, other: PeerTelemetry): boolean {
  const [a, b] = [one.cluster.status, other.cluster.status];
  if (a === undefined || b === undefined) return b === undefined && a !== undefined;
  return a.term > b.term || (a.term === b.term && a.commit > b.commit);
}

function peersSection(state: ClusterState, byPeer: ByPeer): object {
  const peers = [...state.peers].map(([peerId, { uri }]) => {
    const telemetry = byPeer.get(peerId);
    const responsive = telemetry !== undefined;
    const details = telemetry === undefined ? null : detailsOf(telemetry);
    return [String(peerId), { uri, responsive, details }] as const;
  });
  return Object.fromEntries(peers);
}

function detailsOf({ app, cluster: { status } }: PeerTelemetry): object | null {
  if (status === undefined) return null;
  return {
    version: app.version,
    role: status.role,
    is_voter: status.is_voter,
    term: status.term,
    commit: status.commit,
    num_pending_operations: status.pending_operations,
    consensus_thread_status: status.consensus_thread_status,
  };
}

function collectionDocument(base: PeerCollection, byPeer: ByPeer, level: number): object {
  if (level < 3) return { id: base.id };
  return {
    id: base.id,
    shards: (base.shards ?? [])
      .toSorted((a, b) => a.id - b.id)
      .map((shard) => shardDocument(base.id, shard, byPeer)),
    reshardings: base.resharding ?? [],
    shard_transfers: (base.transfers ?? []).map((transfer) => sourcesWords(transfer, base, byPeer)),
  };
}

/** The source of a transfer knows best how it goes. */
function sourcesWords(transfer: PeerTransfer, base: PeerCollection, byPeer: ByPeer): PeerTransfer {
  const source = byPeer.get(BigInt(transfer.from));
  const own = collectionOf(source, base.id)?.transfers?.find((one) => isSame(one, transfer));
  if (own === undefined || own === transfer) return transfer;
  const comments = [own.comment, transfer.comment].filter((text) => text !== undefined);
  return comments.length === 0 ? own : { ...own, comment: [...new Set(comments)].join(' | ') };
}

function isSame(one: PeerTransfer, other: PeerTransfer): boolean {
  const keyOf = ({ comment: _comment, ...key }: PeerTransfer) => JSON.stringify(key);
  return keyOf(one) === keyOf(other);
}

function shardDocument(collection: string, shard: PeerShard, byPeer: ByPeer): object {
  const replicas = Object.entries(shard.replicate_states)
    .map(([id, state]) => ({ peerId: BigInt(id), state }))
    .toSorted((a, b) => Number(a.peerId - b.peerId))
    .map(({ peerId, state }) => {
      const own = collectionOf(byPeer.get(peerId), collection)?.shards?.find(
        (one) => one.id === shard.id,
      );
      return { peer_id: peerNumber(peerId), state, ...localMembers(own) };
    });
  return { id: shard.id, ...(shard.key === null ? {} : { key: shard.key }), replicas };
}

/** What only the peer that holds the replica can tell. */
function localMembers(own: PeerShard | undefined): object {
  if (own === undefined || own.local === null) return {};
  const { local } = own;
  return {
    status: local['status'],
    total_optimized_points: local['total_optimized_points'],
    vectors_size_bytes: local['vectors_size_bytes'],
    payloads_size_bytes: local['payloads_size_bytes'],
    num_points: local['num_points'],
    num_vectors: local['num_vectors'],
    num_vectors_by_name: local['num_vectors_by_name'],
    shard_cleaning_status: null,
    partial_snapshot: own.partial_snapshot,
  };
}

function collectionOf(
  telemetry: PeerTelemetry | undefined,
  name: string,
): PeerCollection | undefined {
  return telemetry?.collections.collections?.find(({ id }) => id === name);
}
