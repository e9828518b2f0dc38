// The manifest of a shard: which segments exist, and up to which log record everything is in them.
// It is replaced atomically; that replacement is the moment at which a new segment takes the place
// of old ones. A segment directory that it does not name is garbage, removed by `sweep`.
// Directory: `<shard>/manifest` and `<shard>/segments/<segment id>/`.
import { assert } from '../base/assert.ts';
import type { Disk, DiskFile } from '../io/ports.ts';
import { encodeAtomicHeader, readAtomic, writeAtomic } from './atomic-file.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { joinPath } from './file-path.ts';

export const manifestMagic = 'OCTM';
const version = 1;
const manifestName = 'manifest';
const segmentsName = 'segments';

export type MetadataValue =
  | null
  | boolean
  | number
  | string
  | readonly MetadataValue[]
  | { readonly [key: string]: MetadataValue };

export interface SegmentFileEntry {
  /** Relative to the segment's directory. */
  readonly name: string;
  readonly bytes: number;
}

export interface SegmentEntry {
  /** Name of the segment's directory: 1 to 64 letters, digits and hyphens. */
  readonly id: string;
  readonly files: readonly SegmentFileEntry[];
  readonly pointCount: number;
  /** Whatever the segment code wants to know before it opens the files. */
  readonly metadata: { readonly [key: string]: MetadataValue };
}

export interface Manifest {
  /** Every log record with this number or a lower one is in the segments. 0: none. */
  readonly walAppliedLsn: number;
  readonly segments: readonly SegmentEntry[];
  readonly metadata: { readonly [key: string]: MetadataValue };
}

export const emptyManifest: Manifest = { walAppliedLsn: 0, segments: [], metadata: {} };

/**
 * The manifest of one open shard; one owner. A `replace` that failed leaves `current` as it was;
 * the disk then has the old or the new content, and the next `replace` settles it.
 */
export class ManifestStore {
  readonly #disk: Disk;
  readonly #directory: string;
  #current: Manifest;
  #busy = false;

  private constructor(disk: Disk, directory: string, current: Manifest) {
    this.#disk = disk;
    this.#directory = directory;
    this.#current = current;
  }

  /**
   * Reads `<directory>/manifest`. A directory without segments and manifest is a new shard and gets
   * an empty one; segments without a manifest are damage and throw `CorruptFileError`.
   */
  static async open(disk: Disk, directory: string): Promise<ManifestStore> {
    disk.makeDir(segmentsPath(directory));
    const found = await readManifest(disk, directory);
    if (found !== null) return new ManifestStore(disk, directory, found);
    const segments = disk.list(segmentsPath(directory)).filter((entry) => isSegmentDir(entry));
    if (segments.length > 0) {
      const reason = `missing, but there are ${segments.length} segments`;
      throw new CorruptFileError(manifestPath(directory), 0, reason);
    }
    const store = new ManifestStore(disk, directory, emptyManifest);
    await store.replace(emptyManifest);
    return store;
  }

  get current(): Manifest {
    return this.#current;
  }

  segmentPath(id: string): string {
    return segmentPath(this.#directory, id);
  }

  /**
   * Makes `next` the truth. The files it names must be synced before; the directories they lie in
   * are synced here. Calls must not overlap.
   */
  async replace(next: Manifest): Promise<void> {
    assert(!this.#busy, `two replacements of ${this.#directory}/manifest at once`);
    assert(
      next.walAppliedLsn >= this.#current.walAppliedLsn,
      () => `applied log number goes back: ${this.#current.walAppliedLsn} → ${next.walAppliedLsn}`,
    );
    const body = encodeManifest(next);
    this.#busy = true;
    try {
      const known = new Set(this.#current.segments.map((segment) => segment.id));
      for (const segment of next.segments) {
        if (!known.has(segment.id)) await this.#disk.syncDir(this.segmentPath(segment.id));
      }
      await this.#disk.syncDir(segmentsPath(this.#directory));
      await writeAtomic(this.#disk, manifestPath(this.#directory), {
        magic: manifestMagic,
        version,
        body,
      });
      this.#current = next;
    } finally {
      this.#busy = false;
    }
  }

  /**
   * Removes everything in `segments/` that the manifest does not name, except `keep`: segments that
   * readers or a snapshot still use. Returns the names removed.
   */
  async sweep(keep: ReadonlySet<string> = new Set()): Promise<readonly string[]> {
    const named = new Set(this.#current.segments.map((segment) => segment.id));
    const garbage = this.#disk
      .list(segmentsPath(this.#directory))
      .map((entry) => entry.name)
      .filter((name) => !named.has(name) && !keep.has(name));
    for (const name of garbage) {
      await this.#disk.removeTree(joinPath(segmentsPath(this.#directory), name));
    }
    return garbage;
  }
}

/** An empty manifest in a directory that counts only once the file that is returned is synced. */
export function createManifest(disk: Disk, directory: string): DiskFile {
  disk.makeDir(segmentsPath(directory));
  const body = encodeManifest(emptyManifest);
  const file = disk.open(manifestPath(directory), 'create');
  try {
    file.writeManyNow(0, [encodeAtomicHeader({ magic: manifestMagic, version, body }), body]);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

export function segmentPath(shardDirectory: string, id: string): string {
  return joinPath(segmentsPath(shardDirectory), id);
}

function segmentsPath(shardDirectory: string): string {
  return joinPath(shardDirectory, segmentsName);
}

function manifestPath(shardDirectory: string): string {
  return joinPath(shardDirectory, manifestName);
}

function isSegmentDir(entry: { readonly name: string; readonly kind: string }): boolean {
  return entry.kind === 'directory' && !entry.name.startsWith('.');
}

/** `null` when there is none; for tools and for `ManifestStore`. */
export async function readManifest(disk: Disk, directory: string): Promise<Manifest | null> {
  const path = manifestPath(directory);
  const content = await readAtomic(disk, path, manifestMagic);
  if (content === null) return null;
  if (content.version !== version) {
    throw new CorruptFileError(path, 4, `format version ${content.version}, expected ${version}`);
  }
  return decodeManifest(path, content.body);
}

function encodeManifest(manifest: Manifest): Uint8Array {
  checkManifest(manifest);
  return new TextEncoder().encode(JSON.stringify(manifest));
}

/** The checksum held, so what does not fit here was written by a bug or by hand. */
export function decodeManifest(path: string, body: Uint8Array): Manifest {
  try {
    const manifest = JSON.parse(new TextDecoder().decode(body)) as Manifest;
    checkManifest(manifest);
    return manifest;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CorruptFileError(path, 20, reason, { cause: error });
  }
}

function checkManifest(manifest: Manifest): void {
  const { walAppliedLsn, segments } = manifest;
  const lsnFits = Number.isSafeInteger(walAppliedLsn) && walAppliedLsn >= 0;
  assert(lsnFits, `applied log number ${walAppliedLsn}`);
  const ids = new Set<string>();
  for (const segment of segments) {
    assert(/^[A-Za-z0-9-]{1,64}$/.test(segment.id), `segment id "${segment.id}"`);
    assert(!ids.has(segment.id), `segment ${segment.id} is named twice`);
    assert(segment.pointCount >= 0, `segment ${segment.id} has ${segment.pointCount} points`);
    ids.add(segment.id);
  }
}
