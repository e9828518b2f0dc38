// Opening a shard: manifest, segments, then the log from the operation after the manifest's. What
// the log says was applied before is applied again, in the same order, with the same result.
//
// Damage is a `CorruptFileError` that names the file. A torn end of the log is no damage: it was
// never acknowledged, or only to somebody who did not ask for it to survive a power loss.

import { CorruptBytesError } from '../base/bytes.ts';
import type { Clock, Disk, Logger } from '../io/ports.ts';
import type { WalConfig } from '../model/collection-config.ts';
import { RequestError } from '../model/request-error.ts';
import { decodeUpdate } from '../model/update-codec.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';
import { joinPath } from '../storage/file-path.ts';
import { readManifest } from '../storage/manifest.ts';
import { Wal } from '../storage/wal.ts';
import type { UpdateApplier } from './apply.ts';
import { createShardFiles } from './new-shard.ts';
import type { Optimizer } from './optimizer.ts';
import type { PayloadIndexes } from './payload-indexes.ts';

const MiB = 1024 * 1024;
const progressEveryMs = 10_000;

/**
 * A shard has its log as soon as it has a manifest, so a manifest without a log is always damage,
 * however early a crash came.
 */
export async function openLog(
  directory: string,
  config: WalConfig,
  { disk, logger }: { readonly disk: Disk; readonly logger: Logger },
): Promise<Wal> {
  const isNew = !disk.exists(directory);
  if (isNew) await createShardFiles(disk, directory);
  const manifest = await readManifest(disk, directory);
  const { wal, tail } = await Wal.open(disk, joinPath(directory, 'wal'), {
    capacityBytes: config.wal_capacity_mb * MiB,
    closedKeptCount: config.wal_retain_closed,
    appliedLsn: manifest?.walAppliedLsn ?? 0,
    createIfMissing: manifest === null,
    isNew,
  });
  if (tail.cut !== null) {
    const { wasDurable, ...cut } = tail.cut;
    if (wasDurable) logger.error('the log is damaged: acknowledged updates are lost', { ...cut });
    else logger.warn('the end of the log was torn and is cut off', { ...cut });
  }
  return wal;
}

export interface ReplayParts {
  readonly wal: Wal;
  readonly applier: UpdateApplier;
  readonly indexes: PayloadIndexes;
  readonly optimizer: Optimizer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Applies every record after `appliedLsn`; returns the number of the last one. */
export async function replayLog(parts: ReplayParts, appliedLsn: number): Promise<number> {
  const { wal, optimizer, clock, logger } = parts;
  const startedAtMs = clock.monotonicMs();
  let reportedAtMs = startedAtMs;
  let lastLsn = appliedLsn;
  for (const { lsn, payload } of wal.readFrom(appliedLsn + 1)) {
    await replayRecord(parts, lsn, payload);
    lastLsn = lsn;
    optimizer.replayed(lsn);
    const nowMs = clock.monotonicMs();
    if (nowMs - reportedAtMs < progressEveryMs) continue;
    reportedAtMs = nowMs;
    logger.info('replaying the log', { lsn, lastLsn: wal.lastLsn });
  }
  const count = lastLsn - appliedLsn;
  const durationMs = Math.round(clock.monotonicMs() - startedAtMs);
  if (count > 0) logger.debug('replayed the log', { count, durationMs });
  return lastLsn;
}

async function replayRecord(
  { applier, indexes, logger }: ReplayParts,
  lsn: number,
  payload: Uint8Array,
): Promise<void> {
  try {
    const operation = decodeUpdate(payload);
    if (operation.kind === 'create_index' || operation.kind === 'delete_index') {
      await indexes.apply(operation);
      indexes.reopenNow();
    } else {
      await applier.apply(operation, lsn);
    }
  } catch (error) {
    if (error instanceof CorruptBytesError) {
      throw new CorruptFileError(`record ${lsn} of the log`, error.offset, error.message, {
        cause: error,
      });
    }
    // It met the same fault when it came first, and its sender was told.
    if (!(error instanceof RequestError)) throw error;
    logger.debug('replayed update is refused again', { lsn, error: error.message });
  }
}
