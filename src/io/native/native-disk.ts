// `Disk` on node:fs. Stateless: every thread may have its own.
import * as fs from 'node:fs';
import type { DirectoryEntry, Disk, DiskFile, DiskLock, OpenMode } from '../ports.ts';
import { diskErrorFrom } from './native-error.ts';
import { NativeFile } from './native-file.ts';
import { lockNow } from './native-lock.ts';

const flagsOfMode = { read: 'r', write: 'r+', create: 'w+' } as const satisfies Record<
  OpenMode,
  string
>;

export class NativeDisk implements Disk {
  open(path: string, mode: OpenMode): DiskFile {
    return new NativeFile(
      path,
      attempt(path, () => fs.openSync(path, flagsOfMode[mode])),
    );
  }

  rename(from: string, to: string): void {
    attempt(from, () => fs.renameSync(from, to));
  }

  remove(path: string): void {
    attempt(path, () => fs.unlinkSync(path));
  }

  async removeTree(path: string): Promise<void> {
    try {
      await fs.promises.rm(path, { recursive: true, force: true });
    } catch (error) {
      throw diskErrorFrom(error, path);
    }
  }

  makeDir(path: string): void {
    attempt(path, () => fs.mkdirSync(path, { recursive: true }));
  }

  list(path: string): readonly DirectoryEntry[] {
    const entries = attempt(path, () => fs.readdirSync(path, { withFileTypes: true }));
    return entries
      .map((entry) => ({ name: entry.name, kind: kindOf(entry) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  exists(path: string): boolean {
    return fs.existsSync(path);
  }

  async syncDir(path: string): Promise<void> {
    // Windows cannot open a directory; NTFS journals its entries by itself.
    if (process.platform === 'win32') return;
    try {
      const handle = await fs.promises.open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw diskErrorFrom(error, path);
    }
  }

  freeBytes(path: string): number {
    const volume = attempt(path, () => fs.statfsSync(path));
    return volume.bavail * volume.bsize;
  }

  lock(path: string): DiskLock {
    return lockNow(path);
  }
}

function kindOf(entry: fs.Dirent): DirectoryEntry['kind'] {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'directory' : 'other';
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw diskErrorFrom(error, path);
  }
}
