// Puts the parts of a shard together and brings them to the state that the disk says.

import type { Random } from '../io/ports.ts';
import { PublishedSegment } from '../segment/published-segment.ts';
import { loadSegment } from '../segment/segment-files.ts';
import type { Wal } from '../storage/wal.ts';
import { UpdateApplier } from './apply.ts';
import { BackgroundCheck } from './background-check.ts';
import { Committer } from './committer.ts';
import { Gate } from './gate.ts';
import { Optimizer } from './optimizer.ts';
import { indexingThresholdKb } from './optimizer-plan.ts';
import { Pace } from './pace.ts';
import { PayloadIndexes } from './payload-indexes.ts';
import type { LocalShardOptions, LocalShardPorts } from './ports.ts';
import { openLog, replayLog } from './recovery.ts';
import { SegmentSet } from './segment-set.ts';
import { type SegmentOpener, SegmentStore } from './segment-store.ts';
import { UpdateQueue } from './update-queue.ts';
import { UpdateWorker } from './update-worker.ts';
import { Views } from './views.ts';

export interface ShardParts {
  readonly wal: Wal;
  readonly set: SegmentSet;
  readonly views: Views;
  readonly queue: UpdateQueue;
  readonly worker: UpdateWorker;
  readonly optimizer: Optimizer;
  readonly indexes: PayloadIndexes;
  readonly gate: Gate;
  readonly check: BackgroundCheck;
}

export async function openParts(
  options: LocalShardOptions,
  ports: LocalShardPorts,
): Promise<ShardParts> {
  const wal = await openLog(options.directory, options.config.wal, ports);
  try {
    return await assemble(options, ports, wal);
  } catch (error) {
    await wal.close();
    throw error;
  }
}

async function assemble(
  options: LocalShardOptions,
  ports: LocalShardPorts,
  wal: Wal,
): Promise<ShardParts> {
  const { directory, config } = options;
  const { disk, clock, timers, logger, builder } = ports;
  const createId = () => randomUuid(ports.random);
  const store = await SegmentStore.open(disk, directory, logger);
  const set = new SegmentSet({ config, schema: store.schema, createId });
  const opener = createOpener(options, ports, set);
  for (const slot of await store.load(opener)) set.addPublished(slot);
  const views = new Views(set, ports.views);
  const pace = new Pace(clock, timers);
  const indexPace = new Pace(clock, timers);
  const { pause } = indexPace;
  const indexes = new PayloadIndexes({ set, store, views, opener, disk, logger, pause });
  const applier = new UpdateApplier(set, () => views.hold(), pace);
  const committer = new Committer({ set, store, views, wal, opener });
  const optimizer = new Optimizer(
    { set, store, wal, committer, indexes, builder, disk, clock, timers, logger, createId },
    options,
    store.appliedLsn,
  );
  const replayed = { wal, applier, indexes, optimizer, clock, logger };
  const appliedLsn = await replayLog(replayed, store.appliedLsn);
  set.recountMemory();
  const queue = new UpdateQueue({
    countMax: options.queueCountMax,
    bytesMax: options.queueBytesMax,
  });
  const gate = new Gate();
  const worker = new UpdateWorker({ queue, applier, indexes, optimizer, gate, logger }, appliedLsn);
  const check = new BackgroundCheck(set, ports);
  return { wal, set, views, queue, worker, optimizer, indexes, gate, check };
}

function createOpener(
  { slot, slotCount }: LocalShardOptions,
  { disk }: LocalShardPorts,
  set: SegmentSet,
): SegmentOpener {
  return {
    load: (directory) => {
      const { vectors, onDiskPayload } = set.config;
      const onDiskVectors = (name: string): boolean =>
        vectors.find((vector) => vector.name === name)?.onDisk ?? false;
      return loadSegment(disk, directory, {
        slotCount,
        onDiskPayload,
        onDiskVectors,
        verifyAll: false,
      });
    },
    open: (shared, schema) =>
      PublishedSegment.open(shared, {
        slot,
        disk,
        schema,
        indexingThresholdKb: indexingThresholdKb(set.config.optimizer),
      }),
  };
}

function randomUuid(random: Random): string {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
