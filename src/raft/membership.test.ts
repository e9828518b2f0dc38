import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  changeMembership,
  emptyMembership,
  isJoint,
  type Membership,
  type MembershipChange,
  memberIds,
} from './membership.ts';

const peerChange = fc.record({
  kind: fc.constantFrom('add_voter', 'add_learner', 'remove', 'update'),
  peerId: fc.bigInt({ min: 1n, max: 5n }),
});
const change: fc.Arbitrary<MembershipChange> = fc.record({
  transition: fc.constantFrom('auto', 'implicit', 'explicit'),
  changes: fc.array(peerChange, { maxLength: 4 }),
});

function majorities(voters: readonly bigint[]): readonly (readonly bigint[])[] {
  let subsets: readonly bigint[][] = [[]];
  for (const id of voters) subsets = subsets.flatMap((subset) => [subset, [...subset, id]]);
  return subsets.filter((subset) => subset.length * 2 > voters.length);
}

/** Sets of peers that can decide something. */
function decisive({ voters, outgoingVoters }: Membership): readonly (readonly bigint[])[] {
  if (outgoingVoters.length === 0) return majorities(voters);
  return majorities(voters).flatMap((a) => majorities(outgoingVoters).map((b) => [...a, ...b]));
}

test('whoever decides before a change meets whoever decides after it', () => {
  const genesis: Membership = { ...emptyMembership, voters: [1n, 2n, 3n] };
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      let membership = genesis;
      for (const one of changes) {
        const outcome = changeMembership(membership, one);
        if (outcome.kind === 'faulty') continue;
        for (const before of decisive(membership)) {
          for (const after of decisive(outcome.membership)) {
            assert(
              before.some((id) => after.includes(id)),
              `${before.join()} and ${after.join()} decide apart`,
            );
          }
        }
        membership = outcome.membership;
        const count = memberIds(membership).length;
        assert(membership.voters.length > 0);
        assert(count >= membership.voters.length + membership.learners.length);
      }
    }),
    { numRuns: 200 },
  );
});

test('a joint membership is left for its incoming half', () => {
  const from: Membership = { ...emptyMembership, voters: [1n, 2n, 3n] };
  const entered = changeMembership(from, {
    transition: 'explicit',
    changes: [
      { kind: 'remove', peerId: 1n },
      { kind: 'add_learner', peerId: 2n },
      { kind: 'add_voter', peerId: 4n },
    ],
  });
  assert(entered.kind === 'changed');
  assert(isJoint(entered.membership));
  assert.deepEqual(entered.membership.nextLearners, [2n]);
  const left = changeMembership(entered.membership, { transition: 'auto', changes: [] });
  assert(left.kind === 'changed');
  assert.deepEqual(left.membership, { ...emptyMembership, voters: [3n, 4n], learners: [2n] });
});
