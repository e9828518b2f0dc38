import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';
import { buildSegment } from './build.ts';
import { MemorySegment } from './memory-segment.ts';
import { loadSegment } from './segment-files.ts';
import {
  contractSchema,
  contractVectors,
  noPause,
  payloadBytes,
} from './segment-reader.contract.ts';

const directory = 'segments/s';
const loading = { slotCount: 2, onDiskVectors: () => false, verifyAll: true };

/** Every kind of file: both kinds of ids, absent vectors, codes, graphs, indexes. */
async function storedSegment(onDiskPayload: boolean): Promise<FakeDisk> {
  const disk = new FakeDisk();
  const source = new MemorySegment({
    id: 'm',
    vectors: contractVectors,
    schema: contractSchema,
    indexingThresholdKb: 10_000,
  });
  for (let n = 0; n < 70; n += 1) {
    const id = n % 2 === 0 ? n : `00000000-0000-0000-0000-0000000000${10 + n}`;
    const vectors = new Map([['', Float32Array.of(n, 1, 2, 3, n % 7)]]);
    if (n % 3 === 0) vectors.set('other', Float32Array.of(n, 1, 2));
    source.upsert(id, n + 1, vectors, payloadBytes({ n, tag: 'a' }));
  }
  const { segment } = await buildSegment(
    {
      segmentId: 's',
      directory,
      sources: [source.freeze()],
      vectors: contractVectors,
      schema: contractSchema,
      onDiskPayload,
      indexed: true,
      slotCount: 2,
      slot: 0,
    },
    { disk, pause: noPause },
  );
  assert.ok(segment !== null);
  const listed = disk.list(directory).map(({ name }) => name);
  assert.deepEqual(
    listed.filter((name) => name !== 'segment.json'),
    segment.files.map(({ name }) => name).sort(),
  );
  return disk;
}

for (const onDiskPayload of [true, false]) {
  test(`a flipped byte anywhere is found, on_disk_payload ${onDiskPayload}`, async () => {
    const disk = await storedSegment(onDiskPayload);
    const options = { ...loading, onDiskPayload };
    assert.ok((await loadSegment(disk, directory, options)) !== null);
    for (const { name } of disk.list(directory)) {
      const path = `${directory}/${name}`;
      const intact = disk.bytesOf(path);
      const step = Math.max(1, Math.floor(intact.length / 9));
      for (let at = 0; at < intact.length; at += step) {
        disk.flip(path, at, 1 << (at % 8));
        await assert.rejects(
          loadSegment(disk, directory, options),
          (error) => error instanceof CorruptFileError && error.path === path,
          `byte ${at} of ${name}`,
        );
        disk.setBytes(path, intact);
      }
      disk.setBytes(path, intact.subarray(0, intact.length - 1));
      if (name === 'segment.json') {
        // Only the last line feed is gone: still the same document.
        assert.ok((await loadSegment(disk, directory, options)) !== null);
      } else await assert.rejects(loadSegment(disk, directory, options), CorruptFileError);
      disk.setBytes(path, intact);
    }
  });
}

test('garbage behind segment.json, or a missing column, is damage; no segment.json is no segment', async () => {
  const disk = await storedSegment(true);
  const options = { ...loading, onDiskPayload: true };
  const path = `${directory}/segment.json`;
  const intact = disk.bytesOf(path);
  disk.setBytes(path, new Uint8Array([...intact, ...new TextEncoder().encode('garbage')]));
  await assert.rejects(loadSegment(disk, directory, options), CorruptFileError);
  disk.setBytes(path, intact);
  disk.remove(`${directory}/versions.column`);
  await assert.rejects(loadSegment(disk, directory, options), /versions\.column/);
  disk.remove(path);
  assert.equal(await loadSegment(disk, directory, options), null);
});
