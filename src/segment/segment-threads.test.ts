// Graphs, and segments shared by threads. This file is also the script of the other thread.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Prng } from '../base/prng.ts';
import { NativeDisk } from '../io/native/native-disk.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import { filterFromText } from '../model/filter-json.ts';
import type { PayloadSchema } from '../model/payload-schema.ts';
import type { SearchTask } from '../model/read.ts';
import { type BuildJob, buildSegment } from './build.ts';
import { helpBuildGraph, type OpenGraph } from './build-vectors.ts';
import { MemorySegment } from './memory-segment.ts';
import { PublishedSegment } from './published-segment.ts';
import { loadSegment } from './segment-files.ts';
import { noPause, searchTask, vectorConfig } from './segment-reader.contract.ts';
import type { OffsetHits } from './segment-reader.ts';
import type { SharedSegment } from './shared-segment.ts';

const disk = new NativeDisk();
const schema: PayloadSchema = new Map([['tenth', { dataType: 'integer', params: null }]]);
const slotCount = 3;

type Message =
  | { readonly kind: 'help'; readonly graph: OpenGraph }
  | { readonly kind: 'search'; readonly shared: SharedSegment; readonly tasks: SearchTask[] }
  | { readonly kind: 'delete'; readonly shared: SharedSegment; readonly offset: number };

function open(shared: SharedSegment, slot: number): PublishedSegment {
  return PublishedSegment.open(shared, { slot, disk, schema, indexingThresholdKb: 10_000 });
}

async function searchAll(segment: PublishedSegment, tasks: SearchTask[]): Promise<OffsetHits[]> {
  const answers: OffsetHits[] = [];
  for (const task of tasks) answers.push(await segment.search(task, noPause));
  return answers;
}

async function serve(message: Message): Promise<unknown> {
  switch (message.kind) {
    case 'help':
      await helpBuildGraph(message.graph, 2, noPause);
      return null;
    case 'search':
      return searchAll(open(message.shared, 2), message.tasks);
    case 'delete':
      return open(message.shared, 2).markDeleted(message.offset);
  }
}

const pointCount = 4000;
const dimension = 24;

/** Points around centres, so that neighbours mean something. */
function clusteredVectors(seed: number): Float32Array[] {
  const prng = new Prng(seed);
  const draw = (spread: number, around?: Float32Array) =>
    Float32Array.from(
      { length: dimension },
      (_, at) => (around?.[at] ?? 0) + spread * prng.normal(),
    );
  const centres = Array.from({ length: 40 }, () => draw(1));
  return Array.from({ length: pointCount }, () => draw(0.5, prng.pick(centres)));
}

function sourceOf(vectors: readonly Float32Array[], config: VectorConfig): MemorySegment {
  const source = new MemorySegment({
    id: 'm',
    vectors: [config],
    schema,
    indexingThresholdKb: 10_000,
  });
  for (const [id, vector] of vectors.entries()) {
    const payload = new TextEncoder().encode(`{"tenth":${id % 10}}`);
    source.upsert(id, id + 1, new Map([['', vector]]), payload);
  }
  return source;
}

function startTests(): void {
  const worker = new Worker(new URL(import.meta.url));
  const root = mkdtempSync(`${tmpdir()}/octant-segment-`);
  const vectors = clusteredVectors(11);
  const queries = clusteredVectors(11).slice(0, 30);
  const tasks = queries.map((vector) => searchTask({ vector, limit: 10 }));
  const exactTasks = tasks.map((task) => ({ ...task, params: { ...task.params, exact: true } }));
  const hnsw = { m: 12, efConstruct: 60, fullScanThresholdKb: 10, payloadM: 12 };

  const ask = (message: Message): Promise<unknown> => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    worker.once('message', resolve);
    worker.postMessage(message);
    return promise;
  };

  const build = async (name: string, config: VectorConfig, helped = false) => {
    const job: BuildJob = {
      segmentId: name,
      directory: `${root}/${name}`,
      sources: [sourceOf(vectors, config).freeze()],
      vectors: [config],
      schema,
      onDiskPayload: true,
      indexed: true,
      slotCount,
      slot: 1,
    };
    const assisting: Promise<unknown>[] = [];
    const onGraphOpen = (graph: OpenGraph) => {
      if (helped) assisting.push(ask({ kind: 'help', graph }));
    };
    const { segment } = await buildSegment(job, { disk, pause: eventTurn, onGraphOpen });
    await Promise.all(assisting);
    assert.ok(segment !== null);
    return segment;
  };

  const recallOf = async (segment: PublishedSegment, filter: string | null = null) => {
    const limited = filter === null ? {} : { filter: filterFromText(filter) };
    const found = await searchAll(
      segment,
      tasks.map((task) => ({ ...task, ...limited })),
    );
    const truth = await searchAll(
      segment,
      exactTasks.map((task) => ({ ...task, ...limited })),
    );
    let common = 0;
    let wanted = 0;
    for (const [at, { offsets, sims }] of found.entries()) {
      const exact = truth[at] as OffsetHits;
      wanted += exact.offsets.length;
      offsets.forEach((offset, rank) => {
        const known = exact.offsets.indexOf(offset);
        if (known < 0) return;
        common += 1;
        assert.ok(Object.is(exact.sims[known], sims[rank]), `score of offset ${offset}`);
      });
    }
    return common / wanted;
  };

  before(() => {
    worker.unref();
  });
  after(async () => {
    await worker.terminate();
    rmSync(root, { recursive: true });
  });

  for (const onDisk of [false, true]) {
    test(`graph and scan agree to the bit, on_disk ${onDisk}`, async () => {
      const config = vectorConfig('', dimension, { onDisk, hnsw, distance: 'Euclid' });
      const shared = await build(`agree-${onDisk}`, config);
      const segment = open(shared, 0);
      assert.ok((await recallOf(segment)) > 0.95);
      for (const filter of [
        '{"must":[{"key":"tenth","match":{"value":3}}]}',
        '{"must":[{"key":"tenth","range":{"lt":5}}]}',
        '{"must_not":[{"key":"tenth","match":{"value":3}}]}',
      ]) {
        assert.ok((await recallOf(segment, filter)) > 0.95, filter);
      }
      const options = { slotCount, onDiskPayload: false, onDiskVectors: () => onDisk };
      const loaded = await loadSegment(disk, `${root}/agree-${onDisk}`, {
        ...options,
        verifyAll: true,
      });
      assert.ok(loaded !== null);
      assert.deepEqual(await searchAll(open(loaded, 0), tasks), await searchAll(segment, tasks));
    });
  }

  test('another thread gives the same answers and sees a deletion at once', async () => {
    const config = vectorConfig('', dimension, { hnsw });
    const shared = await build('threads', config, true);
    const segment = open(shared, 0);
    assert.ok((await recallOf(segment)) > 0.95);
    const own = await searchAll(segment, tasks);
    assert.deepEqual(await ask({ kind: 'search', shared, tasks }), own);
    for (const { offsets } of own.slice(0, 5)) {
      const best = offsets[0] as number;
      if (segment.isLive(best)) {
        assert.equal(await ask({ kind: 'delete', shared, offset: best }), true);
      }
      assert.equal(segment.isLive(best), false);
      assert.equal(segment.markDeleted(best), false);
      for (const hits of await searchAll(segment, [...tasks, ...exactTasks])) {
        assert.equal(hits.offsets.includes(best), false);
        assert.equal(hits.offsets.length, 10);
      }
    }
    assert.equal(segment.pointCount(), pointCount - segment.deletedCount);
  });

  test('with most points deleted, the entry of the graph included, the rest is found', async () => {
    const config = vectorConfig('', dimension, { hnsw });
    const segment = open(await build('deleted', config), 0);
    for (let offset = 0; offset < pointCount; offset += 1) {
      if (offset % 10 !== 4) segment.markDeleted(offset);
    }
    assert.equal(segment.pointCount(), pointCount / 10);
    assert.ok((await recallOf(segment)) > 0.95);
  });
}

function eventTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}

if (isMainThread) startTests();
else {
  parentPort?.on('message', (message: Message) => {
    void serve(message).then((answer) => parentPort?.postMessage(answer));
  });
}
