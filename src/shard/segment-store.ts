// The shard's segments on disk. What the manifest names is the exact state of the shard after
// operation `appliedLsn`: segments, their tombstones as of that operation, and the payload indexes
// in force then. Replaying the log from the next operation on gives the state of now.
//
// Tombstones of a segment lie in `<segment>/deleted-<lsn>`, a new file whenever they change; the
// manifest says which one counts. Others are leftovers.

import { forEachBit } from '../base/bitset.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { type Disk, DiskError, type Logger } from '../io/ports.ts';
import type { PayloadFieldSchema, PayloadSchema } from '../model/payload-schema.ts';
import type { PublishedSegment } from '../segment/published-segment.ts';
import type { SharedSegment } from '../segment/shared-segment.ts';
import { readAtomic, writeAtomic } from '../storage/atomic-file.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';
import { joinPath } from '../storage/file-path.ts';
import { ManifestStore, type MetadataValue, type SegmentEntry } from '../storage/manifest.ts';
import { decodeMetadata, encodeMetadata } from './segment-metadata.ts';
import { type PublishedSlot, publishedSlot, tombstonesAsOf } from './slots.ts';

const tombstoneMagic = 'OCTD';
const tombstoneVersion = 1;
const tombstonePrefix = 'deleted-';

/** A state to make durable. */
export interface ShardState {
  readonly appliedLsn: number;
  readonly schema: PayloadSchema;
  readonly published: readonly PublishedSlot[];
}

/** How a segment is brought into memory and opened on this thread. */
export interface SegmentOpener {
  load(directory: string): Promise<SharedSegment | null>;
  open(shared: SharedSegment, schema: PayloadSchema): PublishedSegment;
}

export class SegmentStore {
  readonly #disk: Disk;
  readonly #logger: Logger;
  readonly #manifest: ManifestStore;

  private constructor(disk: Disk, logger: Logger, manifest: ManifestStore) {
    this.#disk = disk;
    this.#logger = logger;
    this.#manifest = manifest;
  }

  static async open(disk: Disk, directory: string, logger: Logger): Promise<SegmentStore> {
    return new SegmentStore(disk, logger, await ManifestStore.open(disk, directory));
  }

  get appliedLsn(): number {
    return this.#manifest.current.walAppliedLsn;
  }

  /** As of `appliedLsn`. */
  get schema(): PayloadSchema {
    return decodeSchema(this.#manifest.current.metadata['schema']);
  }

  directoryOf(segmentId: string): string {
    return this.#manifest.segmentPath(segmentId);
  }

  /** Removes what no manifest names, then loads the segments, oldest first. */
  async load(opener: SegmentOpener): Promise<readonly PublishedSlot[]> {
    const removed = await this.#manifest.sweep();
    if (removed.length > 0) this.#logger.info('removed unfinished segments', { removed });
    const slots: PublishedSlot[] = [];
    for (const entry of this.#manifest.current.segments) {
      slots.push(await this.#loadSlot(entry, opener));
    }
    return slots;
  }

  async #loadSlot(entry: SegmentEntry, opener: SegmentOpener): Promise<PublishedSlot> {
    const directory = this.directoryOf(entry.id);
    const shared = await opener.load(directory);
    if (shared === null) {
      const path = joinPath(directory, 'segment.json');
      throw new CorruptFileError(path, 0, 'Failed to read segment state: it is missing');
    }
    const { metadata, tombstoneFile } = decodeMetadata(entry);
    const segment = opener.open(shared, this.schema);
    if (tombstoneFile !== null) {
      const words = await this.#readTombstones(joinPath(directory, tombstoneFile), shared);
      forEachBit(words, (offset) => segment.markDeleted(offset));
    }
    this.#removeTombstonesBut(directory, tombstoneFile);
    return publishedSlot(segment, metadata, tombstoneFile);
  }

  /**
   * Makes `state` the truth. The segments' files must be synced, and the log must be durable up to
   * `appliedLsn`. Calls must not overlap. After a failure the disk holds the old or the new state.
   */
  async save(state: ShardState): Promise<void> {
    const { appliedLsn, schema, published } = state;
    // Taken before the first await: deletions that come later do not belong to this state.
    const dirty = published
      .filter((slot) => slot.deletions.hasUpTo(appliedLsn))
      .map((slot) => ({ slot, words: tombstonesAsOf(slot, appliedLsn) }));
    const files = new Map<PublishedSlot, string>();
    for (const { slot, words } of dirty) {
      const name = `${tombstonePrefix}${appliedLsn}`;
      await this.#writeTombstones(joinPath(this.directoryOf(slot.segment.id), name), words);
      files.set(slot, name);
    }
    await this.#manifest.replace({
      walAppliedLsn: appliedLsn,
      metadata: { schema: encodeSchema(schema) },
      segments: published.map((slot) => ({
        id: slot.segment.id,
        files: slot.segment.shared.files,
        pointCount: slot.segment.shared.offsetCount,
        metadata: encodeMetadata(slot.metadata, files.get(slot) ?? slot.tombstoneFile),
      })),
    });
    for (const slot of published) {
      slot.deletions.forgetUpTo(appliedLsn);
      const file = files.get(slot);
      if (file === undefined) continue;
      slot.tombstoneFile = file;
      this.#removeTombstonesBut(this.directoryOf(slot.segment.id), file);
    }
  }

  /**
   * The directory of a segment that nobody reads any more. What cannot be removed is swept later.
   */
  async remove(segmentId: string): Promise<void> {
    try {
      await this.#disk.removeTree(this.directoryOf(segmentId));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#logger.warn('a segment could not be removed', { segmentId, error: error.message });
    }
  }

  async #writeTombstones(path: string, words: Uint32Array): Promise<void> {
    const writer = new ByteWriter(words.byteLength + 8);
    writer.u32(words.length);
    writer.u32Column(words);
    await writeAtomic(this.#disk, path, {
      magic: tombstoneMagic,
      version: tombstoneVersion,
      body: writer.view(),
    });
  }

  async #readTombstones(path: string, shared: SharedSegment): Promise<Uint32Array> {
    const content = await readAtomic(this.#disk, path, tombstoneMagic);
    if (content === null) throw new CorruptFileError(path, 0, 'the tombstones are missing');
    if (content.version !== tombstoneVersion) {
      throw new CorruptFileError(path, 4, `format version ${content.version}`);
    }
    const reader = new ByteReader(content.body);
    const count = reader.u32();
    if (count * 4 !== shared.tombstones.byteLength) {
      throw new CorruptFileError(path, 0, `tombstones of another segment: ${count} words`);
    }
    return reader.u32Column(count);
  }

  #removeTombstonesBut(directory: string, kept: string | null): void {
    try {
      for (const { name } of this.#disk.list(directory)) {
        if (!name.startsWith(tombstonePrefix) || name === kept) continue;
        this.#disk.remove(joinPath(directory, name));
      }
    } catch (error) {
      // Leftovers do no harm; the next start tries again.
      if (!(error instanceof DiskError)) throw error;
    }
  }
}

function encodeSchema(schema: PayloadSchema): MetadataValue {
  return JSON.stringify([...schema]);
}

function decodeSchema(value: MetadataValue | undefined): PayloadSchema {
  if (typeof value !== 'string') return new Map();
  return new Map(JSON.parse(value) as [string, PayloadFieldSchema][]);
}
