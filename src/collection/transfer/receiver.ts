// The receiving side of transfers: takes over ranges of points and forwarded updates, in the order
// in which the source sends them. One session for each shard: a step of another one, which may
// come late, does nothing, and a step that comes again is carried out once.

import { unreachable } from '../../base/assert.ts';
import { comparePointIds, type PointId } from '../../model/point-id.ts';
import { RequestError } from '../../model/request-error.ts';
import type { PointBatch } from '../../model/update.ts';
import { decodeUpdate, encodeUpdate } from '../../model/update-codec.ts';
import type { UpdateOutcome } from '../../shard/update-outcome.ts';
import type { TransferStep } from '../codec/transfer-codec.ts';
import { selectPoints } from '../write-path.ts';
import type { UpdatableShard } from './forwarding-shard.ts';
import { isStored, type ReadableShard, scroll } from './point-range.ts';

export interface ReceivingReplica {
  /** Is the transfer of this serial agreed on, and the replica in a state to be filled? */
  readonly expects: (serial: number) => boolean;
  /** Does the replica take updates? */
  readonly takesUpdates: () => boolean;
  /** `null`: not open. */
  readonly local: () => (UpdatableShard & ReadableShard) | null;
}

interface Session {
  readonly session: number;
  /** Number of the next step. */
  next: number;
  /** A step was carried out in part. */
  isBroken: boolean;
  running: Promise<unknown>;
}

const updateMs = 60_000;
const pageCount = 1_000;

export class TransferReceiver {
  /** By shard. */
  readonly #sessions = new Map<string, Session>();

  /** Throws `RequestError`: `precondition_failed` when the transfer is not known here (yet). */
  async take(shard: string, step: TransferStep, replica: ReceivingReplica): Promise<void> {
    if (step.kind === 'begin') return this.#begin(shard, step, replica);
    const session = this.#sessions.get(shard);
    if (session?.session !== step.session) throw refusal('another session of the transfer began');
    const turn = session.running.then(() => this.#carryOut(shard, step, replica));
    session.running = turn.catch(() => undefined);
    return turn;
  }

  async #begin(
    shard: string,
    { session, serial }: Extract<TransferStep, { kind: 'begin' }>,
    replica: ReceivingReplica,
  ): Promise<void> {
    if (replica.local() === null || !replica.expects(serial)) {
      const text = `the transfer ${serial} of this shard is not known here`;
      throw new RequestError('precondition_failed', text);
    }
    const before = this.#sessions.get(shard);
    const isKnown = before?.session === session;
    if (isKnown) return;
    const running = before?.running ?? Promise.resolve();
    this.#sessions.set(shard, { session, next: 0, isBroken: false, running });
    // A step of the session before that is on its way must not come to an end after this one's.
    await running;
  }

  async #carryOut(
    shard: string,
    step: Exclude<TransferStep, { kind: 'begin' }>,
    replica: ReceivingReplica,
  ): Promise<void> {
    const session = this.#sessions.get(shard);
    if (session?.session !== step.session) throw refusal('another session of the transfer began');
    if (step.sequence === session.next - 1) return;
    if (step.sequence !== session.next || session.isBroken) throw refusal('a step is missing');
    const local = replica.local();
    if (local === null || !replica.takesUpdates()) throw refusal('the replica takes no updates');
    session.isBroken = true;
    await carryOut(step, local);
    session.isBroken = false;
    session.next += 1;
  }
}

function refusal(text: string): RequestError {
  return new RequestError('internal', text);
}

async function carryOut(
  step: Exclude<TransferStep, { kind: 'begin' }>,
  local: UpdatableShard & ReadableShard,
): Promise<void> {
  switch (step.kind) {
    case 'changes':
      return updateAll(local, step.records);
    case 'range':
      return takeOver(step, local);
    default:
      return unreachable(step);
  }
}

/** All at once, so that they are in the log in this order. */
async function updateAll(local: UpdatableShard, records: readonly Uint8Array[]): Promise<void> {
  const options = { wait: true, timeoutMs: updateMs };
  const outcomes = await Promise.all(records.map((record) => local.update(record, options)));
  for (const outcome of outcomes) checkApplied(outcome);
}

/** A user's mistake is one at the source, too. */
function checkApplied(outcome: UpdateOutcome): void {
  if (outcome.status === 'completed') return;
  if (outcome.status !== 'failed') throw refusal('an update takes too long at the receiver');
  if (outcome.operationId !== null && outcome.code !== 'internal') return;
  throw new RequestError('internal', outcome.message);
}

async function takeOver(
  { from, until, record }: Extract<TransferStep, { kind: 'range' }>,
  local: UpdatableShard & ReadableShard,
): Promise<void> {
  const operation = decodeUpdate(record);
  if (operation.kind !== 'upsert') throw refusal(`a range of points is ${operation.kind}`);
  const { points } = operation;
  const { stale, stored } = await compare(points, { from, until }, local);
  const updates: Uint8Array[] = [];
  if (stale.length > 0) {
    const selector = { ids: stale, filter: null };
    updates.push(encodeUpdate({ kind: 'delete_points', selector }));
  }
  if (stored.size === 0 && points.ids.length > 0) updates.push(record);
  else if (stored.size < points.ids.length) {
    const rows = [...points.ids.keys()].filter((row) => !stored.has(row));
    updates.push(encodeUpdate({ ...operation, points: selectPoints(points, rows) }));
  }
  const options = { wait: true, timeoutMs: updateMs };
  const outcomes = await Promise.all(updates.map((update) => local.update(update, options)));
  for (const outcome of outcomes) {
    // Here even a user's mistake is one of the transfer: the point was taken at the source.
    if (outcome.status === 'failed') throw new RequestError('internal', outcome.message);
    checkApplied(outcome);
  }
}

/** `stale`: ids that the source does not have; `stored`: rows that are here as they should be. */
async function compare(
  points: PointBatch,
  { from, until }: { readonly from: PointId | null; readonly until: PointId | null },
  local: ReadableShard,
): Promise<{ readonly stale: readonly PointId[]; readonly stored: ReadonlySet<number> }> {
  const rows = new Map(points.ids.map((id, row) => [id, row]));
  const stale: PointId[] = [];
  const stored = new Set<number>();
  let start = from;
  for (;;) {
    const records = await scroll(local, start, pageCount + 1);
    for (const record of records.slice(0, pageCount)) {
      if (until !== null && comparePointIds(record.id, until) >= 0) return { stale, stored };
      const row = rows.get(record.id);
      if (row === undefined) stale.push(record.id);
      else if (isStored(record, points, row)) stored.add(row);
    }
    const next = records[pageCount]?.id;
    if (next === undefined) return { stale, stored };
    start = next;
  }
}
