// A shard of which a transfer is running, as requests see it. At its end peers hear of the new
// replicas one after the other: who is late asks a replica that has just gone, and is refused. Such
// a request is made again when the news has come, instead of failing.
//
// An update may be carried out twice that way; it is with the receiver of the transfer anyhow.

import type { PeerId } from '../base/ids.ts';
import type { Timers } from '../io/ports.ts';
import { pause } from '../io/waiting.ts';
import type { ReplicaState } from '../model/cluster-state.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../model/read.ts';
import { RequestError } from '../model/request-error.ts';
import type { ShardInfo } from '../shard/shard-info.ts';
import type { UpdateOutcome } from '../shard/update-outcome.ts';
import { isTransient } from './replica-set.ts';
import type { ReplicatedShard } from './replicated-shard.ts';
import type { ReadConsistency, ShardAccess, WriteOptions } from './shard-access.ts';

type Replicas = ReadonlyMap<PeerId, ReplicaState>;

export interface MovingShardPorts {
  readonly timers: Timers;
  /** Those that are agreed at the moment, as far as it is known here. */
  readonly replicas: () => Replicas;
  /** The shard with them. */
  readonly shard: () => ReplicatedShard;
}

/** Peers that can be reached are not further apart. */
const newsMsMax = 1_000;
const lookEveryMs = 10;
const triesMax = 3;

export class MovingShard implements ShardAccess {
  readonly #ports: MovingShardPorts;

  constructor(ports: MovingShardPorts) {
    this.#ports = ports;
  }

  update(record: Uint8Array, options: WriteOptions): Promise<UpdateOutcome> {
    return this.#updated(() => this.#ports.shard().update(record.slice(), options));
  }

  lead(record: Uint8Array, options: WriteOptions): Promise<UpdateOutcome> {
    return this.#updated(() => this.#ports.shard().lead(record.slice(), options));
  }

  /** `update` gives a copy away each time: the shard may hand its record over to somebody. */
  async #updated(update: () => Promise<UpdateOutcome>): Promise<UpdateOutcome> {
    for (let tries = 1; ; tries += 1) {
      const before = this.#ports.replicas();
      const outcome = await update();
      if (outcome.status !== 'failed' || !isTransient(outcome.code)) return outcome;
      if (tries === triesMax || !(await this.#hasNews(before))) return outcome;
    }
  }

  read(
    request: ShardReadRequest,
    timeoutMs: number,
    consistency?: ReadConsistency,
  ): Promise<ShardReadAnswer> {
    return this.#asked((shard) => shard.read(request, timeoutMs, consistency));
  }

  info(): Promise<ShardInfo> {
    return this.#asked((shard) => shard.info());
  }

  async #asked<Answer>(ask: (shard: ShardAccess) => Promise<Answer>): Promise<Answer> {
    for (let tries = 1; ; tries += 1) {
      const before = this.#ports.replicas();
      try {
        return await ask(this.#ports.shard());
      } catch (error) {
        if (!(error instanceof RequestError) || !isTransient(error.code)) throw error;
        if (error.code === 'timeout' || tries === triesMax) throw error;
        if (!(await this.#hasNews(before))) throw error;
      }
    }
  }

  /** Have the replicas changed, or do they within the time? */
  async #hasNews(before: Replicas): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < newsMsMax; waitedMs += lookEveryMs) {
      if (!isSame(before, this.#ports.replicas())) return true;
      await pause(this.#ports.timers, lookEveryMs);
    }
    return false;
  }
}

function isSame(one: Replicas, other: Replicas): boolean {
  if (one.size !== other.size) return false;
  for (const [peerId, state] of one) if (other.get(peerId) !== state) return false;
  return true;
}
