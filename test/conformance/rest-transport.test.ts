// The transport below the API: paths, bodies that are large, slow, packed or cut off, many idle
// connections, other origins, a clean end.

import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import * as zlib from 'node:zlib';
import { BodyBudget } from '../../src/api/rest/request-body.ts';
import { type Rig, startRig } from './harness.ts';

let rig: Rig;
const mebibyte = 1024 * 1024;
const upsert = '/collections/t/points?wait=true';

before(async () => {
  rig = await startRig({ max_request_size_mb: 2, http_client_request_timeout_sec: 1 });
  await rig.ok('PUT', '/collections/t', { vectors: { size: 2, distance: 'Dot' } });
});

after(() => rig.close());

test('the shape of a path does not matter, its meaning does', async () => {
  for (const path of [
    '/collections/t',
    '/collections/t/',
    '//collections///t//',
    '/collections/%74',
  ]) {
    assert.equal((await rig.call('GET', path)).status, 200, path);
  }
  for (const [method, path] of [
    ['GET', '/nothing'],
    ['POST', '/collections/t'],
    ['HEAD', '/collections/t'],
    ['GET', '/collections/t/points/1/2'],
    ['OPTIONS', '/collections/t'],
    ['GET', '/collections%2Ft'],
    ['GET', '/collections/%zz'],
  ] as const) {
    const { status, text, headers } = await rig.call(method, path);
    assert.equal(status, 404, path);
    assert.equal(text, '');
    assert.equal(headers['content-type'], undefined);
  }
});

test('health endpoints answer in plain text', async () => {
  for (const [path, text] of [
    ['/healthz', 'healthz check passed'],
    ['/livez', 'healthz check passed'],
    ['/readyz', 'all shards are ready'],
  ] as const) {
    const answer = await rig.call('GET', path);
    assert.equal(answer.text, text);
    assert.match(answer.headers['content-type'] ?? '', /^text\/plain/);
  }
});

test('the content type of a body does not matter', async () => {
  const body = { points: [{ id: 1, vector: [1, 2] }] };
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
    const { status } = await rig.call('PUT', upsert, body, { 'content-type': type });
    assert.equal(status, 200);
  }
});

test('a body that says it is too large is refused before it is sent', async () => {
  const size = 33 * mebibyte;
  const { status, text } = await rig.call('PUT', upsert, Buffer.alloc(size, 0x20));
  assert.equal(status, 400);
  const limit = 2 * mebibyte;
  assert.ok(
    text.includes(`"JSON payload (${size} bytes) is larger than allowed (limit: ${limit} bytes)."`),
    text,
  );
});

test('a body that turns out too large is refused as it comes', async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    const request = httpRequest(
      { port: rig.port, method: 'PUT', path: upsert, agent: false },
      (response) => {
        let text = `${response.statusCode} `;
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(text));
      },
    );
    request.on('error', reject);
    for (let sent = 0; sent < 3 * mebibyte; sent += 65_536)
      request.write(Buffer.alloc(65_536, 0x20));
    request.end();
  });
  assert.ok(answer.startsWith('400 '), answer);
  assert.ok(answer.includes(`JSON payload has exceeded limit (${2 * mebibyte} bytes).`), answer);
});

test('packed bodies are unpacked, within the same bound', async () => {
  const body = Buffer.from(JSON.stringify({ points: [{ id: 5, vector: [1, 2] }] }));
  const packers = {
    gzip: zlib.gzipSync,
    deflate: zlib.deflateSync,
    br: zlib.brotliCompressSync,
    zstd: zlib.zstdCompressSync,
  };
  for (const [encoding, pack] of Object.entries(packers)) {
    const headers = { 'content-encoding': encoding };
    assert.equal((await rig.call('PUT', upsert, pack(body), headers)).status, 200, encoding);
    const bomb = await rig.call('PUT', upsert, pack(Buffer.alloc(4 * mebibyte)), headers);
    assert.equal(bomb.status, 400);
    assert.match(bomb.text, /JSON payload has exceeded limit \(2097152 bytes\)\./, encoding);
    const corrupt = await rig.call('PUT', upsert, Buffer.from('nonsense'), headers);
    assert.match(corrupt.text, /Format error in JSON body: corrupt /, encoding);
  }
});

test('large answers are packed for who asks for it, small ones never', async () => {
  const points = Array.from({ length: 2_000 }, (_, id) => ({ id: id + 10, vector: [id, 1] }));
  await rig.ok('PUT', upsert, { points });
  const body = { limit: 2_000, with_vector: true };
  const accept = { 'accept-encoding': 'deflate, gzip;q=0.8' };
  const large = await rig.call('POST', '/collections/t/points/scroll', body, accept);
  assert.equal(large.headers['content-encoding'], 'gzip');
  const plain = await rig.call('POST', '/collections/t/points/scroll', body);
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.equal(Number(plain.headers['content-length']), Buffer.byteLength(plain.text));
  const refusing = { 'accept-encoding': 'gzip;q=0' };
  const refused = await rig.call('POST', '/collections/t/points/scroll', body, refusing);
  assert.equal(refused.headers['content-encoding'], undefined);
  const small = await rig.call('GET', '/collections/t', undefined, accept);
  assert.equal(small.headers['content-encoding'], undefined);
});

test('another origin is answered, and its preflight before any key is asked for', async () => {
  const origin = 'http://example.org';
  const preflight = await rig.call('OPTIONS', '/collections/t', undefined, {
    origin,
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'api-key,content-type',
  });
  assert.equal(preflight.status, 200);
  assert.equal(preflight.headers['access-control-allow-origin'], origin);
  assert.match(String(preflight.headers['access-control-allow-methods']), /PUT/);
  assert.equal(preflight.headers['access-control-allow-headers'], 'api-key,content-type');
  const answer = await rig.call('GET', '/collections/t', undefined, { origin });
  assert.equal(answer.headers['access-control-allow-origin'], origin);
  const same = await rig.call('GET', '/collections/t');
  assert.equal(same.headers['access-control-allow-origin'], undefined);
});

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(rig.port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
  });
}

function ended(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('close', () => resolve(text));
  });
}

test('a request cut off in its body changes nothing and harms nobody', async () => {
  for (let round = 0; round < 20; round += 1) {
    const socket = await open();
    socket.write(
      `PUT ${upsert} HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{"points":[{"id":77777777`,
    );
    socket.destroy();
  }
  assert.match(await rig.fails('GET', '/collections/t/points/77777777'), /^404 /);
  assert.deepEqual(rig.log, []);
});

test('a client that never finishes its request head is cut off', async () => {
  const socket = await open();
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nx: ');
  const text = await ended(socket);
  assert.match(text, /^HTTP\/1\.1 4\d\d/);
});

test('what is no HTTP is answered with 400 and closed', async () => {
  const socket = await open();
  socket.write('hello?\r\n\r\n');
  assert.match(await ended(socket), /^HTTP\/1\.1 400 /);
});

test('a thousand idle connections leave room for others', async () => {
  const idle = await Promise.all(Array.from({ length: 1_000 }, () => open()));
  assert.equal((await rig.call('GET', '/collections')).status, 200);
  for (const socket of idle) socket.destroy();
});

test('two requests on one connection, sent at once, are answered in order', async () => {
  const socket = await open();
  const get = (path: string, last: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n${last}\r\n`;
  socket.write(get('/collections/none', '') + get('/healthz', 'connection: close\r\n'));
  const text = await ended(socket);
  assert.ok(text.indexOf('HTTP/1.1 404') < text.indexOf('healthz check passed'), text);
});

test('closing answers what runs, refuses what comes, and drops what idles', async () => {
  const own = await startRig();
  await own.ok('PUT', '/collections/t', { vectors: { size: 2, distance: 'Dot' } });
  const collection = own.engine.state().collections.get('t');
  const shard = own.engine.shard(collection?.uuid ?? '', 0);
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const info = shard.info.bind(shard);
  shard.info = async () => {
    entered.resolve();
    await gate.promise;
    return info();
  };
  const running = own.call('GET', '/collections/t');
  await entered.promise;
  const closed = own.server.close(5_000);
  gate.resolve();
  const { status, headers } = await running;
  assert.equal(status, 200);
  assert.equal(headers.connection, 'close');
  await closed;
  await assert.rejects(own.call('GET', '/healthz'));
});

test('a body of very many names or faults is refused without growing', async () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `"n${index}":[1]`).join();
  const many = `{"points":[{"id":1,"vector":{${names}}}]}`;
  assert.match(
    await rig.fails('PUT', upsert, many),
    /^400 Bad request: more than 1024 vector names in one request/,
  );
  const faults = Array.from({ length: 50_000 }, (_, id) => ({ id, vector: [] }));
  const refused = await rig.fails('PUT', upsert, { points: faults });
  assert.match(refused, /^422 Validation error in JSON body: \[points\[0\]\.vector\.vector: /);
  assert.ok(refused.length < 200_000);
  const vectors = Object.fromEntries(
    Array.from({ length: 2_000 }, (_, index) => [`v${index}`, { size: 1, distance: 'Dot' }]),
  );
  assert.match(await rig.fails('PUT', '/collections/wide', { vectors }), /^400 Bad request: more/);
});

test('bodies held at once are bounded, and given back', () => {
  const budget = new BodyBudget(10);
  budget.take(6);
  assert.throws(() => budget.take(5), /too many large requests/);
  budget.give(6);
  budget.take(10);
});
