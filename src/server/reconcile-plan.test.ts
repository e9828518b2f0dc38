import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerId } from '../base/ids.ts';
import {
  type CollectionState,
  emptyClusterState,
  type ReplicaState,
} from '../model/cluster-state.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';
import { defaultSettings } from './config/settings.ts';
import { type HostedCollection, obsoleteNames, stepsFor } from './reconcile-plan.ts';
import { collectionConfig } from './services/collection-defaults.ts';

const own = 1n;
const config = collectionConfig(
  { vectors: { single: { size: 2, distance: 'Dot' } } },
  defaultSettings,
  1,
);

/** Shard id → who holds it. */
function wantedWith(shards: Readonly<Record<number, readonly PeerId[]>>): CollectionState {
  return {
    name: 'c',
    uuid: 'u',
    config,
    schema: new Map(),
    shards: new Map(
      Object.entries(shards).map(([id, peers]) => [
        Number(id),
        {
          key: null,
          serial: Number(id),
          replicas: new Map(peers.map((peer): [PeerId, ReplicaState] => [peer, 'Active'])),
        },
      ]),
    ),
    transfers: [],
    resharding: null,
    nextSerial: 10,
  };
}

function hostedAs(wanted: CollectionState): HostedCollection {
  const open = [...wanted.shards].flatMap(([id, { serial, replicas }]): [number, number][] =>
    replicas.has(own) ? [[id, serial]] : [],
  );
  return { uuid: wanted.uuid, saved: wanted, open: new Map(open), used: wanted };
}

function words(hosted: HostedCollection, wanted: CollectionState): readonly string[] {
  return stepsFor(hosted, wanted, own).map((step) => {
    if (step.kind === 'save' || step.kind === 'save_later') return step.kind;
    const operation = step.kind === 'change_index' ? ` ${step.operation.kind}` : '';
    return `${step.kind} ${step.shardId}${operation}`;
  });
}

test('a new collection opens the own shards and is saved last', () => {
  const nothing = { uuid: 'u', saved: null, open: new Map(), used: null };
  const wanted = wantedWith({ 0: [1n, 2n], 1: [2n], 2: [1n] });
  assert.deepEqual(words(nothing, wanted), ['open_shard 0', 'open_shard 2', 'save']);
});

test('what is as agreed needs nothing, even as another object', () => {
  const wanted = wantedWith({ 0: [1n], 1: [2n] });
  assert.deepEqual(words(hostedAs(wanted), structuredClone(wanted)), []);
});

test('a replica that went to another peer is dropped, a new one is opened', () => {
  const before = wantedWith({ 0: [1n], 1: [2n] });
  const after = wantedWith({ 0: [2n], 1: [1n] });
  assert.deepEqual(words(hostedAs(before), after), ['drop_shard 0', 'open_shard 1', 'save']);
});

test('a shard with the id of an earlier one starts empty', () => {
  const before = wantedWith({ 0: [1n] });
  const shard = before.shards.get(0);
  assert.ok(shard !== undefined);
  const after = { ...before, shards: new Map([[0, { ...shard, serial: 7 }]]) };
  assert.deepEqual(words(hostedAs(before), after), ['drop_shard 0', 'open_shard 0', 'save']);
});

test('settings and indexes reach the shards that are open', () => {
  const before = wantedWith({ 0: [1n], 1: [2n], 2: [1n] });
  const hnsw = { ...config.hnsw_config, m: 32 };
  const changed = { ...before, config: { ...config, hnsw_config: hnsw } };
  assert.deepEqual(words(hostedAs(before), changed), [
    'update_config 0',
    'update_config 2',
    'save_later',
  ]);
  const keyword: PayloadFieldSchema = { dataType: 'keyword', params: null };
  const indexed = { ...before, schema: new Map([['city', keyword]]) };
  assert.deepEqual(words(hostedAs(before), indexed), [
    'change_index 0 create_index',
    'change_index 2 create_index',
    'save_later',
  ]);
  assert.deepEqual(words(hostedAs(indexed), before), [
    'change_index 0 delete_index',
    'change_index 2 delete_index',
    'save_later',
  ]);
});

test('what others do to their replicas, and collections without own ones, can be saved later', () => {
  const before = wantedWith({ 0: [1n], 1: [2n] });
  const moved = wantedWith({ 0: [1n, 3n], 1: [3n] });
  assert.deepEqual(words(hostedAs(before), moved), ['save_later']);
  const nothing = { uuid: 'u', saved: null, open: new Map(), used: null };
  assert.deepEqual(words(nothing, wantedWith({ 0: [2n], 1: [3n] })), ['save_later']);
});

test('a collection goes with its uuid, whatever has its name now', () => {
  const old = wantedWith({ 0: [1n] });
  const hosted = new Map([['c', hostedAs(old)]]);
  const stateWith = (collection: CollectionState) => ({
    ...emptyClusterState,
    collections: new Map([['c', collection]]),
  });
  assert.deepEqual(obsoleteNames(hosted, stateWith(old)), []);
  assert.deepEqual(obsoleteNames(hosted, stateWith({ ...old, uuid: 'v' })), ['c']);
  assert.deepEqual(obsoleteNames(hosted, emptyClusterState), ['c']);
});
