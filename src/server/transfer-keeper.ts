// The transfers whose source this peer is: begins them when they are agreed, tells the cluster how
// they ended, and stops what is not agreed any more. What to do is decided by `transfer-plan.ts`;
// it is looked at after every change, and from time to time, so that no proposal is lost for good.

import type { PeerId } from '../base/ids.ts';
import type { Command } from '../cluster/commands.ts';
import type { TransferProgress, TransferResult } from '../collection/transfer/driver.ts';
import type { Clock, Logger } from '../io/ports.ts';
import type { ClusterState, CollectionState, ShardTransfer } from '../model/cluster-state.ts';
import {
  endOf,
  planTransfers,
  type TaskStatus,
  type TransferStep,
  type TransferTask,
  taskKey,
} from './transfer-plan.ts';

export interface TransferKeeperPorts {
  /** Rejects when the thread that owns the shard died. */
  readonly start: (collection: CollectionState, transfer: ShardTransfer) => Promise<TransferResult>;
  readonly stop: (uuid: string, transfer: ShardTransfer, isFinished: boolean) => Promise<void>;
  /** Rejects when nothing came of it. */
  readonly propose: (command: Command) => Promise<void>;
  /** All peers that can be reached have applied what this one has; resolves in any case. */
  readonly seenEverywhere: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Task extends TransferTask {
  status: TaskStatus;
  progress: TransferProgress;
  stageSinceMs: number;
  copyingSinceMs: number;
}

export class TransferKeeper {
  readonly #ownPeerId: PeerId;
  readonly #ports: TransferKeeperPorts;
  readonly #tasks = new Map<string, Task>();
  readonly #interrupted = new Set<string>();
  readonly #proposing = new Set<string>();

  constructor(ownPeerId: PeerId, ports: TransferKeeperPorts) {
    this.#ownPeerId = ownPeerId;
    this.#ports = ports;
  }

  /** The state that this process began with: whoever worked on its transfers here is gone. */
  begin({ collections }: ClusterState): void {
    for (const { uuid, transfers } of collections.values()) {
      for (const transfer of transfers) {
        const isConcerned = transfer.from === this.#ownPeerId || transfer.to === this.#ownPeerId;
        if (isConcerned) this.#interrupted.add(taskKey(uuid, transfer));
      }
    }
  }

  /** The shards of this peer are as this state says. */
  look(state: ClusterState): void {
    const here = { tasks: this.#tasks, interrupted: this.#interrupted };
    for (const step of planTransfers(state, this.#ownPeerId, here)) this.#carryOut(step);
  }

  tell(key: string, progress: TransferProgress): void {
    const task = this.#tasks.get(key);
    if (task === undefined) return;
    const nowMs = this.#ports.clock.monotonicMs();
    if (progress.stage !== task.progress.stage) {
      task.stageSinceMs = nowMs;
      if (progress.stage === 'transferring') task.copyingSinceMs = nowMs;
    }
    task.progress = progress;
  }

  /** For people: how far the transfers are whose source is here, by uuid and serial. */
  comments(): ReadonlyMap<string, string> {
    const nowMs = this.#ports.clock.monotonicMs();
    return new Map([...this.#tasks].map(([key, task]) => [key, commentOn(task, nowMs)]));
  }

  #carryOut(step: TransferStep): void {
    switch (step.kind) {
      case 'start':
        void this.#start(step.collection, step.transfer);
        return;
      case 'stop': {
        const { uuid, transfer } = step.task;
        this.#tasks.delete(taskKey(uuid, transfer));
        this.#stop(uuid, transfer, step.isFinished).catch((error: unknown) => {
          this.#ports.log.debug('a transfer stopped with its thread', { error: String(error) });
        });
        return;
      }
      case 'propose':
        void this.#propose(step.key, step.command);
        return;
    }
  }

  /**
   * Who has not heard yet that the receiver counts sends updates only here: they are forwarded
   * until everybody has.
   */
  async #stop(uuid: string, transfer: ShardTransfer, isFinished: boolean): Promise<void> {
    if (isFinished) await this.#ports.seenEverywhere();
    await this.#ports.stop(uuid, transfer, isFinished);
  }

  async #start(collection: CollectionState, transfer: ShardTransfer): Promise<void> {
    const { clock, log } = this.#ports;
    const { name, uuid } = collection;
    const nowMs = clock.monotonicMs();
    const task: Task = {
      name,
      uuid,
      transfer,
      status: { kind: 'running' },
      progress: { stage: 'proxifying', doneCount: 0, totalCount: 0 },
      stageSinceMs: nowMs,
      copyingSinceMs: nowMs,
    };
    const key = taskKey(uuid, transfer);
    const fields = { collection: name, shard: transfer.shardId, to: String(transfer.to) };
    this.#tasks.set(key, task);
    log.info('Sending a shard to another peer', fields);
    let status: Exclude<TaskStatus, { readonly kind: 'running' }>;
    try {
      status = await this.#ports.start(collection, transfer);
      if (status.kind === 'streamed') await this.#ports.seenEverywhere();
    } catch (error) {
      status = { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
    task.status = status;
    // It was stopped meanwhile.
    if (this.#tasks.get(key) !== task) return;
    const { doneCount } = task.progress;
    log.info('The sending of a shard ended', {
      ...fields,
      ...status,
      points: doneCount,
      took: seconds(clock.monotonicMs() - nowMs),
    });
    // Without waiting for the next look.
    void this.#propose(key, endOf(name, transfer, status));
  }

  async #propose(key: string, command: Command): Promise<void> {
    if (this.#proposing.has(key)) return;
    this.#proposing.add(key);
    try {
      await this.#ports.propose(command);
    } catch (error) {
      this.#ports.log.warn('the end of a transfer could not be agreed on yet', {
        error: String(error),
      });
    } finally {
      this.#proposing.delete(key);
    }
  }
}

function commentOn(task: Task, nowMs: number): string {
  const { stage, doneCount, totalCount } = task.progress;
  const parts = [`${stage} (${seconds(nowMs - task.stageSinceMs)})`];
  if (totalCount > 0) {
    const counts = `Transferring records (${doneCount}/${Math.max(doneCount, totalCount)})`;
    const leftCount = Math.max(0, totalCount - doneCount);
    const isKnown = doneCount > 0 && stage === 'transferring';
    const leftMs = ((nowMs - task.copyingSinceMs) / Math.max(1, doneCount)) * leftCount;
    parts.push(isKnown ? `${counts}, ETA: ${seconds(leftMs)}` : counts);
  }
  return parts.join(' | ');
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(2)}s`;
}
