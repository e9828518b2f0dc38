import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planSearch, type SearchPlanInput } from './plan.ts';

const base: SearchPlanInput = {
  exact: false,
  matchCount: 100_000,
  limit: 10,
  ef: 100,
  hasGraph: true,
  fullScanCount: 1000,
};

const plan = (change: Partial<SearchPlanInput>) => planSearch({ ...base, ...change }).kind;

test('few matches are scored, many are walked to', () => {
  assert.equal(plan({}), 'graph');
  assert.equal(plan({ matchCount: 50_000 }), 'graph');
  assert.equal(plan({ matchCount: 1000 }), 'scan');
  assert.equal(plan({ matchCount: 10 }), 'scan');
  assert.equal(plan({ matchCount: 0 }), 'none');
});

test('exact searches and segments without a graph are scanned', () => {
  assert.equal(plan({ exact: true }), 'scan');
  assert.equal(plan({ hasGraph: false }), 'scan');
  assert.equal(plan({ matchCount: 500 }), 'scan');
});

test('a walk looks for at least as many candidates as are asked for', () => {
  assert.deepEqual(planSearch({ ...base, limit: 300 }), { kind: 'graph', ef: 300 });
  assert.equal(plan({ limit: Number.MAX_SAFE_INTEGER }), 'scan');
});
