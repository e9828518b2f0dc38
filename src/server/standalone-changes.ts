// Changes of the state on a node that stands alone: one at a time, through the reducer, then onto
// the threads and the disk. A change that the disk refuses leaves everything as it was.
//
// Order of a change, so that a crash at any point leaves the old state or the new one:
//   create: directory → shards open on their owner → config.json (now it exists) → workers know it
//   delete: workers forget it → shards close → directory renamed away (now it is gone) → erased

import type { PeerId } from '../base/ids.ts';
import type { Command } from '../cluster/commands.ts';
import { reduce } from '../cluster/reducer.ts';
import type { CommandOutcome } from '../cluster/reduction.ts';
import type { Logger } from '../io/ports.ts';
import type { ClusterState, CollectionState, ShardState } from '../model/cluster-state.ts';
import { localShardIds } from '../model/cluster-state.ts';
import { RequestError } from '../model/request-error.ts';
import type { CatalogStore } from './catalog-store.ts';
import type { ProposalOutcome } from './engine.ts';
import type { ThreadHost } from './threads/thread-host.ts';

const waitingCommandCountMax = 10_000;

export class StandaloneChanges {
  readonly #ownPeerId: PeerId;
  readonly #host: ThreadHost;
  readonly #store: CatalogStore;
  readonly #log: Logger;
  #waitingCommandCount = 0;
  /** Resolves when the files of all removed collections are erased. */
  #sweeping: Promise<void> = Promise.resolve();
  /** Directories of collections that are none any more, which the disk did not let go of yet. */
  readonly #removalsOwed = new Set<CollectionState>();
  /** The aliases on disk are older than the state. */
  #aliasesOwed = false;

  constructor(
    ownPeerId: PeerId,
    parts: { readonly host: ThreadHost; readonly store: CatalogStore; readonly log: Logger },
  ) {
    this.#ownPeerId = ownPeerId;
    this.#host = parts.host;
    this.#store = parts.store;
    this.#log = parts.log;
  }

  /** Everything on disk is loaded and known to the workers when this resolves. */
  async load(): Promise<void> {
    const { state: stored } = await this.#store.load();
    const state = withoutOthersToWaitFor(stored, this.#ownPeerId);
    await this.#store.sweepDeleted();
    await this.#host.inTurn(async () => {
      for (const collection of state.collections.values()) {
        for (const shardId of this.#localShards(collection)) {
          await this.#host.loadShard(collection, shardId);
        }
      }
      await this.#host.useState(state);
    });
  }

  /**
   * Changes happen in the order of the calls. Past `timeoutMs` the caller is told, the change goes
   * on. A removal is answered when the space is free again, however long that takes.
   */
  async propose(command: Command, timeoutMs: number): Promise<ProposalOutcome> {
    if (this.#waitingCommandCount >= waitingCommandCountMax) {
      throw new RequestError('unavailable', 'too many collection changes are waiting');
    }
    this.#waitingCommandCount += 1;
    const result = this.#host.inTurn(() => this.#counted(command));
    const outcome = await withTimeout(result, timeoutMs);
    if (command.kind === 'delete_collection') await this.#sweeping;
    return outcome;
  }

  async #counted(command: Command): Promise<ProposalOutcome> {
    try {
      return await this.#carryOut(command);
    } finally {
      this.#waitingCommandCount -= 1;
    }
  }

  async #carryOut(command: Command): Promise<ProposalOutcome> {
    await this.#payRemovals();
    const before = this.#host.state;
    // Not before a removal: that may be what makes room for the aliases.
    if (this.#aliasesOwed && command.kind !== 'delete_collection') {
      await this.#saveAliases(before.aliases);
    }
    const { state, outcome } = reduce(before, command);
    if (state !== before) await this.#install(before, state);
    return answerOf(outcome);
  }

  async #install(before: ClusterState, after: ClusterState): Promise<void> {
    for (const [name, collection] of after.collections) {
      const old = before.collections.get(name);
      if (old === undefined) await this.#create(collection);
      else if (old !== collection) await this.#update(old, collection);
    }
    const removed = [...before.collections.values()].filter(
      ({ name }) => !after.collections.has(name),
    );
    const hasNewAliases = before.aliases !== after.aliases;
    if (hasNewAliases && removed.length === 0) await this.#saveAliases(after.aliases);
    await this.#host.useState(after);
    if (hasNewAliases && removed.length > 0) this.#aliasesOwed = true;
    for (const collection of removed) await this.#remove(collection);
    if (this.#aliasesOwed) await this.#trySaveAliases();
  }

  /**
   * What earlier changes could not remove comes first: a collection must not come back with the
   * next start once somebody was told that there is none.
   */
  async #payRemovals(): Promise<void> {
    for (const collection of this.#removalsOwed) {
      await this.#store.removeCollection(collection);
      this.#removalsOwed.delete(collection);
      this.#sweeping = this.#store.sweepDeleted().catch((error: unknown) => {
        this.#log.error('cannot erase the files of a removed collection', { error: String(error) });
      });
    }
  }

  async #saveAliases(aliases: ReadonlyMap<string, string>): Promise<void> {
    await this.#store.saveAliases(aliases);
    this.#aliasesOwed = false;
  }

  /** After a removal, which must be possible on a full disk: it makes the room for this file. */
  async #trySaveAliases(): Promise<void> {
    await this.#sweeping;
    await this.#saveAliases(this.#host.state.aliases).catch((error: unknown) => {
      this.#log.error('cannot store the aliases yet', { error: String(error) });
    });
  }

  async #create(collection: CollectionState): Promise<void> {
    this.#store.makeDirectory(collection);
    try {
      for (const shardId of this.#localShards(collection)) {
        await this.#host.createShard(collection, shardId);
      }
      await this.#store.saveCollection(collection, null);
    } catch (error) {
      await this.#remove(collection).catch((failure: unknown) => {
        this.#log.error('cannot undo the creation yet', { error: String(failure) });
      });
      throw error;
    }
  }

  async #update(old: CollectionState, collection: CollectionState): Promise<void> {
    await this.#store.saveCollection(collection, null);
    if (old.config === collection.config) return;
    for (const shardId of this.#localShards(collection)) {
      await this.#host.updateShardConfig(collection, shardId);
    }
  }

  async #remove(collection: CollectionState): Promise<void> {
    for (const shardId of this.#localShards(collection)) {
      await this.#host.closeShard(collection.uuid, shardId);
    }
    this.#removalsOwed.add(collection);
    await this.#payRemovals();
  }

  #localShards(collection: CollectionState): readonly number[] {
    return localShardIds(collection, this.#ownPeerId);
  }
}

/** What this peer held when it left its cluster: nobody will make its new replicas active. */
function withoutOthersToWaitFor(state: ClusterState, ownPeerId: PeerId): ClusterState {
  const settled = (shard: ShardState): ShardState =>
    shard.replicas.get(ownPeerId) === 'Initializing'
      ? { ...shard, replicas: new Map(shard.replicas).set(ownPeerId, 'Active') }
      : shard;
  const collections = [...state.collections].map(([name, collection]) => {
    const shards = [...collection.shards].map(([id, shard]) => [id, settled(shard)] as const);
    return [name, { ...collection, shards: new Map(shards) }] as const;
  });
  return { ...state, collections: new Map(collections) };
}

function answerOf(outcome: CommandOutcome): ProposalOutcome {
  if (outcome.kind === 'applied') return { changed: outcome.changed };
  throw new RequestError(outcome.code, outcome.message);
}

function withTimeout<Result>(result: Promise<Result>, timeoutMs: number): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<Result>();
  const timer = setTimeout(() => {
    const seconds = Math.round(timeoutMs / 1000);
    reject(new RequestError('timeout', `Timeout error: the change is not done after ${seconds}s`));
  }, timeoutMs);
  return Promise.race([result, promise]).finally(() => clearTimeout(timer));
}
