// Bodies that no sane client sends, against a real process: each is refused in the API's words or
// does what it says, none is answered with 500, none stores half, and others are answered
// meanwhile.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as zlib from 'node:zlib';
import { type Case, HostileNode, points, upsertPath, vector } from './hostile-node.ts';

const mebibyte = 1024 * 1024;

let node: HostileNode;

before(async () => {
  node = await HostileNode.start();
});

after(() => node.dispose());

function upsert(point: string, status: number, says: string | RegExp = ''): Case {
  return { method: 'PUT', path: upsertPath, body: `{"points":[${point}]}`, status, says };
}

/** A good point in front: it must not be stored either. */
function upsertPair(point: string, status: number, says: string | RegExp = ''): Case {
  return upsert(`{"id":900001,"vector":${vector}},${point}`, status, says);
}

function post(path: string, body: string, status: number, says: string | RegExp = ''): Case {
  return { method: 'POST', path: `${points}/${path}`, body, status, says };
}

test('vectors of the wrong shape', () =>
  node.expectAll([
    upsertPair('{"id":1,"vector":[1,2,3]}', 400, 'Vector dimension error: expected dim: 4, got 3'),
    upsertPair('{"id":1,"vector":[]}', 422, 'dense vector must not be empty'),
    upsertPair('{"id":1,"vector":{"nope":[1,2,3,4]}}', 400, 'Not existing vector name error: nope'),
    upsertPair('{"id":1,"vector":[[1,2,3,4],[1,2]]}', 422),
    upsertPair('{"id":1,"vector":"1,2,3,4"}', 400, 'Format error in JSON body: '),
    upsertPair('{"id":1,"vector":null}', 400, 'Format error in JSON body: '),
    upsertPair('{"id":1}', 400, 'missing field `vector`'),
    upsertPair('{"id":1,"vector":[1,2,3,"4"]}', 400, 'Format error in JSON body: '),
    upsertPair('{"id":1,"vector":[1,2,3,null]}', 400, 'Format error in JSON body: '),
    upsertPair('{"id":1,"vector":[1,2,3,true]}', 400, 'Format error in JSON body: '),
    post('search', '{"vector":[1,2,3],"limit":1}', 400, 'expected dim: 4, got 3'),
    post('search', '{"vector":[],"limit":1}', 400, 'expected dim: 4, got 0'),
    post(
      'search',
      '{"vector":{"name":"nope","vector":[1,2,3,4]},"limit":1}',
      400,
      'Not existing vector name',
    ),
    post('query', '{"query":[1,2,3]}', 400, 'expected dim: 4, got 3'),
    post('query', '{"query":[1,2,3,4],"using":"nope"}', 400, 'Not existing vector name'),
    post('query', '{"query":77777}', 404, 'No point with id 77777 found'),
  ]));

test('tokens that are no JSON', () =>
  node.expectAll(
    [
      'NaN',
      'Infinity',
      '-Infinity',
      '+1',
      '.5',
      '1.',
      '01',
      '0x1',
      '1e',
      '1_000',
      "'1'",
      '-',
      '--1',
    ].flatMap((token) => [
      upsertPair(`{"id":1,"vector":[1,2,3,${token}]}`, 400, 'Format error in JSON body: '),
      upsertPair(`{"id":1,"vector":${vector},"payload":{"a":${token}}}`, 400, 'Format error'),
      upsertPair(`{"id":${token},"vector":${vector}}`, 400, 'Format error in JSON body: '),
    ]),
  ));

test('numbers beyond what a float holds', () =>
  node.expectAll(
    ['1e39', '-3.4028236e38', '1e400', '-1e999999'].flatMap((number) => [
      upsertPair(`{"id":1,"vector":[1,2,3,${number}]}`, 400, 'number out of range'),
      post('search', `{"vector":[1,2,3,${number}],"limit":1}`, 400, 'number out of range'),
      post('query', `{"query":[${number},1,1,1]}`, 400, 'number out of range'),
    ]),
  ));

test('ids that are none', () =>
  node.expectAll([
    ...[
      '-1',
      '51.0',
      '1e3',
      '"12"',
      '18446744073709551616',
      '1e30',
      'null',
      'true',
      '[1]',
      '{}',
      '"not-a-uuid"',
      '""',
      '"550e8400-e29b-41d4-a716-44665544000"',
      '"550e8400-e29b-41d4-a716-44665544000g"',
      '99999999999999999999999999999999999999999999999999',
    ].flatMap((id) => [
      upsertPair(`{"id":${id},"vector":${vector}}`, 400, 'Format error in JSON body: '),
      post('delete?wait=true', `{"points":[${id}]}`, 400, 'Format error in JSON body: '),
      post('query', `{"filter":{"must":[{"has_id":[${id}]}]}}`, 400, 'Format error in JSON body: '),
    ]),
    ...[
      '-1',
      '1.5',
      'x',
      '18446744073709551616',
      '%00',
      '..',
      '%2F',
      '%F0%9F',
      'a'.repeat(10_000),
    ].map((id): Case => {
      const badEscape = id === '%F0%9F';
      return { method: 'GET', path: `${points}/${id}`, status: badEscape ? 404 : 400 };
    }),
  ]));

test('limits from 0 to beyond 64 bits', () =>
  node.expectAll([
    ...['search', 'query', 'scroll'].flatMap((path) => {
      const from = path === 'search' ? '"vector":[1,1,1,1],' : '';
      return [
        post(path, `{${from}"limit":0}`, 422, 'value 0 invalid, must be 1 or larger'),
        post(path, `{${from}"limit":1000000000}`, 200),
        post(path, `{${from}"limit":18446744073709551615}`, 200),
        post(path, `{${from}"limit":18446744073709551616}`, 400, 'Format error in JSON body: '),
        post(path, `{${from}"limit":-1}`, 400, 'Format error in JSON body: '),
        post(path, `{${from}"limit":1.0}`, 400, 'Format error in JSON body: '),
        post(path, `{${from}"limit":"10"}`, 400, 'Format error in JSON body: '),
      ];
    }),
    post(
      'query',
      '{"query":[1,1,1,1],"limit":18446744073709551615,"offset":18446744073709551615}',
      200,
    ),
    post('query', '{"query":[1,1,1,1],"offset":1000000000000}', 200),
    post('query', '{"query":[1,1,1,1],"offset":18446744073709551616}', 400),
    post('query', '{"query":[1,1,1,1],"params":{"hnsw_ef":18446744073709551615},"limit":10}', 200),
    post('query', '{"query":[1,1,1,1],"params":{"hnsw_ef":0},"limit":10}', 200),
    post('query', '{"query":[1,1,1,1],"score_threshold":1e400}', 400),
  ]));

test('JSON that nests a million deep', () => {
  const depth = 1_000_000;
  const lists = '['.repeat(depth) + ']'.repeat(depth);
  const objects = '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
  const filter = '{"must":['.repeat(100_000) + ']}'.repeat(100_000);
  return node.expectAll([
    upsertPair(`{"id":1,"vector":${lists}}`, 400, 'Format error in JSON body: '),
    upsertPair(
      `{"id":1,"vector":${vector},"payload":{"x":${lists}}}`,
      400,
      'recursion limit exceeded',
    ),
    upsertPair(`{"id":1,"vector":${vector},"payload":${objects}}`, 400, 'recursion limit exceeded'),
    upsertPair(`{"id":1,"vector":${vector},"unknown":${lists}}`, 400, 'recursion limit exceeded'),
    upsertPair(`{"id":${lists},"vector":${vector}}`, 400, 'Format error in JSON body: '),
    post('scroll', `{"filter":${filter}}`, 400, 'recursion limit exceeded'),
    post('scroll', lists, 400, 'Format error in JSON body: '),
    post('scroll', '['.repeat(depth), 400, 'Format error in JSON body: '),
    post('batch', `{"operations":${lists}}`, 400, 'Format error in JSON body: '),
    { method: 'PUT', path: '/collections/deep', body: `{"vectors":${objects}}`, status: 400 },
    { method: 'PUT', path: '/collections/deep', body: `{"metadata":${objects}}`, status: 400 },
    { method: 'PATCH', path: '/collections/known', body: `{"metadata":${objects}}`, status: 400 },
    { method: 'GET', path: '/collections/deep', status: 404 },
  ]);
});

test('bodies cut off, empty, or not in UTF-8', () => {
  const whole = `{"points":[{"id":900002,"vector":${vector},"payload":{"a":"é\\u00e9"}}]}`;
  const bytes = Buffer.from(whole);
  const cuts = Array.from({ length: bytes.length - 1 }, (_, length): Case => {
    return { method: 'PUT', path: upsertPath, body: bytes.subarray(0, length), status: 400 };
  });
  const invalid = [
    [0xff],
    [0xc3],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf8, 0x88, 0x80, 0x80],
    [0x80],
  ];
  const texts = invalid.flatMap((sequence) => {
    const text = (head: string, rest: string): Case => ({
      method: 'PUT',
      path: upsertPath,
      body: Buffer.concat([Buffer.from(head), Buffer.from(sequence), Buffer.from(rest)]),
      status: 400,
      says: 'Format error in JSON body: ',
    });
    return [
      text(`{"points":[{"id":900003,"vector":${vector},"payload":{"a":"`, '"}}]}'),
      text(`{"points":[{"id":900003,"vector":${vector},"payload":{"`, '":1}}]}'),
      text(`{"points":[{"id":900003,"vector":{"`, '":[1]}}]}'),
      text('', whole),
      text(whole, ''),
    ];
  });
  return node.expectAll([
    ...cuts,
    ...texts,
    { method: 'PUT', path: upsertPath, status: 400, says: 'Format error in JSON body: ' },
    {
      method: 'PUT',
      path: upsertPath,
      body: `${whole}x`,
      status: 400,
      says: 'trailing characters',
    },
    { method: 'PUT', path: upsertPath, body: `\ufeff${whole}`, status: 400 },
    { method: 'PUT', path: upsertPath, body: Buffer.from(whole, 'utf16le'), status: 400 },
    upsertPair(`{"id":1,"vector":${vector},"payload":{"a":"\u0001"}}`, 400, 'Format error'),
    upsertPair(`{"id":1,"vector":${vector},"payload":{"a":"\\ud800"}}`, 400, 'Format error'),
    upsertPair(`{"id":1,"vector":${vector},"payload":{"a":"\\x"}}`, 400, 'Format error'),
  ]);
});

test('unknown fields where they change the meaning, duplicate keys where they would hide one', () =>
  node.expectAll([
    post('scroll', '{"filter":{"musst":[]}}', 400, 'Format error in JSON body: '),
    post('delete?wait=true', '{"filter":{"musst":[]}}', 400, 'Format error in JSON body: '),
    post('scroll', '{"with_payload":{"include":["a"],"x":1}}', 400, 'Format error in JSON body: '),
    post(
      'scroll',
      '{"filter":{"min_should":{"conditions":[],"min_count":1,"x":1}}}',
      400,
      'Format error',
    ),
    post('scroll', '{"limit":1,"limit":2}', 400, 'duplicate field'),
    upsertPair(`{"id":1,"id":2,"vector":${vector}}`, 400, 'duplicate field'),
    {
      method: 'PUT',
      path: upsertPath,
      body: '{"points":[],"points":[]}',
      status: 400,
      says: 'duplicate field',
    },
    post('scroll', '{"limit":1,"whatever":{"deep":[1,2,{}]}}', 200),
  ]));

test('bodies beyond the limit', async () => {
  const space = Buffer.alloc(33 * mebibyte, 0x20);
  await node.expectAll([
    {
      method: 'PUT',
      path: upsertPath,
      body: space,
      status: 400,
      says: `JSON payload (${space.length} bytes) is larger than allowed (limit: ${32 * mebibyte} bytes).`,
    },
  ]);
  const chunked = await node.client.send({
    method: 'PUT',
    path: upsertPath,
    body: space,
    headers: { 'transfer-encoding': 'chunked' },
  });
  assert.equal(chunked.status, 400);
  assert.ok(chunked.text.includes(`JSON payload has exceeded limit (${32 * mebibyte} bytes).`));
});

test('packed bodies that grow beyond the limit', async () => {
  const bomb = Buffer.alloc(256 * mebibyte);
  const packers = [
    ['gzip', zlib.gzipSync(bomb, { level: 1 })],
    ['deflate', zlib.deflateSync(bomb, { level: 1 })],
    ['br', zlib.brotliCompressSync(bomb, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })],
    ['zstd', zlib.zstdCompressSync(bomb)],
  ] as const;
  const cases = packers.flatMap(([encoding, body]) =>
    Array.from({ length: 5 }, (): Case => {
      const headers = { 'content-encoding': encoding };
      return {
        method: 'PUT',
        path: upsertPath,
        body,
        headers,
        status: 400,
        says: 'has exceeded limit',
      };
    }),
  );
  await node.expectAll(cases);
  const half = zlib.gzipSync(Buffer.from('{"limit":1}')).subarray(0, 15);
  await node.expectAll([
    {
      ...post('scroll', '', 400, 'corrupt gzip stream'),
      body: half,
      headers: { 'content-encoding': 'gzip' },
    },
    { ...post('scroll', '{"limit":1}', 400, 'corrupt br'), headers: { 'content-encoding': 'br' } },
    { ...post('scroll', '{"limit":1}', 200), headers: { 'content-encoding': 'nonsense' } },
  ]);
});

test('conditions without sense', () =>
  node.expectAll([
    post(
      'scroll',
      '{"filter":{"must":[{"key":"tag"}]}}',
      422,
      'At least one field condition must be specified',
    ),
    post('scroll', '{"filter":{"must":[{"key":"a..b","match":{"value":1}}]}}', 400, 'Format error'),
    post('scroll', '{"filter":{"must":[{"key":"a[","match":{"value":1}}]}}', 400, 'Format error'),
    post('scroll', '{"filter":{"must":[{"key":"n","match":{"value":1.5}}]}}', 400, 'Format error'),
    post(
      'scroll',
      '{"filter":{"must":[{"key":"n","range":{"gt":"yesterday"}}]}}',
      400,
      'Format error',
    ),
    post('scroll', '{"filter":[]}', 400),
    post('scroll', '{"filter":1}', 400),
    post('count', '{"exact":null}', 400),
    post(
      'payload?wait=true',
      '{"payload":{"a":1}}',
      400,
      'Either list of point ids or filter must be provided',
    ),
    post('payload?wait=true', '{"payload":[1],"points":[1]}', 400, 'Format error'),
    post(
      'payload?wait=true',
      '{"payload":{"a":1},"points":[987654]}',
      404,
      'No point with id 987654 found',
    ),
    post('vectors/delete?wait=true', '{"vector":[],"points":[1]}', 422),
    post('vectors/delete?wait=true', '{"vector":["nope"],"points":[1]}', 400),
    post('batch?wait=true', '{"operations":[{"nope":{}}]}', 400, 'Format error'),
    post('batch?wait=true', '{"operations":[{}]}', 400, 'Format error'),
    post('delete?wait=true', '{}', 400),
    post('delete?wait=true', '{"points":[]}', 400, 'Empty update request'),
  ]));

test('the node lives, others were answered, and everything is as it was after a kill', async (t) => {
  t.diagnostic(await node.end());
});
