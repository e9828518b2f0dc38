// Whatever peers may say to each other, for properties. Only what a real peer would send: entries
// without gaps and with rising terms, memberships that are consistent.
import fc from 'fast-check';
import type { PeerAnswer, PeerMessage, PeerRequest } from '../../src/cluster/peer-network.ts';
import type { Membership, MembershipChange } from '../../src/raft/membership.ts';
import type { Entry, Message, MessageBody, Proposal } from '../../src/raft/messages.ts';

const ids = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
const numbers = fc.oneof(fc.nat(300), fc.maxSafeNat());
const places = fc.oneof(fc.nat(300), fc.nat(2 ** 48));
const bytes = fc.uint8Array({ maxLength: 40 });
const words = fc.string({ unit: 'binary', maxLength: 30 });

const changes: fc.Arbitrary<MembershipChange> = fc.record({
  transition: fc.constantFrom('auto', 'implicit', 'explicit'),
  changes: fc.array(
    fc.record({
      kind: fc.constantFrom('add_voter', 'add_learner', 'remove', 'update'),
      peerId: ids,
    }),
    { maxLength: 4 },
  ),
});

const proposals: fc.Arbitrary<Proposal> = fc.oneof(
  fc.record({ kind: fc.constant('command' as const), data: bytes }),
  fc.record({ kind: fc.constant('membership' as const), change: changes, data: bytes }),
);

const memberships: fc.Arbitrary<Membership> = fc
  .record({
    ids: fc.uniqueArray(ids, { minLength: 6, maxLength: 6 }),
    isJoint: fc.boolean(),
    leavesByItself: fc.boolean(),
  })
  .map(({ ids: six, isJoint, leavesByItself }) => {
    const sorted = six.toSorted((a, b) => (a < b ? -1 : 1));
    const at = (...indices: number[]): bigint[] => indices.flatMap((index) => sorted[index] ?? []);
    return {
      voters: at(0, 2, 3),
      outgoingVoters: isJoint ? at(0, 4) : [],
      learners: at(1, 5),
      nextLearners: isJoint ? at(4) : [],
      leavesByItself,
    };
  });

const appends: fc.Arbitrary<Message> = fc
  .record({
    from: ids,
    to: ids,
    prevIndex: places,
    prevTerm: places,
    commitIndex: numbers,
    steps: fc.array(fc.record({ proposal: proposals, termStep: fc.nat(3) }), { maxLength: 6 }),
  })
  .map(({ steps, ...rest }) => {
    let term = rest.prevTerm;
    const entries = steps.map(({ proposal, termStep }, at): Entry => {
      term += termStep;
      return { ...proposal, term, index: rest.prevIndex + 1 + at };
    });
    return { kind: 'append', ...rest, term, entries };
  });

const votes = fc.constantFrom('vote' as const, 'pre_vote' as const);

const plainBodies: fc.Arbitrary<MessageBody> = fc.oneof(
  fc.record({
    kind: fc.constant('append_response' as const),
    index: numbers,
    rejection: fc.option(fc.record({ hintIndex: numbers, hintTerm: numbers })),
  }),
  fc.record({
    kind: fc.constant('vote_request' as const),
    vote: votes,
    lastIndex: numbers,
    lastTerm: numbers,
    isTransfer: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('vote_response' as const), vote: votes, isGranted: fc.boolean() }),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    commitIndex: numbers,
    readSequence: numbers,
  }),
  fc.record({ kind: fc.constant('heartbeat_response' as const), readSequence: numbers }),
  fc.record({ kind: fc.constant('timeout_now' as const) }),
  fc.record({ kind: fc.constant('transfer' as const), target: ids }),
  fc.record({
    kind: fc.constant('propose' as const),
    proposals: fc.array(proposals, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('read_index' as const), requestId: numbers }),
  fc.record({
    kind: fc.constant('read_index_response' as const),
    requestId: numbers,
    index: numbers,
  }),
  fc.record({
    kind: fc.constant('snapshot' as const),
    snapshot: fc.record({ index: numbers, term: numbers, membership: memberships, data: bytes }),
  }),
);

const raftMessages: fc.Arbitrary<Message> = fc.oneof(
  appends,
  fc
    .record({ from: ids, to: ids, term: numbers, body: plainBodies })
    .map(({ body, ...envelope }): Message => ({ ...envelope, ...body })),
);

export const peerMessages: fc.Arbitrary<PeerMessage> = fc.oneof(
  { weight: 4, arbitrary: raftMessages.map((message) => ({ kind: 'raft' as const, message })) },
  fc.record({
    kind: fc.constant('forward' as const),
    term: numbers,
    proposals: fc.array(proposals, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('state_hash' as const), index: numbers, hash: words }),
);

export const peerRequests: fc.Arbitrary<PeerRequest> = fc.oneof(
  fc.record({
    kind: fc.constant('join' as const),
    peerId: ids,
    uri: fc.option(words),
    port: fc.nat(65_535),
    version: words,
  }),
  fc.record({ kind: fc.constant('announce_uri' as const), peerId: ids, uri: words }),
  fc.record({ kind: fc.constant('who_is' as const), peerId: ids }),
  fc.record({ kind: fc.constantFrom('consensus_commit', 'fetch_state', 'health') }),
  fc.record({
    kind: fc.constant('wait_on_commit' as const),
    index: numbers,
    term: numbers,
    timeoutMs: fc.nat(60_000),
  }),
  fc.record({ kind: fc.constant('install_snapshot' as const), message: raftMessages }),
  fc.record({
    kind: fc.constant('telemetry' as const),
    detailsLevel: fc.nat(10),
    timeoutMs: fc.nat(60_000),
  }),
  fc.record({
    kind: fc.constant('shard_call' as const),
    collection: words,
    shardId: fc.nat(2 ** 32 - 1),
    effect: fc.constantFrom('read' as const, 'update' as const),
    data: bytes,
  }),
);

export const peerAnswers: fc.Arbitrary<PeerAnswer> = fc.oneof(
  fc.record({
    kind: fc.constant('joined' as const),
    clusterId: words,
    peers: fc.array(fc.tuple(ids, words), { maxLength: 5 }).map((pairs) => new Map(pairs)),
  }),
  fc.record({ kind: fc.constant('address' as const), uri: fc.option(words) }),
  fc.record({ kind: fc.constant('commit' as const), index: numbers, term: numbers }),
  fc.record({ kind: fc.constant('done' as const), ok: fc.boolean() }),
  fc.record({ kind: fc.constant('state' as const), index: numbers, data: bytes }),
  fc.record({ kind: fc.constant('text' as const), text: words }),
  fc.record({ kind: fc.constant('refused' as const), message: words }),
  fc.record({ kind: fc.constant('shard_answer' as const), data: bytes }),
);
