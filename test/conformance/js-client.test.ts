// The official JavaScript client, unchanged, against the REST server: its quick start, and every
// call that is built.

import assert from 'node:assert/strict';
import { after, before, mock, test } from 'node:test';
import { QdrantClient } from '@qdrant/js-client-rest';
import { type Rig, startRig } from './harness.ts';

let rig: Rig;
let client: QdrantClient;
const warnings: string[] = [];

before(async () => {
  mock.method(console, 'warn', (...words: unknown[]) => void warnings.push(words.join(' ')));
  rig = await startRig({ api_key: 'secret' });
  client = new QdrantClient({ url: `http://127.0.0.1:${rig.port}`, apiKey: 'secret' });
});

after(async () => {
  mock.restoreAll();
  await rig.close();
});

test('the quick start of the documentation', async () => {
  const name = 'test_collection';
  assert.equal(
    await client.createCollection(name, { vectors: { size: 4, distance: 'Dot' } }),
    true,
  );
  const operation = await client.upsert(name, {
    wait: true,
    points: [
      { id: 1, vector: [0.05, 0.61, 0.76, 0.74], payload: { city: 'Berlin' } },
      { id: 2, vector: [0.19, 0.81, 0.75, 0.11], payload: { city: 'London' } },
      { id: 3, vector: [0.36, 0.55, 0.47, 0.94], payload: { city: 'Moscow' } },
      { id: 4, vector: [0.18, 0.01, 0.85, 0.8], payload: { city: 'New York' } },
      { id: 5, vector: [0.24, 0.18, 0.22, 0.44], payload: { city: 'Beijing' } },
      { id: 6, vector: [0.35, 0.08, 0.11, 0.44], payload: { city: 'Mumbai' } },
    ],
  });
  assert.deepEqual(operation, { operation_id: 1, status: 'completed' });
  const found = await client.query(name, { query: [0.2, 0.1, 0.9, 0.7], limit: 3 });
  assert.deepEqual(
    found.points.map(({ id }) => id),
    [4, 1, 3],
  );
  assert.equal(found.points[0]?.score, 1.362);
  const filtered = await client.query(name, {
    query: [0.2, 0.1, 0.9, 0.7],
    filter: { must: [{ key: 'city', match: { value: 'London' } }] },
    with_payload: true,
    limit: 3,
  });
  assert.deepEqual(
    filtered.points.map(({ id, payload }) => ({ id, payload })),
    [{ id: 2, payload: { city: 'London' } }],
  );
});

test('the version check is quiet', () => {
  assert.deepEqual(warnings, ['Api key is used with unsecure connection.']);
});

test('collections and aliases', async () => {
  const { collections } = await client.getCollections();
  assert.deepEqual(collections, [{ name: 'test_collection' }]);
  assert.deepEqual(await client.collectionExists('nope'), { exists: false });
  const info = await client.getCollection('test_collection');
  assert.equal(info.points_count, 6);
  assert.equal(info.status, 'green');
  const optimizers_config = { indexing_threshold: 1 };
  assert.equal(await client.updateCollection('test_collection', { optimizers_config }), true);
  await client.updateCollectionAliases({
    actions: [{ create_alias: { alias_name: 'cities', collection_name: 'test_collection' } }],
  });
  assert.equal((await client.getAliases()).aliases.length, 1);
  assert.equal((await client.getCollectionAliases('test_collection')).aliases.length, 1);
  assert.equal((await client.count('cities')).count, 6);
});

test('changes to points', async () => {
  const name = 'cities';
  const points = [1];
  await client.setPayload(name, { payload: { size: 3 }, points, wait: true });
  await client.overwritePayload(name, { payload: { town: 'Bonn' }, points: [2], wait: true });
  await client.deletePayload(name, { keys: ['city'], points, wait: true });
  await client.clearPayload(name, { points: [3], wait: true });
  await client.updateVectors(name, { points: [{ id: 4, vector: [1, 0, 0, 0] }], wait: true });
  await client.deleteVectors(name, { points: [5], vector: [''], wait: true });
  await client.delete(name, { points: [6], wait: true });
  await client.batchUpdate(name, {
    wait: true,
    operations: [{ delete: { points: [5] } }, { set_payload: { payload: { a: 1 }, points } }],
  });
  const records = await client.retrieve(name, { ids: [4, 3, 2, 1, 6], with_vector: true });
  assert.deepEqual(
    records.map(({ id, payload }) => ({ id, payload })),
    [
      { id: 4, payload: { city: 'New York' } },
      { id: 3, payload: {} },
      { id: 2, payload: { town: 'Bonn' } },
      { id: 1, payload: { size: 3, a: 1 } },
    ],
  );
  assert.deepEqual(records[0]?.vector, [1, 0, 0, 0]);
});

test('reads', async () => {
  const name = 'cities';
  const page = await client.scroll(name, { limit: 2, with_payload: false });
  assert.equal(page.next_page_offset, 3);
  const batch = await client.queryBatch(name, { searches: [{ query: 1, limit: 1 }] });
  assert.equal(batch[0]?.points.length, 1);
  await assert.rejects(client.query(name, { query: [1] }), /Bad Request/);
  await assert.rejects(client.getCollection('nope'), /Not Found/);
});

test('payload indexes', async () => {
  await client.createPayloadIndex('cities', {
    field_name: 'size',
    field_schema: 'integer',
    wait: true,
  });
  const ordered = await client.scroll('cities', { order_by: 'size' });
  assert.deepEqual(
    ordered.points.map(({ id, order_value }) => [id, order_value]),
    [[1, 3]],
  );
  await client.deletePayloadIndex('cities', 'size', { wait: true });
  assert.deepEqual((await client.getCollection('cities')).payload_schema, {});
});

test('ids beyond 2^53 arrive as digits', async () => {
  const big = 18_446_744_073_709_551_615n;
  await client.upsert('cities', {
    wait: true,
    points: [{ id: big as unknown as number, vector: [1, 1, 1, 1] }],
  });
  const { points } = await client.scroll('cities', { limit: 1, offset: big as unknown as number });
  assert.equal(points[0]?.id, big);
});

test('deleting the collection twice', async () => {
  assert.equal(await client.deleteCollection('test_collection'), true);
  assert.equal(await client.deleteCollection('test_collection'), false);
});
