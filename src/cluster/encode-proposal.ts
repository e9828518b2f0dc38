// A proposal as bytes: the data of an entry of the log. Who proposed it and its number there tell
// it from all others. One byte of version, then JSON text; docs/formats.md has the layout.

import type { PeerId } from '../base/ids.ts';
import type { AliasAction, Command, ReplicaRef } from './commands.ts';
import {
  count,
  fromBytes,
  listOf,
  nullable,
  optional,
  pairOf,
  record,
  text,
  toBytes,
  unionOf,
} from './encode-codec.ts';
import {
  collectionConfig,
  collectionPatch,
  payloadFieldSchema,
  vectorParams,
} from './encode-config.ts';
import {
  newTransfer,
  peerId,
  replicaState,
  reshardingKey,
  shardKey,
  transferKey,
  transferMethod,
} from './encode-state.ts';

const formatVersion = 1;

export interface ProposedCommand {
  readonly proposer: PeerId;
  /** Unique among the proposals of this peer. */
  readonly number: number;
  readonly command: Command;
}

type UpdateCollection = Extract<Command, { readonly kind: 'update_collection' }>;

const aliasAction = unionOf<AliasAction>({
  create: record({ alias: text, collection: text }),
  delete: record({ alias: text }),
  rename: record({ from: text, to: text }),
});

const serial = nullable(count);
const ofTransfer = record({ collection: text, key: transferKey, serial });
const ofResharding = record({ collection: text, key: reshardingKey });

const command = unionOf<Command>({
  create_collection: record({
    name: text,
    uuid: text,
    config: collectionConfig,
    distribution: listOf(pairOf(count, listOf(peerId))),
    initialState: replicaState,
    collectionCountMax: nullable(count),
  }),
  update_collection: record<Omit<UpdateCollection, 'kind'>>({
    name: text,
    patch: collectionPatch,
    replicaRemovals: optional(listOf(record<ReplicaRef>({ shardId: count, peerId }))),
  }),
  delete_collection: record({ name: text }),
  change_aliases: record({ actions: listOf(aliasAction) }),
  create_payload_index: record({ collection: text, field: text, schema: payloadFieldSchema }),
  delete_payload_index: record({ collection: text, field: text }),
  create_named_vector: record({ collection: text, vector: text, params: vectorParams }),
  delete_named_vector: record({ collection: text, vector: text }),
  set_replica_state: record({
    collection: text,
    shardId: count,
    peerId,
    state: replicaState,
    fromState: nullable(replicaState),
  }),
  start_transfer: record({ collection: text, transfer: newTransfer }),
  restart_transfer: record({
    collection: text,
    key: transferKey,
    serial,
    method: transferMethod,
  }),
  finish_transfer: ofTransfer,
  recovery_to_partial: ofTransfer,
  abort_transfer: record({ collection: text, key: transferKey, serial, reason: text }),
  start_resharding: ofResharding,
  commit_read_hash_ring: ofResharding,
  commit_write_hash_ring: ofResharding,
  finish_resharding: ofResharding,
  abort_resharding: ofResharding,
  create_shard_key: record({
    collection: text,
    shardKey,
    placement: listOf(listOf(peerId)),
    initialState: nullable(replicaState),
  }),
  drop_shard_key: record({ collection: text, shardKey }),
  update_peer_metadata: record({ peerId, version: text }),
  update_cluster_metadata: record({ key: text, value: nullable(text) }),
  nop: record({ token: text }),
});

const proposal = record<ProposedCommand>({ proposer: peerId, number: count, command });

export function encodeProposal(proposed: ProposedCommand): Uint8Array<ArrayBuffer> {
  return toBytes(formatVersion, JSON.stringify(proposal.write(proposed)));
}

/** Throws `CorruptBytesError` for anything that `encodeProposal` does not write. */
export function decodeProposal(bytes: Uint8Array): ProposedCommand {
  return proposal.read(fromBytes(formatVersion, bytes), 'proposal');
}
