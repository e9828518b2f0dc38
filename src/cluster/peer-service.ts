// What this node answers to other peers and to who wants to become one. A refusal is final and says
// why; what may go better later fails as if there had been no answer, so that the caller tries
// again.

import { unreachable } from '../base/assert.ts';
import type { LogIndex, PeerId, Term } from '../base/ids.ts';
import { type ClusterState, hasReplicas } from '../model/cluster-state.ts';
import type { Membership } from '../raft/membership.ts';
import type { Message } from '../raft/messages.ts';
import type { PeerAnswer, PeerRequest } from './peer-network.ts';

export type MembershipResult =
  | { readonly kind: 'done'; readonly index: LogIndex }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'no_leader' }
  | { readonly kind: 'timed_out' }
  | { readonly kind: 'stopped' };

/** What of a node this needs. */
export interface ServingNode {
  readonly peerId: PeerId;
  readonly scheme: 'http' | 'https';
  isWorking(): boolean;
  hasLeader(): boolean;
  state(): ClusterState;
  membership(): Membership;
  encodedState(): { readonly index: LogIndex; readonly data: Uint8Array };
  position(): {
    readonly commitIndex: LogIndex;
    readonly appliedIndex: LogIndex;
    readonly term: Term;
  };
  addPeer(
    peer: { readonly peerId: PeerId; readonly uri: string; readonly version: string },
    timeoutMs: number,
  ): Promise<MembershipResult>;
  removePeer(peerId: PeerId, timeoutMs: number): Promise<MembershipResult>;
  changeUri(peerId: PeerId, uri: string, timeoutMs: number): Promise<MembershipResult>;
  addressOf(peerId: PeerId): string | null;
  /** See `PeerNetwork`. */
  addressFault(uri: string): Promise<string | null>;
  hearUri(peerId: PeerId, uri: string): void;
  waitOnCommit(index: LogIndex, term: Term, timeoutMs: number): Promise<boolean>;
  receiveSnapshot(from: PeerId, message: Message): void;
}

const membershipMs = 10_000;

/** It may go better later. */
class NotNow extends Error {
  override readonly name = 'NotNow';
}

export async function servePeer(
  node: ServingNode,
  from: PeerId | null,
  request: PeerRequest,
  callerAddress: string,
): Promise<PeerAnswer> {
  try {
    return await answer(node, from, request, callerAddress);
  } catch (error) {
    if (error instanceof NotNow) return { kind: 'text', text: error.message };
    throw error;
  }
}

async function answer(
  node: ServingNode,
  from: PeerId | null,
  request: PeerRequest,
  callerAddress: string,
): Promise<PeerAnswer> {
  switch (request.kind) {
    case 'join':
      return serveJoin(node, request, callerAddress);
    case 'announce_uri':
      return serveAnnounce(node, from, request);
    case 'who_is':
      return serveWhoIs(node, request.peerId);
    case 'consensus_commit': {
      const { commitIndex, term } = node.position();
      return { kind: 'commit', index: commitIndex, term };
    }
    case 'wait_on_commit': {
      const { index, term, timeoutMs } = request;
      return { kind: 'done', ok: await node.waitOnCommit(index, term, timeoutMs) };
    }
    case 'fetch_state':
      return { kind: 'state', ...node.encodedState() };
    case 'install_snapshot':
      if (from === null) return { kind: 'refused', message: 'a snapshot of nobody' };
      node.receiveSnapshot(from, request.message);
      return { kind: 'done', ok: true };
    case 'health':
      return { kind: 'done', ok: true };
    case 'telemetry':
      return { kind: 'refused', message: 'telemetry is not answered here' };
    case 'shard_call':
      return { kind: 'refused', message: 'shards are not served here' };
    default:
      return unreachable(request);
  }
}

async function serveJoin(
  node: ServingNode,
  request: Extract<PeerRequest, { kind: 'join' }>,
  callerAddress: string,
): Promise<PeerAnswer> {
  const { peerId, version } = request;
  if (!node.isWorking()) throw new NotNow('consensus has stopped on this peer');
  if (request.uri === null && request.port === 0) {
    return { kind: 'refused', message: 'neither an address nor a port was given' };
  }
  if (node.membership().voters.includes(peerId)) {
    const message =
      `peer ${peerId} is a voter of this cluster already, and must not have lost its log: ` +
      `remove it from the cluster first`;
    return { kind: 'refused', message };
  }
  // Who waits here may be gone when a leader comes, and would be let in all the same.
  if (!node.hasLeader()) throw new NotNow('Failed to add peer: nobody leads the cluster');
  const uri = request.uri ?? `${node.scheme}://${hostOf(callerAddress)}:${request.port}/`;
  await checkAddress(node, uri);
  const conflict = await freeAddress(node, peerId, uri);
  if (conflict !== null) return { kind: 'refused', message: conflict };
  const result = await node.addPeer({ peerId, uri, version }, membershipMs);
  if (result.kind === 'refused') return { kind: 'refused', message: result.message };
  if (result.kind !== 'done') throw new NotNow(`Failed to add peer: ${result.kind}`);
  const { clusterId, peers } = node.state();
  if (clusterId === null) throw new NotNow('this peer does not know its cluster yet');
  return {
    kind: 'joined',
    clusterId,
    peers: new Map([...peers].map(([id, peer]) => [id, peer.uri])),
  };
}

/**
 * A member that nobody can ever reach would count for the majority. Names may take a while to be
 * known everywhere, so this is no final refusal.
 */
async function checkAddress(node: ServingNode, uri: string): Promise<void> {
  const fault = await node.addressFault(uri);
  if (fault !== null) throw new NotNow(`the peer cannot be reached by others: ${fault}`);
}

/** One address, one peer: an old one without shards makes room. Why not, or `null`. */
async function freeAddress(node: ServingNode, peerId: PeerId, uri: string): Promise<string | null> {
  const state = node.state();
  for (const [owner, peer] of state.peers) {
    if (owner === peerId || peer.uri !== uri) continue;
    if (hasReplicas(state, owner)) {
      return `peer URI ${uri} already used by peer ${owner} which still has shards, remove them first`;
    }
    const removed = await node.removePeer(owner, membershipMs);
    if (removed.kind === 'refused') return removed.message;
    if (removed.kind !== 'done') {
      throw new NotNow(`Failed to remove peer ${owner}: ${removed.kind}`);
    }
  }
  return null;
}

/**
 * Agreed, or at least heard: where this peer is one of the few that are left, its vote is needed to
 * agree on where it is. It goes on asking by itself.
 */
async function serveAnnounce(
  node: ServingNode,
  from: PeerId | null,
  { peerId, uri }: Extract<PeerRequest, { kind: 'announce_uri' }>,
): Promise<PeerAnswer> {
  if (from !== peerId) return { kind: 'refused', message: 'only a peer itself says where it is' };
  if (!node.isWorking()) throw new NotNow('consensus has stopped on this peer');
  await checkAddress(node, uri);
  node.hearUri(peerId, uri);
  const result = await node.changeUri(peerId, uri, membershipMs);
  if (result.kind === 'refused') return { kind: 'refused', message: result.message };
  return { kind: 'done', ok: true };
}

/** A peer that is behind does not know who there is, and must not say that it does. */
function serveWhoIs(node: ServingNode, peerId: PeerId): PeerAnswer {
  const { commitIndex, appliedIndex } = node.position();
  const peer = node.state().peers.get(peerId);
  if (peer === undefined && (!node.isWorking() || appliedIndex < commitIndex)) {
    throw new NotNow('this peer is not up to date');
  }
  return { kind: 'address', uri: peer === undefined ? null : (node.addressOf(peerId) ?? peer.uri) };
}

function hostOf(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain.includes(':') ? `[${plain}]` : plain;
}
