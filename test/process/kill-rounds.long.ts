// Kills a real process at random moments under load and compares what it has after the restart with
// an independent ledger of what it acknowledged. Nothing acknowledged may be lost, nothing may be
// half applied, nothing deleted may come back. OCTANT_KILL_ROUNDS and OCTANT_SEED repeat a run.
//
// Each writer owns its ids, one operation at a time per id: after a kill the id is in the state of
// the last acknowledged operation, or of the one that was under way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.ts';
import { OctantProcess } from './octant-process.ts';
import { RestClient } from './rest.ts';

const rounds = Number(process.env['OCTANT_KILL_ROUNDS'] ?? 200);
const seed = Number(process.env['OCTANT_SEED'] ?? Date.now() % 2 ** 31);
const writerCount = 6;
const idsPerWriter = 400;
const dimension = 8;
const batchPointsMax = 40;

/** `null`: the point does not exist. Otherwise a number that its vector and payload both carry. */
type Content = number | null;

interface Entry {
  /** Acknowledged. */
  sure: Content;
  /** Sent, not answered. Any of these may be what is stored. */
  open: Content[];
}

class Ledger {
  readonly entries = new Map<number, Entry>();
  /**
   * Per writer, by its first id: what it has sent and not heard of. All of it holds, or nothing.
   */
  readonly openBatches = new Map<number, ReadonlyMap<number, Content>>();

  entry(id: number): Entry {
    const known = this.entries.get(id);
    if (known !== undefined) return known;
    const fresh: Entry = { sure: null, open: [] };
    this.entries.set(id, fresh);
    return fresh;
  }
}

function vectorOf(content: number): number[] {
  return Array.from({ length: dimension }, (_, index) => content + index);
}

interface Writer {
  readonly client: RestClient;
  readonly prng: Prng;
  readonly firstId: number;
  readonly ledger: Ledger;
  readonly nextContent: () => number;
}

async function writeUntilKilled(writer: Writer, killed: () => boolean): Promise<void> {
  while (!killed()) {
    try {
      await writeOnce(writer);
    } catch (error) {
      if (killed()) return;
      throw error;
    }
  }
}

async function writeOnce(writer: Writer): Promise<void> {
  const { prng, ledger, firstId } = writer;
  const count = 1 + prng.int(batchPointsMax);
  const ids = new Set<number>();
  for (let index = 0; index < count; index += 1) ids.add(firstId + prng.int(idsPerWriter));
  const wait = prng.int(2) === 0;
  const kind = prng.int(10);
  const changes = new Map<number, Content>();
  for (const id of ids) changes.set(id, kind < 7 ? writer.nextContent() : null);
  for (const [id, content] of changes) ledger.entry(id).open.push(content);
  ledger.openBatches.set(firstId, changes);
  await send(writer.client, changes, wait);
  ledger.openBatches.delete(firstId);
  for (const [id, content] of changes) {
    const entry = ledger.entry(id);
    entry.sure = content;
    entry.open = [];
  }
}

async function send(
  client: RestClient,
  changes: ReadonlyMap<number, Content>,
  wait: boolean,
): Promise<void> {
  const points = [...changes].flatMap(([id, content]) =>
    content === null ? [] : [{ id, vector: vectorOf(content), payload: { content } }],
  );
  const path = '/collections/ledger/points';
  if (points.length > 0) await client.result('PUT', `${path}?wait=${wait}`, { points });
  else await client.result('POST', `${path}/delete?wait=${wait}`, { points: [...changes.keys()] });
}

interface StoredPoint {
  readonly id: number;
  readonly vector: readonly number[];
  readonly payload: { readonly content: number };
}

async function readAll(client: RestClient): Promise<Map<number, Content>> {
  const stored = new Map<number, Content>();
  let offset: number | null = null;
  do {
    const page: { points: StoredPoint[]; next_page_offset: number | null } = await client.result(
      'POST',
      '/collections/ledger/points/scroll',
      { limit: 1000, with_vector: true, ...(offset === null ? {} : { offset }) },
    );
    for (const point of page.points) {
      assert.ok(!stored.has(point.id), `point ${point.id} came twice`);
      const { content } = point.payload;
      assert.deepEqual(point.vector, vectorOf(content), `point ${point.id} is half applied`);
      stored.set(point.id, content);
    }
    offset = page.next_page_offset;
  } while (offset !== null);
  return stored;
}

async function settled(client: RestClient): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const info = await client.result<{ update_queue?: { length: number } }>(
      'GET',
      '/collections/ledger',
    );
    if ((info.update_queue?.length ?? 0) === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('the update queue does not drain');
}

async function verify(client: RestClient, ledger: Ledger, round: number): Promise<void> {
  await settled(client);
  const stored = await readAll(client);
  const counted = await client.result<{ count: number }>(
    'POST',
    '/collections/ledger/points/count',
    { exact: true },
  );
  assert.equal(counted.count, stored.size, `round ${round}: count and scroll differ`);
  for (const batch of ledger.openBatches.values()) {
    const telling = [...batch].filter(([id, content]) => ledger.entry(id).sure !== content);
    const applied = telling.filter(([id, content]) => (stored.get(id) ?? null) === content);
    assert.ok(
      applied.length === 0 || applied.length === telling.length,
      `round ${round}, seed ${seed}: ${applied.length} of ${telling.length} of a batch are applied`,
    );
  }
  ledger.openBatches.clear();
  for (const [id, entry] of ledger.entries) {
    const found = stored.get(id) ?? null;
    const allowed = [entry.sure, ...entry.open];
    assert.ok(
      allowed.includes(found),
      `round ${round}, seed ${seed}: point ${id} holds ${found}, allowed are ${allowed.join(', ')}`,
    );
    entry.sure = found;
    entry.open = [];
  }
  for (const id of stored.keys()) assert.ok(ledger.entries.has(id), `nobody wrote point ${id}`);
}

test(`${rounds} rounds of kill -9 under load, seed ${seed}`, { timeout: 1_500_000 }, async (t) => {
  const prng = new Prng(seed);
  const octant = await OctantProcess.create();
  t.after(() => octant.dispose());
  await octant.start();
  const ledger = new Ledger();
  let content = 0;
  const nextContent = (): number => {
    content += 1;
    return content;
  };
  const setUp = new RestClient(octant.port);
  await setUp.result('PUT', '/collections/ledger', {
    vectors: { size: dimension, distance: 'Euclid' },
    // Small limits, so that seals, builds and swaps happen all the time.
    optimizers_config: { indexing_threshold: 20, vacuum_min_vector_number: 100 },
    wal_config: { wal_capacity_mb: 1 },
  });
  setUp.close();
  for (let round = 1; round <= rounds; round += 1) {
    const client = new RestClient(octant.port);
    let killed = false;
    const writers = Array.from({ length: writerCount }, (_, index) =>
      writeUntilKilled(
        {
          client,
          prng: new Prng(seed + round * 1000 + index),
          firstId: index * idsPerWriter,
          ledger,
          nextContent,
        },
        () => killed,
      ),
    );
    // A moment, not a wait for something: this is when the process dies.
    await new Promise((resolve) => setTimeout(resolve, 30 + prng.int(600)));
    killed = true;
    await octant.kill();
    await Promise.all(writers);
    client.close();
    await octant.start();
    const reader = new RestClient(octant.port);
    await verify(reader, ledger, round);
    reader.close();
    if (round % 20 === 0) t.diagnostic(`round ${round}: ${content} contents written`);
  }
});
