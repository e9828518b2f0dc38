import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ClusterState,
  type CollectionState,
  emptyClusterState,
  type ReplicaState,
  type ShardTransfer,
} from '../model/cluster-state.ts';
import type { CollectionConfig } from '../model/collection-config.ts';
import { planRecovery } from './recovery-plan.ts';
import { planTransfers, type TaskStatus, type TransferTask } from './transfer-plan.ts';

function transferOf(shardId: number, from: bigint, to: bigint, more: Partial<ShardTransfer> = {}) {
  return {
    shardId,
    toShardId: null,
    from,
    to,
    sync: true,
    method: 'stream_records',
    filter: null,
    serial: 10 + shardId,
    ...more,
  } as const satisfies ShardTransfer;
}

/** One list of states for each shard: of the peers 1, 2, … */
function stateOf(
  shards: readonly (readonly ReplicaState[])[],
  transfers: readonly ShardTransfer[] = [],
): ClusterState {
  const collection: CollectionState = {
    name: 'c',
    uuid: 'u',
    config: {} as CollectionConfig,
    schema: new Map(),
    shards: new Map(
      shards.map((states, shardId) => [
        shardId,
        {
          key: null,
          serial: shardId,
          replicas: new Map(states.map((state, index) => [BigInt(index + 1), state])),
        },
      ]),
    ),
    transfers,
    resharding: null,
    nextSerial: 99,
  };
  return { ...emptyClusterState, collections: new Map([['c', collection]]) };
}

function stepsOf(
  state: ClusterState,
  ownPeerId: bigint,
  here: { readonly tasks?: readonly TransferTask[]; readonly interrupted?: readonly string[] } = {},
): readonly string[] {
  const tasks = new Map((here.tasks ?? []).map((task) => [`u/${task.transfer.serial}`, task]));
  const interrupted = new Set(here.interrupted ?? []);
  return planTransfers(state, ownPeerId, { tasks, interrupted }).map((step) => {
    switch (step.kind) {
      case 'start':
        return `start ${step.transfer.serial}`;
      case 'stop':
        return `stop ${step.task.transfer.serial} ${step.isFinished ? 'finished' : 'aborted'}`;
      case 'propose': {
        const { command } = step;
        const reason = command.kind === 'abort_transfer' ? `: ${command.reason}` : '';
        return `${command.kind} ${step.key}${reason}`;
      }
    }
  });
}

function taskOf(transfer: ShardTransfer, status: TaskStatus): TransferTask {
  return { name: 'c', uuid: 'u', transfer, status };
}

test('the source, and nobody else, begins a transfer once', () => {
  const transfer = transferOf(0, 1n, 2n);
  const state = stateOf([['Active', 'Partial']], [transfer]);
  assert.deepEqual(stepsOf(state, 1n), ['start 10']);
  assert.deepEqual(stepsOf(state, 2n), []);
  const tasks = [taskOf(transfer, { kind: 'running' })];
  assert.deepEqual(stepsOf(state, 1n, { tasks }), []);
});

test('how it ended is proposed until the cluster has agreed', () => {
  const transfer = transferOf(0, 1n, 2n);
  const state = stateOf([['Active', 'Partial']], [transfer]);
  const ended = (status: TaskStatus) => stepsOf(state, 1n, { tasks: [taskOf(transfer, status)] });
  assert.deepEqual(ended({ kind: 'streamed' }), ['finish_transfer u/10']);
  assert.deepEqual(ended({ kind: 'failed', reason: 'cut off' }), [
    'abort_transfer u/10: transmission failed: cut off',
  ]);
});

test('what is not agreed any more stops, and where the receiver is active it came to its end', () => {
  const tasks = [taskOf(transferOf(0, 1n, 2n), { kind: 'streamed' })];
  assert.deepEqual(stepsOf(stateOf([['Active', 'Active']]), 1n, { tasks }), ['stop 10 finished']);
  assert.deepEqual(stepsOf(stateOf([['Active', 'Dead']]), 1n, { tasks }), ['stop 10 aborted']);
  assert.deepEqual(stepsOf(stateOf([['Active']]), 1n, { tasks }), ['stop 10 aborted']);
  assert.deepEqual(stepsOf(emptyClusterState, 1n, { tasks }), ['stop 10 aborted']);
});

test('another transfer of the same shard is another one', () => {
  const tasks = [taskOf(transferOf(0, 1n, 2n), { kind: 'running' })];
  const state = stateOf([['Active', 'Partial']], [transferOf(0, 1n, 2n, { serial: 55 })]);
  assert.deepEqual(stepsOf(state, 1n, { tasks }), ['stop 10 aborted', 'start 55']);
});

test('a transfer from before this process began is aborted by both ends', () => {
  const state = stateOf([['Active', 'Partial']], [transferOf(0, 1n, 2n)]);
  const expected = ['abort_transfer u/10: Source or target peer restarted'];
  for (const own of [1n, 2n]) {
    assert.deepEqual(stepsOf(state, own, { interrupted: ['u/10'] }), expected);
  }
});

test('methods that are not built end at once', () => {
  const transfer = transferOf(0, 1n, 2n, { method: 'snapshot' });
  assert.deepEqual(stepsOf(stateOf([['Active', 'Recovery']], [transfer]), 1n), [
    'abort_transfer u/10: transfers by snapshot are not built yet',
  ]);
});

// --- recovery

interface Refused {
  readonly unreachable?: readonly bigint[];
  readonly resting?: readonly number[];
}

function recoveriesOf(
  state: ClusterState,
  limits: { readonly incoming: number | null; readonly outgoing: number | null },
  { unreachable = [], resting = [] }: Refused = {},
): readonly string[] {
  const own = { peerId: 1n, limits };
  const conditions = {
    isReachable: (peerId: bigint) => !unreachable.includes(peerId),
    isResting: (uuid: string, shardId: number) => uuid === 'u' && resting.includes(shardId),
  };
  return planRecovery(state, own, conditions).map(
    ({ transfer: { shardId, from, to } }) => `${shardId}: ${from} -> ${to}`,
  );
}

const one = { incoming: 1, outgoing: 1 };
const unlimited = { incoming: null, outgoing: null };

test('a peer asks for its own dead replicas only, from one that is active and reachable', () => {
  const state = stateOf([
    ['Active', 'Dead'],
    ['Dead', 'Dead', 'Partial', 'Active'],
  ]);
  assert.deepEqual(recoveriesOf(state, one), ['1: 4 -> 1']);
  assert.deepEqual(recoveriesOf(state, one, { unreachable: [4n] }), []);
});

test('limits hold for both ends, count what runs, and 0 means never', () => {
  const dead: readonly ReplicaState[] = ['Dead', 'Active', 'Active'];
  const three = [dead, dead, dead];
  assert.deepEqual(recoveriesOf(stateOf(three), one), ['0: 2 -> 1']);
  assert.deepEqual(recoveriesOf(stateOf(three), { incoming: 2, outgoing: 1 }), [
    '0: 2 -> 1',
    '1: 3 -> 1',
  ]);
  // Two peers have at most one transfer between them.
  assert.deepEqual(recoveriesOf(stateOf(three), unlimited), ['0: 2 -> 1', '1: 3 -> 1']);
  assert.deepEqual(recoveriesOf(stateOf(three), { incoming: 0, outgoing: 1 }), []);
  assert.deepEqual(recoveriesOf(stateOf(three), { incoming: 1, outgoing: 0 }), []);
  // One that failed lately does not stand in the way of the others.
  assert.deepEqual(recoveriesOf(stateOf(three), one, { resting: [0] }), ['1: 2 -> 1']);
  const busySource = stateOf(three, [transferOf(2, 2n, 3n)]);
  assert.deepEqual(recoveriesOf(busySource, one), []);
  const busySelf = stateOf(three, [transferOf(2, 1n, 3n)]);
  assert.deepEqual(recoveriesOf(busySelf, one), []);
});
