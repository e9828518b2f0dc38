// What a node does first, row by row.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planStart, type StartFacts } from './start-plan.ts';

const own = 'http://a:6335/';
const other = 'http://b:6335/';

const fresh: StartFacts = {
  peerId: 1n,
  hasTakenPart: false,
  clusterId: null,
  ownUri: null,
  addresses: new Map(),
  uri: null,
  bootstrap: null,
};

const member: StartFacts = {
  ...fresh,
  hasTakenPart: true,
  clusterId: 'c',
  ownUri: own,
  addresses: new Map([
    [1n, own],
    [2n, other],
  ]),
};

const rows: readonly (readonly [string, StartFacts, unknown])[] = [
  ['founds a cluster', { ...fresh, uri: own }, { kind: 'found', uri: own }],
  [
    'the first one must say where it is',
    fresh,
    { kind: 'fail', message: 'First peer should specify its uri.' },
  ],
  ['joins', { ...fresh, bootstrap: other }, { kind: 'join', through: [other] }],
  [
    'told to join itself, it is the first',
    { ...fresh, uri: own, bootstrap: own },
    { kind: 'found', uri: own },
  ],
  [
    'let in and no more: joins again, through whom it knows',
    { ...member, hasTakenPart: false },
    { kind: 'join', through: [other] },
  ],
  [
    'let in and no more, with a bootstrap of its own',
    { ...member, hasTakenPart: false, bootstrap: 'http://c:6335/' },
    { kind: 'join', through: ['http://c:6335/', other] },
  ],
  ['comes back; flags do not matter', { ...member, bootstrap: other }, { kind: 'restart' }],
  ['comes back, saying what is known', { ...member, uri: own }, { kind: 'restart' }],
  [
    'comes back from elsewhere',
    { ...member, uri: 'http://d:6335/' },
    { kind: 'announce', uri: 'http://d:6335/', to: [other] },
  ],
  [
    'comes back from elsewhere and knows nobody',
    { ...member, uri: other, addresses: new Map([[1n, own]]) },
    { kind: 'fail', message: 'Failed to recover from any known peers' },
  ],
];

for (const [name, facts, plan] of rows) {
  test(name, () => assert.deepEqual(planStart(facts), plan));
}

test('who has ever known a cluster founds no other', () => {
  const facts = { ...fresh, clusterId: 'c', uri: own };
  const plan = planStart(facts);
  assert(plan.kind === 'fail');
  assert.match(plan.message, /belonged to cluster c/);
});
