// Wherever the creation of a shard is cut off, by a fault or a power loss, there is a whole shard
// or none, and the next try makes one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import { emptyManifest, readManifest } from '../storage/manifest.ts';
import { Wal } from '../storage/wal.ts';
import { createShardFiles } from './new-shard.ts';

const directory = '/collection/0';

async function checkEmptyShard(disk: FakeDisk): Promise<void> {
  assert.deepEqual(await readManifest(disk, directory), emptyManifest);
  const options = { capacityBytes: 1000, closedKeptCount: 0, appliedLsn: 0 };
  const { wal, tail } = await Wal.open(disk, `${directory}/wal`, {
    ...options,
    createIfMissing: false,
  });
  assert.deepEqual([tail.cut, wal.lastLsn], [null, 0]);
  await wal.close();
}

async function diskWithCollection(seed: number): Promise<FakeDisk> {
  const disk = new FakeDisk({ seed });
  disk.makeDir('/collection');
  await disk.syncDir('/');
  return disk;
}

test('a shard that was created survives a power loss', async () => {
  const disk = await diskWithCollection(1);
  await createShardFiles(disk, directory);
  disk.crash('power');
  await checkEmptyShard(disk);
});

test('a power loss during a creation leaves a whole shard or none', async () => {
  let isComplete = false;
  let cutCount = 0;
  for (let at = 1; !isComplete; at += 1) {
    for (let seed = 1; seed <= 8; seed += 1) {
      const disk = await diskWithCollection(seed);
      disk.stopAt(at);
      isComplete = await createShardFiles(disk.mount(), directory).then(
        () => true,
        () => false,
      );
      if (!isComplete) cutCount += 1;
      disk.crash('power');
      if (!disk.exists(directory)) await createShardFiles(disk.mount(), directory);
      await checkEmptyShard(disk);
    }
  }
  assert.ok(cutCount > 0);
});

test('a full disk leaves nothing behind', async () => {
  const disk = new FakeDisk({ capacityBytes: 40 });
  disk.makeDir('/collection');
  await assert.rejects(createShardFiles(disk, directory), /No space left/);
  assert.deepEqual(disk.list('/collection'), []);
});
