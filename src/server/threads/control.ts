// The control thread: owns the threads and whatever changes the state. A node that stands alone
// changes it by itself; a peer of a cluster follows what all of them agree on. It never sees a
// client's body or a vector.

import type { Command } from '../../cluster/commands.ts';
import type { TransferProgress } from '../../collection/transfer/driver.ts';
import { RequestError } from '../../model/request-error.ts';
import type { ClusterAccess } from '../cluster-access.ts';
import type { ProposalOutcome } from '../engine.ts';
import type { ThreadHost } from './thread-host.ts';

/** Who decides what the state is. */
export interface StateChanges {
  /** What this node holds is loaded and known to the workers when this resolves. */
  load(): Promise<void>;
  propose(command: Command, timeoutMs: number): Promise<ProposalOutcome>;
}

/** Of a peer of a cluster. */
export interface ClusterChanges extends StateChanges, ClusterAccess {
  /** Others reach this peer from now on. */
  listen(): Promise<void>;
  /** No change comes after this. */
  stop(): Promise<void>;
  /** Of a transfer whose source is here, by uuid of the collection and serial. */
  tellProgress(transfer: string, progress: TransferProgress): void;
}

export class Control {
  readonly #host: ThreadHost;
  readonly #changes: StateChanges;
  readonly #cluster: ClusterChanges | null;

  constructor(
    host: ThreadHost,
    node:
      | { readonly kind: 'standalone'; readonly changes: StateChanges }
      | { readonly kind: 'peer'; readonly changes: ClusterChanges },
  ) {
    this.#host = host;
    this.#changes = node.changes;
    this.#cluster = node.kind === 'peer' ? node.changes : null;
  }

  /** Everything is loaded and every worker listens when this resolves. */
  async start(): Promise<{ readonly port: number }> {
    // Consensus catches up while the threads start.
    await this.#cluster?.listen();
    await this.#host.startThreads({
      propose: ({ command, timeoutMs }) => this.#changes.propose(command, timeoutMs),
      cluster_status: () => this.#peer().status(),
      recover: async () => {
        await this.#peer().recover();
        return null;
      },
      remove_peer: async ({ peerId, timeoutMs }) => {
        await this.#peer().removePeer(peerId, timeoutMs);
        return null;
      },
      is_ready: ({ timeoutMs }) => this.#peer().isReady(timeoutMs),
      transfer_progress: ({ transfer, progress }) => {
        this.#peer().tellProgress(`${transfer.collection}/${transfer.serial}`, progress);
        return null;
      },
      transfer_comments: () => this.#peer().transferComments(),
      peer_telemetry: ({ detailsLevel, timeoutMs }) =>
        this.#peer().peerTelemetry(detailsLevel, timeoutMs),
    });
    await this.#changes.load();
    return this.#host.listen();
  }

  /** `graceful`: running requests end first. Shards are synced and closed in any case. */
  async stop(graceful: boolean): Promise<void> {
    if (graceful) await this.#host.drain();
    await this.#cluster?.stop();
    await this.#host.stop();
  }

  #peer(): ClusterChanges {
    if (this.#cluster !== null) return this.#cluster;
    throw new RequestError('internal', 'Qdrant is running in standalone mode');
  }
}
