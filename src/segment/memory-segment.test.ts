import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InvariantError } from '../base/assert.ts';
import { filterFromText } from '../model/filter-json.ts';
import { MemorySegment } from './memory-segment.ts';
import {
  checkReader,
  contractSchema,
  contractVectors,
  type Model,
  noPause,
  payloadBytes,
  searchTask,
} from './segment-reader.contract.ts';
import { storyArbitrary, tell } from './segment-story.contract.ts';

const options = { id: 'm', vectors: contractVectors, indexingThresholdKb: 10_000 };

function emptySegment(): MemorySegment {
  return new MemorySegment({ ...options, schema: contractSchema });
}

test('a memory segment answers like the model after any history', async () => {
  await fc.assert(
    fc.asyncProperty(storyArbitrary, async (story) => {
      const segment = emptySegment();
      const model: Model = new Map();
      tell(story, segment, model);
      await checkReader(segment, model);
    }),
    { numRuns: 60 },
  );
});

test('an index made over many points follows what changes between its slices', async () => {
  const segment = new MemorySegment({ ...options, schema: new Map() });
  const model: Model = new Map();
  const filler = (at: number) => `ffffffff-0000-0000-0000-${String(at).padStart(12, '0')}`;
  for (let at = 0; at < 2500; at += 1) {
    segment.upsert(filler(at), 1, new Map(), payloadBytes({ n: 1, tag: 'a' }));
  }
  const stories = fc.sample(storyArbitrary, { numRuns: 8, seed: 3 });
  let version = 10;
  const changeSome = (): Promise<void> => {
    version += 100;
    tell(stories.pop() ?? [], segment, model, version);
    return Promise.resolve();
  };
  await changeSome();
  for (const [field, schema] of contractSchema) {
    await segment.createIndex(field, schema, changeSome);
  }
  assert.ok(stories.length < 5, `${stories.length} stories left`);
  for (let at = 0; at < 2500; at += 1) segment.remove(segment.findOffset(filler(at)));
  await checkReader(segment, model);
});

test('a frozen segment loses points and takes nothing new', async () => {
  await fc.assert(
    fc.asyncProperty(storyArbitrary, fc.nat(), async (story, pick) => {
      const segment = emptySegment();
      const model: Model = new Map();
      tell(story, segment, model);
      segment.freeze();
      const ids = [...model.keys()];
      for (const id of ids.slice(0, pick % (ids.length + 1))) {
        segment.remove(segment.findOffset(id));
        model.delete(id);
      }
      await checkReader(segment, model);
      assert.throws(() => segment.upsert(1, 9999, new Map(), payloadBytes({})), InvariantError);
    }),
    { numRuns: 20 },
  );
});

test('replaced payloads do not pile up', () => {
  const segment = emptySegment();
  const text = (round: number) => payloadBytes({ tag: 'x'.repeat(1000), free: round });
  for (let round = 0; round < 200; round += 1) {
    for (let id = 0; id < 100; id += 1) segment.upsert(id, round, new Map(), text(round));
  }
  assert.ok(segment.payloadBytes < 120_000, `${segment.payloadBytes}`);
  assert.ok(segment.memoryBytes < 8_000_000, `${segment.memoryBytes}`);
  const last = new TextDecoder().decode(segment.payloadAt(99).slice());
  assert.match(last, /"free":199/);
});

test('components are rounded to the datatype when they are stored', () => {
  const segment = new MemorySegment({
    ...options,
    schema: new Map(),
    vectors: [
      { ...(contractVectors[0] as (typeof contractVectors)[0]), datatype: 'uint8' },
      ...contractVectors.slice(1),
    ],
  });
  const offset = segment.upsert(
    1,
    1,
    new Map([
      ['', Float32Array.of(256.19, 1.81, -10, Number.NaN, 7)],
      ['other', Float32Array.of(0.1, 1, 2049)],
    ]),
    payloadBytes({}),
  );
  assert.deepEqual(segment.vectorAt('', offset), Float32Array.of(255, 1, 0, 0, 7));
  assert.deepEqual(segment.vectorAt('other', offset), Float32Array.of(0.0999755859375, 1, 2048));
});

test('indexed_only skips a large segment without an index, and a small filtered part is searched', async () => {
  const segment = new MemorySegment({ ...options, schema: contractSchema, indexingThresholdKb: 1 });
  for (let id = 0; id < 100; id += 1) {
    const vectors = new Map([['', Float32Array.of(id, 0, 0, 0, 0)]]);
    segment.upsert(id, id, vectors, payloadBytes({ tag: id < 3 ? 'a' : 'b' }));
  }
  const params = { hnswEf: null, exact: false, indexedOnly: true };
  assert.equal((await segment.search(searchTask({ params }), noPause)).offsets.length, 0);
  const filter = filterFromText('{"must":[{"key":"tag","match":{"value":"a"}}]}');
  const filtered = await segment.search(searchTask({ params, filter }), noPause);
  assert.deepEqual([...filtered.offsets], [0, 1, 2]);
});
