import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import type { PointId } from '../model/point-id.ts';
import { type BuildJob, buildSegment } from './build.ts';
import type { BuildSource } from './build-source.ts';
import { MemorySegment } from './memory-segment.ts';
import { PublishedSegment } from './published-segment.ts';
import { addFieldIndex, dropFieldIndex, loadSegment } from './segment-files.ts';
import {
  checkReader,
  contractSchema,
  contractVectors,
  type Model,
  noPause,
  vectorConfig,
} from './segment-reader.contract.ts';
import { storyArbitrary, tell } from './segment-story.contract.ts';
import { deletedCount, type SharedSegment } from './shared-segment.ts';

const directory = 'segments/s';

interface Variant {
  readonly indexed: boolean;
  readonly onDisk: boolean;
}

const variantArbitrary: fc.Arbitrary<Variant> = fc.record({
  indexed: fc.boolean(),
  onDisk: fc.boolean(),
});

function memorySegment(id: string): MemorySegment {
  const vectors = contractVectors;
  return new MemorySegment({ id, vectors, schema: contractSchema, indexingThresholdKb: 10_000 });
}

function jobOf(sources: readonly BuildSource[], variant: Variant): BuildJob {
  return {
    segmentId: 's',
    directory,
    sources,
    vectors: contractVectors.map((config) => ({ ...config, onDisk: variant.onDisk })),
    schema: contractSchema,
    onDiskPayload: variant.onDisk,
    indexed: variant.indexed,
    slotCount: 2,
    slot: 1,
  };
}

function open(shared: SharedSegment, disk: FakeDisk, slot = 0): PublishedSegment {
  return PublishedSegment.open(shared, {
    slot,
    disk,
    schema: contractSchema,
    indexingThresholdKb: 10_000,
  });
}

/** Removes a part of the points, from the segment and the model alike. */
function removeSome(segment: PublishedSegment, model: Model, pick: number): void {
  for (const [at, id] of [...model.keys()].entries()) {
    if ((at * 7 + pick) % 3 !== 0) continue;
    assert.equal(segment.markDeleted(segment.findOffset(id)), true);
    model.delete(id);
  }
}

test('a built segment answers like the model, before and after it is saved and loaded', async () => {
  await fc.assert(
    fc.asyncProperty(storyArbitrary, variantArbitrary, fc.nat(), async (story, variant, pick) => {
      const disk = new FakeDisk();
      const source = memorySegment('m');
      const model: Model = new Map();
      tell(story, source, model);
      const job = jobOf([source.freeze()], variant);
      const { segment: shared } = await buildSegment(job, { disk, pause: noPause });
      if (shared === null) {
        assert.equal(model.size, 0);
        return;
      }
      const built = open(shared, disk);
      await checkReader(built, model);
      const loaded = await loadSegment(disk, directory, {
        slotCount: 2,
        onDiskPayload: variant.onDisk,
        onDiskVectors: () => variant.onDisk,
        verifyAll: true,
      });
      assert.ok(loaded !== null);
      assert.deepEqual(loaded.stats, shared.stats);
      await checkReader(open(loaded, disk), model);
      removeSome(built, model, pick);
      await checkReader(built, model);
      await checkReader(open(shared, disk, 1), model);
      assert.equal(deletedCount(shared), built.deletedCount);
    }),
    { numRuns: 40 },
  );
});

test('a merge keeps of each id the copy with the highest version, without the deleted', async () => {
  const stories = fc.tuple(storyArbitrary, storyArbitrary, storyArbitrary);
  await fc.assert(
    fc.asyncProperty(stories, variantArbitrary, fc.nat(), async (told, variant, pick) => {
      const disk = new FakeDisk();
      const sources: BuildSource[] = [];
      const merged: Model = new Map();
      for (const [at, story] of told.entries()) {
        const segment = memorySegment(`m${at}`);
        const model: Model = new Map();
        // The second story is the oldest, so that the order of sources does not decide.
        tell(story, segment, model, ((at + 2) % 3) * 1000 + 1);
        if (at === 2) sources.push(segment.freeze());
        else {
          const job = { ...jobOf([segment.freeze()], variant), directory: `segments/${at}` };
          const { segment: shared } = await buildSegment(job, { disk, pause: noPause });
          if (shared === null) continue;
          removeSome(open(shared, disk), model, pick);
          sources.push({ kind: 'published', segment: shared });
        }
        for (const [id, point] of model) {
          if (point.version > (merged.get(id)?.version ?? 0)) merged.set(id, point);
        }
      }
      const job = jobOf(sources, { ...variant, onDisk: !variant.onDisk });
      const { segment: shared } = await buildSegment(job, { disk, pause: noPause });
      if (shared === null) assert.equal(merged.size, 0);
      else await checkReader(open(shared, disk), merged);
    }),
    { numRuns: 40 },
  );
});

async function someSegment(disk: FakeDisk, variant: Variant): Promise<SharedSegment> {
  const source = memorySegment('m');
  const ids: readonly PointId[] = [5, 1, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 2n ** 63n];
  for (const [at, id] of ids.entries()) {
    const vectors = new Map([
      ['', Float32Array.of(at, 1, 2, 3, 4)],
      ['other', Float32Array.of(at, 1, 2)],
    ]);
    source.upsert(id, at + 1, vectors, new TextEncoder().encode('{"n":1,"tag":"a"}'));
  }
  const job = jobOf([source.freeze()], variant);
  const { segment } = await buildSegment(job, { disk, pause: noPause });
  assert.ok(segment !== null);
  return segment;
}

test('an index made later is built, stored, replaced and dropped', async () => {
  const disk = new FakeDisk();
  const shared = await someSegment(disk, { indexed: false, onDisk: true });
  const ports = { disk, pause: noPause };
  const schema = { dataType: 'float', params: null } as const;
  const withIndex = await addFieldIndex({ shared, directory, field: 'n', schema }, ports);
  assert.equal(withIndex.fieldIndexes.length, 2);
  open(shared, disk).markDeleted(0);
  assert.equal(open(withIndex, disk).fieldIndex('n')?.dataType, 'float');
  assert.equal(open(withIndex, disk).isLive(0), false);
  const options = {
    slotCount: 2,
    onDiskPayload: false,
    onDiskVectors: () => false,
    verifyAll: false,
  };
  const loaded = await loadSegment(disk, directory, options);
  assert.deepEqual(
    loaded?.fieldIndexes.map(({ field, schema: { dataType } }) => [field, dataType]),
    [
      ['tag', 'keyword'],
      ['n', 'float'],
    ],
  );
  assert.deepEqual(loaded?.files, withIndex.files);
  await dropFieldIndex({ shared: withIndex, directory, field: 'tag' }, ports);
  const reloaded = await loadSegment(disk, directory, options);
  assert.deepEqual(
    reloaded?.fieldIndexes.map(({ field }) => field),
    ['n'],
  );
});

test('a field that has no index yet is read from the payloads', async () => {
  const disk = new FakeDisk();
  const shared = await someSegment(disk, { indexed: false, onDisk: true });
  const bare = open({ ...shared, fieldIndexes: [] }, disk);
  const order = { key: 'n', direction: 'asc' as const, startFrom: null };
  assert.equal((await bare.offsetsByValue(null, order, 10, noPause)).length, 4);
  await assert.rejects(
    bare.offsetsByValue(null, { ...order, key: 'missing' }, 10, noPause),
    /No range index for `order_by` key: `missing`/,
  );
});

test('a cancelled build leaves a directory that is no segment', async () => {
  const source = memorySegment('m');
  const model: Model = new Map();
  tell(fc.sample(storyArbitrary, { seed: 7, numRuns: 1 }).flat(), source, model);
  const job = jobOf([source.freeze()], { indexed: true, onDisk: false });
  let pauseCount = 0;
  const counting = () => Promise.resolve(void (pauseCount += 1));
  await buildSegment(job, { disk: new FakeDisk(), pause: counting });
  for (let cancelAt = 1; cancelAt <= pauseCount; cancelAt += 1) {
    const disk = new FakeDisk();
    let left = cancelAt;
    const pause = () => {
      left -= 1;
      return left === 0 ? Promise.reject(new Error('cancelled')) : Promise.resolve();
    };
    await assert.rejects(buildSegment(job, { disk, pause }), /cancelled/);
    const options = { slotCount: 2, onDiskPayload: false, verifyAll: true };
    const loaded = await loadSegment(disk, directory, { ...options, onDiskVectors: () => false });
    assert.equal(loaded, null);
    await buildSegment(job, { disk, pause: noPause });
  }
});

test('vectors of a name that means something else now are left behind', async () => {
  const disk = new FakeDisk();
  const shared = await someSegment(disk, { indexed: false, onDisk: false });
  const vectors = [vectorConfig('', 7), contractVectors[1] as (typeof contractVectors)[1]];
  const job = {
    ...jobOf([{ kind: 'published', segment: shared }], { indexed: true, onDisk: false }),
  };
  const next = { ...job, vectors, directory: 'segments/t', segmentId: 't' };
  const { segment } = await buildSegment(next, { disk, pause: noPause });
  assert.ok(segment !== null);
  const reader = open(segment, disk);
  assert.equal(reader.vectorAt('', 0), null);
  assert.deepEqual(reader.vectorAt('other', 0), Float32Array.of(1, 1, 2));
});
