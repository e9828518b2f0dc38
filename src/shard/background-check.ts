// Reads once, after a shard was opened, what stays on disk and is never read whole: a flipped byte
// there is found and told before somebody trusts it. Searches go on meanwhile; nothing waits for
// it.

import { type Disk, DiskError, type Logger } from '../io/ports.ts';
import { verifyColumn } from '../storage/column-file.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';
import type { SegmentSet } from './segment-set.ts';

export class BackgroundCheck {
  readonly #set: SegmentSet;
  readonly #disk: Disk;
  readonly #logger: Logger;
  #damage: string | null = null;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(set: SegmentSet, ports: { readonly disk: Disk; readonly logger: Logger }) {
    this.#set = set;
    this.#disk = ports.disk;
    this.#logger = ports.logger;
  }

  /** The first damage that was found; it stays until the shard is opened anew. */
  get damage(): string | null {
    return this.#damage;
  }

  start(): void {
    const paths = this.#set.published.flatMap(({ segment: { shared } }) => [
      ...(shared.payloads.file === null ? [] : [shared.payloads.file]),
      ...shared.vectors.flatMap(({ rowsFile }) => (rowsFile === null ? [] : [rowsFile])),
    ]);
    if (paths.length > 0) this.#running = this.#check(paths);
  }

  /** Resolves when no file is open any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #check(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      if (this.#stopped) return;
      try {
        await verifyColumn(this.#disk, path, () => !this.#stopped);
      } catch (error) {
        // An optimizer has replaced the segment meanwhile, or the disk fails: reads tell that.
        if (error instanceof DiskError) continue;
        if (!(error instanceof CorruptFileError)) throw error;
        this.#damage ??= error.message;
        this.#logger.error('a file of a shard is damaged', { error: error.message });
      }
    }
  }
}
