import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RaftLog } from './log.ts';
import type { Entry } from './messages.ts';

const data = new Uint8Array(10);

/** Entries from `firstIndex` on, with these terms. */
function entriesOf(firstIndex: number, terms: readonly number[]): readonly Entry[] {
  return terms.map((term, at) => ({ kind: 'command', data, term, index: firstIndex + at }));
}

function termsOf(log: RaftLog): readonly number[] {
  return log.entriesFrom(log.firstIndex, Number.POSITIVE_INFINITY).map(({ term }) => term);
}

const base = { index: 0, term: 0 };
const ignore = (): void => {};

test('merging takes what is new, replaces what differs, and never shortens by an old append', () => {
  const log = new RaftLog(base, entriesOf(1, [1, 1, 2, 2]), 0);
  assert.equal(log.merge({ index: 1, term: 1 }, entriesOf(2, [1]), ignore), 2);
  assert.deepEqual(termsOf(log), [1, 1, 2, 2]);
  assert.equal(log.merge({ index: 2, term: 1 }, entriesOf(3, [3]), ignore), 3);
  assert.deepEqual(termsOf(log), [1, 1, 3]);
  assert.equal(log.stableIndex, 2);
  assert.equal(log.merge({ index: 3, term: 2 }, entriesOf(4, [3]), ignore), null);
  assert.equal(log.merge({ index: 9, term: 3 }, [], ignore), null);
});

test('what is committed is never replaced', () => {
  const log = new RaftLog(base, entriesOf(1, [1, 1]), 2);
  assert.throws(() => log.merge({ index: 1, term: 1 }, entriesOf(2, [2]), ignore), /is committed/);
  assert.throws(() => log.commitTo(3), /beyond the log/);
  assert.throws(() => log.applied(3), /beyond commit/);
  assert.throws(() => log.compact(1), /not applied/);
});

test('entries that are replaced while they are saved do not count as saved', () => {
  const log = new RaftLog(base, [], 0);
  log.extend(entriesOf(1, [1, 1]));
  const lastSaved = log.last;
  log.merge(base, entriesOf(1, [2]), ignore);
  log.saved(lastSaved);
  assert.equal(log.stableIndex, 0);
  assert.equal(log.unsaved().length, 1);
});

test('limits in bytes give at least one entry, and as many as fit', () => {
  const log = new RaftLog(base, entriesOf(1, [1, 1, 1]), 0);
  assert.equal(log.entriesFrom(1, 0).length, 1);
  assert.equal(log.entriesFrom(1, 26).length, 1);
  assert.equal(log.entriesFrom(1, 52).length, 2);
  assert.equal(log.entriesFrom(4, 52).length, 0);
});

test('a log goes on after a snapshot and after compaction', () => {
  const log = new RaftLog(base, entriesOf(1, [1, 1, 2]), 3);
  log.applied(3);
  assert(log.compact(2));
  assert(!log.compact(2));
  assert.equal(log.termAt(2), 1);
  assert.equal(log.termAt(1), null);
  assert.deepEqual(termsOf(log), [2]);
  const membership = { voters: [1n], outgoingVoters: [], learners: [], nextLearners: [] };
  log.restore({
    index: 9,
    term: 4,
    data,
    membership: { ...membership, leavesByItself: false },
  });
  assert.deepEqual(log.last, { index: 9, term: 4 });
  assert.equal(log.commitIndex, 9);
  log.extend(entriesOf(10, [4]));
  log.commitTo(10);
  assert.deepEqual(log.applicable(100), [], 'the snapshot is saved first');
  log.snapshotSaved(9);
  assert.equal(log.appliedIndex, 9);
  assert.equal(log.applicable(100).length, 1);
});

test('the place where two logs may agree is never before they do, and found in few steps', () => {
  const terms = fc.array(fc.nat({ max: 3 }), { maxLength: 12 }).map((steps) => {
    let term = 1;
    return steps.map((step) => (term += step === 3 ? 1 : 0));
  });
  fc.assert(
    fc.property(terms, terms, (ours, theirs) => {
      const [own, other] = [ours, theirs].map((one) => new RaftLog(base, entriesOf(1, one), 0));
      assert(own !== undefined);
      assert(other !== undefined);
      let common = 0;
      while (common < ours.length && ours[common] === theirs[common]) common += 1;
      let probe = other.last;
      let roundCount = 0;
      // The leader probes, the follower hints, until the follower has what is probed.
      while (!own.hasEntry(probe)) {
        const hint = own.agreementBefore(Math.min(probe.index, own.lastIndex), probe.term);
        const next = hint.term > 0 ? other.agreementBefore(hint.index, hint.term) : hint;
        assert(next.index >= Math.min(common, probe.index - 1), 'went too far');
        probe = { index: next.index, term: other.termAt(next.index) ?? 0 };
        roundCount += 1;
      }
      assert(roundCount <= 2 + new Set([...ours, ...theirs]).size);
    }),
  );
});
