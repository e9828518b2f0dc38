// Collections as the API sees them: creation with defaults, changes, aliases, payload indexes,
// descriptions. What depends on the agreed state (does it exist?) is decided by the reducer behind
// `Engine.propose`; only reads ask the state directly.

import { randomUUID } from 'node:crypto';
import type { PeerId } from '../../base/ids.ts';
import type {
  AliasAction,
  CollectionPatch,
  Command,
  ShardDistribution,
} from '../../cluster/commands.ts';
import { distributionOf, placeShards, replicaCounts } from '../../cluster/placement.ts';
import type { WriteOptions } from '../../collection/shard-access.ts';
import { mergeUpdateAnswers, writeUpdate } from '../../collection/write-path.ts';
import { type CollectionState, findCollection, localShardIds } from '../../model/cluster-state.ts';
import type { CollectionConfig } from '../../model/collection-config.ts';
import type { PayloadFieldSchema } from '../../model/payload-schema.ts';
import { RequestError } from '../../model/request-error.ts';
import type { UpdateOperation } from '../../model/update.ts';
import { encodeUpdate } from '../../model/update-codec.ts';
import type { ShardInfo, ShardStatus } from '../../shard/shard-info.ts';
import type { Engine } from '../engine.ts';
import { type CollectionRequest, collectionConfig } from './collection-defaults.ts';
import { shardsOf } from './shards-of.ts';
import { resultOf, type UpdateResult } from './update-result.ts';

export interface CollectionInfo {
  readonly collection: CollectionState;
  readonly shards: readonly ShardInfo[];
}

export interface AliasDescription {
  readonly alias_name: string;
  readonly collection_name: string;
}

export function collectionMissing(name: string): RequestError {
  return new RequestError('not_found', `Collection \`${name}\` doesn't exist!`);
}

/** The collection of this name or alias; throws `not_found`. */
export function requireCollection(engine: Engine, nameOrAlias: string): CollectionState {
  const collection = findCollection(engine.state(), nameOrAlias);
  if (collection === null) throw collectionMissing(nameOrAlias);
  return collection;
}

export class CollectionService {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  names(): readonly string[] {
    return [...this.#engine.state().collections.keys()];
  }

  exists(nameOrAlias: string): boolean {
    return findCollection(this.#engine.state(), nameOrAlias) !== null;
  }

  async create(name: string, request: CollectionRequest, timeoutMs: number): Promise<boolean> {
    if (name === '.' || name === '..') {
      throw new RequestError('internal', `Can't create collection with name ${name}`);
    }
    const { settings } = this.#engine;
    const peers = this.#peers();
    const config = collectionConfig(request, settings, peers.length);
    refuseTooManyShards(config.params.shard_number);
    if (config.strict_mode_config !== undefined) refuseStrictMode(config.strict_mode_config);
    await this.#engine.propose(
      {
        kind: 'create_collection',
        name,
        uuid: randomUUID(),
        config,
        distribution: this.#place(config, peers),
        // Whoever stands alone has nobody to wait for.
        initialState: this.#engine.cluster === null ? 'Active' : 'Initializing',
        collectionCountMax: settings.storage.max_collections,
      },
      timeoutMs,
    );
    return true;
  }

  /** Who may get shards: a node that stands alone is the only one. */
  #peers(): readonly PeerId[] {
    const peers = [...this.#engine.state().peers.keys()];
    return this.#engine.cluster === null || peers.length === 0 ? [this.#engine.ownPeerId] : peers;
  }

  #place({ params }: CollectionConfig, peers: readonly PeerId[]): ShardDistribution {
    const existing = replicaCounts(this.#engine.state());
    const { shard_number: shardCount, replication_factor: replicationFactor } = params;
    return distributionOf(placeShards({ peers, existing, shardCount, replicationFactor }));
  }

  async update(name: string, patch: CollectionPatch, timeoutMs: number): Promise<boolean> {
    await this.#engine.propose({ kind: 'update_collection', name, patch }, timeoutMs);
    return true;
  }

  /** False if there was none. */
  async delete(name: string, timeoutMs: number): Promise<boolean> {
    const outcome = await this.#engine.propose({ kind: 'delete_collection', name }, timeoutMs);
    return outcome.changed;
  }

  async changeAliases(actions: readonly AliasAction[], timeoutMs: number): Promise<boolean> {
    await this.#engine.propose({ kind: 'change_aliases', actions }, timeoutMs);
    return true;
  }

  /** All of them, or those of one collection, which must not be named by an alias. */
  aliases(collection: string | null): readonly AliasDescription[] {
    return [...this.#engine.state().aliases]
      .filter(([, target]) => collection === null || target === collection)
      .map(([alias, target]) => ({ alias_name: alias, collection_name: target }));
  }

  require(nameOrAlias: string): CollectionState {
    return requireCollection(this.#engine, nameOrAlias);
  }

  async info(nameOrAlias: string): Promise<CollectionInfo> {
    const collection = this.require(nameOrAlias);
    const { shards } = shardsOf(this.#engine, collection);
    return { collection, shards: await Promise.all(shards.map((shard) => shard.info())) };
  }

  createIndex(
    nameOrAlias: string,
    index: { readonly field: string; readonly schema: PayloadFieldSchema },
    options: WriteOptions,
  ): Promise<UpdateResult> {
    const { name: collection } = this.require(nameOrAlias);
    const { field, schema } = index;
    return this.#changeIndex(
      { kind: 'create_payload_index', collection, field, schema },
      { kind: 'create_index', field, schema },
      options,
    );
  }

  deleteIndex(nameOrAlias: string, field: string, options: WriteOptions): Promise<UpdateResult> {
    const { name: collection } = this.require(nameOrAlias);
    return this.#changeIndex(
      { kind: 'delete_payload_index', collection, field },
      { kind: 'delete_index', field },
      options,
    );
  }

  /**
   * In a cluster every peer has told its own shards; whoever waits, waits for those of this one.
   */
  async #inLine(collection: CollectionState, options: WriteOptions): Promise<UpdateResult> {
    const { ownPeerId } = this.#engine;
    const own = localShardIds(collection, ownPeerId).filter(
      (id) => collection.shards.get(id)?.replicas.get(ownPeerId) === 'Active',
    );
    if (own.length === 0) return { operationId: null, status: 'acknowledged' };
    const answers = own.map((id) => {
      const record = encodeUpdate(nothing);
      return this.#engine.localShard(collection.uuid, id).update(record, options);
    });
    return resultOf(mergeUpdateAnswers(await Promise.all(answers)));
  }

  /**
   * First agreed on, then carried out by the shards in line with their updates. After a crash
   * between the two the shards make up for it when they are opened.
   */
  async #changeIndex(
    command: Extract<Command, { readonly kind: `${string}_payload_index` }>,
    operation: UpdateOperation,
    options: WriteOptions,
  ): Promise<UpdateResult> {
    await this.#engine.propose(command, agreementMs);
    const collection = this.require(command.collection);
    if (this.#engine.cluster !== null) return this.#inLine(collection, options);
    const shards = shardsOf(this.#engine, collection);
    return resultOf(await writeUpdate(shards, operation, options));
  }
}

/** Changes nothing, and is done when all that came before is done. */
const nothing: UpdateOperation = { kind: 'delete_points', selector: { ids: [], filter: null } };

/**
 * `timeout` of an index change is for the waiting, not for the agreement: that has the usual time.
 */
const agreementMs = 10_000;

/**
 * A shard costs files and memory even when it is empty; a slip of the finger must not take a node.
 */
const shardCountMax = 1024;

function refuseTooManyShards(shardCount: number): void {
  if (shardCount <= shardCountMax) return;
  const text = `shard_number ${shardCount} is too large, at most ${shardCountMax} are possible`;
  throw new RequestError('bad_request', text);
}

function refuseStrictMode(text: string): void {
  const strict = JSON.parse(text) as { readonly enabled?: unknown };
  if (strict.enabled !== true) return;
  throw new RequestError('not_implemented', 'strict mode is not built yet');
}

const severity: readonly ShardStatus[] = ['green', 'grey', 'yellow', 'red'];

/** The worst of the shards' states. */
export function collectionStatus(shards: readonly ShardInfo[]): ShardStatus {
  const worst = Math.max(0, ...shards.map((shard) => severity.indexOf(shard.status)));
  return severity[worst] ?? 'green';
}

/** The first failure of an optimizer, `null` if there is none. */
export function optimizerError(shards: readonly ShardInfo[]): string | null {
  return shards.find((shard) => shard.optimizerError !== null)?.optimizerError ?? null;
}

export function sumOf(shards: readonly ShardInfo[], count: (shard: ShardInfo) => number): number {
  return shards.reduce((sum, shard) => sum + count(shard), 0);
}
