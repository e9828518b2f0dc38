import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PeerId } from '../base/ids.ts';
import { type ReplicaState, replicaStates } from '../model/cluster-state.ts';
import { isReadable, isSourceOfTruth, takesUpdates } from '../model/replica-rules.ts';
import type { RequestErrorCode } from '../model/request-error.ts';
import type { UpdateOutcome } from '../shard/update-outcome.ts';
import {
  decideWrite,
  isTransient,
  leaderOf,
  mayDisable,
  planRead,
  type ReplicaOutcome,
  type ReplicaSetView,
  updateTargets,
} from './replica-set.ts';
import type { ReadConsistency } from './shard-access.ts';

function viewOf(
  given: readonly ReplicaState[],
  options: { readonly own?: number; readonly disabled?: readonly number[] } = {},
): ReplicaSetView {
  return {
    shardId: 4,
    ownPeerId: BigInt(options.own ?? 1),
    replicas: new Map(given.map((state, index) => [BigInt(index + 1), state])),
    disabled: new Set((options.disabled ?? []).map(BigInt)),
  };
}

const asIs = (peers: PeerId[]) => peers;
const notEnough = 'The replica set for shard 4 on peer 1 does not have enough active replicas';

test('who must answer a read, by consistency', () => {
  const three = viewOf(['Active', 'Active', 'Active'], { own: 2 });
  const peers = [2n, 1n, 3n];
  const plans: readonly (readonly [ReadConsistency, number, number])[] = [
    [1, 1, 1],
    [2, 2, 2],
    [9, 3, 3],
    ['quorum', 2, 2],
    ['majority', 3, 2],
    ['all', 3, 3],
  ];
  for (const [consistency, required, kept] of plans) {
    assert.deepEqual(planRead(three, consistency, asIs), { kind: 'ask', peers, required, kept });
  }
});

test('a replica that cannot be read makes some consistencies impossible', () => {
  const view = viewOf(['Active', 'Dead', 'Active']);
  for (const consistency of ['majority', 'all', 3] as const) {
    assert.deepEqual(planRead(view, consistency, asIs), { kind: 'refused', message: notEnough });
  }
  assert.equal(planRead(view, 'quorum', asIs).kind, 'ask');
  const disabled = viewOf(['Active', 'Active'], { disabled: [1, 2] });
  assert.deepEqual(planRead(disabled, 1, asIs), { kind: 'refused', message: notEnough });
  assert.deepEqual(planRead(viewOf([]), 1, asIs), { kind: 'refused', message: notEnough });
});

test('replicas that were just created lower what is required, down to an empty answer', () => {
  assert.deepEqual(planRead(viewOf(['Initializing', 'Initializing']), 1, asIs), { kind: 'empty' });
  const plan = planRead(viewOf(['Initializing', 'Active', 'Active']), 'all', asIs);
  assert.deepEqual(plan, { kind: 'ask', peers: [2n, 3n], required: 2, kept: 2 });
});

test('leaders: the highest peer, with medium only one that has all data and works', () => {
  const view = viewOf(['Active', 'Active', 'Dead'], { disabled: [2] });
  assert.equal(leaderOf(view, 'strong'), 3n);
  assert.equal(leaderOf(view, 'medium'), 1n);
  assert.equal(leaderOf(viewOf(['Dead', 'Partial']), 'medium'), null);
});

const completed: UpdateOutcome = { status: 'completed', operationId: 7 };
const acknowledged: UpdateOutcome = { status: 'acknowledged', operationId: 8 };
const late: UpdateOutcome = { status: 'wait_timeout', operationId: 9 };

function failure(code: RequestErrorCode, message: string = code): UpdateOutcome {
  return { status: 'failed', operationId: null, code, message };
}

function decide(
  view: ReplicaSetView,
  outcomes: readonly UpdateOutcome[],
  rules: { readonly factor?: number; readonly isUpdateOnly?: boolean } = {},
) {
  const { factor = 1, isUpdateOnly = false } = rules;
  const given = outcomes.map((outcome, index) => ({ peerId: BigInt(index + 1), outcome }));
  return decideWrite(view, given, { writeConsistencyFactor: factor, isUpdateOnly });
}

test('successes are merged: the highest status, the number of the highest peer', () => {
  const view = viewOf(['Active', 'Active', 'Active']);
  assert.deepEqual(decide(view, [late, acknowledged, completed]), {
    outcome: { status: 'wait_timeout', operationId: 7 },
    deactivated: [],
    mustAgree: false,
  });
});

test('too few successes: the first failure as it is, nobody is blamed', () => {
  const view = viewOf(['Active', 'Active', 'Active']);
  const outcomes = [completed, failure('internal', 'one'), failure('timeout')];
  assert.deepEqual(decide(view, outcomes, { factor: 2 }), {
    outcome: failure('internal', 'one'),
    deactivated: [],
    mustAgree: false,
  });
  const mistake = failure('wrong_input');
  assert.deepEqual(decide(view, [mistake, mistake, mistake]).outcome, mistake);
});

test('enough successes: who failed is blamed, for a mistake only if others completed it', () => {
  const view = viewOf(['Active', 'Active', 'Active']);
  assert.deepEqual(decide(view, [completed, failure('wrong_input'), failure('internal')]), {
    outcome: completed,
    deactivated: [2n, 3n],
    mustAgree: true,
  });
  const unsure = decide(view, [acknowledged, failure('wrong_input'), failure('internal')]);
  assert.deepEqual(unsure.deactivated, [3n]);
});

test('a factor beyond the number of replicas asks for all of them', () => {
  const view = viewOf(['Active', 'Active']);
  assert.deepEqual(decide(view, [completed, completed], { factor: 9 }).outcome, completed);
  const decision = decide(view, [completed, failure('internal')], { factor: 9 });
  assert.deepEqual(decision.outcome, failure('internal'));
});

test('replicas in the making are not blamed for what may still come', () => {
  for (const state of ['Partial', 'ActiveRead', 'Resharding'] as const) {
    const view = viewOf(['Active', state]);
    for (const code of ['precondition_failed', 'not_found'] as const) {
      assert.deepEqual(decide(view, [completed, failure(code)]).deactivated, [], state + code);
    }
    assert.deepEqual(decide(view, [completed, failure('internal')]).deactivated, [2n]);
  }
  const listener = decide(viewOf(['Active', 'Listener']), [completed, failure('internal')]);
  assert.deepEqual(listener.deactivated, []);
  const view = viewOf(['Active', 'Active']);
  const missing = [completed, failure('not_found')];
  assert.deepEqual(decide(view, missing, { isUpdateOnly: true }).deactivated, []);
  assert.deepEqual(decide(view, missing).deactivated, [2n]);
});

test('a success on no complete replica is none', () => {
  const { outcome } = decide(viewOf(['Partial', 'Active']), [completed, failure('internal')]);
  assert.ok(outcome.status === 'failed');
  assert.match(outcome.message, /^Failed to apply operation to at least one `Active` replica\./);
});

test('the last active replica is never given up', () => {
  assert.ok(!mayDisable(viewOf(['Active', 'Dead']), 1n));
  assert.ok(!mayDisable(viewOf(['Active', 'Active'], { disabled: [2] }), 1n));
  assert.ok(mayDisable(viewOf(['Active', 'Active']), 1n));
  assert.ok(mayDisable(viewOf(['Active', 'Partial']), 2n));
});

const anyView = fc
  .record({
    given: fc.array(fc.constantFrom(...replicaStates), { minLength: 1, maxLength: 5 }),
    own: fc.integer({ min: 1, max: 6 }),
    disabled: fc.array(fc.integer({ min: 1, max: 5 })),
  })
  .map(({ given, ...options }) => viewOf(given, options));

const anyOutcome = fc.constantFrom(
  completed,
  acknowledged,
  late,
  failure('internal'),
  failure('wrong_input'),
  failure('not_found'),
  failure('precondition_failed'),
);

test('for all sets: nobody is asked who may not answer, and an accepted write is where it must be', () => {
  const consistency = fc.constantFrom<ReadConsistency>(1, 2, 'quorum', 'majority', 'all');
  fc.assert(
    fc.property(
      anyView,
      consistency,
      fc.array(anyOutcome, { minLength: 5, maxLength: 5 }),
      fc.integer({ min: 1, max: 4 }),
      (view, wanted, given, factor) => {
        const plan = planRead(view, wanted, asIs);
        const asked = plan.kind === 'ask' ? plan.peers : [];
        for (const peerId of asked) assertUsable(view, peerId, isReadable);
        if (plan.kind === 'ask') {
          assert.ok(plan.required >= 1 && plan.required <= plan.peers.length);
          assert.ok(plan.kept >= 1 && plan.kept <= plan.required);
          if (asked.includes(view.ownPeerId)) assert.equal(asked[0], view.ownPeerId);
        }
        const targets = updateTargets(view);
        for (const peerId of targets) assertUsable(view, peerId, takesUpdates);
        if (targets.length === 0) return;
        const outcomes = targets.map((peerId, index) => ({
          peerId,
          outcome: given[index] ?? completed,
        }));
        const rules = { writeConsistencyFactor: factor, isUpdateOnly: false };
        const { outcome, deactivated } = decideWrite(view, outcomes, rules);
        if (outcome.status === 'failed') return;
        assertAccepted(view, outcomes, { deactivated, factor });
      },
    ),
  );
});

function assertUsable(
  view: ReplicaSetView,
  peerId: PeerId,
  may: (state: ReplicaState) => boolean,
): void {
  assert.ok(!view.disabled.has(peerId));
  assert.ok(may(view.replicas.get(peerId) ?? 'Dead'));
}

function assertAccepted(
  view: ReplicaSetView,
  outcomes: readonly ReplicaOutcome[],
  { deactivated, factor }: { readonly deactivated: readonly PeerId[]; readonly factor: number },
): void {
  const done = outcomes.filter((one) => one.outcome.status !== 'failed');
  assert.ok(done.some(({ peerId }) => isSourceOfTruth(view.replicas.get(peerId) ?? 'Dead')));
  const need = Math.min(factor, view.replicas.size);
  assert.ok(done.length === outcomes.length || done.length >= need);
  const isSure = done.some((one) => one.outcome.status === 'completed');
  for (const { peerId, outcome } of outcomes) {
    const isTold = deactivated.includes(peerId);
    assert.ok(!isTold || outcome.status === 'failed');
    const isActive = view.replicas.get(peerId) === 'Active';
    if (!isActive || outcome.status !== 'failed') continue;
    assert.equal(isTold, isSure || isTransient(outcome.code));
  }
}
