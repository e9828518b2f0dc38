// Collections over REST: what is echoed, what defaults apply, aliases, payload indexes, and what a
// node that runs alone says about clusters.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Rig, startRig } from './harness.ts';

let rig: Rig;

before(async () => {
  rig = await startRig();
});

after(() => rig.close());

interface Info {
  readonly status: string;
  readonly warnings?: readonly unknown[];
  readonly config: Readonly<Record<string, unknown>> & {
    readonly params: Readonly<Record<string, unknown>>;
    readonly hnsw_config: object;
  };
  readonly payload_schema: unknown;
  readonly update_queue: unknown;
}

async function info(name: string): Promise<Info> {
  return (await rig.ok('GET', `/collections/${name}`)) as Info;
}

test('an empty body creates a collection with all defaults', async () => {
  assert.equal(await rig.ok('PUT', '/collections/plain', {}), true);
  const { config, ...rest } = await info('plain');
  assert.deepEqual(config, {
    params: {
      vectors: {},
      shard_number: 1,
      replication_factor: 1,
      write_consistency_factor: 1,
      on_disk_payload: true,
    },
    hnsw_config: {
      m: 16,
      ef_construct: 100,
      full_scan_threshold: 10000,
      max_indexing_threads: 0,
      on_disk: false,
    },
    optimizer_config: {
      deleted_threshold: 0.2,
      vacuum_min_vector_number: 1000,
      default_segment_number: 0,
      max_segment_size: null,
      memmap_threshold: null,
      indexing_threshold: 10000,
      flush_interval_sec: 5,
      max_optimization_threads: null,
      prevent_unoptimized: null,
    },
    wal_config: { wal_capacity_mb: 32, wal_segments_ahead: 0, wal_retain_closed: 1 },
    quantization_config: null,
  });
  assert.deepEqual(rest, {
    status: 'green',
    optimizer_status: 'ok',
    indexed_vectors_count: 0,
    points_count: 0,
    segments_count: 1,
    payload_schema: {},
    update_queue: { length: 0 },
  });
});

test('only what was given is echoed for a vector', async () => {
  const body = {
    vectors: {
      ten: { size: 1, distance: 'Dot' },
      text: {
        distance: 'Cosine',
        size: 65536,
        hnsw_config: { m: 32, ef_construct: null },
        quantization_config: { scalar: { type: 'int8', always_ram: null, quantile: 0.99 } },
        on_disk: true,
        datatype: 'float16',
        multivector_config: null,
      },
      two: { size: 3, distance: 'Manhattan', datatype: 'uint8', on_disk: null },
    },
    quantization: { product: { compression: 'x16' } },
    optimizer_config: { max_optimization_threads: 'auto', indexing_threshold: 0 },
    shard_number: 1,
    sharding_method: 'auto',
    metadata: { a: 1, n: null },
    strict_mode_config: { enabled: false, max_query_limit: 5 },
    init_from: { collection: 'x' },
  };
  const text10 = JSON.stringify(body).replace('"ten"', '"10"').replace('"two"', '"2"');
  await rig.ok('PUT', '/collections/echo', text10);
  const { text } = await rig.call('GET', '/collections/echo');
  // Names are shown in the order of their text; digits are no exception.
  assert.match(text, /"vectors":\{"10":\{[^}]*\},"2":\{[^}]*\},"text":/);
  const { config } = await info('echo');
  assert.deepEqual(config.params['vectors'], {
    '10': { size: 1, distance: 'Dot' },
    text: {
      size: 65536,
      distance: 'Cosine',
      hnsw_config: { m: 32 },
      quantization_config: { scalar: { type: 'int8', quantile: 0.99 } },
      on_disk: true,
      datatype: 'float16',
    },
    '2': { size: 3, distance: 'Manhattan', datatype: 'uint8' },
  });
  assert.deepEqual(config['quantization_config'], { product: { compression: 'x16' } });
  assert.deepEqual(config['metadata'], { a: 1, n: null });
  assert.deepEqual(config['strict_mode_config'], { enabled: false, max_query_limit: 5 });
  assert.equal(config.params['sharding_method'], 'auto');
});

test('every kind of quantization is accepted and echoed', async () => {
  const kinds = [
    { scalar: { type: 'int8', always_ram: true } },
    { product: { compression: 'x4' } },
    { binary: {} },
    { binary: { encoding: 'two_bits', query_encoding: 'scalar8bits', always_ram: false } },
    { turbo: {} },
    { turbo: { bits: 'bits1_5', always_ram: true } },
  ];
  for (const [index, kind] of kinds.entries()) {
    const vectors = { size: 4, distance: 'Dot', quantization_config: kind };
    await rig.ok('PUT', `/collections/q${index}`, { vectors, quantization_config: kind });
    const { config } = await info(`q${index}`);
    assert.deepEqual(config['quantization_config'], kind);
    assert.deepEqual(config.params['vectors'], vectors);
  }
  await rig.ok('PATCH', '/collections/q0', { quantization_config: { turbo: { bits: 'bits4' } } });
  assert.deepEqual((await info('q0')).config['quantization_config'], { turbo: { bits: 'bits4' } });
  await rig.ok('PATCH', '/collections/q0', { quantization_config: 'Disabled' });
  assert.equal((await info('q0')).config['quantization_config'], null);
});

test('a change at one level leaves the other alone', async () => {
  await rig.ok('PUT', '/collections/patch', { vectors: { size: 4, distance: 'Dot' } });
  await rig.ok('PATCH', '/collections/patch', {
    vectors: { '': { hnsw_config: { m: 40 }, on_disk: true } },
    params: { replication_factor: 2, read_fan_out_factor: 1, on_disk_payload: false },
    optimizers_config: { indexing_threshold: 123, deleted_threshold: null },
    hnsw_config: { ef_construct: 50 },
  });
  const { config } = await info('patch');
  assert.deepEqual(config.params, {
    vectors: { size: 4, distance: 'Dot', hnsw_config: { m: 40 }, on_disk: true },
    shard_number: 1,
    replication_factor: 2,
    write_consistency_factor: 1,
    read_fan_out_factor: 1,
    on_disk_payload: false,
  });
  assert.deepEqual(config.hnsw_config, {
    m: 16,
    ef_construct: 50,
    full_scan_threshold: 10000,
    max_indexing_threads: 0,
    on_disk: false,
  });
  assert.equal(await rig.ok('PATCH', '/collections/patch', {}), true);
});

test('metadata merges by key, null removes, numbers stay exact', async () => {
  const body = '{"metadata":{"a":9007199254740993,"b":1.0,"c":{"d":null}}}';
  await rig.ok('PUT', '/collections/meta', body);
  await rig.ok('PATCH', '/collections/meta', { metadata: { b: null, e: [1] } });
  const { text } = await rig.call('GET', '/collections/meta');
  assert.match(text, /"metadata":\{"a":9007199254740993,"c":\{"d":null\},"e":\[1\]\}/);
});

test('inline storage without quantization is warned about, once', async () => {
  const inline = { hnsw_config: { inline_storage: true } };
  await rig.ok('PUT', '/collections/inline', { vectors: { size: 4, distance: 'Dot' }, ...inline });
  assert.equal((await info('inline')).warnings?.length, 1);
  const quantization_config = { scalar: { type: 'int8' } };
  await rig.ok('PATCH', '/collections/inline', { quantization_config });
  assert.equal((await info('inline')).warnings, undefined);
});

test('a collection exists until it is deleted, and deleting twice is no error', async () => {
  await rig.ok('PUT', '/collections/short', {});
  assert.deepEqual(await rig.ok('GET', '/collections/short/exists'), { exists: true });
  assert.equal(await rig.ok('DELETE', '/collections/short'), true);
  assert.equal(await rig.ok('DELETE', '/collections/short'), false);
  assert.deepEqual(await rig.ok('GET', '/collections/short/exists'), { exists: false });
});

test('aliases work wherever a name is read, and follow their collection', async () => {
  await rig.ok('PUT', '/collections/real', { vectors: { size: 2, distance: 'Dot' } });
  const change = (actions: readonly object[]) => ({ actions });
  const create = (alias_name: string, collection_name = 'real') => ({
    create_alias: { alias_name, collection_name },
  });
  const aliases = '/collections/aliases';
  assert.equal(await rig.ok('POST', aliases, change([create('one'), create('two')])), true);
  assert.deepEqual(await rig.ok('GET', '/collections/real/aliases'), {
    aliases: [
      { alias_name: 'one', collection_name: 'real' },
      { alias_name: 'two', collection_name: 'real' },
    ],
  });
  assert.deepEqual(await rig.ok('GET', '/collections/one/aliases'), { aliases: [] });
  assert.deepEqual(await rig.ok('GET', '/collections/one/exists'), { exists: true });
  await rig.ok('PUT', '/collections/one/points?wait=true', {
    points: [{ id: 1, vector: [1, 1] }],
  });
  assert.deepEqual(await rig.ok('POST', '/collections/two/points/count', {}), { count: 1 });

  assert.match(await rig.fails('POST', aliases, change([create('real')])), /^409 Wrong input: /);
  assert.match(await rig.fails('POST', aliases, change([create('x', 'none')])), /^404 Not found: /);
  assert.match(await rig.fails('PUT', '/collections/one', {}), /^400 Wrong input: /);
  assert.equal(
    await rig.fails(
      'POST',
      aliases,
      change([{ rename_alias: { old_alias_name: 'zz', new_alias_name: 'y' } }]),
    ),
    '404 Not found: Alias zz does not exists!',
  );
  const rename = { rename_alias: { old_alias_name: 'two', new_alias_name: 'three' } };
  await rig.ok('POST', aliases, change([rename, { delete_alias: { alias_name: 'unknown' } }]));
  await rig.ok('DELETE', '/collections/real');
  assert.deepEqual(await rig.ok('GET', '/aliases'), { aliases: [] });
  assert.match(await rig.fails('GET', '/collections/three'), /^404 /);
});

test('payload indexes are echoed as they were asked for', async () => {
  await rig.ok('PUT', '/collections/idx', { vectors: { size: 1, distance: 'Dot' } });
  const index = (field_name: string, field_schema: unknown) =>
    rig.ok('PUT', '/collections/idx/index?wait=true', { field_name, field_schema });
  const simple = ['keyword', 'integer', 'float', 'bool', 'datetime', 'uuid'];
  for (const type of simple) await index(type, type);
  await index('"10"', { type: 'integer', lookup: true, is_principal: false });
  await index('a.b[].c', { type: 'keyword', is_tenant: true, on_disk: true });
  await index('f', { type: 'float', enable_hnsw: false });
  await rig.ok('PUT', '/collections/idx/index', { field_name: 'old', field_type: 'keyword' });
  const { payload_schema } = await info('idx');
  assert.deepEqual(payload_schema, {
    ...Object.fromEntries(simple.map((type) => [type, { data_type: type, points: 0 }])),
    '"10"': {
      data_type: 'integer',
      params: { type: 'integer', lookup: true, range: null, is_principal: false },
      points: 0,
    },
    'a.b[].c': {
      data_type: 'keyword',
      params: { type: 'keyword', is_tenant: true, on_disk: true },
      points: 0,
    },
    f: {
      data_type: 'float',
      params: { type: 'float', is_principal: null, enable_hnsw: false },
      points: 0,
    },
    old: { data_type: 'keyword', points: 0 },
  });
  const names = Object.keys(payload_schema as object);
  for (const name of [...names, 'unknown']) {
    const path = `/collections/idx/index/${encodeURIComponent(name)}?wait=true`;
    const result = (await rig.ok('DELETE', path)) as { readonly status: string };
    assert.equal(result.status, 'completed');
  }
  assert.deepEqual((await info('idx')).payload_schema, {});
});

test('a node alone describes its shards and refuses what needs others', async () => {
  await rig.ok('PUT', '/collections/two', { shard_number: 2 });
  assert.deepEqual(await rig.ok('GET', '/collections/two/cluster'), {
    peer_id: 1,
    shard_count: 2,
    local_shards: [
      { shard_id: 0, points_count: 0, state: 'Active' },
      { shard_id: 1, points_count: 0, state: 'Active' },
    ],
    remote_shards: [],
    shard_transfers: [],
  });
  assert.deepEqual(await rig.ok('GET', '/cluster'), { status: 'disabled' });
  assert.deepEqual(await rig.ok('GET', '/collections/two/shards'), {});
});

test('optimizations are listed in the parts asked for', async () => {
  const path = '/collections/plain/optimizations';
  const summary = {
    queued_optimizations: 0,
    queued_segments: 0,
    queued_points: 0,
    idle_segments: 1,
  };
  assert.deepEqual(await rig.ok('GET', path), { summary, running: [] });
  const all = await rig.ok('GET', `${path}?with=queued,%20completed%20,idle_segments`);
  assert.deepEqual(Object.keys(all as object), [
    'summary',
    'running',
    'queued',
    'completed',
    'idle_segments',
  ]);
});
