// Thousands of nearly right requests to every endpoint of a real process. It must never end, never
// answer 500, keep answering others, keep an unrelated collection as it is, and have the same
// points after `kill -9` as before. OCTANT_SEED and OCTANT_FUZZ_COUNT repeat a run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import { fuzzedCollection, fuzzedRequest } from './fuzz-requests.ts';
import { createKnown, expectKnown, Prober } from './known-collection.ts';
import { OctantProcess } from './octant-process.ts';
import { RestClient, type RestRequest } from './rest.ts';

const requestCount = Number(process.env['OCTANT_FUZZ_COUNT'] ?? 40_000);
const seed = Number(process.env['OCTANT_SEED'] ?? Date.now() % 2 ** 31);
const senderCount = 6;
const knownCount = 300;

/** Texts of 500 that are the API's own words for a fault of the request. */
const excused = /Can't create collection with name|standalone mode|exceeds available disk space/;

async function dump(client: RestClient): Promise<unknown> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const info = await client.result<{ update_queue?: { length: number } }>(
      'GET',
      '/collections/fuzz',
    );
    if ((info.update_queue?.length ?? 0) === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const body = { limit: 100_000, with_vector: true, with_payload: true };
  const { points } = await client.result<{ points: readonly unknown[] }>(
    'POST',
    '/collections/fuzz/points/scroll',
    body,
  );
  const { count } = await client.result<{ count: number }>(
    'POST',
    '/collections/fuzz/points/count',
    {},
  );
  assert.equal(count, points.length, 'count and scroll differ');
  return points;
}

test(`${requestCount} broken requests, seed ${seed}`, { timeout: 900_000 }, async (t) => {
  const prng = new Prng(seed);
  const octant = await OctantProcess.create();
  t.after(() => octant.dispose());
  await octant.start();
  const client = new RestClient(octant.port);
  await createKnown(client, 'known', knownCount);
  await client.result('PUT', '/collections/fuzz', fuzzedCollection);
  const prober = new Prober(octant, 'known', 1000);
  const statuses = new Map<number, number>();
  const faults: string[] = [];
  let left = requestCount;

  const sendOne = async (request: RestRequest): Promise<void> => {
    const shown = `${request.method} ${request.path.slice(0, 200)} ${Buffer.from(request.body ?? '')
      .toString()
      .slice(0, 2_000)}`;
    const answer = await client.send(request).catch((error: unknown) => String(error));
    if (typeof answer === 'string') {
      faults.push(`${shown}\n  ${answer}`);
      return;
    }
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    const isFault = [408, 500, 503].includes(answer.status);
    if (isFault && !excused.test(answer.text))
      faults.push(`${shown}\n  ${answer.status} ${answer.text}`);
    if (
      answer.status === 200 &&
      typeof answer.body === 'string' &&
      !request.path.startsWith('/metrics')
    ) {
      faults.push(`${shown}\n  no JSON: ${answer.text.slice(0, 500)}`);
    }
  };
  const sender = async (): Promise<void> => {
    while (left > 0 && faults.length < 10) {
      left -= 1;
      await sendOne(fuzzedRequest(prng));
    }
  };
  await Promise.all(Array.from({ length: senderCount }, sender));
  const counts = [...statuses]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`);
  t.diagnostic(counts.join(', '));
  assert.deepEqual(faults, [], `${octant.output.slice(-3_000)}`);
  t.diagnostic(await prober.stop());
  assert.doesNotMatch(octant.output, /because of a bug|crashed/);

  await expectKnown(client, 'known', knownCount);
  const before = await dump(client);
  client.close();
  await octant.kill();
  await octant.start();
  const again = new RestClient(octant.port);
  await expectKnown(again, 'known', knownCount);
  assert.deepEqual(await dump(again), before);
  again.close();
});
