// Every fault of the REST API with its status and its words, as one table: what is sent, what comes
// back. `…` at the end of an expectation stands for any text.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decoding, validation } from './body-faults.ts';
import { type Rig, startRig } from './harness.ts';
import { meaning, names, parameters, unbuilt } from './request-faults.ts';

let rig: Rig;

before(async () => {
  rig = await startRig();
  await rig.ok('PUT', '/collections/dot', { vectors: { size: 4, distance: 'Dot' } });
  await rig.ok('PUT', '/collections/named', {
    vectors: { a: { size: 2, distance: 'Cosine' }, b: { size: 3, distance: 'Euclid' } },
  });
  await rig.ok('PUT', '/collections/dot/points?wait=true', {
    points: [{ id: 1, vector: [1, 2, 3, 4], payload: { n: 1 } }],
  });
  await rig.ok('PUT', '/collections/named/points?wait=true', {
    points: [{ id: 1, vector: { a: [1, 2] } }],
  });
});

after(() => rig.close());

const tables = { decoding, validation, names, parameters, meaning, unbuilt };

for (const [name, rows] of Object.entries(tables)) {
  test(`faults of ${name}`, async (t) => {
    for (const [request, body, expected] of rows) {
      const [method = '', path = ''] = request.split(' ');
      const title = `${request.slice(0, 80)} ${JSON.stringify(body)?.slice(0, 80) ?? ''}`;
      await t.test(title, async () => {
        const told = await rig.fails(method, path, body);
        if (!expected.endsWith('…')) assert.equal(told, expected);
        else assert.ok(told.startsWith(expected.slice(0, -1)), told);
      });
    }
  });
}

test('a refused request changes nothing', async () => {
  assert.deepEqual(await rig.ok('POST', '/collections/dot/points/count', {}), { count: 1 });
  assert.deepEqual(await rig.ok('POST', '/collections/named/points/count', {}), { count: 1 });
});

test('the server logs no bug for any of them', () => {
  assert.deepEqual(rig.log, []);
});

test('an error has a status and a time and no result', async () => {
  const { status, json, headers } = await rig.call('GET', '/collections/none');
  assert.equal(status, 404);
  assert.deepEqual(Object.keys(json), ['status', 'time']);
  assert.equal(typeof json.time, 'number');
  assert.equal(headers['content-type'], 'application/json');
});

test('JSON nested a million deep is refused, anywhere', async () => {
  const deep = '['.repeat(1_000_000);
  for (const body of [deep, `{"filter":${deep}`, `{"points":[{"id":1,"payload":{"a":${deep}`]) {
    const told = await rig.fails('PUT', '/collections/dot/points', body);
    assert.match(told, /^400 Format error in JSON body: /);
  }
  const filters = `{"filter":${'{"must":'.repeat(200_000)}`;
  const told = await rig.fails('POST', '/collections/dot/points/scroll', filters);
  assert.match(told, /^400 Format error in JSON body: recursion limit exceeded/);
});
