// One local copy of one shard, on its owner thread: log first, then segments. The only writer of the
// log, of the segments in memory and of tombstones. See `view.ts` for how other threads read.

import type { ShardConfig } from '../model/collection-config.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import type { Pause } from '../segment/segment-reader.ts';
import type { LocalShardOptions, LocalShardPorts } from './ports.ts';
import type { LocalShardInfo } from './shard-info.ts';
import type { UpdateOptions, UpdateOutcome } from './update-outcome.ts';
import type { MemoryAnswer, ShardView } from './view.ts';

export class LocalShard {
  /**
   * Loads segments, replays the log, publishes the first view. Throws `CorruptFileError` naming the
   * file when something on disk is damaged.
   */
  static async open(options: LocalShardOptions, ports: LocalShardPorts): Promise<LocalShard> {
    void options;
    void ports;
    throw new Error('not there yet');
  }

  /** `record` comes from `encodeUpdate` and belongs to the shard from now on. Never throws. */
  update(record: Uint8Array, options: UpdateOptions): Promise<UpdateOutcome> {
    void record;
    void options;
    throw new Error('not there yet');
  }

  /** The part of a read that the view of this number does not cover. */
  readMemory(request: ShardReadRequest, viewNumber: number, pause: Pause): Promise<MemoryAnswer> {
    void request;
    void viewNumber;
    void pause;
    throw new Error('not there yet');
  }

  /** The whole shard, for callers on the owner's thread; an exact count is exact. */
  readAll(request: ShardReadRequest, pause: Pause): Promise<ShardReadAnswer> {
    void request;
    void pause;
    throw new Error('not there yet');
  }

  /** The last published view. */
  view(): ShardView {
    throw new Error('not there yet');
  }

  /** Takes effect for everything planned from now on; wakes the optimizer. */
  updateConfig(config: ShardConfig): void {
    void config;
    throw new Error('not there yet');
  }

  info(): LocalShardInfo {
    throw new Error('not there yet');
  }

  /** Stops accepting, ends the running update, syncs the log, cancels builds. Idempotent. */
  close(): Promise<void> {
    throw new Error('not there yet');
  }

  /** Closes and removes the directory. */
  destroy(): Promise<void> {
    throw new Error('not there yet');
  }
}
