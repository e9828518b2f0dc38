import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attemptCountMax,
  firstState,
  nextState,
  type TransferAction,
  type TransferEvent,
} from './plan.ts';

function actionsAfter(events: readonly TransferEvent[]): readonly string[] {
  let state = firstState;
  return events.map((event) => {
    state = nextState(state, event);
    return shown(state.action);
  });
}

function shown(action: TransferAction): string {
  switch (action.kind) {
    case 'copy':
      return `copy from ${action.from}`;
    case 'wait':
    case 'rest':
      return `${action.kind} ${action.durationMs}`;
    case 'give_up':
      return `give up: ${action.reason}`;
    default:
      return action.kind;
  }
}

const failed: TransferEvent = { kind: 'failed', reason: 'cut off' };
const notReady: TransferEvent = { kind: 'not_ready', reason: 'unknown' };

test('range after range, then nothing is left to do', () => {
  const events: TransferEvent[] = [
    { kind: 'ready' },
    { kind: 'drained' },
    { kind: 'copied', next: 7 },
    { kind: 'copied', next: null },
    { kind: 'sealed' },
    failed,
  ];
  const expected = ['drain', 'copy from null', 'copy from 7', 'seal', 'done', 'done'];
  assert.deepEqual(actionsAfter(events), expected);
});

test('a receiver that is late is waited for, and no attempt is lost', () => {
  const events: TransferEvent[] = [notReady, { kind: 'waited' }, notReady, { kind: 'waited' }];
  assert.deepEqual(actionsAfter([...events, { kind: 'ready' }]), [
    'wait 25',
    'begin',
    'wait 25',
    'begin',
    'drain',
  ]);
});

test('an attempt that fails begins anew after a rest, and the last one gives up', () => {
  const again: TransferEvent[] = [{ kind: 'rested' }, { kind: 'ready' }, { kind: 'drained' }];
  const events: TransferEvent[] = [{ kind: 'ready' }, failed, ...again, failed, ...again, failed];
  assert.deepEqual(actionsAfter(events), [
    'drain',
    'rest 1000',
    'begin',
    'drain',
    'copy from null',
    'rest 2000',
    'begin',
    'drain',
    'copy from null',
    'give up: cut off',
  ]);
});

test('a broken stream is noticed before the receiver may become active', () => {
  const events: TransferEvent[] = [
    { kind: 'ready' },
    { kind: 'drained' },
    { kind: 'copied', next: null },
    failed,
    { kind: 'sealed' },
  ];
  assert.deepEqual(actionsAfter(events).slice(-2), ['rest 1000', 'rest 1000']);
});

const anyEvent: fc.Arbitrary<TransferEvent> = fc.oneof(
  fc.constantFrom<TransferEvent>(
    { kind: 'ready' },
    { kind: 'waited' },
    { kind: 'drained' },
    { kind: 'sealed' },
    { kind: 'rested' },
    notReady,
    failed,
  ),
  fc.record({ kind: fc.constant('copied' as const), next: fc.option(fc.nat(9)) }),
);

test('whatever comes: done only after begin, drain, the last range and seal of one attempt', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      let state = firstState;
      let failures = 0;
      let passed: string[] = [];
      for (const event of events) {
        const { action } = state;
        const next = nextState(state, event);
        const isOver = action.kind === 'done' || action.kind === 'give_up';
        if (isOver) assert.equal(next, state);
        else if (event.kind === 'failed') failures += 1;
        if (next !== state) passed = event.kind === 'failed' ? [] : [...passed, event.kind];
        state = next;
      }
      assert.ok(state.failedCount <= attemptCountMax);
      if (state.action.kind === 'give_up') assert.ok(failures >= 1);
      if (state.action.kind !== 'done') return;
      const order = ['ready', 'drained', 'copied', 'sealed'];
      const places = order.map((kind) => passed.lastIndexOf(kind));
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      );
      assert.ok(places.every((place) => place >= 0));
    }),
  );
});
