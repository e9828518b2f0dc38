// What must hold of every agreed state, and of every step from one to the next.

import assert from 'node:assert/strict';
import type { Command } from '../../src/cluster/commands.ts';
import {
  findTransfer,
  receiverOf,
  replicaState,
  sourceOf,
} from '../../src/cluster/replica-edits.ts';
import type { ClusterState, CollectionState } from '../../src/model/cluster-state.ts';
import { isActive } from '../../src/model/replica-rules.ts';

export function checkState(state: ClusterState): void {
  for (const [alias, target] of state.aliases) {
    assert.ok(state.collections.has(target), `alias ${alias} points to nothing`);
    assert.ok(!state.collections.has(alias), `alias ${alias} is a collection too`);
  }
  for (const [name, collection] of state.collections) {
    assert.equal(collection.name, name);
    checkSharding(collection);
    checkTransfers(collection);
    checkResharding(collection);
    if (state.clusterId === null) continue;
    for (const { replicas } of collection.shards.values()) {
      for (const peerId of replicas.keys()) {
        assert.ok(state.peers.has(peerId), `${peerId} has a replica and is no member`);
      }
    }
  }
}

function checkSharding({ shards, transfers, config, nextSerial }: CollectionState): void {
  const ids = [...shards.keys()];
  const { shard_number: shardNumber, sharding_method: method } = config.params;
  if (method === 'custom') {
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => a - b),
    );
    for (const { key } of shards.values()) assert.notEqual(key, null);
  } else {
    assert.deepEqual(
      ids,
      Array.from({ length: shardNumber }, (_, id) => id),
    );
    for (const { key } of shards.values()) assert.equal(key, null);
  }
  const serials = [...shards.values(), ...transfers].map(({ serial }) => serial);
  assert.equal(new Set(serials).size, serials.length, `serials ${serials.join(', ')}`);
  assert.ok(serials.every((serial) => serial < nextSerial));
}

function checkTransfers(collection: CollectionState): void {
  const { transfers } = collection;
  for (const transfer of transfers) {
    assert.equal(findTransfer(collection, transfer), transfer, 'two transfers of one key');
    assert.notEqual(replicaState(collection, sourceOf(transfer)), null, 'no source');
    assert.notEqual(replicaState(collection, receiverOf(transfer)), null, 'no receiver');
    assert.notEqual(replicaState(collection, receiverOf(transfer)), 'Dead');
    for (const other of transfers) {
      if (other === transfer || other.shardId !== transfer.shardId) continue;
      const isApart = [other.from, other.to].every(
        (peerId) => peerId !== transfer.from && peerId !== transfer.to,
      );
      assert.ok(isApart, 'two transfers of a shard share a peer');
    }
  }
}

function checkResharding({ shards, transfers, resharding }: CollectionState): void {
  const isMigrating = resharding?.stage === 'migrating_points';
  for (const { method } of transfers) {
    assert.ok(isMigrating || method !== 'resharding_stream_records', 'migrates for nothing');
  }
  if (resharding === null) return;
  assert.equal(shards.get(resharding.shardId)?.key, resharding.shardKey);
}

/** No command but the removal of a peer takes the last copy, nor the last that is active. */
export function checkStep(before: ClusterState, after: ClusterState, command: Command): void {
  for (const [name, collection] of after.collections) {
    const earlier = before.collections.get(name);
    if (earlier?.uuid !== collection.uuid) continue;
    for (const [shardId, { replicas, serial }] of collection.shards) {
      const old = earlier.shards.get(shardId);
      if (old?.serial !== serial) continue;
      if (old.replicas.size > 0) assert.ok(replicas.size > 0, `shard ${shardId} is empty`);
      // A transfer from another shard takes its receiver out of service on purpose.
      if (command.kind === 'start_transfer' && command.transfer.toShardId !== null) continue;
      const hadActive = [...old.replicas.values()].some(isActive);
      const hasActive = [...replicas.values()].some(isActive);
      assert.ok(hasActive || !hadActive, `shard ${shardId} has no active copy any more`);
    }
  }
}
