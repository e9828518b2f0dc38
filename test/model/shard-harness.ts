// A shard on fake ports in one thread, and a second reader that uses it as another thread would:
// published view first, then the owner's half.

import assert from 'node:assert/strict';
import { Prng } from '../../src/base/prng.ts';
import {
  type Disk,
  DiskError,
  type DiskFile,
  type Logger,
  type TimerHandle,
} from '../../src/io/ports.ts';
import type { ShardConfig, VectorConfig } from '../../src/model/collection-config.ts';
import type { PayloadSchema } from '../../src/model/payload-schema.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../../src/model/read.ts';
import type { UpdateOperation } from '../../src/model/update.ts';
import { encodeUpdate } from '../../src/model/update-codec.ts';
import { buildSegment } from '../../src/segment/build.ts';
import { PublishedSegment } from '../../src/segment/published-segment.ts';
import { LocalShard } from '../../src/shard/local-shard.ts';
import { mergeAnswers } from '../../src/shard/merge.ts';
import type { LocalShardPorts } from '../../src/shard/ports.ts';
import { executeRead } from '../../src/shard/read.ts';
import type { UpdateOutcome } from '../../src/shard/update-outcome.ts';
import { memoryCell, moveCell, type ShardView } from '../../src/shard/view.ts';
import { type FakeDisk, FakeStop } from '../fakes/fake-disk.ts';

export const shardDirectory = 'storage/shard';
const slotCount = 3;
const slots = { owner: 0, other: 1, builder: 2 };

export const noPause = (): Promise<void> => Promise.resolve();

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const hnsw = { m: 4, efConstruct: 32, fullScanThresholdKb: 0, payloadM: 4 };
const plain = { datatype: 'float32', onDisk: false, hnsw } as const;

export const shardVectors: readonly VectorConfig[] = [
  { name: '', dimension: 4, distance: 'Dot', ...plain },
  { name: 'other', dimension: 3, distance: 'Euclid', ...plain },
];

export function smallConfig(
  optimizer: Partial<ShardConfig['optimizer']> = {},
  more: Partial<ShardConfig> = {},
): ShardConfig {
  return {
    vectors: shardVectors,
    onDiskPayload: false,
    wal: { wal_capacity_mb: 1 / 128, wal_segments_ahead: 0, wal_retain_closed: 1 },
    ...more,
    optimizer: {
      deleted_threshold: 0.3,
      vacuum_min_vector_number: 10,
      default_segment_number: 2,
      max_segment_size: null,
      memmap_threshold: null,
      indexing_threshold: 1,
      flush_interval_sec: 5,
      max_optimization_threads: null,
      prevent_unoptimized: null,
      ...optimizer,
    },
  };
}

/** What the other thread has: its view, and how many reads it runs by view number. */
interface ViewBox {
  view: ShardView | null;
  readonly reads: Map<number, number>;
}

/** Timers that fire when the test says so. */
export class FakeTimers {
  readonly #waiting = new Map<TimerHandle, () => void>();

  setTimeout(action: () => void): TimerHandle {
    const handle: TimerHandle = { timer: true };
    this.#waiting.set(handle, action);
    return handle;
  }

  clear(handle: TimerHandle): void {
    this.#waiting.delete(handle);
  }

  yieldToOthers(): Promise<void> {
    return turn();
  }

  /** Milliseconds of virtual time; the clock of the same harness goes by it. */
  nowMs = 0;

  advance(delayMs: number): void {
    this.nowMs += delayMs;
    const due = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const action of due) action();
  }
}

export interface HarnessOptions {
  readonly seed: number;
  readonly config: ShardConfig;
  /** What building and publishing wait for, so that updates come in between. */
  readonly dawdle?: () => Promise<void>;
  readonly queueCountMax?: number;
  readonly schema?: PayloadSchema;
}

export class ShardHarness {
  readonly shard: LocalShard;
  readonly timers: FakeTimers;
  readonly #disk: Disk;
  readonly #viewBox: ViewBox;
  #indexingThresholdKb = 10_000;

  private constructor(shard: LocalShard, disk: Disk, viewBox: ViewBox, timers: FakeTimers) {
    this.shard = shard;
    this.timers = timers;
    this.#disk = disk;
    this.#viewBox = viewBox;
  }

  static async open(machine: FakeDisk, options: HarnessOptions): Promise<ShardHarness> {
    const disk = new MortalDisk(machine.mount());
    disk.makeDir('storage');
    await disk.syncDir('');
    const timers = new FakeTimers();
    const viewBox: ViewBox = { view: null, reads: new Map() };
    const ports = createPorts(disk, timers, viewBox, options);
    const shard = await LocalShard.open(
      {
        directory: shardDirectory,
        config: options.config,
        schema: options.schema ?? null,
        cpuCount: 2,
        slotCount,
        slot: slots.owner,
        queueCountMax: options.queueCountMax ?? 1000,
        queueBytesMax: 1 << 20,
      },
      ports,
    );
    return new ShardHarness(shard, disk, viewBox, timers);
  }

  update(
    operation: UpdateOperation,
    wait = true,
    timeoutMs = Number.POSITIVE_INFINITY,
  ): Promise<UpdateOutcome> {
    return this.shard.update(encodeUpdate(operation), { wait, timeoutMs });
  }

  /** As another thread reads. */
  async readFromOutside(
    request: ShardReadRequest,
    between: () => Promise<void> = noPause,
  ): Promise<ShardReadAnswer> {
    for (let tries = 0; tries < 4; tries += 1) {
      const view = tries === 3 ? null : this.#viewBox.view;
      const { answer, still } = await this.#readOnce(request, view, between);
      if (request.kind !== 'count' || still) return answer;
    }
    throw new Error('unreachable: the owner answers for the whole shard at the last try');
  }

  async #readOnce(
    request: ShardReadRequest,
    view: ShardView | null,
    between: () => Promise<void>,
  ): Promise<{ answer: ShardReadAnswer; still: boolean }> {
    if (view === null) {
      const { answer, whole } = await this.shard.readMemory(request, 0, noPause);
      assert.ok(whole);
      return { answer, still: true };
    }
    const { reads } = this.#viewBox;
    reads.set(view.number, (reads.get(view.number) ?? 0) + 1);
    const movesBefore = Atomics.load(view.moveCount, moveCell);
    const readers = view.segments.map((shared) =>
      PublishedSegment.open(shared, {
        slot: slots.other,
        disk: this.#disk,
        schema: view.schema,
        indexingThresholdKb: this.#indexingThresholdKb,
      }),
    );
    try {
      const published = await executeRead(request, readers, noPause);
      await between();
      const isStill = () =>
        movesBefore % 2 === 0 && Atomics.load(view.moveCount, moveCell) === movesBefore;
      if (Atomics.load(view.moveCount, memoryCell) === 0) {
        return { answer: published, still: isStill() };
      }
      const memory = await this.shard.readMemory(request, view.number, noPause);
      if (memory.whole) return { answer: memory.answer, still: true };
      const answer = mergeAnswers(request, [published, memory.answer]);
      return { answer, still: isStill() };
    } finally {
      for (const reader of readers) reader.close();
      reads.set(view.number, (reads.get(view.number) ?? 0) - 1);
    }
  }
}

function createPorts(
  disk: Disk,
  timers: FakeTimers,
  viewBox: ViewBox,
  { seed, dawdle = noPause }: HarnessOptions,
): LocalShardPorts {
  const prng = new Prng(seed);
  const clock = {
    nowMs: () => 1_700_000_000_000 + timers.nowMs,
    monotonicMs: () => {
      timers.nowMs += 2;
      return timers.nowMs;
    },
  };
  return {
    disk,
    clock,
    timers,
    random: {
      uint32: () => prng.u32(),
      fill: (into) => {
        for (let at = 0; at < into.length; at += 1) into[at] = prng.int(256);
      },
    },
    logger: silentLogger,
    builder: {
      build: (job, signal) =>
        buildSegment(
          { ...job, slot: slots.builder },
          {
            disk,
            pause: async () => {
              await dawdle();
              signal.throwIfAborted();
            },
          },
        ),
    },
    views: {
      publish: async (view) => {
        await dawdle();
        viewBox.view = view;
        await dawdle();
        const inUse = () => [...viewBox.reads].some(([n, count]) => n < view.number && count > 0);
        while (inUse()) await turn();
      },
    },
  };
}

const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message, fields) => {
    if (process.env['SHARD_LOG'] !== undefined) console.error(message, fields);
  },
};

/**
 * A stopped fake disk looks like a device that fails: code that runs on after its death is
 * harmless.
 */
class MortalDisk implements Disk {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  open(path: string, mode: Parameters<Disk['open']>[1]): DiskFile {
    return mortal(() => wrapFile(this.#disk.open(path, mode)), path);
  }
  rename(from: string, to: string): void {
    mortal(() => this.#disk.rename(from, to), from);
  }
  remove(path: string): void {
    mortal(() => this.#disk.remove(path), path);
  }
  removeTree(path: string): Promise<void> {
    return mortalLater(() => this.#disk.removeTree(path), path);
  }
  makeDir(path: string): void {
    mortal(() => this.#disk.makeDir(path), path);
  }
  list(path: string): ReturnType<Disk['list']> {
    return mortal(() => this.#disk.list(path), path);
  }
  exists(path: string): boolean {
    return mortal(() => this.#disk.exists(path), path);
  }
  syncDir(path: string): Promise<void> {
    return mortalLater(() => this.#disk.syncDir(path), path);
  }
  freeBytes(path: string): number {
    return mortal(() => this.#disk.freeBytes(path), path);
  }
  lock(path: string): ReturnType<Disk['lock']> {
    return mortal(() => this.#disk.lock(path), path);
  }
}

function wrapFile(file: DiskFile): DiskFile {
  const { path } = file;
  return {
    path,
    size: () => mortal(() => file.size(), path),
    readNow: (at, into) => mortal(() => file.readNow(at, into), path),
    read: (at, into) => mortalLater(() => file.read(at, into), path),
    writeNow: (at, bytes) => mortal(() => file.writeNow(at, bytes), path),
    writeManyNow: (at, chunks) => mortal(() => file.writeManyNow(at, chunks), path),
    write: (at, bytes) => mortalLater(() => file.write(at, bytes), path),
    truncateNow: (bytes) => mortal(() => file.truncateNow(bytes), path),
    dataSync: () => mortalLater(() => file.dataSync(), path),
    dataSyncNow: () => mortal(() => file.dataSyncNow(), path),
    close: () => file.close(),
  };
}

function mortal<Result>(action: () => Result, path: string): Result {
  try {
    return action();
  } catch (error) {
    throw translated(error, path);
  }
}

async function mortalLater<Result>(action: () => Promise<Result>, path: string): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw translated(error, path);
  }
}

function translated(error: unknown, path: string): unknown {
  return error instanceof FakeStop ? new DiskError('io', path, error.message) : error;
}
