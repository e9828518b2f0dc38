// Clients that misbehave below HTTP: random bytes, half requests, slow ones, thousands that say
// nothing. The node serves others meanwhile, forgets them in time, and keeps no half of anything.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import { createKnown, expectKnown, Prober } from './known-collection.ts';
import { OctantProcess } from './octant-process.ts';
import { RestClient } from './rest.ts';

const knownCount = 200;
const seed = Number(process.env['OCTANT_SEED'] ?? 11);
const good = 'GET /collections/known HTTP/1.1\r\nhost: x\r\n\r\n';

let octant: OctantProcess;
let client: RestClient;
let prober: Prober;

before(async () => {
  octant = await OctantProcess.create({
    environment: { QDRANT__SERVICE__HTTP_CLIENT_REQUEST_TIMEOUT_SEC: '1' },
  });
  await octant.start();
  client = new RestClient(octant.port);
  await createKnown(client, 'known', knownCount);
  prober = new Prober(octant, 'known', 1000);
});

after(async () => {
  client.close();
  await octant.dispose();
});

function opened(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(octant.port, '127.0.0.1');
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** Sends pieces, then reads until the server closes or says `until`; '' is an answer too. */
async function exchange(
  pieces: readonly (string | Uint8Array)[],
  until: (text: string) => boolean,
): Promise<string> {
  const socket = await opened();
  let text = '';
  const ended = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (until(text)) resolve();
    });
    socket.once('close', () => resolve());
    socket.setTimeout(3_000, () => resolve());
  });
  for (const piece of pieces) socket.write(piece);
  await ended;
  socket.destroy();
  return text;
}

function headRead(text: string): boolean {
  return text.includes('\r\n\r\n');
}

function openSocketCount(): number {
  const lines = readFileSync(`/proc/${octant.pid}/net/tcp`, 'utf8').split('\n');
  const port = `:${octant.port.toString(16).toUpperCase().padStart(4, '0')}`;
  return lines.filter((line) => line.trim().split(/\s+/)[1]?.endsWith(port) && / 01 /.test(line))
    .length;
}

test('random bytes', async () => {
  const prng = new Prng(seed);
  const starts = [
    '',
    'GET ',
    'GET / HTTP/1.1\r\n',
    'PUT /collections/known/points HTTP/1.1\r\ncontent-length: 50\r\n\r\n',
    '\u0016\u0003\u0001',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n',
  ];
  const sends = Array.from({ length: 600 }, async () => {
    const socket = await opened();
    const bytes = Uint8Array.from({ length: prng.int(2_000) }, () => prng.int(256));
    socket.write(prng.pick(starts));
    socket.end(bytes);
    socket.resume();
    await new Promise((resolve) => {
      socket.once('close', resolve);
      socket.setTimeout(10_000, () => socket.destroy());
    });
  });
  await Promise.all(sends);
  await expectKnown(client, 'known', knownCount);
});

test('heads that are none, or too large', async () => {
  const long = 'x'.repeat(70_000);
  for (const [head, expected] of [
    ['GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400/],
    ['get / HTTP/1.1\r\nhost: x\r\n\r\n', /^HTTP\/1\.1 400/],
    ['NOPE / HTTP/1.1\r\nhost: x\r\n\r\n', /^HTTP\/1\.1 400/],
    ['GET / HTTP/9.9\r\nhost: x\r\n\r\n', /^HTTP\/1\.1 400/],
    [`GET / HTTP/1.1\r\nhost: x\r\na: ${long}\r\n\r\n`, /^HTTP\/1\.1 4(00|31)/],
    [`GET /${long} HTTP/1.1\r\nhost: x\r\n\r\n`, /^HTTP\/1\.1 4(00|04|14|31)/],
    ['GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n', /^HTTP\/1\.1 400/],
    [
      'PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
      /^HTTP\/1\.1 400/,
    ],
    [
      'PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n',
      /^HTTP\/1\.1 400/,
    ],
    ['PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n', /^HTTP\/1\.1 400/],
    [
      'PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      /^HTTP\/1\.1 (400|404)/,
    ],
    [
      'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
      /^(HTTP\/1\.1 (200|400|404))?/,
    ],
  ] as const) {
    const answer = await exchange([head], headRead);
    assert.match(answer, expected, `${head.slice(0, 60)}: ${answer.slice(0, 80)}`);
  }
  await expectKnown(client, 'known', knownCount);
});

test('pipelined requests are answered in order', async () => {
  const paths = ['/', '/collections/known', '/nothing', '/collections/known/points/7', '/healthz'];
  const text = paths.map((path) => good.replace('/collections/known', path)).join('');
  const answer = await exchange(
    [text.repeat(20)],
    (read) => read.split('check passed').length > 20,
  );
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  assert.deepEqual(
    statuses,
    Array.from({ length: 20 }, () => ['200', '200', '404', '200', '200']).flat(),
  );
});

test('a body that breaks off stores nothing', async () => {
  const point = JSON.stringify({ id: 777_777, vector: [1, 2, 3, 4] });
  const body = `{"points":[${Array.from({ length: 200 }, () => point).join(',')}]}`;
  const put = 'PUT /collections/known/points?wait=true HTTP/1.1\r\nhost: x\r\n';
  for (let share = 0; share < 1; share += 0.05) {
    for (const reset of [true, false]) {
      const socket = await opened();
      socket.write(`${put}content-length: ${body.length}\r\n\r\n`);
      await new Promise<void>((resolve) =>
        socket.write(body.slice(0, body.length * share), () => resolve()),
      );
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
    }
  }
  // A whole JSON text in a body that was announced to be longer.
  const whole = await exchange(
    [`${put}content-length: ${body.length + 5}\r\n\r\n${body}`],
    headRead,
  );
  assert.doesNotMatch(whole, /^HTTP\/1\.1 200/);
  const chunked = await exchange(
    [`${put}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n`],
    headRead,
  );
  assert.doesNotMatch(chunked, /^HTTP\/1\.1 200/);
  await expectKnown(client, 'known', knownCount);
});

test('slow heads are cut off, slow bodies do not hold up others', { timeout: 60_000 }, async () => {
  const heads = await Promise.all(Array.from({ length: 200 }, opened));
  const bodies = await Promise.all(Array.from({ length: 200 }, opened));
  for (const socket of bodies) {
    socket.write(
      'PUT /collections/known/points HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{',
    );
  }
  let cut = 0;
  for (const socket of heads) {
    socket.write('GET / HTTP/1.1\r\n');
    socket.on('close', () => (cut += 1));
    socket.resume();
  }
  for (let step = 0; step < 60 && cut < heads.length; step += 1) {
    for (const socket of heads) if (!socket.destroyed) socket.write('a');
    for (const socket of bodies) if (!socket.destroyed) socket.write(' ');
    // The pace of the attack, not a wait for something.
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.equal(cut, heads.length, 'heads that never end');
  for (const socket of bodies) socket.destroy();
  await expectKnown(client, 'known', knownCount);
});

test('answers that nobody reads', { timeout: 60_000 }, async () => {
  const scroll = JSON.stringify({ limit: knownCount, with_vector: true });
  const request = `POST /collections/known/points/scroll HTTP/1.1\r\nhost: x\r\ncontent-length: ${scroll.length}\r\n\r\n${scroll}`;
  const sockets = await Promise.all(Array.from({ length: 20 }, opened));
  for (const socket of sockets) {
    socket.pause();
    for (let count = 0; count < 500; count += 1) socket.write(request);
  }
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const memory =
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${octant.pid}/status`, 'utf8'))?.[1]) / 1024;
  assert.ok(memory < 600, `${memory} MiB`);
  for (const socket of sockets) socket.destroy();
  await expectKnown(client, 'known', knownCount);
});

test('5,000 connections that say nothing', { timeout: 120_000 }, async (t) => {
  const sockets: Socket[] = [];
  for (let batch = 0; batch < 50; batch += 1) {
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, opened))));
  }
  t.diagnostic(`${openSocketCount()} connections`);
  const startedAt = performance.now();
  for (let round = 0; round < 5; round += 1) await expectKnown(client, 'known', knownCount);
  t.diagnostic(`five full reads meanwhile in ${(performance.now() - startedAt).toFixed(0)} ms`);
  for (const socket of sockets) socket.destroy();
  for (let tries = 0; tries < 500 && openSocketCount() > 50; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(openSocketCount() <= 50, `${openSocketCount()} connections are still open`);
});

test('the node lives and others were answered', async (t) => {
  t.diagnostic(await prober.stop());
  assert.ok(octant.isRunning);
  assert.doesNotMatch(octant.output, /because of a bug|crashed/);
  await expectKnown(client, 'known', knownCount);
});
