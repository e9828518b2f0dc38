import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { peerAnswers, peerMessages, peerRequests } from '../../../test/rpc/peer-arbitraries.ts';
import { CorruptBytesError } from '../../base/bytes.ts';
import type { PeerMessage } from '../../cluster/peer-network.ts';
import type { Membership } from '../../raft/membership.ts';
import {
  type BodyPieces,
  decodePeerAnswer,
  decodePeerMessage,
  decodePeerRequest,
  encodePeerAnswer,
  encodePeerMessage,
  encodePeerRequest,
} from './peer-codec.ts';

const decoders = [decodePeerMessage, decodePeerRequest, decodePeerAnswer] as const;

function whole(pieces: BodyPieces): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** The generator's objects have no prototype. */
function plain<Value>(value: Value): Value {
  return structuredClone(value);
}

/** A value or a named error, whatever the bytes. */
function decodeAnyhow(body: Uint8Array): void {
  for (const decode of decoders) {
    try {
      decode(body);
    } catch (error) {
      assert.ok(error instanceof CorruptBytesError, String(error));
    }
  }
}

const anything = fc.oneof(
  peerMessages.map((message) => whole(encodePeerMessage(message))),
  peerRequests.map((request) => whole(encodePeerRequest(request))),
  peerAnswers.map((answer) => whole(encodePeerAnswer(answer))),
);

describe('what is written is read', () => {
  test('messages', () => {
    fc.assert(
      fc.property(peerMessages, (message) => {
        assert.deepEqual(decodePeerMessage(whole(encodePeerMessage(message))), plain(message));
      }),
    );
  });

  test('requests', () => {
    fc.assert(
      fc.property(peerRequests, (request) => {
        assert.deepEqual(decodePeerRequest(whole(encodePeerRequest(request))), plain(request));
      }),
    );
  });

  test('answers', () => {
    fc.assert(
      fc.property(peerAnswers, (answer) => {
        assert.deepEqual(decodePeerAnswer(whole(encodePeerAnswer(answer))), plain(answer));
      }),
    );
  });

  test('large data is not copied', () => {
    const data = new Uint8Array(1000);
    const pieces = encodePeerAnswer({ kind: 'state', index: 1, data });
    assert.equal(pieces[1], data);
  });
});

describe('any bytes give a value or a named error', () => {
  test('random ones', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        decodeAnyhow(body);
      }),
      { numRuns: 2_000 },
    );
  });

  test('true ones with a byte changed, cut, or with more behind', () => {
    const damage = fc.tuple(anything, fc.nat(), fc.nat(255), fc.uint8Array({ maxLength: 3 }));
    fc.assert(
      fc.property(damage, ([body, place, value, tail]) => {
        const changed = Uint8Array.from(body);
        changed[place % body.length] = value;
        decodeAnyhow(changed);
        decodeAnyhow(body.subarray(0, place % body.length));
        decodeAnyhow(new Uint8Array([...body, ...tail]));
      }),
      { numRuns: 1_000 },
    );
  });

  test('a count that is a lie allocates nothing', () => {
    const joined = whole(encodePeerAnswer({ kind: 'joined', clusterId: '', peers: new Map() }));
    // The last byte is the count of peers.
    const lie = new Uint8Array([...joined.subarray(0, -1), 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert.throws(() => decodePeerAnswer(lie), /34359738367 elements in 0 bytes/);
  });
});

describe('messages that the core would choke on', () => {
  const envelope = { from: 1n, to: 2n, term: 5 };
  const data = new Uint8Array(0);

  function refuses(message: PeerMessage, reason: RegExp): void {
    const body = whole(encodePeerMessage(message));
    assert.throws(() => decodePeerMessage(body), reason);
  }

  function appendOfTerms(prevTerm: number, ...terms: number[]): PeerMessage {
    const entries = terms.map(
      (term, at) => ({ kind: 'command', term, index: at + 2, data }) as const,
    );
    const append = { kind: 'append', prevIndex: 1, prevTerm, entries, commitIndex: 0 } as const;
    return { kind: 'raft', message: { ...envelope, ...append } };
  }

  function snapshotOf(membership: Partial<Membership>): PeerMessage {
    const full: Membership = {
      voters: [1n, 2n],
      outgoingVoters: [],
      learners: [],
      nextLearners: [],
      leavesByItself: false,
      ...membership,
    };
    const snapshot = { index: 3, term: 2, membership: full, data };
    return { kind: 'raft', message: { ...envelope, kind: 'snapshot', snapshot } };
  }

  test('terms that fall, or are ahead of the message', () => {
    refuses(appendOfTerms(3, 2), /term 2 after 3/);
    refuses(appendOfTerms(1, 2, 4, 3), /term 3 after 4/);
    refuses(appendOfTerms(1, 6), /an entry of term 6 in 5/);
  });

  test('members that contradict each other', () => {
    refuses(snapshotOf({ voters: [2n, 1n] }), /out of order/);
    refuses(snapshotOf({ voters: [1n, 1n] }), /out of order/);
    refuses(snapshotOf({ learners: [2n] }), /a learner that votes/);
    refuses(snapshotOf({ nextLearners: [3n] }), /does not vote/);
  });

  test('nothing proposed, or by nobody', () => {
    refuses({ kind: 'forward', term: 1, proposals: [] }, /no proposal/);
    refuses({ kind: 'raft', message: { ...envelope, from: 0n, kind: 'timeout_now' } }, /peer id 0/);
  });
});
