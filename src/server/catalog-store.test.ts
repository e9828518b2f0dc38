// A collection's `config.json`: what is written is read again, an older format is still read, and
// replicas follow the node when its identity was lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import { exampleConfig } from '../../test/state/examples.ts';
import { fullState } from '../../test/state/full-state.ts';
import type { PeerId } from '../base/ids.ts';
import { readJson, writeJsonAtomic } from '../storage/atomic-file.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';
import { CatalogStore } from './catalog-store.ts';

const quiet = () => {};
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

async function emptyStore(disk: FakeDisk, ownPeerId: PeerId): Promise<CatalogStore> {
  const store = new CatalogStore({ storagePath: '/s', ownPeerId }, { disk, log });
  await store.load();
  return store;
}

test('collections come back as they were, but for what only a cluster has', async () => {
  const disk = new FakeDisk();
  const store = await emptyStore(disk, 1n);
  for (const collection of fullState.collections.values()) {
    store.makeDirectory(collection);
    await store.saveCollection(collection, 'some cluster');
  }
  const { collections } = (await store.load()).state;
  assert.deepEqual([...collections.keys()].sort(), [...fullState.collections.keys()].sort());
  for (const [name, collection] of fullState.collections) {
    assert.deepEqual(collections.get(name), { ...collection, transfers: [], resharding: null });
  }
  const stored = await readJson(disk, '/s/collections/__proto__/config.json');
  assert.equal((stored as { params: { shard_number: number } }).params.shard_number, 2);
});

test('a node that lost its identity takes over its replicas', async () => {
  const disk = new FakeDisk();
  const collection = fullState.collections.get('tenants');
  assert.ok(collection !== undefined);
  const store = await emptyStore(disk, 1n);
  store.makeDirectory(collection);
  await store.saveCollection(collection, null);
  const { collections } = (await (await emptyStore(disk, 77n)).load()).state;
  const replicas = collections.get('tenants')?.shards.get(2)?.replicas;
  assert.deepEqual(
    replicas,
    new Map([
      [9007199254740993n, 'Dead'],
      [77n, 'ReshardingScaleDown'],
    ]),
  );
});

test('format 1 knew no replicas: all shards are here', async () => {
  const disk = new FakeDisk();
  const store = await emptyStore(disk, 5n);
  const config = exampleConfig(2);
  const stored = { format: 1, uuid: 'u', shard_ids: [0, 1], config, payload_schema: [] };
  disk.makeDir('/s/collections/old');
  await writeJsonAtomic(disk, '/s/collections/old/config.json', stored);
  const old = (await store.load()).state.collections.get('old');
  assert.deepEqual(old?.config, config);
  assert.deepEqual(old?.shards.get(1), {
    serial: 1,
    key: null,
    replicas: new Map([[5n, 'Active']]),
  });
  assert.equal(old?.nextSerial, 2);
});

test('a format of the future is refused', async () => {
  const disk = new FakeDisk();
  const store = await emptyStore(disk, 5n);
  disk.makeDir('/s/collections/new');
  await writeJsonAtomic(disk, '/s/collections/new/config.json', { format: 3 });
  await assert.rejects(store.load(), CorruptFileError);
});
