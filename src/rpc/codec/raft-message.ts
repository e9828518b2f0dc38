// Messages of the Raft core as bytes. Entries and memberships look as they do on disk
// (storage/raft-log-codec.ts). The core asserts what it believes, so whatever would be a lie about
// the form of a message (a gap between entries, terms that fall, a peer that is voter and learner)
// is refused here. The data of entries and snapshots are views of the bytes that were read.

import { unreachable } from '../../base/assert.ts';
import { readBoolean, readName, writeBoolean, writeName } from '../../base/byte-fields.ts';
import { type ByteReader, type ByteWriter, CorruptBytesError } from '../../base/bytes.ts';
import { comparePeerIds, type LogIndex, type PeerId, type Term } from '../../base/ids.ts';
import type { Membership } from '../../raft/membership.ts';
import type {
  AppendBody,
  Entry,
  Message,
  MessageBody,
  Proposal,
  VoteKind,
} from '../../raft/messages.ts';
import {
  readEntry,
  readMembership,
  writeEntry,
  writeMembership,
} from '../../storage/raft-log-codec.ts';

const kinds = [
  'append',
  'append_response',
  'vote_request',
  'vote_response',
  'heartbeat',
  'heartbeat_response',
  'snapshot',
  'timeout_now',
  'transfer',
  'propose',
  'read_index',
  'read_index_response',
] as const satisfies readonly MessageBody['kind'][];

const voteKinds = ['vote', 'pre_vote'] as const satisfies readonly VoteKind[];

/** Writes all but the data of a snapshot, which is returned: it takes the rest of the body. */
export function writeRaftMessage(writer: ByteWriter, message: Message): Uint8Array | null {
  writeName(writer, kinds, message.kind);
  writer.u64(message.from);
  writer.u64(message.to);
  writer.varuint(message.term);
  if (message.kind !== 'snapshot') {
    writeBody(writer, message);
    return null;
  }
  const { snapshot } = message;
  writer.varuint(snapshot.index);
  writer.varuint(snapshot.term);
  writeMembership(writer, snapshot.membership);
  return snapshot.data;
}

type PlainMessage = Exclude<Message, { readonly kind: 'snapshot' }>;

function writeBody(writer: ByteWriter, message: PlainMessage): void {
  switch (message.kind) {
    case 'append':
      writeAppend(writer, message);
      return;
    case 'append_response':
      writer.varuint(message.index);
      writeBoolean(writer, message.rejection !== null);
      if (message.rejection === null) return;
      writer.varuint(message.rejection.hintIndex);
      writer.varuint(message.rejection.hintTerm);
      return;
    case 'vote_request':
      writeName(writer, voteKinds, message.vote);
      writer.varuint(message.lastIndex);
      writer.varuint(message.lastTerm);
      writeBoolean(writer, message.isTransfer);
      return;
    case 'vote_response':
      writeName(writer, voteKinds, message.vote);
      writeBoolean(writer, message.isGranted);
      return;
    case 'heartbeat':
      writer.varuint(message.commitIndex);
      writer.varuint(message.readSequence);
      return;
    case 'heartbeat_response':
      writer.varuint(message.readSequence);
      return;
    case 'timeout_now':
      return;
    case 'transfer':
      writer.u64(message.target);
      return;
    case 'propose':
      writeProposals(writer, message.proposals);
      return;
    case 'read_index':
      writer.varuint(message.requestId);
      return;
    case 'read_index_response':
      writer.varuint(message.requestId);
      writer.varuint(message.index);
      return;
    default:
      unreachable(message);
  }
}

/** A snapshot takes the rest of the reader. */
export function readRaftMessage(reader: ByteReader): Message {
  const kind = readName(reader, kinds);
  const envelope = { from: readPeerId(reader), to: readPeerId(reader), term: reader.varuint() };
  return { ...envelope, ...readBody(reader, kind, envelope.term) };
}

function readBody(reader: ByteReader, kind: MessageBody['kind'], term: Term): MessageBody {
  switch (kind) {
    case 'append':
      return readAppend(reader, term);
    case 'append_response': {
      const index = reader.varuint();
      const rejection = readBoolean(reader)
        ? { hintIndex: reader.varuint(), hintTerm: reader.varuint() }
        : null;
      return { kind, index, rejection };
    }
    case 'vote_request':
      return {
        kind,
        vote: readName(reader, voteKinds),
        lastIndex: reader.varuint(),
        lastTerm: reader.varuint(),
        isTransfer: readBoolean(reader),
      };
    case 'vote_response':
      return { kind, vote: readName(reader, voteKinds), isGranted: readBoolean(reader) };
    case 'heartbeat':
      return { kind, commitIndex: reader.varuint(), readSequence: reader.varuint() };
    case 'heartbeat_response':
      return { kind, readSequence: reader.varuint() };
    case 'snapshot':
      return { kind, snapshot: readSnapshot(reader) };
    case 'timeout_now':
      return { kind };
    case 'transfer':
      return { kind, target: readPeerId(reader) };
    case 'propose':
      return { kind, proposals: readProposals(reader) };
    case 'read_index':
      return { kind, requestId: reader.varuint() };
    case 'read_index_response':
      return { kind, requestId: reader.varuint(), index: reader.varuint() };
    default:
      return unreachable(kind);
  }
}

function readSnapshot(reader: ByteReader) {
  const index = reader.varuint();
  const term = reader.varuint();
  const membership = readConsistentMembership(reader);
  return { index, term, membership, data: reader.view(reader.remaining) };
}

function writeAppend(writer: ByteWriter, message: AppendBody): void {
  writer.varuint(message.prevIndex);
  writer.varuint(message.prevTerm);
  writer.varuint(message.commitIndex);
  writer.varuint(message.entries.length);
  for (const entry of message.entries) writeEntry(writer, entry);
}

function readAppend(reader: ByteReader, messageTerm: Term): AppendBody {
  const prevIndex = reader.varuint();
  const prevTerm = reader.varuint();
  const commitIndex = reader.varuint();
  const count = readCount(reader, entryBytesMin);
  if (!Number.isSafeInteger(prevIndex + count)) throw corrupt(reader, 'entries beyond 2^53');
  const entries: Entry[] = [];
  let term = prevTerm;
  for (let at = 0; at < count; at += 1) {
    const entry = readEntry(reader, prevIndex + 1 + at);
    if (entry.term < term) throw corrupt(reader, `term ${entry.term} after ${term}`);
    term = entry.term;
    entries.push(entry);
  }
  if (term > messageTerm) throw corrupt(reader, `an entry of term ${term} in ${messageTerm}`);
  return { kind: 'append', prevIndex, prevTerm, entries, commitIndex };
}

/** Kind, term and length take a byte each at least. */
const entryBytesMin = 3;
const noPosition: { readonly index: LogIndex; readonly term: Term } = { index: 0, term: 0 };

/** A proposal is an entry that has no place yet. */
export function writeProposals(writer: ByteWriter, proposals: readonly Proposal[]): void {
  writer.varuint(proposals.length);
  for (const proposal of proposals) writeEntry(writer, { ...proposal, ...noPosition });
}

export function readProposals(reader: ByteReader): readonly Proposal[] {
  const count = readCount(reader, entryBytesMin);
  if (count === 0) throw corrupt(reader, 'no proposal');
  const proposals: Proposal[] = [];
  for (let at = 0; at < count; at += 1) {
    const { term, index: _, ...proposal } = readEntry(reader, noPosition.index);
    if (term !== noPosition.term) throw corrupt(reader, `a proposal of term ${term}`);
    proposals.push(proposal);
  }
  return proposals;
}

/** Ids are positive: 0 names nobody. */
export function readPeerId(reader: ByteReader): PeerId {
  const { at } = reader;
  const id = reader.u64();
  if (id === 0n) throw new CorruptBytesError('peer id 0', at);
  return id;
}

/** A count that what is left can hold, so that a lie about it allocates nothing. */
export function readCount(reader: ByteReader, elementBytesMin: number): number {
  const { at } = reader;
  const count = reader.varuint();
  if (count * elementBytesMin > reader.remaining) {
    throw new CorruptBytesError(`${count} elements in ${reader.remaining} bytes`, at);
  }
  return count;
}

function readConsistentMembership(reader: ByteReader): Membership {
  const membership = readMembership(reader);
  const { voters, outgoingVoters, learners, nextLearners } = membership;
  for (const ids of [voters, outgoingVoters, learners, nextLearners]) {
    if (!isAscending(ids)) throw corrupt(reader, 'ids out of order');
  }
  const votes = new Set([...voters, ...outgoingVoters]);
  if (learners.some((id) => votes.has(id))) throw corrupt(reader, 'a learner that votes');
  if (nextLearners.some((id) => !outgoingVoters.includes(id) || voters.includes(id))) {
    throw corrupt(reader, 'a learner to be that does not vote');
  }
  return membership;
}

function isAscending(ids: readonly PeerId[]): boolean {
  return ids.every((id, at) => id > 0n && (at === 0 || comparePeerIds(ids[at - 1] ?? id, id) < 0));
}

function corrupt(reader: ByteReader, message: string): CorruptBytesError {
  return new CorruptBytesError(message, reader.at);
}
