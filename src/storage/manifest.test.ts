// The manifest: replaced as a whole, and what it does not name is swept away, but never without it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeDisk, FakeStop } from '../../test/fakes/fake-disk.ts';
import type { Disk } from '../io/ports.ts';
import { readColumn, writeColumn } from './column-file.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { emptyManifest, ManifestStore, type SegmentEntry } from './manifest.ts';

const shard = '/shard';

async function makeSegment(disk: Disk, store: ManifestStore, id: string): Promise<SegmentEntry> {
  disk.makeDir(store.segmentPath(id));
  const path = `${store.segmentPath(id)}/ids`;
  const { fileBytes } = await writeColumn(disk, path, 'ids', [new TextEncoder().encode(id)]);
  const files = [{ name: 'ids', bytes: fileBytes }];
  return { id, files, pointCount: 2, metadata: { indexed: true, dimensions: { '': 128 } } };
}

async function newShard(disk: FakeDisk): Promise<void> {
  disk.makeDir(shard);
  await disk.syncDir('/');
}

test('a new shard gets an empty manifest; content comes back', async () => {
  const disk = new FakeDisk();
  await newShard(disk);
  const store = await ManifestStore.open(disk, shard);
  assert.deepEqual(store.current, emptyManifest);
  const segments = [await makeSegment(disk, store, 'a-1'), await makeSegment(disk, store, 'b-2')];
  const next = { walAppliedLsn: 7, segments, metadata: { note: 'ä' } };
  await store.replace(next);
  assert.deepEqual(store.current, next);
  disk.crash('power');
  assert.deepEqual((await ManifestStore.open(disk, shard)).current, next);
});

test('sweep removes what is not named, except what is still used', async () => {
  const disk = new FakeDisk();
  await newShard(disk);
  const store = await ManifestStore.open(disk, shard);
  const kept = await makeSegment(disk, store, 'kept');
  await makeSegment(disk, store, 'used');
  await makeSegment(disk, store, 'old');
  disk.open(`${shard}/segments/.stray`, 'create').close();
  await store.replace({ ...emptyManifest, segments: [kept] });
  assert.deepEqual(await store.sweep(new Set(['used'])), ['.stray', 'old']);
  assert.deepEqual(await store.sweep(), ['used']);
  assert.deepEqual(
    disk.list(`${shard}/segments`).map((entry) => entry.name),
    ['kept'],
  );
});

test('segments without a manifest are damage, not garbage', async () => {
  const disk = new FakeDisk();
  await newShard(disk);
  const store = await ManifestStore.open(disk, shard);
  await store.replace({ ...emptyManifest, segments: [await makeSegment(disk, store, 'a')] });
  disk.remove(`${shard}/manifest`);
  await assert.rejects(ManifestStore.open(disk, shard), CorruptFileError);
  assert.equal(disk.exists(`${shard}/segments/a/ids`), true);
});

test('a damaged manifest is an error', async () => {
  const disk = new FakeDisk();
  await newShard(disk);
  await (await ManifestStore.open(disk, shard)).replace({ ...emptyManifest, walAppliedLsn: 3 });
  const intact = disk.bytesOf(`${shard}/manifest`);
  for (let at = 0; at < intact.length; at += 1) {
    disk.setBytes(`${shard}/manifest`, intact);
    disk.flip(`${shard}/manifest`, at);
    await assert.rejects(ManifestStore.open(disk, shard), CorruptFileError, `byte ${at}`);
  }
});

test('impossible manifests are refused', async () => {
  const disk = new FakeDisk();
  await newShard(disk);
  const store = await ManifestStore.open(disk, shard);
  await store.replace({ ...emptyManifest, walAppliedLsn: 3 });
  const entry = { id: 'a', files: [], pointCount: 0, metadata: {} };
  const refused = [
    { ...emptyManifest, walAppliedLsn: 2 },
    { ...emptyManifest, walAppliedLsn: 3.5 },
    { walAppliedLsn: 3, segments: [{ ...entry, id: '../a' }], metadata: {} },
    { walAppliedLsn: 3, segments: [entry, entry], metadata: {} },
  ];
  for (const manifest of refused) await assert.rejects(store.replace(manifest));
  assert.equal(store.current.walAppliedLsn, 3);
});

test('killed at every change while segments are merged: the old ones or the new one', async () => {
  for (let seed = 1; seed <= 120; seed += 1) {
    const disk = new FakeDisk({ seed });
    await newShard(disk);
    const before = await ManifestStore.open(disk, shard);
    const old = [await makeSegment(disk, before, 'a'), await makeSegment(disk, before, 'b')];
    await before.replace({ ...emptyManifest, walAppliedLsn: 5, segments: old });
    disk.stopAt((seed % 15) + 1);
    try {
      const merged = await makeSegment(disk, before, 'c');
      await before.replace({ ...emptyManifest, walAppliedLsn: 9, segments: [merged] });
      await before.sweep();
    } catch (error) {
      assert.ok(error instanceof FakeStop, String(error));
    }
    disk.crash(seed % 2 === 0 ? 'kill' : 'power');
    const store = await ManifestStore.open(disk, shard);
    await store.sweep();
    const ids = store.current.segments.map((segment) => segment.id);
    assert.deepEqual(ids, store.current.walAppliedLsn === 9 ? ['c'] : ['a', 'b'], `seed ${seed}`);
    const names = disk.list(`${shard}/segments`).map((entry) => entry.name);
    assert.deepEqual(names, ids, `seed ${seed}`);
    for (const id of ids) {
      const bytes = await readColumn(disk, `${store.segmentPath(id)}/ids`, 'ids');
      assert.equal(new TextDecoder().decode(bytes), id, `seed ${seed}`);
    }
  }
});
