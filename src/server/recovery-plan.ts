// Which of its own dead replicas a peer asks the others to fill again: pure. Every peer looks after
// its own ones only, and within the limits, which count for each collection and peer; what users
// start is not limited, but counted.

import type { PeerId } from '../base/ids.ts';
import type { Command } from '../cluster/commands.ts';
import type { ClusterState, CollectionState } from '../model/cluster-state.ts';
import { isActive } from '../model/replica-rules.ts';

export interface TransferLimits {
  /** `null` = none; 0 = no recovery without being asked. */
  readonly incoming: number | null;
  readonly outgoing: number | null;
}

type StartTransfer = Extract<Command, { readonly kind: 'start_transfer' }>;
type Route = Pick<StartTransfer['transfer'], 'from' | 'to'>;

export interface RecoveryConditions {
  readonly isReachable: (peerId: PeerId) => boolean;
  /** Was asked for a short while ago, in vain. */
  readonly isResting: (uuid: string, shardId: number) => boolean;
}

export function planRecovery(
  state: ClusterState,
  own: { readonly peerId: PeerId; readonly limits: TransferLimits },
  conditions: RecoveryConditions,
): readonly StartTransfer[] {
  return [...state.collections.values()].flatMap((collection) =>
    recoveries(collection, own, conditions),
  );
}

function recoveries(
  collection: CollectionState,
  { peerId: own, limits }: { readonly peerId: PeerId; readonly limits: TransferLimits },
  { isReachable, isResting }: RecoveryConditions,
): readonly StartTransfer[] {
  const routes: Route[] = [...collection.transfers];
  const commands: StartTransfer[] = [];
  const isFull = (peerId: PeerId): boolean =>
    reaches(limits.incoming, routes.filter(({ to }) => to === peerId).length) ||
    reaches(limits.outgoing, routes.filter(({ from }) => from === peerId).length);
  for (const [shardId, { replicas }] of collection.shards) {
    if (replicas.get(own) !== 'Dead' || isFull(own)) continue;
    if (isResting(collection.uuid, shardId)) continue;
    const source = [...replicas].find(
      ([peerId, replica]) =>
        peerId !== own &&
        isActive(replica) &&
        isReachable(peerId) &&
        !routes.some((route) => isBetween(route, own, peerId)) &&
        !isFull(peerId),
    );
    if (source === undefined) continue;
    const transfer = {
      shardId,
      toShardId: null,
      from: source[0],
      to: own,
      sync: true,
      method: 'stream_records',
      filter: null,
    } as const;
    routes.push(transfer);
    commands.push({ kind: 'start_transfer', collection: collection.name, transfer });
  }
  return commands;
}

function reaches(limit: number | null, count: number): boolean {
  return limit !== null && count >= limit;
}

function isBetween({ from, to }: Route, one: PeerId, other: PeerId): boolean {
  return (from === one && to === other) || (from === other && to === one);
}
