// Puts the result of a rebuild in the place of its sources, in this order:
//
//   deletions carried over · manifest on disk · swap in memory · view published ·
//   every thread has it · sources closed, their files removed, log cut
//
// A crash before the manifest leaves the old state and a directory that nobody names; after it the
// new state. Commits are made one after the other; letting go of the sources may take longer.

import { DiskError } from '../io/ports.ts';
import type { SharedSegment } from '../segment/shared-segment.ts';
import type { Wal } from '../storage/wal.ts';
import type { SegmentJob } from './segment-job.ts';
import type { SegmentMetadata } from './segment-metadata.ts';
import type { SegmentSet } from './segment-set.ts';
import type { SegmentOpener, SegmentStore } from './segment-store.ts';
import { type FrozenSlot, type PublishedSlot, publishedSlot, type SealedSlot } from './slots.ts';
import type { Views } from './views.ts';

export interface CommitterParts {
  readonly set: SegmentSet;
  readonly store: SegmentStore;
  readonly views: Views;
  readonly wal: Wal;
  readonly opener: Pick<SegmentOpener, 'open'>;
}

export interface Commit {
  readonly job: SegmentJob;
  /** null: no point was left. */
  readonly segment: SharedSegment | null;
  readonly metadata: SegmentMetadata;
}

/** The manifest could not be replaced; on the disk it may name the new segment all the same. */
export class CommitFailedError extends Error {
  override readonly name = 'CommitFailedError';
}

export class Committer {
  readonly #parts: CommitterParts;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: CommitterParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the result has taken the place of the sources, with a promise for the moment when
   * the sources are gone. Rejects, with nothing changed in memory, when the disk refuses.
   */
  commit(commit: Commit): Promise<{ readonly released: Promise<void> }> {
    const run = this.#last.then(() => this.#commit(commit));
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #commit({ job, segment, metadata }: Commit): Promise<{ released: Promise<void> }> {
    const { set, store, wal } = this.#parts;
    const result = this.#openResult(segment, metadata);
    job.finish(result);
    if (result !== null) set.addMirror(result);
    const sealed = [...job.sources].filter((slot) => slot.stage === 'sealed').at(-1) ?? null;
    try {
      // A restart replays from the manifest's operation on: the log must reach at least that far.
      if (sealed !== null) await wal.sync();
      await store.save(this.#stateAfter(job.sources, result, sealed));
    } catch (error) {
      if (result !== null) {
        set.dropMirror(result);
        result.segment.close();
      }
      if (!(error instanceof DiskError)) throw error;
      throw new CommitFailedError(error.message, { cause: error });
    }
    return { released: this.#swap(job.sources, result) };
  }

  #openResult(segment: SharedSegment | null, metadata: SegmentMetadata): PublishedSlot | null {
    if (segment === null) return null;
    const { opener, set } = this.#parts;
    return publishedSlot(opener.open(segment, set.schema), metadata, null);
  }

  #stateAfter(
    sources: ReadonlySet<FrozenSlot>,
    result: PublishedSlot | null,
    sealed: SealedSlot | null,
  ): Parameters<SegmentStore['save']>[0] {
    const { set, store } = this.#parts;
    const kept = set.published.filter((slot) => !sources.has(slot));
    return {
      appliedLsn: sealed?.lastLsn ?? store.appliedLsn,
      schema: sealed?.schema ?? store.schema,
      published: result === null ? kept : [...kept, result],
    };
  }

  #swap(sources: ReadonlySet<FrozenSlot>, result: PublishedSlot | null): Promise<void> {
    const { set, store, views, wal, opener } = this.#parts;
    if (result !== null && result.segment.schema !== set.schema) {
      // An index came or went while the manifest was written.
      const opened = result.segment;
      result.segment = opener.open(opened.shared, set.schema);
      opened.close();
    }
    set.replace(sources, result);
    if (result !== null) set.dropMirror(result);
    for (const source of sources) {
      set.addMirror(source);
      if (source.stage === 'sealed') source.coveredFrom = views.nextNumber;
    }
    const appliedLsn = store.appliedLsn;
    return views
      .advance({ revised: false }, () => this.#letGo(sources))
      .then(async () => {
        for (const source of sources) {
          if (source.stage === 'published') await store.remove(source.segment.id);
        }
        await wal.truncateBefore(appliedLsn + 1);
      });
  }

  #letGo(sources: ReadonlySet<FrozenSlot>): void {
    const { set } = this.#parts;
    for (const source of sources) {
      set.dropMirror(source);
      if (source.stage === 'published') source.segment.close();
    }
    set.recountMemory();
  }
}
