// What a peer does that has not heard of a leader for long. Perhaps it was removed while nobody
// could tell it: proof is a peer that has committed at least as much as this one has applied, has
// applied all of it, and does not know this peer. Perhaps peers have moved: it says where it is
// itself, and asks those that it reaches for those that it does not.

import type { LogIndex, PeerId } from '../base/ids.ts';
import {
  type PeerAnswer,
  type PeerNetwork,
  type PeerRequest,
  PeerUnreachable,
} from './peer-network.ts';

export interface Silence {
  readonly wasRemoved: boolean;
  /** Addresses of peers that did not answer, as others know them. */
  readonly moved: ReadonlyMap<PeerId, string>;
}

export interface SilentPeer {
  readonly peerId: PeerId;
  readonly uri: string | null;
  readonly appliedIndex: LogIndex;
}

const askMs = 2000;
/** The other side waits that long for the others to agree. */
const announceMs = 12_000;

export async function breakSilence(
  own: SilentPeer,
  others: readonly PeerId[],
  network: PeerNetwork,
): Promise<Silence> {
  sayUri(own, others, network);
  const asked = await Promise.all(
    others.map(async (peerId) => ({ peerId, verdict: await askOne(own, peerId, network) })),
  );
  const wasRemoved = asked.some(({ verdict }) => verdict === 'removed');
  const moved = new Map<PeerId, string>();
  const isSilent = (peerId: PeerId): boolean =>
    asked.some((one) => one.peerId === peerId && one.verdict === 'silent');
  for (const { peerId, verdict } of asked) {
    if (verdict === 'silent' || wasRemoved) continue;
    for (const lost of others.filter(isSilent)) {
      const answer = await tryCall(network, peerId, { kind: 'who_is', peerId: lost }, askMs);
      if (answer?.kind === 'address' && answer.uri !== null) moved.set(lost, answer.uri);
    }
  }
  return { wasRemoved, moved };
}

/** Tells `others` where this peer is, without waiting for them. */
export function sayUri(own: SilentPeer, others: readonly PeerId[], network: PeerNetwork): void {
  const { peerId, uri } = own;
  if (uri === null) return;
  for (const other of others) {
    void tryCall(network, other, { kind: 'announce_uri', peerId, uri }, announceMs);
  }
}

async function askOne(
  own: SilentPeer,
  peerId: PeerId,
  network: PeerNetwork,
): Promise<'silent' | 'here' | 'removed'> {
  const commit = await tryCall(network, peerId, { kind: 'consensus_commit' }, askMs);
  if (commit === null) return 'silent';
  if (commit.kind !== 'commit' || commit.index < own.appliedIndex) return 'here';
  const who = await tryCall(network, peerId, { kind: 'who_is', peerId: own.peerId }, askMs);
  return who?.kind === 'address' && who.uri === null ? 'removed' : 'here';
}

async function tryCall(
  network: PeerNetwork,
  peerId: PeerId,
  request: PeerRequest,
  timeoutMs: number,
): Promise<PeerAnswer | null> {
  try {
    return await network.call({ peerId }, request, timeoutMs);
  } catch (error) {
    if (error instanceof PeerUnreachable) return null;
    throw error;
  }
}
