import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyMembership } from './membership.ts';
import { majorityIndex, quorumIndex, quorumVote } from './quorum.ts';

const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 9n }), { maxLength: 7 });
const indices = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.nat({ max: 5 }));

/** The largest index that more than half of the voters have, by trying all. */
function naiveIndex(voters: readonly bigint[], indexOf: (id: bigint) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  let best = 0;
  for (const candidate of voters.map(indexOf)) {
    const count = voters.filter((id) => indexOf(id) >= candidate).length;
    if (count * 2 > voters.length) best = Math.max(best, candidate);
  }
  return best;
}

test('the committed index is the largest that a majority has', () => {
  fc.assert(
    fc.property(ids, indices, (voters, byId) => {
      const indexOf = (id: bigint): number => byId[`${id}`] ?? 0;
      assert.equal(majorityIndex(voters, indexOf), naiveIndex(voters, indexOf));
    }),
  );
});

test('a joint membership commits what both majorities have', () => {
  fc.assert(
    fc.property(ids, ids, indices, (voters, outgoingVoters, byId) => {
      const indexOf = (id: bigint): number => byId[`${id}`] ?? 0;
      const membership = { ...emptyMembership, voters, outgoingVoters };
      const expected = Math.min(naiveIndex(voters, indexOf), naiveIndex(outgoingVoters, indexOf));
      assert.equal(quorumIndex(membership, indexOf), expected);
    }),
  );
});

test('a vote is decided exactly when the open answers cannot change it', () => {
  const answers = fc.dictionary(
    fc.integer({ min: 1, max: 9 }).map(String),
    fc.constantFrom(true, false, null),
  );
  fc.assert(
    fc.property(ids, ids, answers, (voters, outgoingVoters, byId) => {
      const membership = { ...emptyMembership, voters, outgoingVoters };
      const resultIf = (open: boolean): string =>
        quorumVote(membership, (id) => byId[`${id}`] ?? open);
      const [best, worst] = [resultIf(true), resultIf(false)];
      const expected = best === worst ? best : 'pending';
      assert.equal(
        quorumVote(membership, (id) => byId[`${id}`] ?? null),
        expected,
      );
    }),
  );
});
