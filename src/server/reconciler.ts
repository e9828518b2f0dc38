// Makes what this peer has equal to what all peers agreed on: opens, closes and changes its shards,
// writes `config.json` and the aliases after them, tells the workers, and says in the cluster that
// its new replicas are there. Looks at the whole each time, so whatever a crash or a full disk left
// undone is done by a later pass.
//
// Order within a pass, for the reasons of standalone-changes.ts:
//   workers forget what goes → it is closed and renamed away → new and changed collections →
//   workers know the state → aliases → replicas become active
//
// The log of consensus is the truth, so what only shows it is written between passes, at leisure.

import { isDeepStrictEqual } from 'node:util';
import type { PeerId } from '../base/ids.ts';
import type { Command } from '../cluster/commands.ts';
import { isSameReplica, receiverOf } from '../cluster/replica-edits.ts';
import type { Logger, Timers } from '../io/ports.ts';
import type { ClusterState, CollectionState, ReplicaState } from '../model/cluster-state.ts';
import { encodeUpdate } from '../model/update-codec.ts';
import type { Catalog, CatalogStore } from './catalog-store.ts';
import {
  type HostedCollection,
  obsoleteNames,
  type ReconcileStep,
  stepsFor,
} from './reconcile-plan.ts';
import { ShardLoadError, type ThreadHost } from './threads/thread-host.ts';

export interface ReconcilerParts {
  readonly host: ThreadHost;
  readonly store: CatalogStore;
  readonly timers: Timers;
  readonly log: Logger;
  /** Rejects when nothing came of it, and sees to it that there is another pass then. */
  readonly propose: (command: Command) => Promise<void>;
}

interface Hosted extends HostedCollection {
  /** It has its own directory. */
  hasDirectory: boolean;
  saved: CollectionState | null;
  readonly open: Map<number, number>;
  used: HostedCollection['used'];
  /** Nothing is left to be done for this very object. */
  settled: CollectionState | null;
  /** The states of its replicas were looked at in this very object. */
  announced: CollectionState | null;
}

export type PassOutcome =
  | { readonly kind: 'done' }
  /** Look again soon; `errors` say why. */
  | { readonly kind: 'incomplete'; readonly errors: readonly unknown[] };

export class Reconciler {
  readonly #ownPeerId: PeerId;
  readonly #parts: ReconcilerParts;
  readonly #hosted = new Map<string, Hosted>();
  /** On this disk, but not agreed on by the cluster (yet). */
  readonly #unknown = new Map<string, CollectionState>();
  #savedAliases: ReadonlyMap<string, string> = new Map();
  /** Proposals on their way, so that a pass does not make them twice. */
  readonly #proposed = new Set<string>();
  /** Own shards that should have had files and had none. */
  readonly #lost = new Set<string>();
  /** Their files are older than the state. */
  readonly #unsaved = new Set<string>();
  #isSaving = false;
  #passCount = 0;
  #clusterId: string | null = null;
  #sweeping: 'no' | 'now' | 'again' = 'no';

  constructor(ownPeerId: PeerId, parts: ReconcilerParts) {
    this.#ownPeerId = ownPeerId;
    this.#parts = parts;
  }

  /** What this peer finds on its disk, before the first pass. */
  adopt({ state, clusterIds }: Catalog, clusterId: string): void {
    this.#savedAliases = state.aliases;
    for (const [name, collection] of state.collections) {
      if (clusterIds.get(name) === clusterId) this.#hosted.set(name, onDisk(collection));
      else this.#unknown.set(name, collection);
    }
  }

  /** Collections that this node had before it was part of the cluster. */
  unknownCollections(): readonly CollectionState[] {
    return [...this.#unknown.values()];
  }

  async pass(wanted: ClusterState): Promise<PassOutcome> {
    const errors: unknown[] = [];
    const attempt = async (action: () => Promise<void>): Promise<void> => {
      await action().catch((error: unknown) => {
        errors.push(error);
      });
    };
    await this.#parts.host.inTurn(async () => {
      this.#clusterId = wanted.clusterId;
      await this.#meetUnknown(wanted);
      await this.#removeObsolete(wanted, attempt);
      const changed = [...wanted.collections.values()].filter(
        (collection) => this.#hosted.get(collection.name)?.settled !== collection,
      );
      await inParallel(changed, (collection) => attempt(() => this.#settle(collection)));
      await this.#parts.host.useState(wanted);
      await attempt(() => this.#saveAliases(wanted));
    });
    this.#passCount += 1;
    this.#proposeStates(wanted);
    this.#saveSoon();
    return errors.length === 0 ? { kind: 'done' } : { kind: 'incomplete', errors };
  }

  // --- what is on disk without the cluster's knowledge ---

  async #meetUnknown(wanted: ClusterState): Promise<void> {
    for (const [name, collection] of this.#unknown) {
      const agreed = wanted.collections.get(name);
      if (agreed === undefined) continue;
      this.#unknown.delete(name);
      if (agreed.uuid === collection.uuid) {
        this.#hosted.set(name, { ...notSaved(collection.uuid), hasDirectory: true });
        continue;
      }
      const path = await this.#parts.store.setAside(collection);
      this.#parts.log.error(
        'The cluster has another collection of this name: the one of this node is set aside',
        { collection: name, path },
      );
    }
  }

  // --- what goes ---

  async #removeObsolete(
    wanted: ClusterState,
    attempt: (action: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const { host, store } = this.#parts;
    const names = obsoleteNames(this.#hosted, wanted);
    if (names.length === 0) return;
    const collections = new Map(host.state.collections);
    for (const name of names) collections.delete(name);
    await host.useState({ ...host.state, collections });
    await inParallel(names, async (name) => {
      const hosted = this.#hosted.get(name);
      if (hosted === undefined) return;
      await attempt(async () => {
        for (const shardId of hosted.open.keys()) await host.closeShard(hosted.uuid, shardId);
        hosted.open.clear();
        if (hosted.hasDirectory) store.dropCollection({ name, uuid: hosted.uuid });
        this.#hosted.delete(name);
        this.#unsaved.delete(name);
      });
    });
    this.#sweep();
  }

  /** One sweep at a time, and one more when something was removed meanwhile. */
  #sweep(): void {
    const isRunning = this.#sweeping !== 'no';
    this.#sweeping = isRunning ? 'again' : 'now';
    if (isRunning) return;
    this.#parts.store
      .sweepDeleted()
      .catch((error: unknown) => {
        this.#parts.log.error('cannot erase removed files yet', { error: String(error) });
      })
      .finally(() => {
        const isDue = this.#sweeping === 'again';
        this.#sweeping = 'no';
        if (isDue) this.#sweep();
      });
  }

  // --- files that only show what is agreed ---

  /** Not in the middle of a burst: what came may change again, or go. */
  #saveSoon(delayMs = saveDelayMs, waitsLeft = saveWaitCountMax): void {
    if (this.#isSaving || this.#unsaved.size === 0) return;
    this.#isSaving = true;
    const count = this.#passCount;
    this.#parts.timers.setTimeout(() => {
      if (waitsLeft === 0 || this.#passCount === count) return void this.#saveNow();
      this.#isSaving = false;
      this.#saveSoon(saveDelayMs, waitsLeft - 1);
    }, delayMs);
  }

  async #saveNow(): Promise<void> {
    const before = new Set(this.#unsaved);
    await this.saveAll();
    this.#isSaving = false;
    const hasFailed = before.intersection(this.#unsaved).size > 0;
    this.#saveSoon(hasFailed ? saveAgainDelayMs : saveDelayMs);
  }

  async saveAll(): Promise<void> {
    const waiting = [...this.#unsaved];
    for (let at = 0; at < waiting.length; at += parallelCountMax) {
      const some = waiting.slice(at, at + parallelCountMax);
      // Between two slices there may be a pass, and before a removal nobody may write here again.
      await this.#parts.host.inTurn(() => inParallel(some, (name) => this.#saveUnsaved(name)));
    }
  }

  async #saveUnsaved(name: string): Promise<void> {
    const hosted = this.#hosted.get(name);
    const collection = hosted?.settled ?? null;
    if (hosted === undefined || collection === null || !this.#unsaved.has(name)) return;
    await this.#put(hosted, collection, this.#stage(hosted, collection)).catch((error: unknown) => {
      this.#parts.log.warn('a collection could not be saved', { name, error: String(error) });
    });
  }

  async #stage(hosted: Hosted, collection: CollectionState): Promise<() => Promise<void>> {
    this.#makeDirectory(hosted, collection);
    return this.#parts.store.stageCollection(collection, this.#clusterId);
  }

  async #put(
    hosted: Hosted,
    collection: CollectionState,
    staging: Promise<() => Promise<void>>,
  ): Promise<void> {
    const put = await staging;
    await put();
    hosted.saved = collection;
    this.#unsaved.delete(collection.name);
  }

  #makeDirectory(hosted: Hosted, collection: CollectionState): void {
    if (hosted.hasDirectory) return;
    this.#parts.store.makeDirectory(collection);
    hosted.hasDirectory = true;
  }

  // --- what comes or changes ---

  async #settle(wanted: CollectionState): Promise<void> {
    const { name, uuid } = wanted;
    let hosted = this.#hosted.get(name);
    if (hosted?.settled === wanted) return;
    if (hosted !== undefined && hosted.uuid !== uuid) throw new Error(`${name} is still removed`);
    if (hosted === undefined) {
      hosted = notSaved(uuid);
      this.#hosted.set(name, hosted);
    }
    const steps = stepsFor(hosted, wanted, this.#ownPeerId);
    const mustSave = steps.some(({ kind }) => kind === 'save');
    // The disk works on it while shards are opened, and it counts only after them.
    const staging = mustSave ? this.#stage(hosted, wanted) : null;
    staging?.catch(() => undefined);
    try {
      for (const step of steps) await this.#carryOut(step, hosted, wanted);
    } finally {
      await staging?.catch(() => undefined);
    }
    if (staging !== null) await this.#put(hosted, wanted, staging);
    await this.#replaceBroken(wanted);
    hosted.used = wanted;
    hosted.settled = wanted;
  }

  async #carryOut(step: ReconcileStep, hosted: Hosted, collection: CollectionState): Promise<void> {
    const { host, store } = this.#parts;
    switch (step.kind) {
      case 'drop_shard':
        await host.closeShard(collection.uuid, step.shardId);
        hosted.open.delete(step.shardId);
        await store.removeShard(collection, step.shardId);
        this.#sweep();
        return;
      case 'open_shard':
        await this.#open(hosted, collection, step.shardId);
        return;
      case 'update_config':
        await host.updateShardConfig(collection, step.shardId);
        return;
      case 'change_index':
        await host.updateShard(collection.uuid, step.shardId, encodeUpdate(step.operation));
        return;
      case 'save':
        // Staged from the beginning, put in place at the end.
        return;
      case 'save_later':
        this.#unsaved.add(collection.name);
        return;
    }
  }

  async #open(hosted: Hosted, collection: CollectionState, shardId: number): Promise<void> {
    const { host, store, log } = this.#parts;
    const shard = collection.shards.get(shardId);
    const stored = hosted.saved?.shards.get(shardId);
    if (shard === undefined) return;
    this.#makeDirectory(hosted, collection);
    // Of an earlier shard with this id.
    const isStale = stored !== undefined && stored.serial !== shard.serial;
    if (isStale) await store.removeShard(collection, shardId);
    if (store.hasShard(collection.name, shardId)) {
      await host.loadShard(collection, shardId);
    } else {
      await host.createShard(collection, shardId);
      if (!isNew(collection, shardId, this.#ownPeerId)) {
        this.#lost.add(`${collection.uuid}/${shardId}`);
        log.error('The files of a shard are gone: it is empty now', {
          collection: collection.name,
          shard: shardId,
        });
      }
    }
    hosted.open.set(shardId, shard.serial);
  }

  /** What could not be loaded makes room for what another peer sends. */
  async #replaceBroken(collection: CollectionState): Promise<void> {
    const { host, store, log } = this.#parts;
    const { name, uuid } = collection;
    for (const transfer of collection.transfers) {
      const { shardId, peerId } = receiverOf(transfer);
      if (peerId !== this.#ownPeerId || !host.isBrokenShard(uuid, shardId)) continue;
      log.warn('A shard that could not be loaded is filled anew', {
        collection: name,
        shard: shardId,
      });
      await host.closeShard(uuid, shardId);
      await store.removeShard(collection, shardId);
      await host.createShard(collection, shardId);
      this.#sweep();
    }
  }

  async #saveAliases({ aliases }: ClusterState): Promise<void> {
    if (isDeepStrictEqual(aliases, this.#savedAliases)) return;
    await this.#parts.store.saveAliases(aliases);
    this.#savedAliases = aliases;
  }

  // --- what the others should know ---

  /** New replicas that are open are active; those that lost their files are dead. */
  #proposeStates(wanted: ClusterState): void {
    for (const collection of wanted.collections.values()) {
      const hosted = this.#hosted.get(collection.name);
      if (hosted?.settled !== collection || hosted.announced === collection) continue;
      hosted.announced = collection;
      for (const [shardId, { replicas }] of collection.shards) {
        const state = replicas.get(this.#ownPeerId);
        if (state !== undefined) this.#proposeState(collection, shardId, state);
      }
    }
  }

  #proposeState(collection: CollectionState, shardId: number, fromState: ReplicaState): void {
    const key = `${collection.uuid}/${shardId}`;
    const isLost = this.#lost.has(key);
    if (!isLost && fromState !== 'Initializing') return;
    if (this.#proposed.has(key)) return;
    this.#proposed.add(key);
    this.#parts
      .propose({
        kind: 'set_replica_state',
        collection: collection.name,
        shardId,
        peerId: this.#ownPeerId,
        state: isLost ? 'Dead' : 'Active',
        fromState,
      })
      .then(
        () => this.#lost.delete(key),
        (error: unknown) => {
          const hosted = this.#hosted.get(collection.name);
          if (hosted !== undefined) hosted.announced = null;
          this.#parts.log.warn('a replica could not be announced', { error: String(error) });
        },
      )
      .finally(() => this.#proposed.delete(key))
      .catch(() => undefined);
  }
}

/** Just created, or to be filled from another peer: nobody misses what it held. */
function isNew({ shards, transfers }: CollectionState, shardId: number, own: PeerId): boolean {
  const state = shards.get(shardId)?.replicas.get(own);
  if (state === 'Initializing' || state === 'Dead') return true;
  const replica = { shardId, peerId: own };
  return transfers.some((transfer) => isSameReplica(receiverOf(transfer), replica));
}

/** Does an error of a pass mean that this node must not serve? */
export function isLoadFault(error: unknown): error is ShardLoadError {
  return error instanceof ShardLoadError;
}

function onDisk(saved: CollectionState): Hosted {
  return { ...notSaved(saved.uuid), saved, hasDirectory: true };
}

function notSaved(uuid: string): Hosted {
  const nothing = { saved: null, used: null, settled: null, announced: null };
  return { uuid, hasDirectory: false, open: new Map(), ...nothing };
}

/** Changes come in bursts. */
const saveDelayMs = 1_000;
const saveAgainDelayMs = 10_000;
const saveWaitCountMax = 10;

/** Opening shards waits for the disk; a few at once hide that, more would only fight. */
const parallelCountMax = 8;

async function inParallel<Item>(
  items: readonly Item[],
  action: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const work = async () => {
    for (const item of waiting) await action(item);
  };
  await Promise.all(Array.from({ length: parallelCountMax }, work));
}
