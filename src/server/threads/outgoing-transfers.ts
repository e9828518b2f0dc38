// Transfers whose source is a shard that this thread owns: starts and ends the forwarding of its
// updates and the driver that copies its points. When to do that is told by control.

import type { PeerClient } from '../../collection/peer-client.ts';
import {
  TransferDriver,
  type TransferProgress,
  type TransferResult,
} from '../../collection/transfer/driver.ts';
import { ForwardingShard } from '../../collection/transfer/forwarding-shard.ts';
import { stepSender } from '../../collection/transfer/send-step.ts';
import type { Random, Timers } from '../../io/ports.ts';
import type { OutgoingTransfer } from './messages.ts';
import type { OwnedShard } from './owned-shard.ts';

export interface OutgoingTransfersPorts {
  readonly client: PeerClient;
  readonly timers: Timers;
  readonly random: Random;
  readonly giveUpReceiver: (transfer: OutgoingTransfer) => Promise<boolean>;
  readonly tell: (transfer: OutgoingTransfer, progress: TransferProgress) => void;
}

interface Running {
  readonly shard: OwnedShard;
  readonly forwarding: ForwardingShard;
  readonly driver: TransferDriver;
}

export class OutgoingTransfers {
  readonly #ports: OutgoingTransfersPorts;
  readonly #running = new Map<string, Running>();

  constructor(ports: OutgoingTransfersPorts) {
    this.#ports = ports;
  }

  /** Updates are forwarded until `stop`, however this ends. */
  start(transfer: OutgoingTransfer, shard: OwnedShard): Promise<TransferResult> {
    const { client, timers, random } = this.#ports;
    const { collection, shardId, to, serial } = transfer;
    const forwarding = new ForwardingShard(shard.local, {
      timers,
      giveUpReceiver: () => this.#ports.giveUpReceiver(transfer),
    });
    const driver = new TransferDriver({
      serial,
      forwarding,
      source: shard,
      send: stepSender({ peerId: to, collection, shardId }, client),
      timers,
      random,
      tell: (progress) => this.#ports.tell(transfer, progress),
    });
    this.#running.set(keyOf(transfer), { shard, forwarding, driver });
    shard.forwardBy(forwarding);
    return driver.run();
  }

  /** `isFinished`: the receiver is active, so that what is on its way must still arrive. */
  stop(transfer: OutgoingTransfer, isFinished: boolean): void {
    const key = keyOf(transfer);
    const running = this.#running.get(key);
    if (running === undefined) return;
    this.#running.delete(key);
    running.shard.endForwarding(running.forwarding);
    running.driver.stop('the transfer is over', isFinished);
  }
}

function keyOf({ collection, serial }: OutgoingTransfer): string {
  return `${collection}/${serial}`;
}
