// What a node does first, from what it was told and what it finds on its disk: pure.
//
//   has taken part ──▶ restart, or announce a new address; flags are ignored otherwise
//   was accepted, and no more ──▶ join again under the same id
//   new ──▶ join (--bootstrap), or found a cluster (--uri)

import type { PeerId } from '../base/ids.ts';

export interface StartFacts {
  readonly peerId: PeerId;
  /** It has a snapshot, so it was a member once. */
  readonly hasTakenPart: boolean;
  readonly clusterId: string | null;
  readonly ownUri: string | null;
  readonly addresses: ReadonlyMap<PeerId, string>;
  readonly uri: string | null;
  readonly bootstrap: string | null;
}

export type StartPlan =
  | { readonly kind: 'found'; readonly uri: string }
  /** Any of these may let this peer in. */
  | { readonly kind: 'join'; readonly through: readonly string[] }
  | { readonly kind: 'restart' }
  | { readonly kind: 'announce'; readonly uri: string; readonly to: readonly string[] }
  | { readonly kind: 'fail'; readonly message: string };

export function planStart(facts: StartFacts): StartPlan {
  const { uri } = facts;
  // Who is told to join itself is the first one.
  const bootstrap = facts.bootstrap === uri ? null : facts.bootstrap;
  if (facts.hasTakenPart) return planRestart(facts);
  if (facts.clusterId !== null) {
    const through = bootstrap === null ? othersOf(facts) : [bootstrap, ...othersOf(facts)];
    if (through.length > 0) return { kind: 'join', through: [...new Set(through)] };
    const message =
      `This peer belonged to cluster ${facts.clusterId}, but its consensus log is gone. ` +
      `Start it with --bootstrap, or with empty storage`;
    return { kind: 'fail', message };
  }
  if (bootstrap !== null) return { kind: 'join', through: [bootstrap] };
  if (uri === null) return { kind: 'fail', message: 'First peer should specify its uri.' };
  return { kind: 'found', uri };
}

function planRestart(facts: StartFacts): StartPlan {
  const { uri, ownUri } = facts;
  if (uri === null || uri === ownUri) return { kind: 'restart' };
  const to = othersOf(facts);
  if (to.length > 0) return { kind: 'announce', uri, to };
  return { kind: 'fail', message: 'Failed to recover from any known peers' };
}

function othersOf({ peerId, addresses }: StartFacts): readonly string[] {
  return [...addresses].flatMap(([id, uri]) => (id === peerId ? [] : [uri]));
}
