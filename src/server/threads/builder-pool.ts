// The builder threads, as control sees them. They start with the first job and end after some idle
// time, so that an idle node does not pay for them. A job runs on one builder; while it builds a
// graph it may ask for hands, and idle builders lend theirs. A builder that dies fails its jobs
// and is started again with the next one.

import type { Worker } from 'node:worker_threads';
import type { Logger } from '../../io/ports.ts';
import { RequestError } from '../../model/request-error.ts';
import type { OpenGraph } from '../../segment/build-vectors.ts';
import type { BuildJob, BuildResult } from '../../shard/ports.ts';
import { returnMemorySoon } from './memory-return.ts';
import { ThreadPort } from './thread-port.ts';

export type BuilderCalls = {
  build: { request: { job: BuildJob; cancel: Int32Array }; answer: BuildResult };
  /** Inserts into a graph under construction until it is complete or the job is cancelled. */
  assist: { request: AssistRequest; answer: null };
  /** The thread is about to end: whatever V8 would keep for threads to come goes back first. */
  shrink: { request: null; answer: null };
};

export type BuilderUpCalls = {
  /** Resolves when every builder that lent a hand has let go. */
  want_assistance: { request: AssistRequest; answer: null };
};

export interface AssistRequest {
  readonly graph: OpenGraph;
  /** One shared number; not 0 = stop. */
  readonly cancel: Int32Array;
}

export interface BuilderPoolOptions {
  readonly builderCount: number;
  readonly spawnBuilder: (builderIndex: number) => Worker;
}

interface Builder {
  readonly thread: Worker;
  readonly port: ThreadPort<BuilderCalls, BuilderUpCalls>;
  busy: boolean;
}

interface Job {
  readonly jobId: string;
  readonly job: BuildJob;
  readonly cancel: Int32Array;
  readonly settled: PromiseWithResolvers<BuildResult>;
}

/**
 * A builder that waits holds some 12 MiB. Starting one costs 0.1 s of CPU, much less than what it
 * is started for.
 */
const idleEndMs = 250;

export class BuilderPool {
  readonly #options: BuilderPoolOptions;
  readonly #log: Logger;
  readonly #builders: (Builder | null)[];
  readonly #waiting: Job[] = [];
  readonly #running = new Map<string, Job>();
  #idleTimer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: BuilderPoolOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#builders = new Array<Builder | null>(options.builderCount).fill(null);
    // Control makes the pool when it starts, and holds next to nothing once it has.
    returnMemorySoon();
  }

  build(jobId: string, job: BuildJob): Promise<BuildResult> {
    if (this.#stopped) return Promise.reject(new RequestError('unavailable', 'shutting down'));
    const cancel = new Int32Array(new SharedArrayBuffer(4));
    const settled = Promise.withResolvers<BuildResult>();
    this.#waiting.push({ jobId, job, cancel, settled });
    this.#dispatch();
    return settled.promise;
  }

  /** The job ends soon, with a failure. Unknown ids are fine: the job may just have ended. */
  cancel(jobId: string): void {
    const at = this.#waiting.findIndex((job) => job.jobId === jobId);
    const [waiting] = at === -1 ? [] : this.#waiting.splice(at, 1);
    waiting?.settled.reject(new RequestError('unavailable', 'cancelled'));
    const running = this.#running.get(jobId);
    if (running !== undefined) Atomics.store(running.cancel, 0, 1);
  }

  /** All jobs whose id begins so. */
  cancelOf(prefix: string): void {
    const ids = [...this.#waiting.map((job) => job.jobId), ...this.#running.keys()];
    for (const id of ids) if (id.startsWith(prefix)) this.cancel(id);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.cancelOf('');
    await this.#endThreads();
  }

  #dispatch(): void {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    for (const job of this.#waiting.slice()) {
      const builder = this.#builderFor(job);
      if (builder === null) continue;
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      void this.#run(builder, job);
    }
    const anyBusy = this.#builders.some((builder) => builder?.busy === true);
    if (anyBusy || this.#builders.every((builder) => builder === null)) return;
    this.#idleTimer = setTimeout(() => void this.#endIdle(), idleEndMs).unref();
  }

  #builderFor({ job }: Job): Builder | null {
    for (const index of job.indexed ? this.#graphBuilders() : this.#builders.keys()) {
      const builder = this.#idleBuilder(index);
      if (builder !== null) return builder;
    }
    return null;
  }

  /**
   * The first builder leaves graphs to the others: a flush frees log and memory, so it must not
   * wait behind a graph that takes minutes.
   */
  #graphBuilders(): readonly number[] {
    const all = [...this.#builders.keys()];
    return all.length === 1 ? all : all.slice(1);
  }

  async #run(builder: Builder, job: Job): Promise<void> {
    builder.busy = true;
    this.#running.set(job.jobId, job);
    try {
      job.settled.resolve(await builder.port.call('build', { job: job.job, cancel: job.cancel }));
    } catch (error) {
      job.settled.reject(error);
    } finally {
      builder.busy = false;
      this.#running.delete(job.jobId);
      returnMemorySoon();
      this.#dispatch();
    }
  }

  async #assist(asking: number, request: AssistRequest): Promise<null> {
    const helping: Promise<unknown>[] = [];
    for (const index of this.#graphBuilders()) {
      const builder = index === asking ? null : this.#idleBuilder(index);
      if (builder === null) continue;
      builder.busy = true;
      const call = builder.port.call('assist', request).finally(() => {
        builder.busy = false;
        this.#dispatch();
      });
      helping.push(call);
    }
    const ended = await Promise.allSettled(helping);
    // A hand that died may have left a point half linked: the graph would never be complete.
    if (ended.some(({ status }) => status === 'rejected')) Atomics.store(request.cancel, 0, 1);
    return null;
  }

  #idleBuilder(index: number): Builder | null {
    const builder = this.#builders[index] ?? this.#start(index);
    return builder.busy ? null : builder;
  }

  #start(index: number): Builder {
    const thread = this.#options.spawnBuilder(index);
    const port = new ThreadPort<BuilderCalls, BuilderUpCalls>(
      thread,
      { want_assistance: (request) => this.#assist(index, request) },
      (error) => this.#log.error('a call from a builder failed', { error: String(error) }),
    );
    const builder: Builder = { thread, port, busy: false };
    thread.on('error', (error) => {
      this.#log.error('a builder thread crashed', {
        builder: index,
        error: error instanceof Error ? error.stack : String(error),
      });
    });
    thread.on('exit', (exitCode) => {
      port.fail('the builder thread stopped');
      if (this.#builders[index] !== builder) return;
      this.#builders[index] = null;
      this.#log.error('a builder thread stopped', { builder: index, exitCode });
    });
    this.#builders[index] = builder;
    return builder;
  }

  async #endIdle(): Promise<void> {
    const idle = this.#builders.filter((builder) => builder !== null);
    this.#builders.fill(null);
    for (const { port, thread } of idle) {
      await port.call('shrink', null).catch(() => undefined);
      port.fail('the builder thread was stopped');
      await thread.terminate();
    }
    returnMemorySoon();
  }

  async #endThreads(): Promise<void> {
    const threads = this.#builders.filter((builder) => builder !== null);
    this.#builders.fill(null);
    for (const { port } of threads) port.fail('the builder thread was stopped');
    await Promise.allSettled(threads.map(({ thread }) => thread.terminate()));
  }
}
