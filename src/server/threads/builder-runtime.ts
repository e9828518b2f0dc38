// One builder thread: builds segments, one at a time, and lends its hands to graphs that another
// builder is working on. It gives way only to look whether its job was cancelled.

import { type Disk, DiskError } from '../../io/ports.ts';
import { RequestError } from '../../model/request-error.ts';
import { type BuildResult, buildSegment } from '../../segment/build.ts';
import {
  helpBuildGraph,
  type OpenGraph,
  SegmentTooLargeError,
} from '../../segment/build-vectors.ts';
import type { Pause } from '../../segment/segment-reader.ts';
import type { BuildJob } from '../../shard/ports.ts';
import { CorruptFileError } from '../../storage/corrupt-file.ts';
import type { BuilderCalls, BuilderUpCalls } from './builder-pool.ts';
import { returnMemoryNow, returnMemorySoon } from './memory-return.ts';
import { type PortLike, ThreadPort } from './thread-port.ts';

export interface BuilderRuntimeOptions {
  /** Scratch slot of this thread in every kernel memory. */
  readonly slot: number;
  readonly disk: Disk;
}

export class BuilderRuntime {
  readonly #options: BuilderRuntimeOptions;
  readonly #control: ThreadPort<BuilderUpCalls, BuilderCalls>;

  constructor(port: PortLike, options: BuilderRuntimeOptions) {
    this.#options = options;
    this.#control = new ThreadPort<BuilderUpCalls, BuilderCalls>(
      port,
      {
        build: ({ job, cancel }) => this.#build(job, cancel),
        assist: async ({ graph, cancel }) => {
          await helpBuildGraph(graph, options.slot, cancelPause(cancel));
          return null;
        },
        shrink: () => {
          returnMemoryNow();
          return null;
        },
      },
      (error) =>
        queueMicrotask(() => {
          throw error;
        }),
    );
  }

  async #build(job: BuildJob, cancel: Int32Array): Promise<BuildResult> {
    const helping: Promise<null>[] = [];
    const { slot, disk } = this.#options;
    const onGraphOpen = (graph: OpenGraph): void => {
      helping.push(this.#control.call('want_assistance', { graph, cancel }));
    };
    try {
      return await buildSegment(
        { ...job, slot },
        { disk, pause: cancelPause(cancel), onGraphOpen },
      );
    } catch (error) {
      if (error instanceof RequestError) throw error;
      // No bugs of this thread: the shard decides what follows.
      if (!isExpected(error)) throw error;
      throw new RequestError('internal', error.message, { cause: error });
    } finally {
      // Nobody may write into the new graph after the segment is published or dropped.
      await Promise.allSettled(helping);
      returnMemorySoon();
    }
  }
}

/** A full disk, a damaged source, settings or points for which no memory is large enough. */
function isExpected(error: unknown): error is Error {
  if (error instanceof DiskError || error instanceof CorruptFileError) return true;
  return error instanceof SegmentTooLargeError;
}

function cancelPause(cancel: Int32Array): Pause {
  return () => {
    if (Atomics.load(cancel, 0) === 0) return Promise.resolve();
    return Promise.reject(new RequestError('unavailable', 'cancelled'));
  };
}
