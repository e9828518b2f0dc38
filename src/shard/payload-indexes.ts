// Brings the payload indexes of all segments in line with the shard's schema. Segments in memory
// follow at once; published ones are indexed one after the other in the background, while their
// filters read the payload as the index would. Reads never wait.

import { type Disk, DiskError, type Logger } from '../io/ports.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';
import type { UpdateOperation } from '../model/update.ts';
import type { PublishedSegment } from '../segment/published-segment.ts';
import { addFieldIndex, dropFieldIndex } from '../segment/segment-files.ts';
import type { Pause } from '../segment/segment-reader.ts';
import type { SharedSegment } from '../segment/shared-segment.ts';
import type { SegmentSet } from './segment-set.ts';
import type { SegmentOpener, SegmentStore } from './segment-store.ts';
import type { PublishedSlot } from './slots.ts';
import type { Views } from './views.ts';

export interface PayloadIndexParts {
  readonly set: SegmentSet;
  readonly store: SegmentStore;
  readonly views: Views;
  readonly opener: Pick<SegmentOpener, 'open'>;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly pause: Pause;
}

type IndexUpdate = Extract<UpdateOperation, { kind: 'create_index' | 'delete_index' }>;

/** The next difference between a segment and the schema. */
type Difference =
  | {
      readonly kind: 'add';
      readonly slot: PublishedSlot;
      readonly field: string;
      readonly schema: PayloadFieldSchema;
    }
  | { readonly kind: 'drop'; readonly slot: PublishedSlot; readonly field: string };

export class PayloadIndexes {
  readonly #parts: PayloadIndexParts;
  #running: Promise<void> | null = null;
  #again = false;
  #closed = false;

  constructor(parts: PayloadIndexParts) {
    this.#parts = parts;
  }

  /** Changes the schema and the segments in memory: the part that an update waits for. */
  async apply(update: IndexUpdate): Promise<void> {
    const { set, pause } = this.#parts;
    if (update.kind === 'delete_index') {
      set.setSchema(update.field, null);
      for (const segment of set.memorySegments()) segment.deleteIndex(update.field);
      return;
    }
    set.setSchema(update.field, update.schema);
    for (const segment of set.memorySegments()) {
      await segment.createIndex(update.field, update.schema, pause);
    }
  }

  /** Opens the published segments anew, so that filters mean what schema and settings say now. */
  reopen(): Promise<void> {
    const old = this.#openAnew();
    return this.#parts.views.advance({ revised: true }, () => {
      for (const segment of old) segment.close();
    });
  }

  /** As `reopen`, while nobody reads yet. */
  reopenNow(): void {
    for (const segment of this.#openAnew()) segment.close();
  }

  /** Returns the readers that were replaced. */
  #openAnew(): readonly PublishedSegment[] {
    const { set, opener, logger } = this.#parts;
    const old: PublishedSegment[] = [];
    for (const slot of set.published) {
      const { segment } = slot;
      try {
        slot.segment = opener.open(segment.shared, set.schema);
        old.push(segment);
      } catch (error) {
        // No more files can be opened, say. The one that is open answers as before.
        if (!(error instanceof DiskError)) throw error;
        logger.error('a segment could not be opened again', { error: error.message });
      }
    }
    return old;
  }

  /** Resolves when every published segment has the indexes of the schema, or the shard closes. */
  reconcile(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      let difference = this.#findDifference();
      while (difference !== null && !this.#closed) {
        // On a full disk filters go on reading payloads; the next call tries again.
        if (!(await this.#settle(difference))) return;
        difference = this.#findDifference();
      }
    }
  }

  #findDifference(): Difference | null {
    const { published, schema } = this.#parts.set;
    for (const slot of published) {
      const present = new Map(
        slot.segment.shared.fieldIndexes.map((index) => [index.field, index]),
      );
      for (const [field, wanted] of schema) {
        const index = present.get(field);
        if (index !== undefined && isSameSchema(index.schema, wanted)) continue;
        return { kind: 'add', slot, field, schema: wanted };
      }
      for (const field of present.keys()) {
        if (!schema.has(field)) return { kind: 'drop', slot, field };
      }
    }
    return null;
  }

  /** False when the disk refuses. */
  async #settle(difference: Difference): Promise<boolean> {
    const { set, store, disk, pause, logger } = this.#parts;
    const { slot, field } = difference;
    const { shared } = slot.segment;
    const directory = store.directoryOf(shared.id);
    try {
      const next =
        difference.kind === 'drop'
          ? await dropFieldIndex({ shared, directory, field }, { disk })
          : await addFieldIndex(
              { shared, directory, field, schema: difference.schema },
              { disk, pause: () => this.#pause(pause) },
            );
      // The segment may have been rebuilt meanwhile: its successor is looked at next.
      if (set.published.includes(slot)) await this.#exchange(slot, next);
      return true;
    } catch (error) {
      if (error instanceof IndexingStopped || !set.published.includes(slot)) return true;
      if (!(error instanceof DiskError)) throw error;
      logger.error('a payload index could not be stored', { field, error: error.message });
      return false;
    }
  }

  #exchange(slot: PublishedSlot, next: SharedSegment): Promise<void> {
    const { set, views, opener } = this.#parts;
    const old = slot.segment;
    slot.segment = opener.open(next, set.schema);
    return views.advance({ revised: true }, () => old.close());
  }

  async #pause(pause: Pause): Promise<void> {
    if (this.#closed) throw new IndexingStopped();
    await pause();
  }
}

/** Ends the building of an index when the shard closes. */
class IndexingStopped extends Error {
  override readonly name = 'IndexingStopped';
}

/** Members may come in any order: they were written down in different places. */
export function isSameSchema(a: PayloadFieldSchema, b: PayloadFieldSchema): boolean {
  return a.dataType === b.dataType && paramsText(a) === paramsText(b);
}

function paramsText({ params }: PayloadFieldSchema): string {
  const entries = Object.entries(params ?? {});
  return JSON.stringify([params === null, entries.sort(([x], [y]) => (x < y ? -1 : 1))]);
}
