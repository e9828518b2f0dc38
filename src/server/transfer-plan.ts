// Which transfers this peer has to begin, end or report, by what is agreed and what runs here:
// pure.
//
//   agreed, not running here ──▶ start        running, not agreed any more ──▶ stop
//   ended here, still agreed ──▶ finish or abort, proposed again until it is agreed
//   agreed when this process began ──▶ abort: whoever was at work on it is gone

import type { PeerId } from '../base/ids.ts';
import type { Command } from '../cluster/commands.ts';
import { receiverOf } from '../cluster/replica-edits.ts';
import type { ClusterState, CollectionState, ShardTransfer } from '../model/cluster-state.ts';
import { isActive } from '../model/replica-rules.ts';

/** What has become of a transfer whose source is here. */
export type TaskStatus =
  | { readonly kind: 'running' }
  | { readonly kind: 'streamed' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface TransferTask {
  /** Name and uuid of the collection. */
  readonly name: string;
  readonly uuid: string;
  readonly transfer: ShardTransfer;
  readonly status: TaskStatus;
}

export type TransferStep =
  | {
      readonly kind: 'start';
      readonly collection: CollectionState;
      readonly transfer: ShardTransfer;
    }
  | { readonly kind: 'stop'; readonly task: TransferTask; readonly isFinished: boolean }
  | { readonly kind: 'propose'; readonly key: string; readonly command: Command };

export function taskKey(uuid: string, { serial }: ShardTransfer): string {
  return `${uuid}/${serial}`;
}

export function planTransfers(
  state: ClusterState,
  ownPeerId: PeerId,
  here: {
    readonly tasks: ReadonlyMap<string, TransferTask>;
    /** Keys of transfers that were agreed when this process began. */
    readonly interrupted: ReadonlySet<string>;
  },
): readonly TransferStep[] {
  const steps: TransferStep[] = [];
  const agreed = new Set<string>();
  for (const collection of state.collections.values()) {
    for (const transfer of collection.transfers) {
      const key = taskKey(collection.uuid, transfer);
      agreed.add(key);
      const step = stepFor(collection, transfer, {
        isSource: transfer.from === ownPeerId,
        isInterrupted: here.interrupted.has(key),
        task: here.tasks.get(key) ?? null,
      });
      if (step !== null) steps.push(step);
    }
  }
  const over = [...here.tasks].filter(([key]) => !agreed.has(key));
  return [...over.map(([, task]) => stopStep(state, task)), ...steps];
}

function stepFor(
  collection: CollectionState,
  transfer: ShardTransfer,
  here: {
    readonly isSource: boolean;
    readonly isInterrupted: boolean;
    readonly task: TransferTask | null;
  },
): TransferStep | null {
  if (here.isInterrupted) {
    return abortion(collection, transfer, 'Source or target peer restarted');
  }
  if (!here.isSource) return null;
  if (transfer.method !== 'stream_records' || transfer.toShardId !== null) {
    return abortion(collection, transfer, `transfers by ${transfer.method} are not built yet`);
  }
  const status = here.task?.status;
  switch (status?.kind) {
    case undefined:
      return { kind: 'start', collection, transfer };
    case 'running':
      return null;
    case 'failed':
    case 'streamed': {
      const command = endOf(collection.name, transfer, status);
      return { kind: 'propose', key: taskKey(collection.uuid, transfer), command };
    }
  }
}

/** What the cluster is to agree on when the sending has ended. */
export function endOf(
  collection: string,
  transfer: ShardTransfer,
  status: Exclude<TaskStatus, { readonly kind: 'running' }>,
): Command {
  if (status.kind === 'failed') {
    return abort(collection, transfer, `transmission failed: ${status.reason}`);
  }
  return { kind: 'finish_transfer', collection, key: transfer, serial: transfer.serial };
}

function abort(collection: string, transfer: ShardTransfer, reason: string): Command {
  const { serial } = transfer;
  return { kind: 'abort_transfer', collection, key: transfer, serial, reason };
}

function abortion(
  { name, uuid }: CollectionState,
  transfer: ShardTransfer,
  reason: string,
): TransferStep {
  const command = abort(name, transfer, reason);
  return { kind: 'propose', key: taskKey(uuid, transfer), command };
}

/** Where the receiver counts, the transfer came to its end. */
function stopStep(state: ClusterState, task: TransferTask): TransferStep {
  const { shardId, peerId } = receiverOf(task.transfer);
  const collection = state.collections.get(task.name);
  const receiver =
    collection?.uuid === task.uuid
      ? collection.shards.get(shardId)?.replicas.get(peerId)
      : undefined;
  return { kind: 'stop', task, isFinished: receiver !== undefined && isActive(receiver) };
}
