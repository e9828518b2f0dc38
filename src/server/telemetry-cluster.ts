// The member `cluster` of telemetry, by level of detail.

import type { ClusterState } from '../model/cluster-state.ts';
import type { ClusterStatus } from './cluster-access.ts';
import { loopDocument, peerNumber, peersDocument } from './cluster-documents.ts';
import type { Engine } from './engine.ts';

/** `status` is `null` for a node that stands alone. */
export function clusterTelemetrySection(
  engine: Engine,
  status: ClusterStatus | null,
  level: number,
): object {
  const state = engine.state();
  const { cluster } = engine.settings;
  const base = { enabled: status !== null, resharding_enabled: cluster.resharding_enabled };
  if (level < 1) return base;
  const { p2p, consensus } = cluster;
  const config = {
    grpc_timeout_ms: cluster.grpc_timeout_ms,
    p2p: { connection_pool_size: p2p.connection_pool_size },
    consensus: {
      max_message_queue_size: consensus.max_message_queue_size,
      tick_period_ms: consensus.tick_period_ms,
      bootstrap_timeout_sec: consensus.bootstrap_timeout_sec,
    },
  };
  return {
    ...base,
    ...(status === null ? {} : { status: statusSection(engine, status) }),
    ...(level >= 2 ? { config } : {}),
    ...(level >= 2 && status !== null ? { peers: peersDocument(status) } : {}),
    ...(level >= 3 && status !== null ? { peer_metadata: versions(status) } : {}),
    ...(status === null || state.metadata.size === 0 ? {} : { metadata: metadata(state) }),
  };
}

function statusSection(engine: Engine, status: ClusterStatus): object {
  return {
    number_of_peers: status.peers.size,
    term: status.term,
    commit: status.commit,
    pending_operations: status.pendingCount,
    role: status.role,
    is_voter: status.isVoter,
    peer_id: peerNumber(engine.ownPeerId),
    consensus_thread_status: loopDocument(status.loop),
  };
}

function versions({ peers }: ClusterStatus): object {
  const known = [...peers].flatMap(([peerId, { version }]) =>
    version === null ? [] : [[String(peerId), { version }] as const],
  );
  return Object.fromEntries(known);
}

function metadata(state: ClusterState): object {
  const values = [...state.metadata].map(([key, text]) => [key, JSON.parse(text)] as const);
  return Object.fromEntries<unknown>(values);
}
