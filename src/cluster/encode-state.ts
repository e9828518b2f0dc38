// The agreed state as bytes: what a snapshot carries from peer to peer and keeps on disk.
// Canonical: equal states have equal bytes, in whatever order their maps were filled. One byte of
// version, then JSON text; texts that are JSON themselves (metadata, filters) stay strings, so that
// their numbers stay exact. docs/formats.md has the layout.

import type { PeerId } from '../base/ids.ts';
import {
  type ClusterState,
  type CollectionState,
  type PeerState,
  type ReplicaState,
  type ReshardingKey,
  type ReshardingState,
  replicaStates,
  type ShardKeyValue,
  type ShardState,
  type ShardTransfer,
  type ShardTransferKey,
  type TransferMethod,
  transferMethods,
} from '../model/cluster-state.ts';
import {
  type Codec,
  count,
  flag,
  fromBytes,
  listOf,
  malformed,
  mapOf,
  nullable,
  oneOf,
  record,
  text,
  toBytes,
  u64,
} from './encode-codec.ts';
import { collectionConfig, payloadFieldSchema } from './encode-config.ts';

const formatVersion = 1;

export const peerId: Codec<PeerId> = u64;

/** A string is `{"text": …}`, a number `{"number": "…"}`: `"1"` and `1` are different keys. */
export const shardKey: Codec<ShardKeyValue> = {
  write: (key) => (typeof key === 'string' ? { text: key } : { number: u64.write(key) }),
  read: (json, path) => {
    const key = (json ?? {}) as { readonly text?: unknown; readonly number?: unknown };
    if (key.text !== undefined) return text.read(key.text, path);
    if (key.number !== undefined) return u64.read(key.number, path);
    throw malformed(path, 'a shard key');
  },
};

export const replicaState: Codec<ReplicaState> = oneOf(replicaStates);

export const transferMethod: Codec<TransferMethod> = oneOf(transferMethods);

const transferKeyFields = {
  shardId: count,
  toShardId: nullable(count),
  from: peerId,
  to: peerId,
} as const;

export const transferKey = record<ShardTransferKey>(transferKeyFields);

const transferFields = {
  ...transferKeyFields,
  sync: flag,
  method: transferMethod,
  filter: nullable(text),
} as const;

export const newTransfer = record<Omit<ShardTransfer, 'serial'>>(transferFields);

const reshardingKeyFields = {
  uuid: text,
  direction: oneOf(['up', 'down']),
  peerId,
  shardId: count,
  shardKey: nullable(shardKey),
} as const;

export const reshardingKey = record<ReshardingKey>(reshardingKeyFields);

const resharding = record<ReshardingState>({
  ...reshardingKeyFields,
  stage: oneOf(['migrating_points', 'read_hash_ring_committed', 'write_hash_ring_committed']),
});

const collection = record<CollectionState>({
  name: text,
  uuid: text,
  config: collectionConfig,
  schema: mapOf(text, payloadFieldSchema),
  shards: mapOf(
    count,
    record<ShardState>({
      replicas: mapOf(peerId, replicaState),
      key: nullable(shardKey),
      serial: count,
    }),
  ),
  transfers: listOf(record<ShardTransfer>({ ...transferFields, serial: count })),
  resharding: nullable(resharding),
  nextSerial: count,
});

const head = record<Omit<ClusterState, 'collections'>>({
  clusterId: nullable(text),
  firstPeer: nullable(peerId),
  peers: mapOf(peerId, record<PeerState>({ uri: text, version: nullable(text) })),
  metadata: mapOf(text, text),
  aliases: mapOf(text, text),
});

const collectionTexts = new WeakMap<CollectionState, string>();
const headTexts = new WeakMap<ClusterState, string>();

/** Its canonical text; made once, for a collection never changes. */
export function collectionText(value: CollectionState): string {
  let known = collectionTexts.get(value);
  if (known === undefined) {
    known = JSON.stringify(collection.write(value));
    collectionTexts.set(value, known);
  }
  return known;
}

/** Canonical text of everything but the collections. */
export function headText(state: ClusterState): string {
  let known = headTexts.get(state);
  if (known === undefined) {
    known = JSON.stringify(head.write(state));
    headTexts.set(state, known);
  }
  return known;
}

export function encodeState(state: ClusterState): Uint8Array<ArrayBuffer> {
  const names = [...state.collections.keys()].sort();
  const collections = names.flatMap((name) => {
    const value = state.collections.get(name);
    return value === undefined ? [] : [collectionText(value)];
  });
  const body = `{"head":${headText(state)},"collections":[${collections.join(',')}]}`;
  return toBytes(formatVersion, body);
}

const whole = record<{
  readonly head: Omit<ClusterState, 'collections'>;
  readonly collections: readonly CollectionState[];
}>({ head, collections: listOf(collection) });

/** Throws `CorruptBytesError` for anything that `encodeState` does not write. */
export function decodeState(bytes: Uint8Array): ClusterState {
  const decoded = whole.read(fromBytes(formatVersion, bytes), 'state');
  const collections = new Map(decoded.collections.map((one) => [one.name, one]));
  if (collections.size !== decoded.collections.length) {
    throw malformed('state.collections', 'without repeated names');
  }
  return { ...decoded.head, collections };
}
