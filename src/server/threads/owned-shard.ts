// A shard that this thread owns, as the rest of the thread sees it. It also hands its views to the
// other threads.

import type { ShardAccess } from '../../collection/shard-access.ts';
import type { ForwardingShard } from '../../collection/transfer/forwarding-shard.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../../model/read.ts';
import { LocalShard } from '../../shard/local-shard.ts';
import type { LocalShardOptions, LocalShardPorts } from '../../shard/ports.ts';
import type { ShardInfo } from '../../shard/shard-info.ts';
import type { UpdateOutcome } from '../../shard/update-outcome.ts';
import type { MemoryAnswer, ShardView, ViewPublisher } from '../../shard/view.ts';
import { returnMemorySoon } from './memory-return.ts';
import type { PeerCalls, PublishedView, ShardKey } from './messages.ts';
import { createPause } from './pause.ts';
import { tellDamage } from './tell-damage.ts';
import type { ThreadPort } from './thread-port.ts';

export type Peers = ReadonlyMap<number, ThreadPort<PeerCalls, PeerCalls>>;

export class OwnedShard implements ShardAccess {
  readonly local: LocalShard;
  readonly #publisher: PeerPublisher;
  /** Not `null`: updates go to another peer, too. */
  #forwarding: ForwardingShard | null = null;

  private constructor(local: LocalShard, publisher: PeerPublisher) {
    this.local = local;
    this.#publisher = publisher;
  }

  static async open(
    key: ShardKey,
    options: LocalShardOptions,
    ports: Omit<LocalShardPorts, 'views'>,
    peers: Peers,
  ): Promise<OwnedShard> {
    const publisher = new PeerPublisher(key, peers);
    const local = await LocalShard.open(options, { ...ports, views: publisher });
    return new OwnedShard(local, publisher);
  }

  update(
    record: Uint8Array,
    options: { readonly wait: boolean; readonly timeoutMs: number },
  ): Promise<UpdateOutcome> {
    return (this.#forwarding ?? this.local).update(record, options);
  }

  forwardBy(forwarding: ForwardingShard): void {
    this.#forwarding = forwarding;
  }

  /** Unless another one has taken its place. */
  endForwarding(forwarding: ForwardingShard): void {
    if (this.#forwarding === forwarding) this.#forwarding = null;
  }

  read(request: ShardReadRequest, timeoutMs: number): Promise<ShardReadAnswer> {
    return tellDamage(this.local.readAll(request, createPause(request.kind, timeoutMs)));
  }

  readMemory(request: PeerCalls['read_memory']['request']): Promise<MemoryAnswer> {
    const pause = createPause(request.request.kind, request.timeoutMs);
    return tellDamage(this.local.readMemory(request.request, request.viewNumber, pause));
  }

  info(): Promise<ShardInfo> {
    return Promise.resolve(this.local.info());
  }

  /** For a thread that came later: the view all others have. */
  async introduce(peer: ThreadPort<PeerCalls, PeerCalls>): Promise<void> {
    await peer.call('view', this.#publisher.published(this.local.view()));
  }
}

class PeerPublisher implements ViewPublisher {
  readonly #key: ShardKey;
  readonly #peers: Peers;
  readonly #newest = new Int32Array(new SharedArrayBuffer(4));

  constructor(key: ShardKey, peers: Peers) {
    this.#key = key;
    this.#peers = peers;
  }

  published(view: ShardView): PublishedView {
    return { key: this.#key, view, newest: this.#newest };
  }

  /** A thread that dies meanwhile reads nothing any more: its silence counts as consent. */
  async publish(view: ShardView): Promise<void> {
    const message = this.published(view);
    const answers = [...this.#peers.values()].map((peer) => peer.call('view', message));
    // Only now, with the view in every port, may a reader go looking for it.
    Atomics.store(this.#newest, 0, view.number);
    await Promise.allSettled(answers);
    returnMemorySoon();
  }
}
