// Stories of the agreed state: what applies, what is refused, and that a refusal changes nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCommand } from '../../test/state/examples.ts';
import { type ClusterState, emptyClusterState, findCollection } from '../model/cluster-state.ts';
import type { Command } from './commands.ts';
import { reduce } from './reducer.ts';

function create(name: string): Command {
  const command = createCommand(name, [
    [0, [1n]],
    [1, [1n]],
  ]);
  return { ...command, collectionCountMax: 3 };
}

function apply(state: ClusterState, ...commands: readonly Command[]): ClusterState {
  return commands.reduce((current, command) => {
    const { state: next, outcome } = reduce(current, command);
    assert.equal(outcome.kind, 'applied', JSON.stringify(outcome));
    return next;
  }, state);
}

function refusal(state: ClusterState, command: Command): string {
  const { state: next, outcome } = reduce(state, command);
  assert.equal(next, state, 'a refusal changes nothing');
  assert.ok(outcome.kind === 'refused');
  return `${outcome.code}: ${outcome.message}`;
}

test('a collection is created once, with its shards, up to the bound', () => {
  const state = apply(emptyClusterState, create('a'), create('b'), create('c'));
  assert.deepEqual([...(findCollection(state, 'a')?.shards.keys() ?? [])], [0, 1]);
  assert.equal(refusal(state, create('a')), 'already_exists: Collection `a` already exists!');
  assert.match(refusal(state, create('d')), /Max collections limit reached: 3$/);
});

test('deleting a collection takes its aliases along; deleting nothing changes nothing', () => {
  const aliased = apply(emptyClusterState, create('a'), {
    kind: 'change_aliases',
    actions: [{ kind: 'create', alias: 'x', collection: 'a' }],
  });
  assert.equal(findCollection(aliased, 'x')?.name, 'a');
  assert.match(refusal(aliased, create('x')), /^wrong_input: .*Alias with the same name/);
  const gone = apply(aliased, { kind: 'delete_collection', name: 'a' });
  assert.equal(gone.aliases.size, 0);
  const again = reduce(gone, { kind: 'delete_collection', name: 'a' });
  assert.deepEqual(again.outcome, { kind: 'applied', changed: false });
});

test('alias actions before a failing one stay', () => {
  const state = apply(emptyClusterState, create('a'));
  const { state: next, outcome } = reduce(state, {
    kind: 'change_aliases',
    actions: [
      { kind: 'create', alias: 'x', collection: 'a' },
      { kind: 'rename', from: 'unknown', to: 'y' },
    ],
  });
  assert.deepEqual(outcome, {
    kind: 'refused',
    code: 'not_found',
    message: 'Alias unknown does not exists!',
  });
  assert.equal(next.aliases.get('x'), 'a');
});

test('a patch merges: only what was given changes, metadata loses keys set to null', () => {
  const first: Command = {
    kind: 'update_collection',
    name: 'a',
    patch: { hnsw: { m: 32 }, metadata: '{"k":1,"l":9007199254740993}' },
  };
  const second: Command = {
    kind: 'update_collection',
    name: 'a',
    patch: {
      vectors: new Map([['', { hnsw_config: { m: 8 } }]]),
      metadata: '{"k":null,"n":3.0}',
      quantization: { scalar: { type: 'int8' } },
    },
  };
  const changed = findCollection(apply(emptyClusterState, create('a'), first, second), 'a')?.config;
  assert.equal(changed?.hnsw_config.m, 32);
  assert.equal(changed?.hnsw_config.ef_construct, 100);
  assert.deepEqual(changed?.params.vectors, {
    single: { size: 4, distance: 'Dot', hnsw_config: { m: 8 } },
  });
  assert.equal(changed?.metadata, '{"l":9007199254740993,"n":3.0}');
  assert.deepEqual(changed?.quantization_config, { scalar: { type: 'int8' } });
});

test('a patch of an unknown vector or collection is refused', () => {
  const state = apply(emptyClusterState, create('a'));
  const patch = { vectors: new Map([['v', {}]]) };
  assert.equal(
    refusal(state, { kind: 'update_collection', name: 'a', patch }),
    'wrong_input: Not existing vector name error: v',
  );
  assert.equal(
    refusal(state, { kind: 'update_collection', name: 'z', patch }),
    "not_found: Collection `z` doesn't exist!",
  );
});

test('payload indexes come and go through aliases too; __proto__ is a field like any other', () => {
  const state = apply(
    emptyClusterState,
    create('a'),
    { kind: 'change_aliases', actions: [{ kind: 'create', alias: 'x', collection: 'a' }] },
    {
      kind: 'create_payload_index',
      collection: 'x',
      field: '__proto__',
      schema: { dataType: 'keyword', params: null },
    },
  );
  assert.deepEqual([...(findCollection(state, 'a')?.schema.keys() ?? [])], ['__proto__']);
  const gone = apply(state, { kind: 'delete_payload_index', collection: 'a', field: '__proto__' });
  assert.equal(findCollection(gone, 'a')?.schema.size, 0);
});
