// Refuses updates before the disk is full (storage §13.1): the log needs room for two of its files.
// The volume is asked rarely when there is plenty of space and often when there is little.

import { type Clock, type Disk, DiskError } from '../io/ports.ts';

const GiB = 1024 ** 3;
const askEveryMs = 2_000;

export const noSpaceMessage =
  'No space left on device: WAL buffer size exceeds available disk space';

export class SpaceGuard {
  readonly #disk: Pick<Disk, 'freeBytes'>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #path: string;
  #updatesLeft = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #freeBytes = Infinity;

  constructor(
    path: string,
    ports: { readonly disk: Pick<Disk, 'freeBytes'>; readonly clock: Pick<Clock, 'monotonicMs'> },
  ) {
    this.#path = path;
    this.#disk = ports.disk;
    this.#clock = ports.clock;
  }

  /** Counts one update; false when it has to be refused. */
  hasRoom(bytesMin: number): boolean {
    this.#updatesLeft -= 1;
    const nowMs = this.#clock.monotonicMs();
    if (this.#updatesLeft <= 0 || nowMs - this.#askedAtMs >= askEveryMs) {
      this.#askedAtMs = nowMs;
      this.#freeBytes = this.#ask();
      this.#updatesLeft = updatesUntilNextLook(this.#freeBytes);
    }
    return this.#freeBytes >= bytesMin;
  }

  #ask(): number {
    try {
      return this.#disk.freeBytes(this.#path);
    } catch (error) {
      // A volume that does not say how full it is gets the benefit of the doubt.
      if (error instanceof DiskError) return Infinity;
      throw error;
    }
  }
}

function updatesUntilNextLook(freeBytes: number): number {
  if (freeBytes < GiB / 2) return 1;
  if (freeBytes >= 16 * GiB) return 128;
  // 8 below 1 GiB, then twice as many for twice the space.
  return 8 * 2 ** Math.ceil(Math.log2(Math.max(1, freeBytes / GiB)));
}
