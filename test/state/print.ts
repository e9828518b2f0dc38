// A collection's replicas, transfers and resharding as a few lines of text, for scripts and
// failures.

import { printedKey } from '../../src/cluster/reduction.ts';
import type { CollectionState, ShardTransfer } from '../../src/model/cluster-state.ts';

export function printCollection(collection: CollectionState): string {
  const { name, config, shards, transfers, resharding } = collection;
  const lines = [`${name}: shard_number ${config.params.shard_number}`];
  for (const [id, { replicas, key }] of shards) {
    const copies = [...replicas].map(([peerId, state]) => `${peerId} ${state}`).join(', ');
    lines.push(`  ${id}${key === null ? '' : ` of ${printedKey(key)}`}: ${copies || 'nobody'}`);
  }
  lines.push(...transfers.map((transfer) => `  ${printTransfer(transfer)}`));
  if (resharding !== null) {
    const { direction, shardId, peerId, stage } = resharding;
    lines.push(`  resharding ${direction}, shard ${shardId}, peer ${peerId}, ${stage}`);
  }
  return lines.join('\n');
}

function printTransfer(transfer: ShardTransfer): string {
  const { shardId, toShardId, from, to, sync, method, filter, serial } = transfer;
  const target = toShardId === null ? '' : ` into shard ${toShardId}`;
  const part = filter === null ? '' : `, filter ${filter}`;
  const kind = sync ? 'copy' : 'move';
  return `${kind} #${serial} of shard ${shardId}${target}: ${from} -> ${to}, ${method}${part}`;
}
