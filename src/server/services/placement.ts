// What operators change about where the shards of a collection are: each is one change that all
// peers agree on. Whether it fits is decided when it is applied; here is checked only what need not
// trouble the others.

import { unreachable } from '../../base/assert.ts';
import type { PeerId } from '../../base/ids.ts';
import type { Command } from '../../cluster/commands.ts';
import { findTransfer } from '../../cluster/replica-edits.ts';
import type {
  CollectionState,
  ShardTransferKey,
  TransferMethod,
} from '../../model/cluster-state.ts';
import { RequestError } from '../../model/request-error.ts';
import type { Engine } from '../engine.ts';
import { requireCollection } from './collections.ts';

export type TransferAddress = ShardTransferKey;

export type ClusterOperation =
  | {
      readonly kind: 'move_shard' | 'replicate_shard';
      readonly address: TransferAddress;
      /** `null`: what is configured. */
      readonly method: TransferMethod | null;
    }
  | { readonly kind: 'abort_transfer'; readonly address: TransferAddress }
  | {
      readonly kind: 'restart_transfer';
      readonly address: TransferAddress;
      readonly method: TransferMethod;
    }
  | { readonly kind: 'drop_replica'; readonly shardId: number; readonly peerId: PeerId };

export class PlacementService {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Done when it is agreed and applied here; a transfer has only begun then. */
  async change(nameOrAlias: string, operation: ClusterOperation, timeoutMs: number): Promise<void> {
    const collection = requireCollection(this.#engine, nameOrAlias);
    await this.#engine.propose(this.#command(collection, operation), timeoutMs);
  }

  #command(collection: CollectionState, operation: ClusterOperation): Command {
    switch (operation.kind) {
      case 'move_shard':
      case 'replicate_shard':
        return this.#start(collection, operation);
      case 'abort_transfer': {
        requireTransfer(collection, operation.address);
        const key = operation.address;
        const reason = 'user request';
        return { kind: 'abort_transfer', collection: collection.name, key, serial: null, reason };
      }
      case 'restart_transfer': {
        requireTransfer(collection, operation.address);
        const { address: key, method } = operation;
        requireBuilt(method);
        return { kind: 'restart_transfer', collection: collection.name, key, serial: null, method };
      }
      case 'drop_replica': {
        const { shardId, peerId } = operation;
        requireShard(collection, shardId);
        this.#requirePeer(peerId);
        return {
          kind: 'update_collection',
          name: collection.name,
          patch: {},
          replicaRemovals: [{ shardId, peerId }],
        };
      }
      default:
        return unreachable(operation);
    }
  }

  #start(
    collection: CollectionState,
    operation: Extract<ClusterOperation, { kind: 'move_shard' | 'replicate_shard' }>,
  ): Command {
    const { kind, address, method: wanted } = operation;
    // The only method that there is yet, whatever is configured.
    const method = wanted ?? 'stream_records';
    requireShard(collection, address.shardId);
    this.#requirePeer(address.to);
    this.#requirePeer(address.from);
    requireBuilt(method);
    return {
      kind: 'start_transfer',
      collection: collection.name,
      transfer: { ...address, sync: kind === 'replicate_shard', method, filter: null },
    };
  }

  #requirePeer(peerId: PeerId): void {
    if (this.#engine.state().peers.has(peerId)) return;
    throw new RequestError('bad_request', `Peer ${peerId} does not exist`);
  }
}

function requireShard({ name, shards }: CollectionState, shardId: number): void {
  if (shards.has(shardId)) return;
  throw new RequestError('bad_request', `Shard ${shardId} of ${name} does not exist`);
}

function requireTransfer(collection: CollectionState, key: TransferAddress): void {
  if (findTransfer(collection, key) !== null) return;
  throw new RequestError(
    'not_found',
    `Shard transfer ${key.from} -> ${key.to} for collection ` +
      `${collection.name}:${key.shardId} does not exist`,
  );
}

function requireBuilt(method: TransferMethod): void {
  if (method === 'stream_records') return;
  throw new RequestError('not_implemented', `transfers by ${method} are not built yet`);
}
