// Keys, metrics and telemetry over REST.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createMetricsServer } from '../../src/api/rest/metrics-server.ts';
import { quietLogger, type Rig, startRig } from './harness.ts';
import { schemaIsAvailable } from './openapi-check.ts';

let rig: Rig;
const keys = { api_key: 'secret', alt_api_key: 'next', read_only_api_key: 'reader' };

before(async () => {
  rig = await startRig({ ...keys, jwt_rbac: true, hide_jwt_dashboard: true });
});

after(() => rig.close());

test('answers are checked against the published schema', (t) => {
  if (!schemaIsAvailable) t.skip('SKIPPED: no openapi.json here; set OCTANT_OPENAPI to its path');
});

test('only greeting and health answer without a key', async () => {
  for (const path of ['/', '/healthz', '/livez', '/readyz']) {
    assert.equal((await rig.call('GET', path)).status, 200, path);
  }
  for (const path of [
    '/collections',
    '/metrics',
    '/telemetry',
    '/unknown',
    '/healthz%2f..%2fmetrics',
  ]) {
    const { status, text } = await rig.call('GET', path);
    assert.equal(status, 401, path);
    assert.equal(text, 'Must provide an API key or an Authorization bearer token');
  }
});

test('a key may come in either header, and must be right', async () => {
  const status = async (headers: Record<string, string>) =>
    (await rig.call('GET', '/collections', undefined, headers)).status;
  for (const key of Object.values(keys)) {
    assert.equal(await status({ 'api-key': key }), 200);
    assert.equal(await status({ authorization: `Bearer ${key}` }), 200);
  }
  assert.equal(await status({ authorization: 'bearer secret' }), 401);
  assert.equal(await status({ 'api-key': 'wrong', authorization: 'Bearer secret' }), 401);
  const token = 'eyJhbGciOiJIUzI1NiJ9.e30.x';
  const refused = await rig.call('GET', '/collections', undefined, { 'api-key': token });
  assert.equal(refused.status, 401);
  assert.equal(refused.text, 'Invalid API key or JWT');
  assert.ok(
    rig.log.some((line) => line.startsWith('jwt_rbac is set')),
    'the log says so',
  );
});

test('the reading key may read and nothing else', async () => {
  const reader = { 'api-key': 'reader' };
  const writer = { 'api-key': 'secret' };
  const vectors = { size: 1, distance: 'Dot' };
  assert.equal((await rig.call('PUT', '/collections/k', { vectors }, writer)).status, 200);
  const writes: readonly [string, string, unknown][] = [
    ['PUT', '/collections/new', {}],
    ['DELETE', '/collections/k', undefined],
    ['PUT', '/collections/k/points', { points: [{ id: 1, vector: [1] }] }],
    ['POST', '/collections/k/points/delete', { points: [1] }],
    ['POST', '/collections/aliases', { actions: [] }],
    ['PUT', '/collections/k/index', { field_name: 'a', field_schema: 'bool' }],
    ['DELETE', '/issues', undefined],
  ];
  for (const [method, path, body] of writes) {
    const { status, text } = await rig.call(method, path, body, reader);
    assert.equal(status, 403, path);
    assert.match(text, /"Forbidden: Global manage access is required"/);
  }
  const malformed = await rig.call('PUT', '/collections/k/points', '{', reader);
  assert.equal(malformed.status, 400);
  const reads: readonly [string, string, unknown][] = [
    ['GET', '/collections/k', undefined],
    ['POST', '/collections/k/points/scroll', {}],
    ['POST', '/collections/k/points/search', { vector: [1], limit: 1 }],
    ['GET', '/metrics', undefined],
    ['GET', '/telemetry', undefined],
    ['GET', '/cluster', undefined],
  ];
  for (const [method, path, body] of reads) {
    assert.equal((await rig.call(method, path, body, reader)).status, 200, path);
  }
});

const manage = { 'api-key': 'secret' };

test('metrics name the process, the collections and the requests', async () => {
  await rig.call('PUT', '/collections/m', { vectors: { size: 1, distance: 'Dot' } }, manage);
  const points = [{ id: 1, vector: [1] }];
  await rig.call('PUT', '/collections/m/points?wait=true', { points }, manage);
  await rig.call('POST', '/collections/m/points/count', {}, manage);
  await rig.call('POST', '/collections/none/points/count', {}, manage);
  const { text, headers } = await rig.call('GET', '/metrics', undefined, manage);
  assert.match(headers['content-type'] ?? '', /^text\/plain/);
  const lines = text.split('\n');
  for (const line of [
    '# HELP app_info information about qdrant server',
    '# TYPE app_info gauge',
    'app_info{name="qdrant",version="1.19.0"} 1',
    'collection_points{id="m"} 1',
    'collection_vectors{collection="m",vector=""} 1',
    'cluster_enabled 0',
    '# TYPE rest_responses_duration_seconds histogram',
    'rest_responses_total{method="PUT",endpoint="/collections/{collection_name}/points",status="200"} 1',
    'rest_responses_total{method="POST",endpoint="/collections/{collection_name}/points/count",status="404"} 1',
    'rest_responses_duration_seconds_bucket{method="PUT",endpoint="/collections/{collection_name}/points",status="200",le="+Inf"} 1',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.ok(!text.includes('collection="none"'));
  const each = await rig.call('GET', '/metrics?per_collection=true', undefined, manage);
  assert.match(each.text, /^rest_responses_total\{.*collection="none"\} 1$/m);
  assert.ok(!/^rest_responses_avg_duration_seconds\{.*status="404"/m.test(text));
});

test('every line of the metrics has the form that Prometheus reads', async () => {
  await rig.call('PUT', `/collections/${encodeURIComponent('a b%é')}`, {}, manage);
  const { text } = await rig.call('GET', '/metrics?per_collection=true', undefined, manage);
  const sample = /^[a-z_]+(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\})? [0-9.e+-]+$/;
  const families = new Set<string>();
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('# HELP ')) {
      const name = line.split(' ')[2] ?? '';
      assert.ok(!families.has(name), `${name} comes once`);
      families.add(name);
    } else if (!line.startsWith('# TYPE ')) assert.match(line, sample);
  }
});

test('telemetry shows more with each level', async () => {
  const at = async (level: number, more = '') => {
    const path = `/telemetry?details_level=${level}${more}`;
    return (await rig.call('GET', path, undefined, manage)).json.result as Telemetry;
  };
  interface Telemetry {
    readonly app: object;
    readonly collections: { readonly collections?: readonly Collection[] };
    readonly requests: { readonly rest: { readonly responses: Responses } & object };
  }
  interface Collection {
    readonly shards?: readonly { readonly local: object }[];
  }
  type Responses = Readonly<Record<string, Readonly<Record<string, object>>>>;
  const basic = ['id', 'app', 'collections', 'cluster', 'requests'];
  const zero = await at(0);
  assert.deepEqual(Object.keys(zero), basic);
  assert.deepEqual(Object.keys(zero.app), [
    'name',
    'version',
    'jwt_rbac',
    'hide_jwt_dashboard',
    'startup',
  ]);
  assert.deepEqual(Object.keys(zero.collections), ['number_of_collections']);
  const upsert = 'PUT /collections/{collection_name}/points';
  const statistics = zero.requests.rest.responses[upsert]?.['200'] ?? {};
  assert.deepEqual(Object.keys(statistics), ['count', 'avg_duration_micros']);

  const one = await at(1);
  assert.deepEqual(Object.keys(one), [...basic, 'memory', 'hardware', 'search_pool']);
  assert.deepEqual(Object.keys(one.collections), [
    'number_of_collections',
    'collections',
    'snapshots',
  ]);
  const keysOf = (telemetry: Telemetry) =>
    Object.keys(telemetry.collections.collections?.[0] ?? {});
  assert.deepEqual(keysOf(one), ['vectors', 'optimizers_status', 'params']);
  const detailed = one.requests.rest.responses[upsert]?.['200'] as { last_responded: string };
  assert.match(detailed.last_responded, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
  assert.deepEqual(keysOf(await at(2)), ['id', 'init_time_ms', 'config']);
  const three = await at(3);
  assert.deepEqual(keysOf(three), [
    'id',
    'init_time_ms',
    'config',
    'shards',
    'transfers',
    'resharding',
  ]);
  const local = (telemetry: Telemetry) =>
    Object.keys(telemetry.collections.collections?.[0]?.shards?.[0]?.local ?? {});
  assert.ok(!local(three).includes('segments'));
  assert.ok(local(await at(4)).includes('segments'));
  const each = await at(0, '&per_collection=true');
  assert.deepEqual(Object.keys(each.requests.rest), ['responses', 'per_collection_responses']);
});

test('anonymized telemetry names nothing of the user', async () => {
  await rig.call(
    'PUT',
    '/collections/private-name',
    { vectors: { 'private-vector': { size: 3, distance: 'Dot' } }, metadata: { private: 'data' } },
    manage,
  );
  const path = '/telemetry?details_level=10&anonymize=true&per_collection=true';
  const { text } = await rig.call('GET', path, undefined, manage);
  assert.ok(!text.includes('private'), text);
});

test('the listener for monitoring tells metrics without a key, and nothing else', async () => {
  const server = createMetricsServer(rig.engine, quietLogger);
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics?per_collection=true`);
  assert.match(await metrics.text(), /^# HELP app_info /);
  assert.equal((await fetch(`http://127.0.0.1:${port}/collections`)).status, 404);
  await server.close();
});
