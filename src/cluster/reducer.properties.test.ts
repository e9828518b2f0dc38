// Long random histories: no command breaks the state, ends with an exception, or does more when it
// is applied again; and a state that went through its bytes goes on like the original.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkState, checkStep } from '../../test/state/invariants.ts';
import { randomState, randomWalk } from '../../test/state/random-walk.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import type { Command } from './commands.ts';
import { decodeProposal, encodeProposal } from './encode-proposal.ts';
import { decodeState, encodeState } from './encode-state.ts';
import { reduce } from './reducer.ts';
import { stateHash } from './state-hash.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

test('the state stays sound, and no copy is lost but with its peer', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      for (const { before, command, outcome, after } of randomWalk(seed, 120)) {
        checkState(after);
        if (command === null || outcome === null) continue;
        checkStep(before, after, command);
        if (outcome.kind === 'refused') assert.equal(after, before, 'a refusal changes nothing');
        else assert.equal(outcome.changed, after !== before);
      }
    }),
    { numRuns: 200 },
  );
});

test('the walks get everywhere: every command is applied, and refused if it can be', () => {
  const applied = new Set<string>();
  const refused = new Set<string>();
  for (let seed = 0; seed < 40; seed += 1) {
    for (const { command, outcome } of randomWalk(seed, 200)) {
      if (command === null || outcome === null) continue;
      if (outcome.kind === 'refused') refused.add(command.kind);
      else if (outcome.changed || command.kind === 'nop') applied.add(command.kind);
    }
  }
  assert.deepEqual([...applied].sort(), [...commandKinds].sort());
  const neverRefused = [...commandKinds].filter((kind) => !refused.has(kind)).sort();
  assert.deepEqual(neverRefused, [
    'create_payload_index',
    'delete_collection',
    'delete_named_vector',
    'delete_payload_index',
    'nop',
    'update_cluster_metadata',
    'update_peer_metadata',
  ]);
});

const commandKinds: readonly Command['kind'][] = [
  'create_collection',
  'update_collection',
  'delete_collection',
  'change_aliases',
  'create_payload_index',
  'delete_payload_index',
  'create_named_vector',
  'delete_named_vector',
  'set_replica_state',
  'start_transfer',
  'restart_transfer',
  'finish_transfer',
  'recovery_to_partial',
  'abort_transfer',
  'start_resharding',
  'commit_read_hash_ring',
  'commit_write_hash_ring',
  'finish_resharding',
  'abort_resharding',
  'create_shard_key',
  'drop_shard_key',
  'update_peer_metadata',
  'update_cluster_metadata',
  'nop',
];

/** What may be answered when a command comes a second time. */
const refusedAgain: ReadonlySet<Command['kind']> = new Set([
  'create_collection',
  'create_shard_key',
  'start_transfer',
  'restart_transfer',
  'finish_transfer',
  'recovery_to_partial',
  'abort_transfer',
]);

function isRefusedAgain(command: Command): boolean {
  if (command.kind === 'set_replica_state') return command.fromState !== null;
  // The resharding was taken back, and its shard with it.
  if (command.kind === 'update_collection') return command.replicaRemovals !== undefined;
  if (command.kind === 'change_aliases') return command.actions[0]?.kind === 'rename';
  return refusedAgain.has(command.kind);
}

test('applied again, a command does no more, and most are a success again', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      for (const { before, command, outcome, after } of randomWalk(seed, 60)) {
        if (command === null || outcome?.kind !== 'applied') continue;
        const again = reduce(after, command);
        assert.deepEqual(encodeState(again.state), encodeState(after), command.kind);
        const isGone = shardCount(after) < shardCount(before);
        if (isRefusedAgain(command) || isGone) continue;
        assert.equal(again.outcome.kind, 'applied', command.kind);
      }
    }),
    { numRuns: 100 },
  );
});

function shardCount(state: ClusterState): number {
  return [...state.collections.values()].reduce((sum, { shards }) => sum + shards.size, 0);
}

test('a state out of its bytes is the state, and goes on like it', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      for (const { before, command, outcome, after } of randomWalk(seed, 40)) {
        const copy = decodeState(encodeState(before));
        assert.deepEqual(copy, before);
        if (command === null) continue;
        const proposed = { proposer: 7n, number: 3, command };
        const decoded = decodeProposal(encodeProposal(proposed));
        assert.deepEqual(decoded, proposed);
        const replayed = reduce(copy, decoded.command);
        assert.deepEqual(replayed.outcome, outcome);
        assert.deepEqual(encodeState(replayed.state), encodeState(after));
        assert.equal(stateHash(replayed.state), stateHash(after));
      }
    }),
    { numRuns: 60 },
  );
});

test('hashes are equal exactly when the states are', () => {
  const texts = new Map<string, string>();
  for (let seed = 0; seed < 60; seed += 1) {
    for (const { after } of randomWalk(seed, 40)) {
      const bytes = new TextDecoder().decode(encodeState(after));
      const hash = stateHash(after);
      assert.equal(texts.get(hash) ?? bytes, bytes, 'two states share a hash');
      texts.set(hash, bytes);
    }
  }
  assert.equal(new Set(texts.values()).size, texts.size, 'a state has two hashes');
});

test('the order in which maps were filled does not show in bytes and hash', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const state = randomState(seed, 60);
      const other = reversed(state);
      assert.deepEqual(encodeState(other), encodeState(state));
      assert.equal(stateHash(other), stateHash(state));
    }),
    { numRuns: 60 },
  );
});

/** A copy in which every map was filled backwards. */
function reversed<Value>(value: Value): Value {
  if (value instanceof Map) {
    const entries = [...value].reverse().map(([key, member]) => [key, reversed(member)] as const);
    return new Map(entries) as Value;
  }
  if (Array.isArray(value)) return value.map(reversed) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).reverse();
  return Object.fromEntries(members.map(([key, member]) => [key, reversed(member)])) as Value;
}
