// The numbers that name things across layers. Peer ids are random 53-bit numbers and are never
// calculated with, so they are `bigint`: they cannot be confused with an index, a term or a count.

export type PeerId = bigint;

/** Raft's logical clock: at most one leader per term. */
export type Term = number;

/** Position in the Raft log. The first entry has index 1; 0 stands before it. */
export type LogIndex = number;

export function comparePeerIds(a: PeerId, b: PeerId): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
