import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import { Prng } from '../base/prng.ts';
import { VectorKernel } from '../kernels/kernel.ts';
import { createVectorMemory, type VectorMemory } from '../kernels/vector-memory.ts';
import { type BuildJob, buildSegment } from './build.ts';
import type { BuildSource } from './build-source.ts';
import { transferGraph } from './graph-transfer.ts';
import { MemorySegment } from './memory-segment.ts';
import { PublishedSegment } from './published-segment.ts';
import { noPause, payloadBytes, searchTask, vectorConfig } from './segment-reader.contract.ts';
import type { SharedSegment } from './shared-segment.ts';

const dimension = 16;
const hnsw = { m: 8, efConstruct: 48, fullScanThresholdKb: 1, payloadM: 8 };
const config = vectorConfig('', dimension, { hnsw, distance: 'Euclid' });
const schema = new Map();
const disk = new FakeDisk();

/** Centre number `id % 30`, so that points of one cluster can be removed together. */
function vectorOf(id: number, seed: number): Float32Array {
  const centre = new Prng(id % 30);
  const own = new Prng(id * 7919 + seed);
  return Float32Array.from({ length: dimension }, () => centre.normal() + 0.5 * own.normal());
}

function source(ids: readonly number[], seed: number): BuildSource {
  const segment = new MemorySegment({
    id: `m${seed}`,
    vectors: [config],
    schema,
    indexingThresholdKb: 10_000,
  });
  for (const id of ids) {
    segment.upsert(id, seed + 1, new Map([['', vectorOf(id, seed)]]), payloadBytes({}));
  }
  return segment.freeze();
}

let jobCount = 0;

async function build(sources: readonly BuildSource[]): Promise<SharedSegment> {
  jobCount += 1;
  const job: BuildJob = {
    segmentId: `s${jobCount}`,
    directory: `segments/s${jobCount}`,
    sources,
    vectors: [config],
    schema,
    onDiskPayload: false,
    indexed: true,
    slotCount: 2,
    slot: 1,
  };
  const { segment } = await buildSegment(job, { disk, pause: noPause });
  assert.ok(segment !== null);
  return segment;
}

function open(shared: SharedSegment): PublishedSegment {
  return PublishedSegment.open(shared, { slot: 0, disk, schema, indexingThresholdKb: 10_000 });
}

const idsTo = (count: number) => Array.from({ length: count }, (_, id) => id);

async function recallOf(segment: PublishedSegment): Promise<number> {
  let common = 0;
  for (let at = 0; at < 60; at += 1) {
    const vector = vectorOf(at * 31, 99);
    const exactly = { hnswEf: 64, exact: true, indexedOnly: false };
    const task = searchTask({ vector, params: { ...exactly, exact: false } });
    const found = await segment.search(task, noPause);
    const truth = await segment.search({ ...task, params: exactly }, noPause);
    for (const offset of found.offsets) if (truth.offsets.includes(offset)) common += 1;
  }
  return common / 600;
}

function memoryOf(shared: SharedSegment): VectorMemory {
  const memory = shared.vectors[0]?.memory;
  assert.ok(memory !== null && memory !== undefined);
  return memory;
}

const levelOf = (memory: VectorMemory, offset: number) => {
  const { graph } = memory.layout;
  assert.ok(graph !== null);
  const words = new Uint32Array(memory.memory.buffer);
  const record = words[graph.upperIndex / 4 + offset] as number;
  return record === 0 ? 0 : (words[graph.pool / 4 + record - 1] as number);
};

/** Every link leads to a point that is in the graph, on that level. */
function checkLinks(memory: VectorMemory): void {
  const { graph, spec } = memory.layout;
  assert.ok(graph !== null);
  const words = new Uint32Array(memory.memory.buffer);
  const linked = new Uint32Array(memory.memory.buffer, graph.linked);
  const isLinked = (at: number) => (((linked[at >>> 5] as number) >>> (at & 31)) & 1) === 1;
  const checkList = (from: number, room: number, level: number, own: number) => {
    const links = words.subarray(from, from + room);
    const used = links.filter((link) => link !== 0);
    assert.equal(new Set(used).size, used.length, `links of ${own} twice`);
    for (const link of used) {
      assert.ok(link - 1 < spec.pointCapacity && link - 1 !== own);
      assert.ok(isLinked(link - 1), `${own} → ${link - 1}, which is not in the graph`);
      assert.ok(levelOf(memory, link - 1) >= level, `${own} → ${link - 1} on level ${level}`);
    }
  };
  for (let own = 0; own < spec.pointCapacity; own += 1) {
    if (!isLinked(own)) continue;
    checkList(graph.level0 / 4 + own * graph.m0, graph.m0, 0, own);
    const record = graph.pool / 4 + (words[graph.upperIndex / 4 + own] as number) - 1;
    for (let level = 1; level <= levelOf(memory, own); level += 1) {
      checkList(record + 1 + (level - 1) * graph.m, graph.m, level, own);
    }
  }
}

const removals: readonly (readonly [string, (id: number) => boolean])[] = [
  ['nothing', () => false],
  ['a fifth, at random', (id) => new Prng(id + 5).chance(0.2)],
  [
    'six whole clusters and half of another six',
    (id) => id % 30 < 6 || (id % 30 < 12 && id % 4 < 2),
  ],
  ['most of it', (id) => new Prng(id).chance(0.8)],
];

for (const [name, isRemoved] of removals) {
  test(`a merge into a graph that lost ${name} finds what a new graph finds`, async () => {
    const old = await build([source(idsTo(3000), 0)]);
    const reader = open(old);
    for (const id of idsTo(3000)) {
      if (isRemoved(id) || id % 50 === 7) reader.markDeleted(reader.findOffset(id));
    }
    const changed = idsTo(3000).filter((id) => id % 50 === 7);
    const added = idsTo(300).map((id) => id * 11 + 5000);
    const before = await recallOf(reader);
    const merged = await build([
      { kind: 'published', segment: old },
      source([...changed, ...added], 1),
    ]);
    const kernel = VectorKernel.open(memoryOf(merged), 0);
    assert.equal(kernel.linkedCount, merged.offsetCount);
    checkLinks(memoryOf(merged));
    const after = await recallOf(open(merged));
    assert.ok(after > 0.97, `recall ${before} before, ${after} after`);
  });
}

test('a graph with small losses is taken over, one with large losses is not', async () => {
  const old = memoryOf(await build([source(idsTo(2000), 0)]));
  const keep = async (isKept: (offset: number) => boolean) => {
    const made = createVectorMemory(old.layout.spec);
    assert.ok(made.kind === 'created');
    let next = 0;
    const targetOf = Int32Array.from({ length: 2000 }, (_, offset) => {
      if (!isKept(offset)) return -1;
      next += 1;
      return next - 1;
    });
    const target = made.vectorMemory;
    const count = await transferGraph({ source: old, target, targetOf }, noPause);
    checkLinks(target);
    return count;
  };
  assert.ok((await keep(() => true)) > 1990);
  assert.ok((await keep((offset) => offset % 20 !== 3)) > 1700);
  assert.equal(await keep((offset) => offset % 3 === 0), 0);
});
