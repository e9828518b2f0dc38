// A whole node in one thread: the real reducer over naive shards. Changes of the state are seen as
// soon as `propose` returns.

import type { Command } from '../../src/cluster/commands.ts';
import { reduce } from '../../src/cluster/reducer.ts';
import { type ClusterState, emptyClusterState } from '../../src/model/cluster-state.ts';
import { vectorConfigs } from '../../src/model/collection-config.ts';
import { RequestError } from '../../src/model/request-error.ts';
import type { ClusterAccess } from '../../src/server/cluster-access.ts';
import { defaultSettings, type Settings } from '../../src/server/config/settings.ts';
import type {
  Engine,
  ProcessReport,
  ProposalOutcome,
  RequestSeries,
} from '../../src/server/engine.ts';
import { NaiveShard } from './naive-shard.ts';

export class FakeEngine implements Engine {
  readonly settings: Settings;
  readonly ownPeerId = 1n;
  /** Tests that play a peer of a cluster put one here, and the state that goes with it. */
  cluster: ClusterAccess | null = null;
  #state: ClusterState;
  readonly #shards = new Map<string, NaiveShard>();
  /** Tests put a server's counters here. */
  requestSeries: () => readonly RequestSeries[] = () => [];

  constructor(settings: Settings = defaultSettings, state: ClusterState = emptyClusterState) {
    this.settings = settings;
    this.#state = state;
  }

  state(): ClusterState {
    return this.#state;
  }

  shard(collectionUuid: string, shardId: number): NaiveShard {
    const key = `${collectionUuid}/${shardId}`;
    const known = this.#shards.get(key);
    if (known !== undefined) return known;
    const collection = () => {
      const all = [...this.#state.collections.values()];
      const found = all.find((candidate) => candidate.uuid === collectionUuid);
      if (found === undefined) throw new RequestError('not_found', 'the collection is gone');
      return found;
    };
    const shard = new NaiveShard({
      vectors: () => vectorConfigs(collection().config),
      schema: () => collection().schema,
    });
    this.#shards.set(key, shard);
    return shard;
  }

  localShard(collectionUuid: string, shardId: number): NaiveShard {
    return this.shard(collectionUuid, shardId);
  }

  propose(command: Command, _timeoutMs: number): Promise<ProposalOutcome> {
    const { state, outcome } = reduce(this.#state, command);
    this.#state = state;
    if (outcome.kind === 'applied') return Promise.resolve({ changed: outcome.changed });
    return Promise.reject(new RequestError(outcome.code, outcome.message));
  }

  processReport(): Promise<ProcessReport> {
    return Promise.resolve({ requests: this.requestSeries(), startedAtMs: 0 });
  }
}
