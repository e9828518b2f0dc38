// The first words of a connection. Who connects sends a `Hello`; the other side answers with a
// `Welcome` or a refusal. Both start with the protocol version, and what follows it is read only by
// who speaks that version. A refusal is text for people, the same in all versions.

import {
  readBoolean,
  readName,
  readOptionalText,
  writeBoolean,
  writeName,
  writeOptionalText,
} from '../../base/byte-fields.ts';
import { ByteReader, ByteWriter, CorruptBytesError } from '../../base/bytes.ts';
import type { PeerId } from '../../base/ids.ts';
import { readPeerId } from './raft-message.ts';

export const protocolVersion = 1;

/** No frame of the handshake is larger. */
export const handshakeBytesMax = 4096;

const purposes = ['control', 'bulk', 'data'] as const;

/**
 * Raft and short calls, large bodies, or reads and changes of shards: apart, so that none of them
 * delays the others.
 */
export type Purpose = (typeof purposes)[number];

/** Who speaks. */
export interface Introduction {
  /** `null`: knows no cluster yet. */
  readonly clusterId: string | null;
  readonly peerId: PeerId;
  /** Random for each life of a process: tells a restart from a second process of one identity. */
  readonly instanceId: string;
  readonly uri: string | null;
  readonly version: string;
  /** Where it listens for peers. */
  readonly port: number;
}

export interface Hello extends Introduction {
  readonly purpose: Purpose;
  /** Whom the caller wants to reach; `null`: whoever lives at this address. */
  readonly expectedPeerId: PeerId | null;
}

/** What came instead of something readable. */
export interface OtherVersion {
  readonly kind: 'other_version';
  readonly version: number;
}

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter();
  writer.u16(protocolVersion);
  writeIntroduction(writer, hello);
  writeName(writer, purposes, hello.purpose);
  writeBoolean(writer, hello.expectedPeerId !== null);
  if (hello.expectedPeerId !== null) writer.u64(hello.expectedPeerId);
  return writer.view();
}

export function decodeHello(body: Uint8Array): Hello | OtherVersion {
  const reader = new ByteReader(body);
  const version = reader.u16();
  if (version !== protocolVersion) return { kind: 'other_version', version };
  const introduction = readIntroduction(reader);
  const purpose = readName(reader, purposes);
  const expectedPeerId = readBoolean(reader) ? readPeerId(reader) : null;
  reader.finish();
  return { ...introduction, purpose, expectedPeerId };
}

export function encodeWelcome(introduction: Introduction): Uint8Array {
  const writer = new ByteWriter();
  writer.u16(protocolVersion);
  writeIntroduction(writer, introduction);
  return writer.view();
}

export function decodeWelcome(body: Uint8Array): Introduction | OtherVersion {
  const reader = new ByteReader(body);
  const version = reader.u16();
  if (version !== protocolVersion) return { kind: 'other_version', version };
  const introduction = readIntroduction(reader);
  reader.finish();
  return introduction;
}

export function isOtherVersion(read: Introduction | OtherVersion): read is OtherVersion {
  return 'kind' in read;
}

const reasonCharsMax = 500;

export function encodeRefusal(reason: string): Uint8Array {
  const writer = new ByteWriter();
  writer.utf8(reason.slice(0, reasonCharsMax).toWellFormed());
  return writer.view();
}

export function decodeRefusal(body: Uint8Array): string {
  // It ends up in logs and error messages of people: one line, whatever the other side sent.
  return new ByteReader(body)
    .utf8()
    .replaceAll(/\p{Cc}+/gu, ' ')
    .slice(0, reasonCharsMax);
}

const textCharsMax = 1024;

function writeIntroduction(writer: ByteWriter, introduction: Introduction): void {
  writeOptionalText(writer, introduction.clusterId);
  writer.u64(introduction.peerId);
  writer.utf8(introduction.instanceId);
  writeOptionalText(writer, introduction.uri);
  writer.utf8(introduction.version);
  writer.u16(introduction.port);
}

function readIntroduction(reader: ByteReader): Introduction {
  const clusterId = readOptionalText(reader);
  const peerId = readPeerId(reader);
  const instanceId = reader.utf8();
  const uri = readOptionalText(reader);
  const version = reader.utf8();
  for (const text of [clusterId, instanceId, uri, version]) {
    if (text === null) continue;
    // They end up in logs: nobody may write lines of its own there.
    if (text.length > textCharsMax || /\p{Cc}/u.test(text)) {
      throw new CorruptBytesError(`no name: a text of ${text.length} characters`, reader.at);
    }
  }
  return { clusterId, peerId, instanceId, uri, version, port: reader.u16() };
}
