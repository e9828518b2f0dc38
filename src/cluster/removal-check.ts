// Was this peer removed while nobody could tell it? Who has not heard of a leader for long asks the
// others. Proof is a peer that has committed at least as much as this one has applied, has applied
// all of it, and does not know this peer: a later state without it.

import type { LogIndex, PeerId } from '../base/ids.ts';
import { type PeerNetwork, PeerUnreachable } from './peer-network.ts';

const askMs = 2000;

export async function wasRemoved(
  own: { readonly peerId: PeerId; readonly appliedIndex: LogIndex },
  others: readonly PeerId[],
  network: PeerNetwork,
): Promise<boolean> {
  for (const peerId of others) {
    try {
      const commit = await network.call({ peerId }, { kind: 'consensus_commit' }, askMs);
      if (commit.kind !== 'commit' || commit.index < own.appliedIndex) continue;
      const request = { kind: 'who_is', peerId: own.peerId } as const;
      const who = await network.call({ peerId }, request, askMs);
      if (who.kind === 'address' && who.uri === null) return true;
    } catch (error) {
      if (!(error instanceof PeerUnreachable)) throw error;
    }
  }
  return false;
}
