// The quick start of the official JavaScript client's documentation, and what its other pages show,
// against a real ./octant process. What only the API's edges show is in test/conformance.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { QdrantClient, QdrantClientTimeoutError } from '@qdrant/js-client-rest';
import { OctantProcess } from '../process/octant-process.ts';

let octant: OctantProcess;
let client: QdrantClient;

before(async () => {
  octant = await OctantProcess.create();
  await octant.start();
  client = new QdrantClient({ host: '127.0.0.1', port: octant.port });
});

after(async () => {
  assert.equal(await octant.stop(), 0);
  await octant.dispose();
});

const cities = [
  { id: 1, vector: [0.05, 0.61, 0.76, 0.74], payload: { city: 'Berlin', count: 3_700_000 } },
  { id: 2, vector: [0.19, 0.81, 0.75, 0.11], payload: { city: ['Berlin', 'London'] } },
  { id: 3, vector: [0.36, 0.55, 0.47, 0.94], payload: { city: ['Berlin', 'Moscow'] } },
  { id: 4, vector: [0.18, 0.01, 0.85, 0.8], payload: { city: ['London', 'Moscow'] } },
  {
    id: '98a9a4b1-4ef2-46fb-8315-a97d874fe1d7',
    vector: [0.24, 0.18, 0.22, 0.44],
    payload: { count: 0 },
  },
  { id: 'f0e09527-b096-42a8-94e9-ea94d342b925', vector: [0.35, 0.08, 0.11, 0.44] },
];

async function createCities(name: string): Promise<void> {
  await client.createCollection(name, { vectors: { size: 4, distance: 'Cosine' } });
  assert.equal((await client.upsert(name, { wait: true, points: cities })).status, 'completed');
}

test('create, fill, inspect, search and filter', async () => {
  const name = 'quick_start';
  assert.deepEqual((await client.getCollections()).collections, []);
  const created = await client.createCollection(name, {
    vectors: { size: 4, distance: 'Cosine' },
    optimizers_config: { default_segment_number: 2 },
    replication_factor: 2,
  });
  assert.equal(created, true);
  await client.createPayloadIndex(name, {
    field_name: 'city',
    field_schema: 'keyword',
    wait: true,
  });
  await client.createPayloadIndex(name, {
    field_name: 'count',
    field_schema: 'integer',
    wait: true,
  });
  const written = await client.upsert(name, { wait: true, points: cities });
  assert.equal(written.status, 'completed');

  const info = await client.getCollection(name);
  assert.equal(info.points_count, 6);
  assert.equal(info.status, 'green');
  assert.deepEqual(info.config.params.vectors, { size: 4, distance: 'Cosine' });
  assert.equal(info.config.params.replication_factor, 2);
  assert.equal(info.payload_schema['city']?.data_type, 'keyword');

  const records = await client.retrieve(name, { ids: [1, 2], with_payload: ['city'] });
  assert.deepEqual(
    records.map(({ payload }) => payload),
    [{ city: 'Berlin' }, { city: ['Berlin', 'London'] }],
  );

  const query = [0.2, 0.1, 0.9, 0.7];
  const best = await client.query(name, { query, limit: 3, with_payload: true });
  assert.deepEqual(
    best.points.map(({ id }) => id),
    [4, 1, '98a9a4b1-4ef2-46fb-8315-a97d874fe1d7'],
  );
  assert.ok(Math.abs((best.points[0]?.score ?? 0) - 0.992_488_5) < 1e-5);
  const inLondon = await client.query(name, {
    query,
    limit: 3,
    filter: { must: [{ key: 'city', match: { value: 'London' } }] },
  });
  assert.deepEqual(
    inLondon.points.map(({ id }) => id),
    [4, 2],
  );
  const counted = await client.query(name, {
    query,
    filter: {
      must: [{ key: 'count', range: { gte: 0 } }],
      must_not: [{ key: 'city', match: { any: ['Berlin'] } }],
    },
  });
  assert.deepEqual(
    counted.points.map(({ id }) => id),
    ['98a9a4b1-4ef2-46fb-8315-a97d874fe1d7'],
  );
  const batch = await client.queryBatch(name, {
    searches: [
      { query, limit: 1 },
      { query: 1, limit: 1 },
    ],
  });
  assert.deepEqual(
    batch.map(({ points }) => points[0]?.id),
    [4, 3],
  );
});

test('page through points, count them', async () => {
  await createCities('pages');
  const seen: unknown[] = [];
  let offset: number | string | undefined;
  do {
    const page = await client.scroll('pages', {
      limit: 2,
      with_payload: false,
      ...(offset === undefined ? {} : { offset }),
    });
    seen.push(...page.points.map(({ id }) => id));
    const next = page.next_page_offset;
    offset = typeof next === 'number' || typeof next === 'string' ? next : undefined;
  } while (offset !== undefined);
  assert.deepEqual(
    seen,
    cities.map(({ id }) => id),
  );
  assert.equal((await client.count('pages')).count, 6);
  const filter = { must: [{ is_empty: { key: 'city' } }] };
  assert.equal((await client.count('pages', { filter, exact: true })).count, 2);
});

test('change payload and vectors, delete', async () => {
  const name = 'changes';
  await createCities(name);
  const wait = true;
  await client.setPayload(name, { payload: { city: 'Bonn', big: false }, points: [1], wait });
  await client.setPayload(name, { payload: { lat: 52 }, key: 'place', points: [1], wait });
  await client.overwritePayload(name, { payload: { only: 'this' }, points: [2], wait });
  await client.deletePayload(name, { keys: ['city'], points: [3], wait });
  await client.clearPayload(name, { points: [4], wait });
  await client.updateVectors(name, { points: [{ id: 4, vector: [0, 0, 3, 4] }], wait });
  const records = await client.retrieve(name, { ids: [1, 2, 3, 4], with_vector: true });
  assert.deepEqual(
    records.map(({ payload }) => payload),
    [{ city: 'Bonn', count: 3_700_000, big: false, place: { lat: 52 } }, { only: 'this' }, {}, {}],
  );
  assert.deepEqual(records[3]?.vector, [0, 0, 0.6, 0.8]);

  await client.delete(name, { points: [1], wait });
  await client.delete(name, {
    filter: { must: [{ key: 'only', match: { value: 'this' } }] },
    wait,
  });
  await client.batchUpdate(name, {
    wait,
    operations: [
      { delete: { points: [3] } },
      { upsert: { points: [{ id: 10, vector: [1, 0, 0, 0], payload: { new: true } }] } },
      { set_payload: { payload: { more: 1 }, points: [10] } },
    ],
  });
  const left = await client.scroll(name);
  assert.deepEqual(
    left.points.map(({ id }) => id),
    [4, 10, '98a9a4b1-4ef2-46fb-8315-a97d874fe1d7', 'f0e09527-b096-42a8-94e9-ea94d342b925'],
  );
  assert.deepEqual(left.points[1]?.payload, { new: true, more: 1 });
});

test('named vectors', async () => {
  const name = 'named';
  await client.createCollection(name, {
    vectors: {
      image: { size: 4, distance: 'Dot' },
      text: { size: 8, distance: 'Cosine', on_disk: true },
    },
  });
  await client.upsert(name, {
    wait: true,
    batch: {
      ids: [1, 2],
      vectors: {
        image: [
          [0.9, 0.1, 0.1, 0.2],
          [0.2, 0.1, 0.9, 0.7],
        ],
      },
      payloads: [{ of: 'a cat' }, { of: 'a dog' }],
    },
  });
  const text = [0.4, 0.7, 0.1, 0.8, 0.1, 0.1, 0.9, 0.2];
  await client.updateVectors(name, { wait: true, points: [{ id: 1, vector: { text } }] });
  const byImage = await client.query(name, {
    query: [0.2, 0.1, 0.9, 0.7],
    using: 'image',
    with_vector: ['image'],
  });
  assert.deepEqual(
    byImage.points.map(({ id }) => id),
    [2, 1],
  );
  assert.deepEqual(byImage.points[0]?.vector, { image: [0.2, 0.1, 0.9, 0.7] });
  const byText = await client.query(name, { query: text, using: 'text' });
  assert.deepEqual(
    byText.points.map(({ id }) => id),
    [1],
  );
  await client.deleteVectors(name, { wait: true, points: [1], vector: ['text'] });
  const hasText = { must: [{ has_vector: 'text' }] };
  assert.equal((await client.count(name, { filter: hasText })).count, 0);
});

test('aliases, changes to a collection, deleting it', async () => {
  await createCities('old');
  await createCities('new');
  const alias = async (collection: string): Promise<void> => {
    await client.updateCollectionAliases({
      actions: [
        { delete_alias: { alias_name: 'production' } },
        { create_alias: { alias_name: 'production', collection_name: collection } },
      ],
    });
  };
  await alias('old');
  await alias('new');
  await client.delete('production', { points: [1], wait: true });
  assert.equal((await client.count('old')).count, 6);
  assert.equal((await client.count('production')).count, 5);
  const { aliases } = await client.getCollectionAliases('new');
  assert.deepEqual(aliases, [{ alias_name: 'production', collection_name: 'new' }]);

  const optimizers_config = { indexing_threshold: 10_000 };
  assert.equal(await client.updateCollection('new', { optimizers_config }), true);
  const { config } = await client.getCollection('new');
  assert.equal(config.optimizer_config?.indexing_threshold, 10_000);
  assert.equal(await client.deleteCollection('new'), true);
  assert.deepEqual((await client.getAliases()).aliases, []);
  assert.deepEqual(await client.collectionExists('new'), { exists: false });
});

test('order by a value that is indexed', async () => {
  await createCities('ordered');
  await client.createPayloadIndex('ordered', {
    field_name: 'count',
    field_schema: 'integer',
    wait: true,
  });
  const { points } = await client.scroll('ordered', {
    order_by: { key: 'count', direction: 'desc' },
  });
  assert.deepEqual(
    points.map(({ order_value }) => order_value),
    [3_700_000, 0],
  );
});

test('calls that fail say why, in the form of the documentation', async () => {
  await assert.rejects(client.getCollection('nowhere'), (error: Error) => {
    assert.match(error.message, /Not Found/);
    const { status, data } = error as Error & {
      status: number;
      data: { status: { error: string } };
    };
    assert.equal(status, 404);
    assert.match(data.status.error, /Collection `nowhere` doesn't exist!/);
    return true;
  });
  await createCities('failing');
  await assert.rejects(
    client.createCollection('failing', { vectors: { size: 4, distance: 'Cosine' } }),
    /Conflict/,
  );
  await assert.rejects(client.query('failing', { query: [1, 2, 3] }), /Bad Request/);
  await assert.rejects(
    client.upsert('failing', { points: [{ id: 1, vector: [1, 2] }] }),
    /Bad Request/,
  );
  const impatient = new QdrantClient({ url: octant.url, timeout: 1, checkCompatibility: false });
  await assert.rejects(async () => {
    // One of many must last longer than a millisecond.
    for (let attempt = 0; attempt < 1_000; attempt += 1) await impatient.scroll('failing');
  }, QdrantClientTimeoutError);
});

test('the typed endpoints behind the client', async () => {
  const answer = await client.api().getCollections({});
  assert.equal(answer.data.status, 'ok');
  assert.equal((await client.versionInfo()).version.split('.').length, 3);
});

test('everything is still there after the power failed', async () => {
  await createCities('durable');
  const records = async (): Promise<unknown> =>
    (await client.scroll('durable', { with_vector: true })).points;
  const before_ = await records();
  await octant.kill();
  await octant.start();
  assert.deepEqual(await records(), before_);
});
