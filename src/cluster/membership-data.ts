// What a change of the cluster's membership does to the agreed state: who joins brings an address,
// who leaves takes along its replicas, even last ones, and whatever it had a part in.

import type { PeerId } from '../base/ids.ts';
import type { ClusterState, CollectionState, PeerState } from '../model/cluster-state.ts';
import type { MembershipChange } from '../raft/membership.ts';
import { abortTransfersOfPeer } from './apply-abort.ts';
import { endReshardingOfPeer } from './apply-resharding.ts';
import { fromBytes, nullable, record, text, toBytes } from './encode-codec.ts';
import { withoutReplica } from './replica-edits.ts';

const formatVersion = 1;

/** What travels with a change. */
export interface PeerData {
  /** `null`: the change says nothing of the address, e.g. a promotion. */
  readonly uri: string | null;
  readonly version: string | null;
}

const peerData = record<PeerData>({ uri: nullable(text), version: nullable(text) });

export function encodePeerData({ uri, version }: PeerData): Uint8Array<ArrayBuffer> {
  return toBytes(formatVersion, JSON.stringify(peerData.write({ uri, version })));
}

/** No bytes say nothing. Throws `CorruptBytesError` for what `encodePeerData` does not write. */
export function decodePeerData(bytes: Uint8Array): PeerData {
  if (bytes.length === 0) return { uri: null, version: null };
  return peerData.read(fromBytes(formatVersion, bytes), 'peer data');
}

/** The same state when nothing changes. Throws `CorruptBytesError` for unreadable data. */
export function applyMembership(
  state: ClusterState,
  change: MembershipChange,
  data: Uint8Array,
): ClusterState {
  const { uri, version } = decodePeerData(data);
  let current = state;
  for (const { kind, peerId } of change.changes) {
    if (kind === 'remove') current = withoutPeer(current, peerId);
    else if (uri !== null) current = withPeer(current, peerId, { uri, version });
  }
  return current;
}

function withPeer(state: ClusterState, peerId: PeerId, said: PeerState): ClusterState {
  const known = state.peers.get(peerId);
  const version = said.version ?? known?.version ?? null;
  if (known?.uri === said.uri && known.version === version) return state;
  return { ...state, peers: new Map(state.peers).set(peerId, { uri: said.uri, version }) };
}

function withoutPeer(state: ClusterState, peerId: PeerId): ClusterState {
  const collections = new Map(state.collections);
  let isTouched = state.peers.has(peerId);
  for (const [name, collection] of state.collections) {
    const rest = leave(collection, peerId);
    if (rest === collection) continue;
    isTouched = true;
    collections.set(name, rest);
  }
  if (!isTouched) return state;
  const peers = new Map(state.peers);
  peers.delete(peerId);
  return { ...state, peers, collections };
}

function leave(collection: CollectionState, peerId: PeerId): CollectionState {
  let current = abortTransfersOfPeer(endReshardingOfPeer(collection, peerId), peerId);
  for (const shardId of current.shards.keys()) {
    current = withoutReplica(current, { shardId, peerId });
  }
  return current;
}
