// A state with everything that can be in one: for golden bytes and the codec.

import { reduce } from '../../src/cluster/reducer.ts';
import type { ClusterState, CollectionState } from '../../src/model/cluster-state.ts';
import { everyCommand } from './every-command.ts';
import { exampleConfig } from './examples.ts';

const custom: CollectionState = {
  name: 'tenants',
  uuid: '6f0d4a52-0000-4000-8000-000000000002',
  config: exampleConfig(1, 'custom'),
  schema: new Map([
    ['z', { dataType: 'keyword', params: null }],
    ['__proto__', { dataType: 'text', params: { type: 'text', on_disk: true } }],
  ]),
  shards: new Map([
    [1, { replicas: new Map([[1n, 'Active']]), key: '1', serial: 0 }],
    [
      2,
      {
        replicas: new Map([
          [9007199254740993n, 'Dead'],
          [1n, 'ReshardingScaleDown'],
        ]),
        key: 1n,
        serial: 4,
      },
    ],
    [7, { replicas: new Map(), key: 1n, serial: 5 }],
  ]),
  transfers: [
    {
      shardId: 1,
      toShardId: 2,
      from: 1n,
      to: 1n,
      sync: true,
      method: 'stream_records',
      filter: '{"must":[{"has_id":[18446744073709551615]}]}',
      serial: 6,
    },
  ],
  resharding: {
    uuid: 'b4c1f6c8-0000-4000-8000-000000000001',
    direction: 'down',
    peerId: 1n,
    shardId: 7,
    shardKey: 1n,
    stage: 'read_hash_ring_committed',
  },
  nextSerial: 8,
};

const empty: ClusterState = {
  clusterId: '2f6f1c0e-0000-4000-8000-000000000003',
  firstPeer: 18446744073709551615n,
  peers: new Map([
    [9007199254740993n, { uri: 'http://10.0.0.2:6335/', version: null }],
    [1n, { uri: 'http://10.0.0.1:6335/', version: '1.18.3' }],
  ]),
  metadata: new Map([
    ['limits', '[1,2.50,null,18446744073709551616]'],
    ['__proto__', '"ä"'],
  ]),
  collections: new Map([[custom.name, custom]]),
  aliases: new Map([
    ['shop', 'tenants'],
    ['__proto__ too', '__proto__'],
  ]),
};

export const fullState: ClusterState = reduce(empty, everyCommand.create_collection).state;
