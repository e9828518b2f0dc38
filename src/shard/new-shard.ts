// The files of a new, empty shard: an empty log and an empty manifest. They are made under another
// name and come to their own complete and durable, so a crash leaves a whole shard or none, and so
// one round of syncs is enough for all of them.

import type { Disk } from '../io/ports.ts';
import { parentPath } from '../storage/file-path.ts';
import { createManifest } from '../storage/manifest.ts';
import { createWal } from '../storage/wal.ts';

const unfinishedSuffix = '.new';

/** The directory is there for good when this resolves; those further up belong to the caller. */
export async function createShardFiles(disk: Disk, directory: string): Promise<void> {
  const unfinished = directory + unfinishedSuffix;
  if (disk.exists(unfinished)) await disk.removeTree(unfinished);
  try {
    await writeShardFiles(disk, unfinished);
  } catch (error) {
    // On a full disk the remains would only make things worse; the next try removes them, too.
    await disk.removeTree(unfinished).catch(() => undefined);
    throw error;
  }
  disk.rename(unfinished, directory);
  await disk.syncDir(parentPath(directory));
}

async function writeShardFiles(disk: Disk, directory: string): Promise<void> {
  const wal = createWal(disk, `${directory}/wal`);
  try {
    const manifest = createManifest(disk, directory);
    try {
      await all([
        wal.sync(),
        manifest.dataSync(),
        disk.syncDir(`${directory}/wal`),
        disk.syncDir(directory),
      ]);
    } finally {
      manifest.close();
    }
  } finally {
    wal.close();
  }
}

/** Waits for all of them even when one fails: none may still work on a file that is closed. */
async function all(actions: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(actions)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
