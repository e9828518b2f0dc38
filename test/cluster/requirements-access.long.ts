// Requirements on who may ask a peer of a cluster for what, and on what needs no key at all.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RestClient } from '../process/rest.ts';
import { OctantCluster } from './octant-cluster.ts';

const keys = {
  QDRANT__SERVICE__API_KEY: 'secret',
  QDRANT__SERVICE__READ_ONLY_API_KEY: 'reader',
};
let cluster: OctantCluster;
let client: RestClient;

before(async () => {
  cluster = new OctantCluster({ environment: keys });
  await (await cluster.addPeer()).process.start();
  await (await cluster.addPeer()).process.start();
  client = new RestClient(cluster.peer(0).process.port);
});

after(async () => {
  client.close();
  await cluster.dispose();
});

async function statusOf(key: string | null, method: string, path: string): Promise<number> {
  const headers = {
    'content-type': 'application/json',
    ...(key === null ? {} : { 'api-key': key }),
  };
  const body = method === 'PUT' ? '1' : undefined;
  const request = { method, path, headers, ...(body === undefined ? {} : { body }) };
  return (await client.send(request)).status;
}

test('R51 what manages needs the key that may, what reads one that may read', async () => {
  const managing = [
    ['POST', '/cluster/recover'],
    ['DELETE', '/cluster/peer/5'],
    ['PUT', '/cluster/metadata/keys/a?wait=true'],
    ['DELETE', '/cluster/metadata/keys/a?wait=true'],
  ] as const;
  for (const [method, path] of managing) {
    assert.equal(await statusOf(null, method, path), 401, path);
    assert.equal(await statusOf('wrong', method, path), 401, path);
    assert.equal(await statusOf('reader', method, path), 403, path);
    assert.equal(await statusOf('secret', method, path), 200, path);
  }
  const reading = [
    '/cluster',
    '/cluster/metadata/keys',
    '/cluster/metadata/keys/a',
    '/cluster/telemetry',
    '/telemetry',
    '/metrics',
  ];
  for (const path of reading) {
    assert.equal(await statusOf(null, 'GET', path), 401, path);
    assert.equal(await statusOf('reader', 'GET', path), 200, path);
  }
});

test('R52 health needs no key, by route and not by how its path begins', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/healthz?x=1']) {
    assert.equal(await statusOf(null, 'GET', path), 200, path);
  }
  const disguised = [
    '/healthz/../cluster',
    '/readyz/%2e%2e/collections',
    '/livezcluster',
    '/healthz/cluster',
    '/healthz%2f..%2fcluster',
    '//healthz/../cluster',
  ];
  for (const path of disguised) {
    const status = await statusOf(null, 'GET', path);
    assert.ok(status === 401 || status === 404, `${path}: ${status}`);
  }
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const status = await statusOf(null, method, '/healthz');
    assert.notEqual(status, 200, method);
  }
});

test('the peers speak with each other whatever the keys are', async () => {
  const answer = await client.send({
    method: 'PUT',
    path: '/collections/c',
    body: JSON.stringify({ vectors: { size: 2, distance: 'Dot' }, shard_number: 2 }),
    headers: { 'content-type': 'application/json', 'api-key': 'secret' },
  });
  assert.equal(answer.status, 200, answer.text);
  const other = new RestClient(cluster.peer(1).process.port);
  const headers = { 'api-key': 'reader' };
  const listed = await other.send({ method: 'GET', path: '/collections', headers });
  assert.match(listed.text, /"name":"c"/);
  other.close();
});
