// What goes between peers as bytes: messages, requests and answers, each a number for its kind and
// its members in order. A body is one or two pieces, so that large data is sent from where it lies
// instead of being copied behind the small members; it always takes the rest of the body.
// Decoding is total: any bytes give a value or a `CorruptBytesError`.

import { unreachable } from '../../base/assert.ts';
import {
  readBoolean,
  readName,
  readOptionalText,
  writeBoolean,
  writeName,
  writeOptionalText,
} from '../../base/byte-fields.ts';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { PeerId } from '../../base/ids.ts';
import type { PeerAnswer, PeerMessage, PeerRequest } from '../../cluster/peer-network.ts';
import {
  readCount,
  readPeerId,
  readProposals,
  readRaftMessage,
  writeProposals,
  writeRaftMessage,
} from './raft-message.ts';

/** One after the other they are the body. */
export type BodyPieces = readonly Uint8Array[];

const messageKinds = [
  'raft',
  'forward',
  'state_hash',
] as const satisfies readonly PeerMessage['kind'][];

const requestKinds = [
  'join',
  'announce_uri',
  'who_is',
  'consensus_commit',
  'wait_on_commit',
  'fetch_state',
  'install_snapshot',
  'telemetry',
  'health',
  'shard_call',
] as const satisfies readonly PeerRequest['kind'][];

const answerKinds = [
  'joined',
  'address',
  'commit',
  'done',
  'state',
  'text',
  'refused',
  'shard_answer',
] as const satisfies readonly PeerAnswer['kind'][];

const effects = ['read', 'update'] as const;

export function encodePeerMessage(message: PeerMessage): BodyPieces {
  const writer = new ByteWriter();
  writeName(writer, messageKinds, message.kind);
  switch (message.kind) {
    case 'raft':
      return pieces(writer, writeRaftMessage(writer, message.message));
    case 'forward':
      writer.varuint(message.term);
      writeProposals(writer, message.proposals);
      return pieces(writer, null);
    case 'state_hash':
      writer.varuint(message.index);
      writer.utf8(message.hash);
      return pieces(writer, null);
    default:
      return unreachable(message);
  }
}

export function decodePeerMessage(body: Uint8Array): PeerMessage {
  const reader = new ByteReader(body);
  const message = readPeerMessage(reader);
  reader.finish();
  return message;
}

function readPeerMessage(reader: ByteReader): PeerMessage {
  const kind = readName(reader, messageKinds);
  switch (kind) {
    case 'raft':
      return { kind, message: readRaftMessage(reader) };
    case 'forward':
      return { kind, term: reader.varuint(), proposals: readProposals(reader) };
    case 'state_hash':
      return { kind, index: reader.varuint(), hash: reader.utf8() };
    default:
      return unreachable(kind);
  }
}

export function encodePeerRequest(request: PeerRequest): BodyPieces {
  const writer = new ByteWriter();
  writeName(writer, requestKinds, request.kind);
  switch (request.kind) {
    case 'join':
      writer.u64(request.peerId);
      writeOptionalText(writer, request.uri);
      writer.u16(request.port);
      writer.utf8(request.version);
      return pieces(writer, null);
    case 'announce_uri':
      writer.u64(request.peerId);
      writer.utf8(request.uri);
      return pieces(writer, null);
    case 'who_is':
      writer.u64(request.peerId);
      return pieces(writer, null);
    case 'wait_on_commit':
      writer.varuint(request.index);
      writer.varuint(request.term);
      writer.varuint(wholeMs(request.timeoutMs));
      return pieces(writer, null);
    case 'install_snapshot':
      return pieces(writer, writeRaftMessage(writer, request.message));
    case 'telemetry':
      writer.varuint(request.detailsLevel);
      writer.varuint(wholeMs(request.timeoutMs));
      return pieces(writer, null);
    case 'shard_call':
      writer.utf8(request.collection);
      writer.u32(request.shardId);
      writeName(writer, effects, request.effect);
      // So that columns of numbers in it can be used where they lie.
      writer.align(4);
      return pieces(writer, request.data);
    case 'consensus_commit':
    case 'fetch_state':
    case 'health':
      return pieces(writer, null);
    default:
      return unreachable(request);
  }
}

export function decodePeerRequest(body: Uint8Array): PeerRequest {
  const reader = new ByteReader(body);
  const request = readPeerRequest(reader);
  reader.finish();
  return request;
}

function readPeerRequest(reader: ByteReader): PeerRequest {
  const kind = readName(reader, requestKinds);
  switch (kind) {
    case 'join': {
      const peerId = readPeerId(reader);
      const uri = readOptionalText(reader);
      return { kind, peerId, uri, port: reader.u16(), version: reader.utf8() };
    }
    case 'announce_uri':
      return { kind, peerId: readPeerId(reader), uri: reader.utf8() };
    case 'who_is':
      return { kind, peerId: readPeerId(reader) };
    case 'wait_on_commit': {
      const index = reader.varuint();
      return { kind, index, term: reader.varuint(), timeoutMs: reader.varuint() };
    }
    case 'install_snapshot':
      return { kind, message: readRaftMessage(reader) };
    case 'telemetry':
      return { kind, detailsLevel: reader.varuint(), timeoutMs: reader.varuint() };
    case 'shard_call': {
      const collection = reader.utf8();
      const shardId = reader.u32();
      const effect = readName(reader, effects);
      reader.align(4);
      return { kind, collection, shardId, effect, data: reader.view(reader.remaining) };
    }
    case 'consensus_commit':
    case 'fetch_state':
    case 'health':
      return { kind };
    default:
      return unreachable(kind);
  }
}

export function encodePeerAnswer(answer: PeerAnswer): BodyPieces {
  const writer = new ByteWriter();
  writeName(writer, answerKinds, answer.kind);
  switch (answer.kind) {
    case 'joined':
      writer.utf8(answer.clusterId);
      writePeers(writer, answer.peers);
      return pieces(writer, null);
    case 'address':
      writeOptionalText(writer, answer.uri);
      return pieces(writer, null);
    case 'commit':
      writer.varuint(answer.index);
      writer.varuint(answer.term);
      return pieces(writer, null);
    case 'done':
      writeBoolean(writer, answer.ok);
      return pieces(writer, null);
    case 'state':
      writer.varuint(answer.index);
      return pieces(writer, answer.data);
    case 'text':
      writer.utf8(answer.text);
      return pieces(writer, null);
    case 'refused':
      writer.utf8(answer.message);
      return pieces(writer, null);
    case 'shard_answer':
      writer.align(4);
      return pieces(writer, answer.data);
    default:
      return unreachable(answer);
  }
}

export function decodePeerAnswer(body: Uint8Array): PeerAnswer {
  const reader = new ByteReader(body);
  const answer = readPeerAnswer(reader);
  reader.finish();
  return answer;
}

function readPeerAnswer(reader: ByteReader): PeerAnswer {
  const kind = readName(reader, answerKinds);
  switch (kind) {
    case 'joined':
      return { kind, clusterId: reader.utf8(), peers: readPeers(reader) };
    case 'address':
      return { kind, uri: readOptionalText(reader) };
    case 'commit':
      return { kind, index: reader.varuint(), term: reader.varuint() };
    case 'done':
      return { kind, ok: readBoolean(reader) };
    case 'state':
      return { kind, index: reader.varuint(), data: reader.view(reader.remaining) };
    case 'text':
      return { kind, text: reader.utf8() };
    case 'refused':
      return { kind, message: reader.utf8() };
    case 'shard_answer':
      reader.align(4);
      return { kind, data: reader.view(reader.remaining) };
    default:
      return unreachable(kind);
  }
}

function writePeers(writer: ByteWriter, peers: ReadonlyMap<PeerId, string>): void {
  writer.varuint(peers.size);
  for (const [peerId, uri] of peers) {
    writer.u64(peerId);
    writer.utf8(uri);
  }
}

/** An id takes eight bytes, the length of its address one at least. */
const peerBytesMin = 9;

function readPeers(reader: ByteReader): ReadonlyMap<PeerId, string> {
  const count = readCount(reader, peerBytesMin);
  const peers = new Map<PeerId, string>();
  for (let at = 0; at < count; at += 1) peers.set(readPeerId(reader), reader.utf8());
  return peers;
}

/** Never less than was asked for. */
function wholeMs(durationMs: number): number {
  return Math.max(0, Math.ceil(durationMs));
}

function pieces(writer: ByteWriter, data: Uint8Array | null): BodyPieces {
  const head = writer.view();
  return data === null || data.length === 0 ? [head] : [head, data];
}
