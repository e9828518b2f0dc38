// The agreed state of a single node on disk: one `config.json` per collection and one file of
// aliases, each replaced atomically. A collection exists exactly when its `config.json` does, so it
// is written last when a collection is created, and removal renames the whole directory away first.
//
//   <storage>/collections/<name>/config.json, <storage>/collections/<name>/<shard id>/…
//   <storage>/aliases/data.json
//   <storage>/.deleted/<uuid>   directories that are being erased; emptied at start

import type { PeerId } from '../base/ids.ts';
import type { Disk, Logger } from '../io/ports.ts';
import {
  type ClusterState,
  type CollectionState,
  emptyClusterState,
  type ReplicaState,
  type ShardState,
} from '../model/cluster-state.ts';
import type { CollectionConfig, VectorParams } from '../model/collection-config.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';
import { RequestError } from '../model/request-error.ts';
import { readJson, stageJson, writeJsonAtomic } from '../storage/atomic-file.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';

const formatVersion = 2;
const directoryNameBytesMax = 255;

/** The document as tools read it: `params` and its siblings are the collection's config. */
type StoredConfig = Omit<CollectionConfig, 'params'> & {
  readonly params: Omit<CollectionConfig['params'], 'vectors'> & {
    readonly vectors:
      | { readonly single: VectorParams }
      | { readonly named: readonly (readonly [string, VectorParams])[] };
  };
};

interface StoredShard {
  readonly id: number;
  readonly serial: number;
  readonly key: string | null;
  /** The key is a number; in JSON that would not be exact. */
  readonly has_number_key: boolean;
  readonly replicas: readonly (readonly [string, ReplicaState])[];
}

interface StoredCollection extends StoredConfig {
  readonly format: 2;
  readonly uuid: string;
  /** The cluster that agreed on it; `null`: this node alone did. */
  readonly cluster_id?: string | null;
  /** Whose replicas are the ones in this storage. */
  readonly this_peer_id: string;
  readonly shards: readonly StoredShard[];
  readonly next_serial: number;
  readonly payload_schema: readonly (readonly [string, PayloadFieldSchema])[];
}

/** Before there were replicas: all shards are here. */
interface StoredCollectionV1 {
  readonly format: 1;
  readonly uuid: string;
  readonly shard_ids: readonly number[];
  readonly config: StoredConfig;
  readonly payload_schema: readonly (readonly [string, PayloadFieldSchema])[];
}

/** What a node finds on its disk. */
export interface Catalog {
  readonly state: ClusterState;
  /** Of each collection: the cluster that agreed on it, `null` for this node alone. */
  readonly clusterIds: ReadonlyMap<string, string | null>;
}

export class CatalogStore {
  readonly #disk: Disk;
  readonly #root: string;
  readonly #ownPeerId: PeerId;
  readonly #log: Logger;
  #removedShardCount = 0;
  /** Collections whose directories a power loss could take. */
  readonly #unsynced = new Set<string>();

  constructor(
    options: { readonly storagePath: string; readonly ownPeerId: PeerId },
    ports: { disk: Disk; log: Logger },
  ) {
    this.#root = options.storagePath;
    this.#ownPeerId = options.ownPeerId;
    this.#disk = ports.disk;
    this.#log = ports.log;
  }

  /** Where a shard keeps its files. */
  shardPath(collectionName: string, shardId: number): string {
    return `${this.#collectionPath(collectionName)}/${shardId}`;
  }

  /** Reads everything; directories without a `config.json` are skipped with a warning. */
  async load(): Promise<Catalog> {
    for (const path of ['collections', 'aliases', '.deleted']) {
      this.#disk.makeDir(`${this.#root}/${path}`);
    }
    const collections = new Map<string, CollectionState>();
    const clusterIds = new Map<string, string | null>();
    for (const entry of this.#disk.list(`${this.#root}/collections`)) {
      if (entry.kind !== 'directory') continue;
      const stored = await this.#loadCollection(entry.name);
      if (stored === null) continue;
      collections.set(entry.name, stored.collection);
      clusterIds.set(entry.name, stored.clusterId);
    }
    const aliases = await this.#loadAliases(collections);
    return { state: { ...emptyClusterState, collections, aliases }, clusterIds };
  }

  /**
   * Makes room for a new collection: its directory exists and is empty afterwards. It is durable
   * once the collection is saved.
   */
  makeDirectory(collection: Pick<CollectionState, 'name' | 'uuid'>): void {
    const { name } = collection;
    if (new TextEncoder().encode(name).length > directoryNameBytesMax) {
      throw new RequestError(
        'wrong_input',
        `Collection name is longer than ${directoryNameBytesMax} bytes`,
      );
    }
    if (name === '.' || name === '..') {
      throw new RequestError('wrong_input', `Collection name cannot be "${name}"`);
    }
    const path = this.#collectionPath(name);
    this.#moveAway(path, `left-over-${collection.uuid}`);
    this.#disk.makeDir(path);
    this.#unsynced.add(name);
  }

  /** `clusterId`: of the cluster that agreed on it, `null` for a node that stands alone. */
  async saveCollection(collection: CollectionState, clusterId: string | null): Promise<void> {
    const put = await this.stageCollection(collection, clusterId);
    await put();
  }

  /** `config.json` is written, and counts once what this resolves to was called. */
  async stageCollection(
    collection: CollectionState,
    clusterId: string | null,
  ): Promise<() => Promise<void>> {
    const stored = {
      ...encodeCollection(collection, this.#ownPeerId),
      ...(clusterId === null ? {} : { cluster_id: clusterId }),
    };
    const path = `${this.#collectionPath(collection.name)}/config.json`;
    const isDirectoryNew = this.#unsynced.has(collection.name);
    const [put] = await Promise.all([
      stageJson(this.#disk, path, stored),
      isDirectoryNew ? this.#disk.syncDir(`${this.#root}/collections`) : undefined,
    ]);
    if (isDirectoryNew) this.#unsynced.delete(collection.name);
    return put;
  }

  async saveAliases(aliases: ReadonlyMap<string, string>): Promise<void> {
    // Pairs, not an object: a JavaScript object would mistake an alias named `__proto__`.
    await writeJsonAtomic(this.#disk, `${this.#root}/aliases/data.json`, [...aliases]);
  }

  /** The collection is gone when this resolves; its files are erased by `sweepDeleted`. */
  async removeCollection(collection: Pick<CollectionState, 'name' | 'uuid'>): Promise<void> {
    this.dropCollection(collection);
    await this.#disk.syncDir(`${this.#root}/collections`);
  }

  /** It may be back after a power loss: for those who know then that it must go again. */
  dropCollection({ name, uuid }: Pick<CollectionState, 'name' | 'uuid'>): void {
    // A second try, after a sync that failed, finds it moved already.
    this.#moveAway(this.#collectionPath(name), uuid);
    this.#unsynced.delete(name);
  }

  /** One shard is gone when this resolves; its files are erased by `sweepDeleted`. */
  async removeShard(collection: CollectionState, shardId: number): Promise<void> {
    const path = this.shardPath(collection.name, shardId);
    this.#removedShardCount += 1;
    const name = `${collection.uuid}-${shardId}-${this.#removedShardCount}`;
    if (this.#disk.exists(path)) this.#disk.rename(path, `${this.#root}/.deleted/${name}`);
    await this.#disk.syncDir(this.#collectionPath(collection.name));
  }

  /** Takes a collection out of the way without erasing it; gives the path of what is kept. */
  async setAside(collection: CollectionState): Promise<string> {
    const kept = `${this.#root}/.set-aside`;
    this.#disk.makeDir(kept);
    const path = `${kept}/${collection.uuid}`;
    this.#disk.rename(this.#collectionPath(collection.name), path);
    await this.#disk.syncDir(`${this.#root}/collections`);
    await this.#disk.syncDir(kept);
    return path;
  }

  /** Are there files of this shard? */
  hasShard(collectionName: string, shardId: number): boolean {
    return this.#disk.exists(this.shardPath(collectionName, shardId));
  }

  /** Erases what removed collections left. */
  async sweepDeleted(): Promise<void> {
    const path = `${this.#root}/.deleted`;
    for (const entry of this.#disk.list(path)) {
      await this.#disk.removeTree(`${path}/${entry.name}`);
    }
  }

  #collectionPath(name: string): string {
    return `${this.#root}/collections/${name}`;
  }

  #moveAway(path: string, name: string): void {
    if (this.#disk.exists(path)) this.#disk.rename(path, `${this.#root}/.deleted/${name}`);
  }

  async #loadCollection(name: string): Promise<{
    readonly collection: CollectionState;
    readonly clusterId: string | null;
  } | null> {
    const path = `${this.#collectionPath(name)}/config.json`;
    const stored = (await readJson(this.#disk, path)) as
      | StoredCollection
      | StoredCollectionV1
      | null;
    if (stored === null) {
      this.#log.warn(`Collection config is not found in the collection directory, skipping`, {
        collection: name,
      });
      return null;
    }
    const format: number = stored.format;
    if (format !== 1 && format !== formatVersion) {
      throw new CorruptFileError(path, 0, `format ${format}, expected at most ${formatVersion}`);
    }
    if (stored.format === 1) {
      return { collection: decodeCollectionV1(name, stored, this.#ownPeerId), clusterId: null };
    }
    const collection = decodeCollection(name, stored, this.#ownPeerId);
    return { collection, clusterId: stored.cluster_id ?? null };
  }

  async #loadAliases(
    collections: ReadonlyMap<string, CollectionState>,
  ): Promise<ReadonlyMap<string, string>> {
    const path = `${this.#root}/aliases/data.json`;
    const stored = (await readJson(this.#disk, path)) as [string, string][] | null;
    // A crash between removing a collection and saving the aliases leaves ones that point nowhere.
    return new Map((stored ?? []).filter(([, target]) => collections.has(target)));
  }
}

function encodeCollection(collection: CollectionState, ownPeerId: PeerId): StoredCollection {
  const { vectors } = collection.config.params;
  return {
    format: formatVersion,
    uuid: collection.uuid,
    this_peer_id: String(ownPeerId),
    shards: [...collection.shards].map(([id, { serial, key, replicas }]) => ({
      id,
      serial,
      key: key === null ? null : String(key),
      has_number_key: typeof key === 'bigint',
      replicas: [...replicas].map(([peerId, state]) => [String(peerId), state] as const),
    })),
    next_serial: collection.nextSerial,
    ...collection.config,
    params: {
      ...collection.config.params,
      vectors: 'single' in vectors ? vectors : { named: [...vectors.named] },
    },
    payload_schema: [...collection.schema],
  };
}

function decodeCollection(
  name: string,
  stored: StoredCollection,
  ownPeerId: PeerId,
): CollectionState {
  const { uuid, this_peer_id, shards, next_serial, payload_schema, ...rest } = stored;
  const { format: _format, cluster_id: _clusterId, ...config } = rest;
  // A copied or restored storage whose identity was lost: what was that peer's is this one's now.
  const peerId = (text: string) => (text === this_peer_id ? ownPeerId : BigInt(text));
  return {
    name,
    uuid,
    config: decodeConfig(config),
    schema: new Map(payload_schema),
    shards: new Map(
      shards.map((shard) => [
        shard.id,
        {
          serial: shard.serial,
          key: shard.has_number_key && shard.key !== null ? BigInt(shard.key) : shard.key,
          replicas: new Map(shard.replicas.map(([peer, state]) => [peerId(peer), state])),
        },
      ]),
    ),
    transfers: [],
    resharding: null,
    nextSerial: next_serial,
  };
}

function decodeCollectionV1(
  name: string,
  stored: StoredCollectionV1,
  ownPeerId: PeerId,
): CollectionState {
  const shards = stored.shard_ids.map((id, serial): [number, ShardState] => [
    id,
    { serial, key: null, replicas: new Map([[ownPeerId, 'Active']]) },
  ]);
  return {
    name,
    uuid: stored.uuid,
    config: decodeConfig(stored.config),
    schema: new Map(stored.payload_schema),
    shards: new Map(shards),
    transfers: [],
    resharding: null,
    nextSerial: shards.length,
  };
}

function decodeConfig(stored: StoredConfig): CollectionConfig {
  const { vectors } = stored.params;
  return {
    ...stored,
    params: {
      ...stored.params,
      vectors: 'single' in vectors ? vectors : { named: new Map(vectors.named) },
    },
  };
}
