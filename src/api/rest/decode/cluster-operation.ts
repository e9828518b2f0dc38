// The body of `POST /collections/{c}/cluster`: an object with one key, the operation.

import { JsonScanner } from '../../../base/json-scanner.ts';
import { type TransferMethod, transferMethods } from '../../../model/cluster-state.ts';
import type { ClusterOperation, TransferAddress } from '../../../server/services/placement.ts';
import { notBuilt, nullable, readChoice, readStruct, uint32Max, Violations } from './struct.ts';

const unbuilt = [
  'replicate_points',
  'create_sharding_key',
  'drop_sharding_key',
  'start_resharding',
  'abort_resharding',
  'finish_resharding',
  'finish_migrating_points',
  'commit_read_hash_ring',
  'commit_write_hash_ring',
];

export function decodeClusterOperation(body: Uint8Array): ClusterOperation {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  const operations: ClusterOperation[] = [];
  let unbuiltName: string | null = null;
  const start = (kind: 'move_shard' | 'replicate_shard' | 'restart_transfer') => (): void => {
    const required = kind === 'restart_transfer' ? ['method'] : [];
    const { address, method } = readAddress(scanner, { kind, required }, violations);
    if (kind !== 'restart_transfer') operations.push({ kind, address, method });
    else if (method !== null) operations.push({ kind, address, method });
  };
  readStruct(scanner, 'enum ClusterOperations', {
    move_shard: start('move_shard'),
    replicate_shard: start('replicate_shard'),
    restart_transfer: start('restart_transfer'),
    abort_transfer: () => {
      const kind = 'abort_transfer';
      const { address } = readAddress(scanner, { kind, required: [] }, violations);
      operations.push({ kind, address });
    },
    drop_replica: () => {
      operations.push(readReplica(scanner));
    },
    ...Object.fromEntries(
      unbuilt.map((name) => [
        name,
        () => {
          scanner.skipValue();
          unbuiltName = name;
        },
      ]),
    ),
  });
  const [operation] = operations;
  if (unbuiltName === null && operations.length !== 1) {
    scanner.fail('data did not match any variant of untagged enum ClusterOperations');
  }
  scanner.finish();
  violations.throwIfAny();
  return operation ?? notBuilt(unbuiltName ?? 'this operation');
}

function readAddress(
  scanner: JsonScanner,
  { kind, required }: { readonly kind: string; readonly required: readonly string[] },
  violations: Violations,
): { readonly address: TransferAddress; readonly method: TransferMethod | null } {
  let shardId = 0;
  let toShardId: number | null = null;
  let from = 0n;
  let to = 0n;
  let method: TransferMethod | null = null;
  readStruct(
    scanner,
    `struct ${kind}`,
    {
      shard_id: () => {
        shardId = readShardId(scanner);
      },
      to_shard_id: () => {
        toShardId = nullable(scanner, () => readShardId(scanner));
      },
      from_peer_id: () => {
        from = BigInt(scanner.readUint64());
      },
      to_peer_id: () => {
        to = BigInt(scanner.readUint64());
      },
      method: () => {
        method = nullable(scanner, () => readChoice(scanner, transferMethods));
      },
    },
    ['shard_id', 'from_peer_id', 'to_peer_id', ...required],
  );
  if (from === to && (toShardId === null || toShardId === shardId)) {
    const text =
      'cannot transfer shard to itself, ' +
      `"to_peer_id" must be different than ${from} in "from_peer_id"`;
    violations.add(`${kind}.to_peer_id`, text);
  }
  return { address: { shardId, toShardId, from, to }, method };
}

function readReplica(scanner: JsonScanner): ClusterOperation {
  let shardId = 0;
  let peerId = 0n;
  readStruct(
    scanner,
    'struct Replica',
    {
      shard_id: () => {
        shardId = readShardId(scanner);
      },
      peer_id: () => {
        peerId = BigInt(scanner.readUint64());
      },
    },
    ['shard_id', 'peer_id'],
  );
  return { kind: 'drop_replica', shardId, peerId };
}

function readShardId(scanner: JsonScanner): number {
  return scanner.readInteger(0, uint32Max, 'u32');
}
