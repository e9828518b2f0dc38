// One rebuild: frozen slots in, one published slot out, while the shard goes on. The builder gets
// the points as they were after the operation of the manifest (or of the seal); what is deleted
// later is collected here and deleted from the result before anybody sees it.
//
// A deletion is carried over with the version of the deleted copy: the result may have a newer
// copy of the same point from another source, which that deletion does not concern.

import type { PointId } from '../model/point-id.ts';
import type { BuildSource } from '../segment/build-source.ts';
import type { SegmentSet } from './segment-set.ts';
import { type FrozenSlot, type PublishedSlot, tombstonesAsOf } from './slots.ts';

interface CarriedDeletion {
  readonly id: PointId;
  readonly version: number;
  readonly lsn: number;
}

export class SegmentJob {
  readonly sources: ReadonlySet<FrozenSlot>;
  readonly descriptions: readonly BuildSource[];
  readonly #carried: CarriedDeletion[] = [];
  readonly #stopListening: () => void;

  constructor(set: SegmentSet, sources: readonly FrozenSlot[], appliedLsn: number) {
    this.sources = new Set(sources);
    this.descriptions = sources.map((slot) => describe(slot, appliedLsn));
    for (const slot of sources) {
      slot.deletions.forEach((offset, lsn) => this.#carry(slot, offset, lsn));
    }
    this.#stopListening = set.onDeletion((slot, offset, lsn) => {
      if (this.sources.has(slot)) this.#carry(slot, offset, lsn);
    });
  }

  #carry({ segment }: FrozenSlot, offset: number, lsn: number): void {
    const version = segment.versionAt(offset);
    this.#carried.push({ id: segment.idAt(offset), version, lsn });
  }

  /** Deletes from the result what was deleted meanwhile; from now on others must tell it. */
  finish(result: PublishedSlot | null): void {
    this.#stopListening();
    if (result === null) return;
    const { segment, deletions } = result;
    // Several sources bring their own earlier deletions: the log of the result wants them in order.
    for (const { id, version, lsn } of this.#carried.toSorted((a, b) => a.lsn - b.lsn)) {
      const offset = segment.findOffset(id);
      if (offset < 0 || segment.versionAt(offset) !== version) continue;
      segment.markDeleted(offset);
      deletions.add(offset, lsn);
    }
  }
}

function describe(slot: FrozenSlot, appliedLsn: number): BuildSource {
  if (slot.stage === 'sealed') return slot.description;
  // The builder reads tombstones while it works: it gets its own, which no later deletion changes.
  const tombstones = tombstonesAsOf(slot, appliedLsn);
  const counters = new SharedArrayBuffer(slot.segment.shared.counters.byteLength);
  return {
    kind: 'published',
    segment: { ...slot.segment.shared, tombstones: tombstones.buffer, counters },
  };
}
