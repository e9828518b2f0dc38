// How entries, memberships and what a Raft log saves look like as bytes (docs/formats.md). The wire
// between peers carries entries and memberships in the same form. Readers check what they read and
// throw `CorruptBytesError`; whether a group fits the log before it is raft-log-content.ts's
// matter.
import { ByteReader, type ByteWriter, CorruptBytesError } from '../base/bytes.ts';
import type { LogIndex, PeerId } from '../base/ids.ts';
import type { Membership, MembershipChange, PeerChange } from '../raft/membership.ts';
import type { Entry, EntryPosition, HardState, Snapshot } from '../raft/messages.ts';

/** What one record holds: all of one save, so that a crash leaves the whole of it or nothing. */
export interface RaftLogGroup {
  readonly hardState: HardState | null;
  /** Consecutive; the first one replaces what is there at its index and after it. */
  readonly entries: readonly Entry[];
}

/** The first record of a file: what the log was when the file was begun. */
export interface RaftLogStart {
  readonly hardState: HardState;
  /** The snapshot before the log, in a file of its own; `null` when the log begins at index 1. */
  readonly base: EntryPosition | null;
  /** Records, this one included, that were on stable storage before the file got its name. */
  readonly sealedCount: number;
}

export type RaftLogRecord =
  | ({ readonly kind: 'start' } & RaftLogStart)
  | ({ readonly kind: 'group' } & RaftLogGroup);

/** `R`; an update begins with `U`, so a tool can tell them apart. */
const recordMark = 0x52;
const recordVersion = 1;
const startKind = 0;
const groupKind = 1;
const entryKinds = ['command', 'membership'] as const;
const transitions = ['auto', 'implicit', 'explicit'] as const;
const changeKinds = ['add_voter', 'add_learner', 'remove', 'update'] as const;
/** Peer ids are positive, so 0 stands for nobody. */
const nobody = 0n;

export function writeStart(writer: ByteWriter, start: RaftLogStart): void {
  writeHead(writer, startKind);
  writeHardState(writer, start.hardState);
  writer.u64(start.base?.index ?? 0);
  writer.u64(start.base?.term ?? 0);
  writer.u32(start.sealedCount);
}

export function writeGroup(writer: ByteWriter, group: RaftLogGroup): void {
  writeHead(writer, groupKind);
  writer.u8(group.hardState === null ? 0 : 1);
  if (group.hardState !== null) writeHardState(writer, group.hardState);
  writer.u32(group.entries.length);
  const [first] = group.entries;
  if (first === undefined) return;
  writer.u64(first.index);
  for (const entry of group.entries) writeEntry(writer, entry);
}

/** False for a record of something else, e.g. an update of a shard. */
export function isRaftLogRecord(payload: Uint8Array): boolean {
  return payload[0] === recordMark && payload[1] === recordVersion;
}

/** The data of entries are views of `payload`. */
export function decodeRaftLogRecord(payload: Uint8Array): RaftLogRecord {
  const reader = new ByteReader(payload);
  if (reader.u8() !== recordMark) throw new CorruptBytesError('no record of a Raft log', 0);
  const version = reader.u8();
  if (version !== recordVersion) throw new CorruptBytesError(`record version ${version}`, 1);
  const kind = reader.u8();
  reader.skip(1);
  const record = kind === startKind ? readStart(reader) : readGroup(reader, kind);
  reader.finish();
  return record;
}

/** Everything but the index, which follows from where the entry is. */
export function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.u8(entryKinds.indexOf(entry.kind));
  writer.varuint(entry.term);
  if (entry.kind === 'membership') writeChange(writer, entry.change);
  writer.lengthPrefixed(entry.data);
}

/** Its data is a view of the reader's bytes. */
export function readEntry(reader: ByteReader, index: LogIndex): Entry {
  const kind = readName(reader, entryKinds);
  const term = reader.varuint();
  if (kind === 'command') return { kind, term, index, data: reader.lengthPrefixed() };
  const change = readChange(reader);
  return { kind, term, index, change, data: reader.lengthPrefixed() };
}

export function writeMembership(writer: ByteWriter, membership: Membership): void {
  writeIds(writer, membership.voters);
  writeIds(writer, membership.outgoingVoters);
  writeIds(writer, membership.learners);
  writeIds(writer, membership.nextLearners);
  writer.u8(membership.leavesByItself ? 1 : 0);
}

export function readMembership(reader: ByteReader): Membership {
  return {
    voters: readIds(reader),
    outgoingVoters: readIds(reader),
    learners: readIds(reader),
    nextLearners: readIds(reader),
    leavesByItself: readBoolean(reader),
  };
}

/** The data stands last and takes the rest. */
export function writeSnapshot(writer: ByteWriter, snapshot: Snapshot): void {
  writer.u64(snapshot.index);
  writer.u64(snapshot.term);
  writeMembership(writer, snapshot.membership);
  writer.bytes(snapshot.data);
}

/** Its data is a view of `body`. */
export function decodeSnapshot(body: Uint8Array): Snapshot {
  const reader = new ByteReader(body);
  const index = reader.u64Number();
  const term = reader.u64Number();
  const membership = readMembership(reader);
  return { index, term, membership, data: reader.view(reader.remaining) };
}

function writeHead(writer: ByteWriter, kind: number): void {
  writer.u8(recordMark);
  writer.u8(recordVersion);
  writer.u8(kind);
  writer.u8(0);
}

function readStart(reader: ByteReader): RaftLogRecord {
  const hardState = readHardState(reader);
  const index = reader.u64Number();
  const term = reader.u64Number();
  const sealedCount = reader.u32();
  return { kind: 'start', hardState, base: index === 0 ? null : { index, term }, sealedCount };
}

function readGroup(reader: ByteReader, kind: number): RaftLogRecord {
  if (kind !== groupKind) throw new CorruptBytesError(`record kind ${kind}`, 2);
  const hardState = readBoolean(reader) ? readHardState(reader) : null;
  const count = reader.u32();
  const entries: Entry[] = [];
  if (count === 0) return { kind: 'group', hardState, entries };
  const firstIndex = reader.u64Number();
  for (let at = 0; at < count; at += 1) entries.push(readEntry(reader, firstIndex + at));
  return { kind: 'group', hardState, entries };
}

function writeHardState(writer: ByteWriter, hardState: HardState): void {
  writer.u64(hardState.term);
  writer.u64(hardState.vote ?? nobody);
  writer.u64(hardState.commitIndex);
}

function readHardState(reader: ByteReader): HardState {
  const term = reader.u64Number();
  const vote = reader.u64();
  return { term, vote: vote === nobody ? null : vote, commitIndex: reader.u64Number() };
}

function writeChange(writer: ByteWriter, change: MembershipChange): void {
  writer.u8(transitions.indexOf(change.transition));
  writer.varuint(change.changes.length);
  for (const { kind, peerId } of change.changes) {
    writer.u8(changeKinds.indexOf(kind));
    writer.u64(peerId);
  }
}

function readChange(reader: ByteReader): MembershipChange {
  const transition = readName(reader, transitions);
  const count = reader.varuint();
  const changes: PeerChange[] = [];
  for (let at = 0; at < count; at += 1) {
    changes.push({ kind: readName(reader, changeKinds), peerId: reader.u64() });
  }
  return { transition, changes };
}

function writeIds(writer: ByteWriter, ids: readonly PeerId[]): void {
  writer.varuint(ids.length);
  for (const id of ids) writer.u64(id);
}

function readIds(reader: ByteReader): readonly PeerId[] {
  const count = reader.varuint();
  const ids: PeerId[] = [];
  for (let at = 0; at < count; at += 1) ids.push(reader.u64());
  return ids;
}

function readBoolean(reader: ByteReader): boolean {
  const { at } = reader;
  const value = reader.u8();
  if (value > 1) throw new CorruptBytesError(`${value} where 0 or 1 belongs`, at);
  return value === 1;
}

function readName<Name extends string>(reader: ByteReader, names: readonly Name[]): Name {
  const { at } = reader;
  const number = reader.u8();
  const name = names[number];
  if (name === undefined) throw new CorruptBytesError(`unknown kind ${number}`, at);
  return name;
}
