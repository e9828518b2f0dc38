// The bytes of the wire between peers, version by version. As with files on disk a golden file is
// never edited: peers of the same protocol version must understand each other, whatever their
// release. REWRITE=1 writes golden files that are missing, and no others.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { PeerAnswer, PeerMessage, PeerRequest } from '../../src/cluster/peer-network.ts';
import type { Membership } from '../../src/raft/membership.ts';
import type { MessageBody, Proposal } from '../../src/raft/messages.ts';
import {
  encodeFrame,
  encodeFrameHead,
  type FrameKind,
  FrameReader,
} from '../../src/rpc/codec/frame.ts';
import {
  decodeHello,
  decodeRefusal,
  decodeWelcome,
  encodeHello,
  encodeRefusal,
  encodeWelcome,
} from '../../src/rpc/codec/handshake.ts';
import {
  decodePeerAnswer,
  decodePeerMessage,
  decodePeerRequest,
  encodePeerAnswer,
  encodePeerMessage,
  encodePeerRequest,
} from '../../src/rpc/codec/peer-codec.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const envelope = { from: 918_273_645_546n, to: 2n ** 64n - 1n, term: 7 } as const;

const introduction = {
  clusterId: '0b8f6c1e-90a1-4b2e-8a53-4f5b0d3f1c77',
  peerId: envelope.from,
  instanceId: '00112233445566778899aabbccddeeff',
  uri: 'http://10.0.0.4:6335/',
  version: '1.0.0',
  port: 6335,
};
const hello = { ...introduction, purpose: 'bulk', expectedPeerId: envelope.to } as const;
const newcomer = {
  ...introduction,
  clusterId: null,
  uri: null,
  purpose: 'control',
  expectedPeerId: null,
} as const;

const membership: Membership = {
  voters: [1n, 2n],
  outgoingVoters: [1n, 4n],
  learners: [3n],
  nextLearners: [4n],
  leavesByItself: true,
};
const proposals: readonly Proposal[] = [
  { kind: 'command', data: bytes('a command') },
  {
    kind: 'membership',
    change: {
      transition: 'auto',
      changes: [
        { kind: 'add_voter', peerId: 1n },
        { kind: 'add_learner', peerId: 2n },
        { kind: 'remove', peerId: 3n },
        { kind: 'update', peerId: 4n },
      ],
    },
    data: bytes('http://10.0.0.5:6335/'),
  },
];
const entries = proposals.map((proposal, at) => ({ ...proposal, term: 6 + at, index: 300 + at }));
const snapshot = { index: 2 ** 40, term: 7, membership, data: bytes('all that was agreed') };

const bodies: readonly MessageBody[] = [
  { kind: 'append', prevIndex: 299, prevTerm: 5, entries, commitIndex: 298 },
  { kind: 'append_response', index: 301, rejection: null },
  { kind: 'append_response', index: 301, rejection: { hintIndex: 128, hintTerm: 4 } },
  { kind: 'vote_request', vote: 'vote', lastIndex: 301, lastTerm: 7, isTransfer: true },
  { kind: 'vote_request', vote: 'pre_vote', lastIndex: 301, lastTerm: 7, isTransfer: false },
  { kind: 'vote_response', vote: 'vote', isGranted: true },
  { kind: 'heartbeat', commitIndex: 301, readSequence: 12 },
  { kind: 'heartbeat_response', readSequence: 12 },
  { kind: 'timeout_now' },
  { kind: 'transfer', target: 2n },
  { kind: 'propose', proposals },
  { kind: 'read_index', requestId: 5 },
  { kind: 'read_index_response', requestId: 5, index: 301 },
];
const messages: readonly PeerMessage[] = [
  ...bodies.map((body) => ({ kind: 'raft' as const, message: { ...envelope, ...body } })),
  { kind: 'forward', term: 7, proposals },
  { kind: 'state_hash', index: 301, hash: 'c0ffee' },
];
const requests: readonly PeerRequest[] = [
  { kind: 'join', peerId: 5n, uri: null, port: 6335, version: '1.0.0' },
  { kind: 'join', peerId: 5n, uri: 'http://10.0.0.5:6335/', port: 6335, version: '1.0.0' },
  { kind: 'announce_uri', peerId: 5n, uri: 'http://ä.example:6335/' },
  { kind: 'who_is', peerId: 5n },
  { kind: 'consensus_commit' },
  { kind: 'wait_on_commit', index: 301, term: 7, timeoutMs: 10_000 },
  { kind: 'fetch_state' },
  { kind: 'install_snapshot', message: { ...envelope, kind: 'snapshot', snapshot } },
  { kind: 'telemetry', detailsLevel: 2, timeoutMs: 60_000 },
  { kind: 'health' },
];
const answers: readonly PeerAnswer[] = [
  {
    kind: 'joined',
    clusterId: introduction.clusterId,
    peers: new Map([
      [1n, 'http://10.0.0.1:6335/'],
      [5n, 'http://10.0.0.5:6335/'],
    ]),
  },
  { kind: 'address', uri: null },
  { kind: 'address', uri: 'http://10.0.0.1:6335/' },
  { kind: 'commit', index: 301, term: 7 },
  { kind: 'done', ok: true },
  { kind: 'state', index: 301, data: bytes('the whole state') },
  { kind: 'text', text: '{"peers":{}}' },
  { kind: 'refused', message: 'no' },
];

type Bodies = readonly (readonly Uint8Array[])[];

/** Frames with the numbers 1, 2, 3 and so on. */
function framed(kind: FrameKind, all: Bodies): Uint8Array {
  const frames = all.map((body, at) => {
    const head = { kind, id: at + 1, more: false, abandoned: false };
    return Buffer.concat([encodeFrameHead(head, body), ...body]);
  });
  return new Uint8Array(Buffer.concat(frames));
}

/** Compares with the golden file, or creates it when it is missing and that is asked for. */
function matchGolden(name: string, written: Uint8Array): readonly Uint8Array[] {
  const path = new URL(name, import.meta.url);
  if (!existsSync(path) && process.env['REWRITE'] === '1') writeFileSync(path, written);
  const golden = new Uint8Array(readFileSync(path));
  assert.equal(Buffer.compare(golden, written), 0, `${name} differs from what is written`);
  const reader = new FrameReader(golden.length);
  reader.push(golden);
  const read: Uint8Array[] = [];
  for (let frame = reader.next(); frame !== null; frame = reader.next()) read.push(frame.body);
  assert.equal(reader.waitingBytes, 0);
  return read;
}

test('the handshake', () => {
  const head = { id: 0, more: false, abandoned: false };
  const refusal = encodeRefusal('peer 5: this identity is in use by another live instance');
  const written = Buffer.concat([
    encodeFrame({ ...head, kind: 'hello' }, encodeHello(hello)),
    encodeFrame({ ...head, kind: 'hello' }, encodeHello(newcomer)),
    encodeFrame({ ...head, kind: 'welcome' }, encodeWelcome(introduction)),
    encodeFrame({ ...head, kind: 'refusal' }, refusal),
    encodeFrame({ ...head, kind: 'ping' }),
    encodeFrame({ ...head, kind: 'pong' }),
    encodeFrame({ ...head, kind: 'request', id: 2 ** 32 - 1, abandoned: true }),
    encodeFrame({ ...head, kind: 'answer', id: 4096, more: true }, bytes('a part')),
  ]);
  const read = matchGolden('rpc-v1-handshake.bin', new Uint8Array(written));
  const [first, second, third, fourth] = read;
  assert.ok(first !== undefined && second !== undefined);
  assert.ok(third !== undefined && fourth !== undefined);
  assert.deepEqual(decodeHello(first), hello);
  assert.deepEqual(decodeHello(second), newcomer);
  assert.deepEqual(decodeWelcome(third), introduction);
  assert.match(decodeRefusal(fourth), /in use by another live instance/);
});

test('messages', () => {
  const written = framed('message', messages.map(encodePeerMessage));
  assert.deepEqual(matchGolden('rpc-v1-messages.bin', written).map(decodePeerMessage), messages);
});

test('requests', () => {
  const written = framed('request', requests.map(encodePeerRequest));
  assert.deepEqual(matchGolden('rpc-v1-requests.bin', written).map(decodePeerRequest), requests);
});

/** Came later than the files above, and version 1 stays what it is. */
test('calls of shards', () => {
  const call = {
    kind: 'shard_call',
    collection: '6b0f1a5e-0001-4c9e-9d1b-0a1b2c3d4e5f',
    shardId: 7,
    effect: 'update',
    data: bytes('what is asked'),
  } as const;
  const answer = { kind: 'shard_answer', data: bytes('what comes of it') } as const;
  const all = [encodePeerRequest(call), encodePeerRequest({ ...call, effect: 'read' })];
  const request = framed('request', all);
  const read = matchGolden('rpc-v1-shard-call.bin', request).map(decodePeerRequest);
  assert.deepEqual(read, [call, { ...call, effect: 'read' }]);
  const written = framed('answer', [encodePeerAnswer(answer)]);
  const [back] = matchGolden('rpc-v1-shard-answer.bin', written).map(decodePeerAnswer);
  assert.deepEqual(back, answer);
  const hello3 = { ...hello, purpose: 'data' } as const;
  assert.deepEqual(decodeHello(encodeHello(hello3)), hello3);
});

test('answers', () => {
  const written = framed('answer', answers.map(encodePeerAnswer));
  assert.deepEqual(matchGolden('rpc-v1-answers.bin', written).map(decodePeerAnswer), answers);
});
