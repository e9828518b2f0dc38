// Names, paths and settings that no sane client sends, against a real process: none reaches beyond
// its place in the file system, none takes more than a machine has, and others are answered
// meanwhile.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Case, HostileNode, points } from './hostile-node.ts';

let node: HostileNode;

before(async () => {
  node = await HostileNode.start();
});

after(() => node.dispose());

test('names that reach for the file system', async () => {
  const body = '{"vectors":{"size":4,"distance":"Dot"}}';
  const bad = [
    'a%2Fb',
    '%2Fetc',
    '..%2Fescape',
    'a%00b',
    'a%5Cb',
    'a%3Ab',
    'a%7Cb',
    'a%2Ab',
    'a%1Fb',
    'x'.repeat(256),
    'x'.repeat(10_240),
    '%F0%9F%98%80'.repeat(256),
  ];
  await node.expectAll([
    ...bad.map((name): Case => {
      return {
        method: 'PUT',
        path: `/collections/${name}`,
        body,
        status: 422,
        says: 'collection_name',
      };
    }),
    ...['.', '..', '%2E', '%2e%2e'].map((name): Case => {
      return {
        method: 'PUT',
        path: `/collections/${name}`,
        body,
        status: 500,
        says: "Can't create",
      };
    }),
    // 255 characters, but more bytes than a directory name may have.
    {
      method: 'PUT',
      path: `/collections/${'%C3%A9'.repeat(200)}`,
      body,
      status: 400,
      says: 'Wrong input',
    },
    ...['..', '%2e%2e', '.', '..%2F..%2Fx', 'a%2Fb', 'a%00'].flatMap((name): Case[] => {
      const status = /%2F|%00/.test(name) ? 422 : 404;
      return [
        { method: 'GET', path: `/collections/${name}`, status },
        {
          method: 'PUT',
          path: `/collections/${name}/points?wait=true`,
          body: '{"points":[{"id":1,"vector":[1,2,3,4]}]}',
          status,
        },
      ];
    }),
    { method: 'DELETE', path: '/collections/..', status: 200, says: 'false' },
    { method: 'DELETE', path: '/collections/%2e%2e%2f%2e%2e', status: 422 },
    {
      method: 'PUT',
      path: '/collections/c1',
      body: '{"vectors":{"a/b":{"size":4,"distance":"Dot"}}}',
      status: 400,
      says: 'Invalid dense vector name',
    },
    {
      method: 'PUT',
      path: '/collections/c1',
      body: '{"vectors":{"a\\u0000":{"size":4,"distance":"Dot"}}}',
      status: 400,
      says: 'Invalid dense vector name',
    },
    {
      method: 'PUT',
      path: '/collections/c1',
      body: `{"vectors":{"${'x'.repeat(201)}":{"size":4,"distance":"Dot"}}}`,
      status: 400,
      says: 'Invalid dense vector name',
    },
    { method: 'GET', path: '/collections/c1', status: 404 },
    ...[
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      '-',
      ' ',
      '%20',
      '%F0%9F%98%80',
      'con',
      'a.b',
      '%E2%80%AE',
    ].flatMap(
      (name): Case[] =>
        [
          {
            method: 'PUT',
            path: `/collections/${encodeURI(decodeURIComponent(name))}`,
            body,
            status: 200,
          },
          {
            method: 'PUT',
            path: `/collections/${encodeURI(decodeURIComponent(name))}/points?wait=true`,
            body: '{"points":[{"id":1,"vector":[1,2,3,4],"payload":{"__proto__":1,"constructor":{"prototype":2}}}]}',
            status: 200,
          },
          {
            method: 'GET',
            path: `/collections/${encodeURI(decodeURIComponent(name))}/points/1`,
            status: 200,
            says: '"payload":{"__proto__":1,"constructor":{"prototype":2}}',
          },
        ].slice(0, name === ' ' ? 0 : 3) as Case[],
    ),
  ]);
});

test('methods and paths that do not exist', () =>
  node.expectAll([
    ...['POST', 'TRACE', 'PROPFIND', 'OPTIONS'].map((method): Case => {
      return { method, path: '/collections/known', status: 404 };
    }),
    { method: 'DELETE', path: points, status: 404 },
    { method: 'GET', path: `${points}/scroll`, status: 400, says: 'Can not recognize' },
    { method: 'GET', path: `/${'a/'.repeat(5_000)}`, status: 404 },
    { method: 'GET', path: '/collections/%', status: 404 },
    { method: 'GET', path: '/collections/%zz', status: 404 },
    { method: 'GET', path: '/?%%%&&==&a[]=%ff', status: 200 },
    { method: 'GET', path: '/collections/known?timeout=%ff%fe', status: 200 },
    ...[
      'wait=1',
      'wait=TRUE',
      'wait=',
      'ordering=x',
      'timeout=-1',
      'timeout=1.5',
      'timeout=99999999999999999999',
    ].map(
      (query): Case => ({
        method: 'PUT',
        path: `${points}?${query}`,
        body: '{"points":[]}',
        status: 400,
      }),
    ),
    { method: 'POST', path: `${points}/scroll?consistency=most`, body: '{}', status: 400 },
    { method: 'POST', path: `${points}/scroll?timeout=0`, body: '{}', status: 400 },
  ]));

test('a collection that cannot be', () => {
  const create = (body: string, status: number): Case => {
    return { method: 'PUT', path: '/collections/impossible', body, status };
  };
  return node.expectAll([
    create('{"vectors":{"size":0,"distance":"Dot"}}', 400),
    create('{"vectors":{"size":65537,"distance":"Dot"}}', 422),
    create('{"vectors":{"size":4,"distance":"dot"}}', 400),
    create('{"vectors":{"size":4}}', 400),
    create('{"vectors":{"size":4.5,"distance":"Dot"}}', 400),
    create('{"vectors":null}', 400),
    create('{"vectors":{"size":4,"distance":"Dot"},"shard_number":0}', 400),
    create('{"vectors":{"size":4,"distance":"Dot"},"wal_config":{"wal_capacity_mb":0}}', 422),
    create('{"vectors":{"size":4,"distance":"Dot"},"hnsw_config":{"ef_construct":3}}', 422),
    create('{"vectors":{"size":4,"distance":"Dot"},"hnsw_config":{"m":-1}}', 400),
    create(
      '{"vectors":{"size":4,"distance":"Dot"},"optimizers_config":{"deleted_threshold":1.5}}',
      422,
    ),
    create('[]', 400),
    create('null', 400),
    { method: 'GET', path: '/collections/impossible/exists', status: 200, says: 'false' },
  ]);
});

test('numbers of a collection that no machine has room for', async () => {
  const bodies = [
    '{"vectors":{"size":4,"distance":"Dot"},"shard_number":4294967295}',
    '{"vectors":{"size":4,"distance":"Dot"},"hnsw_config":{"m":4294967295,"ef_construct":4294967295}}',
    '{"vectors":{"size":4,"distance":"Dot"},"optimizers_config":{"default_segment_number":4294967295}}',
    '{"vectors":{"size":4,"distance":"Dot"},"optimizers_config":{"flush_interval_sec":18446744073709551615}}',
    '{"vectors":{"size":65536,"distance":"Dot"}}',
  ];
  for (const [index, body] of bodies.entries()) {
    const path = `/collections/huge${index}`;
    const created = await node.client.send({ method: 'PUT', path, body });
    assert.ok(
      created.status === 200 || created.status === 400 || created.status === 422,
      `${body}: ${created.status} ${created.text}`,
    );
    const size = body.includes('65536') ? 65_536 : 4;
    const stored = await node.client.call('PUT', `${path}/points?wait=true`, {
      points: [{ id: 1, vector: Array.from({ length: size }, () => 1) }],
    });
    if (created.status === 200) assert.equal(stored.status, 200, `${body}: ${stored.text}`);
    else assert.equal(stored.status, 404);
    await node.client.result('DELETE', path);
  }
  await node.expectUnchanged();
});

test('the node lives, others were answered, and everything is as it was after a kill', async (t) => {
  t.diagnostic(await node.end());
});
