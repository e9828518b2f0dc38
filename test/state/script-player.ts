// Plays stories of the agreed state. Each command is answered with what came of it and with every
// collection that changed. Peers are small numbers; `on=1,2|3` places shard 0 on the peers 1 and 2
// and shard 1 on peer 3.
//
//   peers 1 2 3                                  remove-peer 2
//   create c on=1,2|3 [state=…] [custom]         delete c
//   replica c 0 1 Dead [from=Active]             drop-replica c 0 1
//   transfer c 0 1 2 [method=…] [into=1] [filter=…] [move]
//   finish|to-partial|abort|restart c 0 1 2 [into=1] [serial=…] [method=…]
//   reshard c up|down shard=2 peer=1 [key=…] [uuid=…]
//   commit-read|commit-write|finish-resharding|abort-resharding c [uuid=…]
//   create-key c key on=1|2 [state=…]            drop-key c key
//   alias create|delete|rename …                 vector c name size    no-vector c name
// A key of digits is a number.

import type { Command } from '../../src/cluster/commands.ts';
import { applyMembership, encodePeerData } from '../../src/cluster/membership-data.ts';
import { reduce } from '../../src/cluster/reducer.ts';
import {
  type ClusterState,
  emptyClusterState,
  type ReplicaState,
  type ReshardingKey,
  type ShardKeyValue,
  type ShardTransferKey,
  type TransferMethod,
} from '../../src/model/cluster-state.ts';
import type { ScriptCommand } from '../raft/data-script.ts';
import { createCommand, exampleConfig } from './examples.ts';
import { printCollection } from './print.ts';

export class StateScript {
  #state: ClusterState = { ...emptyClusterState, clusterId: 'story', firstPeer: 1n };

  run(command: ScriptCommand): string {
    const before = this.#state;
    const verdict = this.#apply(command);
    const changed = [...this.#state.collections.values()].filter(
      (collection) => before.collections.get(collection.name) !== collection,
    );
    const gone = [...before.collections.keys()].filter(
      (name) => !this.#state.collections.has(name),
    );
    return [verdict, ...gone.map((name) => `${name}: gone`), ...changed.map(printCollection)].join(
      '\n',
    );
  }

  #apply({ name, words, options }: ScriptCommand): string {
    if (name === 'peers') {
      for (const word of words) this.#change('add_voter', BigInt(word));
      return `peers ${[...this.#state.peers.keys()].join(', ')}`;
    }
    if (name === 'remove-peer') {
      this.#change('remove', BigInt(words[0] ?? ''));
      return `peers ${[...this.#state.peers.keys()].join(', ')}`;
    }
    const { state, outcome } = reduce(this.#state, this.#command(name, words, options));
    this.#state = state;
    if (outcome.kind === 'applied') return outcome.changed ? 'applied' : 'unchanged';
    return `${outcome.code}: ${outcome.message}`;
  }

  #change(kind: 'add_voter' | 'remove', peerId: bigint): void {
    const data = encodePeerData({ uri: `http://peer-${peerId}:6335/`, version: null });
    this.#state = applyMembership(
      this.#state,
      { transition: 'auto', changes: [{ kind, peerId }] },
      data,
    );
  }

  #command(name: string, words: readonly string[], options: ReadonlyMap<string, string>): Command {
    const [collection = '', second = ''] = words;
    switch (name) {
      case 'create':
        return createOf(collection, options, words.includes('custom'));
      case 'delete':
        return { kind: 'delete_collection', name: collection };
      case 'drop-replica': {
        const removal = { shardId: Number(second), peerId: BigInt(words[2] ?? '') };
        return {
          kind: 'update_collection',
          name: collection,
          patch: {},
          replicaRemovals: [removal],
        };
      }
      case 'replica':
        return {
          kind: 'set_replica_state',
          collection,
          shardId: Number(second),
          peerId: BigInt(words[2] ?? ''),
          state: words[3] as ReplicaState,
          fromState: (options.get('from') as ReplicaState | undefined) ?? null,
        };
      default:
        return (
          keyOrSchemaOf(name, words, options) ??
          transferOf(name, words, options) ??
          this.#resharding(name, words, options)
        );
    }
  }

  #resharding(
    name: string,
    [collection = '', direction]: readonly string[],
    options: ReadonlyMap<string, string>,
  ): Command {
    if (name === 'reshard') {
      const key: ReshardingKey = {
        uuid: options.get('uuid') ?? 'first',
        direction: direction === 'up' ? 'up' : 'down',
        peerId: BigInt(options.get('peer') ?? ''),
        shardId: Number(options.get('shard')),
        shardKey: options.has('key') ? keyOf(options.get('key') ?? '') : null,
      };
      return { kind: 'start_resharding', collection, key };
    }
    const kinds = {
      'commit-read': 'commit_read_hash_ring',
      'commit-write': 'commit_write_hash_ring',
      'finish-resharding': 'finish_resharding',
      'abort-resharding': 'abort_resharding',
    } as const;
    const running = this.#state.collections.get(collection)?.resharding;
    const none = { uuid: '', direction: 'up', peerId: 1n, shardId: 0, shardKey: null } as const;
    const { stage: _, ...key } = { stage: '', ...(running ?? none) };
    const uuid = options.get('uuid') ?? key.uuid;
    return { kind: kinds[name as keyof typeof kinds], collection, key: { ...key, uuid } };
  }
}

function createOf(name: string, options: ReadonlyMap<string, string>, isCustom: boolean): Command {
  const distribution = placementOf(options).map((peers, id) => [id, peers] as const);
  const command = createCommand(name, distribution, options.get('state') as ReplicaState);
  return isCustom ? { ...command, config: exampleConfig(1, 'custom') } : command;
}

function keyOrSchemaOf(
  name: string,
  words: readonly string[],
  options: ReadonlyMap<string, string>,
): Command | null {
  const [collection = '', second = ''] = words;
  switch (name) {
    case 'create-key':
      return {
        kind: 'create_shard_key',
        collection,
        shardKey: keyOf(second),
        placement: placementOf(options),
        initialState: (options.get('state') as ReplicaState | undefined) ?? null,
      };
    case 'drop-key':
      return { kind: 'drop_shard_key', collection, shardKey: keyOf(second) };
    case 'vector': {
      const params = { size: Number(words[2]), distance: 'Dot' } as const;
      return { kind: 'create_named_vector', collection, vector: second, params };
    }
    case 'no-vector':
      return { kind: 'delete_named_vector', collection, vector: second };
    case 'alias':
      return aliasOf(words);
    default:
      return null;
  }
}

function placementOf(options: ReadonlyMap<string, string>): readonly (readonly bigint[])[] {
  const text = options.get('on');
  if (text === undefined) return [];
  return text.split('|').map((peers) => peers.split(',').filter(Boolean).map(BigInt));
}

function keyOf(text: string): ShardKeyValue {
  return /^[0-9]+$/.test(text) ? BigInt(text) : text;
}

function aliasOf([kind = '', first = '', second = '']: readonly string[]): Command {
  if (kind === 'create') {
    return { kind: 'change_aliases', actions: [{ kind, alias: first, collection: second }] };
  }
  if (kind === 'rename') {
    return { kind: 'change_aliases', actions: [{ kind, from: first, to: second }] };
  }
  return { kind: 'change_aliases', actions: [{ kind: 'delete', alias: first }] };
}

function transferOf(
  name: string,
  words: readonly string[],
  options: ReadonlyMap<string, string>,
): Command | null {
  const [collection = '', shardId, from = '', to = ''] = words;
  const into = options.get('into');
  const key = (): ShardTransferKey => ({
    shardId: Number(shardId),
    toShardId: into === undefined ? null : Number(into),
    from: BigInt(from),
    to: BigInt(to),
  });
  const method = (options.get('method') ?? 'stream_records') as TransferMethod;
  const serial = options.has('serial') ? Number(options.get('serial')) : null;
  switch (name) {
    case 'transfer': {
      const filter = options.get('filter') ?? null;
      const transfer = { ...key(), sync: !words.includes('move'), method, filter };
      return { kind: 'start_transfer', collection, transfer };
    }
    case 'finish':
      return { kind: 'finish_transfer', collection, key: key(), serial };
    case 'to-partial':
      return { kind: 'recovery_to_partial', collection, key: key(), serial };
    case 'abort':
      return { kind: 'abort_transfer', collection, key: key(), serial, reason: 'story' };
    case 'restart':
      return { kind: 'restart_transfer', collection, key: key(), serial, method };
    default:
      return null;
  }
}
