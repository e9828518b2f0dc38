// Random changes of the agreed state, each with a text by which its entry in the log is known.

import type { PeerId } from '../../src/base/ids.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { Command } from '../../src/cluster/commands.ts';
import type { CollectionConfig } from '../../src/model/collection-config.ts';

export interface Tagged {
  readonly command: Command;
  readonly token: string;
}

export function randomCommand(prng: Prng, serial: number, peers: readonly PeerId[]): Tagged {
  const name = `c${prng.int(6)}`;
  const token = `token-${serial}-`;
  switch (prng.int(6)) {
    case 0:
      return { command: createCollection(name, token, prng, peers), token };
    case 1:
      return { command: { kind: 'delete_collection', name }, token: name };
    case 2: {
      const actions = [{ kind: 'create', alias: `a${prng.int(4)}`, collection: name }] as const;
      return { command: { kind: 'change_aliases', actions }, token: name };
    }
    case 3: {
      const key = `key${prng.int(5)}`;
      const value = prng.chance(0.2) ? null : JSON.stringify(token);
      const command = { kind: 'update_cluster_metadata', key, value } as const;
      return { command, token: key };
    }
    case 4: {
      const token2 = `shared-${Math.floor(serial / 4)}-`;
      return { command: { kind: 'nop', token: token2 }, token: token2 };
    }
    default:
      return { command: { kind: 'nop', token }, token };
  }
}

export function createCollection(
  name: string,
  uuid: string,
  prng: Prng,
  peers: readonly PeerId[],
): Command {
  const config: CollectionConfig = {
    params: {
      vectors: { single: { size: 4, distance: 'Dot' } },
      shard_number: 2,
      replication_factor: 1,
      write_consistency_factor: 1,
      on_disk_payload: true,
    },
    hnsw_config: {
      m: 16,
      ef_construct: 100,
      full_scan_threshold: 10_000,
      max_indexing_threads: 0,
      on_disk: false,
    },
    optimizer_config: {
      deleted_threshold: 0.2,
      vacuum_min_vector_number: 1000,
      default_segment_number: 0,
      max_segment_size: null,
      memmap_threshold: null,
      indexing_threshold: 10_000,
      flush_interval_sec: 5,
      max_optimization_threads: null,
      prevent_unoptimized: null,
    },
    wal_config: { wal_capacity_mb: 32, wal_segments_ahead: 0, wal_retain_closed: 1 },
    quantization_config: null,
  };
  const distribution = [0, 1].map(
    (id) => [id, peers.length > 0 ? [prng.pick(peers)] : []] as const,
  );
  return {
    kind: 'create_collection',
    name,
    uuid,
    config,
    distribution,
    initialState: 'Initializing',
    collectionCountMax: 4,
  };
}
