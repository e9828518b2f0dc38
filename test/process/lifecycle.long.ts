// Beginnings and ends of a process: what may not start says why and leaves with 1, signals under
// load lose nothing, a kill leaves nothing that keeps the next start from happening.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createKnown, expectKnown } from './known-collection.ts';
import { freePort, type OctantOptions, OctantProcess } from './octant-process.ts';
import { RestClient } from './rest.ts';

interface Disposer {
  after(dispose: () => Promise<void>): void;
}

async function created(t: Disposer, options: OctantOptions = {}): Promise<OctantProcess> {
  const octant = await OctantProcess.create(options);
  t.after(() => octant.dispose());
  return octant;
}

test('a second process on the same storage is refused, a start right after kill -9 is not', async (t) => {
  const first = await created(t);
  await first.start();
  const client = new RestClient(first.port);
  await createKnown(client, 'known', 50);
  const second = await OctantProcess.create({ directory: first.directory });
  for (let tries = 0; tries < 3; tries += 1) {
    const ended = await second.runToEnd();
    assert.equal(ended.code, 1);
    assert.match(ended.output, /Error: storage \.\/storage is in use by another process/);
  }
  await expectKnown(client, 'known', 50);
  client.close();
  for (let round = 0; round < 5; round += 1) {
    await first.kill();
    await first.start();
    const again = new RestClient(first.port);
    await expectKnown(again, 'known', 50);
    again.close();
  }
});

test('a port in use', async (t) => {
  const server = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.after(() => server.close());
  const octant = await created(t, { port });
  const ended = await octant.runToEnd();
  assert.equal(ended.code, 1, ended.output);
  assert.match(ended.output, /Error: .*EADDRINUSE/);
  assert.ok(ended.output.includes(String(port)), ended.output);
});

test('a host that does not exist', async (t) => {
  for (const host of ['no-such-host.invalid', '203.0.113.7']) {
    const octant = await created(t, { environment: { QDRANT__SERVICE__HOST: host } });
    const ended = await octant.runToEnd();
    assert.equal(ended.code, 1, ended.output);
    assert.match(ended.output, /Error: /);
  }
});

test('settings of the wrong type', async (t) => {
  for (const [name, value, says] of [
    ['QDRANT__SERVICE__HTTP_PORT', 'abc', /service\.http_port/],
    ['QDRANT__SERVICE__HTTP_PORT', '65536', /service\.http_port/],
    ['QDRANT__SERVICE__HTTP_PORT', '-1', /service\.http_port/],
    ['QDRANT__SERVICE__HTTP_PORT', '', /service\.http_port/],
    ['QDRANT__SERVICE__HTTP_PORT', '1.5', /service\.http_port/],
    ['QDRANT__SERVICE__ENABLE_CORS', 'maybe', /service\.enable_cors/],
    [
      'QDRANT__STORAGE__OPTIMIZERS__INDEXING_THRESHOLD_KB',
      '-5',
      /storage\.optimizers\.indexing_threshold/,
    ],
    ['QDRANT__STORAGE__UPDATE_CONCURRENCY', '0', /storage\.update_concurrency/],
    ['QDRANT__LOGGER__FORMAT', 'xml', /logger\.format/],
    ['QDRANT__STORAGE', 'x', /storage/],
  ] as const) {
    const octant = await created(t, { environment: { [name]: value } });
    const ended = await octant.runToEnd();
    assert.equal(ended.code, 1, `${name}=${value}: ${ended.output}`);
    assert.match(ended.output, /^Error: [^\n]*\n$/, `${name}=${value}: ${ended.output}`);
    assert.match(ended.output, says);
  }
});

test('configuration files that cannot be read', async (t) => {
  for (const [text, says] of [
    ['service: [', /config\.yaml/],
    ['service:\n  enable_cors: x\n', /service\.enable_cors/],
    ['service: 5\n', /service/],
    ['a: 1\n---\nb: 2\n', /config\.yaml/],
    ['\u0000', /config\.yaml/],
  ] as const) {
    const octant = await created(t);
    mkdirSync(join(octant.directory, 'config'));
    writeFileSync(join(octant.directory, 'config/config.yaml'), text);
    const ended = await octant.runToEnd();
    assert.equal(ended.code, 1, `${text}: ${ended.output}`);
    assert.match(ended.output, /^Error: [^\n]*\n$/, `${text}: ${ended.output}`);
    assert.match(ended.output, says, text);
  }
  const octant = await created(t);
  const ended = await octant.runToEnd('--no-such-flag');
  assert.equal(ended.code, 2, ended.output);
});

test('a storage path that cannot be used', async (t) => {
  const octant = await created(t);
  writeFileSync(join(octant.directory, 'storage'), 'a file');
  const ended = await octant.runToEnd();
  assert.equal(ended.code, 1, ended.output);
  assert.match(ended.output, /Error: .*storage/);
});

/** Writes batches until the process is gone; counts what was acknowledged. */
async function writeUntilGone(client: RestClient, writer: number): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let batch = 0; ; batch += 1) {
    const first = writer * 1_000_000 + batch * 20;
    const points = Array.from({ length: 20 }, (_, index) => ({
      id: first + index,
      vector: [1, 2, 3, first + index],
    }));
    const wait = batch % 2 === 0;
    const answer = await client
      .call('PUT', `/collections/load/points?wait=${wait}`, { points })
      .catch(() => null);
    if (answer === null) return acknowledged;
    if (answer.status === 503) continue;
    assert.equal(answer.status, 200, answer.text);
    acknowledged.push(...points.map(({ id }) => id));
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} under load: 0 within seconds, nothing acknowledged is lost`, async (t) => {
    const octant = await created(t);
    await octant.start();
    for (let round = 0; round < 4; round += 1) {
      const client = new RestClient(octant.port);
      await client.result('PUT', '/collections/load', {
        vectors: { size: 4, distance: 'Dot' },
        // A graph is under construction most of the time.
        optimizers_config: { indexing_threshold: 10 },
      });
      const writers = Array.from({ length: 6 }, (_, writer) => writeUntilGone(client, writer));
      // A moment under load, not a wait for something.
      await new Promise((resolve) => setTimeout(resolve, 300 + round * 400));
      const startedAt = performance.now();
      const code = signal === 'SIGTERM' ? await octant.stop() : await octant.interrupt();
      const tookMs = performance.now() - startedAt;
      assert.equal(code, 0, octant.output);
      assert.ok(tookMs < 5_000, `stopping took ${tookMs} ms`);
      const acknowledged = (await Promise.all(writers)).flat();
      client.close();
      await octant.start();
      const again = new RestClient(octant.port);
      const found = new Set<number>();
      for (let tries = 0; tries < 500 && found.size < acknowledged.length; tries += 1) {
        const { points } = await again.result<{ points: { id: number }[] }>(
          'POST',
          '/collections/load/points/scroll',
          { limit: 1_000_000, with_payload: false },
        );
        for (const { id } of points) found.add(id);
      }
      const lost = acknowledged.filter((id) => !found.has(id));
      assert.deepEqual(lost, [], `${lost.length} of ${acknowledged.length}`);
      t.diagnostic(`${acknowledged.length} acknowledged, stopped in ${tookMs.toFixed(0)} ms`);
      await again.result('DELETE', '/collections/load');
      again.close();
    }
  });
}

test('SIGTERM lets a running request end', async (t) => {
  const octant = await created(t);
  await octant.start();
  const client = new RestClient(octant.port);
  await createKnown(client, 'known', 50);
  const points = Array.from({ length: 20_000 }, (_, id) => ({
    id: id + 1000,
    vector: [1, 2, 3, id],
  }));
  const sent = client.call('PUT', '/collections/known/points?wait=true', { points });
  // Sent before the signal, but the body may be only half there.
  await new Promise((resolve) => setImmediate(resolve));
  const [answer, code] = await Promise.all([sent, octant.stop()]);
  assert.equal(answer.status, 200);
  assert.equal(code, 0);
  client.close();
});
