// What the source of a transfer does next: pure. The driver carries the actions out and says what
// came of them.
//
//             ┌────────────────── rested ───────────────────┐
//             ▼                                             │
//   begin ──ready──▶ drain ──drained──▶ copy ──last one──▶ seal ──sealed──▶ done
//    │  ▲              │                │  ▲ │
//  not  waited         │                └──┘ │ failed, attempts left ──▶ rest
//  ready│              │               copied│ failed, none left ──▶ give up
//    ▼  │              └──── failed ─────────┘
//    wait
//
// Each attempt is a session of its own and begins with the first point: what the session before
// has left at the receiver is replaced range by range, and what is equal there is left alone.

import { unreachable } from '../../base/assert.ts';
import type { PointId } from '../../model/point-id.ts';

export type TransferAction =
  /** Open a session at the receiver, and forward every update from then on. */
  | { readonly kind: 'begin' }
  /** The receiver does not know of the transfer yet. */
  | { readonly kind: 'wait'; readonly durationMs: number }
  /** Until every update that came before the forwarding is carried out. */
  | { readonly kind: 'drain' }
  /** The next points from this id on. */
  | { readonly kind: 'copy'; readonly from: PointId | null }
  /** From here on the receiver may become active at any moment. */
  | { readonly kind: 'seal' }
  | { readonly kind: 'rest'; readonly durationMs: number }
  /** The receiver has everything, and gets every further update. */
  | { readonly kind: 'done' }
  | { readonly kind: 'give_up'; readonly reason: string };

export type TransferEvent =
  | { readonly kind: 'ready' | 'waited' | 'drained' | 'sealed' | 'rested' }
  | { readonly kind: 'not_ready'; readonly reason: string }
  /** `next`: the first id that is not copied yet; `null`: that was the last range. */
  | { readonly kind: 'copied'; readonly next: PointId | null }
  | { readonly kind: 'failed'; readonly reason: string };

export interface TransferState {
  readonly action: TransferAction;
  /** Failed attempts so far. */
  readonly failedCount: number;
  /** How long the receiver has been waited for in this attempt. */
  readonly waitedMs: number;
}

export const attemptCountMax = 3;
const restsMs = [1_000, 2_000];
/** The receiver applies the same log: it is late, or does not come at all. */
const readyMsMax = 60_000;
const waitMs = 25;
const waitMsMax = 250;

export const firstState: TransferState = {
  action: { kind: 'begin' },
  failedCount: 0,
  waitedMs: 0,
};

/** What must be under way for an event to mean something. */
const actionBefore = {
  ready: 'begin',
  not_ready: 'begin',
  waited: 'wait',
  drained: 'drain',
  copied: 'copy',
  sealed: 'seal',
  rested: 'rest',
} as const satisfies Record<Exclude<TransferEvent['kind'], 'failed'>, TransferAction['kind']>;

/** An event that does not fit the action is taken for a late one: nothing changes. */
export function nextState(state: TransferState, event: TransferEvent): TransferState {
  const { action } = state;
  if (isOver(action)) return state;
  if (event.kind === 'failed') return afterFailure(state, event.reason);
  if (action.kind !== actionBefore[event.kind]) return state;
  switch (event.kind) {
    case 'ready':
      return { ...state, action: { kind: 'drain' } };
    case 'not_ready':
      return afterNotReady(state, event.reason);
    case 'waited':
      return { ...state, action: { kind: 'begin' } };
    case 'rested':
      return { ...state, waitedMs: 0, action: { kind: 'begin' } };
    case 'drained':
      return { ...state, action: { kind: 'copy', from: null } };
    case 'copied':
      return {
        ...state,
        action: event.next === null ? { kind: 'seal' } : { kind: 'copy', from: event.next },
      };
    case 'sealed':
      return { ...state, action: { kind: 'done' } };
    default:
      return unreachable(event);
  }
}

function isOver(action: TransferAction): boolean {
  return action.kind === 'done' || action.kind === 'give_up';
}

function afterNotReady(state: TransferState, reason: string): TransferState {
  if (state.waitedMs >= readyMsMax) return afterFailure(state, reason);
  const durationMs = Math.min(waitMsMax, Math.max(waitMs, state.waitedMs));
  const waitedMs = state.waitedMs + durationMs;
  return { ...state, waitedMs, action: { kind: 'wait', durationMs } };
}

function afterFailure(state: TransferState, reason: string): TransferState {
  const failedCount = state.failedCount + 1;
  if (failedCount >= attemptCountMax) {
    return { ...state, failedCount, action: { kind: 'give_up', reason } };
  }
  const durationMs = restsMs[failedCount - 1] ?? 0;
  return { ...state, failedCount, action: { kind: 'rest', durationMs } };
}
